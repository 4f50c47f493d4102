"""Calipers: a drag over the strip measures an interval; all are kept, drawn there and listed with their rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from app.common.viewport import Looking, Span, moved_end
from pipeline.wording import interval

HOW = "Drag over the strip to measure an interval; drag an end to move it."
LISTED = 5  # rows without scrolling
ROW_PX = 36
INTERVAL_PX = 160  # so that the buttons beside the intervals stand below each other


@dataclass(frozen=True)
class Calipers:
    """What is measured, and who keeps it.

    Attributes
    ----------
    spans : tuple of Span
        From and to, seconds, in the order in which they were measured.
    put : callable
        Takes an old interval, or None, and a new one, or None for removing the old.
    kept : str
        Where they are kept, in words.
    """

    spans: tuple[Span, ...]
    put: Callable[[Span | None, Span | None], None]
    kept: str

    def drag(self, start_s: float, stop_s: float, grip_s: float) -> None:
        """Take a drag: it moves an end that it took hold of, else measures what it went over."""
        for span in reversed(self.spans):
            if (new := moved_end(span, (start_s, stop_s), grip_s)) is not None:
                self.put(span, new)
                return
        self.put(None, (start_s, stop_s))


def switch(looking: Looking, key: str, changed: Callable[[], None], *, hint: str = "") -> None:
    """Draw the button that turns them on and off.

    Parameters
    ----------
    looking : Looking
        The session.
    key : str
        Name of the button.
    changed : callable
        Called when they were turned on or off: charts get fresh keys.
    hint : str, optional
        The key that presses it.
    """

    def turn() -> None:
        looking.calipers = not looking.calipers
        changed()

    st.button(
        "", icon=":material/straighten:", key=key, on_click=turn, help=f"Calipers: {HOW}{hint}",
        type="primary" if looking.calipers else "tertiary",
    )  # fmt: skip


def pin(looking: Looking, key: str, *, hint: str = "") -> None:
    """Draw the button that keeps the window above the strip.

    Parameters
    ----------
    looking : Looking
        The session.
    key : str
        Name of the button.
    hint : str, optional
        The key that presses it.
    """
    pinned = looking.pinned_s is not None
    what = "Let go of the place above the strip" if pinned else "Compare: keep this place above the strip"
    st.button(
        "", icon=":material/push_pin:", key=key, on_click=looking.pin, help=f"{what}{hint}",
        type="primary" if pinned else "tertiary",
    )  # fmt: skip


def table(calipers: Calipers, key: str, *, when: Callable[[float], str], go: Callable[[float], None]) -> None:
    """Draw what is measured as a small table: where, how long, which rate, and a button to take it away.

    Parameters
    ----------
    calipers : Calipers
        What is measured.
    key : str
        Begins the names of the buttons.
    when : callable
        Writes a time, seconds.
    go : callable
        Goes to a time.
    """
    if not calipers.spans:
        st.caption(HOW)
        return
    high: Literal["content"] | int = "content" if len(calipers.spans) <= LISTED else LISTED * ROW_PX
    with st.container(height=high, border=False, gap=None, key=f"{key}-list"):
        for number, (start, stop) in enumerate(calipers.spans):
            row = st.container(horizontal=True, vertical_alignment="center", gap="small")
            row.button(
                when(start), key=f"{key}-go-{number}", type="tertiary", on_click=go, args=(start,), help="Go there",
                width="content",
            )  # fmt: skip
            row.markdown(f"**{interval(stop - start)}**", width=INTERVAL_PX)
            row.button(
                "", icon=":material/close:", key=f"{key}-away-{number}", type="tertiary", help="Remove",
                on_click=calipers.put, args=((start, stop), None),
            )  # fmt: skip
    st.caption(f"{_mean(calipers.spans)}{HOW} {calipers.kept}")


def _mean(spans: Sequence[Span]) -> str:
    """The mean of several intervals, as of RR over some beats."""
    if len(spans) < 2:
        return ""
    return f"Mean of {len(spans)}: {interval(sum(stop - start for start, stop in spans) / len(spans))}. "
