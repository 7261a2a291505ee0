// Children that are kept from one drawing to the next.

/**
 * Makes `nodes` the children of `parent`. Those that stay are not touched: they keep the focus.
 * @param {Element} parent
 * @param {Element[]} nodes
 */
export function arrange(parent, nodes) {
  const staying = new Set(nodes);
  for (const old of [...parent.children]) if (!staying.has(old)) old.remove();
  nodes.forEach((node, i) => {
    if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
  });
}

/**
 * Makes a list of components so long; new ones come at the end of `parent`.
 * @template {{ node: Element }} One
 * @param {Element} parent
 * @param {One[]} made
 * @param {number} count
 * @param {(place: number) => One} make
 */
export function resized(parent, made, count, make) {
  while (made.length > count) made.pop()?.node.remove();
  while (made.length < count) {
    const one = make(made.length);
    made.push(one);
    parent.append(one.node);
  }
}
