"""Plotly figures of evaluation.json: arrays in, figures out; no st.*. Background and text follow Streamlit's theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.common.text import PLOTLY_SEPARATORS
from app.common.theme import Palette
from pipeline.evaluation.report_schema import (
    Confusion,
    CoverageCurve,
    PrecisionRecallCurve,
    RecordRow,
    ReliabilityBins,
    RocCurve,
    ThresholdSweep,
)
from pipeline.evaluation.schema import Curves, Estimate, Estimates
from pipeline.evaluation.uncertainty_schema import RiskCurve, SetCoverage
from pipeline.wording import grouped

PICTURES: Final = ("PNG", "SVG")
DASHES: Final = ("circle", "diamond", "square", "triangle-up", "x", "star")
_HEIGHT: Final = 380
_MARKS: Final = ("circle", "diamond", "square-open")  # the last two may coincide


def config(file_name: str, picture: str) -> dict[str, Any]:
    """Plotly's settings: one button, which saves the figure as `picture` ("PNG" or "SVG")."""
    saved = {"format": picture.lower(), "filename": file_name, "scale": 2 if picture == "PNG" else 1}
    return {
        "displaylogo": False,
        "scrollZoom": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": saved,
    }


def as_frame(figure: go.Figure) -> pd.DataFrame:
    """What a figure shows, as a table: one row per point (or cell), with its interval where it has one.

    Lines that are only there for comparison (those without a hover) are omitted; named positions appear by name.
    """
    frame = pd.concat([_trace_frame(each) for each in figure.data if each.hoverinfo != "skip"], ignore_index=True)
    if names := figure.layout.xaxis.ticktext:
        frame["x"] = [names[round(place)] for place in frame["x"]]
    return frame


def compare(models: Sequence[tuple[str, Estimates]], measures: Mapping[str, str], palette: Palette) -> go.Figure:
    """Measures side by side: a point with its 95 % interval for each model (title, overall) and measure."""
    figure = go.Figure()
    colours = _colours(palette)
    for number, (title, overall) in enumerate(models):
        estimates = [overall[name] for name in measures]
        value = [estimate.value for estimate in estimates]
        figure.add_scatter(
            x=_nudged(len(measures), number, len(models)),
            y=value,
            name=title,
            mode="markers",
            marker={"symbol": DASHES[number % 6], "size": 10, "color": colours[number % len(colours)]},
            error_y=_error_bars(estimates),
            customdata=[[e.low, e.high] for e in estimates],
            hovertemplate="%{fullData.name}<br>%{y:.1%} (%{customdata[0]:.1%} to %{customdata[1]:.1%})<extra></extra>",
        )
    figure.update_xaxes(tickvals=list(range(len(measures))), ticktext=list(measures.values()), fixedrange=True)
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%", fixedrange=True)
    return _finish(figure)


def confusion(matrix: Confusion, palette: Palette) -> go.Figure:
    """The confusion matrix: colour is the share of the reference row, text the count; O is "no beat"."""
    counts = np.array(matrix.counts, float)
    labels = ["none" if label == "O" else label for label in matrix.labels]
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    figure = go.Figure(
        go.Heatmap(
            z=share,
            x=labels,
            y=labels,
            customdata=counts,
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=2,
            ygap=2,
            colorscale=[[0, _faded(palette.classes["S"], 0.08)], [1, _faded(palette.classes["S"], 1.0)]],
            hovertemplate="reference %{y}, predicted %{x}<br>%{customdata:,} beats, %{z:.1%} of the row<extra></extra>",
        )
    )
    cells = [(labels[i], labels[j], counts[i, j], share[i, j]) for i, j in zip(*np.nonzero(counts), strict=True)]
    figure.update_layout(annotations=[_cell(*cell, palette) for cell in cells])  # one by one they take 60 ms
    figure.update_xaxes(title="predicted", side="bottom", showgrid=False, fixedrange=True)
    figure.update_yaxes(title="reference", autorange="reversed", showgrid=False, fixedrange=True)
    return _finish(figure, height=400, top=8)


def _cell(reference: str, predicted: str, count: float, share: float, palette: Palette) -> dict[str, Any]:
    colour = palette.on_class if share > 0.5 else palette.text
    text = grouped(count)
    return {"x": predicted, "y": reference, "text": text, "showarrow": False, "font": {"color": colour, "size": 14}}


