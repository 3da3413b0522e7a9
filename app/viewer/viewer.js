import { followPointers } from "./gestures.js";
import { keepOnly, levelsAt, paint } from "./levels.js";
import { overlay } from "./shapes.js";
import { byHand, measured, shadesOf, spoken, windowOf, written } from "./window.js";

// A pane has its picture in 8 bits, as models see it; where it is a deep one, a canvas takes its place once all levels are
// there. What is done is done to all panes, or, where they are not linked, to the active one.
const AS_IT_IS = { scale: 1, x: 0, y: 0, brightness: 1, contrast: 1, inverted: false, chosen: null };
const STEP = 1.25, MOVE = 30, MOST = 40, WIDER = 1.1, SLOWNESS = 200, SAID_MS = 400;
const LEAST_SHARE = 0.2, MOST_SHARES = { brightness: 3, contrast: 4 };
let panes = [], active = 0, isLinked = true, latest = AS_IT_IS, isWindowing = false, said = 0, begun = null;

const made = (tag, of) => Object.assign(document.createElement(tag), of);
const put = (node, name, value) => { if (node[name] !== value) node[name] = value; };  // else all is laid out again
const part = (selector) => element.querySelector(selector);
const byPart = (selector) => [...element.querySelectorAll(selector)];
const current = () => panes[active];
const isTogether = () => isLinked || panes.length < 2;
const targets = () => (isTogether() ? panes : panes.slice(active, active + 1));
const lookOf = () => current()?.look ?? latest;
const change = (after) => {
  latest = after(lookOf());
  targets().forEach((pane) => { pane.look = pane === current() ? latest : after(pane.look); });
};

// --- the window: what was chosen holds for all that is measured in its unit; without a unit, for its own picture alone

const viewOf = ({ look: { chosen }, deep, levels }) =>
  chosen && (chosen.unit ? chosen.unit === deep.facts.unit : chosen.of === levels) ? chosen.view : deep.facts.views[0];
const choose = (view) => {
  const pane = current();
  if (!pane?.deep) return;
  change((look) => ({ ...look, chosen: { view, unit: pane.deep.facts.unit, of: pane.levels } }));
  say(spoken(view, pane.deep.facts.unit));
};
const chooseNumber = (number) => { const view = current()?.deep?.facts.views[number]; if (view) choose(view); };
const share = (name, value) => Math.min(MOST_SHARES[name], Math.max(LEAST_SHARE, value));

// Further to the right is wider, further down is a higher level: softer and darker, as other viewers have it.
const windowFrom = ({ window, brightness, contrast }, x, y) => {
  if (window) choose(byHand({ ...window, width: window.width * Math.exp(x / SLOWNESS), center: window.center + (y * window.width) / SLOWNESS }));
  else change((look) => ({ ...look, brightness: share("brightness", brightness * Math.exp(-y / SLOWNESS)), contrast: share("contrast", contrast * Math.exp(-x / SLOWNESS)) }));
};
const windowNow = () => ({ ...lookOf(), window: current()?.deep ? windowOf(viewOf(current())) : null });
const turnWindow = (x, y) => windowFrom(windowNow(), x, y);

// --- what is drawn

// As long as somebody pulls, a window is drawn in as few pixels as the screen shows of it, and whole once they let go.
let isPulled = false;
const stepOf = ({ perPixel, look }) => (isPulled ? Math.max(1, Math.floor(perPixel / look.scale)) : 1);
const pull = () => {
  isPulled = true;
  panes.filter(({ deep }) => deep).forEach((pane) => {  // here and not in each move, which would have the page laid out again
    const { width, height } = pane.deep.facts, { clientWidth, clientHeight } = pane.frame;
    pane.perPixel = Math.max(width / Math.max(1, clientWidth), height / Math.max(1, clientHeight)) / window.devicePixelRatio;
  });
};

let shaded = {};  // for linked panes of one picture the shades are the same
const shadesFor = (view, facts, inverted) => {
  if (shaded.view !== view || shaded.facts !== facts || shaded.inverted !== inverted) shaded = { view, facts, inverted, shades: shadesOf(view, facts, inverted) };
  return shaded.shades;
};
const repaint = (pane) => {
  if (!pane.deep) return;
  const view = viewOf(pane), inverted = pane.look.inverted, isSame = pane.painted?.view === view && pane.painted.inverted === inverted;
  if (isSame && (isPulled || pane.painted.step === 1)) return;
  pane.painted = { view, inverted, step: stepOf(pane) };
  paint(pane.canvas, pane.deep, shadesFor(view, pane.deep.facts, inverted), pane.painted.step);
};

