// The levels of deep pictures: fetched once for all panes that show a picture, kept as long as one does, and drawn.
// What comes is told in core/pictures/levels.py.
const CALM_MS = 120;  // whoever leafs through cases quickly fetches none
const BUSY = 503, TRIES = 4, LATER_MS = 5000, STRIP = 1 << 17;
const kept = new Map();  // by address: { stop, tellers, coming }

const pause = (milliseconds, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, milliseconds);
  signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); });
});

const reached = async (address, signal) => {
  for (let tries = 1; ; tries += 1) {
    const answer = await fetch(address, { signal, headers: { Accept: "application/json" } });
    if (answer.ok) return answer;
    if (answer.status !== BUSY || tries === TRIES) throw new Error((await answer.text()).slice(0, 300));
    await pause(LATER_MS, signal);
  }
};

const bytesOf = (base64) => Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));

// Reads piece by piece: first so many bytes that tell how long the text is, then it, then the levels into their place.
const read = async (answer, tell) => {
  const reader = answer.body.getReader();
  let left = new Uint8Array(0);
  const filled = async (whole, during = () => {}) => {
    for (let at = 0; at < whole.length;) {
      if (!left.length) {
        const { value, done } = await reader.read();
        if (done) throw new Error("Its end is missing.");
        left = value;
      }
      const piece = left.subarray(0, whole.length - at);
      whole.set(piece, at);
      left = left.subarray(piece.length);
      at += piece.length;
      during(at / whole.length);
    }
    return whole;
  };
  const length = new DataView((await filled(new Uint8Array(4))).buffer).getUint32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(await filled(new Uint8Array(length))));
  facts.views.forEach((view) => { if (view.shades) view.shades = bytesOf(view.shades); });
  const levels = new Uint16Array(facts.width * facts.height);
  await filled(new Uint8Array(levels.buffer), tell);
  return { facts, levels };
};

// The picture at an address: { facts, levels }. `tell` hears how far it is, from 0 to 1.
export const levelsAt = (address, tell) => {
  const there = kept.get(address);
  if (there) { there.tellers?.add(tell); return there.coming; }
  const stop = new AbortController(), shelf = { stop, tellers: new Set([tell]) };
  const fetched = async () => {
    await pause(CALM_MS, stop.signal);
    return read(await reached(address, stop.signal), (share) => shelf.tellers.forEach((each) => each(share)));
  };
  shelf.coming = fetched().finally(() => { shelf.tellers = null; });
  shelf.coming.catch(() => kept.get(address) === shelf && kept.delete(address));
  kept.set(address, shelf);
  return shelf.coming;
};

// All others are let go; what is still on its way is not waited for.
export const keepOnly = (addresses) => {
  for (const [address, { stop }] of kept) {
    if (addresses.has(address)) continue;
    kept.delete(address);
    stop.abort();
  }
};

// Draws through a shade for each level, some rows at a time: so a large picture is not in memory twice, and a strip stays
// in the cache of the processor (measured: 4,000 x 3,000 in half the time that strips of a million pixels take). With a
// step, every so many pixels of every so many rows: what a screen shows of a picture that is larger than its place.
export const paint = (canvas, { facts: { width, height }, levels }, shades, step = 1) => {
  const across = Math.ceil(width / step), down = Math.ceil(height / step);
  if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
  const context = canvas.getContext("2d", { alpha: false }), colours = new Uint32Array(shades.length);
  shades.forEach((shade, level) => { colours[level] = 0xff000000 | (shade << 16) | (shade << 8) | shade; });
  const rows = Math.min(down, Math.max(1, Math.floor(STRIP / across)));
  const strip = context.createImageData(across, rows), pixels = new Uint32Array(strip.data.buffer);
  for (let top = 0; top < down; top += rows) {
    const many = Math.min(rows, down - top);
    for (let row = 0; row < many; row += 1) {
      const to = row * across, from = (top + row) * step * width;
      for (let column = 0; column < across; column += 1) pixels[to + column] = colours[levels[from + column * step]];
    }
    context.putImageData(strip, 0, top, 0, 0, across, many);
  }
};
