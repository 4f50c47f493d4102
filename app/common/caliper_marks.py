"""Calipers as they stand on a strip: two lines, and between them how long the interval is and which rate. No st.*."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.common.theme import Palette
from app.common.viewport import Span
from pipeline.wording import interval

if TYPE_CHECKING:
    from app.common.ecg_chart import Drawing

LOWEST, STEP, HIGHEST = 0.07, 0.1, 0.87  # of the strip: where the lines across stand, one above the other


def draw_calipers(drawing: Drawing, spans: Sequence[Span], window: Span, colours: Palette) -> None:
    """Draw all that lie in the window; those that overlap stand one above the other.

    Parameters
    ----------
    drawing : Drawing
        The strip.
    spans : sequence of Span
        What is measured, in seconds.
    window : Span
        What the strip shows.
    colours : Palette
        Colours of the page.
    """
    shown = sorted(span for span in spans if span[0] < window[1] and span[1] > window[0])
    for span, level in zip(shown, levels(shown), strict=True):
        height = LOWEST + STEP * level
        height = LOWEST + (height - LOWEST) % (HIGHEST - LOWEST)
        left, right = max(span[0], window[0]), min(span[1], window[1])
        line = {"type": "line", "yref": "y domain", "line": {"width": 1.5, "color": colours.text}}
        for end in span:
            if window[0] <= end <= window[1]:
                drawing.shape(x0=end, x1=end, y0=0, y1=1, **line)
        drawing.shape(x0=left, x1=right, y0=height, y1=height, **line)
        drawing.note(
            x=(left + right) / 2, y=height, yref="y domain", yanchor="bottom", yshift=2, borderpad=1,
            text=f"<b>{interval(span[1] - span[0])}</b>", font={"size": 12, "color": colours.text},
            bgcolor=colours.paper, opacity=0.92,
        )  # fmt: skip


def levels(spans: Sequence[Span]) -> list[int]:
    """Return for each of some stretches, in order of their start, the lowest row in which it overlaps none before it.

    Examples
    --------
    >>> levels([(0, 2), (1, 3), (2, 4)])
    [0, 1, 0]
    """
    ends: list[float] = []
    found = []
    for start, stop in spans:
        row = next((row for row, end in enumerate(ends) if end <= start), len(ends))
        ends[row : row + 1] = [stop]
        found.append(row)
    return found
