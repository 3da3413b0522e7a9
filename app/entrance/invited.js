// The token stands behind the address's "#", which browsers send to no server: into the form, and out of the address.
const token = location.hash.slice(1);
const form = document.querySelector("form[data-for-link]");
if (token && form) {
  history.replaceState(null, "", location.pathname);
  form.elements.token.value = token;
  form.requestSubmit();
}
