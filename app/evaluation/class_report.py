"""The scores of a classifier of whole pictures: what the page network and runs on folders have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import ceil
from types import MappingProxyType
from typing import Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.common.theme import palette
from app.evaluation import charts, tables
from app.evaluation.shared import download_button
from pipeline.evaluation.class_schema import ClassReport
from pipeline.evaluation.report_schema import Confusion, ReliabilityBins
from pipeline.evaluation.schema import Curves
from pipeline.wording import in_lines, no_share

LABEL_LETTERS = 14  # of a line beside the confusion matrix
TICKS: Final = 10  # on the axis of epochs, about
FEW_STEPS: Final = 40  # up to which each is marked
LOSS: Final = MappingProxyType({"loss": ("training", "S"), "val_loss": ("held out", "V")})
ACCURACY: Final = MappingProxyType(
    {
        "accuracy": ("training", "S"),
        "val_accuracy": ("held out", "V"),
        "val_macro_f1": ("macro-F1, held out", "V"),
    }
)


def class_table(report: ClassReport, names: Sequence[str]) -> pd.DataFrame:
    """Recall, precision and F1 of each class with their intervals."""
    rows = [
        {
            "Class": name,
            "Pictures": row.reference,
            "F1": tables.shown("f1", row.f1),
            "Recall (sensitivity)": tables.shown("recall", row.recall),
            "Precision": tables.shown("precision", row.precision),
        }
        for name, row in zip(names, report.classes, strict=True)
    ]
    return pd.DataFrame(rows)


def confusion_figure(report: ClassReport, names: Sequence[str]) -> go.Figure:
    """The confusion matrix, rows the reference."""
    wrapped = ["<br>".join(in_lines(name.replace("<", "&lt;"), LABEL_LETTERS)) for name in names]  # Plotly reads tags
    figure = charts.confusion(Confusion(tuple(wrapped), report.confusion), palette())
    hover = "reference %{y}, predicted %{x}<br>%{customdata:,} pictures, %{z:.1%} of the row<extra></extra>"
    return figure.update_traces(hovertemplate=hover)


def curves_figure(curves: Curves, step: str, lines: Mapping[str, tuple[str, str]]) -> go.Figure:
    """Curves by epoch or iteration, with ticks at whole ones; `lines` gives title and class colour of each measure."""
    colours = palette()
    figure = go.Figure()
    there = {key: curves[key] for key in lines if curves.get(key)}
    for key, values in there.items():
        title, colour = lines[key]
        figure.add_scatter(
            x=list(range(1, len(values) + 1)), y=values, name=title,
            mode="lines+markers" if len(values) <= FEW_STEPS else "lines",
            line={"color": colours.classes[colour], "dash": "dot" if key.endswith("f1") else "solid"},
            hovertemplate=f"{step} %{{x}}: %{{y:.3f}}<extra>%{{fullData.name}}</extra>",
        )  # fmt: skip
    steps = max(map(len, there.values()), default=1)
    figure.update_xaxes(
        title=step, tick0=1, dtick=max(1, ceil(steps / TICKS)), range=[0.5, steps + 0.5], tickformat="d",
        fixedrange=True,
    )  # fmt: skip
    figure.update_yaxes(rangemode="tozero", fixedrange=True)
    if "accuracy" in lines:
        figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return figure.update_layout(height=340, margin={"l": 8, "r": 8, "t": 40, "b": 8}, legend=legend)


def reliability_figure(report: ClassReport) -> go.Figure:
    """How often a stated confidence came true, bin by bin."""
    found = report.reliability
    binned = ReliabilityBins(
        bins=len(found.count), lower=(), upper=(), count=found.count, stated=found.stated, observed=found.observed,
        ece=report.ece, classwise={},
    )  # fmt: skip
    figure = charts.reliability(binned, palette())
    hover = "stated %{x:.1%}, came true %{y:.1%}<br>%{customdata:,} pictures<extra></extra>"
    figure.update_traces(hovertemplate=hover, selector={"mode": "lines+markers"})
    return figure.update_layout(title=None)


def show_class_report(
    report: ClassReport, names: Sequence[str], curves: Curves, *, step: str, key: str, file: str, picture: str = "PNG"
) -> None:
    """Table, confusion matrix, calibration and curves of one classifier; figures are saved as `picture` or CSV."""
    table = class_table(report, names)
    st.dataframe(table, width="stretch", hide_index=True, alt="Scores of each class")
    download_button("Download as CSV", lambda: table.to_csv(index=False), f"{file}-classes.csv")
    drawn = (
        ("Confusion matrix", "confusion", confusion_figure(report, names), "rows the reference, columns the answer"),
        ("Calibration", "reliability", reliability_figure(report), "stated confidence and the share that was right"),
        ("Loss", "loss", curves_figure(curves, step, LOSS), "in training and on held-out pictures"),
        ("Accuracy", "accuracy", curves_figure(curves, step, ACCURACY), "in training and on held-out pictures"),
    )
    for pair in (drawn[:2], drawn[2:]):
        for place, (title, name, figure, alt) in zip(st.columns(2), pair, strict=True):
            with place:
                st.markdown(f"**{title}**")
                config = charts.config(f"{file}-{name}", picture)
                st.plotly_chart(figure, config=config, key=f"{key}-{name}", alt=f"{title}: {alt}")
                download_button("Figure as CSV", partial(_figure_csv, figure), f"{file}-{name}.csv")
    st.caption(f"Calibration error (ECE, 10 bins): {no_share(report.ece)}, after temperature scaling.")


def _figure_csv(figure: go.Figure) -> str:
    return tables.csv(charts.as_frame(figure))