def roc(
    curve: RocCurve, auc: float | None, palette: Palette, *, at: tuple[float | None, float | None] | None = None
) -> go.Figure:
    """The ROC curve of abnormal against normal, with the diagonal of chance and a point `at` (specificity, Se)."""
    figure = go.Figure()
    _diagonal(figure, palette)
    figure.add_scatter(
        x=curve.fpr,
        y=curve.tpr,
        mode="lines",
        line={"color": palette.classes["S"], "width": 2.5},
        customdata=curve.threshold,
        hovertemplate="Se %{y:.3f}, 1 − Sp %{x:.3f}<br>threshold %{customdata:.3f}<extra></extra>",
        showlegend=False,
    )
    if at is not None and None not in at:
        specificity, sensitivity = at
        figure.add_scatter(
            x=[1 - (specificity or 0.0)],
            y=[sensitivity],
            name="chosen threshold",
            mode="markers",
            marker={"size": 13, "color": palette.classes["V"]},
            hovertemplate="Se %{y:.3f}, 1 − Sp %{x:.3f}<extra>chosen threshold</extra>",
            showlegend=False,
        )
    figure.update_layout(title=f"ROC, area {_number(auc)}")
    _unit_axes(figure, "1 − specificity", "sensitivity")
    return _finish(figure)


def precision_recall(
    curve: PrecisionRecallCurve, ap: float | None, prevalence: float | None, palette: Palette
) -> go.Figure:
    """Positive predictivity against sensitivity, with the share of abnormal beats as the chance level."""
    figure = go.Figure()
    if prevalence is not None:
        figure.add_hline(y=prevalence, line={"dash": "dot", "color": palette.muted, "width": 1.5})
    figure.add_scatter(
        x=curve.recall,
        y=curve.precision,
        mode="lines",
        line={"color": palette.classes["S"], "width": 2.5},
        customdata=curve.threshold,
        hovertemplate="Se %{x:.3f}, +P %{y:.3f}<br>threshold %{customdata:.3f}<extra></extra>",
        showlegend=False,
    )
    figure.update_layout(title=f"Precision and recall, average precision {_number(ap)}")
    _unit_axes(figure, "sensitivity", "positive predictivity")
    return _finish(figure)


def reliability(found: ReliabilityBins, palette: Palette) -> go.Figure:
    """The reliability diagram: how often a stated confidence came true, bin by bin; larger points have more beats."""
    count = np.array(found.count, float)
    size = 6 + 22 * np.sqrt(count / max(count.max(), 1))
    figure = go.Figure()
    _diagonal(figure, palette)
    figure.add_scatter(
        x=found.stated,
        y=found.observed,
        mode="lines+markers",
        line={"color": palette.classes["S"], "width": 1.5},
        marker={"size": size, "opacity": 0.75},
        cliponaxis=False,
        customdata=count,
        hovertemplate="stated %{x:.1%}, came true %{y:.1%}<br>%{customdata:,} beats<extra></extra>",
        showlegend=False,
    )
    figure.update_layout(title=f"Reliability, calibration error {_number(found.ece)}")
    _unit_axes(figure, "stated confidence", "share that was right")
    return _finish(figure)


