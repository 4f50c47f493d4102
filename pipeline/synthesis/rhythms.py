"""Recordings with rhythms that are rare in the training set, assembled from a recording's own beats.

In MIT-BIH 232 three of four beats are supraventricular: runs of an atrial focus between sinus pauses. DS1 has nothing
like it, so a network learns that the short intervals of a steady rhythm are normal. Here the beats of a training
recording are rearranged into such a rhythm, or into atrial fibrillation, whose irregular beats are normal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pipeline.labels import aami_class
from pipeline.types import Annotations, FloatArray, IntArray, Recording, read_only

Rhythm = Literal["atrial_runs", "fibrillation", "premature", "paroxysms"]
Schedule = tuple[NDArray[np.float64], NDArray[np.str_]]  # RR before each beat in seconds (n,), class of each beat (n,)

BEFORE_S, AFTER_S = 0.28, 0.42  # the part of a beat that is used, around its R peak
P_WAVE_S = (-0.24, -0.06)
MIN_DONORS = 5
V_SHARE = 0.08  # of the beats, if the donor has V: otherwise a network learns that such rhythms have no V
LONG_RUNS, LONGEST_RUN = 0.06, 60  # share of early beats that begin a run of 6 or more, and how many beats it has
WILD = "f"  # a normal beat in fibrillation: no P wave
F_WAVES_HZ, F_WAVES_MV = (4.0, 9.0), (0.0, 0.12)
SYMBOLS = {"N": "N", "S": "A", "V": "V", WILD: "N"}


def simulate(recording: Recording, rhythm: Rhythm, n_beats: int, rng: np.random.Generator) -> Recording | None:
    """Make a recording in another rhythm from the N, S and V beats of a recording.

    Without S beats of its own, N beats with a changed P wave are used instead: an atrial beat has the usual QRS.

    Parameters
    ----------
    recording : Recording
        A recording with reference beats.
    rhythm : Rhythm
        The rhythm.
    n_beats : int
        Number of beats.
    rng : Generator
        Random generator.

    Returns
    -------
    Recording or None
        None if the recording has too few N beats.
    """
    donors = _donors(recording)
    if donors["N"].size < MIN_DONORS:
        return None
    rr_s, aami = _SCHEDULES[rhythm](n_beats, rng)
    if donors["V"].size >= MIN_DONORS:
        _add_ventricular(rr_s, aami, rng)
    sample = np.round((1.0 + np.cumsum(rr_s)) * recording.fs).astype(np.int64)
    signal = _laid_out(recording, sample, aami, donors, rhythm, rng)
    return replace(
        recording,
        name=f"{recording.name}-{rhythm}",
        p_signal=read_only(signal),
        reference=Annotations(read_only(sample), tuple(SYMBOLS[letter] for letter in aami)),
        digest="",
    )


def _atrial_runs(n: int, rng: np.random.Generator) -> Schedule:
    """Schedule runs of an atrial focus with pauses between them, each ended by one or a few slower sinus beats."""
    run, rest = rng.uniform(2, 9), rng.uniform(0, 2.5)
    fast_s, pause = rng.uniform(0.48, 0.95), rng.uniform(1.25, 2.4)
    rr: list[float] = []
    aami: list[str] = []
    while len(rr) < n:
        sinus, atrial = 1 + rng.poisson(rest), 1 + rng.poisson(run)
        rr += [fast_s * pause * rng.lognormal(0, 0.15) for _ in range(sinus)]
        rr += [fast_s * rng.lognormal(0, 0.05) for _ in range(atrial)]
        aami += ["N"] * sinus + ["S"] * atrial
    return np.array(rr[:n]), np.array(aami[:n])


def _fibrillation(n: int, rng: np.random.Generator) -> Schedule:
    """Schedule irregular intervals: log-normal around a rate, never shorter than a refractory time."""
    centre, sigma = rng.uniform(0.45, 0.95), rng.uniform(0.15, 0.32)
    rr = np.maximum(centre * rng.lognormal(0, sigma, n), 0.3)
    return rr, np.full(n, "N")


def _premature(n: int, rng: np.random.Generator) -> Schedule:
    """Schedule a sinus rhythm with respiratory variation and early atrial beats: alone, a few in a row, long runs."""
    centre, depth, cycle = rng.uniform(0.55, 1.1), rng.uniform(0.0, 0.12), rng.uniform(3, 8)
    rr = centre * (1 + depth * np.sin(np.arange(n) * 2 * np.pi / cycle)) * rng.lognormal(0, 0.03, n)
    aami = np.full(n, "N")
    early, pause = rng.uniform(0.5, 0.88), rng.uniform(1.0, 1.35)
    for first in np.flatnonzero(rng.random(max(0, n - LONGEST_RUN - 1)) < rng.uniform(0.02, 0.15)):
        if aami[first] == "N":
            long = rng.random() < LONG_RUNS
            last = first + (int(rng.integers(6, LONGEST_RUN)) if long else min(int(rng.geometric(0.75)), 3))
            aami[first:last] = "S"
            aami[last] = "N"
            rr[first:last] = np.median(rr) * early * rng.lognormal(0, 0.02 if long else 0.08, last - first)
            rr[last] *= pause
    return np.maximum(rr, 0.3), aami


def _paroxysms(n: int, rng: np.random.Generator) -> Schedule:
    """Schedule sinus rhythm with early atrial beats and stretches of fibrillation, where irregular beats are normal."""
    rr, aami = _premature(n, rng)
    wild, _ = _fibrillation(n, rng)
    wild *= min(1.0, float(np.mean(rr) * rng.uniform(0.65, 1.0) / np.mean(wild)))
    edges = np.cumsum(rng.integers(15, 120, n // 15))
    in_it = np.searchsorted(edges, np.arange(n), side="right") % 2 == rng.integers(2)
    return np.where(in_it, np.maximum(wild, 0.3), rr), np.where(in_it, WILD, aami)


def _add_ventricular(rr_s: NDArray[np.float64], aami: NDArray[np.str_], rng: np.random.Generator) -> None:
    """Turn some beats into V, mostly early and followed by a longer interval."""
    chosen = np.flatnonzero(rng.random(aami.size - 1) < V_SHARE)
    aami[chosen] = "V"
    rr_s[chosen] *= rng.uniform(0.6, 1.0, chosen.size)
    rr_s[chosen + 1] *= rng.uniform(1.0, 1.5, chosen.size)


_SCHEDULES: dict[Rhythm, Callable[[int, np.random.Generator], Schedule]] = {
    "atrial_runs": _atrial_runs,
    "fibrillation": _fibrillation,
    "premature": _premature,
    "paroxysms": _paroxysms,
}


def _donors(recording: Recording) -> dict[str, IntArray]:
    assert recording.reference is not None
    sample = recording.reference.sample
    aami = np.array([aami_class(symbol) for symbol in recording.reference.symbol], object)
    room = round(0.5 * recording.fs)
    inside = (sample > room) & (sample < recording.n_samples - room)
    alone = np.diff(sample, prepend=-room) > room  # the T wave of the previous beat is over
    usable = {"N": inside & alone, "S": inside, "V": inside}
    return {letter: sample[mask & (aami == letter)] for letter, mask in usable.items()}


def _laid_out(
    recording: Recording,
    sample: IntArray,
    aami: NDArray[np.str_],
    donors: dict[str, IntArray],
    rhythm: Rhythm,
    rng: np.random.Generator,
) -> FloatArray:
    """Lay out the beats at `sample`, (n_samples, n_leads) mV, joined by straight lines with some noise."""
    fs = recording.fs
    n = int(sample[-1] + round(2 * fs))
    out = np.full((n, recording.p_signal.shape[1]), np.nan, np.float32)
    before, after = _room(sample, fs)
    own_s = donors["S"].size >= MIN_DONORS
    waves = _f_waves(n, fs, rng) if WILD in aami else None
    for at, kind, left, right in zip(sample, aami, before, after, strict=True):
        wild = rhythm == "fibrillation" or kind == WILD
        donor = int(rng.choice(donors["N" if kind == WILD or (kind == "S" and not own_s) else str(kind)]))
        beat = recording.p_signal[donor - left : donor + right]
        beat = (beat - np.median(beat, axis=0)).astype(np.float32)
        if kind != "V" and (wild or (kind == "S" and not own_s)):
            _change_p_wave(beat, left, fs, 0.0 if wild else rng.uniform(-0.6, 0.6))
        if kind == WILD and waves is not None:
            beat += waves[at - left : at + right, None]
        out[at - left : at + right] = beat
    gaps = np.isnan(out[:, 0])
    quiet = rng.normal(0, 0.012, out.shape) + gaussian_filter1d(rng.normal(0, 0.12, out.shape), 0.1 * fs, axis=0)
    for lead in out.T:
        finite = np.isfinite(lead)
        lead[~finite] = np.interp(np.flatnonzero(~finite), np.flatnonzero(finite), lead[finite])
    out[gaps] += quiet[gaps].astype(np.float32)
    return out


def _f_waves(n: int, fs: float, rng: np.random.Generator) -> FloatArray:
    """Return fibrillatory waves (n,), mV: a tone whose frequency and height wander."""
    pace = rng.uniform(*F_WAVES_HZ) * (1 + gaussian_filter1d(rng.normal(0, 4, n), 0.2 * fs))
    height = rng.uniform(*F_WAVES_MV) * (1 + gaussian_filter1d(rng.normal(0, 6, n), 0.3 * fs))
    return np.asarray(height * np.sin(2 * np.pi * np.cumsum(pace) / fs), np.float32)


def _room(sample: IntArray, fs: float) -> tuple[IntArray, IntArray]:
    """Return how many samples of each beat are used before and after R: fewer where the neighbours are near."""
    rr = np.diff(sample)
    before = np.minimum(round(BEFORE_S * fs), np.concatenate([[sample[0]], 0.42 * rr]))
    after = np.minimum(round(AFTER_S * fs), np.concatenate([0.56 * rr, [round(AFTER_S * fs)]]))
    return before.astype(np.int64), after.astype(np.int64)


def _change_p_wave(beat: FloatArray, r: int, fs: float, factor: float) -> None:
    """Scale what stands above the line between both ends of the P wave's window by `factor`."""
    start, stop = max(0, r + round(P_WAVE_S[0] * fs)), max(1, r + round(P_WAVE_S[1] * fs))
    line = np.linspace(beat[start], beat[stop], stop - start, endpoint=False)
    beat[start:stop] = line + factor * (beat[start:stop] - line)
