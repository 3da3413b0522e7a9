const AS_IT_IS = { scale: 1, x: 0, y: 0, brightness: 1, contrast: 1, inverted: false };
const STEP = 1.25, MOVE = 30, MOST = 40;
let look = { ...AS_IT_IS };

const made = (tag, of) => Object.assign(document.createElement(tag), of);

// Shapes come in fractions of the picture, whose size is known once it is there; the overlay then lies as the picture does.
const SVG = "http://www.w3.org/2000/svg", TAGS = ["circle", "ellipse", "line", "rect", "path", "text"];
const UPRIGHT = ["y", "y1", "y2", "cy", "ry", "height"];
const LETTER = 1 / 24;  // of the shorter side, the height of a text

const shape = ({ tag, numbers, colour, title, rings, words }, width, height) => {
  const drawn = document.createElementNS(SVG, TAGS.includes(tag) ? tag : "line");
  for (const [name, value] of Object.entries(numbers)) {
    const whole = name === "r" ? Math.min(width, height) : UPRIGHT.includes(name) ? height : width;
    drawn.setAttribute(name, Number(value) * whole);
  }
  drawn.setAttribute(tag === "text" ? "fill" : "stroke", colour);
  if (tag === "path") {
    drawn.setAttribute("fill", colour);
    drawn.setAttribute("d", rings.map((ring) => `M${ring.map(([x, y]) => `${Number(x) * width} ${Number(y) * height}`).join("L")}Z`).join(""));
  }
  if (tag === "text") {
    drawn.setAttribute("font-size", LETTER * Math.min(width, height));
    drawn.textContent = words;
  }
  drawn.append(Object.assign(document.createElementNS(SVG, "title"), { textContent: title }));
  return drawn;
};

const overlay = (image, shapes) => {
  const layer = document.createElementNS(SVG, "svg");
  layer.setAttribute("class", "overlay");
  image.addEventListener("load", () => {
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
    layer.replaceChildren(...shapes.map((each) => shape(each, width, height)));
  });
  return layer;
};

const draw = () => {
  // The panes' words are those of people's files: set as text and as properties, never as part of a template or of markup.
  const panes = (props.value?.panes ?? []).map(({ src, title, shapes }) => {
    const pane = made("figure", { className: "pane" }), frame = made("div", { className: "frame" });
    if (title) pane.append(made("figcaption", { textContent: title, title }));
    const image = made("img", { alt: title, draggable: false });
    frame.append(image, ...(shapes?.length ? [overlay(image, shapes)] : []));
    image.src = src;
    pane.append(frame);
    return pane;
  });
  element.querySelector(".viewer").style.setProperty("--pane-height", `${props.height}px`);
  element.querySelector(".panes").replaceChildren(...(panes.length ? panes : [made("p", { className: "empty", textContent: "No picture is chosen." })]));
  apply();
};

const apply = () => {
  element.querySelectorAll(".frame img, .frame .overlay").forEach((layer) => {
    layer.style.transform = `translate(${look.x}px, ${look.y}px) scale(${look.scale})`;
  });
  element.querySelectorAll(".frame img").forEach((image) => {
    const inverted = look.inverted ? "invert(1)" : "";
    image.style.filter = `brightness(${look.brightness}) contrast(${look.contrast}) ${inverted}`;
  });
  element.querySelectorAll("[data-set]").forEach((input) => { input.value = look[input.dataset.set]; });
  element.dataset.scale = look.scale.toFixed(2);
};

const zoom = (factor, x = 0, y = 0) => {
  const scale = Math.min(MOST, Math.max(0.5, look.scale * factor));
  const grown = scale / look.scale;
  look = { ...look, scale, x: x - (x - look.x) * grown, y: y - (y - look.y) * grown };
};

const leave = () => document.exitFullscreen();

const ACTIONS = {
  in: () => zoom(STEP),
  out: () => zoom(1 / STEP),
  invert: () => { look.inverted = !look.inverted; },
  reset: () => { look = { ...AS_IT_IS }; },
  large: () => (document.fullscreenElement ? leave() : element.querySelector(".viewer").requestFullscreen()),
};
const KEYS = {
  "+": ACTIONS.in, "=": ACTIONS.in, "-": ACTIONS.out, "i": ACTIONS.invert, "0": ACTIONS.reset, "f": ACTIONS.large,
  "[": () => { look.contrast = Math.max(0.2, look.contrast - 0.1); },
  "]": () => { look.contrast = Math.min(4, look.contrast + 0.1); },
  ArrowLeft: () => { look.x -= MOVE; }, ArrowRight: () => { look.x += MOVE; },
  ArrowUp: () => { look.y -= MOVE; }, ArrowDown: () => { look.y += MOVE; },
};

element.addEventListener("click", (event) => {
  const action = ACTIONS[event.target.closest("[data-do]")?.dataset.do];
  if (action) { action(); apply(); }
});
element.addEventListener("input", (event) => {
  const name = event.target.dataset?.set;
  if (name) { look[name] = Number(event.target.value); apply(); }
});
element.addEventListener("keydown", (event) => {
  if (!event.target.closest(".panes") || event.ctrlKey || event.metaKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
  apply();
});
element.addEventListener("wheel", (event) => {
  const frame = event.target.closest(".frame");
  if (!frame) return;
  event.preventDefault();
  const box = frame.getBoundingClientRect();
  zoom(event.deltaY < 0 ? STEP : 1 / STEP, event.clientX - box.x - box.width / 2, event.clientY - box.y - box.height / 2);
  apply();
}, { passive: false });
element.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.target.closest(".frame")) return;
  const [x, y] = [event.clientX - look.x, event.clientY - look.y];
  const move = (moved) => { look.x = moved.clientX - x; look.y = moved.clientY - y; apply(); };
  const end = () => { window.removeEventListener("pointermove", move); window.removeEventListener("pointerup", end); };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", end);
});
element.addEventListener("show", (event) => {  // another part of the page has the next picture: seen whole, as bright as the last
  look = { ...look, scale: 1, x: 0, y: 0 };
  props.value = event.detail;
  draw();
});
watch("value", draw);
draw();
