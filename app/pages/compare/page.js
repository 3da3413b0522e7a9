(run, split, only, reader, label, text, name) => {
  const chosen = Object.entries({ run, split, only, reader, label, text, case: name }).filter(([, value]) => value);
  if (run) history.replaceState(null, "", location.pathname + "?" + new URLSearchParams(chosen));
}
