"""The table of the kinds of findings: complete, in order, and the only one."""

from __future__ import annotations

from typing import get_args

import pytest

from pipeline.config import ROOT
from pipeline.review.finding_kinds import FINDING_KINDS, RHYTHM_GROUP
from pipeline.review.rhythm_events import EventKind


def test_every_rhythm_event_is_a_kind_of_finding_and_all_others_are_groups_of_beats():
    beside = (RHYTHM_GROUP, "statement", "event")
    assert {kind for kind, form in FINDING_KINDS.items() if not form.scattered and form.group not in beside} == set(
        get_args(EventKind)
    )


def test_the_table_is_in_the_order_of_importance():
    priorities = [form.priority for form in FINDING_KINDS.values()]
    assert priorities == sorted(priorities)
    assert priorities[0] == 1


def test_every_kind_has_names_that_no_other_has():
    for names in ([form.title for form in FINDING_KINDS.values()], [form.words for form in FINDING_KINDS.values()]):
        assert all(names)
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("kind", "priority", "title", "words", "snomed"),
    [
        ("vt_sustained", 1, "Sustained ventricular tachycardia", "sustained VT", "164895002"),
        ("bigeminy", 3, "Ventricular bigeminy", "bigeminy", "11157007"),
        ("svt", 2, "Supraventricular run", "SV run", ""),  # three beats in a row are no tachycardia yet
        ("af_like", 2, "Irregular, AF-like", "AF-like", ""),  # a suspicion
        ("ectopic_s", 6, "Supraventricular ectopics", "S ectopics", "63593006"),
    ],
)
def test_a_kind_is_listed_named_and_coded_as_ever(kind, priority, title, words, snomed):
    form = FINDING_KINDS[kind]
    assert (form.priority, form.title, form.words, form.snomed) == (priority, title, words, snomed)


def test_no_other_module_has_a_table_of_kinds():
    """A kind that nobody tests for by name is written in the one table alone."""
    files = [path for folder in ("app", "pipeline") for path in (ROOT / folder).rglob("*.py")]
    found = {path.name for path in files if '"paced_or_unclassifiable":' in path.read_text(encoding="utf-8")}
    assert found == {"finding_kinds.py"}
