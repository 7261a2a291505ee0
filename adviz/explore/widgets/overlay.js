// Image, map, contour, markers and pick on one canvas. All state is in the model, so that a reloaded page shows it again;
// hovering, zooming and moving stay in the browser, a pick goes to the kernel.

const STEP = 8; // cells that an arrow key moves with Alt
const FAINTEST = 50; // of 255: how much of the lowest values is seen where the map fades
const CLOSEST = 8; // image pixels that the view shows at least
const MARKS = { match: "#E69F00", other: "#56B4E9" }; // Okabe and Ito's orange and sky blue; labels say it as well
const FRAME = "#000000", RIM = "#FFFFFF"; // on a photograph, which has no theme: one of them shows on any ground

const floats = view => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
const bytes = view => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const clip = (value, low, high) => Math.min(high, Math.max(low, value));

// The edges between pixels inside and outside of a mask, as one path in image coordinates.
function outline(mask, height, width) {
  const path = new Path2D(), inside = (y, x) => y >= 0 && y < height && x >= 0 && x < width && mask[y * width + x] > 0;
  for (let y = 0; y <= height; y++) for (let x = 0; x <= width; x++) {
    if (inside(y, x) !== inside(y - 1, x)) { path.moveTo(x, y); path.lineTo(x + 1, y); }
    if (inside(y, x) !== inside(y, x - 1)) { path.moveTo(x, y); path.lineTo(x, y + 1); }
  }
  return path;
}

// The map in colours, one pixel a cell.
function coloured(model) {
  const scores = floats(model.get("scores")), table = bytes(model.get("colours"));
  const [rows, columns] = model.get("grid"), [low, high] = model.get("limits");
  const canvas = new OffscreenCanvas(columns, rows), data = new ImageData(columns, rows), span = high - low || 1;
  for (let i = 0; i < scores.length; i++) {
    const k = 3 * clip(Math.round((scores[i] - low) / span * 255), 0, 255);
    const seen = Number.isNaN(scores[i]) ? 0 : model.get("fade") ? FAINTEST + (255 - FAINTEST) * k / 765 : 255;
    data.data.set([table[k], table[k + 1], table[k + 2], seen], 4 * i);
  }
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}

