// Marks over a picture: rings and lines, dragged or moved by the arrow keys; sent only when the button is pressed.
const SVG = "http://www.w3.org/2000/svg";
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const draw = (name, attributes, parent) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
};

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".marks");
  if (root.dataset.key === data.key) return; // a redraw of the page must not take back what was dragged
  root.dataset.key = data.key;
  const { width, height, marks } = data;
  const size = Math.max(width, height);
  const points = marks.map((mark) => [mark.x, mark.y]);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", data.label);
  draw("image", { href: data.picture, width, height }, svg);
  const free = marks.flatMap((mark, i) => (mark.axis ? [] : [i]));
  const ring = draw(free.length > 2 ? "polygon" : "polyline", {}, svg);
  const button = document.createElement("button");
  const keep = (value, most) => Math.min(Math.max(value, 0), most - 1);
  const handles = marks.map((mark) => {
    const handle = draw("g", { class: `handle ${mark.axis}`, tabindex: 0, role: "slider", "aria-label": mark.name }, svg);
    if (mark.axis === "x") draw("line", { x1: 0, x2: 0, y1: -mark.y, y2: height - mark.y }, handle);
    if (mark.axis === "y") draw("line", { y1: 0, y2: 0, x1: -mark.x, x2: width - mark.x }, handle);
    draw("circle", { class: "near", r: size * (mark.axis ? 0.02 : 0.035) }, handle);
    draw("circle", { class: "ring", r: size * 0.012 }, handle);
    draw("circle", { class: "dot", r: size * 0.003 }, handle);
    return handle;
  });
  const show = () => {
    ring.setAttribute("points", free.map((i) => points[i].join(",")).join(" "));
    handles.forEach((handle, i) => {
      const [x, y] = points[i].map(Math.round);
      const told = { x: `column ${x}`, y: `row ${y}` }[marks[i].axis] ?? `${x}, ${y} pixels`;
      handle.setAttribute("transform", `translate(${points[i].join(" ")})`);
      handle.setAttribute("aria-valuetext", told);
    });
  };
  const move = (i, x, y) => {
    const { axis } = marks[i];
    points[i] = [axis === "y" ? points[i][0] : keep(x, width), axis === "x" ? points[i][1] : keep(y, height)];
    button.disabled = false;
    show();
  };
  handles.forEach((handle, i) => {
    handle.onpointerdown = (event) => {
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
    };
    handle.onpointermove = (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = svg.getBoundingClientRect();
      move(i, ((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height);
    };
    handle.onkeydown = (event) => {
      const step = STEPS[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const far = (size / 1000) * (event.shiftKey ? 10 : 1);
      move(i, points[i][0] + step[0] * far, points[i][1] + step[1] * far);
    };
  });
  button.type = "button";
  button.textContent = data.button;
  button.disabled = true;
  button.onclick = () => setTriggerValue("moved", points);
  const hint = document.createElement("span");
  hint.className = "hint";
  hint.textContent = data.hint;
  const line = document.createElement("div");
  line.className = "line";
  line.append(button, hint);
  root.replaceChildren(svg, line);
  show();
}
