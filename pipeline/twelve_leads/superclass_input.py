"""What the network over twelve leads reads: stretches with all eight independent leads, filtered, in windows.

A stretch is as long as the records that the network was trained on, 10 s, and is filtered on its own as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from scipy import signal as sps

from models.superclasses import SuperclassNetwork
from pipeline.signal.gaps import runs
from pipeline.twelve_leads.derived_leads import INDEPENDENT_LEADS, has_independent_leads, standard_leads
from pipeline.types import FloatArray

STRETCH_S: Final = 10.0  # of the records that the network was trained on
STRETCHES: Final = 60  # at most so many are read of a long recording, evenly spread: ten minutes
FLAT_MV: Final = 0.02  # a lead with less, peak to peak, was not connected
FS_MIN_HZ: Final = 90.0  # below it the band ends before its upper edge


@dataclass(frozen=True, eq=False)
class Stretch:
    """A stretch with all eight independent leads: samples [start, stop) of the recording, and what the network reads.

    `values` is (n, 12) float32, scaled, at the network's sampling frequency.
    """

    start: int
    stop: int
    values: FloatArray


def readable_stretches(
    p_signal_mv: FloatArray, leads: Sequence[str], fs: float, network: SuperclassNetwork
) -> tuple[Stretch, ...]:
    """Return what the network reads of a recording; nothing if one of I, II, V1-V6 is missing throughout.

    III, aVR, aVL and aVF are computed from I and II, whether they were recorded or not.

    Parameters
    ----------
    p_signal_mv : (n_samples, n_leads) float32
        mV, NaN where nothing was recorded.
    leads : sequence of str
        Names of the leads, in any case.
    fs : float
        Sampling frequency, Hz.
    network : SuperclassNetwork
        It knows its band, its scaling and the length of its windows.
    """
    if fs < FS_MIN_HZ or not has_independent_leads(leads):
        return ()
    known = standard_leads(p_signal_mv, leads)
    eight = known.p_signal[:, [known.leads.index(name) for name in INDEPENDENT_LEADS]]
    spans = _spread(_spans(eight, fs, network.manifest.window_s), STRETCHES)
    return tuple(Stretch(a, b, scaled_leads(eight[a:b], fs, network)) for a, b in spans if _connected(eight[a:b]))


def scaled_leads(eight_mv: FloatArray, fs: float, network: SuperclassNetwork) -> FloatArray:
    """Return twelve leads (m, 12), filtered, at the network's rate and scaled, of I, II, V1-V6 (n, 8) in mV."""
    return network.scaled(filtered_leads(eight_mv, fs, network))


def filtered_leads(eight_mv: FloatArray, fs: float, network: SuperclassNetwork) -> FloatArray:
    """Return twelve leads (m, 12) in mV, filtered and at the network's rate, of I, II, V1-V6 (n, 8) in mV at `fs`, Hz.

    Parameters
    ----------
    eight_mv : (n, 8) float32
        Without gaps.
    fs : float
        Their sampling frequency, Hz.
    network : SuperclassNetwork
        Its manifest says the band, its order and the rate.
    """
    facts = network.manifest
    twelve = standard_leads(eight_mv, INDEPENDENT_LEADS).p_signal
    sos = sps.butter(facts.filter_order, facts.band_hz, "bandpass", fs=fs, output="sos")
    filtered = sps.sosfiltfilt(sos, twelve, axis=0)
    if (ratio := Fraction(facts.fs_hz / fs).limit_denominator(1000)) != 1:
        filtered = sps.resample_poly(filtered, ratio.numerator, ratio.denominator, axis=0)
    return np.asarray(filtered, np.float32)


def window_starts(size: int, network: SuperclassNetwork) -> tuple[int, ...]:
    """Return where the windows of a stretch of `size` samples, at the network's rate, begin; the last ends with it."""
    window, step = (round(s * network.manifest.fs_hz) for s in (network.manifest.window_s, network.manifest.step_s))
    return tuple(dict.fromkeys((*range(0, size - window + 1, step), size - window)))


def windows_of(values: FloatArray, network: SuperclassNetwork) -> FloatArray:
    """Return the windows (k, 300, 12) of a stretch (n, 12)."""
    window = round(network.manifest.window_s * network.manifest.fs_hz)
    return np.stack([values[start : start + window] for start in window_starts(len(values), network)])


def _spans(eight_mv: FloatArray, fs: float, least_s: float) -> list[tuple[int, int]]:
    """Cut where all leads were recorded into stretches of 10 s; what is left is read if a window fits."""
    length, least = round(STRETCH_S * fs), round(least_s * fs) + 1
    recorded = runs(np.isfinite(eight_mv).all(axis=1))
    cut = [(start, min(start + length, stop)) for first, stop in recorded for start in range(first, stop, length)]
    return [(start, stop) for start, stop in cut if stop - start >= least]


def _spread(spans: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    if len(spans) <= most:
        return spans
    return [spans[i] for i in np.linspace(0, len(spans) - 1, most).round().astype(int)]


def _connected(eight_mv: FloatArray) -> bool:
    return bool((np.ptp(eight_mv, axis=0) >= FLAT_MV).all())
