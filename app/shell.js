element.addEventListener("change", event => {
  if (!event.target.matches("select[name=project]")) return;
  document.cookie = "vitask_project=" + event.target.value + ";path=/;max-age=31536000;samesite=lax";
  location.assign(location.pathname);
});
element.addEventListener("click", event => {
  if (!event.target.closest("button[name=look]")) return;
  const dark = document.body.classList.toggle("dark");
  document.cookie = "vitask_look=" + (dark ? "dark" : "light") + ";path=/;max-age=31536000;samesite=lax";
});
