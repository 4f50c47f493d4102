// One row per study; on a phone one card. All texts go in as text, never as HTML.
const TONES = {
  light: ["#b3261e", "#c2410c", "#a16207", "#4d6b1f", "#0b6b6b", "#2b6cb0", "#6b5ca5", "#6b7280"],
  dark: ["#ff8a80", "#ffab70", "#f2cc60", "#b5d67a", "#6fd6cf", "#7ab8f5", "#c4b5fd", "#aab4be"],
};
const make = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const when = (iso) => {
  const at = new Date(iso);
  const pad = (n) => String(n).padStart(2, "0");
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
  const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return new Date().toDateString() === at.toDateString() ? `today ${time}` : `${day} ${time}`;
};

export default function ({ data, parentElement, setTriggerValue }) {
  const tones = TONES[data.dark ? "dark" : "light"];
  const link = (address, text, trigger, id) => {
    const element = make("a", "", text);
    element.href = address;
    element.onclick = (event) => {
      event.stopPropagation();
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      setTriggerValue(trigger, id);
    };
    return element;
  };
  const heading = (column) => {
    const cell = make("th", column.key);
    if (column.title) cell.title = column.title;
    cell.scope = "col";
    const sorted = column.key === data.sort;
    if (!column.sortable) {
      cell.textContent = column.label;
      return cell;
    }
    cell.setAttribute("aria-sort", sorted ? (data.descending ? "descending" : "ascending") : "none");
    const button = make("button", "", column.label);
    button.type = "button";
    if (sorted) button.append(make("span", "arrow", data.descending ? " ▼" : " ▲"));
    button.onclick = () => setTriggerValue("sort", column.key);
    cell.append(button);
    return cell;
  };
  const line = (study) => {
    const row = make("tr");
    row.onclick = () => {
      if (!String(window.getSelection())) setTriggerValue("open", study.address);
    };
    const cell = (name, ...parts) => {
      const element = make("td", name);
      element.append(...parts);
      row.append(element);
      return element;
    };
    const level = make("span", "level", study.priority || "–");
    level.style.setProperty("--tone", tones[(study.priority || 8) - 1]);
    level.title = study.priority ? `Priority ${study.priority} of 8` : "No finding";
    cell("priority", level);
    const name = link(study.review, study.record, "open", study.address);
    name.className = "name";
    cell("record", name, make("div", "small", study.model));
    const state = make("span", `state ${study.state}`, study.state_words);
    cell("state", state, ...(study.second ? [make("div", "small", study.second)] : []));
    cell("findings", study.findings);
    cell("v number", study.v);
    cell("s number", study.s);
    cell("reader", study.reader || make("span", "nobody", "nobody yet"));
    cell("duration_s number", study.duration);
    const time = make("time", "", when(study.updated));
    time.dateTime = study.updated;
    cell("updated", time);
    cell("more", link(study.page, study.signed ? "Report" : "Sign-off", "page", study.address));
    return row;
  };
  const table = make("table");
  table.setAttribute("aria-label", "Studies");
  const head = make("tr");
  head.append(...data.columns.map(heading));
  const top = make("thead");
  top.append(head);
  const body = make("tbody");
  body.append(...data.rows.map(line));
  table.append(top, body);
  parentElement.querySelector(".worklist").replaceChildren(table);
}
