"""Pauses spliced into recorded beats: the baseline goes on, with or without the record's own P waves, and no QRS.

The recordings of MIT-BIH hold few pauses and no asystole, so a detector trained on them knows neither.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from pipeline.labels import aami_class
from pipeline.types import Annotations, FloatArray, IntArray, Recording, read_only

T_END_S: Final = 0.36  # after R; what follows is at rest, until ...
P_START_S: Final = 0.28  # ... this long before the next R
P_S: Final = (-0.26, -0.06)  # the P wave, around R
REST_MIN_S: Final = 0.04  # shorter rests say nothing about the noise floor
BLEND_S: Final = 0.03  # pieces of the noise floor overlap by this much
PIECE_S: Final = 0.2  # where the rests are shorter, noise of the same spectrum is made instead: joins would show
PIECES_MIN: Final = 5
ORDER: Final = 6  # of that noise: autoregressive, by Yule and Walker
DONORS: Final = 200  # beats that make up the P wave, and rests that make up the noise floor
LONGEST: Final = 1.6  # intervals longer than so many usual ones are no rests
APART_S: Final = 20.0  # of recorded rhythm between two pauses, at least
LOCAL_BEATS: Final = 8  # whose median interval is the sinus rate at a pause
JITTER: Final = 0.015  # standard deviation of the PP intervals, relative
WANDER_S: Final = 0.5  # the slow baseline is the rests' own, smoothed over this long


@dataclass(frozen=True)
class Pause:
    """A spliced pause: the samples of the R peak before and after it, and whether there are P waves inside."""

    before: int
    after: int
    p_waves: bool


def with_pauses(
    recording: Recording,
    rng: np.random.Generator,
    *,
    count: int,
    seconds: tuple[float, float] = (2.5, 60.0),
    p_growth: tuple[float, float] = (1.0, 1.0),
) -> tuple[Recording, tuple[Pause, ...]]:
    """Splice pauses into a recording that has reference beats; every second one has P waves at the sinus rate.

    Parameters
    ----------
    recording : Recording
        With reference beats.
    rng : Generator
        Random generator.
    count : int
        How many pauses; fewer if there is no room.
    seconds : (float, float)
        Shortest and longest pause, from R peak to R peak; lengths are drawn evenly on a logarithmic scale.
    p_growth : (float, float)
        The P waves inside are between this many times as high as the record's own.

    Returns
    -------
    Recording
        Longer than the given one; its reference beats are those of the given one, and none is inside a pause.
    tuple of Pause
        In order of time.
    """
    assert recording.reference is not None
    sample, fs = recording.reference.sample, recording.fs
    after = _places(recording, rng, count)
    if not after.size:
        return recording, ()
    floor, slow, p_wave = _rests(recording), _wander(recording), _p_wave(recording)
    pieces, shift, begin, pauses = [], np.zeros(sample.size, np.int64), 0, []
    for number, beat in enumerate(after.tolist()):
        cut = int(sample[beat] - round(P_START_S * fs))
        local = float(np.median(np.diff(sample[max(0, beat - LOCAL_BEATS) : beat])))
        long = float(np.exp(rng.uniform(*np.log(seconds)))) * fs
        extra = max(round(long) - int(sample[beat] - sample[beat - 1]), 1)
        inside = _baseline(recording, cut, extra, floor, slow, rng)
        p_waves = number % 2 == 1
        if p_waves:
            first = int(sample[beat - 1] - cut)
            _add_p_waves(inside, p_wave * rng.uniform(*p_growth), first, local, rng, fs)
        pieces += [recording.p_signal[begin:cut], inside]
        shift[beat:] += extra
        begin = cut
        pauses.append(Pause(int((sample + shift)[beat - 1]), int((sample + shift)[beat]), p_waves))
    p_signal = np.concatenate([*pieces, recording.p_signal[begin:]])
    reference = Annotations(read_only(sample + shift), recording.reference.symbol)
    longer = replace(recording, p_signal=read_only(p_signal), reference=reference, digest="")
    return longer, tuple(pauses)


def _usual(recording: Recording) -> NDArray[np.bool_]:
    """Tell which beats (n,) are N, follow an N beat, and leave a rest before them, but no pause or flutter."""
    assert recording.reference is not None
    sample, fs = recording.reference.sample, recording.fs
    n = np.array([aami_class(symbol) == "N" for symbol in recording.reference.symbol])
    rr = np.diff(sample, prepend=sample[:1])
    room = (rr > (T_END_S + P_START_S + REST_MIN_S) * fs) & (rr < LONGEST * np.median(rr))
    inside = (sample > fs) & (sample < recording.n_samples - fs)
    return np.asarray(n & np.append(False, n[:-1]) & room & inside)


def _places(recording: Recording, rng: np.random.Generator, count: int) -> IntArray:
    """Choose the beats that shall end a pause, increasing and apart."""
    assert recording.reference is not None
    usual, sample = _usual(recording), recording.reference.sample
    usual[: LOCAL_BEATS + 1] = False
    chosen: list[int] = []
    for beat in rng.permutation(np.flatnonzero(usual)).tolist():
        if all(abs(int(sample[beat] - sample[other])) > APART_S * recording.fs for other in chosen):
            chosen.append(beat)
        if len(chosen) == count:
            break
    return np.sort(np.array(chosen, np.int64))


def _rests(recording: Recording) -> list[FloatArray]:
    """Return what the leads show at rest between beats, (n, n_leads) each, without its slope."""
    assert recording.reference is not None
    at, fs = np.flatnonzero(_usual(recording)), recording.fs
    found = []
    for beat in at[:: max(1, at.size // DONORS)].tolist():
        start = int(recording.reference.sample[beat - 1] + round(T_END_S * fs))
        stop = int(recording.reference.sample[beat] - round(P_START_S * fs))
        piece = recording.p_signal[start:stop]
        if np.isfinite(piece).all():
            found.append(_level(piece))
    return found


def _level(piece: FloatArray) -> FloatArray:
    """Take the straight line of least squares off each lead of (n, n_leads)."""
    t = np.linspace(-1, 1, len(piece))[:, None]
    slope = (piece * t).sum(axis=0) / np.square(t).sum()
    return np.asarray(piece - piece.mean(axis=0) - slope * t, np.float32)


def _wander(recording: Recording) -> FloatArray:
    """Return the slow baseline (n_samples, n_leads): what the leads show at rest, joined and smoothed."""
    assert recording.reference is not None
    at, fs = recording.reference.sample[np.flatnonzero(_usual(recording))], recording.fs
    rest = np.clip(at - round((P_START_S + REST_MIN_S / 2) * fs), 0, recording.n_samples - 1)
    time = np.arange(recording.n_samples)
    leads = [np.interp(time, rest, np.nan_to_num(lead[rest])) for lead in recording.p_signal.T]
    return np.stack([gaussian_filter1d(lead, WANDER_S * fs) for lead in leads], axis=1).astype(np.float32)


def _p_wave(recording: Recording) -> FloatArray:
    """Return the median P wave (n, n_leads) of the usual beats, above the line between its ends, faded at both."""
    assert recording.reference is not None
    at, fs = recording.reference.sample[np.flatnonzero(_usual(recording))], recording.fs
    some = at[:: max(1, at.size // DONORS)]
    offsets = np.arange(round(P_S[0] * fs), round(P_S[1] * fs))
    wave = np.median(recording.p_signal[some[:, None] + offsets], axis=0)
    line = np.linspace(wave[0], wave[-1], len(wave))
    return np.asarray((wave - line) * np.hanning(len(wave))[:, None] ** 0.5, np.float32)


def _baseline(
    recording: Recording, cut: int, size: int, floor: list[FloatArray], slow: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Return the baseline (size, n_leads) that goes on at the sample `cut`, and ends where it began."""
    start = int(rng.integers(0, max(1, len(slow) - size)))
    wander = np.resize(slow[start : start + size], (size, slow.shape[1]))
    wander = wander - np.linspace(wander[0], wander[-1], size)
    near = round(REST_MIN_S / 2 * recording.fs)
    level = recording.p_signal[cut - near : cut + near].mean(axis=0)
    ends = [recording.p_signal[at] - level for at in (cut - 1, cut)]
    fade = np.exp(-np.arange(size) / (BLEND_S * recording.fs))[:, None]
    return np.asarray(
        level + wander + _noise(floor, size, recording, rng) + ends[0] * fade + ends[1] * fade[::-1], np.float32
    )


