// Boxes of one case: moved, resized, drawn and deleted here, and sent as a whole. What is not sent is kept until the person
// leaves on purpose. Boxes are fractions of the picture; whatever is pulled or pushed moves by whole pixels of it.
const LEAST = 2, CORNER = 9, GRIP = matchMedia("(pointer: coarse)").matches ? 40 : 24, PATIENCE_MS = 15000, MOST_UNDONE = 200;
const UNSAVED = "Not saved yet.";
const SVG = "http://www.w3.org/2000/svg";
const part = (selector) => element.querySelector(selector);
const made = (tag, of) => Object.assign(document.createElement(tag), of);
const drawn = (tag, of) => { const node = document.createElementNS(SVG, tag); Object.entries(of).forEach(([name, value]) => node.setAttribute(name, value)); return node; };

let sheet = null, person = 0, turn = 0;
let boxes = [], kept = "[]", past = [], chosen = -1, label = "", isDrawing = false, isSending = false, hasStayed = false;
let frame = null, layer = null, image = null, nodes = [];

const copied = () => boxes.map((box) => ({ ...box }));
const plain = () => JSON.stringify(boxes);
const isChanged = () => Boolean(sheet) && plain() !== kept;
const width = () => image?.naturalWidth || 1, height = () => image?.naturalHeight || 1;
const colour = (name) => sheet.labels.find(([of]) => of === name)?.[1] ?? "#FFFFFF";
const held = (value, low, high) => Math.min(high, Math.max(low, value));

// --- the studio: null where it does not answer

const reach = async (sent, place = props.value.case) => {
  const stop = new AbortController(), late = setTimeout(() => stop.abort(), PATIENCE_MS);
  const body = sent && { method: "POST", body: JSON.stringify(sent) };
  try {
    const answer = await fetch(`/boxes/${place.join("/")}`, { ...body, signal: stop.signal, headers: { Accept: "application/json", "Content-Type": "application/json" } });
    return answer.status >= 500 ? null : { status: answer.status, ok: answer.ok, body: await answer.json() };
  } catch { return null; } finally { clearTimeout(late); }
};
const reason = (answer) => answer === null ? "The studio does not answer. Nothing is lost: save again in a moment."
  : answer.status === 401 ? "Your session has ended. Sign in again in another tab, keep this one open, and save again."
  : typeof answer.body.detail === "string" ? answer.body.detail : "The studio could not read this. Reload the page.";

const say = (text, isBad = false) => { part(".state").textContent = text; part(".state").classList.toggle("bad", isBad); };

const ask = (text, choices) => {
  part(".asked").hidden = !text;
  part(".asked p").textContent = text;
  part(".choices").replaceChildren(...choices.map(([title, act]) => {
    const button = made("button", { type: "button", textContent: title });
    button.addEventListener("click", () => { ask("", []); act(); });
    return button;
  }));
  part(".choices button")?.focus();
};

const save = async () => {
  if (!isChanged() || isSending) return;
  const mine = turn, sent = copied();
  isSending = true;
  say("Saving …");
  fill();
  const answer = await reach({ boxes: sent, after: sheet.after, person }, sheet.case);
  isSending = false;
  if (mine !== turn) return;
  if (!answer?.ok) { say(reason(answer), true); return fill(); }
  if (answer.body.changed) {
    const theirs = answer.body;
    say("Not kept yet.", true);
    fill();
    return ask(theirs.changed, [
      ["Look at theirs (Undo brings yours back)", () => { remember(); sheet = theirs; boxes = theirs.boxes; kept = plain(); chosen = -1; say(""); redraw(); }],
      ["Put mine in their place", () => { sheet = { ...sheet, after: theirs.after, case: theirs.case }; save(); }],
    ]);
  }
  sheet = answer.body;
  kept = JSON.stringify(sheet.boxes);
  say(isChanged() ? "Kept as they were sent; what changed since is not." : "All kept.");
  fill();
};

// --- what is done to boxes: each leaves them inside the picture, never turned round, at least so many pixels large

const remember = () => { past.push({ boxes: copied(), chosen }); past = past.slice(-MOST_UNDONE); };
const least = () => [Math.min(LEAST, width()) / width(), Math.min(LEAST, height()) / height()];

