"""What fibrillation does to the class of early beats."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.labels import AAMI_CLASSES
from pipeline.rhythm.feedback import CONFIDENT, WITHOUT_PREMATURITY, without_prematurity
from pipeline.types import Episode


def classes(p, episodes):
    changed = without_prematurity(np.array(p, np.float32), np.arange(len(p), dtype=float), episodes)
    return [AAMI_CLASSES[i] for i in changed.argmax(axis=1)]


EARLY = [0.3, 0.7, 0.0, 0.0, 0.0]
VENTRICULAR = [0.1, 0.3, 0.6, 0.0, 0.0]
CERTAIN = [0.01, 0.98, 0.01, 0.0, 0.0]


@pytest.mark.parametrize("rhythm", sorted(WITHOUT_PREMATURITY))
def test_an_early_beat_becomes_n_in_the_episode_alone(rhythm):
    assert classes([EARLY] * 4, [Episode(1, 3, rhythm)]) == ["S", "N", "N", "S"]


@pytest.mark.parametrize("rhythm", ["N", "SVTA", "B", "BII", "NOISE"])
def test_other_rhythms_change_nothing(rhythm):
    assert classes([EARLY] * 3, [Episode(0, 9, rhythm)]) == ["S"] * 3


def test_an_episode_that_is_not_sure_decides_nothing():
    assert classes([EARLY], [Episode(0, 9, "AFIB", confidence=CONFIDENT - 0.01)]) == ["S"]
    assert classes([EARLY], [Episode(0, 9, "AFIB", confidence=CONFIDENT)]) == ["N"]


def test_ventricular_beats_stay_what_they_are():
    assert classes([VENTRICULAR], [Episode(0, 9, "AFIB")]) == ["V"]


def test_probabilities_stay_probabilities_and_the_given_ones_are_not_changed():
    p = np.array([EARLY, VENTRICULAR, CERTAIN], np.float32)
    kept = p.copy()
    changed = without_prematurity(p, np.arange(3.0), [Episode(0, 9, "AFIB")])
    assert changed.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    assert (changed >= 0).all()
    assert np.array_equal(p, kept)


def test_a_recording_without_beats_stays_so():
    assert without_prematurity(np.zeros((0, 5), np.float32), np.zeros(0), [Episode(0, 9, "AFIB")]).shape == (0, 5)
