"""The windows of neighbouring beats that the rhythm network is trained on, as recorded, simulated and augmented."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.loop import UNLABELLED
from pipeline.analysis import prepare
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.features.beat_sequence import assembled, frame, waves
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.synthesis.rhythms import Rhythm, simulate
from pipeline.training.rhythm_network.augmentation import Pair, filtered, noisy, second_shape, turned_leads
from pipeline.types import FloatArray, IntArray, Recording

N, S, V, F, Q = (AAMI_CLASSES.index(name) for name in "NSVFQ")
NO_NOISE: Final = np.zeros(0, np.float32)
ONE_LEAD = np.array([1, 0], np.float32)
FEWEST_V = 20  # recordings with fewer are not used for fusion beats


@dataclass(frozen=True, eq=False)
class RhythmRecord:
    """A recording as the rhythm network is trained on it.

    Attributes
    ----------
    name : str
        Name of the record.
    wave, usual, rhythm : (n, points, 2), (points, 2) and (n, k) float32
        As in `pipeline.features.beat_sequence`.
    label : (n,) int64
        Class as an index into `AAMI_CLASSES`; `UNLABELLED` where a beat is only a neighbour.
    """

    name: str
    wave: FloatArray
    usual: FloatArray
    rhythm: FloatArray
    label: IntArray

    @cached_property
    def rare(self) -> IntArray:
        """Beats that are not N."""
        return np.flatnonzero(self.label > N)

    @cached_property
    def ventricular(self) -> IntArray:
        """Beats of class V."""
        return np.flatnonzero(self.label == V)

    def rows(self) -> FloatArray:
        """Return the network's input for the whole recording."""
        return assembled(self.wave, self.usual, self.rhythm)


def load_record(name: str, folder: Path, config: Config, *, only: Sequence[int] | None = None) -> RhythmRecord:
    """Read a recording with its reference beats.

    Parameters
    ----------
    name : str
        Name of the record.
    folder : Path
        Where it is.
    config : Config
        Settings of the pipeline.
    only : sequence of int, optional
        Classes to label; beats of others stay unlabelled.

    Raises
    ------
    DataError
        If it has no reference annotations.
    """
    recording = read_path(folder / f"{name}.hea", config=config)
    if recording.reference is None:
        raise DataError(f"Record {name!r} in {str(folder)!r} has no reference annotations (.atr).")
    found = _labelled(recording, config)
    if only is not None:
        found.label[~np.isin(found.label, only)] = UNLABELLED
    return found


def load_simulated_records(
    name: str, folder: Path, config: Config, variants: Sequence[tuple[Rhythm, int]], n_beats: int, seed: int
) -> list[RhythmRecord]:
    """Simulate rhythms from the beats of a recording.

    Parameters
    ----------
    name : str
        Name of the record.
    folder : Path
        Where it is.
    config : Config
        Settings of the pipeline.
    variants : sequence of (str, int)
        Each rhythm and how often it is simulated.
    n_beats : int
        Beats per simulation.
    seed : int
        Seed of the random generator; the same seed gives the same result.

    Returns
    -------
    list of RhythmRecord
        Empty if the recording has too few beats.
    """
    recording, found = read_path(folder / f"{name}.hea", config=config), []
    for i, (rhythm, times) in enumerate(variants):
        for j in range(times):
            made = simulate(recording, rhythm, n_beats, np.random.default_rng((seed, int(name), i, j)))
            if made is not None:
                found.append(_labelled(made, config))
    return found


def _labelled(recording: Recording, config: Config) -> RhythmRecord:
    assert recording.reference is not None
    beats = prepare(recording, config, samples=recording.reference.sample).beats
    shared = frame(beats, config.sequence, config.signal)
    label = np.array([AAMI_CLASSES.index(aami_class(symbol) or "Q") for symbol in recording.reference.symbol], np.int64)
    label[[bool(reason) for reason in beats.reason]] = UNLABELLED
    wave = waves(beats, np.arange(len(beats)), config.sequence)
    return RhythmRecord(recording.name, wave, shared.usual, shared.rhythm, label)


