// A strip that is written from left to right and begins again at the left edge, like a monitor's: a millimetre is one.
const SVG = "http://www.w3.org/2000/svg";
const REAL_PX = 96 / 25.4; // a millimetre of CSS
const SQUARE_MM = 5;
const BLANK_S = 0.4; // between the newest signal and the oldest
const LONGEST_S = 15;
const SMOOTH_MS = 350; // what has come is written in about the time until more comes

const element = (name, attributes, parent, text) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
};

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Paper, lead names and empty traces for the room that there is; drawn again only if that or the leads change.
const lay = (root, data) => {
  const room = root.clientWidth || 300;
  const width = Math.max(Math.min(Math.floor(room / (SQUARE_MM * REAL_PX)) * SQUARE_MM, LONGEST_S * data.speed), 40);
  const height = data.above + data.leads.length * data.row;
  const { colours } = data;
  const key = JSON.stringify([width, height, data.leads.map((lead) => lead.name), colours.paper]);
  if (root.laid?.key === key) return root.laid;
  const svg = document.createElementNS(SVG, "svg");
  const seconds = width / data.speed;
  svg.setAttribute("viewBox", `0 0 ${width} ${height + 5}`);
  svg.setAttribute("width", width * REAL_PX);
  svg.setAttribute("height", (height + 5) * REAL_PX);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "The newest seconds of the signal, at 25 mm/s and 10 mm/mV");
  const lines = (step, skip) => {
    let d = "";
    for (let x = 0; x <= width; x += step) if (!skip || x % skip) d += `M${x} 0V${height}`;
    for (let y = 0; y <= height; y += step) if (!skip || y % skip) d += `M0 ${y}H${width}`;
    return d;
  };
  element("rect", { width, height, fill: colours.paper }, svg);
  element("path", { class: "grid", d: lines(1, SQUARE_MM), stroke: colours.fine }, svg);
  element("path", { class: "grid", d: lines(SQUARE_MM, 0), stroke: colours.bold }, svg);
  const traces = data.leads.map((lead, i) => {
    element("text", { x: 1, y: data.above + i * data.row + 4, "font-size": 3.2, "font-weight": 700, fill: colours.text }, svg, lead.name);
    return element("path", { class: "trace", stroke: colours.trace, d: "" }, svg);
  });
  const letters = element("g", { class: "letters" }, svg);
  const scale = `${data.speed} mm/s · ${data.gain} mm/mV`;
  element("text", { x: width - 0.5, y: height + 3.8, "font-size": 2.6, "text-anchor": "end", fill: colours.muted }, svg, scale);
  const clock = element("text", { class: "clock", x: 0.5, y: height + 3.8, "font-size": 2.6, fill: colours.muted }, svg, "");
  root.replaceChildren(svg);
  root.laid = { key, width, height, seconds, traces, letters, clock };
  return root.laid;
};

const words = (time) => `${Math.floor(time / 60)}:${String(Math.floor(time % 60)).padStart(2, "0")}`;

// Draw all that lies in the sweep that ends at `shown` (seconds of the recording).
const sweep = (root, data, shown) => {
  const { width, seconds, traces, letters, clock } = lay(root, data);
  const from = Math.max(data.start, shown - seconds + BLANK_S);
  const first = Math.max(0, Math.ceil((from - data.start) / data.step));
  data.leads.forEach((lead, row) => {
    const last = Math.min(lead.y.length - 1, Math.floor((shown - data.start) / data.step));
    const zero = data.above + (row + 0.6) * data.row;
    const parts = [];
    let down = false;
    let before = -1;
    for (let i = first; i <= last; i += 1) {
      const x = ((data.start + i * data.step) % seconds) * data.speed;
      const y = lead.y[i];
      if (y === null || x < before) down = false;
      before = x;
      if (y === null) continue;
      const high = Math.min(Math.max(y / data.tenths, -data.row * 0.4), data.row * 0.6);
      parts.push(`${down ? "L" : "M"}${x.toFixed(2)} ${(zero - high).toFixed(2)}`);
      down = true;
    }
    traces[row].setAttribute("d", parts.join(""));
  });
  letters.replaceChildren();
  for (const beat of data.beats) {
    if (beat.at < from || beat.at > shown) continue;
    const x = Math.min(Math.max((beat.at % seconds) * data.speed, 2.2), width - 2.2); // whole, also at an edge
    const colour = data.colours.classes[beat.letter] ?? data.colours.muted;
    const group = element("g", { class: "beat", "data-letter": beat.letter }, letters);
    element("title", {}, group, `${beat.letter}, provisional`);
    // the dashed frame says that a class is provisional
    const frame = { x: x - 2, y: 3, width: 4, height: 4, rx: 0.5, fill: data.colours.paper, stroke: colour };
    element("rect", { ...frame, "stroke-width": 0.35, "stroke-dasharray": "0.8 0.6" }, group);
    element("text", { x, y: 6.1, "font-size": 3, "font-weight": 700, "text-anchor": "middle", fill: colour }, group, beat.letter);
  }
  clock.textContent = words(shown);
  root.dataset.shown = shown.toFixed(3);
};

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".live");
  const ends = data.start + Math.max((data.leads[0]?.y.length ?? 0) - 1, 0) * data.step;
  const now = performance.now();
  const begun = root.shown === undefined || root.shown > ends || root.shown < data.start;
  root.from = begun || still() || data.over ? ends : root.shown;
  root.until = ends;
  root.since = now;
  root.data = data;
  root.dataset.latest = ends.toFixed(3);
  root.dataset.written = data.written.toFixed(3);
  root.dataset.over = String(data.over);
  root.dataset.lost = String(data.lost);
  const step = () => {
    const done = Math.min(1, (performance.now() - root.since) / SMOOTH_MS);
    root.shown = root.from + (root.until - root.from) * done;
    sweep(root, root.data, root.shown);
    root.frame = done < 1 && root.isConnected ? requestAnimationFrame(step) : 0;
  };
  if (!root.frame) step();
  root.watching ??= new ResizeObserver(() => root.shown !== undefined && sweep(root, root.data, root.shown));
  root.watching.observe(root);
}
