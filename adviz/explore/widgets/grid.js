// A table of which one cell is picked, by a click or with the arrow keys; the browser's own table, in the theme's colours.

const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

function element(kind, text, ...classes) {
  const made = document.createElement(kind);
  made.textContent = text ?? "";
  made.classList.add(...classes.filter(Boolean));
  return made;
}

function head({ name, small, theirs }, scope) {
  const made = element("th", name, theirs && "adviz-theirs"), below = element("small", "");
  made.scope = scope;
  small?.split(/(?<=[=_+])/).forEach((part, i) => below.append(...(i ? [element("wbr"), part] : [part]))); // may break there
  if (small) made.append(" ", below);
  return made;
}

function cell(content, stacked) {
  if (!content) return element("td");
  const { first, second, title, theirs } = content;
  const made = element("td", "", theirs && "adviz-theirs", stacked && "adviz-stacked");
  if (first) made.append(element("span", first));
  if (first && second && !stacked) made.append(" | ");
  if (second) made.append(element("b", second));
  if (title) made.title = title;
  return made;
}

function render({ model, el }) {
  const box = element("div", "", "adviz-grid-box"), table = element("table", "", "adviz-grid");
  table.setAttribute("role", "grid");
  box.append(table);
  el.append(box);
  const at = (row, column) => table.tBodies[0]?.rows[row]?.cells[column + 1];
  const exists = (row, column) => Boolean(model.get("content").cells?.[row]?.[column]);

  function draw() {
    const { corner, rows, columns, cells, stacked, label } = model.get("content");
    if (!rows) return;
    const focused = table.contains(document.activeElement);
    table.setAttribute("aria-label", label);
    const top = element("tr", ""), header = element("thead", ""), body = element("tbody", "");
    top.append(head({ name: corner }, "col"), ...columns.map(one => head(one, "col")));
    header.append(top);
    rows.forEach((one, i) => {
      const line = element("tr", "");
      line.append(head(one, "row"), ...cells[i].map(content => cell(content, stacked)));
      body.append(line);
    });
    table.replaceChildren(header, body);
    table.classList.toggle("adviz-tight", stacked);
    mark(focused);
  }
  function mark(focused) {
    const [row, column] = model.get("picked");
    for (const one of table.querySelectorAll("td")) one.removeAttribute("aria-selected"), one.removeAttribute("tabindex");
    const picked = at(row, column), entry = picked ?? table.querySelector("td:not(:empty)");
    picked?.setAttribute("aria-selected", "true");
    entry?.setAttribute("tabindex", "0"); // the one that Tab comes to
    if (focused) entry?.focus({ preventScroll: true });
    if (picked) requestAnimationFrame(() => reveal(picked));
  }
  // Scroll the box, not the page, so that a cell is not below its heads or outside.
  function reveal(cell) {
    const { offsetTop: top, offsetLeft: left, offsetHeight: high, offsetWidth: wide } = cell, corner = table.tHead.rows[0].cells[0];
    box.scrollTop = Math.max(Math.min(box.scrollTop, top - corner.offsetHeight), top + high - box.clientHeight);
    box.scrollLeft = Math.max(Math.min(box.scrollLeft, left - corner.offsetWidth), left + wide - box.clientWidth);
  }
  function pick(row, column) {
    model.set("picked", [row, column]);
    model.save_changes();
    mark(true);
    at(row, column).scrollIntoView({ block: "nearest", inline: "nearest" }); // the page as well
  }
  // The next cell that there is from one place on, in one direction.
  function next([row, column], [down, right]) {
    const { rows, columns } = model.get("content");
    do [row, column] = [row + down, column + right];
    while (row >= 0 && row < rows.length && column >= 0 && column < columns.length && !exists(row, column));
    return exists(row, column) ? [row, column] : null;
  }

  table.addEventListener("click", event => {
    const found = event.target.closest("td");
    if (!found) return;
    const place = [found.parentElement.sectionRowIndex, found.cellIndex - 1];
    if (exists(...place)) pick(...place);
  });
  table.addEventListener("keydown", event => {
    const [row, column] = model.get("picked"), last = model.get("content").columns.length;
    let to;
    if (STEPS[event.key]) to = next([row ?? 0, column ?? 0], STEPS[event.key]);
    else if (event.key === "Home") to = next([row ?? 0, -1], [0, 1]);
    else if (event.key === "End") to = next([row ?? 0, last], [0, -1]);
    else return;
    if (to) pick(...to);
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would take the key for itself
  });

  model.on("change:content", draw);
  model.on("change:picked", () => mark(table.contains(document.activeElement)));
  draw();
}

export default { render };