def _noise(floor: list[FloatArray], size: int, recording: Recording, rng: np.random.Generator) -> FloatArray:
    """Return the noise floor (size, n_leads): joined pieces of the rests, or noise of their spectrum."""
    long = [piece for piece in floor if len(piece) >= PIECE_S * recording.fs]
    if len(long) >= PIECES_MIN:
        return _joined(long, size, round(BLEND_S * recording.fs), rng)
    return np.stack([_like(floor, lead, size, rng) for lead in range(recording.p_signal.shape[1])], axis=1)


def _joined(pieces: list[FloatArray], size: int, blend: int, rng: np.random.Generator) -> FloatArray:
    """Join pieces drawn at random, each faded into the next with constant power."""
    out = np.zeros((size + blend, pieces[0].shape[1]), np.float32)
    rise, at = np.sin(np.linspace(0, np.pi / 2, blend))[:, None], 0
    while at < size:
        piece = pieces[int(rng.integers(len(pieces)))].copy()
        piece[:blend] *= rise
        piece[-blend:] *= rise[::-1]
        part = piece[: len(out) - at]
        out[at : at + len(part)] += part
        at += len(piece) - blend
    return out[:size]


def _like(floor: list[FloatArray], lead: int, size: int, rng: np.random.Generator) -> FloatArray:
    """Return autoregressive noise (size,) with the autocorrelation of the rests in one lead."""
    rests = [piece[:, lead].astype(np.float64) for piece in floor if len(piece) > ORDER]
    if not rests:
        return np.zeros(size, np.float32)
    total = sum(rest.size for rest in rests)
    lags = [sum(float(rest[k:] @ rest[: rest.size - k]) for rest in rests) / total for k in range(ORDER + 1)]
    lags[0] = 1.001 * lags[0] + 1e-12
    weights = solve_toeplitz(lags[:-1], lags[1:])
    power = max(lags[0] - float(weights @ np.array(lags[1:])), 1e-12)
    lead_in = 20 * ORDER
    white = rng.normal(0, np.sqrt(power), size + lead_in)
    return np.asarray(lfilter([1.0], np.concatenate([[1.0], -weights]), white)[lead_in:], np.float32)


def _add_p_waves(
    inside: FloatArray, wave: FloatArray, last_beat: int, pp: float, rng: np.random.Generator, fs: float
) -> None:
    """Add P waves every `pp` samples, counted on from that of the beat at `last_beat` (before the piece: negative)."""
    at = last_beat + round(P_S[0] * fs) + pp
    while at < len(inside) - len(wave) - 0.2 * fs:
        start = round(at)
        if start >= 0:
            inside[start : start + len(wave)] += wave
        at += pp * (1 + rng.normal(0, JITTER))
