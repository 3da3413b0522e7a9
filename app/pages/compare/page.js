(run, split, only, order, reader, other, label, answer, text, name) => {
  const chosen = Object.entries({ run, split, only, order, reader, other, label, answer, text, case: name }).filter(([, value]) => value);
  if (run) history.replaceState(null, "", location.pathname + "?" + new URLSearchParams(chosen));
}
