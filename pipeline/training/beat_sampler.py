"""How an epoch is sampled from the labelled beats of records and of simulated rhythms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.datasets.labelled_beats import LabelledBeats, concatenated, labelled
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES
from pipeline.synthesis.rhythms import Rhythm, simulate
from pipeline.training.augmentation import Augmentation, draw_augmented
from pipeline.types import IntArray, PictureArray

# Pictures per epoch and class. Not balanced, because too many of the rare classes cost precision;
# the prior is restored afterwards by adding log(natural / sampled) to the logits.
EPOCH_COUNTS = {"N": 9000, "S": 1600, "V": 3000, "F": 700, "Q": 500}
Q_PRIOR = 0.005  # paced beats come from four records that the splits exclude; their share there is not representative
SWAPPED_SHARE = 0.12  # of every class: pictures with the second lead in the place of the first
# In addition, beats of simulated rhythms, which the prior does not count. In atrial runs N is rare on purpose: once the
# prior is restored, S weighs a sixth of its weight in training, and both occur 7 to 3, as they do there.
SIMULATED_COUNTS: Mapping[Rhythm, Mapping[str, int]] = {
    "atrial_runs": {"N": 80, "S": 1200, "V": 150},
    "fibrillation": {"N": 700, "V": 250},
}


def load_simulated_beats(
    records: Sequence[str], folder: Path, config: Config, rhythm: Rhythm, *, n_beats: int, seed: int
) -> LabelledBeats:
    """Return beats of a simulated rhythm from each of the records that have the beats for it.

    Parameters
    ----------
    records : sequence of str
        Names of the records.
    folder : Path
        Where they are.
    config : Config
        Settings of the pipeline.
    rhythm : Rhythm
        The rhythm.
    n_beats : int
        Number of beats per record.
    seed : int
        Seed of the random generator; the same seed gives the same result.
    """
    parts = []
    for i, record in enumerate(records):
        recording = read_path(folder / f"{record}.hea", config=config)
        simulated = simulate(recording, rhythm, n_beats, np.random.default_rng((seed, i)))
        if simulated is not None:
            parts.append(labelled(simulated, config))
    return concatenated(parts)


@dataclass(frozen=True, eq=False)
class Source:
    """Beats, and how many of each class an epoch draws from them."""

    beats: LabelledBeats
    counts: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class EpochSampler:
    """Draws the pictures of an epoch from all sources.

    Attributes
    ----------
    natural : tuple of Source
        Beats as recorded; they define how often classes occur.
    simulated : tuple of Source
        Beats of simulated rhythms.
    config : Config
        Settings of the pipeline.
    strength : Augmentation
        How pictures are changed at random.
    batch, seed : int
        Pictures in a batch, and seed of the random generators.
    """

    natural: tuple[Source, ...]
    simulated: tuple[Source, ...]
    config: Config
    strength: Augmentation
    batch: int
    seed: int

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return sum(sum(source.counts.values()) for source in self._sources) // self.batch

    @property
    def _sources(self) -> tuple[Source, ...]:
        return (*self.natural, *self.simulated)

    def prior(self) -> NDArray[np.float64]:
        """Return the share of each class among the natural beats of an epoch, (5,)."""
        counts = np.array([sum(s.counts.get(name, 0) for s in self.natural) for name in AAMI_CLASSES], np.float64)
        return np.asarray(counts / counts.sum())

    def epoch(self, number: int) -> Iterator[tuple[PictureArray, IntArray]]:
        """Yield the batches of an epoch: pictures uint8 (b, h, w, 3) and labels (b,)."""
        rng = np.random.default_rng((self.seed, number))
        picks = [_picked(source, rng) for source in self._sources]
        owner = np.repeat(np.arange(len(picks)), [pick.size for pick in picks])
        index = np.concatenate(picks)
        order = rng.permutation(index.size)
        for start in range(0, self.steps * self.batch, self.batch):
            chosen = order[start : start + self.batch]
            mixed = concatenated([s.beats.take(index[chosen[owner[chosen] == i]]) for i, s in enumerate(self._sources)])
            yield draw_augmented(mixed.content, self.config.picture, rng, self.strength), mixed.label


def with_swapped(beats: LabelledBeats, swapped: LabelledBeats, counts: Mapping[str, int]) -> tuple[Source, ...]:
    """Return sources that draw `counts` in all, `SWAPPED_SHARE` of them with the second lead first.

    Parameters
    ----------
    beats : LabelledBeats
        Beats with the usual order of leads.
    swapped : LabelledBeats
        The same with the second lead first.
    counts : mapping of str to int
        Beats per class and epoch.
    """
    other = {name: int(count * SWAPPED_SHARE) for name, count in counts.items()}
    return Source(beats, {name: count - other[name] for name, count in counts.items()}), Source(swapped, other)


def _picked(source: Source, rng: np.random.Generator) -> IntArray:
    return np.concatenate([_balanced(source.beats, aami, n, rng) for aami, n in source.counts.items() if n])


def _balanced(beats: LabelledBeats, aami: str, count: int, rng: np.random.Generator) -> IntArray:
    """Return indices of `count` beats of a class; a record's probability grows with the square root of its beats."""
    candidates = np.flatnonzero(beats.label == AAMI_CLASSES.index(aami))
    _, owner, sizes = np.unique(beats.record[candidates], return_inverse=True, return_counts=True)
    weight = 1 / np.sqrt(sizes[owner])
    replace = count > candidates.size
    return np.asarray(rng.choice(candidates, count, replace=replace, p=weight / weight.sum()), np.int64)
