"""The scores of a classifier of whole pictures: what the page network and runs on folders have in common."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.common.theme import palette
from app.evaluation import charts, tables
from app.evaluation.shared import download_button
from pipeline.evaluation.class_schema import ClassReport
from pipeline.evaluation.report_schema import Confusion
from pipeline.evaluation.schema import Curves
from pipeline.wording import no_share

LABEL_LETTERS = 12  # of a line beside the confusion matrix


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
    wrapped = ["<br>".join(wrap(name.replace("<", "&lt;"), LABEL_LETTERS)) for name in names]  # Plotly reads tags
    figure = charts.confusion(Confusion(tuple(wrapped), report.confusion), palette())
    hover = "reference %{y}, predicted %{x}<br>%{customdata:,} pictures, %{z:.1%} of the row<extra></extra>"
    return figure.update_traces(hovertemplate=hover)


def curves_figure(curves: Curves, step: str) -> go.Figure:
    """Loss on training and held-out data, and the held-out macro-F1, by epoch or iteration."""
    colours = palette()
    figure = go.Figure()
    lines = (
        ("loss", "loss, learnt", "S"),
        ("val_loss", "loss, held out", "V"),
        ("val_macro_f1", "macro-F1, held out", "N"),
    )
    for key, title, colour in lines:
        if key in curves:
            x = list(range(1, len(curves[key]) + 1))
            figure.add_scatter(x=x, y=curves[key], name=title, mode="lines", line={"color": colours.classes[colour]})
    figure.update_xaxes(title=step, fixedrange=True)
    figure.update_yaxes(rangemode="tozero", fixedrange=True)
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return figure.update_layout(height=340, margin={"l": 8, "r": 8, "t": 40, "b": 8}, legend=legend)


def show_class_report(
    report: ClassReport, names: Sequence[str], curves: Curves, *, step: str, key: str, file: str, picture: str = "PNG"
) -> None:
    """Table, confusion matrix, curves and calibration of one classifier; figures are saved as `picture` or CSV."""
    table = class_table(report, names)
    st.dataframe(table, width="stretch", hide_index=True, alt="Scores of each class")
    download_button("Download as CSV", lambda: table.to_csv(index=False), f"{file}-classes.csv")
    left, right = st.columns(2)
    with left:
        st.markdown("**Confusion matrix**")
        matrix = confusion_figure(report, names)
        st.plotly_chart(
            matrix, config=charts.config(f"{file}-confusion", picture), key=f"{key}-confusion",
            alt="Confusion matrix: rows the reference, columns the answer",
        )  # fmt: skip
        download_button("Figure as CSV", lambda: tables.csv(charts.as_frame(matrix)), f"{file}-confusion.csv")
    with right:
        st.markdown("**Training curves**")
        lines = curves_figure(curves, step)
        st.plotly_chart(
            lines, config=charts.config(f"{file}-curves", picture), key=f"{key}-curves",
            alt="Loss and macro-F1 while training",
        )  # fmt: skip
        download_button("Figure as CSV", lambda: tables.csv(charts.as_frame(lines)), f"{file}-curves.csv")
    st.caption(f"Calibration error (ECE, 10 bins): {no_share(report.ece)}, after temperature scaling.")