// Once a frame at most, however many moves there are in it.
let frameAsked = 0, isStale = false;
const repaintSoon = () => {
  frameAsked ||= requestAnimationFrame(() => {
    if (isStale) apply();
    frameAsked = 0;
    panes.forEach(repaint);
  });
};
const applySoon = () => { isStale = true; repaintSoon(); };

const deepen = async (pane) => {
  const isThere = () => panes.includes(pane);
  try {
    const deep = await levelsAt(pane.levels, (through) => { if (isThere()) pane.note.textContent = `Loading all its levels: ${Math.floor(100 * through)} %`; });
    if (!isThere()) return;
    pane.note.textContent = "";
    pane.deep = deep;
    pane.canvas = made("canvas", { width: deep.facts.width, height: deep.facts.height });
    pane.canvas.setAttribute("role", "img");
    pane.canvas.setAttribute("aria-label", pane.title || "Picture");
    repaint(pane);  // before it is seen: the picture does not jump
    pane.image.after(pane.canvas);
    pane.frame.classList.add("is-deep");
    apply();
  } catch (error) {
    if (!isThere()) return;
    pane.levels = "";
    pane.note.textContent = `Only the 8 bits that models see could be loaded. ${error.message}`;
    apply();
  }
};

const paneOf = ({ src, title, shapes, levels }, number) => {
  // The panes' words are those of people's files: set as text and as properties, never as part of a template or of markup.
  const figure = made("figure", { className: "pane" }), frame = made("div", { className: "frame" });
  if (title) figure.append(made("figcaption", { textContent: title, title }));
  const image = made("img", { alt: title, draggable: false }), pointed = made("div", { className: "pointed" });
  const note = made("div", { className: "note" });
  pointed.setAttribute("aria-hidden", true);
  frame.append(image, ...(shapes?.length ? [overlay(image, shapes)] : []), pointed, note);
  image.src = src;
  figure.append(frame);
  const look = isLinked ? latest : panes[number]?.look ?? latest;
  return { figure, frame, image, pointed, note, levels, look, title, deep: null, canvas: null, painted: null, perPixel: 1 };
};

const draw = () => {
  const isWithin = part(".panes").contains(document.activeElement) && document.activeElement !== part(".panes");
  const given = props.value?.panes ?? [], before = panes;
  panes = given.map(paneOf);
  active = Math.min(active, Math.max(0, panes.length - 1));
  keepOnly(new Set(panes.map(({ levels }) => levels)));
  part(".viewer").style.setProperty("--pane-height", `${props.height}px`);
  part(".panes").replaceChildren(...(panes.length ? panes.map(({ figure }) => figure) : [made("p", { className: "empty", textContent: "No picture is chosen." })]));
  before.forEach(({ canvas }) => { if (canvas) canvas.width = canvas.height = 0; });  // frees its memory at once
  panes.filter(({ levels }) => levels).forEach(deepen);
  apply();
  if (isWithin) (current()?.frame.hasAttribute("tabindex") ? current().frame : part(".panes")).focus({ preventScroll: true });
};

const apply = () => {
  isStale = false;
  panes.forEach(({ frame, look }) => {
    const inverted = look.inverted ? "invert(1)" : "";
    frame.querySelectorAll("img, canvas, .overlay").forEach((layer) => { layer.style.transform = `translate(${look.x}px, ${look.y}px) scale(${look.scale})`; });
    frame.querySelector("img").style.filter = `brightness(${look.brightness}) contrast(${look.contrast}) ${inverted}`;
    frame.classList.toggle("is-active", !isTogether() && frame === current().frame);
    isTogether() ? frame.removeAttribute("tabindex") : frame.setAttribute("tabindex", 0);
  });
  panes.forEach(({ frame, title }, number) => {
    if (isTogether()) ["role", "aria-label"].forEach((name) => frame.removeAttribute(name));
    else Object.entries({ role: "group", "aria-label": title || `Picture ${number + 1}` }).forEach(([name, value]) => frame.setAttribute(name, value));
  });
  element.dataset.scale = lookOf().scale.toFixed(2);
  repaintSoon();
  fillTools();
};

