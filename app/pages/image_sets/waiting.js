// What was ticked, drawn or typed of the picture that is shown lives in its HTML alone, which the server sends anew.
const NAMES = "http://www.w3.org/2000/svg";
const TYPED = "input:not([type=checkbox]), textarea, select, [contenteditable]";
const shown = () => element.querySelector(".waiting");
const boxOf = (spot) => element.querySelector(`rect[data-spot="${spot}"]`);
const tickOf = (spot) => element.querySelector(`input[data-spot="${spot}"]`);
const mark = (tick) => boxOf(tick.dataset.spot)?.classList.toggle("ticked", tick.checked);
let drawn = null;

const markAll = () => element.querySelectorAll("input[data-spot]").forEach(mark);
new MutationObserver(markAll).observe(element, {childList: true, subtree: true});
markAll();

const inside = (value, most) => Math.min(Math.max(Math.round(value), 0), most);

function add(left, top, right, bottom) {
  const list = element.querySelector(".spots"), number = list.children.length + 1, field = element.querySelector(".typed");
  const [width, height] = [Number(field.dataset.width), Number(field.dataset.height)];
  const corners = [inside(left, width), inside(top, height), inside(right, width), inside(bottom, height)];
  if (corners.some(Number.isNaN) || corners[2] <= corners[0] || corners[3] <= corners[1]) return false;
  const row = document.createElement("li"), label = document.createElement("label"), tick = document.createElement("input");
  Object.assign(tick, {type: "checkbox", value: corners.join(","), checked: true});
  tick.dataset.spot = number;
  label.append(tick, ` ${number}: drawn (${corners.join(", ")})`);
  row.append(label);
  list.append(row);
  element.querySelector(".held svg")?.append(rectangle(number, corners));
  mark(tick);
  return true;
}

function rectangle(number, [left, top, right, bottom]) {
  const box = document.createElementNS(NAMES, "rect");
  for (const [name, value] of Object.entries({x: left, y: top, width: right - left, height: bottom - top, class: "drawn"}))
    box.setAttribute(name, value);
  if (number) box.dataset.spot = number;
  return box;
}

function step(by) {
  const picture = shown(), views = Number(picture.dataset.views), image = picture.querySelector("img");
  if (views < 2) return;
  const view = (Number(image.src.split("/").pop()) + by + views) % views;
  image.src = `${picture.dataset.address}/${view}`;
  picture.querySelector(".view").textContent = view + 1;
}

function act(name) {
  const picture = shown();
  if (!picture || picture.dataset.sent) return;
  const ticked = [...picture.querySelectorAll("input[data-spot]:checked")].map(tick => tick.value.split(",").map(Number));
  picture.dataset.sent = "yes";
  trigger("click", {
    upload: Number(picture.dataset.upload), number: Number(picture.dataset.number), act: name, spots: name === "mask" ? ticked : [],
    alike: picture.querySelector(".alike")?.checked ?? false,
  });
  setTimeout(() => { delete picture.dataset.sent; }, 1500);  // a refusal leaves it where it is
}

const KEYS = {r: () => act("release"), m: () => act("mask"), x: () => act("reject"), l: () => act("later"),
  a: () => element.querySelector(".alike")?.click(), ArrowLeft: () => step(-1), ArrowRight: () => step(1)};

document.addEventListener("keydown", function press(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", press);
  const target = event.target instanceof Element ? event.target : document.body;
  if (target.matches(".waiting .typed") && event.key === "Enter") {
    event.preventDefault();
    if (add(...target.value.split(/[\s,;]+/).filter(Boolean).map(Number))) target.value = "";
    return;
  }
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (!shown()?.offsetParent || target.closest(TYPED) || document.querySelector("dialog[open]")) return;
  if (event.key.startsWith("Arrow") && target.closest("[role=tab], [role=slider], [role=radiogroup]")) return;
  const pressed = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!pressed) return;
  event.preventDefault();
  pressed();
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.act) act(button.dataset.act);
  if (button?.dataset.step) step(Number(button.dataset.step));
});
element.addEventListener("change", ({ target }) => { if (target.matches("input[data-spot]")) mark(target); });

const placeOf = (event, svg) => {
  const frame = svg.getBoundingClientRect(), { width, height } = svg.viewBox.baseVal;
  return [(event.clientX - frame.left) / frame.width * width, (event.clientY - frame.top) / frame.height * height];
};
const cornersOf = ([x, y], [right, bottom]) => [Math.min(x, right), Math.min(y, bottom), Math.max(x, right), Math.max(y, bottom)];
element.addEventListener("pointerdown", (event) => {
  const svg = event.target.closest(".held")?.querySelector("svg");
  if (!svg || event.button) return;
  event.preventDefault();
  const from = placeOf(event, svg), box = rectangle(0, cornersOf(from, from));
  svg.append(box);
  svg.setPointerCapture(event.pointerId);
  drawn = {svg, from, box, on: event.target.dataset?.spot};
});
element.addEventListener("pointermove", (event) => {
  if (!drawn) return;
  const [left, top, right, bottom] = cornersOf(drawn.from, placeOf(event, drawn.svg));
  for (const [name, value] of Object.entries({x: left, y: top, width: right - left, height: bottom - top}))
    drawn.box.setAttribute(name, value);
});
element.addEventListener("pointerup", (event) => {
  if (!drawn) return;
  const {svg, from, box, on} = drawn, corners = cornersOf(from, placeOf(event, svg));
  drawn = null;
  box.remove();
  const isClick = corners[2] - corners[0] < 3 && corners[3] - corners[1] < 3;
  if (isClick && on) tickOf(on).click();
  if (!isClick) add(...corners);
});
element.addEventListener("pointercancel", () => { drawn?.box.remove(); drawn = null; });
