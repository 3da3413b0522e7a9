element.addEventListener("click", event => {
  const chosen = event.target.closest("button[data-session]");
  if (chosen) trigger("click", {session: chosen.dataset.session});
});