// --- the tools say what is seen

const fillTools = () => {
  const pane = current(), deep = pane?.deep, look = lookOf();
  byPart("[data-set]").forEach((input) => put(input, "value", String(look[input.dataset.set])));
  // By what will be there, so that nothing jumps and no field loses the focus while the next picture's levels come.
  part(".viewer").classList.toggle("for-windows", Boolean(pane?.levels));
  byPart(".for-deep").forEach((tool) => { tool.hidden = !pane?.levels; });
  byPart(".for-flat").forEach((tool) => { tool.hidden = Boolean(pane) && panes.every(({ levels }) => levels); });
  part("[data-do=link]").hidden = panes.length < 2;
  part("[data-do=link]").setAttribute("aria-pressed", isLinked);
  part("[data-do=grip]").setAttribute("aria-pressed", isWindowing);
  part("[data-do=invert]").setAttribute("aria-pressed", look.inverted);
  if (!deep) { put(part(".seen-by-models"), "textContent", "Its levels are being loaded."); return; }
  const { views, unit } = deep.facts, view = viewOf(pane), number = views.indexOf(view);
  fillViews(views, number);
  byPart("[data-window]").forEach((input) => {
    if (input !== document.activeElement) put(input, "value", view.shades ? "" : written(view[input.dataset.window]));
  });
  byPart(".unit").forEach((place) => put(place, "textContent", unit));
  put(part(".seen-by-models"), "textContent", `Models saw: ${spoken(views[0], unit)}. Another window changes what you see, never what a reader is given.`);
};
let viewsShown = null;
const fillViews = (views, number) => {
  const list = part("[data-view]");
  if (viewsShown !== views) {
    viewsShown = views;
    const named = views.map((view, place) => new Option(`${place < 9 ? `${place + 1} ` : ""}${view.name || "without a name"}`, place));
    list.replaceChildren(new Option("by hand", -1, false, false), ...named);
  }
  put(list.options[0], "hidden", number >= 0);
  put(list, "value", String(number));
};

// For ears, once it stays: a drag says only where it ended.
const say = (words) => {
  clearTimeout(said);
  said = setTimeout(() => { part(".said").textContent = words; }, SAID_MS);
};

// --- the value at a place: how the picture lies on the screen is what the browser makes of scale and shift

const measuredAt = ({ canvas, deep }, clientX, clientY) => {
  const seen = canvas.getBoundingClientRect(), { width, height } = deep.facts;
  const scale = Math.min(seen.width / width, seen.height / height);
  const x = Math.floor((clientX - seen.left - (seen.width - scale * width) / 2) / scale);
  const y = Math.floor((clientY - seen.top - (seen.height - scale * height) / 2) / scale);
  return x < 0 || y < 0 || x >= width || y >= height ? "" : `${x}, ${y}: ${measured(deep.levels[y * width + x], deep.facts)}`;
};
const sayMiddle = () => {
  const pane = current(), box = pane?.frame.getBoundingClientRect();
  if (!pane?.deep) return;
  pane.pointed.textContent = measuredAt(pane, box.x + box.width / 2, box.y + box.height / 2);
  say(pane.pointed.textContent ? `In the middle ${pane.pointed.textContent}` : "The middle lies beside the picture.");
};

// --- what can be done

const zoom = (factor, x = 0, y = 0) => change((look) => {
  const scale = Math.min(MOST, Math.max(0.5, look.scale * factor)), grown = scale / look.scale;
  return { ...look, scale, x: x - (x - look.x) * grown, y: y - (y - look.y) * grown };
});
const move = (x, y) => change((look) => ({ ...look, x: look.x + x, y: look.y + y }));
const link = () => {
  if (panes.length < 2) return;
  isLinked = !isLinked;
  if (isLinked) change(() => lookOf());
};

