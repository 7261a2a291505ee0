// Explorers say how high they are; charts are drawn when they come into view.
window.addEventListener("message", (event) => {
  const height = event.data?.advizHeight;
  if (!Number.isFinite(height)) return;
  for (const frame of document.querySelectorAll(".adviz-live iframe")) {
    if (frame.contentWindow === event.source) frame.style.height = `${Math.ceil(height)}px`;
  }
});

/** Draw a chart in place of its picture. */
async function draw(element) {
  const { data, layout } = JSON.parse(element.querySelector("script").textContent);
  const place = document.createElement("div");
  await window.Plotly.newPlot(place, data, layout, { responsive: true, displaylogo: false });
  element.replaceChildren(place);
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

window.addEventListener("DOMContentLoaded", () => {
  const charts = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      charts.unobserve(target);
      loadPlotly(target.dataset.plotly).then(() => draw(target));
    }
  }, { rootMargin: "400px" });
  for (const chart of document.querySelectorAll(".adviz-chart")) charts.observe(chart);
});
