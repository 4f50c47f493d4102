"""Beats of records as curves around their R peaks, and traces cut from them as in pictures of one beat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import prepare
from pipeline.config import Config
from pipeline.datasets.catalogue import database_folder
from pipeline.errors import EcgError
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.signal.beat_windows import gather
from pipeline.synthesis.textbook_beats import averaged, smoothed
from pipeline.training.training_set import PACED_TRAINING, PACED_VALIDATION
from pipeline.types import Beats, FloatArray, IntArray

Rng = np.random.Generator

SEED: Final = 20261122
BEFORE_S, AFTER_S = 0.6, 0.9  # the part of a beat that is used, around its R peak
BEATS_PER_CLASS: Final = 400  # per record, and a third as many from its second lead
SUPRAVENTRICULAR: Final = 120  # the same, per record of svdb
GAP_BEFORE_S, GAP_AFTER_S = 0.18, 0.12  # a picture of one beat stays this far away from the neighbouring R peaks
MIN_AFTER_S: Final = 0.18  # a picture shows at least this much after R
UNKNOWN: Final = -1  # the label of beats without an annotation


@dataclass(frozen=True, eq=False)
class Windows:
    """Stretches around R peaks at the working frequency.

    Attributes
    ----------
    curve : (n, m) float32
        The stretches.
    label : (n,) int64
        Class index or `UNKNOWN`.
    record : (n,) str
        The record that each comes from.
    group : (n,) int64
        One number per record, lead and class, increasing.
    room : (n, 2) float32
        Seconds before and after R without another beat.
    fs : float
        Sampling frequency of the curves, Hz.
    """

    curve: FloatArray
    label: IntArray
    record: NDArray[np.str_]
    group: IntArray
    room: FloatArray
    fs: float

    def at(self, index: NDArray[Any]) -> Windows:
        """Return some of them."""
        return Windows(
            self.curve[index], self.label[index], self.record[index], self.group[index], self.room[index], self.fs
        )

    def of(self, records: Sequence[str]) -> Windows:
        """Return those of some records."""
        return self.at(np.isin(self.record, list(records)))


def load_windows(records: Sequence[str], root: Path, config: Config) -> Windows:
    """Load at most `BEATS_PER_CLASS` beats of each class and record of MIT-BIH; of paced records, class Q alone.

    Parameters
    ----------
    records : sequence of str
        Names of the records.
    root : Path
        The folder of the databases, or of MIT-BIH.
    config : Config
        Settings of the pipeline.

    Raises
    ------
    DataError
        If the MIT-BIH database is not in `root`.
    """
    folder = database_folder(root)
    return windows_of([part for record in records for part in _labelled(record, folder, config)], config)


def load_supraventricular(root: Path, config: Config) -> Windows | None:
    """Load beats of the records of svdb in `root`, both leads, classes N, S and V; None if there are none.

    The few F and Q of svdb are left out: its annotators used these classes for other beats than those of MIT-BIH.
    """
    files = sorted((root / "svdb").glob("*.hea"))
    parts = [part for file in files for part in _labelled(file.stem, file.parent, config, limit=SUPRAVENTRICULAR)]
    return windows_of([part for part in parts if part.label <= AAMI_CLASSES.index("V")], config) if parts else None


def join_windows(first: Windows, second: Windows) -> Windows:
    """Join both sets."""
    parts = [(getattr(first, name), getattr(second, name)) for name in ("curve", "label", "record")]
    group = np.concatenate([first.group, second.group + first.group.max() + 1])
    curve, label, record = (np.concatenate(pair) for pair in parts)
    return Windows(curve, label, record, group, np.concatenate([first.room, second.room]), first.fs)


def load_unlabelled(root: Path, config: Config) -> Windows | None:
    """Load beats on all leads of the LUDB records in `root`, as shapes without classes; None if there are none."""
    files = sorted((root / "ludb").glob("*.hea"))
    parts = [part for file in files for part in _unlabelled(file, config)]
    return windows_of(parts, config) if parts else None


@dataclass(frozen=True, eq=False)
class Part:
    """The chosen beats (n) of one class on one lead of one record: `curve` (n, m) and `room` (n, 2) as in `Windows`."""

    record: str
    label: int
    curve: FloatArray
    room: FloatArray


def windows_of(parts: Sequence[Part], config: Config) -> Windows:
    """Join the parts into one set."""
    sizes = [len(part.curve) for part in parts]
    return Windows(
        np.concatenate([part.curve for part in parts]),
        np.repeat([part.label for part in parts], sizes),
        np.repeat([part.record for part in parts], sizes),
        np.repeat(np.arange(len(parts)), sizes),
        np.concatenate([part.room for part in parts]),
        config.signal.working_fs_hz,
    )


def _labelled(record: str, folder: Path, config: Config, *, limit: int = BEATS_PER_CLASS) -> Iterator[Part]:
    recording = read_path(folder / f"{record}.hea", config=config)
    assert recording.reference is not None
    beats = prepare(recording, config, samples=recording.reference.sample).beats
    label = np.array([AAMI_CLASSES.index(aami_class(symbol) or "Q") for symbol in recording.reference.symbol])
    usable = np.array([not reason for reason in beats.reason])
    paced = record in (*PACED_TRAINING, *PACED_VALIDATION)
    rng = np.random.default_rng((SEED, int(record)))
    for index in range(len(AAMI_CLASSES)):
        if (index == AAMI_CLASSES.index("Q")) != paced:
            continue
        chosen = rng.permutation(np.flatnonzero(usable & (label == index)))[:limit]
        for lead in range(beats.signal.shape[1] if chosen.size else 0):
            yield part_of(record, index, beats, lead, chosen[:: 1 if lead == 0 else 3])


def _unlabelled(file: Path, config: Config) -> Iterator[Part]:
    try:
        recording = read_path(file, config=config)
    except EcgError:
        return
    for pair in zip(recording.leads[::2], recording.leads[1::2], strict=False):
        try:
            beats = prepare(recording, config, leads=pair).beats
        except EcgError:
            continue
        usable = np.flatnonzero([not reason for reason in beats.reason])
        for lead in range(beats.signal.shape[1]):
            yield part_of(f"ludb {file.stem}", UNKNOWN, beats, lead, usable)


def part_of(record: str, label: int, beats: Beats, lead: int, chosen: IntArray) -> Part:
    """Cut some beats of one lead of a recording.

    Parameters
    ----------
    record : str
        Name of the recording.
    label : int
        Their class, or `UNKNOWN`.
    beats : Beats
        All beats of two leads.
    lead : int
        Which of the leads.
    chosen : (n,) int64
        Which of the beats.
    """
    offsets = np.arange(-round(BEFORE_S * beats.fs), round(AFTER_S * beats.fs) + 1)
    curve = gather(beats.signal[:, lead], beats.r_peak[chosen][:, None] + offsets)
    gap = np.diff(beats.r_peak) / beats.fs
    room = np.stack([np.append(9.0, gap) - GAP_BEFORE_S, np.append(gap, 9.0) - GAP_AFTER_S], axis=1)[chosen]
    return Part(record, label, curve.astype(np.float32), np.asarray(room, np.float32))


def choose_windows(windows: Windows, counts: Sequence[tuple[str, int]], rng: Rng) -> IntArray:
    """Choose a number of windows per class; a record's probability grows with the square root of its windows.

    Parameters
    ----------
    windows : Windows
        The windows.
    counts : sequence of (str, int)
        AAMI class, and how many of it.
    rng : Generator
        Random generator.

    Returns
    -------
    (n,) int64
        Indices of windows.
    """
    chosen = []
    for aami, count in counts:
        index = np.flatnonzero(windows.label == AAMI_CLASSES.index(aami))
        if index.size:
            chosen.append(fairly(windows, index, count, rng))
    return np.concatenate(chosen)


def fairly(windows: Windows, index: IntArray, count: int, rng: Rng) -> IntArray:
    """Choose some windows; a record's probability grows with the square root of its windows.

    Parameters
    ----------
    windows : Windows
        The windows.
    index : (m,) int64
        Which to choose from.
    count : int
        How many.
    rng : Generator
        Random generator.

    Returns
    -------
    (count,) int64
        Indices of windows.
    """
    _, owner, sizes = np.unique(windows.record[index], return_inverse=True, return_counts=True)
    weight = 1 / np.sqrt(sizes[owner])
    return np.asarray(rng.choice(index, count, p=weight / weight.sum()), np.int64)


def cut_traces(windows: Windows, index: IntArray, rng: Rng, points: int, *, clean: float = 0.0) -> FloatArray:
    """Cut traces as pictures are cut: from R in the middle to R at the start.

    Parameters
    ----------
    windows : Windows
        The windows.
    index : (n,) int64
        Which of them.
    rng : Generator
        Random generator.
    points : int
        Points per trace.
    clean : float, optional
        Share of the beats that are averaged with others of their patient, smoothed, and cut without noise.

    Returns
    -------
    (n, points) float32
        In 0..1.
    """
    curve, noisy = windows.curve[index], rng.random((index.size, 1)) >= clean
    soft = smoothed(averaged(windows.curve, windows.group, index, rng, 6), float(rng.uniform(0.5, 2.0)))
    curve = np.where(noisy, curve, soft)
    before, after = _borders(windows.room[index], rng)
    seconds = -before[:, None] + (before + after)[:, None] * np.linspace(0, 1, points)
    position = (seconds + BEFORE_S) * windows.fs
    left = np.floor(position).astype(np.int64)
    share, rows = position - left, np.arange(index.size)[:, None]
    cut = curve[rows, left] * (1 - share) + curve[rows, left + 1] * share
    height = np.ptp(cut, axis=1, keepdims=True) + 1e-6
    strength = np.abs(rng.normal(0, 0.012, (index.size, 1))) * noisy
    cut = cut + height * rng.normal(0, 1, cut.shape) * strength
    cut = cut + height * rng.normal(0, 0.05, (index.size, 1)) * noisy * np.linspace(-0.5, 0.5, points)
    return unit(cut)


def _borders(room: FloatArray, rng: Rng) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return seconds before and after R, within `room` (n, 2): three in ten pictures have R in the middle."""
    count = len(room)
    before = rng.uniform(0.0, 0.30, count)
    least = np.maximum(0.2, 0.8 * before)
    after = rng.uniform(least, np.maximum(0.3, np.minimum(0.6, 1.6 * before + 0.25)))
    centred = rng.random(count) < 0.3
    before[centred] = after[centred] = rng.uniform(0.22, 0.30, int(centred.sum()))
    return np.clip(before, 0, np.maximum(room[:, 0], 0.0)), np.clip(
        after, MIN_AFTER_S, np.maximum(room[:, 1], MIN_AFTER_S)
    )


def unit(values: NDArray[Any]) -> FloatArray:
    """Scale rows (n, m) to 0..1 each."""
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    return np.asarray((values - low) / np.maximum(high - low, 1e-6), np.float32)
