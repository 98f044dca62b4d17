"use strict";
(() => {
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// What the reader has chosen outlives a reload, in this tab.
const KEY = `report ${location.pathname}`;
const chosen = { off: [], theme: "", follow: true, open: {}, sorted: {} };
try { Object.assign(chosen, JSON.parse(sessionStorage.getItem(KEY))); } catch { /* none kept */ }
const keep = () => {
  try { sessionStorage.setItem(KEY, JSON.stringify(chosen)); } catch { /* storage is off */ }
};

// Variants, studies and runs are switched on and off.
const isOff = (kind, value) => chosen.off.includes(`${kind} ${value}`);
const isShown = ({ meta = {} }) => !isOff("variant", meta.variant) && !isOff("run", meta.run);
const drawn = new Set();

function apply() {
  document.documentElement.dataset.theme = chosen.theme;
  for (const box of all("input[data-switch]"))
    box.checked = !isOff(box.dataset.switch, box.value);
  for (const part of all("[data-variant]")) part.hidden = isOff("variant", part.dataset.variant);
  for (const part of all("[data-study]")) part.hidden = isOff("study", part.dataset.study);
  for (const row of all("tr[data-run]"))
    row.classList.toggle("off", isOff("run", row.dataset.run));
  for (const chart of drawn) {
    Plotly.restyle(chart, { visible: chart.data.map(isShown) });
    if (chart.offsetParent) Plotly.Plots.resize(chart);
  }
}

function flip(box) {
  const name = `${box.dataset.switch} ${box.value}`;
  chosen.off = chosen.off.filter((other) => other !== name);
  if (!box.checked) chosen.off.push(name);
  keep();
  apply();
}

// Charts are drawn when they come near.
const CONFIG = {
  responsive: true,
  displaylogo: false,
  // Named one by one: the usual ones hold some that send data away.
  modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"],
    ["hoverClosestCartesian", "hoverCompareCartesian"]],
};
const byTouch = matchMedia("(pointer: coarse)").matches;

function draw(chart) {
  if (drawn.has(chart)) return;
  drawn.add(chart);
  const { data, layout } = JSON.parse(chart.nextElementSibling.textContent);
  for (const trace of data) trace.visible = isShown(trace);
  if (byTouch) layout.dragmode = false; // a finger scrolls the page
  Plotly.newPlot(chart, data, layout, CONFIG);
  chart.firstElementChild.setAttribute("aria-hidden", "true"); // its label says what it shows
}
const near = new IntersectionObserver(
  (found) => found.filter((one) => one.isIntersecting).forEach((one) => draw(one.target)),
  { rootMargin: "600px" },
);

// Arrow keys go from point to point of a chart, and from line to line.
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function walk(event) {
  const chart = event.currentTarget, step = STEPS[event.key];
  if (!step || !drawn.has(chart)) return;
  event.preventDefault();
  const lines = chart.data.flatMap((trace, number) =>
    trace.visible !== false && trace.hoverinfo !== "skip" ? [number] : []);
  if (!lines.length) return;
  const [line, point] = chart.at ?? [0, -1];
  const next = (line + step[0] + lines.length) % lines.length;
  const last = chart.data[lines[next]].x.length - 1;
  chart.at = [next, Math.min(last, Math.max(0, point + step[1]))];
  Plotly.Fx.hover(chart, [{ curveNumber: lines[next], pointNumber: chart.at[1] }]);
  setTimeout(() => say(chart), 100); // the label is drawn up to twenty times a second
}

function say(chart) {
  const text = all(".hoverlayer .hovertext text", chart).map((label) => label.textContent);
  chart.parentElement.querySelector(".said").textContent = text.join(" ");
}

// Tables are sorted by a column: numbers first, by their size, then words, in either direction.
const number = (text) => parseFloat(text.replaceAll(",", "").replace("−", "-"));

function order(a, b, sign) {
  const [x, y] = [number(a), number(b)];
  if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;
  return sign * (x - y || a.localeCompare(b, undefined, { numeric: true }));
}

function sort(head, direction) {
  const table = head.closest("table"), column = head.cellIndex;
  for (const other of all("th[aria-sort]", table)) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const text = (row) => row.cells[column].textContent;
  const rows = [...table.tBodies[0].rows].sort((a, b) => order(text(a), text(b), sign));
  table.tBodies[0].append(...rows);
  chosen.sorted[table.id] = [column, direction];
  keep();
}

document.addEventListener("change", ({ target }) => {
  if (target.dataset.switch) flip(target);
  if (target.id === "theme") { chosen.theme = target.value; keep(); apply(); }
  if (target.id === "follow") { chosen.follow = target.checked; keep(); }
});
document.addEventListener("click", ({ target }) => {
  const head = target.closest?.("th[aria-sort]");
  if (head)
    sort(head, head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending");
  if (target.id === "everything") { chosen.off = []; keep(); apply(); }
});
for (const part of all("details[id]")) {
  if (part.id in chosen.open) part.open = chosen.open[part.id];
  part.addEventListener("toggle", () => { chosen.open[part.id] = part.open; keep(); });
}
for (const [id, [column, direction]] of Object.entries(chosen.sorted)) {
  const head = document.getElementById(id)?.tHead.rows[0].cells[column];
  if (head) sort(head, direction);
}
const controls = document.getElementById("controls");
if (!("controls" in chosen.open)) controls.open = matchMedia("(min-width: 64.01rem)").matches;
document.getElementById("theme").value = chosen.theme;
apply();
for (const chart of all(".chart")) {
  chart.addEventListener("keydown", walk);
  near.observe(chart);
}

// On paper every chart is drawn, as wide as the paper.
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("printing");
  for (const chart of all(".chart").filter((one) => one.offsetParent)) {
    draw(chart);
    Plotly.relayout(chart, { width: chart.clientWidth });
  }
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("printing");
  for (const chart of drawn)
    if (chart.offsetParent) Plotly.relayout(chart, { width: null, autosize: true });
});

// While runs go on, the page is read again; not while somebody looks closely at a chart.
const follow = document.getElementById("follow");
if (follow) {
  follow.checked = chosen.follow;
  setInterval(() => {
    const looked = document.querySelector(".chart:hover, .chart:focus");
    if (follow.checked && !looked && document.visibilityState === "visible") location.reload();
  }, 1000 * Number(follow.value));
}
})();
