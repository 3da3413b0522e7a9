(run, split, only, order, reader, other, label, answer, text, name, beside, isCalibrated) => {
  const chosen = Object.entries({ run, split, only, order, reader, other, label, answer, text, case: name, beside: beside?.join(","), raw: isCalibrated ? "" : "1" }).filter(([, value]) => value);
  if (run) history.replaceState(null, "", location.pathname + "?" + new URLSearchParams(chosen));
}
