// Gradio's own ring stays empty while a file comes: the server tells of each piece, and these are counted here.
const line = document.createElement("div");
line.className = "vt arriving";
line.hidden = true;
line.innerHTML = '<div class="bar" role="progressbar" aria-label="Upload" aria-valuemin="0" aria-valuemax="100"><i></i></div>'
  + '<p class="small" role="status"></p>';
element.append(line);
let whole = 0;

const show = arrived => {
  const percent = Math.min(100, Math.floor((100 * arrived) / whole));
  const of = `${(whole / 1e6).toFixed(1)} MB`;
  line.querySelector("p").textContent = percent < 100 ? `${percent} % of ${of}` : `All of ${of} is here, and is taken over …`;
  line.querySelector(".bar").setAttribute("aria-valuenow", percent);
  line.querySelector("i").style.width = `${percent}%`;
};

const follow = async stream => {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let arrived = 0;
  let rest = "";
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const lines = (rest + piece.value).split("\n");
    rest = lines.pop();
    for (const text of lines.filter(each => each.startsWith("data:"))) arrived += JSON.parse(text.slice(5)).chunk_size ?? 0;
    show(arrived);
  }
};

const plainFetch = window.fetch;
window.fetch = async (...request) => {
  const address = String(request[0].url ?? request[0]);
  const isUpload = address.includes("/upload?") && request[1]?.body instanceof FormData;
  if (isUpload) {
    whole = [...request[1].body.values()].reduce((bytes, file) => bytes + (file.size ?? 0), 0) || 1;
    line.hidden = false;
    show(0);
  }
  try {
    const answer = await plainFetch(...request);
    if (!address.includes("/upload_progress?") || !answer.body) return answer;
    const [ours, theirs] = answer.body.tee();
    follow(ours).catch(() => {});
    return new Response(theirs, answer);
  } finally {
    if (isUpload) line.hidden = true;
  }
};
