"""Candidates for R peaks: every local maximum of the leads' energy, described relative to its surroundings.

Nothing here depends on the sign or the scale of a lead, on the order of the leads, or on the sampling frequency.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import signal as sps
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from pipeline.signal.conditioning import Conditioned, hours
from pipeline.types import FloatArray, IntArray

# The weights in r_peaks.json were fitted to this geometry: a change needs `python -m pipeline.training.r_peaks`.
ENVELOPE_FS_HZ = 125.0
BAND_HZ = (3.0, 18.0)
ENERGY_MS, SLOPE_MS, SLOPE_SPAN_MS, PEAK_MS, BEND_MS = 104.0, 56.0, 16.0, 56.0, 40.0
BLOCK_S = 2.0  # holds a beat at 30 / min; its maximum is the height of a QRS
LEVEL_BLOCKS, SHORT_BLOCKS, FLOOR_BLOCKS = 15, 3, 5
LONG_BLOCKS, LONG_QUANTILE = 61, 0.6  # of two minutes: what is usual even around a pause of one minute
PEAKY, PEAKY_BLOCKS = 0.25, 5  # of its highest energy, a block's median with QRS is lower; that of noise alone is not
LONG_SHARE = 0.3  # of that: no level is lower, or the noise of a pause would hide how high the beats beside it are
NEAR_MS = np.arange(-160, 161, 32)  # the QRS itself
WIDE_MS, FAR_MS = 80.0, np.concatenate([np.arange(-1200, -239, 80), np.arange(240, 1201, 80)])  # waves and beats around
STEEP_MS = np.arange(-96, 97, 32)
MIN_PEAK = 0.1
MIN_LEVEL = 0.05  # of the stretch's usual level: below it a lead is disconnected, not small
LOST = 1.0
MAX_HEIGHT = 6.0


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidates for R peaks.

    Attributes
    ----------
    at : (n,) int64
        Increasing indices into `Conditioned.signal`.
    strength : (n,) float32
        Energy of both leads, relative to their usual level within two minutes: low in a pause.
    features : (n, n_features) float32
        What the leads look like around each candidate.
    """

    at: IntArray
    strength: FloatArray
    features: FloatArray


@dataclass(frozen=True, eq=False)
class _Envelopes:
    """Of two leads: energy, its maximum nearby, slope and bend (2, n); levels, noise floor per block (2, n_blocks)."""

    energy: FloatArray
    wide: FloatArray
    slope: FloatArray
    bend: FloatArray
    level: FloatArray
    short: FloatArray
    long: FloatArray
    slope_level: FloatArray
    bend_level: FloatArray
    floor: FloatArray
    block: int
    fs: float


def find_candidates(conditioned: Conditioned) -> list[Candidates]:
    """Return all local maxima of the joint energy of the leads, hour by hour, in order of time."""
    found = (candidates_within(conditioned, *hour) for hour in hours(conditioned))
    return [one for one in found if one is not None]


def candidates_within(conditioned: Conditioned, start: int, stop: int, first: int, last: int) -> Candidates | None:
    """Return the local maxima of the joint energy of the leads within one of the `hours`; None without any signal.

    There is at most one candidate within 56 ms; a lead without any signal is replaced by the other one.

    Parameters
    ----------
    conditioned : Conditioned
        Filtered leads, mV.
    start, stop : int
        The candidates lie in [start, stop), indices into the signal.
    first, last : int
        What is searched is [first, last): a minute more on either side is further than any feature reaches.
    """
    step = max(1, round(conditioned.fs / ENVELOPE_FS_HZ))
    leads = np.ascontiguousarray(conditioned.signal[first:last:step].T)
    live = np.flatnonzero(np.ptp(leads, axis=1) > 0)
    if not live.size:
        return None
    envelopes = _envelopes(leads[[live[0], live[-1]]], conditioned.fs / step)
    peaks = _peaks(envelopes)
    at = first + peaks * step
    inside = (at >= start) & (at < stop)
    return _described(envelopes, peaks[inside], at[inside])


def _envelopes(leads: FloatArray, fs: float) -> _Envelopes:
    energy, slope, bend = _energy(leads, fs), _slope(leads, fs), _bend(leads, fs)
    block = round(BLOCK_S * fs)
    highest, middle = _blocks(energy, block).max(axis=2), np.median(_blocks(energy, block)[:, :, ::2], axis=2)
    peaky = middle < PEAKY * highest
    level, long, min_level = _levels(energy, block, peaky)
    short = np.maximum(_running_median(highest, SHORT_BLOCKS), min_level)
    floor = _running_median(middle, FLOOR_BLOCKS) / short
    return _Envelopes(
        energy=energy,
        wide=maximum_filter1d(energy, _samples(WIDE_MS, fs), axis=1),
        slope=slope,
        bend=bend,
        level=level,
        short=short,
        long=long,
        slope_level=_levels(slope, block, peaky)[0],
        bend_level=_levels(bend, block, peaky)[0],
        floor=np.where(short <= min_level, LOST, floor),
        block=block,
        fs=fs,
    )


