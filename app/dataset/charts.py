"""Plotly figures of the dataset statistics: numbers in, figures out; no st.*. Backgrounds follow Streamlit's theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import plotly.graph_objects as go

from app.common.text import PLOTLY_SEPARATORS
from app.common.theme import Palette
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES
from pipeline.wording import grouped

CONFIG: Final = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}
DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")
RR_BEATS_MIN: Final = 50  # a distribution of fewer beats is noise
_HEIGHT: Final = 360


def class_counts(counts: Mapping[str, Mapping[str, int]], palette: Palette, *, log: bool) -> go.Figure:
    """Beats per class (colours) of sets or records (x).

    Stacked bars; on a logarithmic axis, where the lengths of stacked parts mean nothing, one dot per class.
    """
    figure = go.Figure()
    names = list(counts)
    for name in AAMI_CLASSES:
        beats = [counts[of][name] for of in names]
        hover = f"%{{x}}<br>{name}, {CLASS_NAMES[name]}: %{{y:,}} beats<extra></extra>"
        colour = palette.classes[name]
        if log:
            shown = [n or None for n in beats]
            marker = {"color": colour, "size": 10, "symbol": _SYMBOLS[name]}
            figure.add_scatter(x=names, y=shown, name=name, mode="markers", marker=marker, hovertemplate=hover)
        else:
            figure.add_bar(x=names, y=beats, name=name, marker_color=colour, hovertemplate=hover)
    figure.update_layout(barmode="stack", bargap=0.3)
    figure.update_xaxes(type="category", fixedrange=True)
    figure.update_yaxes(title="beats", type="log" if log else "linear", fixedrange=True)
    if log:
        figure.update_yaxes(dtick=1)
    return _finish(figure)


def rr_distribution(counts: Mapping[str, Sequence[int]], bin_ms: float, palette: Palette) -> go.Figure:
    """Per class, the share of its beats (%) by RR interval before the beat; classes with few beats are not drawn."""
    figure = go.Figure()
    for name, dash in zip(AAMI_CLASSES, DASHES, strict=True):
        beats = counts[name]
        if (total := sum(beats)) < RR_BEATS_MIN:
            continue
        figure.add_scatter(
            x=[bin_ms * (i + 0.5) for i in range(len(beats))],
            y=[100 * n / total for n in beats],
            name=name,
            mode="lines",
            line={"color": palette.classes[name], "width": 2, "shape": "hvh", "dash": dash},
            hovertemplate=f"{name}: %{{y:.1f}} % of {grouped(total)} beats at %{{x:.0f}} ms<extra></extra>",
        )
    figure.update_xaxes(title="RR interval before the beat, ms", fixedrange=True)
    figure.update_yaxes(title="share of the class, %", rangemode="tozero", fixedrange=True)
    return _finish(figure)


_SYMBOLS: Final = {"N": "circle", "S": "diamond", "V": "square", "F": "triangle-up", "Q": "x"}


def _finish(figure: go.Figure) -> go.Figure:
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 8, "r": 8, "t": 36, "b": 8},
        legend={"traceorder": "normal", "orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "title": None},
        hoverlabel={"namelength": 0},
        separators=PLOTLY_SEPARATORS,
    )
    return figure