def risk(
    groups: Mapping[str, RiskCurve], marks: Mapping[str, Sequence[tuple[float | None, float | None]]], palette: Palette
) -> go.Figure:
    """Errors among the remaining beats when the least certain are left to a person; one line per test set.

    `marks` are rules by name, each with a point (coverage, error) per test set.
    """
    figure = go.Figure()
    for number, (title, found) in enumerate(groups.items()):
        figure.add_scatter(
            x=found.coverage,
            y=found.error,
            name=f"{title}, AURC {found.aurc:.4f}",
            mode="lines",
            line={"color": _colours(palette)[number], "width": 2.5},
            hovertemplate="%{x:.1%} of the beats kept, %{y:.1%} wrong<extra></extra>",
        )
    for number, (name, points) in enumerate(marks.items()):
        figure.add_scatter(
            x=[coverage for coverage, _ in points],
            y=[error for _, error in points],
            name=name,
            mode="markers",
            marker={"symbol": _MARKS[number], "size": 9 + 3 * number, "color": palette.text},
            hovertemplate="%{x:.1%} of the beats kept, %{y:.1%} wrong<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(title="share of beats kept, the surest first", tickformat=".0%", fixedrange=True)
    figure.update_yaxes(title="share of these that is wrong", tickformat=".1%", rangemode="tozero", fixedrange=True)
    return _finish(figure)


def coverage(found: CoverageCurve, palette: Palette, *, below: float | None = None) -> go.Figure:
    """Accuracy of the remaining beats when those below a confidence are left to a person; a point at `below`."""
    figure = go.Figure(
        go.Scatter(
            x=found.coverage,
            y=found.accuracy,
            name="accuracy",
            mode="lines",
            line={"color": palette.classes["Q"], "width": 2.5},
            customdata=found.confidence,
            hovertemplate="%{x:.1%} of the beats kept, %{y:.1%} right<br>confidence ≥ %{customdata:.0%}<extra></extra>",
        )
    )
    at = kept_from(found, below)
    if at is not None:
        figure.add_scatter(
            x=[at[0]],
            y=[at[1]],
            name=f"in this app, from {below:.2f}",
            mode="markers",
            marker={"symbol": "diamond", "size": 12, "color": palette.classes["V"]},
            hovertemplate="%{x:.1%} of the beats kept, %{y:.1%} right<extra>in this app</extra>",
        )
    figure.update_layout(title="Leaving unsure beats to a person", showlegend=False)
    figure.update_xaxes(title="share of beats kept", tickformat=".0%", fixedrange=True)
    figure.update_yaxes(title="accuracy of these", tickformat=".1%", fixedrange=True)
    return _finish(figure)


def kept_from(found: CoverageCurve, below: float | None) -> tuple[float, float] | None:
    """Coverage and accuracy at a confidence, interpolated in a saved curve; None outside it."""
    known = [row for row in zip(found.confidence, found.coverage, found.accuracy, strict=True) if None not in row]
    confidence, kept, right = np.array(known, float).reshape(-1, 3).T
    if below is None or not known or not confidence[0] <= below <= confidence[-1]:
        return None
    return float(np.interp(below, confidence, kept)), float(np.interp(below, confidence, right))


def patients_held(
    methods: Sequence[SetCoverage], names: Mapping[str, str], promised: float, palette: Palette
) -> go.Figure:
    """For each patient, the share of beats whose set holds the truth, under each way to calibrate."""
    figure = go.Figure()
    order = sorted(methods[0].per_patient, key=methods[0].per_patient.__getitem__)
    for number, method in enumerate(methods):
        figure.add_scatter(
            x=order,
            y=[method.per_patient[record] for record in order],
            name=names[method.name],
            mode="markers",
            marker={"symbol": DASHES[number], "size": 9, "color": _colours(palette)[number]},
            hovertemplate="record %{x}: %{y:.1%} of the beats<extra>%{fullData.name}</extra>",
        )
    figure.add_hline(y=promised, line={"dash": "dot", "color": palette.muted, "width": 1.5})
    figure.update_xaxes(type="category", title="record", fixedrange=True)
    figure.update_yaxes(title="beats whose set holds the truth", tickformat=".0%", fixedrange=True)
    return _finish(figure)


def noise(
    lines: Mapping[str, Sequence[tuple[float, Estimate]]], clean: Estimate, title: str, palette: Palette
) -> go.Figure:
    """A measure against the signal-to-noise ratio in dB, one line per noise; the dotted line is without added noise."""
    figure = go.Figure()
    for number, (name, points) in enumerate(lines.items()):
        figure.add_scatter(
            x=[snr_db for snr_db, _ in points],
            y=[estimate.value for _, estimate in points],
            name=name,
            mode="lines+markers",
            line={"color": _colours(palette)[number], "width": 2},
            marker={"symbol": DASHES[number], "size": 8},
            error_y=_error_bars([estimate for _, estimate in points]),
            hovertemplate="%{x} dB: %{y:.1%}<extra>%{fullData.name}</extra>",
        )
    if clean.value is not None:
        figure.add_hline(y=clean.value, line={"dash": "dot", "color": palette.muted, "width": 1.5})
    figure.update_xaxes(title="signal-to-noise ratio (dB)", autorange="reversed", fixedrange=True)
    figure.update_yaxes(title=title, tickformat=".0%", range=[0, 1.02], fixedrange=True)
    return _finish(figure)


def differences(rows: Sequence[tuple[str, float, float, float]], palette: Palette) -> go.Figure:
    """Differences (title, difference, low, high) with their intervals, around the line of no difference."""
    figure = go.Figure(
        go.Scatter(
            x=[row[1] for row in rows],
            y=[row[0] for row in rows],
            name="difference",
            mode="markers",
            marker={"size": 10, "color": palette.classes["S"]},
            error_x={
                "array": [row[3] - row[1] for row in rows],
                "arrayminus": [row[1] - row[2] for row in rows],
                "thickness": 1.5,
                "width": 3,
            },
            hovertemplate="%{y}: %{x:+.1%}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": palette.muted, "width": 1.5})
    figure.update_xaxes(title="difference, first minus second", tickformat="+.0%", fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    return _finish(figure, top=8)


def sweep(thresholds: ThresholdSweep, at: float, palette: Palette) -> go.Figure:
    """Sensitivity, specificity and positive predictivity over the threshold, with a line at the chosen one."""
    figure = go.Figure()
    drawn = (
        (thresholds.se, "Sensitivity", "V"),
        (thresholds.sp, "Specificity", "S"),
        (thresholds.ppv, "Positive predictivity", "Q"),
    )
    for values, title, colour in drawn:
        figure.add_scatter(
            x=thresholds.threshold,
            y=values,
            name=title,
            mode="lines",
            line={"color": palette.classes[colour], "width": 2.5},
            hovertemplate="%{y:.1%}<extra>%{fullData.name}</extra>",
        )
    figure.add_vline(x=at, line={"color": palette.muted, "width": 2, "dash": "dash"})
    figure.update_layout(hovermode="x")
    _unit_axes(figure, "threshold on the probability of “abnormal”", None)
    return _finish(figure)


def records(rows: Sequence[RecordRow], palette: Palette) -> go.Figure:
    """Wrong beats of each record as a share of its beats: where a model fails."""
    beats = [max(row.beats, 1) for row in rows]
    share = [row.errors / n for row, n in zip(rows, beats, strict=True)]
    order = np.argsort(share)[::-1]
    figure = go.Figure(
        go.Bar(
            x=[rows[i].record for i in order],
            y=[share[i] for i in order],
            marker={"color": palette.classes["V"]},
            customdata=[[rows[i].errors, beats[i]] for i in order],
            hovertemplate="record %{x}<br>%{customdata[0]:,} errors in %{customdata[1]:,} beats<extra></extra>",
        )
    )
    figure.update_xaxes(type="category", title="record", fixedrange=True)
    figure.update_yaxes(title="errors per beat", tickformat=".0%", rangemode="tozero", fixedrange=True)
    return _finish(figure, height=300, top=8)


def training(history: Curves, measure: str, palette: Palette) -> go.Figure:
    """A training curve beside that of held-out patients; epochs where either is missing have no point."""
    figure = go.Figure()
    drawn = ((measure, "training", "N"), (f"val_{measure}", "patients held out", "V"))
    for key, title, colour in drawn:
        if key in history:
            figure.add_scatter(
                x=history.get("epoch") or tuple(range(1, len(history[key]) + 1)),
                y=history[key],
                name=title,
                mode="lines+markers",
                line={"color": palette.classes[colour], "width": 2},
                hovertemplate="epoch %{x}: %{y:.4f}<extra>%{fullData.name}</extra>",
            )
    figure.update_xaxes(title="epoch", tickformat="d", tick0=1, nticks=12, fixedrange=True)
    figure.update_yaxes(title=measure.replace("_", " "), fixedrange=True)
    return _finish(figure, height=320)


def _trace_frame(trace: Any) -> pd.DataFrame:
    if trace.type == "heatmap":
        cells = [(x, y, trace.customdata[i][j]) for i, y in enumerate(trace.y) for j, x in enumerate(trace.x)]
        return pd.DataFrame(cells, columns=["x", "y", "count"])
    columns = {"series": trace.name or "", "x": list(trace.x), "y": list(trace.y)}
    for axis in ("x", "y"):
        bars = getattr(trace, f"error_{axis}", None)
        if bars is not None and bars.array is not None:
            middle = np.array(columns[axis], float)
            columns |= {"low": middle - np.array(bars.arrayminus), "high": middle + np.array(bars.array)}
    return pd.DataFrame(columns)


def _error_bars(estimates: Sequence[Estimate]) -> dict[str, Any]:
    return {
        "array": [_gap(e.high, e.value) for e in estimates],
        "arrayminus": [_gap(e.value, e.low) for e in estimates],
        "thickness": 1.5,
        "width": 3,
    }


def _finish(figure: go.Figure, *, height: int = _HEIGHT, top: int = 48) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": top, "b": 8},
        dragmode=False,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        separators=PLOTLY_SEPARATORS,
    )
    return figure


def _unit_axes(figure: go.Figure, x: str, y: str | None) -> None:
    figure.update_xaxes(title=x, range=[-0.01, 1.01], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(title=y, range=[-0.01, 1.02], tickformat=".0%", fixedrange=True)


def _diagonal(figure: go.Figure, palette: Palette) -> None:
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"dash": "dot", "color": palette.muted, "width": 1.5},
        hoverinfo="skip",
        showlegend=False,
    )


def _colours(palette: Palette) -> list[str]:
    return [palette.classes[name] for name in "SVQFN"]


def _nudged(n: int, number: int, of: int) -> list[float]:
    """Where a network's points stand beside the others': nearer to their own measure than to the next."""
    apart = min(0.14, 0.8 / of)
    return [i + apart * (number - (of - 1) / 2) for i in range(n)]


def _gap(high: float | None, low: float | None) -> float:
    return max(high - low, 0.0) if high is not None and low is not None else 0.0


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _faded(colour: str, alpha: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
