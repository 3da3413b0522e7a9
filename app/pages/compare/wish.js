(run, split, only, order, reader, other, label, answer, text, shown, wished, step, drawn, asked) => {
  // A choice is told of also where Tab leads through it. Where another one was chosen than the address says, the wish
  // goes on from the case that is shown; another order begins with its first case.
  const before = new URLSearchParams(location.search);
  const chosen = Object.entries({ run, split, only, order, reader, other, label, answer, text });
  const isSame = chosen.every(([name, value]) => String(value ?? "") === (before.get(name) ?? ""));
  if (isSame) return [wished, step, drawn, asked];
  const isSorted = before.has("order") && order !== before.get("order");
  return [isSorted ? "" : shown || wished, 0, 0, asked + 1];
}
