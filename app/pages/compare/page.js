(run, split, only, order, reader, other, label, answer, text, name, beside) => {
  const chosen = Object.entries({ run, split, only, order, reader, other, label, answer, text, case: name, beside: beside?.join(",") }).filter(([, value]) => value);
  if (run) history.replaceState(null, "", location.pathname + "?" + new URLSearchParams(chosen));
}
