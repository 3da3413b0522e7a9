// What is saved is what is shown, at the first click: Gradio's own button fetches what it held before its click.
(text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text.trimEnd() + "\n"], { type: "application/yaml" }));
  link.download = "run.yaml";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
