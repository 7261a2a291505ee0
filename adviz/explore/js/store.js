// Named parts of the data (kit/source.py makes them): asked for once, kept, shared by all explorers of one source
// on a page.

/** @typedef {import("./types").Part} Part */
/** @typedef {import("./types").Model} Model */
/** @typedef {{ name: string, dtype: string, shape: number[] }} Head */
/** @typedef {{ key: string, heads?: Head[], error?: string, stopped?: boolean }} Answer */
/**
 * What is known of a part: itself, what went wrong, or that its work was stopped.
 * @typedef {{ part?: Part, error?: string, stopped?: boolean, bytes: number }} Entry
 */
/**
 * @typedef {object} Shelf
 * @property {Map<string, Entry>} entries the least recently used first
 * @property {Map<string, number>} asked key -> when, milliseconds
 * @property {Set<() => void>} users called when parts arrive
 * @property {number} held bytes in memory
 * @property {number} received bytes
 */

const ARRAYS = {
  f2: Uint16Array,
  f4: Float32Array,
  f8: Float64Array,
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  i4: Int32Array,
};
const MOST = 256e6; // bytes of parts that are kept
const PATIENCE = 6000; // milliseconds after which a kernel that does not answer is called silent

/** @type {Map<string, Shelf>} */
const shelves = (/** @type {any} */ (globalThis)[Symbol.for("adviz.parts")] ??= new Map());

/**
 * Returns the key of a part. Python's `part_key` is its twin.
 * @param {string} kind
 * @param {...(string | number)} names
 */
export function partKey(kind, ...names) {
  const escaped = names.map((name) => String(name).replace(/[%/]/g, encodeURIComponent));
  return [kind, ...escaped].join("/");
}

/** Float16 as float32, for exported files. @param {Uint16Array} bits */
function widened(bits) {
  return Float32Array.from(bits, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    if (exponent === 0) return (sign * fraction) / 2 ** 24;
    return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
  });
}

/** @param {Head[]} heads @param {DataView[]} values */
async function decoded(heads, values) {
  /** @type {Part} */
  const part = {};
  let bytes = 0;
  for (const [i, { name, dtype }] of heads.entries()) {
    const view = values[i];
    const content = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    if (dtype === "jpeg") {
      const blob = new Blob([/** @type {BlobPart} */ (content)], { type: "image/jpeg" });
      const image = await createImageBitmap(blob);
      bytes += 4 * image.width * image.height;
      part[name] = image;
    } else if (dtype === "json") {
      part[name] = JSON.parse(new TextDecoder().decode(content));
    } else {
      const kind = ARRAYS[/** @type {keyof typeof ARRAYS} */ (dtype)];
      const array = new kind(content.slice().buffer); // a copy: aligned, and without the rest of the message
      part[name] = dtype === "f2" ? widened(/** @type {Uint16Array} */ (array)) : array;
      bytes += part[name].byteLength;
    }
  }
  return { part, bytes };
}

/**
 * Opens the store of a model's source.
 * @param {Model} model
 * @param {() => void} changed called when parts arrive, and when the kernel has been silent for long
 */
export function openStore(model, changed) {
  const id = model.get("facts").id;
  if (!shelves.has(id)) {
    shelves.set(id, { entries: new Map(), asked: new Map(), users: new Set(), held: 0, received: 0 });
  }
  const shelf = /** @type {Shelf} */ (shelves.get(id));
  shelf.users.add(changed);
  /** @type {string[]} */
  let missed = [];
  let alarm = 0;
  let cut = false; // nobody in the kernel receives what is sent

  const tell = () => shelf.users.forEach((user) => user());

  /** @param {string} key @param {Entry} entry */
  function keep(key, entry) {
    shelf.held += entry.bytes - (shelf.entries.get(key)?.bytes ?? 0);
    shelf.entries.delete(key);
    shelf.entries.set(key, entry);
    shelf.asked.delete(key);
    for (const [old, { bytes }] of shelf.entries) {
      if (shelf.held <= MOST || old === key) break;
      shelf.entries.delete(old);
      shelf.held -= bytes;
    }
  }

  /** @param {Answer} answer @param {DataView[]} values */
  async function receive({ key, heads, error, stopped }, values) {
    if (stopped) return keep(key, { stopped, bytes: 0 });
    if (!heads) return keep(key, { error: error ?? "no answer", bytes: 0 });
    try {
      keep(key, await decoded(heads, values));
    } catch (reason) {
      keep(key, { error: String(reason), bytes: 0 });
    }
  }

  /** @param {{ parts?: Answer[] }} message @param {DataView[]} buffers */
  async function listen({ parts }, buffers) {
    if (!parts) return;
    let first = 0;
    const received = parts.map((answer) => {
      const count = answer.heads?.length ?? 0;
      const values = buffers.slice(first, first + count);
      first += count;
      for (const value of values) shelf.received += value.byteLength;
      return receive(answer, values);
    });
    await Promise.all(received);
    tell();
  }
  model.on("msg:custom", listen);

  // what the first picture needs came with the widget
  const opening = Object.entries(model.get("opening") ?? {});
  const unknown = opening.filter(([key]) => !shelf.entries.has(key) && !shelf.asked.has(key));
  for (const [key] of unknown) shelf.asked.set(key, performance.now());
  if (unknown.length) {
    const received = unknown.map(([key, { heads, values }]) => receive({ key, heads }, values));
    Promise.all(received).then(tell);
  }

  function watch() {
    clearTimeout(alarm);
    if (shelf.asked.size) alarm = Number(setTimeout(changed, PATIENCE + 100));
  }

  /**
   * Sends a message, and returns whether that was possible: not after the kernel was restarted.
   * @param {Record<string, any>} message
   */
  function send(message) {
    const before = cut;
    try {
      model.send(message);
      cut = false;
    } catch {
      cut = true;
    }
    if (cut !== before) changed();
    return !cut;
  }

  return {
    /** @param {string} key @returns {Part | null} */
    get(key) {
      const entry = shelf.entries.get(key);
      if (entry?.error) throw new Error(entry.error);
      if (entry?.stopped) return null;
      if (entry) {
        shelf.entries.delete(key); // the last in the map is the one used last
        shelf.entries.set(key, entry);
        return entry.part;
      }
      if (!shelf.asked.has(key)) {
        shelf.asked.set(key, performance.now());
        missed.push(key);
      }
      return null;
    },
    /** @param {string} key @returns {Part | null} */
    peek: (key) => shelf.entries.get(key)?.part ?? null,
    ask() {
      if (!missed.length) return;
      const keys = missed;
      missed = [];
      if (send({ ask: keys })) watch();
      else for (const key of keys) shelf.asked.delete(key); // another explorer may ask
    },
    stop() {
      send({ stop: true });
    },
    retry() {
      for (const [key, { stopped, error }] of shelf.entries) {
        if (stopped || error) shelf.entries.delete(key);
      }
    },
    get busy() {
      return shelf.asked.size > 0;
    },
    /** Whether the explorer is cut off from its kernel: it was restarted or shut down. */
    get cut() {
      return cut;
    },
    /** Whether something was asked for long ago and never came. */
    get silent() {
      const oldest = Math.min(...shelf.asked.values());
      return performance.now() - oldest > PATIENCE;
    },
    get bytes() {
      return shelf.received;
    },
    close() {
      clearTimeout(alarm);
      model.off("msg:custom", listen);
      shelf.users.delete(changed);
      // what was asked for and not received has nobody who listens: the next one asks again
      for (const key of missed) shelf.asked.delete(key);
      if (!shelf.users.size) shelves.delete(id);
    },
  };
}
