"""The wave before the QRS: there in made sinus rhythm, not there in made fibrillation."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rhythm.atrial_waves import AVERAGED, measure_p_waves
from pipeline.signal.conditioning import Conditioned

FS = 250.0


def recording(*, p_mv, noise_mv=0.03, leads=1, n=60, seed=0):
    """QRS complexes at irregular times in noise, with a P wave 160 ms before each, in the last lead only."""
    rng = np.random.default_rng(seed)
    r_s = 1 + np.cumsum(rng.uniform(0.6, 1.1, n))
    t = np.arange(round((r_s[-1] + 1) * FS)) / FS
    signal = rng.normal(0, noise_mv, (t.size, leads))
    for at in r_s:
        signal += np.exp(-(((t - at) / 0.012) ** 2))[:, None]
        signal[:, -1] += p_mv * np.exp(-(((t - at + 0.16) / 0.025) ** 2))
    return Conditioned(signal.astype(np.float32), FS, ((0, t.size),)), r_s


def measured(conditioned, r_s, symbol=None):
    rr_s = np.diff(r_s, prepend=np.nan)
    symbol = np.full(r_s.size, "N") if symbol is None else symbol
    return measure_p_waves(conditioned, r_s, rr_s, symbol, np.arange(r_s.size))


def test_a_p_wave_remains_in_the_average():
    assert measured(*recording(p_mv=0.1)).min() > 2


def test_without_one_only_noise_remains():
    values = measured(*recording(p_mv=0.0, n=600))
    assert np.abs(np.median(values, axis=0)).max() < 0.7


def test_the_lead_that_shows_it_counts():
    assert measured(*recording(p_mv=0.1, leads=2)).min() > 2


def test_size_and_offset_of_the_signal_do_not_matter():
    conditioned, r_s = recording(p_mv=0.05)
    other = Conditioned(3 * conditioned.signal + 2, FS, conditioned.segments)
    assert measured(other, r_s) == pytest.approx(measured(conditioned, r_s), abs=0.02)


@pytest.mark.parametrize("symbol", ["V", "Q"])
def test_beats_without_a_p_wave_of_their_own_are_not_averaged(symbol):
    conditioned, r_s = recording(p_mv=0.1)
    assert not measured(conditioned, r_s, np.full(r_s.size, symbol)).any()


def test_a_handful_of_beats_is_no_average():
    conditioned, r_s = recording(p_mv=0.1)
    values = measured(conditioned, r_s[:4])
    assert values.shape == (4, len(AVERAGED))
    assert not values.any()
