// An exported page: anywidget's model without a kernel. What explorers ask for is in the page itself.

/** @typedef {{ name: string, dtype: string, shape: number[], differences?: boolean }} Head */

/** The part of anywidget's front end that explorers use; parts are named "SOURCE:KEY" in the page. */
class Model {
  /** @param {Record<string, any>} state */
  constructor(state) {
    this.state = state;
    /** @type {Map<string, ((...values: any[]) => void)[]>} */
    this.listeners = new Map();
  }

  /** @param {string} name */
  get(name) {
    return this.state[name];
  }

  /** @param {string} name @param {any} value */
  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    this.trigger(`change:${name}`);
  }

  save_changes() {}

  /** @param {string} event @param {(...values: any[]) => void} call */
  on(event, call) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), call]);
  }

  /** @param {string} event @param {(...values: any[]) => void} call */
  off(event, call) {
    const others = (this.listeners.get(event) ?? []).filter((listener) => listener !== call);
    this.listeners.set(event, others);
  }

  /** @param {string} name @param {...any} values */
  trigger(name, ...values) {
    for (const call of this.listeners.get(name) ?? []) call(...values);
  }

  /** @param {{ ask?: string[] }} message */
  async send({ ask }) {
    if (ask) this.trigger("msg:custom", ...(await answer(this.state.facts.id, ask)));
  }
}

/** Says that a part is not there. @param {string} key */
function missing(key) {
  const [kind, category, ...places] = key.split("/").map((one) => decodeURIComponent(one));
  const image = Number(places[kind === "found" ? 1 : 0]) + 1;
  if (kind !== "test" && kind !== "found") return `${key} is not in this file: it was exported without`;
  return `image ${image} of ${category} is not in this file, which was exported with some of the images`;
}

// Kinds of parts that a page can do without: the network's pixels stand for a photo's own, and metrics of some fusions
// are in every page.
const LACKING = ["photo", "fusion"];

/** @param {string} text base64 */
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** @param {Uint8Array} bytes */
async function inflated(bytes) {
  const stream = new Blob([/** @type {BlobPart} */ (bytes)]).stream();
  const whole = stream.pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(whole).arrayBuffer());
}

/**
 * Gives a map back that is stored as the second differences of its steps along rows and columns.
 * @param {Uint8Array} bytes of the differences, 16 bits each
 * @param {number[]} shape
 */
function summed(bytes, [, width]) {
  const steps = new Uint16Array(bytes.buffer); // in which sums are modulo 2**16, as the differences
  for (let twice = 0; twice < 2; twice++) {
    for (let i = 1; i < steps.length; i++) if (i % width) steps[i] += steps[i - 1];
    for (let i = width; i < steps.length; i++) steps[i] += steps[i - width];
  }
  return new Uint8Array(steps.buffer);
}

/**
 * Reads parts from the page: the message and the buffers that a kernel would send.
 * @param {string} source
 * @param {string[]} keys
 */
async function answer(source, keys) {
  const parts = [];
  const buffers = [];
  for (const key of keys) {
    const element = document.getElementById(`${source}:${key}`);
    if (!element && LACKING.includes(key.split("/")[0])) {
      parts.push({ key, heads: [] });
      continue;
    }
    if (!element) {
      parts.push({ key, error: missing(key) });
      continue;
    }
    /** @type {Head[]} */
    const heads = JSON.parse(element.dataset.heads ?? "[]");
    const texts = (element.textContent ?? "").split(" ");
    parts.push({ key, heads });
    for (const [i, { dtype, shape, differences }] of heads.entries()) {
      const stored = bytesOf(texts[i]);
      const bytes = dtype === "jpeg" ? stored : await inflated(stored);
      buffers.push(new DataView((differences ? summed(bytes, shape) : bytes).buffer));
    }
  }
  return [{ parts }, buffers];
}

/** The text of a script element, whose "</" was written "<\/". @param {string} id */
function textOf(id) {
  const text = document.getElementById(id)?.textContent ?? "";
  return text.replaceAll("<\\/", "</");
}

async function show() {
  const setup = JSON.parse(textOf("setup"));
  /** @type {Record<string, any>} */
  const modules = {};
  for (const name of setup.modules) {
    const blob = new Blob([await inflated(bytesOf(textOf(name)))], { type: "text/javascript" });
    modules[name] = (await import(URL.createObjectURL(blob))).default;
  }
  /** @type {Model[]} */
  const models = [];
  for (const { module, source, state } of setup.explorers) {
    const model = new Model({ ...state, facts: setup.facts[source] });
    models.push(model);
    const widget = modules[module];
    widget.initialize?.({ model });
    const el = document.createElement("article");
    document.querySelector("main")?.append(el);
    await widget.render({ model, el });
    const question = document.createElement("h2");
    question.textContent = el.querySelector(".av-explorer")?.getAttribute("aria-label") ?? "";
    el.prepend(question);
  }
  for (const [a, b, name] of setup.links) {
    for (const [from, to] of [[a, b], [b, a]]) {
      models[from].on(`change:${name}`, () => models[to].set(name, models[from].get(name)));
    }
  }
  /** @type {any} */ (globalThis).adviz = { models };
  document.documentElement.classList.add("av-live");
  tellHeight();
}

/** In a frame: tell the page round it how high this one is, now and later. */
function tellHeight() {
  if (parent === window) return;
  const main = /** @type {Element} */ (document.querySelector("main"));
  const tell = () => parent.postMessage({ advizHeight: main.getBoundingClientRect().height }, "*");
  new ResizeObserver(tell).observe(main);
}

show().catch((error) => {
  const text = `This page could not be drawn: ${error}. It needs a browser of 2024 or newer.`;
  document.querySelector("main")?.append(text);
  throw error;
});
