// A sheet of ECG paper: never smaller than in reality, with calipers and marks that are dragged or moved by the keys.
const SVG = "http://www.w3.org/2000/svg";
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SENT_AFTER_MS = 700; // the keys are still: the mark has its place

const draw = (name, attributes, parent, text) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".sheet");
  if (root.dataset.key === data.key) return; // a redraw of the page must not move the paper
  root.dataset.key = data.key;
  const { width, height, speed, gain, least } = data;
  const state = (root.calipers ??= { on: false, x: [0.3, 0.45], y: [0.3, 0.5] }); // shares of the paper
  const scrolled = root.querySelector(".scroll")?.scrollLeft ?? 0;
  const held = root.getRootNode().activeElement?.closest?.(".handle")?.dataset.name; // keys go on moving it

  const scroll = document.createElement("div");
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "group");
  scroll.setAttribute("aria-label", data.label);
  scroll.innerHTML = data.svg;
  const svg = scroll.querySelector("svg");
  svg.style.setProperty("--paper", svg.querySelector(".paper")?.getAttribute("fill") ?? "#fff");
  const [, , , boxHeight] = svg.getAttribute("viewBox").split(" ").map(Number);
  const fit = () => {
    const dpr = window.devicePixelRatio || 1;
    const room = root.clientWidth || width * least;
    const scale = Math.max(Math.floor((5 * room * dpr) / width) / (5 * dpr), Math.ceil(5 * least * dpr) / (5 * dpr));
    svg.setAttribute("width", width * scale); // a bold square is a whole number of the screen's points
    svg.setAttribute("height", boxHeight * scale);
  };

  const clicked = (element, act) => {
    element.onclick = act;
    element.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      act();
    };
  };
  svg.querySelectorAll(".beat").forEach((one) => clicked(one, () => setTriggerValue("beat", Number(one.dataset.beat))));
  svg.querySelectorAll(".episode").forEach((one) => clicked(one, () => setTriggerValue("look", Number(one.dataset.at))));

  // A line that moves along one axis: `place` in mm, `step` of an arrow key in mm; `tick` makes it a short one.
  const handle = (kind, axis, name, place, step, told, done, tick) => {
    const [least, most] = tick?.reach ?? [0, axis === "x" ? width : height];
    const [top, foot] = tick?.span ?? [0, height];
    const group = draw("g", { class: `handle ${axis} ${kind}`, tabindex: 0, role: "slider", "aria-label": name }, svg);
    const ends = axis === "x" ? { x1: 0, x2: 0, y1: top, y2: foot } : { x1: 0, x2: width, y1: 0, y2: 0 };
    draw("line", { class: "near", ...ends }, group);
    draw("line", { class: "hair", ...ends }, group);
    const grip = tick ? { r: 0.9, cx: 0, cy: foot } : axis === "x" ? { r: 1.4, cx: 0, cy: height - 2 } : { r: 1.4, cx: width - 2, cy: 0 };
    draw("circle", { class: "grip", ...grip }, group);
    let at = place;
    const put = (value) => {
      at = Math.min(Math.max(value, least), most);
      group.setAttribute("transform", axis === "x" ? `translate(${at} 0)` : `translate(0 ${at})`);
      group.setAttribute("aria-valuetext", told(at));
    };
    let from = null;
    const take = (event) => {
      event.preventDefault();
      event.stopPropagation();
      group.focus({ preventScroll: true });
      group.setPointerCapture(event.pointerId);
      from = [axis === "x" ? event.clientX : event.clientY, at];
    };
    group.onpointerdown = (event) => (tick?.nearest(event) ?? take)(event);
    group.onpointermove = (event) => {
      if (from === null || !group.hasPointerCapture(event.pointerId)) return;
      const scale = svg.getBoundingClientRect().width / width;
      put(from[1] + ((axis === "x" ? event.clientX : event.clientY) - from[0]) / scale);
    };
    group.onpointerup = () => {
      if (from !== null && from[1] !== at) done?.(at);
      else if (from !== null) tick?.clicked();
      from = null;
    };
    let waiting = 0;
    const send = () => {
      clearTimeout(waiting);
      waiting = 0;
      done(at);
    };
    group.onkeydown = (event) => {
      const by = STEPS[event.key]?.[axis === "x" ? 0 : 1];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      put(at + by * step * (event.shiftKey ? 5 : 1));
      if (!done) return;
      clearTimeout(waiting);
      waiting = setTimeout(send, SENT_AFTER_MS);
    };
    group.onblur = () => waiting && send(); // whoever goes elsewhere at once has moved it all the same
    put(place);
    return { group, take, at: () => at };
  };

  const ticks = [];
  // Of ticks that stand closer than a finger is wide, the nearest is taken; of those as near, one that is at hand.
  const nearest = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const far = ({ mark, at }) => Math.abs(at() - x) + (mark.atHand ? 0 : 0.2);
    return ticks.reduce((best, one) => (far(one) < far(best) ? one : best)).take;
  };
  const signed = (at, mark) => {
    const by = Math.round(((at - mark.x) / speed) * 1000);
    return `${by < 0 ? "\u2212" : "+"}${Math.abs(by)} ms`;
  };
  (data.marks ?? []).forEach((mark, i) => {
    let said = null;
    const milliseconds = (at) => {
      if (said) said.textContent = at === mark.x ? mark.label : `${mark.label} ${signed(at, mark)}`;
      return `${Math.round(((at - mark.x) / speed) * 1000)} ms from where it was`;
    };
    const done = (at) => setTriggerValue("moved", [mark.name, at]);
    const clicked = () => setTriggerValue("beat", mark.beat);
    const tick = mark.span && { ...mark, nearest, clicked };
    const kind = !tick ? "mark" : mark.atHand ? "tick hand" : "tick";
    const one = handle(kind, "x", mark.words ?? mark.label, mark.x, 0.002 * speed, milliseconds, done, tick);
    one.group.dataset.name = mark.name;
    if (!tick) {
      draw("text", { x: 0.8, y: 3 + (i % 3) * 3, "font-size": 2.6 }, one.group, mark.label);
      return;
    }
    const late = mark.x > width - 25;
    const place = { x: late ? -0.8 : 0.8, y: mark.span[0] - 1.2, "font-size": 2.8, "text-anchor": late ? "end" : "start" };
    said = draw("text", place, one.group, mark.label);
    one.group.style.setProperty("--tick", mark.colour);
    if (mark.moved) draw("circle", { class: "own", r: 0.8, cx: 0, cy: mark.span[0] }, one.group);
    if (!mark.atHand) one.group.setAttribute("tabindex", -1); // Tab goes through the marks of one beat
    ticks.push({ ...one, mark });
  });

  const tools = document.createElement("div");
  tools.className = "tools";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Calipers";
  button.title = "Two pairs of lines: the time and the height between them";
  const said = document.createElement("output");
  tools.append(button, said);
  let lines = [];
  let near = null; // the same words where the lines cross
  const tell = () => {
    const seconds = (Math.abs(state.x[1] - state.x[0]) * width) / speed;
    const rate = seconds > 0.03 ? ` · ${Math.round(60 / seconds)}/min` : "";
    const high = gain ? ` · ${((Math.abs(state.y[1] - state.y[0]) * height) / gain).toFixed(2)} mV` : "";
    said.textContent = state.on ? `${Math.round(seconds * 1000)} ms${rate}${high}` : "";
    if (near) {
      near.setAttribute("x", (Math.min(...state.x) + 0.004) * width);
      near.setAttribute("y", Math.max(Math.min(...state.y) * height - 1.2, 3));
      near.textContent = said.textContent;
    }
    return said.textContent;
  };
  const calipers = () => {
    [...lines, near].forEach((line) => line?.remove());
    [lines, near] = [[], null];
    button.setAttribute("aria-pressed", String(state.on));
    tell();
    if (!state.on) return;
    near = draw("text", { class: "said", "font-size": 3 }, svg);
    for (const axis of gain ? ["x", "y"] : ["x"]) {
      const most = axis === "x" ? width : height;
      state[axis].forEach((share, i) => {
        const told = (at) => {
          state[axis][i] = at / most;
          return tell();
        };
        const step = axis === "x" ? 0.002 * speed : 0.02 * gain;
        const name = `${axis === "x" ? "Time" : "Height"} caliper ${i + 1}`;
        lines.push(handle("caliper", axis, name, share * most, step, told).group);
      });
    }
  };
  button.onclick = () => {
    if (!state.on && scroll.clientWidth < svg.clientWidth) {
      const first = (scroll.scrollLeft + scroll.clientWidth * 0.3) / svg.clientWidth; // where the reader looks
      state.x = [first, first + (scroll.clientWidth * 0.3) / svg.clientWidth];
    }
    state.on = !state.on;
    calipers();
  };

  root.replaceChildren(tools, scroll);
  fit();
  calipers();
  scroll.scrollLeft = scrolled;
  const again = held && [...svg.querySelectorAll(".handle")].find((one) => one.dataset.name === held);
  again?.focus({ preventScroll: true });
  root.watching?.disconnect();
  root.watching = new ResizeObserver(fit);
  root.watching.observe(root);
}
