(q, tag, archived, page) => {
  // Other runs are looked for than the address says: their list begins with its first page.
  if (!window.vitaskOpened) return;
  const before = new URLSearchParams(location.search);
  const is_same = (q || "") === (before.get("q") || "") && (tag || "") === (before.get("tag") || "");
  return is_same && Boolean(archived) === (before.get("archived") === "1") ? page : 0;
}
