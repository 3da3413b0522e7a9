element.addEventListener("click", event => {
  const chosen = event.target.closest("button[data-rank]");
  if (chosen) trigger("click", {rank: Number(chosen.dataset.rank)});
});
