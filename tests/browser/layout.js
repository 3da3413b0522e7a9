// What is wrong with how a page lies: a line of words for each finding, none where all is well.
() => {
  const SLACK = 2;
  const CONTROLS = "button, a[href], input, select, textarea, summary, [role=tab], [role=option]";
  const wrong = [];
  const name = (element) => {
    const own = element.id ? `#${element.id}` : `${element.tagName.toLowerCase()}.${[...element.classList].join(".")}`;
    const place = element.closest("[id]:not([id^=component])");
    return `${place && place !== element ? `#${place.id} ` : ""}${own} “${(element.textContent || element.value || "").trim().slice(0, 50)}”`;
  };
  const style = (element) => getComputedStyle(element);
  const isSeen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });
  const cuts = (element, axis) => ["hidden", "clip"].includes(style(element)[`overflow${axis}`]);
  const scrolls = (element, axis) => ["auto", "scroll"].includes(style(element)[`overflow${axis}`]);
  const isForEars = (element) => element.closest(".sr, .sr-only, .visually-hidden, .plotly-notifier, .modebar-container") !== null;

  const parents = function* (element) {
    for (let parent = element.parentElement; parent && parent !== document.body; parent = parent.parentElement) yield parent;
  };
  // What of an element's place is left where its surroundings end, or scroll.
  const left = (place, surroundings) => {
    let { left, right, top, bottom } = place;
    for (const parent of surroundings) {
      const around = parent.getBoundingClientRect();
      if (cuts(parent, "X") || scrolls(parent, "X")) { left = Math.max(left, around.left); right = Math.min(right, around.right); }
      if (cuts(parent, "Y") || scrolls(parent, "Y")) { top = Math.max(top, around.top); bottom = Math.min(bottom, around.bottom); }
    }
    return { left, right, top, bottom };
  };
  const overlap = (first, second) =>
    Math.min(first.right, second.right) - Math.max(first.left, second.left) > SLACK &&
    Math.min(first.bottom, second.bottom) - Math.max(first.top, second.top) > SLACK;
  const isPlace = (place) => place.right - place.left > SLACK && place.bottom - place.top > SLACK;

  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`the page is ${document.documentElement.scrollWidth} wide`);

  // Every line of text, where it lies and whether all of it is seen.
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !isSeen(element) || isForEars(element) || ["SCRIPT", "STYLE", "OPTION", "TITLE"].includes(element.tagName)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const place of range.getClientRects()) {
      if (!isPlace(place)) continue;
      texts.push({ element, ...left(place, [element, ...parents(element)]) });
      element.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));  // some titles come on hover
      const isTitled = [element, ...parents(element)].some((parent) => parent.title?.includes(node.data.trim()));
      for (const parent of [element, ...parents(element)]) {
        const around = parent.getBoundingClientRect();
        if (scrolls(parent, "X") || scrolls(parent, "Y")) break;
        const isWide = cuts(parent, "X") && (place.right > around.right + SLACK || place.left < around.left - SLACK);
        const isTall = cuts(parent, "Y") && (place.bottom > around.bottom + SLACK || place.top < around.top - SLACK);
        const isShortened = style(parent).textOverflow === "ellipsis" || style(parent).webkitLineClamp !== "none";
        if (isShortened && isTitled) break;
        if (isWide || isTall) { wrong.push(`cut off: ${name(element)}`); break; }
      }
      if (element.namespaceURI.endsWith("svg")) {
        const around = element.ownerSVGElement.getBoundingClientRect();
        const isOut = place.right > around.right + SLACK || place.left < around.left - SLACK || place.top < around.top - SLACK || place.bottom > around.bottom + SLACK;
        if (isOut) wrong.push(`out of its figure: ${name(element)}`);
      }
    }
  }
  const isApart = (first, second) => first.element !== second.element && !first.element.contains(second.element) && !second.element.contains(first.element);
  const isLaidOver = (element) => element.closest(".toast-wrap, .vt-ended, [role=listbox], dialog") !== null;
  texts.filter(isPlace).forEach((first, number, places) => {
    for (const second of places.slice(number + 1)) {
      if (!overlap(first, second) || !isApart(first, second)) continue;
      if (isLaidOver(first.element) !== isLaidOver(second.element)) continue;
      wrong.push(`words over words: ${name(first.element)} and ${name(second.element)}`);
    }
  });

  const controls = [...document.querySelectorAll(CONTROLS)].filter((control) => isSeen(control) && !isForEars(control) && control.type !== "file");
  const places = controls.map((element) => ({ element, ...left(element.getBoundingClientRect(), parents(element)) })).filter(isPlace);
  places.forEach((first, number) => {
    const isReachable = [...parents(first.element)].some((parent) => scrolls(parent, "X"));
    if (!isReachable && (first.right > innerWidth + SLACK || first.left < -SLACK)) wrong.push(`beside the screen: ${name(first.element)}`);
    for (const second of places.slice(number + 1)) {
      if (isApart(first, second) && overlap(first, second) && isLaidOver(first.element) === isLaidOver(second.element)) {
        wrong.push(`controls over each other: ${name(first.element)} and ${name(second.element)}`);
      }
    }
  });
  return [...new Set(wrong)];
}
