(run, q, tag, archived, page) => {
  // Until the page is opened not all of it is as the address has it.
  if (!window.vitaskOpened) return;
  const kept = new URLSearchParams(location.search).get("project");
  const chosen = { project: kept, run, q, tag, archived: archived ? 1 : "", page: page > 0 ? page + 1 : "" };
  const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value));
  history.replaceState(null, "", location.pathname + (query.size ? "?" + query : ""));
  return "";
}
