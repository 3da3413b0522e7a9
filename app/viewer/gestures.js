// Mouse, pen and fingers on a frame: one moves the picture or, by the right button, with Shift or where that was chosen, the
// window; two fingers zoom and move.
const pressed = new Map();  // by pointer: where it is
let isWindowed = false, wholeX = 0, wholeY = 0;

const middle = (frame, x, y) => { const box = frame.getBoundingClientRect(); return [x - box.x - box.width / 2, y - box.y - box.height / 2]; };

// `does` has { grasp(frame), move(x, y), zoom(factor, x, y), begin(), window(x, y), end(), mayWindow() }.
export const followPointers = (does) => {
  let frame = null;
  const moved = (event) => {
    const before = pressed.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY], [x, y] = [now[0] - before[0], now[1] - before[1]];
    pressed.set(event.pointerId, now);
    if (pressed.size > 1) {
      const [other] = [...pressed].filter(([pointer]) => pointer !== event.pointerId)[0].slice(1);
      const apart = (place) => Math.max(1, Math.hypot(place[0] - other[0], place[1] - other[1]));
      does.move(x / 2, y / 2);
      does.zoom(apart(now) / apart(before), ...middle(frame, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2));
    } else if (isWindowed) {
      [wholeX, wholeY] = [wholeX + x, wholeY + y];
      does.window(wholeX, wholeY);
    } else does.move(x, y);
  };
  const ended = (event) => {
    pressed.delete(event.pointerId);
    if (pressed.size) return;
    window.removeEventListener("pointermove", moved);
    ["pointerup", "pointercancel"].forEach((name) => window.removeEventListener(name, ended));
    does.end();
  };
  element.addEventListener("pointerdown", (event) => {
    const grasped = event.target.closest(".frame");
    if (!grasped || ![0, 2].includes(event.button) || pressed.size > 1 || (pressed.size && grasped !== frame)) return;
    if (!pressed.size) {
      frame = grasped;
      isWindowed = event.button === 2 || event.shiftKey || does.mayWindow();
      [wholeX, wholeY] = [0, 0];
      does.grasp(frame);
      does.begin();
      window.addEventListener("pointermove", moved);
      ["pointerup", "pointercancel"].forEach((name) => window.addEventListener(name, ended));
    }
    pressed.set(event.pointerId, [event.clientX, event.clientY]);
  });
  element.addEventListener("contextmenu", (event) => { if (event.target.closest(".frame")) event.preventDefault(); });
};