@dataclass(frozen=True)
class Changes:
    """How windows are augmented at random: shares of windows, unless a unit is stated."""

    turned_leads: float = 0.4  # both leads in other directions
    filtered: float = 0.3
    noisy: float = 0.3  # with recorded noise ...
    noise_level: float = 0.15  # ... whose SD, in usual QRS heights, is drawn with this SD
    second: float = 0.1  # in which some N and S take the usual shape of another recording
    usual_hidden: float = 0.15  # with an unknown usual beat: it may come from another rhythm than the window's
    swapped: float = 0.1  # with the second lead in place of the first
    second_lost: float = 0.3
    first_lost: float = 0.05
    turned: float = 0.1  # a lead with the other sign
    fused: float = 0.2  # windows in which some N become F: a mean of N and V, as fusion is
    fused_share: float = 0.12  # of their N
    fused_normal: tuple[float, float] = (0.15, 0.6)  # share of N in a fused beat
    unknown_rhythm: float = 0.05
    height: float = 0.15  # log, one standard deviation
    stretch: float = 0.08  # of time, at most
    shift: float = 1.2  # points, at most, of all beats ...
    jitter: float = 0.4  # ... and of each, one standard deviation
    noise: float = 0.05  # its SD, in usual QRS heights, is drawn with this SD
    offset: float = 0.04  # usual QRS heights
    rhythm_noise: float = 0.03  # of the intervals, in the units of `rhythm_features`


