// Explorers say how high they are; charts are drawn when they come into view, in the page's colours;
// what is wider than its place says so.
window.addEventListener("message", (event) => {
  const height = event.data?.advizHeight;
  if (!Number.isFinite(height)) return;
  for (const frame of document.querySelectorAll(".adviz-live iframe")) {
    if (frame.contentWindow === event.source) frame.style.height = `${Math.ceil(height)}px`;
  }
});

// Colours of charts (adviz/plots/style.py) -> what they are in a dark page, as explorers have them
const DARK = {
  "#FFFFFF": "#14181E", // paper
  "#222222": "#E6E6E6", // ink
  "#000000": "#E6E6E6",
  "#E3E3E3": "#363C45", // grid
  "#666666": "#A8A8A8", // remarks
  "#999999": "#8C8C8C", // chance
  "#8C8C8C": "#9A9A9A", // unlabelled
  "#0072B2": "#4AA3DC", // good
  "#D55E00": "#FF8A3C", // anomalous
  "#009E73": "#2FC79A",
  "#CC79A7": "#E39AC4",
  "#56B4E9": "#A6DCFF",
};
const inDark = (text) =>
  text.replace(/#[0-9a-f]{6}\b/gi, (colour) => DARK[colour.toUpperCase()] ?? colour);
const isDark = () => document.documentElement.dataset.theme === "dark";

const COLUMN = 240; // pixels, the least that a column of panels needs for its axes
const LETTER = 7; // pixels, of an axis' title
const drawn = new Map(); // a chart's place -> its description, as JSON

/** Break the titles of axes that are longer than their panels. */
function breakTitles(layout, width) {
  const inside = width - layout.margin.l - layout.margin.r;
  for (const [name, axis] of Object.entries(layout)) {
    if (!name.startsWith("xaxis") || !axis.title?.text) continue;
    const [left, right] = axis.domain ?? [0, 1];
    const lines = [""];
    for (const word of axis.title.text.split(" ")) {
      const longer = `${lines.at(-1)} ${word}`.trim();
      if (longer.length * LETTER > (right - left) * inside) lines.push(word);
      else lines[lines.length - 1] = longer;
    }
    axis.title.text = lines.filter(Boolean).join("<br>");
  }
}

/** Draw a chart, or draw it again in the page's colours. */
async function draw(place) {
  const text = drawn.get(place);
  const { data, layout } = JSON.parse(isDark() ? inDark(text) : text);
  const left = Object.keys(layout).filter((key) => key.startsWith("xaxis")).map((key) => layout[key].domain?.[0]);
  place.style.minWidth = `${COLUMN * new Set(left).size}px`;
  if (layout.width) place.style.maxWidth = `${layout.width}px`;
  delete layout.width; // that of its place
  breakTitles(layout, place.clientWidth);
  await window.Plotly.react(place, data, layout, { responsive: true, displaylogo: false });
}

/** Put a chart in place of its picture. */
async function replacePicture(element) {
  const place = document.createElement("div");
  drawn.set(place, element.querySelector("script").textContent);
  element.replaceChildren(place); // first, since a chart is as wide as its place
  await draw(place);
}

let plotly; // a promise of the library, once
function loadPlotly(source) {
  plotly ??= new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = resolve;
    document.head.append(script);
  });
  return plotly;
}

const WIDE = [
  ".adviz-table",
  ".adviz-chart",
  ".bd-article .cell_output .text_html",
  ".bd-article .pst-scrollable-table-container",
  ".bd-article div.highlight > pre",
].join(",");

/** Say at which sides an element goes on: the style sheet fades it there. */
function markSides(element) {
  const hidden = element.scrollWidth - element.clientWidth;
  const sides = [];
  if (hidden > 1 && element.scrollLeft > 1) sides.push("left");
  if (hidden > 1 && element.scrollLeft < hidden - 1) sides.push("right");
  element.dataset.more = sides.join(" ");
  if (hidden > 1) element.tabIndex = 0; // arrow keys scroll it
}

window.addEventListener("DOMContentLoaded", () => {
  const charts = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      charts.unobserve(target);
      loadPlotly(target.dataset.plotly).then(() => replacePicture(target));
    }
  }, { rootMargin: "400px" });
  for (const chart of document.querySelectorAll(".adviz-chart")) charts.observe(chart);
  new MutationObserver(() => {
    for (const place of drawn.keys()) draw(place);
  }).observe(document.documentElement, { attributeFilter: ["data-theme"] });

  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) markSides(target);
  });
  for (const element of document.querySelectorAll(WIDE)) {
    sizes.observe(element);
    element.addEventListener("scroll", () => markSides(element), { passive: true });
  }
});