const shift = (box, x, y) => {
  const across = held(x / width(), -box.left, 1 - box.right), down = held(y / height(), -box.top, 1 - box.bottom);
  return { ...box, left: held(box.left + across, 0, 1), right: held(box.right + across, 0, 1), top: held(box.top + down, 0, 1), bottom: held(box.bottom + down, 0, 1) };
};
const stretch = (box, corner, x, y) => {
  const [wide, high] = least(), across = Math.round(x) / width(), down = Math.round(y) / height();
  return {
    ...box,
    ...(corner.includes("w") ? { left: held(across, 0, Math.max(0, box.right - wide)) } : { right: held(across, Math.min(1, box.left + wide), 1) }),
    ...(corner.includes("n") ? { top: held(down, 0, Math.max(0, box.bottom - high)) } : { bottom: held(down, Math.min(1, box.top + high), 1) }),
  };
};
const pulled = (from, to) => {
  const [left, right] = [from[0], to[0]].toSorted((a, b) => a - b).map((x) => held(Math.round(x), 0, width()));
  const [top, bottom] = [from[1], to[1]].toSorted((a, b) => a - b).map((y) => held(Math.round(y), 0, height()));
  const begun = { label, left: held(left, 0, Math.max(0, width() - LEAST)) / width(), top: held(top, 0, Math.max(0, height() - LEAST)) / height(), right: 1, bottom: 1 };
  return stretch(begun, "se", right, bottom);
};

const change = (box, isNew = true) => { if (isNew) remember(); boxes[chosen] = box; place(); fill(); };
const add = (box) => { remember(); boxes.push(box); chosen = boxes.length - 1; redraw(); focus(); };
const remove = () => {
  if (chosen < 0) return;
  remember();
  boxes.splice(chosen, 1);
  chosen = -1;
  redraw();
  part(".panes").focus();
};
const undo = () => {
  const before = past.pop();
  if (!before) return;
  ({ boxes, chosen } = before);
  redraw();
  chosen >= 0 ? focus() : part(".panes").focus();
};
const inTheMiddle = () => add(pulled([0.375 * width(), 0.375 * height()], [0.625 * width(), 0.625 * height()]));
const draws = (is = !isDrawing) => { isDrawing = is; element.classList.toggle("is-drawing", is); part("[data-edit=draw]").setAttribute("aria-pressed", is); };
const choose = (number) => { chosen = number; if (number >= 0) label = boxes[number].label; place(); fill(); };
const focus = () => nodes[chosen]?.focus({ preventScroll: true });

// --- the picture

const lie = () => {  // how the picture lies on the screen: the viewer scales and shifts it, and never stretches it
  const seen = image.getBoundingClientRect(), scale = Math.min(seen.width / width(), seen.height / height()) || 1;
  return { scale, left: seen.left + (seen.width - scale * width()) / 2, top: seen.top + (seen.height - scale * height()) / 2 };
};
const at = (event) => { const { scale, left, top } = lie(); return [(event.clientX - left) / scale, (event.clientY - top) / scale]; };

const place = () => {
  if (!layer || !sheet) return;
  const [w, h] = [width(), height()], dot = 1 / lie().scale;
  layer.setAttribute("viewBox", `0 0 ${w} ${h}`);
  nodes.forEach((node, number) => {
    const box = boxes[number];
    const numbers = { x: box.left * w, y: box.top * h, width: (box.right - box.left) * w, height: (box.bottom - box.top) * h };
    Object.entries({ ...numbers, stroke: colour(box.label), "aria-label": spoken(box) }).forEach(([name, value]) => node.setAttribute(name, value));
    node.classList.toggle("chosen", number === chosen);
    node.querySelector("title").textContent = box.label;
  });
  layer.querySelectorAll(".corner, .grip").forEach((node) => node.remove());
  const box = boxes[chosen];
  if (!box) return;
  for (const corner of ["nw", "ne", "sw", "se"]) {
    const x = (corner.includes("w") ? box.left : box.right) * w, y = (corner.includes("n") ? box.top : box.bottom) * h;
    for (const [kind, side] of [["corner", CORNER], ["grip", GRIP]]) {
      layer.append(drawn("rect", { class: `${kind} ${corner}`, "data-corner": corner, x: x - side * dot / 2, y: y - side * dot / 2, width: side * dot, height: side * dot }));
    }
  }
};
const pixels = (box) => [(box.right - box.left) * width(), (box.bottom - box.top) * height()].map(Math.round).join(" × ");
const spoken = (box) => `${box.label}, ${pixels(box)} pixels, ${Math.round(box.left * width())} from the left, ${Math.round(box.top * height())} from the top`;

