(...given) => {
  // Other runs are looked for than the address says: their list begins with its first page.
  const [q, tag, archived] = given.slice(-4, -1);
  const before = new URLSearchParams(location.search);
  const is_same = (q || "") === (before.get("q") || "") && (tag || "") === (before.get("tag") || "");
  if (!is_same || Boolean(archived) !== (before.get("archived") === "1")) given[given.length - 1] = 0;
  return given;
}