const ACTIONS = {
  in: () => zoom(STEP),
  out: () => zoom(1 / STEP),
  invert: () => change((look) => ({ ...look, inverted: !look.inverted })),
  reset: () => change(() => ({ ...AS_IT_IS })),
  large: () => (document.fullscreenElement ? document.exitFullscreen() : part(".viewer").requestFullscreen()),
  grip: () => { isWindowing = !isWindowing; },
  link,
};
const KEYS = {
  "+": ACTIONS.in, "=": ACTIONS.in, "-": ACTIONS.out, "i": ACTIONS.invert, "0": ACTIONS.reset, "f": ACTIONS.large,
  "m": ACTIONS.grip, "l": ACTIONS.link, "v": sayMiddle,
  "[": () => turnWindow(SLOWNESS * Math.log(WIDER), 0), "]": () => turnWindow(-SLOWNESS * Math.log(WIDER), 0),
  ",": () => turnWindow(0, -SLOWNESS / 20), ".": () => turnWindow(0, SLOWNESS / 20),
  ArrowLeft: () => move(-MOVE, 0), ArrowRight: () => move(MOVE, 0), ArrowUp: () => move(0, -MOVE), ArrowDown: () => move(0, MOVE),
};
// Where digits answer a question, as in Review, whatever types one goes on answering; the same keys with Shift (or without,
// where a keyboard has digits with it) choose a window.
const digitOf = ({ key, code }) => {
  const typed = /^[1-9]$/.test(key) ? Number(key) : 0, pressed = Number(/^Digit([1-9])$/.exec(code)?.[1] ?? 0);
  return element.closest(".answers-by-digits") ? (typed ? 0 : pressed) : typed || pressed;
};

element.addEventListener("click", (event) => {
  const action = ACTIONS[event.target.closest("[data-do]")?.dataset.do];
  if (action) { action(); apply(); }
});
element.addEventListener("input", ({ target }) => {
  const { set, window: side, view } = target.dataset ?? {}, value = Number(target.value);
  if (set) change((look) => ({ ...look, [set]: value }));
  else if (view !== undefined) chooseNumber(value);
  else if (side && target.value.trim() && Number.isFinite(value) && (side === "center" || value > 0)) {
    const before = windowNow().window;
    if (before) choose({ ...before, name: "", [side]: side === "width" && before.curve === "LINEAR" ? Math.max(1, value) : value });
  } else return;
  apply();
});
element.addEventListener("focusout", ({ target }) => { if (target.dataset?.window) setTimeout(fillTools); });
element.addEventListener("focusin", ({ target }) => {
  const number = panes.findIndex(({ frame }) => frame === target);
  if (number >= 0 && !isLinked) { active = number; apply(); }
});
element.addEventListener("keydown", (event) => {
  const isOnButton = event.target.closest(".tools button") !== null;  // where arrows go on turning cases
  if (!(isOnButton ? !event.key.startsWith("Arrow") : event.target.closest(".panes")) || event.ctrlKey || event.metaKey) return;
  const digit = current()?.deep ? digitOf(event) : 0, act = KEYS[event.key] ?? (digit ? () => chooseNumber(digit - 1) : null);
  if (!act) return;
  event.preventDefault();
  act();
  apply();
});
element.addEventListener("wheel", (event) => {
  const frame = event.target.closest(".frame");
  if (!frame) return;
  event.preventDefault();
  grasp(frame);
  const box = frame.getBoundingClientRect();
  zoom(event.deltaY < 0 ? STEP : 1 / STEP, event.clientX - box.x - box.width / 2, event.clientY - box.y - box.height / 2);
  apply();
}, { passive: false });
element.addEventListener("pointermove", ({ target, clientX, clientY }) => {
  const frame = target.closest(".frame");
  panes.forEach((pane) => { if (pane.deep) pane.pointed.textContent = pane.frame === frame ? measuredAt(pane, clientX, clientY) : ""; });
});
element.addEventListener("pointerleave", () => panes.forEach(({ pointed }) => { pointed.textContent = ""; }));

const grasp = (frame) => { active = Math.max(0, panes.findIndex((pane) => pane.frame === frame)); };
followPointers({
  grasp,
  begin: () => { begun = windowNow(); pull(); apply(); },
  move: (x, y) => { move(x, y); applySoon(); },
  zoom: (factor, x, y) => { zoom(factor, x, y); applySoon(); },
  window: (x, y) => { windowFrom(begun, x, y); applySoon(); },
  end: () => { isPulled = false; apply(); },
  mayWindow: () => isWindowing && Boolean(current()?.deep),
});
element.addEventListener("show", (event) => {  // another part of the page has the next picture: seen whole, as bright as the last
  change((look) => ({ ...look, scale: 1, x: 0, y: 0 }));
  props.value = event.detail;
  draw();
});
watch("value", draw);
draw();