const redraw = () => {
  if (layer && sheet) {
    nodes = boxes.map((_, number) => {
      const node = drawn("rect", { tabindex: 0, role: "button", "data-box": number });
      node.append(document.createElementNS(SVG, "title"));
      return node;
    });
    // Small ones lie over large ones, so that each can be pressed; Tab goes the same way round.
    const area = (node) => { const box = boxes[node.dataset.box]; return (box.right - box.left) * (box.bottom - box.top); };
    layer.replaceChildren(...nodes.toSorted((one, other) => area(other) - area(one)));
  }
  place();
  fill();
};

const fill = () => {
  part("[data-edit=undo]").disabled = !past.length;
  part("[data-edit=save]").disabled = !isChanged() || isSending;
  part("[data-edit=remove]").disabled = chosen < 0;
  part("[data-edit=label]").value = label;
  if (isChanged() && ["", "All kept."].includes(part(".state").textContent)) say(UNSAVED);
  if (!isChanged() && part(".state").textContent === UNSAVED) say("");
  part(".boxes").replaceChildren(...boxes.map((box, number) => {
    const row = made("li", {}), button = made("button", { type: "button" }), square = made("i", {});
    button.dataset.row = number;
    button.setAttribute("aria-pressed", number === chosen);
    square.style.borderColor = colour(box.label);
    button.append(square, made("span", { className: "what", textContent: box.label, title: box.label }), made("span", { className: "size", textContent: pixels(box) }));
    row.append(button);
    return row;
  }));
  const list = part(".boxes"), row = list.children[chosen];
  if (row) list.scrollTop = held(list.scrollTop, row.offsetTop + row.offsetHeight - list.clientHeight, row.offsetTop);
  part(".history").hidden = !sheet?.history.length;
  part(".history ul").replaceChildren(...(sheet?.history ?? []).map((line) => made("li", { textContent: line })));
  part(".says").textContent = isChanged() ? "" : sheet?.says ?? "";
};

const lay = () => {
  // The viewer makes its frame anew with each picture; the boxes come into whichever is there.
  const there = part("#box-picture .frame");
  if (!there || there === frame) return;
  frame = there;
  image = frame.querySelector("img");
  layer = drawn("svg", { class: "overlay drawn" });
  frame.append(layer);
  image.addEventListener("load", redraw);
  new MutationObserver(() => { layer.style.transform = image.style.transform; place(); }).observe(image, { attributeFilter: ["style"] });
  new ResizeObserver(place).observe(frame);
  layer.style.transform = image.style.transform;
  redraw();
};
new MutationObserver(lay).observe(element, { childList: true, subtree: true });

// --- mouse, pen and finger: where a box or corner is meant, the viewer behind does not move

const follow = (event, move, end) => {
  const moved = (next) => { if (next.pointerId === event.pointerId) move(at(next)); };
  const ended = (last) => {
    if (last.pointerId !== event.pointerId) return;
    ["pointermove", "pointerup", "pointercancel"].forEach((name) => window.removeEventListener(name, name === "pointermove" ? moved : ended));
    end();
  };
  window.addEventListener("pointermove", moved);
  ["pointerup", "pointercancel"].forEach((name) => window.addEventListener(name, ended));
};

const settle = (before, number) => () => {  // a press that moved nothing is nothing to undo
  if (JSON.stringify(before) !== plain()) past.push({ boxes: before, chosen: number });
  redraw();
  focus();
};

