"""Plotly figures of the review: the strip with decisions, one beat, families, intervals, a whole day. No st.*."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.common import ecg_chart
from app.common.ecg_chart import ACCENT, Array, Drawing
from app.common.theme import Palette
from pipeline.cases.strip_content import BeatMarks
from pipeline.signal.lead_names import printed_name
from pipeline.store.recordings import Envelope
from pipeline.types import FloatArray
from pipeline.wording import clock, clock_text

FAMILY_GAP_S = 0.25
DAY_CELLS = 180  # clickable places in a row of the day


@dataclass(frozen=True, eq=False)
class Shape:
    """A beat's shape: `name`, `time_s` (n,) from R, `value` (n, n_leads)."""

    name: str
    label: str
    time_s: Array
    value: Array


@dataclass(frozen=True, eq=False)
class DayRow:
    """A row of the day: when it starts, the band of its signal, and the beats to be coloured."""

    start_s: float
    band: Envelope


def beat(
    shapes: tuple[Shape, Shape | None], leads: tuple[str, ...], colours: Palette, *, others: FloatArray | None = None
) -> go.Figure:
    """One beat over its family's median, lead beside lead, both filtered as for the network.

    `others` (k, n_samples, n_leads) are more beats of the family, at the times of the one; they lie faintly below.
    """
    own, usual = shapes
    drawing = _plain(colours, height=125)
    span = float(own.time_s[-1] - own.time_s[0]) + FAMILY_GAP_S
    for number, lead in enumerate(leads):
        if others is not None and len(others):
            drawing.scatter(
                x=np.tile(np.append(own.time_s, np.nan), len(others)) + number * span,
                y=np.pad(others[:, :, number], ((0, 0), (0, 1)), constant_values=np.nan).ravel(), mode="lines",
                name="others", line={"color": colours.muted, "width": 1}, opacity=0.35,
            )  # fmt: skip
        if usual is not None:
            drawing.scatter(
                x=usual.time_s + number * span, y=usual.value[:, number], mode="lines", name="family",
                line={"color": ACCENT, "width": 2.5}, opacity=0.75,
            )  # fmt: skip
        drawing.scatter(
            x=own.time_s + number * span, y=own.value[:, number], mode="lines", name="beat",
            line={"color": colours.trace, "width": 1.5},
        )  # fmt: skip
        _caption(drawing, float(own.time_s[0]) + number * span, 1.0, html.escape(printed_name(lead)), colours)
    for trace in drawing.traces:
        trace["hoverinfo"] = "skip"
    return drawing.figure()


def families(shapes: tuple[Shape, ...], numbers: tuple[int, ...], chosen: int, colours: Palette) -> go.Figure:
    """Median beats of the first lead side by side; a click on one opens its family."""
    drawing = _plain(colours, height=210)
    if not shapes:
        return drawing.figure()
    span = float(shapes[0].time_s[-1] - shapes[0].time_s[0]) + FAMILY_GAP_S
    low = min(float(shape.value[:, 0].min()) for shape in shapes) - 0.2
    high = max(float(shape.value[:, 0].max()) for shape in shapes) + 0.3
    for place, (number, shape) in enumerate(zip(numbers, shapes, strict=True)):
        x = shape.time_s + place * span
        if number == chosen:
            drawing.band(float(x[0]), float(x[-1]), fillcolor=colours.selected, layer="below")
        drawing.scatter(
            x=x, y=shape.value[:, 0], mode="lines+markers", customdata=[number] * x.size, hovertext=shape.name,
            hovertemplate="%{hovertext}<extra></extra>", marker={"size": 9, "opacity": 0},
            line={"color": colours.classes.get(shape.label, colours.trace), "width": 2},
            selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
        )  # fmt: skip
        text = f"<b>{number + 1}</b><br>{shape.name.replace(', ', '<br>')}"
        _caption(drawing, (float(x[0]) + float(x[-1])) / 2, 1.0, text, colours, anchor="center")
    drawing.set(yaxis={"range": [low, high + 0.35 * (high - low)]}, hoverdistance=60)
    return drawing.figure()


