"""The plain rule by which the speed of review is measured: what its reader confirms, changes and overlooks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import review_speed
from benchmarks.review_rule import Fix, Knowledge, decided, fixes
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.review.triage import triage
from pipeline.types import Episode
from tests.helpers.review_study import FS, analysed, at
from tests.helpers.rhythms import with_rhythm


def known(truth: str, *rhythm: Episode) -> Knowledge:
    beats = [number for number, letter in enumerate(truth) if letter != "-"]
    return Knowledge(np.array(at(*beats)), np.array([truth[number] for number in beats]), FS, rhythm)


def test_what_agrees_is_confirmed_and_what_does_not_gets_the_class_of_the_reference() -> None:
    beats = reviewed_beats(analysed("NNVVNNNVVNN"), ())
    first, second = (finding for finding in triage(beats) if finding.kind == "v_couplet")
    assert fixes(first, beats, known("NNVVNNNNNNN")) == ()
    assert fixes(second, beats, known("NNVVNNNNNNN")) == (Fix(at(7, 8), "N"),)
    assert fixes(second, beats, known("NNVVNNNNVNN")) == (Fix(at(7), "N"),)
    assert fixes(second, beats, known("NNVVNNN--NN")) == (Fix(at(7, 8), "-"),)


def test_a_rhythm_is_judged_by_half_of_its_time_and_one_that_the_reference_never_names_is_left() -> None:
    beats = reviewed_beats(with_rhythm("N" * 30, (10.0, "N"), (20.0, "AFIB"), (24.4, "N")), ())
    (found,) = (finding for finding in triage(beats) if finding.kind == "afib")
    assert fixes(found, beats, known("N", Episode(14.0, 24.0, "AFIB"))) == ()
    assert fixes(found, beats, known("N", Episode(16.0, 24.0, "AFIB"))) == (Fix((), ""),)
    block = reviewed_beats(with_rhythm("N" * 30, (10.0, "N"), (20.0, "BI"), (24.4, "N")), ())
    (found,) = (finding for finding in triage(block) if finding.kind == "av_block_1")
    assert fixes(found, block, known("N")) == ()


def test_only_decided_beats_are_counted_as_right_or_wrong() -> None:
    beats = reviewed_beats(analysed("NVVN"), (Decision("confirm", at(1)), Decision("override", at(2), "S")))
    found = decided(beats, known("NNSN"))
    assert (found.beats, found.wrong) == (2, 1)


@pytest.mark.parametrize(("refused", "keys"), [(0, 1), (2, 3)])
def test_a_key_that_the_page_refuses_is_pressed_again_and_counted(
    refused: int, keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, pressed = review_speed.Reader.__new__(review_speed.Reader), list[str]()
    page: Any = SimpleNamespace(
        wait_for_timeout=lambda ms: None, wait_for_function=lambda words: None, url="/review?at=it"
    )
    page.keyboard = SimpleNamespace(press=pressed.append)
    reader.page, reader.study, reader.keys = page, 1, 0
    monkeypatch.setattr(review_speed, "standing", lambda study: SimpleNamespace(version=len(pressed[refused:])))
    reader.decide("v")
    assert (pressed, reader.keys) == (["v"] * keys, keys)
    monkeypatch.setattr(review_speed, "standing", lambda study: SimpleNamespace(version=5))
    with pytest.raises(RuntimeError, match="Key 'v' decides nothing in study 1, at 'it'"):
        reader.decide("v")
