"""The keyboard of the review: each key presses the button of the same name, never while a text is typed."""

from __future__ import annotations

import uuid

import streamlit as st

# Streamlit's own shortcuts refuse C and R and repeat a held key; a decision must be taken once, by C and R too.
KEYS = {
    "ArrowDown": "review-next",
    "j": "review-next",
    "ArrowUp": "review-previous",
    "k": "review-previous",
    "ArrowRight": "review-next-beat",
    "ArrowLeft": "review-previous-beat",
    "Shift+ArrowDown": "review-block",
    "Shift+ArrowRight": "review-later",
    "Shift+ArrowLeft": "review-earlier",
    "n": "review-N",
    "s": "review-S",
    "v": "review-V",
    "f": "review-F",
    "q": "review-Q",
    "c": "review-confirm",
    "x": "review-reject",
    "d": "review-delete",
    "a": "review-add",
    "b": "review-scope-beat",
    "g": "review-scope-finding",
    "m": "review-scope-family",
    "Shift+c": "review-rest",
    "o": "review-open",
    "e": "review-rename",
    "w": "review-name",
    "l": "review-alike",
    "i": "review-calipers",
    "p": "review-pin",
    "u": "review-undo",
    "r": "review-redo",
    "t": "review-onward",
    "?": "review-help",
}
# A key that moves waits while the page is at work; one that decides is refused: what it would be about may change.
MOVES = sorted(
    {name for key, name in KEYS.items() if "Arrow" in key or key in "jkbgmoip"} | {"review-help", "review-onward"}
)
STILL = ["review-rename", "review-name"]  # these open a form, and the server hears nothing of it
HELP = (
    ("↓ or J, ↑ or K", "next, previous finding"),
    ("→, ←", "next, previous beat of the finding"),
    ("Shift → , Shift ←", "a window later, earlier"),
    ("C", "confirm what the model says, of a group for all of it"),
    ("O", "go through a group one by one; close it again"),
    ("Shift ↓", "in a group: past the members that are drawn side by side"),
    ("Shift C", "in a group: confirm all of it that is still open"),
    ("N S V F Q", "give this class"),
    ("X", "beats: artefact, intervals are not measured across it; a rhythm or statement: it is not this"),
    ("E, W", "change the name or the ends of a rhythm; name a stretch, an artefact or a patient event"),
    ("L", "give families that look the same the same class"),
    ("D", "delete, not a beat: the interval is measured across it"),
    ("A", "add a missed beat at the place you click next"),
    ("G, B, M", "decide about the whole row, this beat only, its whole family"),
    ("I", "calipers: a drag over the strip measures an interval; again to put them away"),
    ("P", "keep this place above the strip, to compare it with another; again to let it go"),
    ("U, R", "undo, redo"),
    ("T", "to sign-off; on a signed study, to the next study"),
    ("?", "this help"),
)
_JS = """
const TYPING = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable=true]";
const LOST_MS = 20000;  // after this, a press that nothing came of is over
const ARROWS = "[role=slider], [role=tab], [role=radio], [role=listbox] [role=option] input, [role=combobox]";
export default function ({ data, parentElement }) {
  const now = () => performance.now();
  const app = document.querySelector("[data-testid=stApp]");
  const running = () => app?.dataset.testScriptState === "running";
  const state = (window.reviewKeys ??= { queue: [], pressed: -1e9, run: "", timer: 0, note: null });
  if (state.run !== data.run) state.pressed = -1e9;  // what was pressed last has been carried out, and this is its end
  state.run = data.run;
  const busy = () => {
    if (now() - state.pressed < LOST_MS || running()) return true;
    return !!document.querySelector("[data-stale=true]");
  };
  state.busy = busy;
  const say = (words) => {
    state.note?.remove();
    state.note = document.createElement("div");
    state.note.setAttribute("role", "status");
    state.note.textContent = words;
    state.note.style.cssText = "position:fixed;left:50%;bottom:18px;transform:translateX(-50%);z-index:1000000;" +
      "background:#16181d;color:#fff;padding:8px 14px;border-radius:6px;font:14px sans-serif";
    document.body.append(state.note);
    setTimeout((note) => note.remove(), 1800, state.note);
  };
  const click = (name) => {
    const target = document.querySelector(`.st-key-${name} :is(button:not([disabled]), a[href])`);
    if (!target) return;
    if (!data.still.includes(name)) state.pressed = now();
    target.click();
  };
  const wait = () => {
    clearInterval(state.timer);
    state.timer = setInterval(() => {
      if (busy()) return;
      if (state.queue.length) click(state.queue.shift());
      else clearInterval(state.timer);
    }, 25);
  };
  const take = (name, repeated) => {
    if (!busy() && !state.queue.length) click(name);
    else if (data.moves.includes(name)) {
      if (!repeated || !state.queue.length) state.queue.push(name);
    } else return say("Not taken: the last key is still at work. Press again.");
    wait();
  };
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("[role=dialog]")) return;
    const at = event.composedPath()[0];
    if (at.closest?.(TYPING)) return;
    const arrow = event.key.startsWith("Arrow");
    if (arrow && at.closest?.(ARROWS)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const name = (event.shiftKey && data.keys["Shift+" + key]) || data.keys[key];
    if (!name) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.repeat && !arrow) return;
    take(name, event.repeat);
  };
  if (parentElement.pressed) window.removeEventListener("keydown", parentElement.pressed, true);
  parentElement.pressed = press;
  window.addEventListener("keydown", press, true);
  document.documentElement.dataset.keys = "review";
  return () => {
    window.removeEventListener("keydown", press, true);
    state.queue.length = 0;
    delete document.documentElement.dataset.keys;
  };
}
"""

_listen = st.components.v2.component("heartvision_review_keys", js=_JS)


def listen() -> None:
    """Makes the keys work while the page is open; drawn last, it tells the browser that a run has come to its end."""
    told = {"keys": KEYS, "moves": MOVES, "still": STILL, "run": uuid.uuid4().hex}
    _listen(key="review-keys", data=told, height=1, width=1)


@st.dialog("Keys", width="medium")
def explain() -> None:
    """What each key does."""
    rows = "\n".join(f"| `{keys}` | {meaning} |" for keys, meaning in HELP)
    st.markdown(f"| Key | What it does |\n|---|---|\n{rows}")
    st.caption(
        "Keys do nothing while you type in a field. A held key decides once. While the page is at work, a key that "
        "moves waits, and one that decides is refused with a note: it might be about something you have not seen."
    )
