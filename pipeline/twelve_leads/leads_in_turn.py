"""Leads that were recorded in turn, as the columns of a printed page, brought in step: beat by beat, at a steady rate.

All leads of a page share one time axis, but each is drawn for some seconds only. The beats are found in all of them
together; from each lead its whole cycles are cut, and repeated side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps
from scipy.ndimage import gaussian_filter1d

from models.superclasses import SuperclassManifest
from pipeline.signal.gaps import runs
from pipeline.twelve_leads.derived_leads import INDEPENDENT_LEADS, StandardLeads
from pipeline.types import FloatArray, IntArray

TURN_S: Final = 1.5  # at least so much of each lead without a gap; a page of 3x4 has 2.5 s, less where labels stand
PAGE_S: Final = 60.0  # what is longer is no page
MADE_S: Final = 6.0  # of leads in step: several windows of the network
CYCLE_S: Final = (0.4, 1.5)  # between two beats: 150 to 40 a minute
BEATS: Final = 3  # at least so many on a page
BEFORE: Final = (0.35, 0.30)  # a cycle begins this share of itself, and at most so many seconds, before R
APART_S: Final = 0.27
SMOOTH_S: Final = 0.025
HEIGHT: Final = 0.35  # share of the 98th percentile of the summed slopes that a beat has
WHOLE: Final = 0.6  # share of a cycle that must lie in a lead, where no whole one does
EDGE_S: Final = 0.04
PADDING_S: Final = 1.5  # by which a short run is mirrored before it is filtered


def in_step(known: StandardLeads, fs: float, network: SuperclassManifest) -> tuple[FloatArray, IntArray] | None:
    """Return I, II, V1-V6 in step, or None if one was recorded for less than 1.5 s, or beats are missing.

    Parameters
    ----------
    known : StandardLeads
        The recording, mV; I, II and V1-V6 are among its leads.
    fs : float
        Sampling frequency, Hz.
    network : SuperclassManifest
        The band and the rate of the network that reads the result.

    Returns
    -------
    ((m, 8) float32, (m, 8) int64) or None
        The leads, mV, filtered and at the network's rate; and where in the recording each value comes from, in samples
        at that rate.
    """
    if len(known.p_signal) > PAGE_S * fs:
        return None
    spans = {name: _longest(np.isfinite(known.p_signal[:, i])) for i, name in enumerate(known.leads)}
    limbs = _longest(
        np.isfinite(known.p_signal[:, known.leads.index("I")] + known.p_signal[:, known.leads.index("II")])
    )
    if limbs[1] - limbs[0] >= TURN_S * fs:  # the others follow from I and II, which must show the same beats
        spans |= {"I": limbs, "II": limbs}
    long = {name: span for name, span in spans.items() if span[1] - span[0] >= TURN_S * fs}
    if not long.keys() >= set(INDEPENDENT_LEADS):
        return None
    rate = network.fs_hz
    shown = {
        name: (round(a / fs * rate), filtered_leads(known.p_signal[a:b, [known.leads.index(name)]], fs, network)[:, 0])
        for name, (a, b) in long.items()
    }
    peaks = _beats(list(shown.values()), rate)
    if peaks.size < BEATS:
        return None
    cycle = round(min(max(float(np.median(np.diff(peaks))), CYCLE_S[0] * rate), CYCLE_S[1] * rate))
    places = [_cycles(*shown[name], peaks, cycle, rate) for name in INDEPENDENT_LEADS]
    if any(not each.size for each in places):
        return None
    source = np.stack([np.resize(each, -(-round(MADE_S * rate) // cycle) * cycle) for each in places], axis=1)
    columns = [values[source[:, i] - first] for i, (first, values) in enumerate(shown[n] for n in INDEPENDENT_LEADS)]
    return np.stack(columns, axis=1), source


def filtered_leads(leads_mv: FloatArray, fs: float, network: SuperclassManifest) -> FloatArray:
    """Return leads (m, k) in mV, filtered and at the network's rate, of leads (n, k) in mV without gaps.

    Parameters
    ----------
    leads_mv : (n, k) float32
        Without gaps.
    fs : float
        Their sampling frequency, Hz.
    network : SuperclassManifest
        It says the band, its order and the rate.
    """
    sos = sps.butter(network.filter_order, network.band_hz, "bandpass", fs=fs, output="sos")
    filtered = sps.sosfiltfilt(sos, leads_mv, axis=0, padlen=min(len(leads_mv) - 1, round(PADDING_S * fs)))
    if (ratio := Fraction(network.fs_hz / fs).limit_denominator(1000)) != 1:
        filtered = sps.resample_poly(filtered, ratio.numerator, ratio.denominator, axis=0)
    return np.asarray(filtered, np.float32)


def _longest(recorded: NDArray[np.bool_]) -> tuple[int, int]:
    return max(runs(recorded), key=lambda span: span[1] - span[0], default=(0, 0))


def _beats(shown: Sequence[tuple[int, FloatArray]], rate: float) -> IntArray:
    """Find R peaks where the slopes of all leads that are drawn there are jointly steepest."""
    total = np.zeros(max(first + len(lead) for first, lead in shown))
    edge = round(EDGE_S * rate)
    for first, lead in shown:
        slope = np.abs(np.diff(lead, prepend=lead[0]))
        slope[:edge] = slope[-edge:] = 0
        total[first : first + len(lead)] += slope / (np.percentile(slope, 99) + 1e-6)
    strength = gaussian_filter1d(total, SMOOTH_S * rate)
    peaks, _ = sps.find_peaks(strength, distance=round(APART_S * rate), height=HEIGHT * np.percentile(strength, 98))
    return np.asarray(peaks, np.int64)


def _cycles(first: int, lead: FloatArray, peaks: IntArray, cycle: int, rate: float) -> IntArray:
    """Return the samples of the whole cycles in a lead, one after the other; without any, of the most complete one.

    What lies outside of the lead is its last sample. There is nothing if less than `WHOLE` of every cycle is inside.
    """
    begins, stop = peaks - round(min(BEFORE[0] * cycle, BEFORE[1] * rate)), first + len(lead)
    inside = (np.minimum(begins + cycle, stop) - np.maximum(begins, first)) / cycle
    whole = (
        begins[inside >= 1] if inside.max() >= 1 else begins[[inside.argmax()]] if inside.max() >= WHOLE else begins[:0]
    )
    return np.asarray(np.clip((whole[:, None] + np.arange(cycle)).ravel(), first, stop - 1), np.int64)
