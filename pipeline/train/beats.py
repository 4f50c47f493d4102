"""The beats that networks learn from: contents of pictures with labels, per record, and how an epoch is sampled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import prepare
from pipeline.config import Config
from pipeline.domain import IntArray, PictureArray
from pipeline.errors import DataError
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.render.content import PictureContent, picture_content
from pipeline.train.augment import Augmentation, draw_augmented

# Pictures per epoch and class. Not balanced: flooding a network with rare classes costs it precision (ACCURACY.md K);
# the prior is restored afterwards by adding log(natural / sampled) to the logits.
EPOCH_COUNTS = {"N": 9000, "S": 1600, "V": 3000, "F": 700, "Q": 500}
Q_PRIOR = 0.005  # paced beats come from four records that the splits exclude; their share there says nothing


@dataclass(frozen=True, eq=False)
class LabelledBeats:
    """Contents of n pictures, their class as an index into `AAMI_CLASSES`, and the record each comes from."""

    content: PictureContent
    label: IntArray
    record: NDArray[np.str_]

    def take(self, index: IntArray) -> LabelledBeats:
        """The beats at `index`."""
        return LabelledBeats(self.content.take(index), self.label[index], self.record[index])


def load_beats(
    records: Sequence[str],
    folder: Path,
    config: Config,
    *,
    swapped: bool = False,
    keep: Callable[[str, str], bool] = lambda record, aami: True,
    progress: Callable[[float, str], None] = lambda fraction, sentence: None,
) -> LabelledBeats:
    """Read the reference beats of records.

    Parameters
    ----------
    swapped : bool
        Whether the second lead takes the place of the first, so that a network meets other leads there.
    keep : callable
        Which (record, AAMI class) to keep.

    Raises
    ------
    DataError
        If a record has no reference annotations.
    """
    parts = []
    for i, record in enumerate(records):
        progress(i / len(records), f"Reading record {record}")
        parts.append(_record_beats(record, folder, config, swapped, keep))
    return concatenated(parts)


def concatenated(parts: Sequence[LabelledBeats]) -> LabelledBeats:
    """All beats of several sets as one."""
    content = PictureContent(
        *(np.concatenate([getattr(p.content, f.name) for p in parts]) for f in fields(PictureContent))
    )
    return LabelledBeats(content, np.concatenate([p.label for p in parts]), np.concatenate([p.record for p in parts]))


def _record_beats(
    record: str, folder: Path, config: Config, swapped: bool, keep: Callable[[str, str], bool]
) -> LabelledBeats:
    recording = read_path(folder / f"{record}.hea", config=config)
    if recording.reference is None:
        raise DataError(f"Record {record!r} in {str(folder)!r} has no reference annotations (.atr).")
    beats = prepare(recording, config, samples=recording.reference.sample).beats
    if swapped:
        beats = prepare(recording, config, leads=beats.leads[::-1], samples=recording.reference.sample).beats
    classes = [aami_class(symbol) or "Q" for symbol in recording.reference.symbol]
    index = np.flatnonzero([keep(record, c) and not reason for c, reason in zip(classes, beats.reason, strict=True)])
    label = np.array([AAMI_CLASSES.index(classes[i]) for i in index], np.int64)
    return LabelledBeats(picture_content(beats, index, config.picture), label, np.full(index.size, record))


@dataclass(frozen=True, eq=False)
class EpochSampler:
    """Draws the pictures of an epoch: `counts` per class, records in equal shares within N, every epoch seeded."""

    beats: LabelledBeats
    others: LabelledBeats  # the same records with their leads swapped
    config: Config
    strength: Augmentation
    counts: dict[str, int]
    batch: int
    seed: int
    swap: float = 0.12

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return sum(self.counts.values()) // self.batch

    def prior(self) -> NDArray[np.float64]:
        """Share of each class in an epoch, (5,)."""
        counts = np.array([self.counts[name] for name in AAMI_CLASSES], np.float64)
        return np.asarray(counts / counts.sum())

    def epoch(self, number: int) -> Iterator[tuple[PictureArray, IntArray]]:
        """Batches of (pictures uint8 (b, h, w, 3), labels (b,)) of epoch `number`."""
        rng = np.random.default_rng((self.seed, number))
        picks = [self._picked(aami, count, rng) for aami, count in self.counts.items() if count]
        sets, index = (np.concatenate(column) for column in zip(*picks, strict=True))
        order = rng.permutation(index.size)
        for start in range(0, self.steps * self.batch, self.batch):
            chosen = order[start : start + self.batch]
            both = concatenated(
                [source.take(index[chosen[sets[chosen] == i]]) for i, source in enumerate((self.beats, self.others))]
            )
            yield draw_augmented(both.content, self.config.picture, rng, self.strength), both.label

    def _picked(self, aami: str, count: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], IntArray]:
        swapped = int(count * self.swap)
        main = _balanced(self.beats, aami, count - swapped, rng)
        other = _balanced(self.others, aami, swapped, rng)
        return np.repeat([0, 1], [main.size, other.size]).astype(np.int64), np.concatenate([main, other])


def _balanced(beats: LabelledBeats, aami: str, count: int, rng: np.random.Generator) -> IntArray:
    """Indices of `count` beats of a class; a record's chance grows with the square root of its beats."""
    candidates = np.flatnonzero(beats.label == AAMI_CLASSES.index(aami))
    _, owner, sizes = np.unique(beats.record[candidates], return_inverse=True, return_counts=True)
    weight = 1 / np.sqrt(sizes[owner])
    replace = count > candidates.size
    return np.asarray(rng.choice(candidates, count, replace=replace, p=weight / weight.sum()), np.int64)
