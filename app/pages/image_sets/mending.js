element.addEventListener("click", event => {
  const chosen = event.target.closest("button[data-pair]");
  if (chosen) trigger("click", {pair: Number(chosen.dataset.pair), kept: chosen.dataset.kept});
  const fix = event.target.closest("button[data-fix]");
  if (fix) trigger("click", {fix: Number(fix.dataset.fix)});
});