@dataclass(frozen=True, eq=False)
class WindowSampler:
    """Draws batches of windows of `length` beats: from recorded rhythms, simulated ones, paced records, and others."""

    recorded: Sequence[RhythmRecord]
    simulated: Sequence[RhythmRecord]
    paced: Sequence[RhythmRecord]
    config: Config
    seed: int
    steps: int
    batch: int = 12
    length: int = 96
    simulated_share: float = 0.5
    paced_share: float = 0.03
    rare_share: float = 0.3  # windows that are placed around a beat that is not N
    others: Sequence[RhythmRecord] = ()  # recorded rhythms of another database ...
    others_share: float = 0.4  # ... and the share of windows from there
    noise: FloatArray = field(default_factory=lambda: NO_NOISE)  # (m,), recorded
    changes: Changes = field(default_factory=Changes)

    def epoch(self, number: int) -> Iterator[tuple[FloatArray, IntArray]]:
        """Yield the batches of an epoch: rows float32 (batch, length, row) and labels (batch, length)."""
        rng = np.random.default_rng((self.seed, number))
        for _ in range(self.steps):
            windows = [self.window(rng) for _ in range(self.batch)]
            yield np.stack([rows for rows, _ in windows]), np.stack([label for _, label in windows])

    def window(self, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
        """Return rows (length, row) and labels (length,); beyond the ends of the recording they are unlabelled."""
        record = self._record(rng)
        start = self._start(record, rng)
        at = np.arange(max(0, start), min(record.label.size, start + self.length))
        wave, label = with_fusion(record, at, self.changes, rng)
        wave, usual = self._of_another(wave, record.usual, label, rng)
        wave, usual = changed(wave, usual, self.config.sequence.points_before, self.changes, rng)
        if rng.random() < self.changes.usual_hidden:
            usual = np.zeros_like(usual)
        found = assembled(wave, usual, changed_rhythm(record.rhythm[at], self.changes, rng))
        rows = np.zeros((self.length, found.shape[-1]), np.float32)
        rows[:, usual.size : 2 * usual.size] = usual.ravel()
        labels = np.full(self.length, UNLABELLED, np.int64)
        rows[at - start], labels[at - start] = found, label
        return rows, labels

    def _of_another(self, wave: FloatArray, usual: FloatArray, label: IntArray, rng: np.random.Generator) -> Pair:
        """Return the window as another patient, another machine or another day could have shown it."""
        if rng.random() < self.changes.second:
            other = self.recorded[int(rng.integers(len(self.recorded)))].usual
            wave = second_shape(wave, usual, other, np.flatnonzero((label == N) | (label == S)), rng)
        if rng.random() < self.changes.turned_leads:
            wave, usual = turned_leads(wave, usual, rng)
        if rng.random() < self.changes.filtered:
            wave, usual = filtered(wave, usual, rng)
        if rng.random() < self.changes.noisy and self.noise.size:
            wave = noisy(wave, usual, self.noise, self.changes.noise_level, rng)
        return wave, usual

    def _record(self, rng: np.random.Generator) -> RhythmRecord:
        pool = self.simulated if self.simulated and rng.random() < self.simulated_share else self.recorded
        if self.paced and rng.random() < self.paced_share:
            pool = self.paced
        if self.others and rng.random() < self.others_share:
            pool = self.others
        return pool[int(rng.integers(len(pool)))]

    def _start(self, record: RhythmRecord, rng: np.random.Generator) -> int:
        if rng.random() < self.rare_share and record.rare.size:
            return int(rng.choice(record.rare) - rng.integers(self.length))
        return int(rng.integers(-self.length // 4, max(1, record.label.size - self.length // 2)))


def with_fusion(
    record: RhythmRecord, at: IntArray, changes: Changes, rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Return beats and labels, with some N occasionally turned into fusion beats with the recording's own V.

    Parameters
    ----------
    record : RhythmRecord
        The recording.
    at : (n,) int64
        Which beats.
    changes : Changes
        How often.
    rng : Generator
        Random generator.

    Returns
    -------
    tuple
        Beats (n, points, 2) float32, and labels (n,) int64.
    """
    wave, label = record.wave[at], record.label[at]
    if record.ventricular.size < FEWEST_V or rng.random() >= changes.fused:
        return wave, label
    fused = (label == N) & (rng.random(label.size) < changes.fused_share)
    partner = record.wave[rng.choice(record.ventricular, int(fused.sum()))]
    share = rng.uniform(*changes.fused_normal, (int(fused.sum()), 1, 1)).astype(np.float32)
    wave[fused] = share * wave[fused] + (1 - share) * partner
    return wave, np.where(fused, F, label)


def changed(
    wave: FloatArray, usual: FloatArray, r_point: int, changes: Changes, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Change heights, timing, noise and leads of beats and their usual beat.

    Parameters
    ----------
    wave : (n, points, 2) float32
        Beats.
    usual : (points, 2) float32
        Their usual beat.
    r_point : int
        Position of R.
    changes : Changes
        How much.
    rng : Generator
        Random generator.

    Returns
    -------
    tuple
        Changed beats and usual beat.
    """
    both = np.concatenate([usual[None], wave]) * np.exp(rng.normal(0, changes.height, 2)).astype(np.float32)
    both = _retimed(both, r_point, changes, rng)
    noise = abs(rng.normal(0, changes.noise)) * rng.standard_normal(wave.shape, dtype=np.float32)
    both[1:] += noise + rng.normal(0, changes.offset, (len(wave), 1, 2)).astype(np.float32)
    both = both * _signs(changes, rng)
    if rng.random() < changes.swapped:
        both = both[..., ::-1]
    chance = rng.random()
    if chance < changes.second_lost:
        both = both * ONE_LEAD
    elif chance < changes.second_lost + changes.first_lost:
        both = both[..., ::-1] * ONE_LEAD
    return both[1:], both[0]


def _signs(changes: Changes, rng: np.random.Generator) -> FloatArray:
    turned = (rng.random() < changes.turned) & (rng.random(2) < 0.5)
    return np.where(turned, -1, 1).astype(np.float32)


def _retimed(both: FloatArray, r_point: int, changes: Changes, rng: np.random.Generator) -> FloatArray:
    """Stretch beats around R and shift them; the first, the usual beat, without jitter of its own."""
    n, points = both.shape[:2]
    jitter = rng.normal(0, changes.jitter, n) * (np.arange(n) > 0)
    shift = rng.uniform(-changes.shift, changes.shift) + jitter
    stretch = 1 + rng.uniform(-changes.stretch, changes.stretch)
    at = np.clip((np.arange(points) - r_point) * stretch + r_point + shift[:, None], 0, points - 1)
    left = np.minimum(at.astype(np.int64), points - 2)
    part = (at - left).astype(np.float32)[..., None]
    beat = np.arange(n)[:, None]
    return np.asarray(both[beat, left] * (1 - part) + both[beat, left + 1] * part, np.float32)


def changed_rhythm(rhythm: FloatArray, changes: Changes, rng: np.random.Generator) -> FloatArray:
    """Add some noise to the RR intervals that are known, or make all of them unknown.

    Parameters
    ----------
    rhythm : (n, k) float32
        As `rhythm_features` returns them.
    changes : Changes
        How often and how much.
    rng : Generator
        Random generator.
    """
    if rng.random() < changes.unknown_rhythm:
        return np.zeros_like(rhythm)
    noise = changes.rhythm_noise * rng.standard_normal(rhythm.shape, dtype=np.float32)
    return np.asarray(rhythm + noise * (rhythm != 0), np.float32)


def class_shares(label: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return the share of each class among the labelled beats, (5,)."""
    known = np.concatenate([part.ravel() for part in label])
    counts = np.bincount(known[known != UNLABELLED], minlength=len(AAMI_CLASSES)).astype(np.float64)
    return np.asarray(counts / counts.sum())