def tachogram(time_s: Array, rr_s: Array, sample: NDArray[np.integer], label: tuple[str, ...], colours: Palette,
              window: tuple[float, float], picked: tuple[int, ...] = (), *, narrow: bool = False,
              start: datetime | None = None) -> go.Figure:  # fmt: skip
    """RR intervals over time, each in the colour of the beat that ends it; a click leads there, a drag takes several.

    `picked` beats are framed; on a `narrow` screen a drag scrolls the page. Times are of the clock if the recording
    began at `start`.
    """
    drawing = _axes(colours, height=230)
    drawing.scatter(
        x=time_s, y=1000 * rr_s, mode="lines+markers", customdata=sample, name="RR",
        line={"color": colours.gap, "width": 0.6},
        marker={"size": 3.5, "color": [colours.classes[x] for x in label], "opacity": 1},
        text=[clock_text(float(t), start, tenths=True) for t in time_s],
        hovertemplate="%{text}: %{y:.0f} ms<extra></extra>",
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip
    _frame(drawing, time_s, 1000 * rr_s, sample, picked)
    _lasso(drawing, colours, narrow=narrow)
    drawing.band(*window, fillcolor=colours.selected, layer="below")
    if time_s.size:
        ticks, texts = ecg_chart.clock_ticks(float(time_s[0]), float(time_s[-1] - time_s[0]), start)
        drawing.set(xaxis={"tickvals": ticks, "ticktext": texts})
    drawing.set(yaxis={"title": {"text": "RR (ms)", "font": {"size": 11}}})
    return drawing.figure()


def poincare(x_s: Array, y_s: Array, sample: NDArray[np.integer], colours: Palette, picked: tuple[int, ...] = (), *,
             narrow: bool = False) -> go.Figure:  # fmt: skip
    """Each normal interval over the one before it; a click leads there, a drag takes several; see `tachogram`."""
    drawing = _axes(colours, height=230)
    drawing.scatter(
        x=1000 * x_s, y=1000 * y_s, mode="markers", customdata=sample, name="NN",
        marker={"size": 4, "color": colours.classes["S"], "opacity": 0.55},
        hovertemplate="%{x:.0f} ms, then %{y:.0f} ms<extra></extra>",
        selected={"marker": {"opacity": 0.55}}, unselected={"marker": {"opacity": 0.55}},
    )  # fmt: skip
    _frame(drawing, 1000 * x_s, 1000 * y_s, sample, picked)
    _lasso(drawing, colours, narrow=narrow)
    if x_s.size:
        low, high = 1000 * min(x_s.min(), y_s.min()) - 40, 1000 * max(x_s.max(), y_s.max()) + 40
        drawing.scatter(
            x=[low, high], y=[low, high], mode="lines", hoverinfo="skip", line={"color": colours.muted, "width": 1}
        )
        drawing.set(xaxis={"range": [low, high]}, yaxis={"range": [low, high]})
    drawing.set(
        xaxis={"title": {"text": "NN (ms)", "font": {"size": 11}, "standoff": 2}},
        yaxis={"title": {"text": "next NN (ms)", "font": {"size": 11}}},
    )
    return drawing.figure()


def day(rows: tuple[DayRow, ...], row_s: float, marks: BeatMarks, window: tuple[float, float], colours: Palette,
        start: datetime | None = None) -> go.Figure:  # fmt: skip
    """The whole recording in rows, one below the other; beats that are not N in colour, every point clickable.

    Rows are named by the clock if the recording began at `start`.
    """
    drawing = _plain(colours, height=34 + max(60, 26 * len(rows)))
    drawing.set(margin={"b": 24})
    height = _typical_height(rows)
    x, y = _bands(rows, height)
    drawing.scatter(x=x, y=y, mode="lines", hoverinfo="skip", line={"color": colours.muted, "width": 0.7})
    number = (marks.time_s // row_s).astype(int)
    for label in dict.fromkeys(marks.label):
        of = np.array([mark == label for mark in marks.label], bool)
        drawing.scatter(
            x=marks.time_s[of] - number[of] * row_s, y=-number[of].astype(float), mode="markers", hoverinfo="skip",
            marker={"symbol": "line-ns", "size": 15, "line": {"width": 1.5, "color": colours.classes[label]}},
            name=label,
        )  # fmt: skip
    _clickable_day(drawing, rows, row_s, start)
    _mark_window(drawing, window, row_s, colours)
    ticks = np.linspace(0, row_s, 7)
    texts = [f"+{clock(float(tick), tenths=False)}" for tick in ticks]
    shown = {"visible": True, "showgrid": False, "color": colours.muted}
    drawing.set(
        xaxis=shown | {"range": [0, row_s], "tickvals": ticks, "ticktext": texts},
        yaxis=shown | {
            "range": [-len(rows) + 0.45, 0.55], "tickvals": [-i for i in range(len(rows))], "zeroline": False,
            "ticktext": [clock_text(row.start_s, start) for row in rows],
        },
    )  # fmt: skip
    return drawing.figure()


def _typical_height(rows: tuple[DayRow, ...]) -> float:
    """The height that most of the day's signal stays within."""
    spans = np.concatenate([row.band.high - row.band.low for row in rows]) if rows else np.zeros(0)
    spans = spans[np.isfinite(spans)]
    return float(np.percentile(spans, 98)) if spans.size and np.percentile(spans, 98) > 0 else 1.0


def _bands(rows: tuple[DayRow, ...], height: float) -> tuple[Array, Array]:
    """Zigzag lines between the lowest and the highest value of each bucket, all rows in one trace."""
    xs, ys = [np.zeros(0)], [np.zeros(0)]
    for number, row in enumerate(rows):
        both = np.stack([row.band.low, row.band.high], axis=1).astype(float)
        middle = np.nanmedian(both) if np.isfinite(both).any() else 0.0
        y = np.clip((both - middle) / height, -0.5, 0.5).ravel() * 0.8 - number
        xs += [np.repeat(row.band.time_s - row.start_s, 2), np.array([np.nan])]
        ys += [y, np.array([np.nan])]
    return np.concatenate(xs), np.concatenate(ys)


def _clickable_day(drawing: Drawing, rows: tuple[DayRow, ...], row_s: float, start: datetime | None) -> None:
    edges = np.linspace(0, row_s, DAY_CELLS + 1)
    middles = np.array([(a + b) / 2 for a, b in pairwise(edges)])
    time_s = np.concatenate([row.start_s + middles for row in rows]) if rows else np.zeros(0)
    number = np.repeat(np.arange(len(rows)), middles.size)
    drawing.scatter(
        x=np.tile(middles, len(rows)), y=-number.astype(float), mode="markers", name="places",
        customdata=[f"at {t:.3f}" for t in time_s], marker={"size": 14, "opacity": 0},
        text=[clock_text(float(t), start) for t in time_s], hovertemplate="%{text}<extra></extra>",
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
    )  # fmt: skip


def _mark_window(drawing: Drawing, window: tuple[float, float], row_s: float, colours: Palette) -> None:
    row = int(window[0] // row_s)
    left = window[0] - row * row_s
    drawing.shape(
        type="rect", x0=left, x1=max(left + row_s / 200, left + window[1] - window[0]), y0=-row - 0.48, y1=-row + 0.48,
        line={"color": colours.text, "width": 1.5}, fillcolor="rgba(0,0,0,0)",
    )  # fmt: skip


def _plain(colours: Palette, *, height: int) -> Drawing:
    drawing, hidden = Drawing(), {"visible": False, "fixedrange": True}
    drawing.set(**ecg_chart.bare_look(colours, height=height))
    drawing.set(margin={"l": 4, "r": 4, "t": 4, "b": 4}, plot_bgcolor=colours.paper, xaxis={**hidden}, yaxis={**hidden})
    return drawing


def _axes(colours: Palette, *, height: int) -> Drawing:
    drawing, plain = Drawing(), {"fixedrange": True, "color": colours.muted, "zeroline": False}
    drawing.set(**ecg_chart.bare_look(colours, height=height))
    drawing.set(
        margin={"l": 8, "r": 8, "t": 6, "b": 30}, xaxis=plain | {"showgrid": False, "tickangle": 0},
        yaxis=plain | {"gridcolor": colours.gap, "nticks": 6},
    )  # fmt: skip
    return drawing


def _frame(drawing: Drawing, x: Array, y: Array, sample: NDArray[np.integer], picked: tuple[int, ...]) -> None:
    """Rings around the beats that are picked; under the points, which take the clicks."""
    chosen = np.isin(sample, np.array(picked, np.int64))
    drawing.scatter(
        x=x[chosen], y=y[chosen], mode="markers", hoverinfo="skip", name="picked",
        marker={"symbol": "circle-open", "size": 9, "line": {"width": 2, "color": ACCENT}},
    )  # fmt: skip
    drawing.below()


def _lasso(drawing: Drawing, colours: Palette, *, narrow: bool) -> None:
    if not narrow:
        drawing.set(dragmode="lasso", newselection={"line": {"color": colours.muted}})


def _caption(drawing: Drawing, x: float, y: float, text: str, colours: Palette, anchor: str = "left") -> None:
    drawing.note(
        x=x, y=y, yref="paper", text=text, xanchor=anchor, yanchor="top",
        font={"size": 12, "color": colours.text},
    )  # fmt: skip
