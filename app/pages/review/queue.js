// One case after another. Every press is kept here, under an id of its own, until the studio has it: sent again after a
// failure, and counted once. The next cases and their pictures are already here when a key is pressed.
//
// A key belongs to the case that was on the screen when it was pressed: `seen`. The page turns with the next frame, so a
// key that comes before it is one more on the case that is still seen; `current()` is the case that comes with the turn.
const AHEAD = 20, AT_ONCE = 10, PICTURES_AHEAD = 5, KEPT = "vitask-unsent", PATIENCE_MS = 15000, SLOWEST_MS = 5000;
const TYPED = "input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]";
const WORDS = ".why-said, [data-where=text]";
const part = (selector) => element.querySelector(selector);
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let review = null, turn = 0;
let seen = null, trail = [], at = -1, ahead = [], gone = new Set(), front = 0, isEnd = false, isAsking = false, isWaiting = false;
let presses = [], others = [], isSending = false, trouble = "";
let from = 0;  // the rank after which a filter that was just chosen looks first: where somebody is, they stay
let looking = null;  // the rank of a first look that is on its way: its case is shown anew, with all that was hidden
let confidence = 0, draft = new Set(), batch = null, shownAt = 0, addressed = 0, counted = 0, writing = null;

const where = () => Object.fromEntries([...element.querySelectorAll("[data-where]")].map((one) => [one.dataset.where, one.value]));
const current = () => trail[at];

// --- the studio: null where it does not answer, so that whoever asked tries again

const reach = async (path, sent) => {
  const stop = new AbortController(), late = setTimeout(() => stop.abort(), PATIENCE_MS);
  const body = sent && { method: "POST", body: JSON.stringify(sent), headers: { "Content-Type": "application/json" }, keepalive: true };
  try {
    const answer = await fetch(path, { ...body, signal: stop.signal, headers: { Accept: "application/json", ...body?.headers } });
    if (answer.status >= 500) return null;
    return { status: answer.status, ok: answer.ok, body: await answer.json() };
  } catch { return null; } finally { clearTimeout(late); }
};
const told = (answer) => typeof answer.body.detail === "string" ? answer.body.detail : "The studio could not read this. Reload the page.";
const path = (rest) => `/reviews/${review.id}/${rest}`;

// --- presses, one after the other in the order of the keys

const newKey = () => crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");

