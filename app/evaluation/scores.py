"""Sections of the Evaluation page: scores, classes, records, curves, the threshold and the training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from app.common.text import plain
from app.evaluation import charts, tables
from app.evaluation.same_person import show_same_person
from app.evaluation.shared import EvaluationView, show_caption, show_figure, show_source, show_table
from pipeline._util.provenance import Provenance
from pipeline.errors import DataError
from pipeline.evaluation.report_schema import Report
from pipeline.evaluation.saved import read_history
from pipeline.wording import UNDEFINED, grouped, no_share, percent, score, share

SWEPT: Mapping[
    str, tuple[str, Callable[[Any], str]]
] = {  # columns of the table of thresholds: name in the download, name on the screen, and format there
    "threshold": ("Threshold", no_share),
    "se": ("Sensitivity", score),
    "sp": ("Specificity", score),
    "ppv": ("Positive predictivity", score),
    "f1": ("F1", score),
    "balanced_accuracy": ("Balanced accuracy", score),
    "flagged_per_hour": ("Flagged per hour", grouped),
}


def show_summary(view: EvaluationView) -> None:
    """EC57's statistics and the ways of counting."""
    measures = {m: tables.NAMES[m] for m in ("accuracy", "V_f1", "S_f1")}
    measures |= {f"{tables.WITHOUT_232}S_f1": "S F1 without 232", "macro_f1": "Macro F1", "j_kappa": "j kappa"}
    for column, (measure, title) in zip(st.columns(len(measures)), measures.items(), strict=True):
        estimate = tables.measured(view.report, measure)
        column.metric(
            title,
            tables.shown(measure, estimate, interval=False),
            help=None if estimate.low is None else f"With its 95 % interval: {tables.shown(measure, estimate)}",
        )
    st.subheader("By the rules of ANSI/AAMI EC57", anchor=False)
    st.write(
        "Without the first five minutes, by the label table of WFDB's bxb (escape beats count as supraventricular). "
        "Gross figures pool all beats; means weigh each patient the same."
    )
    show_table(tables.ec57(view.report.ec57), f"{view.name}-{view.kind}-ec57.csv")
    without = view.report.variant("ec57_without_232")
    if without.applies:
        st.write("The same without record 232, which holds three of four supraventricular beats:")
        show_table(tables.ec57(without), f"{view.name}-{view.kind}-ec57-without-232.csv")
    st.subheader("The same answers, counted in other ways", anchor=False)
    show_table(tables.variants(view.report), f"{view.name}-{view.kind}-variants.csv")
    for entry in view.report.refused:
        st.warning(f"Record {plain(entry.record)} was refused and counts as missed: {plain(entry.reason)}")
    st.write(" ".join(plain(note) for note in view.report.notes))
    show_source(view)
    show_same_person(view)


def show_classes(view: EvaluationView) -> None:
    """The confusion matrix and the table of classes."""
    st.write(
        f"{grouped(view.report.beats.reference)} reference beats in {view.report.hours:.1f} hours; "
        f"{grouped(view.report.error_count)} answers were wrong. "
        "“none” is no beat: the last column holds missed beats, the last row invented ones."
    )
    show_figure(view, charts.confusion(view.report.confusion, view.colours), "Confusion matrix")
    show_table(tables.classes(view.report), f"{view.name}-{view.kind}-classes.csv")


def show_records(view: EvaluationView) -> None:
    """Where the network fails, record by record."""
    show_figure(view, charts.records(view.report.per_record, view.colours), "Share of wrong beats by record")
    frame = tables.records(view.report)
    shares = [column for column in frame.columns if column not in ("Record", "Errors", *"NSVFQ")]
    formats = {column: st.column_config.NumberColumn(format="%.1f") for column in shares}
    st.caption(
        "Shares are per cent; a dash is undefined: the record has no such beats. Se is sensitivity, +P positive "
        "predictivity, Sp specificity."
    )
    show_table(frame, f"{view.name}-{view.kind}-records.csv", column_config=formats, placeholder=UNDEFINED)


def show_curves(view: EvaluationView) -> None:
    """ROC and precision-recall of abnormal against normal."""
    overall = view.report.overall
    if not view.report.roc.fpr:
        st.info("There is no curve: the recordings hold only N or only abnormal beats.")
        return
    abnormal, normal = _abnormal(view.report), view.report.class_row("N").reference
    left, right = st.columns(2)
    with left:
        show_figure(view, charts.roc(view.report.roc, overall["binary_auc"].value, view.colours), "ROC curve")
    with right:
        floor = abnormal / max(abnormal + normal, 1)
        show_figure(
            view,
            charts.precision_recall(view.report.pr, overall["binary_ap"].value, floor, view.colours),
            "Precision-recall curve",
        )


def show_calibration(view: EvaluationView) -> None:
    """Calibration: whether stated confidences come true."""
    left, right = st.columns(2)
    with left:
        show_figure(view, charts.reliability(view.report.reliability, view.colours), "Reliability diagram")
    with right:
        show_figure(
            view,
            charts.coverage(view.report.coverage, view.colours, below=view.evaluation.model.abstain_below),
            "Accuracy against the share of beats kept",
        )
    st.write(
        "Points on the dotted line are honest; below it the network claims more than it keeps. " + _left_unsure(view)
    )
    errors = pd.DataFrame([view.report.reliability.classwise]).rename(columns=lambda c: f"{c} calibration error")
    show_table(errors, f"{view.name}-{view.kind}-calibration.csv", written={str(name): no_share for name in errors})


