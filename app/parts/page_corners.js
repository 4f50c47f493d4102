// Four corners over a photo: dragged, or moved by the arrow keys; told only when the button is pressed.
const SVG = "http://www.w3.org/2000/svg";
const NAMES = ["Top left corner", "Top right corner", "Bottom right corner", "Bottom left corner"];
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const draw = (name, attributes, parent) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
};

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".corners");
  if (root.dataset.key === data.key) return; // a redraw of the page must not take back what was dragged
  root.dataset.key = data.key;
  const { width, height } = data;
  const size = Math.max(width, height);
  const points = data.corners.map((corner) => [...corner]);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", "The page with the four corners of its paper");
  draw("image", { href: data.picture, width, height }, svg);
  const ring = draw("polygon", {}, svg);
  const button = document.createElement("button");
  const keep = (value, most) => Math.min(Math.max(value, 0), most - 1);
  const handles = NAMES.map((name) => {
    const handle = draw("g", { class: "handle", tabindex: 0, role: "slider", "aria-label": name }, svg);
    draw("circle", { class: "near", r: size * 0.035 }, handle);
    draw("circle", { class: "ring", r: size * 0.012 }, handle);
    draw("circle", { class: "dot", r: size * 0.003 }, handle);
    return handle;
  });
  const show = () => {
    ring.setAttribute("points", points.map((point) => point.join(",")).join(" "));
    handles.forEach((handle, i) => {
      handle.setAttribute("transform", `translate(${points[i].join(" ")})`);
      handle.setAttribute("aria-valuetext", `${Math.round(points[i][0])}, ${Math.round(points[i][1])} pixels`);
    });
  };
  const move = (i, x, y) => {
    points[i] = [keep(x, width), keep(y, height)];
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
  button.textContent = "Read the page with these corners";
  button.disabled = true;
  button.onclick = () => setTriggerValue("corners", points);
  const hint = document.createElement("span");
  hint.className = "hint";
  hint.textContent = "Drag the rings to the corners of the paper; arrow keys move a chosen one, with Shift further.";
  const line = document.createElement("div");
  line.className = "line";
  line.append(button, hint);
  root.replaceChildren(svg, line);
  show();
}
