"""Plotly figures of the review: the strip with decisions, one beat, families, intervals, a whole day. No st.*."""

from __future__ import annotations

import html
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.common import ecg_chart
from app.common.ecg_chart import Array, Lead, Marks
from app.common.theme import Palette
from pipeline.store.recordings import Envelope
from pipeline.types import FloatArray, QualitySegment
from pipeline.wording import clock

STRIP_PX, PHONE_PX = 1000, 340  # width of the paper beside the list on a wide screen, and on a phone
HIGHEST_PX = 335
FAMILY_GAP_S = 0.25
ADD_STEP_S = 0.02
DAY_CELLS = 180  # clickable places in a row of the day
ACCENT = "#3f7fd0"  # what a decision is about, and what a beat is compared with; readable on both papers


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


def strip(
    leads: tuple[Lead, ...],
    marks: Marks,
    notes: tuple[str, ...],
    colours: Palette,
    *,
    start_s: float,
    window_s: float,
    selected: int,
    target: tuple[int, ...],
    quality: tuple[QualitySegment, ...] = (),
    adding: bool = False,
    narrow: bool = False,
) -> go.Figure:
    """The strip of the page with what decisions are about framed; `adding` makes every place clickable.

    Where there is room, a drag selects all beats in a stretch; on a `narrow` screen it scrolls the page.
    """
    figure = ecg_chart.strip(
        leads, marks, colours, start_s=start_s, window_s=window_s, quality=quality, selected=selected, notes=notes,
        paper_px=PHONE_PX if narrow else STRIP_PX, highest_px=HIGHEST_PX,
    )  # fmt: skip
    aimed = np.isin(marks.beat, np.array(target, np.int64))
    row = next(trace for trace in figure.data if trace.name == "beats").y
    figure.add_scatter(
        x=marks.time_s[aimed], y=list(np.array(row)[aimed]), mode="markers", hoverinfo="skip", name="target",
        marker={"symbol": "square-open", "size": 17 if window_s > 20 else 26,
                "line": {"width": 2.5, "color": ACCENT}},
    )  # fmt: skip
    figure.data = (figure.data[-1], *figure.data[:-1])  # under the letters, so that these get the clicks
    if not narrow and not adding:
        figure.update_layout(dragmode="select", selectdirection="h", newselection={"line": {"color": colours.muted}})
    if adding:
        _places(figure, leads[0], start_s, window_s)
    return figure


def beat(
    shapes: tuple[Shape, Shape | None], leads: tuple[str, ...], colours: Palette, *, others: FloatArray | None = None
) -> go.Figure:
    """One beat over its family's median, lead beside lead, both as the network gets them (filtered).

    `others` (k, n_samples, n_leads) are more beats of the family, at the times of the one; they lie faintly below.
    """
    own, usual = shapes
    figure = _plain(colours, height=125)
    span = float(own.time_s[-1] - own.time_s[0]) + FAMILY_GAP_S
    for number, lead in enumerate(leads):
        if others is not None and len(others):
            figure.add_scatter(
                x=np.tile(np.append(own.time_s, np.nan), len(others)) + number * span,
                y=np.pad(others[:, :, number], ((0, 0), (0, 1)), constant_values=np.nan).ravel(), mode="lines",
                name="others", line={"color": colours.muted, "width": 1}, opacity=0.35,
            )  # fmt: skip
        if usual is not None:
            figure.add_scatter(
                x=usual.time_s + number * span, y=usual.value[:, number], mode="lines", name="family",
                line={"color": ACCENT, "width": 2.5}, opacity=0.75,
            )  # fmt: skip
        figure.add_scatter(
            x=own.time_s + number * span, y=own.value[:, number], mode="lines", name="beat",
            line={"color": colours.trace, "width": 1.5},
        )  # fmt: skip
        _caption(figure, float(own.time_s[0]) + number * span, 1.0, html.escape(lead), colours)
    figure.update_traces(hoverinfo="skip")
    return figure


def families(shapes: tuple[Shape, ...], numbers: tuple[int, ...], chosen: int, colours: Palette) -> go.Figure:
    """Median beats of the first lead side by side; a click on one leads to its family."""
    figure = _plain(colours, height=210)
    if not shapes:
        return figure
    span = float(shapes[0].time_s[-1] - shapes[0].time_s[0]) + FAMILY_GAP_S
    low = min(float(shape.value[:, 0].min()) for shape in shapes) - 0.2
    high = max(float(shape.value[:, 0].max()) for shape in shapes) + 0.3
    for place, (number, shape) in enumerate(zip(numbers, shapes, strict=True)):
        x = shape.time_s + place * span
        if number == chosen:
            figure.add_vrect(float(x[0]), float(x[-1]), fillcolor=colours.selected, line_width=0, layer="below")
        figure.add_scatter(
            x=x, y=shape.value[:, 0], mode="lines+markers", customdata=[number] * x.size, hovertext=shape.name,
            hovertemplate="%{hovertext}<extra></extra>", marker={"size": 9, "opacity": 0},
            line={"color": colours.classes.get(shape.label, colours.trace), "width": 2},
            selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
        )  # fmt: skip
        text = f"<b>{number + 1}</b><br>{shape.name.replace(', ', '<br>')}"
        _caption(figure, (float(x[0]) + float(x[-1])) / 2, 1.0, text, colours, anchor="center")
    figure.update_yaxes(range=[low, high + 0.35 * (high - low)])
    figure.update_layout(hoverdistance=60)
    return figure