def _left_unsure(view: EvaluationView) -> str:
    """What the network's own limit of confidence leaves to a person."""
    below = view.evaluation.model.abstain_below
    kept = charts.kept_from(view.report.coverage, below)
    if kept is None:
        return ""
    wrong = 1 - (view.report.coverage.accuracy[0] or 0.0)
    return (
        f"In this app, a beat stays unclassified below a confidence of {percent(below)}: {share(1 - kept[0])} of "
        f"those that were read, and {share(1 - kept[1])} of the others are wrong, instead of "
        f"{share(wrong)} of all. The quality gate, which comes before, is counted under Uncertainty."
    )


@st.fragment
def show_threshold(view: EvaluationView) -> None:
    """What moving the threshold of "abnormal" does, and what it costs."""
    swept = view.report.thresholds
    chosen = st.slider(
        "Flag a beat as abnormal from this probability on",
        0.005,
        0.995,
        round(min(max(view.report.threshold, 0.005), 0.995) / 0.005) * 0.005,
        0.005,
        format="%.3f",
        key=f"threshold-{view.name}-{view.kind}",
    )
    at = tables.index_nearest(swept.threshold, chosen)
    texts = {
        "Sensitivity": score(swept.se[at]),
        "Specificity": score(swept.sp[at]),
        "Positive predictivity": score(swept.ppv[at]),
        "Balanced accuracy": score(swept.balanced_accuracy[at]),
        "Flagged per hour": grouped(swept.flagged_per_hour[at]),
    }
    for column, (title, text) in zip(st.columns(5), texts.items(), strict=True):
        column.metric(title, text)
    st.write(
        f"{_cost(view.report, at)} The network's own threshold, from its manifest, is {view.report.threshold:.3f}."
    )
    left, right = st.columns(2)
    with left:
        alt = "Sensitivity, specificity and predictivity over the threshold"
        show_figure(view, charts.sweep(swept, chosen, view.colours), alt)
    with right:
        auc = view.report.overall["binary_auc"].value
        figure = charts.roc(view.report.roc, auc, view.colours, at=(swept.sp[at], swept.se[at]))
        show_figure(view, figure, "ROC curve with the chosen threshold")
    columns = {name: title for name, (title, _) in SWEPT.items()}
    written = {name: words for name, (_, words) in SWEPT.items()}
    file_name = f"{view.name}-{view.kind}-thresholds.csv"
    show_table(pd.DataFrame(vars(swept)), file_name, written=written, height=180, column_config=columns)


def _cost(report: Report, at: int) -> str:
    """What a threshold costs in an hour of recording, in words."""
    swept, hours, abnormal = report.thresholds, report.hours, _abnormal(report)
    se, ppv, flagged = swept.se[at], swept.ppv[at], swept.flagged_per_hour[at]
    if se is None or ppv is None:
        return "At this threshold nothing is flagged, or there is nothing to find."
    missed = abnormal * (1 - se) / hours
    return (
        f"In an hour of these recordings, {grouped(missed)} of {grouped(abnormal / hours)} abnormal beats are missed "
        f"and about {grouped(flagged * (1 - ppv))} N beats are flagged for nothing."
    )


def _abnormal(report: Report) -> int:
    """How many beats of the reference are abnormal."""
    return sum(report.class_row(aami).reference for aami in "SVF")


def show_training(view: EvaluationView) -> None:
    """The training curves, if the training left any."""
    file = view.folder / "history.json"
    try:
        history = read_history(file)
    except DataError:
        st.info("There are no training curves: history.json is missing beside the weights, or is not readable.")
        return
    measures = [m for m in history if m != "epoch" and not m.startswith("val_") and history[m]]
    for row in range(0, min(len(measures), 4), 2):
        for column, measure in zip(st.columns(2), measures[row : row + 2], strict=False):
            with column:
                show_figure(
                    view, charts.training(history, measure, view.colours), f"Training curve: {measure}",
                    source=show_training_source,
                )  # fmt: skip
    if held_out := view.evaluation.model.validation_records:
        st.write(f"Held out during training: records {', '.join(held_out)}.")


def show_training_source(view: EvaluationView) -> None:
    """The command that trained the network."""
    model = view.evaluation.model
    command = model.command or f"python -m pipeline train --model {view.name}"
    made = Provenance(command, model.commit, model.trained_on, view.evaluation.provenance.date)
    show_caption(made, f"models/weights/{view.name}/history.json")


def show_random_split(view: EvaluationView) -> None:
    """The same network evaluated in the way that yields 99 %, and why that does not show skill."""
    usual, leaking = view.evaluation.reference, view.evaluation.random_split
    if leaking is None:
        st.info("The comparison with a random split has not been made for this network.")
        return
    st.warning(plain(leaking.label), icon=":material/warning:")
    measures = {m: tables.measure_title(m) for m in tables.OPTIMISM}
    both = [
        (title, {m: tables.measured(report, m) for m in measures})
        for title, report in (("New patients", usual), ("Random split (leaks)", leaking))
    ]
    show_figure(view, charts.compare(both, measures, view.colours), "New patients against a random split")
    show_table(tables.optimism(usual, leaking), f"{view.name}-random-split.csv")
