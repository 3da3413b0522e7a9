const library = () =>
  (window.vitaskPlotly ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: "/plotly.js" });
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => reject(new Error("what draws could not be fetched")));
    document.head.append(script);
  }));

const save = (address, name) => {
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
};

const take = async ({ figure, size, format, file }) => {
  const answer = await fetch(figure);
  if (!answer.ok) throw new Error(await answer.text());
  const { data, layout, width, height, scale } = await answer.json();
  const plotly = await library();
  const many = format === "png" ? scale : 1;
  save(await plotly.toImage({ data, layout }, { format, width, height, scale: many }), `${file} ${size}.${format}`);
};

element.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-figure]");
  if (!button) return;
  const told = element.querySelector("[data-told]");
  button.disabled = true;
  told.textContent = "Drawing …";
  try {
    await take(button.dataset);
    told.textContent = `${button.dataset.file} ${button.dataset.size}.${button.dataset.format} was saved.`;
  } catch (error) {
    told.textContent = `The figure could not be made: ${error.message}`;
  } finally {
    button.disabled = false;
  }
});
