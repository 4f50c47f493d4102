"""The keyboard of the review: each key presses the button of the same name, never while a text is typed."""

from __future__ import annotations

import streamlit as st

# Streamlit's own shortcuts refuse C and R and repeat a held key; a decision must be taken once, by C and R too.
KEYS = {
    "ArrowDown": "review-next",
    "j": "review-next",
    "ArrowUp": "review-previous",
    "k": "review-previous",
    "ArrowRight": "review-next-beat",
    "ArrowLeft": "review-previous-beat",
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
    "u": "review-undo",
    "r": "review-redo",
    "?": "review-help",
}
HELP = (
    ("↓ or J, ↑ or K", "next, previous finding"),
    ("→, ←", "next, previous beat of the finding"),
    ("Shift → , Shift ←", "a window later, earlier"),
    ("C", "confirm what the model says, of a group for all of it"),
    ("O", "go through a group one by one; close it again"),
    ("Shift C", "in a group: confirm all of it that is still open"),
    ("N S V F Q", "give this class"),
    ("X", "beats: artefact, intervals are not measured across it; a rhythm or statement: it is not this"),
    ("E, W", "change the name or the ends of a rhythm; name a stretch, an artefact or a patient event"),
    ("L", "give families that look the same the same class"),
    ("D", "delete, not a beat: the interval is measured across it"),
    ("A", "add a missed beat at the place you click next"),
    ("G, B, M", "decide about the whole row, this beat only, its whole family"),
    ("U, R", "undo, redo"),
    ("?", "this help"),
)
_JS = """
const TYPING = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable=true]";
const ARROWS = "[role=slider], [role=tab], [role=radio], [role=listbox] [role=option] input, [role=combobox]";
export default function ({ data, parentElement }) {
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
    document.querySelector(".st-key-" + name + " button:not([disabled])")?.click();
  };
  if (parentElement.pressed) window.removeEventListener("keydown", parentElement.pressed, true);
  parentElement.pressed = press;
  window.addEventListener("keydown", press, true);
  document.documentElement.dataset.keys = "review";
  return () => {
    window.removeEventListener("keydown", press, true);
    delete document.documentElement.dataset.keys;
  };
}
"""

_listen = st.components.v2.component("heartvision_review_keys", js=_JS)


def listen() -> None:
    """Makes the keys work while the page is open."""
    _listen(key="review-keys", data={"keys": KEYS}, height=1, width=1)


@st.dialog("Keys", width="medium")
def explain() -> None:
    """What each key does."""
    rows = "\n".join(f"| `{keys}` | {meaning} |" for keys, meaning in HELP)
    st.markdown(f"| Key | What it does |\n|---|---|\n{rows}")
    st.caption("Keys do nothing while you type in a field. A held key decides once.")
