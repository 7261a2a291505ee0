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
