// Many points on one canvas, painted pixel by pixel. A lasso or a click stays in the model, as does what is highlighted.

const MARGIN = 12; // CSS pixels around the points
const REACH = 12; // CSS pixels within which a click finds a point
const CROWD = 800; // rings, beyond which they are drawn fine
const STEP = 25; // places that an arrow key moves with Alt
const SELECTED = "#D55E00", CURRENT = "#F0E442", LASSO = "#0072B2"; // Okabe and Ito's

const floats = view => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
const integers = view => new Uint32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
const bytes = view => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

// Whether points lie inside a polygon (even-odd rule).
function inside(polygon, x, y) {
  let within = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i], [xj, yj] = polygon[j];
    if ((yi > y) !== (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi) within = !within;
  }
  return within;
}

function render({ model, el }) {
  const canvas = document.createElement("canvas"), read = document.createElement("div");
  canvas.className = "adviz-scatter";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  read.className = "adviz-readout";
  read.setAttribute("aria-live", "polite");
  el.classList.add("adviz-overlay-box");
  el.append(canvas, read);
  const context = canvas.getContext("2d");
  let x, y, path = null, painted = null; // points in CSS pixels; the lasso while it is drawn; the points' picture

  function place() {
    const points = floats(model.get("points")), [width, height] = model.get("size"), count = points.length / 2;
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < count; i++) {
      left = Math.min(left, points[2 * i]); right = Math.max(right, points[2 * i]);
      low = Math.min(low, points[2 * i + 1]); high = Math.max(high, points[2 * i + 1]);
    }
    const scale = Math.min((width - 2 * MARGIN) / (right - left || 1), (height - 2 * MARGIN) / (high - low || 1));
    const middle = [(left + right) / 2, (low + high) / 2]; // one scale for both axes: distances can be compared
    x = new Float32Array(count); y = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      x[i] = width / 2 + (points[2 * i] - middle[0]) * scale;
      y[i] = height / 2 - (points[2 * i + 1] - middle[1]) * scale;
    }
    paint();
  }
  function paint() {
    const [width, height] = model.get("size"), ratio = window.devicePixelRatio || 1, colours = bytes(model.get("colours"));
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.setAttribute("aria-label", model.get("label"));
    const image = context.createImageData(canvas.width, canvas.height), dot = Math.max(1, Math.round(model.get("dot") * ratio));
    const pixels = new Uint32Array(image.data.buffer);
    // nothing behind the points: the page's paper shows, in light and dark themes
    const painting = integers(model.get("painting")); // what lies on top comes last
    for (let n = 0; n < x.length; n++) {
      const i = painting.length === x.length ? painting[n] : n;
      const value = 0xff000000 | colours[3 * i + 2] << 16 | colours[3 * i + 1] << 8 | colours[3 * i];
      const left = Math.round(x[i] * ratio - dot / 2), top = Math.round(y[i] * ratio - dot / 2);
      for (let row = top; row < top + dot; row++) for (let column = left; column < left + dot; column++)
        if (row >= 0 && row < canvas.height && column >= 0 && column < canvas.width) pixels[row * canvas.width + column] = value >>> 0;
    }
    painted = image;
    draw();
  }
  function draw() {
    const ratio = window.devicePixelRatio || 1, order = integers(model.get("order"));
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.putImageData(painted, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const ink = getComputedStyle(canvas).color; // the theme's
    const ring = (i, radius, colour, line = 1.5) => {
      context.beginPath();
      context.arc(x[i], y[i], radius, 0, 2 * Math.PI);
      context.lineWidth = line;
      context.strokeStyle = colour;
      context.stroke();
    };
    const shown = Math.min(model.get("count"), order.length);
    const [wide, line] = shown > CROWD ? [1.5, 0.5] : [2.5, 1.5]; // thousands of thick rings hide all colours
    for (let i = 0; i < shown; i++) ring(order[i], wide, ink, line);
    for (const i of integers(model.get("selected"))) ring(i, 3.5, SELECTED);
    if (model.get("current") >= 0) for (const [radius, colour] of [[8, ink], [6.5, CURRENT]]) ring(model.get("current"), radius, colour);
    if (path) {
      context.beginPath();
      path.forEach(([a, b], i) => i ? context.lineTo(a, b) : context.moveTo(a, b));
      context.closePath();
      context.globalAlpha = 0.15;
      context.fillStyle = LASSO;
      context.fill();
      context.globalAlpha = 1;
      context.strokeStyle = LASSO;
      context.stroke();
    }
    canvas.dataset.drawn = Number(canvas.dataset.drawn || 0) + 1;
  }
  function tell() {
    const chosen = model.get("selected").byteLength / 4, words = [`${x.length} points`];
    const shown = Math.min(model.get("count"), model.get("order").byteLength / 4);
    if (shown) words.push(`${shown} ringed`);
    if (chosen) words.push(`${chosen} selected`);
    if (model.get("current") >= 0) words.push(`point ${model.get("current")}`);
    read.textContent = words.length > 1 ? words.join(" · ") : `${words[0]} · drag round some to select them, click one to pick it`;
  }
  function choose(selected, current) {
    model.set("selected", new DataView(selected.buffer));
    model.set("current", current);
    model.save_changes();
  }
  function nearest([a, b]) {
    let best = -1, least = REACH ** 2;
    for (let i = 0; i < x.length; i++) {
      const distance = (x[i] - a) ** 2 + (y[i] - b) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  canvas.addEventListener("pointerdown", event => {
    path = [[event.offsetX, event.offsetY]];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", event => {
    if (!path) return;
    path.push([event.offsetX, event.offsetY]);
    draw();
  });
  canvas.addEventListener("pointerup", event => {
    canvas.focus({ preventScroll: true });
    const drawn = path;
    path = null;
    if (drawn.length < 4) return choose(new Uint32Array(0), nearest([event.offsetX, event.offsetY]));
    const found = [];
    for (let i = 0; i < x.length; i++) if (inside(drawn, x[i], y[i])) found.push(i);
    choose(Uint32Array.from(found), -1);
  });
  canvas.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key] * (event.altKey ? STEP : 1);
    if (event.key === "Escape") choose(new Uint32Array(0), -1);
    else if (step) { // along the order where there is one
      const order = integers(model.get("order")), count = order.length || x.length;
      const at = order.length ? order.indexOf(model.get("current")) : model.get("current");
      const next = Math.min(count - 1, Math.max(0, at + step));
      choose(integers(model.get("selected")), order.length ? order[next] : next);
    } else return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would take the key for itself
  });

  const themes = new MutationObserver(draw); // what is drawn in ink changes with the theme
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  model.on("change:points change:size", place);
  model.on("change:colours change:painting change:dot change:label", paint);
  model.on("change:order change:count change:selected change:current", draw);
  model.on("change:points change:order change:count change:selected change:current", tell);
  place();
  tell();
  return () => themes.disconnect();
}

export default { render };
