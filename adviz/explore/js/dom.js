// Elements, and canvases that are as sharp as the screen.

const SVG_TAGS = new Set(
  "svg g rect circle line path polygon polyline text title defs pattern clipPath".split(" "),
);
const SVG_SPACE = "http://www.w3.org/2000/svg";

/**
 * Makes an element: h("div.one.two", { title: "...", onclick: f }, child, "text").
 * Attributes that are false or null are left out, true ones are empty; names that begin with "on" are listeners.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = SVG_TAGS.has(name)
    ? document.createElementNS(SVG_SPACE, name)
    : document.createElement(name);
  if (classes.length) node.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, String(value));
  }
  for (const child of children) if (child || child === "") node.append(child);
  return node;
}

/** Sets attributes. @param {Element} node @param {Record<string, any>} attributes */
export function set(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
}

/**
 * Keeps the page's shortcuts (JupyterLab's) away from keys that a control answers itself.
 * @template {Element} Node
 * @param {Node} node
 * @returns {Node}
 */
export function own(node) {
  node.addEventListener("keydown", (event) => {
    const { ctrlKey, metaKey } = /** @type {KeyboardEvent} */ (event);
    if (!ctrlKey && !metaKey) event.stopPropagation();
  });
  return node;
}

/**
 * Where a pointer is in an element, CSS pixels.
 * @param {Element} node
 * @param {MouseEvent} event
 * @returns {[number, number]} x, y
 */
export function placeIn(node, { clientX, clientY }) {
  const { left, top } = node.getBoundingClientRect();
  return [clientX - left, clientY - top];
}

/**
 * Makes a canvas of `width` x `height` CSS pixels as sharp as the screen, empties it, and returns its context,
 * scaled to CSS pixels.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @returns {CanvasRenderingContext2D}
 */
export function sharp(canvas, width, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  const across = Math.round(width * ratio);
  const down = Math.round(height * ratio);
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  return context;
}

/**
 * Draws a frame round a box that shows on any photograph, not smaller than `least` CSS pixels.
 * @param {CanvasRenderingContext2D} context
 * @param {import("./types").Box} box image pixels
 * @param {number} scale CSS pixels of an image pixel
 * @param {string} colour
 * @param {{ least?: number, line?: number }} [options]
 */
export function frame(context, [top, left, height, width], scale, colour, options = {}) {
  const { least = 0, line = 2 } = options;
  const more = Math.max(0, least - width * scale) / 2;
  const x = left * scale - more;
  const y = top * scale - more;
  for (const [thickness, ink] of /** @type {[number, string][]} */ ([[line + 2, "#000"], [line, colour]])) {
    context.lineWidth = thickness;
    context.strokeStyle = ink;
    context.strokeRect(x, y, width * scale + 2 * more, height * scale + 2 * more);
  }
}
