"""Urgent statements that are seldom right say so, in figures that the evaluation wrote."""

from __future__ import annotations

import pytest

from pipeline.evaluation.statement_schema import shipped_statements
from pipeline.evaluation.statement_text import caution_of
from pipeline.measurements import Statement


def test_a_weak_urgent_statement_carries_the_figures_of_the_shipped_evaluation() -> None:
    found = shipped_statements()
    assert found is not None
    scores = found.of("STE-ANT")
    assert scores is not None
    assert scores.any_age is not None
    assert scores.weak
    assert scores.right <= scores.any_age <= scores.right + scores.wrong
    said = caution_of(Statement("STE-ANT", "infarction", "ST elevation.", "V2 0.3 mV", urgent=True))
    assert f"Of {scores.right + scores.wrong} such ECGs" in said
    assert f"called {scores.right} acute" in said
    assert f"of any age in {scores.any_age}" in said


@pytest.mark.parametrize(("code", "urgent"), [("STE-ANT", False), ("VT", True), ("LAD", False)])
def test_other_statements_carry_none(code: str, urgent: bool) -> None:
    assert not caution_of(Statement(code, "rhythm", "A statement.", "1 of 2", urgent=urgent))