def tachogram(time_s: Array, rr_s: Array, sample: NDArray[np.integer], label: tuple[str, ...], colours: Palette,
              window: tuple[float, float], picked: tuple[int, ...] = (), *, narrow: bool = False,
              ) -> go.Figure:  # fmt: skip
    """RR intervals over time, each in the colour of the beat that ends it; a click leads there, a drag takes several.

    `picked` beats are framed; on a `narrow` screen a drag scrolls the page.
    """
    figure = _axes(colours, height=230)
    figure.add_scatter(
        x=time_s, y=1000 * rr_s, mode="lines+markers", customdata=sample, name="RR",
        line={"color": colours.gap, "width": 0.6},
        marker={"size": 3.5, "color": [colours.classes[x] for x in label], "opacity": 1},
        text=[clock(float(t)) for t in time_s], hovertemplate="%{text}: %{y:.0f} ms<extra></extra>",
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip
    _frame(figure, time_s, 1000 * rr_s, sample, picked)
    _lasso(figure, colours, narrow=narrow)
    figure.add_vrect(*window, fillcolor=colours.selected, line_width=0, layer="below")
    if time_s.size:
        ticks, texts = ecg_chart.clock_ticks(float(time_s[0]), float(time_s[-1] - time_s[0]))
        figure.update_xaxes(tickvals=ticks, ticktext=texts)
    figure.update_yaxes(title={"text": "RR (ms)", "font": {"size": 11}})
    return figure


def poincare(x_s: Array, y_s: Array, sample: NDArray[np.integer], colours: Palette, picked: tuple[int, ...] = (), *,
             narrow: bool = False) -> go.Figure:  # fmt: skip
    """Each normal interval over the one before it; a click leads there, a drag takes several; see `tachogram`."""
    figure = _axes(colours, height=230)
    figure.add_scatter(
        x=1000 * x_s, y=1000 * y_s, mode="markers", customdata=sample, name="NN",
        marker={"size": 4, "color": colours.classes["S"], "opacity": 0.55},
        hovertemplate="%{x:.0f} ms, then %{y:.0f} ms<extra></extra>",
        selected={"marker": {"opacity": 0.55}}, unselected={"marker": {"opacity": 0.55}},
    )  # fmt: skip
    _frame(figure, 1000 * x_s, 1000 * y_s, sample, picked)
    _lasso(figure, colours, narrow=narrow)
    if x_s.size:
        low, high = 1000 * min(x_s.min(), y_s.min()) - 40, 1000 * max(x_s.max(), y_s.max()) + 40
        figure.add_scatter(
            x=[low, high], y=[low, high], mode="lines", hoverinfo="skip", line={"color": colours.muted, "width": 1}
        )
        figure.update_xaxes(range=[low, high])
        figure.update_yaxes(range=[low, high])
    figure.update_xaxes(title={"text": "NN (ms)", "font": {"size": 11}, "standoff": 2})
    figure.update_yaxes(title={"text": "next NN (ms)", "font": {"size": 11}})
    return figure


def day(rows: tuple[DayRow, ...], row_s: float, marks: Marks, window: tuple[float, float], colours: Palette
        ) -> go.Figure:  # fmt: skip
    """The whole recording, one row under the other; beats that are not N in colour, every place clickable."""
    figure = _plain(colours, height=34 + max(60, 26 * len(rows)))
    figure.update_layout(margin={"l": 4, "r": 4, "t": 4, "b": 24})
    height = _typical_height(rows)
    x, y = _bands(rows, height)
    figure.add_scatter(x=x, y=y, mode="lines", hoverinfo="skip", line={"color": colours.muted, "width": 0.7})
    number = (marks.time_s // row_s).astype(int)
    for label in dict.fromkeys(marks.label):
        of = np.array([mark == label for mark in marks.label], bool)
        figure.add_scatter(
            x=marks.time_s[of] - number[of] * row_s, y=-number[of].astype(float), mode="markers", hoverinfo="skip",
            marker={"symbol": "line-ns", "size": 15, "line": {"width": 1.5, "color": colours.classes[label]}},
            name=label,
        )  # fmt: skip
    _clickable_day(figure, rows, row_s)
    _mark_window(figure, window, row_s, colours)
    ticks = np.linspace(0, row_s, 7)
    figure.update_xaxes(
        visible=True, range=[0, row_s], tickvals=ticks, ticktext=[f"+{t / 60:g} min" for t in ticks], showgrid=False,
        color=colours.muted,
    )  # fmt: skip
    figure.update_yaxes(
        visible=True, range=[-len(rows) + 0.45, 0.55], tickvals=[-i for i in range(len(rows))], showgrid=False,
        ticktext=[clock(row.start_s, tenths=False) for row in rows], color=colours.muted, zeroline=False,
    )  # fmt: skip
    return figure


def _places(figure: go.Figure, lead: Lead, start_s: float, window_s: float) -> None:
    """Invisible points over the whole strip: a click anywhere names a time."""
    time_s = np.arange(max(start_s, float(lead.time_s[0])), min(start_s + window_s, float(lead.time_s[-1])), ADD_STEP_S)
    top = figure.layout.yaxis.range[1]
    rows = np.linspace(0.05 * top, 0.95 * top, 9)
    figure.add_scatter(
        x=np.tile(time_s, rows.size), y=np.repeat(rows, time_s.size), mode="markers", name="places",
        customdata=[f"at {t:.3f}" for t in np.tile(time_s, rows.size)], marker={"size": 12, "opacity": 0},
        text=[clock(float(t)) for t in np.tile(time_s, rows.size)], hovertemplate="add at %{text}<extra></extra>",
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
    )  # fmt: skip
    figure.update_layout(hoverdistance=80)


def _typical_height(rows: tuple[DayRow, ...]) -> float:
    """The height of the signal that most of the day stays within."""
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


def _clickable_day(figure: go.Figure, rows: tuple[DayRow, ...], row_s: float) -> None:
    edges = np.linspace(0, row_s, DAY_CELLS + 1)
    middles = np.array([(a + b) / 2 for a, b in pairwise(edges)])
    time_s = np.concatenate([row.start_s + middles for row in rows]) if rows else np.zeros(0)
    number = np.repeat(np.arange(len(rows)), middles.size)
    figure.add_scatter(
        x=np.tile(middles, len(rows)), y=-number.astype(float), mode="markers", name="places",
        customdata=[f"at {t:.3f}" for t in time_s], marker={"size": 14, "opacity": 0},
        text=[clock(float(t), tenths=False) for t in time_s], hovertemplate="%{text}<extra></extra>",
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
    )  # fmt: skip


def _mark_window(figure: go.Figure, window: tuple[float, float], row_s: float, colours: Palette) -> None:
    row = int(window[0] // row_s)
    left = window[0] - row * row_s
    figure.add_shape(
        type="rect", x0=left, x1=max(left + row_s / 200, left + window[1] - window[0]), y0=-row - 0.48, y1=-row + 0.48,
        line={"color": colours.text, "width": 1.5}, fillcolor="rgba(0,0,0,0)",
    )  # fmt: skip


def _plain(colours: Palette, *, height: int) -> go.Figure:
    figure = go.Figure()
    ecg_chart.bare(figure, colours, height=height)
    figure.update_layout(margin={"l": 4, "r": 4, "t": 4, "b": 4}, plot_bgcolor=colours.paper)
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True)
    return figure


def _axes(colours: Palette, *, height: int) -> go.Figure:
    figure = go.Figure()
    ecg_chart.bare(figure, colours, height=height)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 6, "b": 30})
    figure.update_xaxes(fixedrange=True, color=colours.muted, showgrid=False, zeroline=False, tickangle=0)
    figure.update_yaxes(fixedrange=True, color=colours.muted, gridcolor=colours.gap, zeroline=False, nticks=6)
    return figure


def _frame(figure: go.Figure, x: Array, y: Array, sample: NDArray[np.integer], picked: tuple[int, ...]) -> None:
    """Rings around the points of the beats that are picked, under the points, so that these get the clicks."""
    chosen = np.isin(sample, np.array(picked, np.int64))
    figure.add_scatter(
        x=x[chosen], y=y[chosen], mode="markers", hoverinfo="skip", name="picked",
        marker={"symbol": "circle-open", "size": 9, "line": {"width": 2, "color": ACCENT}},
    )  # fmt: skip
    figure.data = (figure.data[-1], *figure.data[:-1])


def _lasso(figure: go.Figure, colours: Palette, *, narrow: bool) -> None:
    if not narrow:
        figure.update_layout(dragmode="lasso", newselection={"line": {"color": colours.muted}})


def _caption(figure: go.Figure, x: float, y: float, text: str, colours: Palette, anchor: str = "left") -> None:
    figure.add_annotation(
        x=x, y=y, yref="paper", text=text, showarrow=False, xanchor=anchor, yanchor="top",
        font={"size": 12, "color": colours.text},
    )  # fmt: skip
