"""Rhythms from annotated beats, and the finders that need classes alone."""

from __future__ import annotations

import numpy as np
import pytest

import pipeline as hv
from pipeline.errors import EcgError
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.find import beside_fibrillation
from pipeline.types import Episode, Recording

FS = 100


def rhythm_of(rr_s: list[float], symbols: str) -> tuple[Episode, ...]:
    """Find the rhythm of beats; the first one is at 0.5 s, `rr_s` are the intervals between them."""
    sample = np.round(FS * (0.5 + np.cumsum([0.0, *rr_s]))).astype(int)
    return hv.find_rhythms(sample, symbols, FS)


def codes(found: tuple[Episode, ...]) -> list[str]:
    return [episode.rhythm for episode in found]


def test_a_steady_rhythm_is_one_episode_with_its_rate() -> None:
    (found,) = rhythm_of([0.8] * 99, "N" * 100)
    assert (found.rhythm, found.start_s, found.stop_s, found.evidence) == ("N", 0.0, 79.7, "75/min")


@pytest.mark.parametrize(
    ("rr_s", "code"), [(1.5, "SBR"), (1.21, "SBR"), (1.19, "N"), (0.61, "N"), (0.59, "ST"), (0.4, "ST"), (0.25, "SVTA")]
)
def test_the_rate_names_the_rest(rr_s: float, code: str) -> None:
    assert codes(rhythm_of([rr_s] * 199, "N" * 200)) == [code]


def test_a_rate_that_changes_for_half_a_minute_is_an_episode_and_for_ten_seconds_is_not() -> None:
    assert codes(rhythm_of([0.8] * 100 + [0.5] * 70 + [0.8] * 100, "N" * 271)) == ["N", "ST", "N"]
    assert codes(rhythm_of([0.8] * 100 + [0.5] * 20 + [0.8] * 100, "N" * 221)) == ["N"]


def test_bigeminy_is_no_tachycardia_although_half_of_its_intervals_are_short() -> None:
    found = rhythm_of([0.8] * 40 + [0.5, 1.1] * 40 + [0.8] * 40, "N" * 41 + "VN" * 40 + "N" * 40)
    assert codes(found) == ["N", "B", "N"]
    assert found[1].evidence == "every second beat is ventricular, 40 cycles"
    assert codes(rhythm_of([0.8, 0.5, 1.1] * 20, "N" + "NVN" * 20)) == ["T"]


@pytest.mark.parametrize(
    ("rr_s", "named"),
    [([0.24, 0.40], False), ([0.40, 0.24], False), ([0.25, 0.40], True), ([0.24, 0.40, 0.40], True), ([0.2] * 4, True)],
)
def test_a_wave_too_soon_after_a_ventricular_beat_makes_no_tachycardia(rr_s: list[float], named: bool) -> None:
    beats = "V" * (len(rr_s) + 1)
    found = rhythm_of([0.8] * 20 + [0.5, *rr_s, 1.0] + [0.8] * 20, "N" * 21 + beats + "N" * 21)
    assert codes(found) == (["N", "VT", "N"] if named else ["N"])


def test_a_run_of_ventricular_beats_is_named_by_its_rate_and_lasts_until_the_next_beat() -> None:
    fast = rhythm_of([0.8] * 20 + [0.5, 0.4, 0.4, 1.0] + [0.8] * 20, "N" * 21 + "VVV" + "N" * 21)
    assert codes(fast) == ["N", "VT", "N"]
    assert fast[1].start_s == pytest.approx(0.5 + 16 + 0.5)
    assert fast[1].seconds == pytest.approx(0.4 + 0.4 + 1.0)
    assert fast[1].evidence == "3 ventricular beats in a row at 150/min"
    assert codes(rhythm_of([0.8] * 20 + [0.9, 0.9, 0.9, 0.9] + [0.8] * 20, "N" * 21 + "VVV" + "N" * 21))[1] == "IVR"
    assert codes(rhythm_of([0.8] * 20 + [0.5, 0.4, 0.4, 1.0] + [0.8] * 20, "N" * 21 + "SSS" + "N" * 21))[1] == "SVTA"


