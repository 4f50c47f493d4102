"""Plotly figures of explanations.json: numbers in, figures out; no st.*."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from app.common.theme import Palette
from app.evaluation.charts import DASHES
from pipeline.evaluation.schema import RemovalCurves, Way


def removal(
    curves: Mapping[str, RemovalCurves], way: Way, names: Mapping[str, str], whole: str, palette: Palette
) -> go.Figure:
    """The answer's probability as parts of a `whole` are taken away ("deletion") or put back, a line per map."""
    figure = go.Figure()
    for number, (name, title) in enumerate(names.items()):
        p = curves[name].by(way)
        figure.add_scatter(
            x=[step / (len(p) - 1) for step in range(len(p))],
            y=p,
            name=title,
            mode="lines+markers",
            line={"color": palette.classes["VSQF"[number]], "width": 2.5 if name == "heat" else 1.5},
            marker={"symbol": DASHES[number], "size": 8},
            hovertemplate="%{x:.0%}: %{y:.1%}<extra>%{fullData.name}</extra>",
        )
    gone = "taken away" if way == "deletion" else "put back"
    figure.update_xaxes(title=f"share of the {whole} {gone}", tickformat=".0%", fixedrange=True)
    figure.update_yaxes(title="probability of the answer", tickformat=".0%", range=[0, 1.02], fixedrange=True)
    return figure.update_layout(
        height=360,
        margin={"l": 8, "r": 8, "t": 48, "b": 8},
        dragmode=False,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
