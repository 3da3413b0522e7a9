element.addEventListener("change", event => {
  if (!event.target.matches("select[name=project]")) return;
  document.cookie = "vitask_project=" + event.target.value + ";path=/;max-age=31536000;samesite=lax";
  location.assign(location.pathname);
});
element.addEventListener("click", event => {
  if (!event.target.closest("button[name=look]")) return;
  const dark = document.body.classList.toggle("dark");
  document.cookie = "vitask_look=" + (dark ? "dark" : "light") + ";path=/;max-age=31536000;samesite=lax";
});

// Which of the person's runs have ended, told on whatever page is looked at. When it was last told stands in a cookie,
// so that nothing is told twice, or missed between two pages.
const HEARD = "vitask_heard", SECONDS = 10;
const heard = () => (document.cookie.match(/(?:^|; )vitask_heard=([\d.]+)/) ?? [])[1] ?? "0";
const tell = run => {
  const corner = document.querySelector(".vt-ended") ?? document.body.appendChild(document.createElement("div"));
  corner.className = "vt-ended";
  corner.setAttribute("role", "status");
  const note = document.createElement("div"), link = document.createElement("a"), close = document.createElement("button");
  note.className = run.is_well ? "good" : "bad";
  link.textContent = run.words;
  link.href = "/runs?run=" + Number(run.id);
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => note.remove());
  note.append(link, close);
  corner.append(note);
};
const listen = async () => {
  if (document.visibilityState !== "visible") return;
  try {
    const answer = await fetch("/ended-runs?since=" + heard(), { headers: { accept: "application/json" } });
    if (!answer.ok) return;
    const { now, runs } = await answer.json();
    document.cookie = HEARD + "=" + now + ";path=/;max-age=604800;samesite=lax";
    runs.toReversed().forEach(tell);
  } catch {
    // The studio is away; the next look may find it.
  }
};
// Gradio's Markdown opens every link in a new tab; what leads to another page of the studio stays in this one.
const stay = ({ target }) => {
  const link = target.closest?.("a[target=_blank]");
  if (link?.origin === location.origin) link.target = "_self";
};
// Gradio's Dropdown opens its list again after the Tab that left it, and has it lie over what follows.
const leave = event => {
  if (event.key === "Tab" && event.target.matches?.("input[role=combobox]")) event.stopPropagation();
};
if (!window.vitaskListens) {
  window.vitaskListens = true;
  document.addEventListener("keydown", leave, true);
  document.addEventListener("click", stay, true);
  listen();
  setInterval(listen, SECONDS * 1000);
  document.addEventListener("visibilitychange", listen);
}