element.addEventListener("pointerdown", (event) => {
  if (!sheet || event.button !== 0 || !event.target.closest("#box-picture .frame")) return;
  const corner = event.target.dataset.corner, number = Number(event.target.dataset.box ?? -1), start = at(event), before = copied();
  if (isDrawing) {
    event.preventDefault(); event.stopPropagation();
    boxes.push(pulled(start, start));
    const was = chosen;
    choose(boxes.length - 1);
    redraw();
    follow(event, (to) => { boxes[chosen] = pulled(start, to); place(); }, () => { draws(false); settle(before, was)(); });
  } else if (corner) {
    event.preventDefault(); event.stopPropagation();
    const box = boxes[chosen], [x, y] = [(corner.includes("w") ? box.left : box.right) * width(), (corner.includes("n") ? box.top : box.bottom) * height()];
    follow(event, (to) => { boxes[chosen] = stretch(box, corner, x + to[0] - start[0], y + to[1] - start[1]); place(); }, settle(before, chosen));
  } else if (number >= 0) {
    event.preventDefault(); event.stopPropagation();
    choose(number);
    const box = boxes[number];
    follow(event, (to) => { boxes[number] = shift(box, Math.round(to[0] - start[0]), Math.round(to[1] - start[1])); place(); }, settle(before, number));
  } else choose(-1);
}, true);

// --- keys and buttons

// Gradio ends its session with whoever means to leave, also where the person then stays: what is asked of it may stay
// unanswered, so the page is opened anew.
const close = () => {
  if (!hasStayed) return trigger("collapse", {});
  const [version, number] = sheet.case;
  location.assign(`${location.pathname}?version=${version}&case=${number}`);
};
const DO = {
  draw: () => draws(), remove, undo, save,
  close: () => {
    if (!isChanged()) return close();
    ask("The boxes of this case are not saved.", [["Stay here", () => {}], ["Save them", save], ["Leave without saving", () => { boxes = JSON.parse(kept); close(); }]]);
  },
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

element.addEventListener("keydown", (event) => {
  if (!sheet) return;
  const isInPicture = event.target.closest("#box-picture .panes") !== null, isTyped = event.target.matches("input, select");
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, isHeld = event.ctrlKey || event.metaKey;
  const act = isHeld ? { z: undo, s: save }[key]
    : isTyped ? undefined
    : key === "Escape" ? () => { draws(false); choose(-1); part(".panes").focus(); }
    : ["Delete", "Backspace"].includes(key) ? remove
    : key === "d" ? () => draws()
    : key === "n" ? inTheMiddle
    : isInPicture && chosen >= 0 && ARROWS[key] ? () => push(event)
    : undefined;
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}, true);

const push = (event) => {
  const [x, y] = ARROWS[event.key].map((step) => step * (event.shiftKey ? 10 : 1)), box = boxes[chosen];
  change(event.altKey ? stretch(box, "se", box.right * width() + x, box.bottom * height() + y) : shift(box, x, y), !event.repeat);
};

element.addEventListener("focusin", (event) => {
  const number = event.target.dataset?.box;
  if (number !== undefined && Number(number) !== chosen) choose(Number(number));
});
element.addEventListener("click", (event) => {
  const row = event.target.closest("[data-row]");
  if (row) { choose(Number(row.dataset.row)); return focus(); }
  DO[event.target.closest("button[data-edit]")?.dataset.edit]?.();
});
element.addEventListener("change", (event) => {
  if (!event.target.matches("[data-edit=label]")) return;
  label = event.target.value;
  if (chosen >= 0) change({ ...boxes[chosen], label });
});
window.addEventListener("beforeunload", (event) => {
  if (!element.isConnected || !isChanged()) return;
  event.preventDefault();
  setTimeout(() => { hasStayed = true; });
});

// --- another case, or none

const start = async () => {
  turn += 1;
  [sheet, boxes, past, chosen, kept] = [null, [], [], -1, "[]"];
  draws(false);
  ask("", []);
  const given = props.value, mine = turn;
  element.classList.toggle("is-closed", !given?.case);
  if (!given?.case) return;
  person = given.person;
  say("One moment …");
  const answer = await reach();
  if (mine !== turn) return;
  if (!answer?.ok) return say(answer === null ? "The studio does not answer. Go back and try again." : reason(answer), true);
  sheet = answer.body;
  boxes = sheet.boxes.map((box) => ({ ...box }));
  kept = plain();
  label = boxes[0]?.label ?? sheet.labels[0]?.[0] ?? "";
  part(".name").textContent = sheet.title;
  part(".name").title = sheet.title;
  part(".rule").textContent = sheet.rule;
  part("[data-edit=label]").replaceChildren(...sheet.labels.map(([name]) => new Option(name, name)));
  say("");
  lay();
  redraw();
  part(".panes")?.focus({ preventScroll: true });
};
watch("value", start);
lay();
start();