function render({ model, el }) {
  const canvas = document.createElement("canvas"), read = document.createElement("div");
  const scaled = document.createElement("div"), ends = [0, 1].map(() => document.createElement("span"));
  canvas.className = "adviz-overlay";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  read.className = "adviz-readout";
  read.setAttribute("aria-live", "polite");
  el.classList.add("adviz-overlay-box");
  scaled.className = "adviz-scale";
  scaled.append(ends[0], document.createElement("i"), ends[1]);
  el.append(canvas, scaled, read);
  let base = null, map = null, contour = null, scores = null, drag = null, load = 0;

  const size = () => model.get("shape");
  const view = () => { const [h, w] = size(), v = model.get("view"); return v.length ? v : [0, 0, h, w]; };
  const scale = () => canvas.clientWidth / view()[3];
  const cells = () => model.get("cells")[0] ? model.get("cells") : size();
  const cell = ([y, x]) => {
    const [h, w] = size(), [rows, columns] = cells();
    return [Math.floor(y * rows / h), Math.floor(x * columns / w)];
  };

  async function open() {
    const mine = ++load, image = await createImageBitmap(new Blob([model.get("image")]));
    if (mine === load) { base = image; draw(); }
  }
  // The colour scale below the picture, its ends printed.
  function rescale() {
    const table = bytes(model.get("colours")), stops = [0, 32, 64, 96, 128, 160, 192, 224, 255];
    const colours = stops.map(i => `rgb(${table.slice(3 * i, 3 * i + 3).join(" ")})`);
    scaled.style.display = scores ? "flex" : "none";
    scaled.style.maxWidth = `${model.get("width")}px`;
    scaled.children[1].style.background = `linear-gradient(to right, ${colours.join()})`;
    model.get("limits").forEach((end, i) => { ends[i].textContent = Number(end.toPrecision(4)); });
  }
  function remap() {
    const found = model.get("scores");
    scores = found.byteLength ? floats(found) : null;
    map = scores ? coloured(model) : null;
    rescale();
    draw();
  }
  function recontour() {
    const mask = model.get("mask"), [h, w] = size();
    contour = mask.byteLength ? outline(bytes(mask), h, w) : null;
    draw();
  }

  function box(context, top, left, height, width, colour, dash = []) {
    for (const [line, style] of [[4, FRAME], [2, colour]]) {
      context.lineWidth = line / scale();
      context.strokeStyle = style;
      context.setLineDash(line === 2 ? dash.map(part => part / scale()) : []);
      context.strokeRect(left, top, width, height);
    }
    context.setLineDash([]);
  }
  function draw() {
    const [h, w] = size(), [top, left, height, width] = view();
    const across = Math.round(Math.min(model.get("width"), 1.5 * model.get("width") * width / height));  // strips that stand
    const ratio = window.devicePixelRatio || 1;
    canvas.style.width = `${across}px`;
    canvas.style.height = `${Math.round(across * height / width)}px`;
    canvas.width = Math.round(across * ratio);
    canvas.height = Math.round(across * height / width * ratio);
    canvas.setAttribute("aria-label", model.get("label"));
    const context = canvas.getContext("2d"), factor = canvas.width / width;
    context.setTransform(factor, 0, 0, factor, -left * factor, -top * factor);
    context.imageSmoothingEnabled = factor < 3;
    if (base) context.drawImage(base, 0, 0, w, h);
    if (map) {
      context.globalAlpha = model.get("opacity");
      context.drawImage(map, 0, 0, w, h);
      context.globalAlpha = 1;
    }
    if (contour && model.get("contour")) {
      for (const [line, style] of [[4, FRAME], [2, RIM]]) {
        context.lineWidth = line / (factor / ratio);
        context.strokeStyle = style;
        context.stroke(contour);
      }
    }
    for (const mark of model.get("markers")) {
      const { top: y, left: x, height: tall, width: wide, kind = "match", text = "" } = mark;
      box(context, y, x, tall, wide, MARKS[kind] || MARKS.match, kind === "match" ? [] : [5, 3]);
      if (text) {
        context.font = `bold ${13 / (factor / ratio)}px sans-serif`;
        context.lineWidth = 4 / (factor / ratio);
        context.strokeStyle = FRAME;
        const under = y + tall + 14 / (factor / ratio), at = under < top + height ? under : y - 4 / (factor / ratio);
        context.strokeText(text, x, at);
        context.fillStyle = MARKS[kind] || MARKS.match;
        context.fillText(text, x, at);
      }
    }
    const picked = model.get("picked");
    if (picked.length) {
      const [rows, columns] = cells(), [r, c] = cell(picked), tall = h / rows, wide = w / columns;
      const least = Math.max(0, 9 / (factor / ratio) - wide) / 2; // a small cell gets a frame that can be seen
      box(context, r * tall - least, c * wide - least, tall + 2 * least, wide + 2 * least, RIM);
    }
    canvas.dataset.drawn = Number(canvas.dataset.drawn || 0) + 1;
  }

  const at = event => {
    const [top, left] = view(), [h, w] = size(), s = scale();
    return [clip(Math.floor(top + event.offsetY / s), 0, h - 1), clip(Math.floor(left + event.offsetX / s), 0, w - 1)];
  };
  function tell(place) {
    if (!place) { read.textContent = model.get("hint"); return; }
    const [y, x] = place, [h, w] = size(), [rows, columns] = model.get("grid"), words = [`row ${y}, column ${x}`];
    if (scores) {
      const value = scores[Math.floor(y * rows / h) * columns + Math.floor(x * columns / w)];
      words.push(Number.isNaN(value) ? "no value" : `${model.get("unit")} ${value.toPrecision(4)}`);
    }
    const mask = model.get("mask");
    if (mask.byteLength) words.push(bytes(mask)[y * w + x] ? "defect" : "normal");
    read.textContent = words.join(" · ");
  }
  function pick(place) {
    model.set("picked", place);
    model.save_changes();
    tell(place);
  }
  function look(top, left, width) {
    const [h, w] = size(), wide = clip(width, Math.min(CLOSEST, w), w), tall = wide * h / w;
    const whole = wide >= w - 1e-6;
    model.set("view", whole ? [] : [clip(top, 0, h - tall), clip(left, 0, w - wide), tall, wide]);
    model.save_changes();
  }
  function zoom(by, [y, x]) {
    const [top, left, , width] = view(), [, w] = size(), wide = clip(width * by, Math.min(CLOSEST, w), w);
    look(y - (y - top) * wide / width, x - (x - left) * wide / width, wide);
  }
  const place = event => { const [top, left] = view(), s = scale(); return [top + event.offsetY / s, left + event.offsetX / s]; };

  canvas.addEventListener("pointerdown", event => {
    drag = { x: event.offsetX, y: event.offsetY, view: view(), moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", event => {
    tell(at(event));
    if (!drag) return;
    const right = event.offsetX - drag.x, down = event.offsetY - drag.y;
    drag.moved ||= Math.hypot(right, down) > 4;
    if (drag.moved && model.get("view").length) {
      const s = scale();
      look(drag.view[0] - down / s, drag.view[1] - right / s, drag.view[3]);
    }
  });
  canvas.addEventListener("pointerup", event => {
    canvas.focus({ preventScroll: true });
    if (drag && !drag.moved) pick(at(event));
    drag = null;
  });
  canvas.addEventListener("pointerleave", () => tell(model.get("picked").length ? model.get("picked") : null));
  canvas.addEventListener("wheel", event => {
    if (!event.ctrlKey && !event.shiftKey && document.activeElement !== canvas) return; // the page scrolls on
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, place(event));
  }, { passive: false });
  canvas.addEventListener("dblclick", () => look(0, 0, size()[1]));
  canvas.addEventListener("keydown", event => {
    const [h, w] = size(), [rows, columns] = cells();
    const from = model.get("picked").length ? model.get("picked") : [h >> 1, w >> 1];
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (move) {
      const count = event.altKey ? STEP : 1;
      const to = [from[0] + move[0] * count * h / rows, from[1] + move[1] * count * w / columns];
      pick([clip(Math.round(to[0]), 0, h - 1), clip(Math.round(to[1]), 0, w - 1)]);
    } else if (event.key === "+") zoom(0.8, from);
    else if (event.key === "-") zoom(1.25, from);
    else if (event.key === "0") look(0, 0, w);
    else return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would take the key for itself
  });

  const drawn = "opacity contour markers picked view width label cells".split(" ").map(name => `change:${name}`).join(" ");
  model.on(drawn, draw);
  model.on("change:scores change:grid change:limits change:colours change:fade", remap);
  model.on("change:mask change:shape", recontour);
  model.on("change:image", open);
  model.on("change:picked change:scores change:hint", () => tell(model.get("picked").length ? model.get("picked") : null));
  recontour();
  remap();
  tell(model.get("picked").length ? model.get("picked") : null);
  return open();
}

export default { render };