def _levels(envelope: FloatArray, block: int, peaky: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the usual height of a QRS per block (2, n_blocks), that within two minutes, and the least (2, 1).

    Within two minutes only blocks count that are `peaky` (2, n_blocks): neither pauses nor noise.
    """
    highest = _blocks(envelope, block).max(axis=2)
    level = _running_median(highest, LEVEL_BLOCKS)
    least = np.maximum(MIN_LEVEL * np.quantile(level, 0.9, axis=1, keepdims=True), 1e-9).astype(np.float32)
    level = np.maximum(level, least)
    windows = sliding_window_view(_padded(np.where(peaky, highest, np.inf), LONG_BLOCKS), LONG_BLOCKS, axis=1)
    known = np.count_nonzero(np.isfinite(windows), axis=2)
    position = np.round(LONG_QUANTILE * np.maximum(known - 1, 0)).astype(np.int64)
    quantile = np.take_along_axis(np.sort(windows, axis=2), position[:, :, None], axis=2)[:, :, 0]
    long = np.where(known >= PEAKY_BLOCKS, quantile, level).astype(np.float32)
    return np.maximum(level, LONG_SHARE * long), np.maximum(long, least), least


def _energy(leads: FloatArray, fs: float) -> FloatArray:
    sos = sps.butter(2, BAND_HZ, "bandpass", fs=fs, output="sos").astype(np.float32)
    mean = uniform_filter1d(np.square(sps.sosfiltfilt(sos, leads)), _samples(ENERGY_MS, fs))
    return np.asarray(np.sqrt(np.maximum(mean, 0)), np.float32)


def _slope(leads: FloatArray, fs: float) -> FloatArray:
    span = _samples(SLOPE_SPAN_MS, fs)
    steep = np.zeros_like(leads)
    steep[:, span:-span] = np.abs(leads[:, 2 * span :] - leads[:, : -2 * span])
    return np.asarray(uniform_filter1d(steep, _samples(SLOPE_MS, fs)), np.float32)


def _bend(leads: FloatArray, fs: float) -> FloatArray:
    """Return how sharply the leads bend: a QRS does more than a T wave, a pacing spike more than a QRS."""
    sharp = np.zeros_like(leads)
    sharp[:, 1:-1] = np.abs(leads[:, 2:] - 2 * leads[:, 1:-1] + leads[:, :-2])
    return np.asarray(uniform_filter1d(sharp, _samples(BEND_MS, fs)), np.float32)


def _samples(span_ms: float, fs: float) -> int:
    return max(1, round(span_ms / 1000 * fs))


def _blocks(envelope: FloatArray, size: int) -> FloatArray:
    """(2, n) -> (2, n_blocks, size); the last block is padded with its last value."""
    missing = -envelope.shape[1] % size
    return np.pad(envelope, ((0, 0), (0, missing)), mode="edge").reshape(len(envelope), -1, size)


def _running_median(values: FloatArray, size: int) -> FloatArray:
    return np.median(sliding_window_view(_padded(values, size), size, axis=1), axis=2).astype(np.float32)


def _padded(values: FloatArray, size: int) -> FloatArray:
    return np.pad(values, ((0, 0), (size // 2, size // 2)), mode="symmetric")


def _peaks(envelopes: _Envelopes) -> IntArray:
    """Find local maxima of the leads' energy relative to its level; a lead that is quiet between beats weighs more."""
    weight = 1 / (0.1 + envelopes.floor) ** 2
    gain = (weight / weight.sum(axis=0) / envelopes.level).astype(np.float32)
    n = envelopes.energy.shape[1]
    blocks = _blocks(envelopes.energy, envelopes.block)
    together = sum(lead * g[:, None] for lead, g in zip(blocks, gain, strict=True)).ravel()[:n]
    top = maximum_filter1d(together, 2 * _samples(PEAK_MS, envelopes.fs) + 1)
    return np.flatnonzero((together == top) & (together > MIN_PEAK))


def _described(envelopes: _Envelopes, peaks: IntArray, at: IntArray) -> Candidates:
    block = peaks // envelopes.block
    quieter_first = np.argsort(envelopes.floor[:, block], axis=0, kind="stable")
    parts = [_of_lead(envelopes, peaks, block, lead) for lead in quieter_first]
    middle = int(np.flatnonzero(NEAR_MS == 0)[0])
    strength = [part[:, middle] ** 2 * np.exp(part[:, -1]) for part in parts]
    return Candidates(at, strength[0] + strength[1], np.concatenate(parts, axis=1))


def _of_lead(envelopes: _Envelopes, peaks: IntArray, block: IntArray, lead: IntArray) -> FloatArray:
    """Describe one lead around each candidate; `lead` (n,) says which lead that is."""
    level = envelopes.level[lead, block]

    def around(envelope: FloatArray, yardstick: FloatArray, offsets_ms: NDArray[np.int64]) -> FloatArray:
        at = peaks[:, None] + np.round(offsets_ms / 1000 * envelopes.fs).astype(np.int64)
        inside = (at >= 0) & (at < envelope.shape[1])
        value = envelope[lead[:, None], np.clip(at, 0, envelope.shape[1] - 1)] / yardstick[:, None]
        return np.where(inside, np.sqrt(np.minimum(value, MAX_HEIGHT)), 0).astype(np.float32)

    state = np.stack(
        [
            np.minimum(envelopes.floor[lead, block], 1.5),
            np.clip(np.log(envelopes.short[lead, block] / level), -3, 3),
            np.clip(np.log(level / envelopes.long[lead, block]), -4, 1),
        ],
        axis=1,
    )
    return np.concatenate(
        [
            around(envelopes.energy, level, NEAR_MS),
            around(envelopes.wide, level, FAR_MS),
            around(envelopes.slope, envelopes.slope_level[lead, block], STEEP_MS),
            around(envelopes.bend, envelopes.bend_level[lead, block], STEEP_MS),
            state,
        ],
        axis=1,
    ).astype(np.float32)
