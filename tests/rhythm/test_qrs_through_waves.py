"""Sharp QRS complexes that go on through slow waves are seen; fibrillation has none."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rhythm.qrs_through_waves import qrs_through_waves
from tests.helpers.made_ecg import made_ecg

FS = 250.0
SPAN_S = (20.0, 32.0)


def strip(wave_hz=0.0, mv=0.8, beats_within=True, leads=1):
    """A minute at 75/min with waves from 20 to 32 s, on the beats or in place of them."""
    lead, r_peak_s = made_ecg(FS, 60.0)
    at = np.arange(len(lead)) / FS
    within = (at >= SPAN_S[0]) & (at < SPAN_S[1])
    beats = lead[:, 0] if beats_within else np.where(within, 0, lead[:, 0])
    signal = (beats + within * mv * np.sin(2 * np.pi * wave_hz * at)).astype(np.float32)
    outside = r_peak_s[(r_peak_s < SPAN_S[0] - 2) | (r_peak_s > SPAN_S[1] + 2)]
    return np.stack([signal] * leads, axis=1), outside


@pytest.mark.parametrize("wave_hz", [3.2, 5.0, 6.5])
@pytest.mark.parametrize("leads", [1, 2])
def test_beats_go_on_through_tremor(wave_hz, leads):
    signal, usual_s = strip(wave_hz, leads=leads)
    ((first, last),) = qrs_through_waves(signal, FS, SPAN_S, usual_s)
    assert first == pytest.approx(20.6, abs=0.9)
    assert last == pytest.approx(31.8, abs=0.9)


@pytest.mark.parametrize("wave_hz", [3.2, 5.0, 6.5])
def test_waves_alone_have_no_beats(wave_hz):
    signal, usual_s = strip(wave_hz, beats_within=False)
    assert qrs_through_waves(signal, FS, SPAN_S, usual_s).size == 0


def test_broad_beats_of_another_shape_are_not_the_usual_ones():
    signal, usual_s = strip(beats_within=False)
    at = np.arange(len(signal)) / FS
    for r in np.arange(20.2, 31.8, 0.6):
        signal[:, 0] += 1.3 * np.exp(-0.5 * ((at - r) / 0.045) ** 2)
    assert qrs_through_waves(signal, FS, SPAN_S, usual_s).size == 0
