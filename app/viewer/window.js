// What is seen through a window: the arithmetic of core/pictures/deep.py, step by step in its order, so that each shade is
// the same. A view is a window { center, width, curve }, or a table { first, shades } with a shade for each whole number.
const WHITE = 255;
const bounded = (share) => Math.min(1, Math.max(0, share));

const shareBy = ({ center, width, curve, first, shades }) => {
  if (shades) return (measure) => shades[Math.min(shades.length - 1, Math.max(0, Math.floor(measure + 0.5) - first))] / WHITE;
  if (curve === "SIGMOID") return (measure) => 1 / (1 + Math.exp(Math.min(700, Math.max(-700, (-4 * (measure - center)) / width))));
  if (curve === "LINEAR_EXACT") return (measure) => bounded((measure - center) / width + 0.5);
  if (width === 1) return (measure) => (measure > center - 0.5 ? 1 : 0);
  return (measure) => bounded((measure - (center - 0.5)) / (width - 1) + 0.5);
};

// A shade for each level, up to the picture's highest.
export const shadesOf = (view, { most, slope, intercept, inverted }, isInverted) => {
  const share = shareBy(view), shades = new Uint8Array(most + 1), isTurned = inverted !== isInverted;
  for (let level = 0; level <= most; level += 1) {
    const shade = Math.floor(share(level * slope + intercept) * WHITE + 0.5);
    shades[level] = isTurned ? WHITE - shade : shade;
  }
  return shades;
};

// The window that a view is, or that reaches as far as a table.
export const windowOf = (view) => view.shades
  ? { center: view.first + (view.shades.length - 1) / 2, width: Math.max(1, view.shades.length - 1), curve: "LINEAR_EXACT" }
  : { center: view.center, width: view.width, curve: view.curve };

// Another window by hand: as narrow as its curve may be, in round numbers, finer the narrower it is.
export const byHand = ({ center, width, curve }) => {
  const kept = Math.max(curve === "LINEAR" ? 1 : 1e-6, width), finest = Math.floor(Math.log10(kept)) - 2;
  const rounded = (value) => Number(value.toFixed(Math.min(12, Math.max(0, -finest))));
  return { name: "", center: rounded(center), width: Math.max(curve === "LINEAR" ? 1 : 1e-6, rounded(kept)), curve };
};

export const written = (value) => String(Number(value.toPrecision(6)));

// What is measured at a level, with as many places as there are.
export const measured = (level, { slope, intercept, unit }) => {
  const measure = level * slope + intercept, isWhole = Number.isInteger(slope) && Number.isInteger(intercept);
  return `${isWhole ? measure : written(measure)}${unit ? ` ${unit}` : ""}`;
};

// A view in words: its name, and its numbers where it has some.
export const spoken = (view, unit) => {
  if (view.shades) return view.name ? `“${view.name}” (a table of shades)` : "a table of shades";
  const numbers = `level ${written(view.center)}, width ${written(view.width)}${unit ? ` ${unit}` : ""}`;
  return view.name ? `“${view.name}” (${numbers})` : numbers;
};
