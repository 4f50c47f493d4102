"""Broad complexes without P waves are a rhythm of the ventricles, whatever the network calls them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.rhythm.broad_escapes import find_broad_escapes
from pipeline.rhythm.conduction_measures import conduction_of
from pipeline.types import Episode, Recording
from tests.rhythm.test_conduction import SECONDS, context, drawn

FS = 360.0


def broad(rate, *, p_waves=False, seed=0):
    """Broad complexes that point down, each followed at once by its T wave; with P waves before them if so said."""
    r_s = np.arange(1.0, SECONDS - 1, 60 / rate)
    t = np.arange(round(SECONDS * FS)) / FS
    x = np.random.default_rng(seed).normal(0, 0.01, t.size)
    for at in r_s:
        x += -1.3 * np.exp(-0.5 * ((t - at) / 0.05) ** 2) + 0.5 * np.exp(-0.5 * ((t - at - 0.28) / 0.08) ** 2)
        x += p_waves * 0.2 * np.exp(-0.5 * ((t - at + 0.25) / 0.022) ** 2)
    return context(Recording.from_array(x, fs=FS, leads="II", calibrated=False), time_s=r_s)


def found(seen, blocks=()):
    return find_broad_escapes(seen, conduction_of(seen), blocks)


@pytest.mark.parametrize("rate", [27, 45, 68, 95])
def test_regular_broad_complexes_without_p_waves_are_idioventricular(rate):
    (episode,) = found(broad(rate))
    assert (episode.rhythm, episode.start_s, episode.stop_s) == ("IVR", 0.0, SECONDS)
    assert f"regular at {rate}/min, without P waves" in episode.evidence


def test_with_p_waves_or_within_complete_block_they_are_not():
    assert found(broad(70, p_waves=True)) == []
    assert found(broad(38), [Episode(0.0, SECONDS, "BIII", "complete")]) == []


def test_narrow_beats_fast_ones_and_ventricular_ones_are_left_to_others():
    r_s = np.arange(1.0, SECONDS - 1, 1.1)
    assert found(context(drawn((), r_s, fs=FS), time_s=r_s)) == []
    assert found(context(drawn((), r_s, fs=FS, noise_mv=0.25), time_s=r_s)) == []
    assert found(broad(120)) == []
    seen = broad(68)
    assert found(replace(seen, symbol=np.full(len(seen), "V"))) == []
