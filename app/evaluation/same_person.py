"""The same network trained without the man who is in both halves of MIT-BIH, beside the usual one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from app.common import cache
from app.common.text import plain
from app.evaluation import tables
from app.evaluation.shared import EvaluationView, show_caption, show_table
from models import registry
from pipeline.datasets.splits import SAME_PERSON
from pipeline.errors import DataError
from pipeline.evaluation.evaluation_schema import Evaluation
from pipeline.evaluation.report_schema import Report
from pipeline.evaluation.saved import without_file
from pipeline.wording import grouped

if TYPE_CHECKING:
    from pipeline.evaluation.compare import MeasureDifference

SWAPS_SHOWN = 2000
MEASURES = ("accuracy", "N_f1", "S_f1", "V_f1", "F_f1", "binary_balanced_accuracy")


def show_same_person(view: EvaluationView) -> None:
    """For each person in both halves: the run without that person's training record, if there is one."""
    for trained, tested in SAME_PERSON:
        file = without_file(view.name, (trained,), registry.WEIGHTS)
        if view.evaluation.split == "ds2" and file.is_file():
            st.subheader(f"Trained without record {trained}", anchor=False)
            try:
                other = cache.evaluation(file)
                found = _compared(view, other)
            except DataError as error:
                st.warning(plain(str(error)))
                continue
            st.write(_told(view, other, trained, tested))
            show_table(tables.differences(found, ("Usual", f"Without {trained}")), f"{view.name}-without-{trained}.csv")
            show_caption(other.provenance, f"models/weights/{view.name}/{file.name}")


def _compared(view: EvaluationView, other: Evaluation) -> list[MeasureDifference]:
    """The differences of `MEASURES`, and that of S once more without the record that holds most S beats."""
    from pipeline.evaluation.compare import compare_reports  # not before it is needed
    from pipeline.evaluation.report import S_RECORD

    both = view.report, other.of(view.kind)
    found = [row for row in compare_reports(*both, swaps=SWAPS_SHOWN).differences if row.measure in MEASURES]
    rest = compare_reports(*both, without=(S_RECORD,), swaps=SWAPS_SHOWN).differences
    beside = [replace(row, measure=f"{tables.WITHOUT_232}S_f1") for row in rest if row.measure == "S_f1"]
    at = next(i for i, row in enumerate(found, 1) if row.measure == "S_f1")
    return [*found[:at], *beside, *found[at:]]


def _told(view: EvaluationView, other: Evaluation, trained: str, tested: str) -> str:
    usual, without = (_errors(content.of(view.kind), tested) for content in (view.evaluation, other))
    return (
        f"Record {trained}, in the training set, is of the same man as {tested}, in the test set. The same network, "
        f"trained in the same way without him, makes {grouped(without)} errors in record {tested} instead of "
        f"{grouped(usual)}. "
        "Two trainings differ by chance as well; the intervals come from resampling the patients and do not "
        "include that."
    )


def _errors(report: Report, record: str) -> int:
    return next((row.errors for row in report.per_record if row.record == record), 0)
