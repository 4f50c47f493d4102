"""Deleting a recording: the signal goes, what was decided and who deleted it stays; on both databases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.analysis import prepare
from pipeline.datasets import demo_path
from pipeline.errors import ReviewError
from pipeline.intake import read_path
from pipeline.review.decisions import Decision
from pipeline.store.deletion import delete_signal
from pipeline.store.prepared import load_prepared, save_prepared
from pipeline.store.recordings import load_recording, save_recording
from pipeline.store.reviews import audit, decide, reopen, sign, standing
from pipeline.store.studies import create_study, stored_analysis
from pipeline.types import Analysis, Recording
from tests.helpers.review_study import analysed, at

pytestmark = pytest.mark.usefixtures("store")
ANNA = "Anna"


def two_studies() -> tuple[int, int, Analysis]:
    """One recording that two networks have read."""
    analysis = analysed()
    signal = np.zeros((round(analysis.duration_s * analysis.fs), 1), np.float32)
    save_recording(Recording("case", analysis.fs, signal, analysis.leads, analysis.digest, (True,)))
    other = replace(analysis, model="cnn")
    return create_study(analysis).id, create_study(other).id, analysis


def test_the_signal_goes_and_everything_else_stays() -> None:
    study, other, analysis = two_studies()
    decide(study, Decision("override", at(1), "V"), reader=ANNA, expected_version=0)
    delete_signal(study, reader=ANNA, reason="was asked to")
    assert load_recording(analysis.digest) is None
    assert standing(study).decisions == (Decision("override", at(1), "V"),)
    assert stored_analysis(study).sample.tolist() == analysis.sample.tolist()
    for number in (study, other):
        last = audit(number)[-1]
        assert (last.who, last.text, last.sentence()) == (ANNA, "was asked to", "deleted the recording")
    assert standing(study).version == 3


def test_a_recording_with_a_signed_study_stays_until_that_is_reopened() -> None:
    study, other, analysis = two_studies()
    version = decide(other, Decision("confirm", at(1)), reader=ANNA, expected_version=0)
    version = sign(other, reader=ANNA, expected_version=version)
    with pytest.raises(ReviewError, match=f"Study {other} of this recording, read by cnn, is signed"):
        delete_signal(study, reader=ANNA, reason="was asked to")
    assert load_recording(analysis.digest) is not None
    assert audit(study) == ()
    reopen(other, reader=ANNA, expected_version=version, reason="to delete it")
    delete_signal(study, reader=ANNA, reason="was asked to")
    assert load_recording(analysis.digest) is None


@pytest.mark.parametrize(("reader", "reason", "says"), [("", "why", "no name"), (ANNA, "  ", "No reason is given")])
def test_nobody_deletes_without_a_name_and_a_reason(reader: str, reason: str, says: str) -> None:
    study, _, analysis = two_studies()
    with pytest.raises(ReviewError, match=says):
        delete_signal(study, reader=reader, reason=reason)
    assert load_recording(analysis.digest) is not None


def test_what_was_filtered_from_the_recording_goes_too_and_the_files_bring_it_back() -> None:
    recording = save_recording(read_path(demo_path()))
    save_prepared(prepare(recording))
    study = create_study(replace(analysed(), digest=recording.digest)).id
    delete_signal(study, reader=ANNA, reason="enough seen")
    assert load_prepared(recording) is None
    again = save_recording(read_path(demo_path()))
    assert load_recording(recording.digest) is not None
    assert again.digest == recording.digest
