element.addEventListener("click", event => {
  const chosen = event.target.closest("button[data-pair]");
  if (chosen) trigger("click", {pair: Number(chosen.dataset.pair), kept: chosen.dataset.kept});
});
