"""Draws a page again when the browser's theme changes: charts and SVG have the colours of when they were drawn."""

from __future__ import annotations

import streamlit as st

_EVERY_MS = 500
# Streamlit sends no event for a change of theme. What was seen last outlives a call: one may come with the change.
_JS = f"""
let last = "";
export default function ({{ parentElement, setTriggerValue }}) {{
  const look = () => {{
    const now = getComputedStyle(parentElement.host || parentElement).getPropertyValue("--st-background-color");
    if (last && now && now !== last) setTriggerValue("theme", now);
    last = now || last;
  }};
  look();
  const timer = setInterval(look, {_EVERY_MS});
  return () => clearInterval(timer);
}}
"""


def watch() -> None:
    """Run the page again, with the colours of the new theme, whenever that changes."""
    component = st.components.v2.component("heartvision_theme", js=_JS)
    component(key="theme-change", height=1, width=1, on_theme_change=lambda: None)