const keep = () => {
  // For a reload while the studio is away. What somebody wrote may be about a person, so it stays in memory only.
  const all = [...others, ...presses.map(({ why, ...rest }) => rest)];
  try { all.length ? sessionStorage.setItem(KEPT, JSON.stringify(all)) : sessionStorage.removeItem(KEPT); } catch { /* memory has them */ }
};
const recall = () => {
  let all = [];
  try { all = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"); } catch { /* none */ }
  presses = all.filter((one) => one.person === review.person);
  others = all.filter((one) => one.person !== review.person);  // they wait until that person signs in here
};

const tell = (text = trouble) => {
  trouble = text;
  const line = part(".sent"), waiting = presses.length;
  line.classList.toggle("bad", Boolean(text));
  line.dataset.unsent = waiting;
  const verdicts = `${waiting} ${waiting === 1 ? "verdict" : "verdicts"}`;
  line.textContent = text ? (waiting ? `${verdicts} not sent yet. ${text}` : text) : waiting ? "sending …" : at >= 0 ? "all kept" : "";
};

const add = (press) => {
  presses.push({ key: newKey(), review: review.id, person: review.person, ...press });
  keep();
  trouble = isSending ? trouble : "";
  tell();
  send();
};

const send = async () => {
  if (isSending) return;
  isSending = true;
  for (let wait = 250; presses.length;) {
    const { review: number, ...press } = presses[0], mine = turn;
    const answer = await reach(`/reviews/${number}/${press.ranks ? "verdicts" : "undo"}`, { ...press, where: where(), after: front, many: Math.max(0, Math.min(AT_ONCE, AHEAD - ahead.length)) });
    if (answer?.ok) {
      wait = 250;
      presses.shift(); keep(); tell("");
      if (number !== review?.id) continue;
      if (!press.ranks) undone(answer.body);
      else if (mine === turn) take(answer.body);
      if (press.ranks?.includes(looking)) { looking = null; open(press.ranks[0]); }
    } else if (answer === null || answer.status === 401 || answer.status === 409) {
      tell(answer === null ? "The studio does not answer. Keep this tab open: they are sent as soon as it does."
        : answer.status === 401 ? "Your session has ended. Sign in again in another tab and keep this one open: they are sent then."
        : told(answer));
      await pause(wait = Math.min(SLOWEST_MS, 2 * wait));
    } else {
      presses.shift(); keep(); tell(told(answer));
      looking = null;
      press.ranks?.forEach((rank) => gone.delete(rank));
      if (number === review?.id && press.ranks) open(press.ranks[0]);
    }
  }
  isSending = false;
};

// --- the cases

const take = (body) => {
  for (const one of body.cases) {
    if (one.rank <= front) continue;
    front = one.rank;
    if (gone.has(one.rank) && ["open", "audit"].includes(where().state)) continue;  // decided here after the studio was asked
    ahead.push(one);
  }
  fetchPictures();
  if (body.is_end && from && !trail.length && !ahead.length) { from = 0; return anew(); }  // none further on: from the first
  isEnd = body.is_end;
  if (isEnd) say(body.none);
  count();
  if (isWaiting && (ahead.length || isEnd)) { isWaiting = false; forward(); } else more();
};

const fetchPictures = () => ahead.slice(0, PICTURES_AHEAD).forEach((one) => {
  one.kept ??= [one.picture, ...one.thumbs].map((src) => Object.assign(new Image(), { src }));
});

const count = () => {
  // Counting takes longer than finding the next case, so it waits for a moment without a key.
  clearTimeout(counted);
  counted = setTimeout(async () => {
    const mine = turn, answer = await reach(path("progress?") + new URLSearchParams(where()));
    if (answer?.ok && mine === turn) part(".done").innerHTML = answer.body.progress;
  }, 250);
};

const more = async () => {
  if (!review || isEnd || isAsking || ahead.length >= AHEAD) return;
  const mine = turn;
  isAsking = true;
  const answer = await reach(path("cases?") + new URLSearchParams({ ...where(), after: front, many: AT_ONCE }));
  isAsking = false;
  if (mine !== turn) return more();
  if (answer?.ok) return take(answer.body);
  tell(answer ? told(answer) : "The studio does not answer. Trying again …");
  if (answer === null) { await pause(1000); if (mine === turn) { if (!presses.length) tell(""); more(); } }
};

const anew = (rank = 0, after = rank) => {
  turn += 1;
  [trail, at, ahead, front, isEnd, isWaiting] = [[], -1, [], after, false, !rank];
  blank("One moment …");
  if (rank) open(rank).then(more);
  else more();
};

const forward = () => {
  if (at < trail.length - 1) { at += 1; show(); refresh(); }
  else if (ahead.length) { trail.push(ahead.shift()); at = trail.length - 1; show(); fetchPictures(); }
  else {
    at = trail.length;
    isWaiting = !isEnd;
    // The last case stays until the next one is here: no key ever meets an empty screen in between.
    if (isWaiting && seen) element.setAttribute("aria-busy", "true");
    else blank(isEnd ? null : "One moment …");
  }
  more();
};

const back = async () => {
  isWaiting = false;
  if (at > 0) { at -= 1; show(); return refresh(); }
  const one = current(), mine = turn;
  if (!one) return;
  const answer = await reach(path("cases?") + new URLSearchParams({ ...where(), after: one.rank, many: 1, back: true }));
  if (answer?.ok && mine === turn && answer.body.cases.length && current() === one) { trail.unshift(answer.body.cases[0]); at = 0; show(); }
};

const open = async (rank) => {
  const mine = turn, answer = await reach(path(`cases/${rank}`));
  if (!answer?.ok || mine !== turn) return anew();
  const known = trail.findIndex((one) => one.rank === rank);
  if (known >= 0) { trail[known] = answer.body; at = known; } else { at = Math.max(0, Math.min(at, trail.length)); trail.splice(at, 0, answer.body); }
  isWaiting = false;
  show();
};

const refresh = async () => {
  // A case that was shown before: its verdict may be new by now, also by somebody else.
  const one = current(), mine = turn;
  if (presses.some((press) => press.ranks?.includes(one.rank))) return;
  const answer = await reach(path(`cases/${one.rank}`));
  if (!answer?.ok || mine !== turn || current() !== one) return;
  trail[at] = answer.body;
  if (seen !== one) return;
  seen = answer.body;
  fill(seen);
};

const undone = (body) => {
  count();
  if (!body.ranks.length) return tell("You have no verdict here to undo.");
  body.ranks.forEach((rank) => gone.delete(rank));
  const [first] = body.ranks, before = current()?.rank ?? first + 1;
  turn += 1;
  trail = trail.slice(0, at + 1).filter((one) => one.rank !== before && !body.ranks.includes(one.rank));
  [at, ahead, front, isEnd] = [trail.length, [], Math.min(first, before - 1), false];
  open(first).then(more);
};

// --- what is seen

const say = ({ title = "", text = "", share = null } = {}) => {
  const bar = document.createElement("div"), filled = document.createElement("i");
  bar.className = "bar";
  Object.entries({ role: "progressbar", "aria-label": "Search", "aria-valuenow": 100 * share }).forEach(([name, value]) => bar.setAttribute(name, value));
  filled.style.width = `${100 * share}%`;
  bar.append(filled);
  const line = Object.assign(document.createElement("b"), { textContent: title });
  part(".none").replaceChildren(line, text, ...(share === null ? [] : [bar]));
};

const blank = (text) => requestAnimationFrame(() => {
  if (current()) return;
  seen = null;
  element.removeAttribute("aria-busy");
  delete element.dataset.rank;
  element.classList.add("is-blank");
  const none = part(".none");
  if (text !== null) none.textContent = text;
  none.hidden = false;
});

const fill = (one) => {
  part(".head").innerHTML = one.head;
  part(".about").replaceChildren(Object.assign(document.createElement("span"), { textContent: one.about, title: one.name }));
  part(".side").innerHTML = one.side;
};

const show = () => requestAnimationFrame(() => {
  const one = current();
  if (one) element.removeAttribute("aria-busy");
  if (!one || one === seen) return;
  seen = one;
  element.classList.remove("is-blank");
  part(".none").hidden = true;
  fill(one);
  part(".viewer").dispatchEvent(new CustomEvent("show", { bubbles: true, detail: { panes: [{ src: one.picture, title: "", levels: one.levels }] } }));
  draft = new Set(one.given_at);
  part("[data-do=keep]").hidden = one.is_veiled;
  batch = null;
  part(".batch").hidden = true;
  const near = part("[data-do=batch]");
  near.hidden = one.group_size < 2;
  near.querySelector("span").textContent = `${one.group_size} near-identical`;
  mark();
  element.dataset.rank = one.rank;
  shownAt = performance.now();
  clearTimeout(addressed);
  addressed = setTimeout(() => tellAddress(one.rank), 400);
});

// Place and lists stand in the address, so that a reload or a link leads back to them.
const filters = () => [...element.querySelectorAll("[data-where]")];
const usual = (field) => field.matches("select") ? field.options[0]?.value ?? "" : "";
const tellAddress = (rank = null) => {
  const query = new URLSearchParams(location.search);
  query.set("review", review.id);
  if (rank) query.set("rank", rank);
  filters().forEach((field) => field.value === usual(field) ? query.delete(field.dataset.where) : query.set(field.dataset.where, field.value));
  history.replaceState(null, "", `${location.pathname}?${query}`);
};
const readAddress = () => {
  const query = new URLSearchParams(location.search), isOurs = Number(query.get("review") ?? review.id) === review.id;
  filters().forEach((field) => {
    const wanted = isOurs ? query.get(field.dataset.where) : null;
    const isThere = wanted !== null && (!field.matches("select") || [...field.options].some((option) => option.value === wanted));
    field.value = isThere ? wanted : usual(field);
  });
};

const mark = () => {
  const one = seen;
  element.querySelectorAll("[data-answer]").forEach((button) => {
    const number = Number(button.dataset.answer);
    button.classList.toggle("suggested", Boolean(one?.suggested_at.includes(number)));
    if (review.is_several) button.setAttribute("aria-pressed", draft.has(number));
  });
  part(".confidence").textContent = review.confidences[confidence][1];
};

const gather = async () => {
  const one = seen, button = part("[data-do=batch]");
  if (!one || one.group_size < 2) return tell("No other picture is near-identical to this one.");
  if (batch) { batch = null; part(".batch").hidden = true; button.setAttribute("aria-pressed", false); return; }
  const answer = await reach(path(`cases/${one.rank}/group`));
  if (!answer?.ok || seen !== one) return;
  part(".batch").innerHTML = answer.body.shown;
  part(".batch").hidden = false;
  button.setAttribute("aria-pressed", true);
  batch = () => [...element.querySelectorAll(".batch input:checked")].map((box) => Number(box.value));
};

// --- keys and buttons

const decide = (action, labels = null) => {
  const one = seen;
  if (!one) return tell("No case was on the screen, so that key was not counted.");
  if (looking === one.rank) return tell("That key was not counted: your first look is being kept.");
  if (one.is_veiled && action === "keep") return tell("The label is hidden until you have said which one you see.");
  const ranks = batch ? batch() : [one.rank];
  if (!ranks.length) return tell("No picture of the batch is ticked. Tick one, or press B to leave the batch.");
  const why = part(".why-said").value.trim(), seconds = Math.round(performance.now() - shownAt) / 1000;
  add({ ranks, action, labels, why, confidence: review.confidences[confidence][0], seconds });
  part(".why-said").value = "";
  ranks.forEach((rank) => gone.add(rank));
  ahead = ahead.filter((other) => !gone.has(other.rank));
  confidence = 0;
  if (one.is_veiled) looking = one.rank;
  else if (current() === one) forward();
};

const answer = (number) => {
  const one = seen;
  if (one && number >= review.names.length) return;
  if (one && review.is_several) { draft.delete(number) || draft.add(number); return mark(); }
  one?.given_at.includes(number) && !batch ? decide("keep") : decide("change", [review.names[number]]);
};

const marked = () => {
  const one = seen;
  if (!one || !review.is_several) return;
  const is_given = !one.is_veiled && draft.size === one.given_at.length && one.given_at.every((number) => draft.has(number));
  is_given && !batch ? decide("keep") : decide("change", review.names.filter((_, number) => draft.has(number)));
};

const help = () => { const dialog = part("dialog"); dialog.open ? dialog.close() : dialog.showModal(); };
const DO = {
  keep: () => decide("keep"), unsure: () => decide("unsure"), exclude: () => decide("exclude"),
  undo: () => add({}), next: forward, back, batch: gather, help, marked,
  confidence: () => { confidence = (confidence + 1) % review.confidences.length; mark(); },
  why: () => { writing = part(".why-said"); writing.focus(); },
};
const KEYS = {
  k: "keep", u: "unsure", x: "exclude", z: "undo", n: "next", p: "back", b: "batch", c: "confidence", w: "why", "?": "help",
  ArrowRight: "next", ArrowLeft: "back", Enter: "marked",
};
const MAY_REPEAT = ["next", "back"];

document.addEventListener("keydown", (event) => {
  if (!review || !element.isConnected || element.offsetParent === null) return;
  const target = event.target instanceof Element ? event.target : document.body;
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const wasWriting = writing !== null;
  if (["Enter", "Escape", "Tab"].includes(event.key)) writing = null;
  if (target.matches(".why-said") && ["Enter", "Escape"].includes(event.key)) return target.blur();
  if (target.closest(TYPED)) return;
  if (wasWriting) return writing?.focus();
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, action = KEYS[key];
  if (part("dialog").open && action !== "help") return;
  if (key.startsWith("Arrow") && target.closest("input, [role=tab], [role=slider], .viewer .panes")) return;
  if (key === "Enter" && (!review.is_several || target.closest("button, a, summary"))) return;
  const isAnswer = /^[1-9]$/.test(key);
  if ((!action && !isAnswer) || (event.repeat && !MAY_REPEAT.includes(action))) return;
  event.preventDefault();
  isAnswer ? answer(Number(key) - 1) : DO[action]();
});
// Words stay words: where their field loses the focus by itself, as when it is hidden for a moment, the next key gives it
// back. Whoever wants to leave it presses Enter, Escape or Tab, or goes elsewhere.
document.addEventListener("pointerdown", () => { writing = null; }, true);
document.addEventListener("focusin", ({ target }) => { writing = element.contains(target) && target.matches(WORDS) ? target : null; });
element.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-do], [data-answer]");
  if (!chosen || !review || chosen.closest(".viewer")) return;  // the picture has buttons of its own
  chosen.dataset.answer === undefined ? DO[chosen.dataset.do]() : answer(Number(chosen.dataset.answer));
});
element.addEventListener("change", (event) => {
  if (!event.target.matches("[data-where]")) return;
  if (event.target.matches("select")) event.target.blur();
  from = Math.max(0, (seen?.rank ?? 1) - 1);
  tellAddress();
  anew(0, from);
});
window.addEventListener("beforeunload", (event) => { if (presses.length) event.preventDefault(); });

// --- another review, or none

const start = () => {
  const given = props.value;
  element.classList.toggle("is-closed", !given?.id);
  if (!given?.id) { review = seen = null; element.classList.add("is-blank"); part(".none").hidden = false; say(given?.none); return; }
  if (given.id === review?.id) return;
  review = given;
  seen = looking = null;
  gone = new Set();
  element.querySelectorAll("select[data-where]").forEach((list) => {
    const options = given.options[list.dataset.where];
    list.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    list.hidden = options.length < 2;
  });
  readAddress();
  from = 0;
  part(".answers").innerHTML = given.answers;
  part("[data-do=marked]").hidden = !given.is_several;
  part("dialog").innerHTML = given.help;
  mark();
  if (!presses.length) recall();
  if (presses.length) send();
  anew(given.rank);
};
watch("value", start);
start();
