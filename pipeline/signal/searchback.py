"""A second look at detected R peaks: beats that the slope detector passed over, and waves that it took for beats.

A detector of slopes misses slow ectopic beats beside narrow ones (11 % of the V beats of DS1). Here the energy of all
leads in the QRS band, relative to the beats around, decides. Tuned on DS1 only; ADR 0004 has the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps
from scipy.ndimage import percentile_filter, uniform_filter1d

from pipeline.config import SignalConfig
from pipeline.domain import FloatArray, IntArray
from pipeline.signal.conditioning import Conditioned

ROUNDS = 8  # each finds at most one beat per interval
LEAST_PEAKS = 5  # with fewer there is no local yardstick


@dataclass(frozen=True, eq=False)
class _Energy:
    """`envelope` (n_work, n_leads): RMS of the QRS band in a short window; `trust` (n_leads,): 1 for the first lead."""

    envelope: FloatArray
    trust: FloatArray
    fs: float


def second_look(peaks: IntArray, conditioned: Conditioned, config: SignalConfig) -> IntArray:
    """Drop false peaks and add missed ones.

    Parameters
    ----------
    peaks : (n,) int64
        Increasing indices into `conditioned.signal`.

    Returns
    -------
    (m,) int64, increasing; added peaks lie at the energy's maximum and are not yet snapped.
    """
    if peaks.size < LEAST_PEAKS:
        return peaks
    energy = _energy(conditioned, config)
    peaks = _pruned(peaks, energy, config)
    for _ in range(ROUNDS):
        missed = _missed(peaks, energy, config)
        if missed.size == 0:
            break
        peaks = _pruned(np.union1d(peaks, missed), energy, config)
    return peaks


def _energy(conditioned: Conditioned, config: SignalConfig) -> _Energy:
    band = (config.qrs_low_hz, config.qrs_high_hz)
    sos = sps.butter(2, band, "bandpass", fs=conditioned.fs, output="sos")
    width = round(config.qrs_ms / 1000 * conditioned.fs)
    leads = [uniform_filter1d(sps.sosfiltfilt(sos, lead) ** 2, width) for lead in conditioned.signal.T]
    envelope = np.sqrt(np.maximum(np.stack(leads, axis=1), 0)).astype(np.float32)
    trust = np.array([1.0] + [config.second_lead_trust] * (len(leads) - 1), np.float32)
    return _Energy(envelope, trust, conditioned.fs)


def _strengths(peaks: IntArray, energy: _Energy, config: SignalConfig) -> tuple[FloatArray, FloatArray]:
    """Energy of each peak relative to the peaks around it (n,), and that yardstick per lead (n, n_leads)."""
    reach = round(0.8 * config.qrs_ms / 1000 * energy.fs)
    window = np.clip(peaks[:, None] + np.arange(-reach, reach + 1), 0, len(energy.envelope) - 1)
    strength = energy.envelope[window].max(axis=1)
    size = (config.local_beats, 1)
    yardstick = np.maximum(percentile_filter(strength, 60, size=size, mode="nearest"), 1e-6)
    return (strength / yardstick * energy.trust).max(axis=1), yardstick


def _pruned(peaks: IntArray, energy: _Energy, config: SignalConfig) -> IntArray:
    """Without the weaker of two close peaks (a P or T wave beside a QRS), and without peaks of hardly any energy."""
    while peaks.size >= LEAST_PEAKS:
        strength, _ = _strengths(peaks, energy, config)
        close = np.diff(peaks) / energy.fs * 1000 < config.close_ms
        bad: NDArray[np.bool_] = strength < config.least_strength
        bad[:-1] |= close & (strength[:-1] < config.pair_strength * strength[1:])
        bad[1:] |= close & (strength[1:] < config.pair_strength * strength[:-1])
        if not bad.any():
            break
        peaks = peaks[~bad]
    return peaks


def _missed(peaks: IntArray, energy: _Energy, config: SignalConfig) -> IntArray:
    """The strongest place within each RR interval that is long for its surroundings, if it is strong enough."""
    _, yardstick = _strengths(peaks, energy, config)
    rr = np.diff(peaks) / energy.fs
    usual = percentile_filter(np.minimum(rr, 2.0), 50, size=config.local_beats, mode="nearest")
    refractory = round(config.refractory_ms / 1000 * energy.fs)
    found = []
    for i in np.flatnonzero(rr > config.long_rr_ratio * np.minimum(usual, 1.3)):
        start, stop = int(peaks[i]) + refractory, int(peaks[i + 1]) - refractory
        relative = (energy.envelope[start : max(start, stop)] / yardstick[i] * energy.trust).max(axis=1, initial=0)
        at = int(relative.argmax()) if relative.size else 0
        if 0 < at < relative.size - 1 and relative[at] > config.missed_strength:
            found.append(start + at)
    return np.array(found, np.int64)
