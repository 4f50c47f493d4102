"""Holter and hand-held files with whatever is wrong in them: a sentence or a recording, in time and memory."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from pipeline.config import DEFAULT
from pipeline.intake.formats.adapter import Format
from pipeline.intake.formats.table import FORMATS, format_of
from tests.helpers.holter_files import (
    Edf,
    atc_bytes,
    edf_bytes,
    ishne_bytes,
    kardia_json,
    mfer_bytes,
    movesense_json,
    onset,
    tones,
)
from tests.hostile.fuzzing import fuzzed, outcome

IN_CI_S, BEFORE_RELEASE_S = 5.0, 300.0  # of each reader
CUTS = 97  # every so many bytes, and every one of the header's first


def _edf() -> list[bytes]:
    leads = [Edf("ECG II", tones(1000).reshape(4, 250)), Edf("Resp", tones(100).reshape(4, 25), unit="mV")]
    notes = [onset(at, "Event") for at in (0, 1, 7, 8)]
    wide = {"physical": ("-262144", "262143"), "steps": ("-8388608", "8388607")}
    return [
        edf_bytes(leads),
        edf_bytes(leads, reserved="EDF+D", notes=notes),
        edf_bytes(leads, reserved="EDF+C", notes=notes),
        edf_bytes([Edf("ECG", tones(1000).reshape(4, 250), **wide)], bdf=True, reserved="24BIT"),
    ]


def _files() -> dict[str, list[bytes]]:
    steps = np.stack([tones(600), tones(600, seed=1)], axis=1)
    six = {"leadI": tones(600).tolist(), "leadII": tones(600, seed=1).tolist()}
    return {
        "EDF, EDF+, BDF": _edf(),
        "ISHNE Holter": [ishne_bytes(steps, text=b"text")],
        "MFER": [mfer_bytes({"II": tones(600), "V1": tones(600), "RESP": tones(300)}, records=3)],
        "AliveCor Kardia ATC": [atc_bytes({b"ecg ": tones(600), b"ecg2": tones(600)})],
        "AliveCor Kardia JSON": [kardia_json(six)],
        "Movesense JSON": [movesense_json(tones(960), lost=(7,))],
    }


NAMES = tuple(_files())


def _read(found: Format, payload: bytes):
    """By this reader, whatever the changed file looks like by now."""
    return found.read("fuzzed", payload, DEFAULT.limits)


def _format(name: str) -> Format:
    return next(each for each in FORMATS if each.name == name)


@pytest.mark.parametrize("name", NAMES)
def test_good_files_are_recognised_by_their_content_and_read(name):
    for payload in _files()[name]:
        assert format_of(payload) == _format(name)
        assert _read(_format(name), payload).leads


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_ends_anywhere_is_refused_or_read(name):
    for whole in _files()[name]:
        for stop in (*range(0, 600, 7), *range(600, len(whole), CUTS)):
            found = outcome(partial(_read, _format(name)), whole[:stop])
            assert found if isinstance(found, str) else found.leads


@pytest.mark.parametrize("name", NAMES)
def test_changed_files_end_in_a_sentence_or_a_recording(name):
    assert fuzzed(partial(_read, _format(name)), _files()[name], IN_CI_S, seed=19) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_changed_files_end_in_a_sentence_or_a_recording_for_minutes(name):
    assert fuzzed(partial(_read, _format(name)), _files()[name], BEFORE_RELEASE_S, seed=1919) > 0
