"""Noise as a rhythm: no ECG, nothing recorded, and motion that must not become fibrillation."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.analysis import analyse, load_classifier
from pipeline.config import RECORDING_NETWORK
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.noise import find_noise, without_doubtful_waves, without_motion
from pipeline.types import Episode, RhythmCode
from tests.signal.test_signal_artefacts import FS, heart, recording


def named(*leads: np.ndarray) -> list[tuple[str, float, float]]:
    found = analyse(recording(*leads), load_classifier(RECORDING_NETWORK))
    return [(one.rhythm, round(one.start_s), round(one.stop_s)) for one in found.rhythm]


def waves(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Waves of 2-7 Hz, as motion and fibrillation have them, with a standard deviation of 1."""
    spectrum = np.fft.rfft(rng.normal(size=round(seconds * FS)))
    frequency = np.fft.rfftfreq(round(seconds * FS), 1 / FS)
    spectrum[(frequency < 2) | (frequency > 7)] = 0
    curve = np.fft.irfft(spectrum, round(seconds * FS))
    return curve / curve.std()


def test_motion_between_beats_is_no_fibrillation():
    lead = heart(90.0)
    lead[10_000:12_000] += (1.6 * waves(8.0, np.random.default_rng(0))).astype(np.float32)
    found = named(lead)
    assert not {"VFL", "VT"} & {rhythm for rhythm, _, _ in found}
    assert ("NOISE", 40, 48) in found


def test_waves_as_high_as_beats_may_be_fibrillation():
    lead = heart(90.0)
    lead[10_000:] = (0.3 * waves(50.0, np.random.default_rng(0))).astype(np.float32)
    assert "motion" not in {one.detail for one in analyse(recording(lead), load_classifier(RECORDING_NETWORK)).rhythm}


def test_where_no_lead_was_recorded_the_rhythm_is_noise():
    lead = heart(90.0)
    lead[10_000:15_000] = np.nan
    assert ("NOISE", 40, 60) in named(lead)


def test_only_what_motion_covers_is_left_out():
    motion = [Episode(10, 20, "NOISE", "motion"), Episode(40, 50, "NOISE")]
    proposed = [Episode(11, 19, "VFL", "VF"), Episode(17, 30, "VFL", "VF"), Episode(41, 49, "VFL", "VF")]
    assert without_motion(proposed, motion) == proposed[1:]


def test_without_a_signal_there_is_no_noise():
    none = np.zeros(0)
    empty = RhythmContext(0.0, none, none.astype("<U1"), none > 0, none.astype(np.float32), none > 0)
    assert find_noise(empty) == []


def rhythm_of(*parts: tuple[float, float, RhythmCode, float]) -> list[Episode]:
    return [Episode(start_s, stop_s, code, confidence=sure) for start_s, stop_s, code, sure in parts]


def test_few_doubtful_waves_between_noise_are_noise() -> None:
    found = without_doubtful_waves(rhythm_of((0, 20, "NOISE", 0.9), (20, 23, "VFL", 0.4), (23, 40, "NOISE", 0.9)))
    assert [(one.start_s, one.stop_s, one.rhythm) for one in found] == [(0, 40, "NOISE")]


@pytest.mark.parametrize(
    "middle",
    [(20.0, 23.0, "VFL", 0.8), (20.0, 30.0, "VFL", 0.4), (20.0, 23.0, "N", 0.4), (20.0, 23.0, "VT", 0.4)],
)
def test_sure_and_longer_waves_and_other_rhythms_between_noise_stay(
    middle: tuple[float, float, RhythmCode, float],
) -> None:
    rhythm = rhythm_of((0, 20, "NOISE", 0.9), middle, (middle[1], 40, "NOISE", 0.9))
    assert list(without_doubtful_waves(rhythm)) == rhythm


def test_doubtful_waves_beside_a_rhythm_stay() -> None:
    rhythm = rhythm_of((0, 20, "N", 0.9), (20, 23, "VFL", 0.4), (23, 40, "NOISE", 0.9))
    assert list(without_doubtful_waves(rhythm)) == rhythm
