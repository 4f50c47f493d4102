"""The states of a study have one set of names, wherever they are shown."""

from __future__ import annotations

from typing import get_args

import pytest

from app.common.open_study import COLOURS
from app.worklist.session import FILTERS, TO_READ
from pipeline.review.states import STUDY_STATES, StudyState, fhir_status


def test_every_state_has_its_names_and_a_colour():
    assert set(STUDY_STATES) == set(get_args(StudyState)) == set(COLOURS)


def test_the_worklist_filters_by_each_state_under_its_name():
    assert {name: states for name, states in FILTERS.items() if len(states) == 1} == {
        words.name: (state,) for state, words in STUDY_STATES.items()
    }
    assert set(FILTERS[TO_READ]) == set(STUDY_STATES) - {"signed"}
    assert FILTERS["All"] == ()


def test_a_report_of_an_unsigned_study_says_so():
    unsigned = [words.on_report for state, words in STUDY_STATES.items() if state != "signed"]
    assert all("not" in words.lower() for words in unsigned)
    assert STUDY_STATES["signed"].on_report == "Signed"


@pytest.mark.parametrize(
    ("state", "signatures", "status"),
    [
        ("new", 0, "preliminary"),
        ("in_review", 0, "preliminary"),
        ("signed", 1, "final"),
        ("signed", 2, "amended"),
        ("reopened", 1, "preliminary"),
    ],
)
def test_a_result_is_final_only_while_it_is_signed(state, signatures, status):
    assert fhir_status(state, signatures) == status
