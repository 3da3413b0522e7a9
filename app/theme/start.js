() => {
  // Light or dark as chosen last, else as the system has it.
  const kept = document.cookie.match(/vitask_look=(dark|light)/);
  if (kept) document.body.classList.toggle("dark", kept[1] === "dark");

  // What is chosen in a list may be longer than its field, and a text of a table longer than its cell: said on hover.
  document.addEventListener("pointerover", ({ target }) => {
    if (target.matches("input[role=listbox], input[role=combobox]")) target.title = target.value;
    const cell = target.closest(".table-wrap span");
    if (cell) cell.title = cell.innerText;
  });

  // Gradio puts the fields of an accordion or a tab into the page when it is first opened, and writes into them once
  // more, one or two frames later, over whatever was typed by then. Until that is done nobody can reach them.
  const frames = 4;
  const show = (blocks, left) => {
    if (left) requestAnimationFrame(() => show(blocks, left - 1));
    else blocks.forEach(block => block.removeAttribute("data-new"));
  };
  new MutationObserver(changes => {
    const added = changes.flatMap(change => [...change.addedNodes]).filter(node => node instanceof Element);
    const blocks = added.flatMap(element => [element, ...element.querySelectorAll(".block")])
      .filter(element => element.matches(".block"));
    blocks.forEach(block => block.setAttribute("data-new", ""));
    // What Gradio leaves out: a long file is scrolled by keys too, and a name is that of something.
    added.forEach(element => {
      element.querySelectorAll(".cm-scroller").forEach(frame => frame.setAttribute("tabindex", "0"));
      element.querySelectorAll(".empty[aria-label]").forEach(place => place.setAttribute("role", "img"));
      // A list that is long enough to scroll would take the Tab that leaves its field, and close: focus was on nothing.
      const lists = [...element.querySelectorAll("ul[role=listbox]"), ...(element.matches("ul[role=listbox]") ? [element] : [])];
      lists.forEach(list => list.setAttribute("tabindex", "-1"));
    });
    if (blocks.length) show(blocks, frames);
  }).observe(document.body, { childList: true, subtree: true });
}
