"""Recordings with disturbed conduction, made from the P waves and the QRS and T waves of recorded beats.

No recording of DS1 has atrioventricular block, and only one of DS2. Here the waves of a recording's own beats are laid
out anew: P waves at the pace of a sinus node, QRS complexes where such a block would let them follow. Slow rhythms
without block are made in the same way, for what must not be mistaken for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from pipeline.labels import aami_class
from pipeline.types import Annotations, FloatArray, IntArray, Recording, RhythmCode, read_only

Block = Literal["Wenckebach", "2:1", "high degree", "complete", "first degree"]
Decoy = Literal["bradycardia", "pauses", "blocked premature"]
BLOCKS: Final[tuple[Block, ...]] = get_args(Block)
DECOYS: Final[tuple[Decoy, ...]] = get_args(Decoy)
CODES: Final[dict[str, RhythmCode]] = {
    "Wenckebach": "BII",
    "2:1": "BII",
    "high degree": "BII",
    "complete": "BIII",
    "first degree": "BI",
}

P_S: Final = (-0.28, -0.05)  # the P wave, around R
QRST_S: Final = (-0.05, 0.5)
QRST_MIN_S: Final = 0.34  # a beat whose T wave has less room is no donor
NEXT_P_S: Final = 0.3  # before the next R the T wave is over
RR_MIN_S: Final = 0.6  # before a donor: its P wave stands free
TAPER_S: Final = 0.02
MIN_DONORS: Final = 8
P_MIN_MV: Final = 0.04  # height of the average P wave of a donor: who has none cannot show a block
CONDUCTED_S: Final = (20.0, 60.0)  # of usual rhythm between episodes
EPISODE_S: Final = (25.0, 80.0)
SINUS_S: Final = (0.52, 1.0)  # between P waves in block: a sinus node at 60 to 115/min
QUIET_MV, WANDER_MV = 0.008, 0.03


@dataclass(frozen=True, eq=False)
class Made:
    """A made recording, the stretches, in seconds, in which its conduction is disturbed, and what noise was added."""

    recording: Recording
    kind: str
    episodes: tuple[tuple[float, float], ...]
    noise: str = ""


@dataclass(frozen=True, eq=False)
class _Schedule:
    """Where waves are laid: P waves and beats in seconds, and whether each beat is an escape beat.

    A P wave is laid where it stands before a beat at that time.
    """

    p_s: list[float]
    r_s: list[float]
    escape: list[bool]

    def beat(self, at_s: float, *, escape: bool = False) -> None:
        """Add a beat."""
        self.r_s.append(at_s)
        self.escape.append(escape)


@dataclass(frozen=True, eq=False)
class _Waves:
    """Donors: R peaks of beats with a P wave and of ventricular beats, and how many samples are used after R."""

    usual: IntArray
    ventricular: IntArray
    after: int


def made(recording: Recording, kind: Block | Decoy, rng: np.random.Generator, *, seconds: float = 240.0) -> Made | None:
    """Make a recording of one kind from the waves of another recording.

    Parameters
    ----------
    recording : Recording
        A recording with reference beats.
    kind : Block or Decoy
        What is made.
    rng : Generator
        Random generator.
    seconds : float, optional
        Its duration.

    Returns
    -------
    Made or None
        None if the recording has too few beats with a visible P wave.
    """
    waves = _waves(recording)
    if waves is None:
        return None
    schedule, episodes = _scheduled(kind, rng, seconds)
    signal = _laid_out(recording, waves, schedule, seconds, rng)
    sample = np.round(np.array(schedule.r_s) * recording.fs).astype(np.int64)
    symbols = tuple("E" if escape else "N" for escape in schedule.escape)
    name = f"{recording.name}-{kind.replace(':', 'to').replace(' ', '-')}"
    reference = Annotations(read_only(sample), symbols)
    whole = replace(recording, name=name, p_signal=read_only(signal), reference=reference, digest="")
    return Made(whole, kind, tuple(episodes))


def _scheduled(kind: str, rng: np.random.Generator, seconds: float) -> tuple[_Schedule, list[tuple[float, float]]]:
    """Schedule stretches of usual rhythm and of the kind in turn; return the latter as well."""
    schedule, episodes = _Schedule([], [], []), list[tuple[float, float]]()
    usual_s, at_s = rng.uniform(0.6, 1.1), 0.6
    while at_s < seconds - 1.0:
        stop_s = min(at_s + rng.uniform(*CONDUCTED_S), seconds - 1.0)
        while at_s < stop_s:
            schedule.p_s.append(at_s)
            schedule.beat(at_s)
            at_s += usual_s * _variation(at_s, rng)
        start_s, stop_s = at_s, min(at_s + rng.uniform(*EPISODE_S), seconds - 1.0)
        if stop_s - start_s > EPISODE_S[0] / 2:
            at_s = _EPISODES[kind](schedule, at_s, stop_s, rng)
            episodes.append((start_s, at_s))
    return schedule, episodes if kind in BLOCKS else []


def _variation(at_s: float, rng: np.random.Generator) -> float:
    """Return the factor of an interval: it varies with breathing, and at random."""
    return float((1 + 0.03 * np.sin(at_s * 1.6)) * rng.lognormal(0, 0.012))


def _wenckebach(schedule: _Schedule, at_s: float, stop_s: float, rng: np.random.Generator) -> float:
    """Lengthen P-R from beat to beat until one P wave is not conducted."""
    pp_s, first_s, step_s = rng.uniform(*SINUS_S), rng.uniform(0, 0.06), rng.uniform(0.05, 0.12)
    usual = int(rng.integers(2, 6))
    while at_s < stop_s:
        late_s = first_s
        for number in range(max(2, usual + int(rng.integers(-1, 2)))):
            schedule.p_s.append(at_s)
            schedule.beat(at_s + min(late_s, 0.45 * pp_s))
            late_s += step_s / (1 + 0.7 * number)
            at_s += pp_s * _variation(at_s, rng)
        schedule.p_s.append(at_s)
        at_s += pp_s * _variation(at_s, rng)
    return at_s


def _two_to_one(schedule: _Schedule, at_s: float, stop_s: float, rng: np.random.Generator) -> float:
    pp_s, late_s, phasic = rng.uniform(*SINUS_S), rng.uniform(0, 0.05), rng.uniform(0, 0.06)
    while at_s < stop_s:
        schedule.p_s.extend((at_s, at_s + pp_s * (1 - phasic)))
        schedule.beat(at_s + late_s)
        at_s += 2 * pp_s * _variation(at_s, rng)
    return at_s


def _high_degree(schedule: _Schedule, at_s: float, stop_s: float, rng: np.random.Generator) -> float:
    """Conduct one P wave of three, or of a varying number."""
    pp_s, late_s, steady = rng.uniform(*SINUS_S), rng.uniform(0, 0.05), rng.random() < 0.6
    while at_s < stop_s:
        schedule.beat(at_s + late_s)
        for _ in range(3 if steady else int(rng.integers(2, 5))):
            schedule.p_s.append(at_s)
            at_s += pp_s * _variation(at_s, rng)
    return at_s


def _complete(schedule: _Schedule, at_s: float, stop_s: float, rng: np.random.Generator) -> float:
    """Let P waves and beats go on at paces of their own."""
    pp_s, rr_s, escape = rng.uniform(*SINUS_S), rng.uniform(1.15, 2.1), bool(rng.random() < 0.5)
    p_s = at_s
    while p_s < stop_s:
        schedule.p_s.append(p_s)
        p_s += pp_s * _variation(p_s, rng)
    r_s = at_s + rng.uniform(0.2, 0.6)
    while r_s < stop_s:
        schedule.beat(r_s, escape=escape)
        r_s += rr_s * float(rng.lognormal(0, 0.012))
    return max(p_s, r_s - rr_s + 0.6)


def _first_degree(schedule: _Schedule, at_s: float, stop_s: float, rng: np.random.Generator) -> float:
    pp_s, late_s = rng.uniform(0.7, 1.1), rng.uniform(0.09, 0.2)
    while at_s < stop_s:
        schedule.p_s.append(at_s)
        schedule.beat(at_s + late_s)
        at_s += pp_s * _variation(at_s, rng)
    return at_s + late_s


def _bradycardia(schedule: _Schedule, at_s: float, stop_s: float, rng: np.random.Generator) -> float:
    pp_s = rng.uniform(1.0, 2.1)
    while at_s < stop_s:
        schedule.p_s.append(at_s)
        schedule.beat(at_s)
        at_s += pp_s * _variation(at_s, rng)
    return at_s


def _pauses(schedule: _Schedule, at_s: float, stop_s: float, rng: np.random.Generator) -> float:
    """Leave out P wave and beat now and then, as in sinoatrial block and arrest."""
    pp_s, every = rng.uniform(0.6, 1.0), int(rng.integers(1, 6))
    while at_s < stop_s:
        for _ in range(every):
            schedule.p_s.append(at_s)
            schedule.beat(at_s)
            at_s += pp_s * _variation(at_s, rng)
        at_s += pp_s * (1.0 if rng.random() < 0.6 else rng.uniform(0.3, 1.5))
    return at_s


def _blocked_premature(schedule: _Schedule, at_s: float, stop_s: float, rng: np.random.Generator) -> float:
    """Let an early P wave, which is not conducted, reset the sinus node now and then."""
    pp_s, every, early = rng.uniform(0.65, 1.0), int(rng.integers(1, 6)), rng.uniform(0.4, 0.72)
    while at_s < stop_s:
        for _ in range(max(1, every + int(rng.integers(-1, 2)))):
            schedule.p_s.append(at_s)
            schedule.beat(at_s)
            last_s, at_s = at_s, at_s + pp_s * _variation(at_s, rng)
        premature_s = last_s + max(pp_s * early * float(rng.lognormal(0, 0.04)), 0.36)
        schedule.p_s.append(premature_s)
        at_s = premature_s + pp_s * float(rng.uniform(1.0, 1.2))
    return at_s


_Episodes = Callable[[_Schedule, float, float, np.random.Generator], float]
_EPISODES: Final[dict[str, _Episodes]] = {
    "Wenckebach": _wenckebach,
    "2:1": _two_to_one,
    "high degree": _high_degree,
    "complete": _complete,
    "first degree": _first_degree,
    "bradycardia": _bradycardia,
    "pauses": _pauses,
    "blocked premature": _blocked_premature,
}


def _waves(recording: Recording) -> _Waves | None:
    """Choose the donors; None if the recording has too few, or no P wave."""
    assert recording.reference is not None
    sample, fs = recording.reference.sample, recording.fs
    aami = np.array([aami_class(symbol) or "" for symbol in recording.reference.symbol])
    rr = np.diff(sample, prepend=sample[:1])
    following = np.append(rr[1:], 0)
    inside = (sample > fs) & (sample < recording.n_samples - fs)
    neighbours = np.append(aami[1:], "") == "N"
    neighbours[1:] &= aami[:-1] == "N"
    usual = inside & (aami == "N") & neighbours & (rr > RR_MIN_S * fs)
    usual &= following > (QRST_MIN_S + NEXT_P_S) * fs
    if usual.sum() < MIN_DONORS or not _shows_p_waves(recording, sample[usual]):
        return None
    after = min(QRST_S[1], float(np.percentile(following[usual], 20)) / fs - NEXT_P_S)
    usual &= following >= (after + NEXT_P_S) * fs
    return _Waves(sample[usual], sample[inside & (aami == "V")], round(after * fs))


def _shows_p_waves(recording: Recording, at: IntArray) -> bool:
    """Tell whether the average of what stands before R has a P wave in some lead."""
    window = np.arange(round(P_S[0] * recording.fs), round(P_S[1] * recording.fs))
    average = np.median(recording.p_signal[at[:, None] + window], axis=0)
    single = recording.p_signal[at[:, None] + window]
    average = average - np.linspace(average[0], average[-1], window.size)
    single = single - np.linspace(single[:, 0], single[:, -1], window.size, axis=1)
    alike = [np.corrcoef(np.vstack([average[:, i], single[::7, :, i]]))[0, 1:] for i in range(average.shape[1])]
    heights = np.ptp(average, axis=0)
    return bool(any(h >= P_MIN_MV and np.median(c) > 0.8 for h, c in zip(heights, alike, strict=True)))


def _laid_out(
    recording: Recording, waves: _Waves, schedule: _Schedule, seconds: float, rng: np.random.Generator
) -> FloatArray:
    """Lay out the waves, (n, n_leads) mV, on a quiet line."""
    fs, n = recording.fs, round(seconds * recording.fs)
    shape = (n, recording.p_signal.shape[1])
    out = rng.normal(0, QUIET_MV, shape)
    out += _smoothed(rng.normal(0, 1, shape), fs) * np.sqrt(2 * np.sqrt(np.pi) * fs) * WANDER_MV
    p, qrst = (round(P_S[0] * fs), round(P_S[1] * fs)), (round(QRST_S[0] * fs), waves.after)
    for at_s in schedule.p_s:
        _add(out, recording.p_signal, int(rng.choice(waves.usual)), round(at_s * fs), p, fs)
    for at_s, escape in zip(schedule.r_s, schedule.escape, strict=True):
        donors = waves.ventricular if escape and waves.ventricular.size >= MIN_DONORS else waves.usual
        start = round(-0.12 * fs) if donors is waves.ventricular else qrst[0]
        _add(out, recording.p_signal, int(rng.choice(donors)), round(at_s * fs), (start, qrst[1]), fs)
    return out.astype(np.float32)


def _smoothed(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return columns (n, k) smoothed by a Gaussian, mirrored at the ends."""
    reach = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)[:, None]
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="symmetric")
    return np.asarray(oaconvolve(padded, kernel / kernel.sum(), mode="valid", axes=0))


def _add(out: NDArray[np.float64], p_signal: FloatArray, donor: int, at: int, span: tuple[int, int], fs: float) -> None:
    """Add what stands at `span` around the donor's R peak, above the line between its ends, at `at`."""
    first, stop = at + span[0], at + span[1]
    if first < 0 or stop > len(out):
        return
    piece = np.nan_to_num(p_signal[donor + span[0] : donor + span[1]]).astype(np.float64)
    width = max(2, round(TAPER_S * fs))
    ends = piece[:width].mean(axis=0), piece[-width:].mean(axis=0)
    piece -= np.linspace(ends[0], ends[1], len(piece))
    ramp = np.minimum(1.0, (np.arange(len(piece)) + 1) / width)
    out[first:stop] += piece * (ramp * ramp[::-1])[:, None]
