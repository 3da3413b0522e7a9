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

export const overlay = (image, shapes) => {
  const layer = document.createElementNS(SVG, "svg");
  layer.setAttribute("class", "overlay");
  image.addEventListener("load", () => {
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
    layer.replaceChildren(...shapes.map((each) => shape(each, width, height)));
  });
  return layer;
};
