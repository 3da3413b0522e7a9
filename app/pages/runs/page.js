(run, q, tag, archived, page) => {
  const kept = new URLSearchParams(location.search).get("project");
  const chosen = { project: kept, run, q, tag, archived: archived ? 1 : "", page: page > 0 ? page + 1 : "" };
  const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value));
  history.replaceState(null, "", location.pathname + (query.size ? "?" + query : ""));
  return "";
}
