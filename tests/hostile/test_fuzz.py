"""Seeded fuzzing of every reader: no untyped error, no hang over 5 s, no growth by 1 GB."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.errors import IntakeError
from pipeline.intake.formats.table import FORMATS, OTHERS, format_of
from pipeline.types import Recording
from tests.hostile.fuzz_cases import fuzz_cases, real_uploads
from tests.hostile.fuzzing import FAULTS_MAX, FuzzCase, Upload, survey

IN_CI_S, BEFORE_RELEASE_S = 10.0, 300.0  # of the processor, for each reader
CASES = {case.name: case for case in fuzz_cases()}


def test_every_format_of_the_table_is_fuzzed():
    in_table = {each.name for each in FORMATS} | {name for name, _ in OTHERS} | {"ZIP"}
    assert {case.table_name for case in CASES.values()} == in_table


@pytest.mark.parametrize("name", CASES)
def test_good_files_are_recognised_by_their_content_and_read(name):
    case = CASES[name]
    for upload in case.uploads:
        recordings = case.read(upload, np.random.default_rng(1))
        assert all(recording.leads for recording in recordings)
        found = format_of(upload[0][1])
        assert (found.name if found else None) == (name if name in {each.name for each in FORMATS} else None)


@pytest.mark.parametrize("name", CASES)
def test_damaged_files_end_in_a_sentence_or_a_recording(name, tmp_path):
    found = survey(CASES[name], IN_CI_S, seed=19)
    assert not found.faults, found.save(tmp_path)
    assert found.inputs > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_damaged_files_end_in_a_sentence_or_a_recording_for_minutes(name, tmp_path):
    found = survey(CASES[name], BEFORE_RELEASE_S, seed=1919, real=real_uploads(CASES[name]))
    print(f"{name}: {BEFORE_RELEASE_S:.0f} s, {found.inputs:,} files, {found.read:,} read, {len(found.faults)} faults")
    assert not found.faults, found.save(tmp_path)
    assert found.read > 0


def _case(read) -> FuzzCase:
    return FuzzCase("x", "x", ((("x", b"12345678"),),), lambda upload, rng: read(upload))


def _untyped(upload: Upload) -> Sequence[Recording]:
    raise KeyError("x")


def _wordy(upload: Upload) -> Sequence[Recording]:
    raise IntakeError("a\nb")


def _endless(upload: Upload) -> Sequence[Recording]:
    until = time.process_time() + 60
    while time.process_time() < until:
        pass
    return []


def _large(upload: Upload) -> Sequence[Recording]:
    np.ones(10**7).sum()
    raise IntakeError("Refused.")


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (_untyped, "KeyError"),
        (_wordy, "no sentence"),
        (lambda upload: [], "neither read nor refused"),
        (_endless, "hangs"),
        (_large, "memory grew"),
    ],
)
def test_each_kind_of_fault_is_found(read, says, monkeypatch):
    monkeypatch.setattr("tests.hostile.fuzzing.SECONDS_MAX", 0.5)
    monkeypatch.setattr("tests.hostile.fuzzing.MEMORY_MAX", 5 * 10**7)
    found = survey(_case(read), 2.0, seed=1)
    assert 0 < len(found.faults) <= FAULTS_MAX
    assert says in found.faults[0].what
