// Keys belong to the page, except where what has the focus knows arrows or letters of its own: text, choices, the picture, a table.
const OWN_KEYS = "input:not([type=checkbox]), textarea, select, [contenteditable=true], [role=tab], [role=option], [role=grid], .table-wrap, .panes, .js-plotly-plot";
const KEYS = { ArrowLeft: "#compare-previous", ArrowRight: "#compare-next", f: "#compare-picture [data-do=large]" };

const press = (event) => {
  if (!element.isConnected) return document.removeEventListener("keydown", press);
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (!KEYS[event.key] || event.target.closest?.(OWN_KEYS)) return;
  event.preventDefault();
  document.querySelector(KEYS[event.key])?.click();
};
document.addEventListener("keydown", press);

element.addEventListener("click", (event) => {
  const chosen = event.target.closest("button[data-case]");
  if (!chosen) return;
  window.vitaskCase = chosen.dataset.case;
  trigger("click");
});
