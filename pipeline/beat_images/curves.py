"""Beats of records as curves around their R peaks, and traces cut from them as pictures of one beat are."""

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
from pipeline.signal.windows import gather
from pipeline.synthesis.textbook_beats import averaged, smoothed
from pipeline.training.training_set import PACED_TRAINING, PACED_VALIDATION
from pipeline.types import Beats, FloatArray, IntArray

Rng = np.random.Generator

SEED: Final = 20261122
BEFORE_S, AFTER_S = 0.6, 0.9  # what is kept of a beat, around its R peak
BEATS_PER_CLASS: Final = 400  # of each record, and a third as many again from its second lead
SUPRAVENTRICULAR: Final = 120  # likewise of each record of svdb
GAP_BEFORE_S, GAP_AFTER_S = 0.18, 0.12  # a picture of one beat ends so long before the R of the next
LEAST_S: Final = 0.18  # a picture shows at least this much after R
UNKNOWN: Final = -1  # the label of beats that nobody labelled


@dataclass(frozen=True, eq=False)
class Windows:
    """Stretches `curve` (n, m) around R peaks at the working frequency.

    `label` (n,) class index or `UNKNOWN`; `record` (n,); `group` (n,) one number per record, lead and class, rising;
    `room` (n, 2) seconds before and after R without another beat.
    """

    curve: FloatArray
    label: IntArray
    record: NDArray[np.str_]
    group: IntArray
    room: FloatArray
    fs: float

    def at(self, index: NDArray[Any]) -> Windows:
        """Some of them."""
        return Windows(
            self.curve[index], self.label[index], self.record[index], self.group[index], self.room[index], self.fs
        )

    def of(self, records: Sequence[str]) -> Windows:
        """Those of some records."""
        return self.at(np.isin(self.record, list(records)))


def load_windows(records: Sequence[str], root: Path, config: Config) -> Windows:
    """At most `BEATS_PER_CLASS` beats of each class and record of MIT-BIH; of paced records, class Q alone.

    Raises
    ------
    DataError
        If the MIT-BIH database is not in `root`.
    """
    folder = database_folder(root)
    return _joined([part for record in records for part in _labelled(record, folder, config)], config)


def load_supraventricular(root: Path, config: Config) -> Windows | None:
    """Beats of the records of svdb in `root`, both leads, classes N, S and V; None where there are none.

    The few F and Q of svdb are left out: its annotators called other beats so than those of MIT-BIH.
    """
    files = sorted((root / "svdb").glob("*.hea"))
    parts = [part for file in files for part in _labelled(file.stem, file.parent, config, most=SUPRAVENTRICULAR)]
    return _joined([part for part in parts if part.label <= AAMI_CLASSES.index("V")], config) if parts else None


def together(first: Windows, second: Windows) -> Windows:
    """Those of both."""
    parts = [(getattr(first, name), getattr(second, name)) for name in ("curve", "label", "record")]
    group = np.concatenate([first.group, second.group + first.group.max() + 1])
    curve, label, record = (np.concatenate(pair) for pair in parts)
    return Windows(curve, label, record, group, np.concatenate([first.room, second.room]), first.fs)


def load_unlabelled(root: Path, config: Config) -> Windows | None:
    """Beats on all leads of the LUDB records in `root`, or None where there are none: shapes without classes."""
    files = sorted((root / "ludb").glob("*.hea"))
    parts = [part for file in files for part in _unlabelled(file, config)]
    return _joined(parts, config) if parts else None


@dataclass(frozen=True, eq=False)
class _Part:
    """The chosen beats of one class on one lead of one record."""

    record: str
    label: int
    curve: FloatArray
    room: FloatArray


def _joined(parts: Sequence[_Part], config: Config) -> Windows:
    sizes = [len(part.curve) for part in parts]
    return Windows(
        np.concatenate([part.curve for part in parts]),
        np.repeat([part.label for part in parts], sizes),
        np.repeat([part.record for part in parts], sizes),
        np.repeat(np.arange(len(parts)), sizes),
        np.concatenate([part.room for part in parts]),
        config.signal.working_fs_hz,
    )


def _labelled(record: str, folder: Path, config: Config, *, most: int = BEATS_PER_CLASS) -> Iterator[_Part]:
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
        chosen = rng.permutation(np.flatnonzero(usable & (label == index)))[:most]
        for lead in range(beats.signal.shape[1] if chosen.size else 0):
            yield _part(record, index, beats, lead, chosen[:: 1 if lead == 0 else 3])


def _unlabelled(file: Path, config: Config) -> Iterator[_Part]:
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
            yield _part(f"ludb {file.stem}", UNKNOWN, beats, lead, usable)


def _part(record: str, label: int, beats: Beats, lead: int, chosen: IntArray) -> _Part:
    offsets = np.arange(-round(BEFORE_S * beats.fs), round(AFTER_S * beats.fs) + 1)
    curve = gather(beats.signal[:, lead], beats.r_peak[chosen][:, None] + offsets)
    gap = np.diff(beats.r_peak) / beats.fs
    room = np.stack([np.append(9.0, gap) - GAP_BEFORE_S, np.append(gap, 9.0) - GAP_AFTER_S], axis=1)[chosen]
    return _Part(record, label, curve.astype(np.float32), np.asarray(room, np.float32))


def choose(windows: Windows, counts: Sequence[tuple[str, int]], rng: Rng) -> IntArray:
    """Indices of so many windows per class; a record's chance grows with the square root of its windows."""
    chosen = []
    for aami, count in counts:
        index = np.flatnonzero(windows.label == AAMI_CLASSES.index(aami))
        if index.size:
            chosen.append(fairly(windows, index, count, rng))
    return np.concatenate(chosen)


def fairly(windows: Windows, index: IntArray, count: int, rng: Rng) -> IntArray:
    """`count` of the windows at `index`; a record's chance grows with the square root of its windows."""
    _, owner, sizes = np.unique(windows.record[index], return_inverse=True, return_counts=True)
    weight = 1 / np.sqrt(sizes[owner])
    return np.asarray(rng.choice(index, count, p=weight / weight.sum()), np.int64)


def cut_traces(windows: Windows, index: IntArray, rng: Rng, points: int, *, clean: float = 0.0) -> FloatArray:
    """Traces (n, points) in 0..1 of windows at `index`, cut as pictures are: from R in the middle to R at the start.

    Parameters
    ----------
    clean : float
        Share of the beats that are averaged with others of their patient, smoothed, and cut without noise.
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
    """Seconds before and after R, within `room` (n, 2): three in ten pictures have R in the middle."""
    count = len(room)
    before = rng.uniform(0.0, 0.30, count)
    least = np.maximum(0.2, 0.8 * before)
    after = rng.uniform(least, np.maximum(0.3, np.minimum(0.6, 1.6 * before + 0.25)))
    centred = rng.random(count) < 0.3
    before[centred] = after[centred] = rng.uniform(0.22, 0.30, int(centred.sum()))
    return np.clip(before, 0, np.maximum(room[:, 0], 0.0)), np.clip(after, LEAST_S, np.maximum(room[:, 1], LEAST_S))


def unit(values: NDArray[Any]) -> FloatArray:
    """Rows (n, m) scaled to 0..1 each."""
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    return np.asarray((values - low) / np.maximum(high - low, 1e-6), np.float32)
