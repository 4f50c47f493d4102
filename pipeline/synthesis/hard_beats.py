"""Beats that a detector mistakes, made from recorded ones: tall T waves, fast rates, pacing spikes, low QRS."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from pipeline.labels import aami_class
from pipeline.types import Annotations, FloatArray, IntArray, Recording, read_only

QRS_S: Final = 0.06  # half of what counts as the QRS
QRS_BEATS: Final = 300  # that measure its height
T_PEAK_S: Final = (0.22, 0.36)  # of a tall T wave, after R at 60/min; nearer at a faster rate
T_WIDTH_S: Final = (0.022, 0.06)  # standard deviation of its rise; its fall is steeper
T_HEIGHT: Final = (0.4, 1.4)  # in heights of the QRS
T_LATEST: Final = 0.55  # of the RR interval
BEAT_S: Final = (0.1, 0.34)  # the part of a beat around R that fast rhythms are laid out from
FAST_RR_S: Final = (0.215, 0.36)  # 170 to 280/min
FAST_JITTER: Final = 0.01
SLOW_RR_S: Final = (0.5, 1.0)
SPIKE_HEIGHT: Final = (0.3, 4.0)
SPIKE_BEFORE_S: Final = (0.1, 0.22)  # an atrial spike before R
LOW_SHARE: Final = 0.03
LOW_HEIGHT: Final = (0.25, 0.7)


def with_tall_t(recording: Recording, rng: np.random.Generator) -> Recording:
    """Give every beat of a recording with reference beats a T wave about as high as its QRS, in every lead."""
    assert recording.reference is not None
    sample, fs = recording.reference.sample, recording.fs
    rr = np.append(np.diff(sample), round(fs)) / fs
    p_signal, height = recording.p_signal.copy(), _heights(recording)
    peak_s, width_s = rng.uniform(*T_PEAK_S), rng.uniform(*T_WIDTH_S)
    lead_gain = height * rng.uniform(*T_HEIGHT, height.size) * rng.choice((1, 1, 1, -1), height.size)
    steep = rng.uniform(0.6, 1.0)
    for at, interval in zip(sample.tolist(), rr.tolist(), strict=True):
        centre = min(peak_s * min(1.0, interval) ** 0.5, T_LATEST * interval)
        width = width_s * min(1.0, interval) ** 0.5
        t = np.arange(round((centre - 4 * width) * fs), round((centre + 4 * width) * fs))
        t = t[(t + at >= 0) & (t + at < len(p_signal))]
        off = t / fs - centre
        wave = np.exp(-0.5 * np.square(off / np.where(off < 0, width, width * steep)))
        p_signal[at + t] += (wave[:, None] * lead_gain * rng.normal(1, 0.06)).astype(np.float32)
    return replace(recording, p_signal=read_only(p_signal), digest="")


def with_fast_runs(recording: Recording, rng: np.random.Generator, *, seconds: float = 600.0) -> Recording:
    """Lay the N beats of a recording out in runs of 170 to 280/min, with slower stretches in between.

    Parameters
    ----------
    recording : Recording
        With reference beats.
    rng : Generator
        Random generator.
    seconds : float
        Length of the result.
    """
    assert recording.reference is not None
    fs, size = recording.fs, round(seconds * recording.fs)
    sample = _fast_beats(rng, size, fs)
    donors = _donors(recording)
    before, after = (round(part * fs) for part in BEAT_S)
    out = np.zeros((size, recording.p_signal.shape[1]), np.float32)
    fade = _fade(before, after)
    rr = np.diff(sample, append=size)
    for at, interval in zip(sample.tolist(), rr.tolist(), strict=True):
        beat = recording.p_signal[(donor := int(rng.choice(donors))) - before : donor + after]
        level = np.median(beat, axis=0).astype(np.float32)
        beat = _shortened((beat - level) * fade, before, min(1.0, (interval / fs / 0.4) ** 0.5))
        part = beat[: size - at + before]
        out[at - before : at - before + len(part)] += part
    out += rng.normal(0, 0.01, out.shape).astype(np.float32)
    reference = Annotations(read_only(sample), ("N",) * sample.size)
    return replace(recording, p_signal=read_only(out), reference=reference, digest="")


def with_spikes(recording: Recording, rng: np.random.Generator) -> Recording:
    """Add pacing spikes that are no beats: before the P waves of stretches, and anywhere between beats."""
    assert recording.reference is not None
    sample, fs = recording.reference.sample, recording.fs
    p_signal, height = recording.p_signal.copy(), _heights(recording)
    atrial = sample - round(rng.uniform(*SPIKE_BEFORE_S) * fs)
    stretch = np.sin(np.arange(sample.size) / rng.uniform(10, 40)) > 0
    anywhere = rng.integers(0, len(p_signal), sample.size // 4)
    anywhere = anywhere[_distance(anywhere, sample) > 0.08 * fs]
    gain = height * rng.uniform(*SPIKE_HEIGHT) * rng.choice((-1, 1), height.size)
    width = max(1, round(rng.uniform(0.0005, 0.004) * fs))
    for at in np.concatenate([atrial[stretch], anywhere]).tolist():
        if 0 <= at < len(p_signal) - width:
            p_signal[at : at + width] += (gain * rng.normal(1, 0.1)).astype(np.float32)
    return replace(recording, p_signal=read_only(p_signal), digest="")


def with_low_beats(recording: Recording, rng: np.random.Generator) -> Recording:
    """Make single beats of a recording low: their QRS is scaled down about the line between its ends."""
    assert recording.reference is not None
    fs, sample = recording.fs, recording.reference.sample
    p_signal, half = recording.p_signal.copy(), round(QRS_S * fs)
    for at in sample[rng.random(sample.size) < LOW_SHARE].tolist():
        if half <= at < len(p_signal) - half:
            piece = p_signal[at - half : at + half]
            line = np.linspace(piece[0], piece[-1], len(piece), dtype=np.float32)
            p_signal[at - half : at + half] = line + np.float32(rng.uniform(*LOW_HEIGHT)) * (piece - line)
    return replace(recording, p_signal=read_only(p_signal), digest="")


def _heights(recording: Recording) -> FloatArray:
    """Return the median height (n_leads,) of a QRS, mV."""
    assert recording.reference is not None
    half, at = round(QRS_S * recording.fs), recording.reference.sample
    inside = at[(at >= half) & (at < recording.n_samples - half)]
    some = inside[:: max(1, inside.size // QRS_BEATS)]
    windows = recording.p_signal[some[:, None] + np.arange(-half, half + 1)]
    return np.asarray(np.nanmedian(np.ptp(windows, axis=1), axis=0), np.float32)


def _donors(recording: Recording) -> IntArray:
    assert recording.reference is not None
    sample, room = recording.reference.sample, round(recording.fs)
    usual = np.array([aami_class(symbol) == "N" for symbol in recording.reference.symbol])
    alone = np.diff(sample, append=recording.n_samples) > BEAT_S[1] * recording.fs + BEAT_S[0] * recording.fs
    inside = (sample > room) & (sample < recording.n_samples - room)
    return sample[usual & inside & alone] if np.any(usual & inside & alone) else sample[inside]


def _fast_beats(rng: np.random.Generator, size: int, fs: float) -> IntArray:
    """Return the R peaks (n,) of runs and of slower stretches in turn, samples."""
    rr: list[float] = []
    fast = bool(rng.integers(2))
    while sum(rr) * fs < size:
        centre = rng.uniform(*(FAST_RR_S if fast else SLOW_RR_S))
        beats = int(rng.uniform(4, 90) / centre) if fast else int(rng.uniform(3, 20) / centre)
        rr += (centre * rng.normal(1, FAST_JITTER if fast else 3 * FAST_JITTER, beats)).tolist()
        fast = not fast
    at = np.round((0.5 + np.cumsum(rr)) * fs).astype(np.int64)
    return at[at < size - round(0.5 * fs)]


def _fade(before: int, after: int) -> FloatArray:
    edge = max(2, before // 3)
    fade = np.ones((before + after, 1), np.float32)
    rise = np.sin(np.linspace(0, np.pi / 2, edge, dtype=np.float32))[:, None] ** 2
    fade[:edge], fade[-edge:] = rise, rise[::-1]
    return fade


def _shortened(beat: FloatArray, r: int, factor: float) -> FloatArray:
    """Shorten what follows the QRS, which begins at R + 60 ms, by `factor`."""
    start = min(len(beat) - 2, r + r // 2)
    tail = beat[start:]
    at = np.linspace(0, len(tail) - 1, max(2, round(len(tail) * factor)))
    shorter = np.stack([np.interp(at, np.arange(len(tail)), lead) for lead in tail.T], axis=1)
    return np.concatenate([beat[:start], shorter]).astype(np.float32)


def _distance(at: IntArray, beats: IntArray) -> IntArray:
    after = np.clip(np.searchsorted(beats, at), 1, beats.size - 1)
    return np.asarray(np.minimum(np.abs(at - beats[after - 1]), np.abs(at - beats[after])), np.int64)
