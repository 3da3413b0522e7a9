element.addEventListener("click", event => {
  const chosen = event.target.closest("button[data-number]");
  if (!chosen) return;
  element.querySelectorAll("button[aria-pressed=true]").forEach(button => button.setAttribute("aria-pressed", "false"));
  chosen.setAttribute("aria-pressed", "true");
  trigger("click", {number: Number(chosen.dataset.number)});
});
