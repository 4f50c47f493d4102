"""Training set and monitoring of a picture network: beats of DS1, simulated rhythms, and held-out patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.softmax import softmax
from pipeline._util.progress import Progress
from pipeline.config import Config
from pipeline.datasets.labelled_beats import LabelledBeats, concatenated, load_beats
from pipeline.datasets.splits import DS1
from pipeline.errors import DataError
from pipeline.evaluation.calibration import adjust_prior
from pipeline.features.beat_image import draw
from pipeline.labels import AAMI_CLASSES
from pipeline.synthesis.rhythms import Rhythm
from pipeline.training.beat_sampler import Q_PRIOR, SIMULATED_COUNTS, EpochSampler, Source, load_simulated_beats
from pipeline.types import PictureArray

Logits = Callable[[PictureArray], NDArray[np.float32]]

# Patients of DS1 that no weight is trained on: they choose the epoch, the temperature and the thresholds. They have
# every class: V 1 069, S 182, F 19. 217 is paced and used for class Q only.
VALIDATION = ("114", "116", "203", "220", "223")
PACED_TRAINING, PACED_VALIDATION = ("102", "104", "107"), ("217",)
VALIDATION_PER_CLASS = 700  # per record, while training; the final calibration reads every beat
SIMULATED_BEATS, SIMULATED_CHECKS = 600, 120  # per record and rhythm: for training, and of the held-out patients


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Beats to train on, as recorded, with the second lead first, and in simulated rhythms; and `checks` to monitor."""

    beats: LabelledBeats
    swapped: LabelledBeats
    simulated: Mapping[Rhythm, LabelledBeats]
    checks: LabelledBeats


def load_training_data(
    mitdb: Path, config: Config, seed: int, progress: Progress, *, without: Sequence[str] = ()
) -> TrainingData:
    """Read everything that a picture network is trained on from the MIT-BIH database.

    Parameters
    ----------
    mitdb : Path
        Folder of MIT-BIH.
    config : Config
        Settings of the pipeline.
    seed : int
        Seed of the random generator; the same seed gives the same result.
    progress : Progress
        Called with what is being done, for a progress display.
    without : sequence of str, optional
        Records to leave out.

    Raises
    ------
    DataError
        If one of these is not trained on anyway.
    """
    training_records = train_records(without)
    beats, swapped = _training_beats(training_records, mitdb, config, progress)
    simulated = {
        rhythm: load_simulated_beats(training_records, mitdb, config, rhythm, n_beats=SIMULATED_BEATS, seed=seed)
        for rhythm in SIMULATED_COUNTS
    }
    return TrainingData(beats, swapped, simulated, _validation_beats(mitdb, config))


def simulated_sources(training_data: TrainingData, share: float) -> tuple[Source, ...]:
    """Return beats of simulated rhythms, and `share` of the usual counts of each."""
    return tuple(
        Source(training_data.simulated[rhythm], {name: max(1, round(share * count)) for name, count in counts.items()})
        for rhythm, counts in SIMULATED_COUNTS.items()
    )


@dataclass(frozen=True, eq=False)
class Validation:
    """Measures on held-out patients during training, at the natural prior."""

    beats: LabelledBeats
    bias: NDArray[np.float64]
    config: Config

    def __call__(self, logits_of: Logits) -> dict[str, float]:
        """Return the measures of a function from pictures to logits."""
        logits = logits_of(draw(self.beats.content, self.config.picture)) + self.bias
        p, label = softmax(logits), self.beats.label
        hits = p.argmax(axis=1) == label
        loss = -np.log(np.maximum(p[np.arange(label.size), label], 1e-7))
        measures = {"val_loss": float(loss.mean()), "val_accuracy": float(hits.mean())}
        simulated = np.char.find(self.beats.record, "-") >= 0
        for name, part in (("", ~simulated), ("_simulated", simulated)):
            for i, aami in enumerate(AAMI_CLASSES[: 2 if name else 3]):
                answered, truth = p[part].argmax(axis=1) == i, label[part] == i
                both = np.sum(answered) + np.sum(truth)
                measures[f"val_f1_{aami}{name}"] = float(2 * np.sum(answered & truth) / max(1, both))
        return measures


def train_records(without: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the records of DS1 that weights are trained on, except those in `without`.

    Raises
    ------
    DataError
        If one of these is none of them.
    """
    training_records = tuple(record for record in DS1 if record not in VALIDATION)
    if strangers := [record for record in without if record not in training_records]:
        raise DataError(f"Record {strangers[0]!r} is not trained on; those that are: {', '.join(training_records)}.")
    return tuple(record for record in training_records if record not in without)


def _training_beats(
    training_records: Sequence[str], mitdb: Path, config: Config, progress: Progress
) -> tuple[LabelledBeats, LabelledBeats]:
    records = (*training_records, *PACED_TRAINING)
    keep: Callable[[str, str], bool] = lambda record, aami: record not in PACED_TRAINING or aami == "Q"  # noqa: E731
    main = load_beats(records, mitdb, config, keep=keep, progress=progress)
    return main, load_beats(records, mitdb, config, keep=keep, swapped=True, progress=progress)


def _validation_beats(mitdb: Path, config: Config) -> LabelledBeats:
    beats = load_beats(
        (*VALIDATION, *PACED_VALIDATION),
        mitdb,
        config,
        keep=lambda record, aami: record in VALIDATION or aami == "Q",
    )
    rng = np.random.default_rng(0)
    kept = []
    for record in np.unique(beats.record):
        for label in range(len(AAMI_CLASSES)):
            index = np.flatnonzero((beats.record == record) & (beats.label == label))
            kept.append(rng.permutation(index)[: 60 if record in PACED_VALIDATION else VALIDATION_PER_CLASS])
    simulated = [
        load_simulated_beats(VALIDATION, mitdb, config, rhythm, n_beats=SIMULATED_CHECKS, seed=0)
        for rhythm in SIMULATED_COUNTS
    ]
    return concatenated([beats.take(np.sort(np.concatenate(kept))), *simulated])


def logit_bias(training: LabelledBeats, sampler: EpochSampler, q_prior: float | None = Q_PRIOR) -> NDArray[np.float64]:
    """Return what restores the natural class frequencies when added to logits.

    Parameters
    ----------
    training : LabelledBeats
        Labelled beats with natural frequencies.
    sampler : EpochSampler
        What is trained on.
    q_prior : float or None
        Frequency of class Q; as in `training` if None.

    Returns
    -------
    (5,) float64
        Added to the logits.
    """
    natural = np.bincount(training.label, minlength=len(AAMI_CLASSES)).astype(np.float64)
    if q_prior is not None:
        natural[-1] = 0
        natural *= (1 - q_prior) / natural.sum()
        natural[-1] = q_prior
    return np.asarray(adjust_prior(np.zeros((1, natural.size)), trained=sampler.prior(), target=natural)[0])
