"""Tables and figures of evaluations as they are taken away: every number, none written as nothing."""

from __future__ import annotations

import numpy as np
import pytest

from app.common.theme import LIGHT
from app.evaluation import charts, tables
from pipeline.evaluation.report_schema import CoverageCurve, RocCurve
from pipeline.evaluation.saved import read_evaluation


def test_a_p_value_is_never_written_as_nothing() -> None:
    written = [tables.p_value(p) for p in (0.0, 0.0004, 0.001, 0.25)]
    assert written == ["< 0.001", "< 0.001", "0.001", "0.250"]


def test_a_figure_becomes_a_table_with_its_intervals(networks):
    report = read_evaluation(networks / "vgg16" / "evaluation.json").reference
    overall = report.overall
    figure = charts.compare([("A", overall)], {"V_f1": "V F1", "S_f1": "S F1"}, LIGHT)
    frame = charts.as_frame(figure)
    assert frame["y"].tolist() == [overall["V_f1"].value, overall["S_f1"].value]
    assert frame["low"].tolist() == pytest.approx([overall["V_f1"].low, overall["S_f1"].low])
    assert frame["high"].tolist() == pytest.approx([overall["V_f1"].high, overall["S_f1"].high])
    many = charts.as_frame(charts.compare([("A", overall)] * 12, {"V_f1": "V F1", "S_f1": "S F1"}, LIGHT))
    assert many["x"].tolist() == ["V F1", "S F1"] * 12  # not where the points lie beside each other
    cells = charts.as_frame(charts.confusion(report.confusion, LIGHT))
    assert cells["count"].sum() == np.sum(report.confusion.counts)


def test_a_confidence_off_the_saved_curve_has_no_point_on_it():
    curve = CoverageCurve(confidence=(0.2, 0.4, 0.6), coverage=(1.0, 0.9, 0.7), accuracy=(0.8, 0.9, None))
    assert charts.kept_from(curve, 0.3) == pytest.approx((0.95, 0.85))
    assert charts.kept_from(curve, 0.5) is None
    assert charts.kept_from(curve, None) is None


def test_the_table_of_a_curve_holds_no_point_of_the_line_that_is_drawn_to_compare():
    curve = RocCurve(fpr=(0.0, 0.2, 1.0), tpr=(0.0, 0.9, 1.0), threshold=(1.0, 0.5, 0.0))
    frame = charts.as_frame(charts.roc(curve, 0.85, LIGHT))
    assert frame[["x", "y"]].to_numpy().tolist() == [[0.0, 0.0], [0.2, 0.9], [1.0, 1.0]]
