"""What the network that marks waves is given: leads at its rate in units of their QRS height, and the R peaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from models.waves import FS_HZ, STEP
from pipeline.signal.gaps import runs
from pipeline.types import FloatArray, read_only

# The network was trained on leads that were made so: a change needs `train --model waves`.
BAND_HZ: Final = (0.5, 45.0)  # baseline wander, mains and muscle
FILTER_ORDER: Final = 2  # zero phase: applied forwards and backwards
PADDED_S: Final = 2.0  # at both ends for the filter
REACH_S: Final = 0.08  # around R, in which the QRS height is measured
FLAT_MV: Final = 0.02  # a lead whose usual QRS is less high shows no wave
LARGEST: Final = 4.0  # QRS heights: artefacts are cut off there
BUMP_S: Final = 0.024  # standard deviation of the mark at an R peak
BRIDGED_S: Final = 0.04  # shorter runs of missing samples are interpolated
DEFAULT_WINDOW: Final = ("kaiser", 5.0)  # of `scipy.signal.resample_poly`


@dataclass(frozen=True, eq=False)
class LeadLines:
    """Leads at the network's rate.

    Attributes
    ----------
    values : (n_leads, n, 2) float32
        The lead in units of its usual QRS height, and 1 at R peaks, falling to 0 beside them; `n` is a multiple of
        `models.waves.STEP`.
    missing : (n_leads, n) bool
        Where a lead was not recorded, all of it if it is flat.
    """

    values: FloatArray
    missing: NDArray[np.bool_]

    def of(self, leads: NDArray[np.integer]) -> LeadLines:
        """Return some of the leads."""
        return LeadLines(self.values[leads], self.missing[leads])


def lead_lines(p_signal_mv: FloatArray, fs: float, r_peak_s: NDArray[np.float64]) -> LeadLines:
    """Filter, resample and scale leads.

    Parameters
    ----------
    p_signal_mv : (n_samples, n_leads) float32
        The leads in mV, NaN where nothing was recorded.
    fs : float
        Their sampling frequency, Hz.
    r_peak_s : (k,) float64
        R peaks, seconds from sample 0.
    """
    return lines_of_each([p_signal_mv], fs, [r_peak_s])[0]


def lines_of_each(
    parts: Sequence[FloatArray], fs: float, r_peak_s: Sequence[NDArray[np.float64]]
) -> tuple[LeadLines, ...]:
    """Do what `lead_lines` does with some parts of a recording, which are filtered together.

    Parameters
    ----------
    parts : sequence of (n_samples, n_leads) float32
        Leads in mV, NaN where nothing was recorded; all parts are of one shape.
    fs : float
        Their sampling frequency, Hz.
    r_peak_s : sequence of (k,) float64
        The R peaks of each, seconds from its sample 0.
    """
    signals = [np.asarray(part, np.float32) for part in parts]
    ratio, n_leads = Fraction(FS_HZ / fs).limit_denominator(1000), signals[0].shape[1]
    whole = np.column_stack([_bridged(lead) for signal in signals for lead in signal.T]) if n_leads else signals[0]
    lines = filtered(_resampled(whole, ratio)).reshape(len(signals), n_leads, -1)
    return tuple(
        with_r_peaks(own, _missing(signal, fs, ratio, own.shape[1]), near_s)
        for own, signal, near_s in zip(lines, signals, r_peak_s, strict=True)
    )


def _missing(signal: FloatArray, fs: float, ratio: Fraction, n: int) -> NDArray[np.bool_]:
    """Tell where leads (n_samples, n_leads) were not recorded, at the network's rate: `n` samples there."""
    missing = np.ones((signal.shape[1], -(-n // STEP) * STEP), np.bool_)
    missing[:, :n] = False
    for i, lead in enumerate(signal.T):
        for start, stop in runs(~np.isfinite(lead)):
            if stop - start > BRIDGED_S * fs or start == 0 or stop == lead.size:
                missing[i, int(start * ratio) : int(stop * ratio) + 1] = True
    return missing


def filtered(lines: NDArray[np.floating]) -> FloatArray:
    """Filter leads (n, n_leads) at the network's rate with zero phase; return them as (n_leads, n)."""
    padded = min(round(PADDED_S * FS_HZ), len(lines) - 1)
    return np.asarray(sps.sosfiltfilt(_band().copy(), lines, axis=0, padlen=padded).T, np.float32)


def with_r_peaks(lines: FloatArray, missing: NDArray[np.bool_], r_peak_s: NDArray[np.float64]) -> LeadLines:
    """Scale filtered leads by their QRS height and add the channel of R peaks.

    Parameters
    ----------
    lines : (n_leads, m) float32
        Filtered leads, mV.
    missing : (n_leads, n) bool
        Where each was not recorded, `n` >= `m`; changed in place: a flat lead is missing.
    r_peak_s : (k,) float64
        R peaks, seconds from sample 0.
    """
    n = missing.shape[1]
    values = np.zeros((*missing.shape, 2), np.float32)
    heights = qrs_heights(lines, r_peak_s)
    flat = heights < FLAT_MV
    missing[flat] = True
    scaled = np.clip(lines / np.where(flat, 1, heights)[:, None], -LARGEST, LARGEST)
    values[:, : lines.shape[1], 0] = np.where(missing[:, : lines.shape[1]], 0, scaled)
    values[:, :, 1] = bumps(r_peak_s, n)
    return LeadLines(values, missing)


def qrs_heights(lines: FloatArray, r_peak_s: NDArray[np.float64]) -> FloatArray:
    """Return the median height (n_leads,) of the QRS in filtered leads (n_leads, n), mV; 0 without a beat."""
    reach = round(REACH_S * FS_HZ)
    at = np.round(r_peak_s * FS_HZ).astype(np.int64)
    at = at[(at >= reach) & (at < lines.shape[1] - reach)]
    if not at.size:
        return np.zeros(len(lines), np.float32)
    windows = lines[:, at[:, None] + np.arange(-reach, reach + 1)]
    return np.asarray(np.median(np.ptp(windows, axis=2), axis=1), np.float32)


def bumps(r_peak_s: NDArray[np.float64], n: int) -> FloatArray:
    """Return a line (n,) that is 1 at R peaks and falls to 0 beside them."""
    line, reach = np.zeros(n, np.float32), round(4 * BUMP_S * FS_HZ)
    at = r_peak_s[:, None] * FS_HZ
    index = np.round(at).astype(np.int64) + np.arange(-reach, reach + 1)
    height = np.exp(-0.5 * np.square((index - at) / (BUMP_S * FS_HZ)))
    inside = (index >= 0) & (index < n)
    np.maximum.at(line, index[inside], height[inside].astype(np.float32))
    return line


@cache
def _band() -> NDArray[np.float64]:
    """Return the filter, (n_sections, 6): to design it takes as long as to filter half a minute."""
    return read_only(sps.butter(FILTER_ORDER, BAND_HZ, "bandpass", fs=FS_HZ, output="sos"))


def _resampled(signal: FloatArray, ratio: Fraction) -> NDArray[np.floating]:
    """Return leads (n, n_leads) at `ratio` times their rate."""
    up, down = ratio.numerator, ratio.denominator
    window = DEFAULT_WINDOW if up == down else _anti_aliasing(max(up, down))
    return np.asarray(sps.resample_poly(signal, up, down, axis=0, padtype="line", window=window))


@cache
def _anti_aliasing(rate: int) -> FloatArray:
    """Return the filter that `resample_poly` designs on each call for the larger of its two factors."""
    return read_only(sps.firwin(20 * rate + 1, 1 / rate, window=DEFAULT_WINDOW).astype(np.float32))


def _bridged(lead: FloatArray) -> FloatArray:
    """Interpolate what is missing."""
    there = np.isfinite(lead)
    if there.all():
        return lead
    if not there.any():
        return np.zeros_like(lead)
    return np.interp(np.arange(lead.size), np.flatnonzero(there), lead[there]).astype(np.float32)