def test_two_ventricular_beats_are_no_episode() -> None:
    assert codes(rhythm_of([0.8] * 20 + [0.5, 0.4, 1.0] + [0.8] * 20, "N" * 21 + "VV" + "N" * 21)) == ["N"]


def test_annotated_fibrillation_and_flutter_waves_are_read() -> None:
    sample = [*range(50, 1050, 80), 1100, *range(1120, 1600, 20), 1620, *range(1700, 2600, 80)]
    symbols = ["N"] * 13 + ["["] + ["!"] * 24 + ["]"] + ["N"] * 12
    found = hv.find_rhythms(sample, symbols, FS)
    assert codes(found) == ["N", "VFL", "N"]
    assert (found[1].start_s, found[1].stop_s) == (11.0, 16.2)


def test_annotations_without_beats_give_no_sinus_rhythm() -> None:
    assert hv.find_rhythms([], "", FS) == ()
    assert codes(hv.find_rhythms([100, 4000], "+|", FS)) == ["NOISE"]


@pytest.mark.parametrize(
    ("sample", "symbols", "fs", "sentence"),
    [
        ([0, 80], "N", FS, "Each annotation needs a sample and a symbol"),
        ([0, 80], "Nk", FS, "'k' is no WFDB annotation symbol"),
        ([80, 0], "NN", FS, "must not decrease"),
        ([-5, 80], "NN", FS, "must not be negative"),
        ([0, 80], "NN", 0, "fs must be positive"),
        ([0, 80], "NN", float("nan"), "fs must be a number"),
    ],
)
def test_annotations_that_do_not_fit_are_refused_with_one_sentence(sample, symbols, fs, sentence) -> None:
    with pytest.raises(EcgError, match=sentence):
        hv.find_rhythms(sample, symbols, fs)


def test_an_annotation_beyond_the_recording_is_refused() -> None:
    recording = Recording.from_array(np.sin(np.arange(3600) / 10), fs=360, leads="II")
    with pytest.raises(EcgError, match="beyond the end of the recording"):
        hv.find_rhythms([3700], "N", 360, recording)


@pytest.mark.parametrize(("trusted", "rhythm"), [(0.1, "NOISE"), (0.9, "N")])
def test_beside_fibrillation_a_rate_needs_beats_that_can_be_relied_on(trusted: float, rhythm: str) -> None:
    time_s = np.arange(0.5, 60, 1.0)
    relied_on = np.where(time_s < 20, True, np.arange(60) % 10 < 10 * trusted)
    context = RhythmContext(
        60.0, time_s, np.full(60, "N"), relied_on, np.ones(60, np.float32), np.arange(60) == 0
    )  # fmt: skip
    waves = Episode(20, 40, "VFL", "VF")
    found = beside_fibrillation([Episode(0, 60, "N")], [waves], context)
    assert [(one.start_s, one.stop_s, one.rhythm) for one in found] == [(0, 20, "N"), (40, 60, rhythm)]
    assert beside_fibrillation([Episode(0, 60, "N")], [], context) == [Episode(0, 60, "N")]


def test_beats_that_are_annotated_as_paced_or_as_junctional_escapes_name_their_rhythm() -> None:
    assert codes(rhythm_of([0.85] * 59, "/" * 60)) == ["P"]
    assert codes(rhythm_of([0.8] * 20 + [0.9] * 9 + [0.8] * 20, "N" * 21 + "/f/" * 3 + "N" * 20)) == ["N", "P", "N"]
    assert codes(rhythm_of([1.2] * 59, "j" * 60)) == ["NOD"]
    assert codes(rhythm_of([0.8] * 49, "N" * 24 + "//" + "N" * 24)) == ["N"]
