"""From the public data to `models/weights/NAME`: weights, manifest, training curves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import registry
from models.fit import FitPlan, FitResult, average, fit, forward
from pipeline.config import DEFAULT, ROOT, Config, data_root
from pipeline.datasets.splits import DS1, DS2
from pipeline.domain import PictureArray
from pipeline.errors import DataError
from pipeline.evaluate.calibration import adjust_prior, fit_temperature, softmax
from pipeline.evaluate.records import RecordPredictions
from pipeline.evaluate.report import evaluate_predictions
from pipeline.evaluate.run import add_random_split, current_commit
from pipeline.evaluate.saved import read_evaluation
from pipeline.labels import AAMI_CLASSES
from pipeline.render.picture import draw, trace_content
from pipeline.train.augment import Augmentation, as_trace
from pipeline.train.beats import (
    EPOCH_COUNTS,
    Q_PRIOR,
    SIMULATED_COUNTS,
    EpochSampler,
    LabelledBeats,
    Source,
    concatenated,
    load_beats,
    load_simulated,
    with_swapped,
)

Progress = Callable[[float, str], None]
Logits = Callable[[PictureArray], NDArray[np.float32]]

# Patients of DS1 that no weight is trained on: they choose the epoch, the temperature and the thresholds. They hold
# every class: V 1 069, S 182, F 19. 217 is paced and serves class Q only.
VALIDATION = ("114", "116", "203", "220", "223")
PACED_TRAINING, PACED_VALIDATION = ("102", "104", "107"), ("217",)
VALIDATION_PER_CLASS = 700  # per record, while training; the final calibration reads every beat
SIMULATED_BEATS, SIMULATED_CHECKS = 600, 120  # per record and rhythm: to learn from, and of the held-out patients


@dataclass(frozen=True)
class TrainingPlan:
    """The knobs of a run; the defaults are those of the shipped weights.

    Two runs from the same start are averaged (Wortsman et al. 2022, arXiv:2203.05482): `epochs` on recorded rhythms,
    `simulated_epochs` on these and simulated ones, which weighs `simulated_weight`; ADR 0005 has the measurements.
    """

    epochs: int = 5
    simulated_epochs: int = 7
    simulated_weight: float = 0.82
    batch: int = 64
    seed: int = 20261122
    counts: tuple[tuple[str, int], ...] = tuple(EPOCH_COUNTS.items())
    augmentation: Augmentation = field(default_factory=Augmentation)

    def key(self, config: Config) -> str:
        """Names the checkpoints: a run is only resumed with the same plan and pictures."""
        text = f"{self!r} {config.preprocessing_id()}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


DEFAULT_PLAN = TrainingPlan()
# A fifth of the pictures is enough to show the leak; class Q has 15 beats without the paced records.
RANDOM_SPLIT_PLAN = TrainingPlan(
    epochs=2, counts=tuple({**{n: c // 2 for n, c in EPOCH_COUNTS.items()}, "Q": 16}.items())
)
RANDOM_SPLIT_TEST = 6_000  # beats of the 20 % that are scored


def run(
    name: str,
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    *,
    plan: TrainingPlan = DEFAULT_PLAN,
    config: Config = DEFAULT,
    progress: Progress = lambda fraction, sentence: None,
    command: str = "",
) -> Path:
    """Train a network on DS1 and write `output_dir`/NAME (default models/weights/NAME).

    An interrupted run goes on from its last finished epoch (runs/train-NAME).

    Raises
    ------
    DataError
        If the MIT-BIH database is not in `data_dir`.
    """
    root = data_dir or data_root()
    mitdb = _mitdb(root)
    beats, swapped = _training_beats(mitdb, config, progress)
    natural = with_swapped(beats, swapped, dict(plan.counts))
    sampler = EpochSampler(natural, (), config, plan.augmentation, plan.batch, plan.seed)
    simulated = replace(sampler, simulated=_simulated_sources(mitdb, config, plan.seed))
    checks = _validation_beats(mitdb, config)
    bias = _logit_bias(beats, sampler)
    watched = _Validation(checks, bias, config)
    recorded = _fitted(name, plan, sampler, root, config, progress, watched)
    result = _fitted(name, plan, simulated, root, config, progress, watched, f"{name}-simulated", plan.simulated_epochs)
    average(recorded.model, result.model, plan.simulated_weight)
    facts = _calibrated(forward(result.model), mitdb, bias, config, progress)
    facts |= {
        "trained_on": "MIT-BIH Arrhythmia Database, DS1 of de Chazal 2004; class Q from its paced records",
        "train_records": [*_train_records(), *PACED_TRAINING],
        "validation_records": [*VALIDATION, *PACED_VALIDATION],
        "commit": current_commit(),
        "command": command or f"python -m pipeline train --model {name}",
        "seed": plan.seed,
        "training_minutes": round(sum(recorded.history.get("minutes", ())) + sum(result.history["minutes"]), 1),
        "pictures_seen": (plan.epochs * sampler.steps + plan.simulated_epochs * simulated.steps) * plan.batch,
    }
    golden = _golden_pictures(checks, config)
    facts |= {"preprocessing": config.preprocessing_id(), "classes": AAMI_CLASSES}
    return registry.write(name, result.model, result.history, golden, facts, output_dir)


def run_random_split(
    name: str,
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    *,
    plan: TrainingPlan = RANDOM_SPLIT_PLAN,
    config: Config = DEFAULT,
    progress: Progress = lambda fraction, sentence: None,
) -> Path:
    """Train the same network on a random 80 % of all beats of DS1 and DS2 and score it on others of the same patients.

    This is what published accuracies of 99 % mean; it is shown as "optimistic" beside the honest score, in
    `output_dir`/NAME/evaluation.json, and its weights are not kept.

    Raises
    ------
    DataError
        If the database or the evaluation.json is missing.
    """
    mitdb = _mitdb(data_dir or data_root())
    evaluation = (output_dir or registry.WEIGHTS) / name / "evaluation.json"
    read_evaluation(evaluation)
    everything = load_beats((*DS1, *DS2), mitdb, config, progress=progress)
    order = np.random.default_rng(plan.seed).permutation(everything.label.size)
    cut = int(0.8 * order.size)
    training, test = everything.take(order[:cut]), everything.take(order[cut : cut + RANDOM_SPLIT_TEST])
    sampler = EpochSampler((Source(training, dict(plan.counts)),), (), config, plan.augmentation, plan.batch, plan.seed)
    bias = _logit_bias(training, sampler, q_prior=None)
    watched = _Validation(test.take(np.arange(1500)), bias, config)  # only watched: the last epoch is scored
    label = f"{name}-random-split"
    result = _fitted(name, plan, sampler, mitdb.parent, config, progress, watched, folder=label)
    p = softmax(forward(result.model)(draw(test.content, config.picture)) + bias)
    report = evaluate_predictions(_as_predictions(test, p), kind="reference", config=config)
    add_random_split(evaluation, report)
    return evaluation


def _as_predictions(beats: LabelledBeats, p: NDArray[np.floating[Any]]) -> list[RecordPredictions]:
    """Predictions at reference beats, record by record; a beat's place in time is only its number here."""
    found = []
    for record in np.unique(beats.record):
        index = np.flatnonzero(beats.record == record)
        sample = np.arange(1, index.size + 1, dtype=np.int64) * 360
        found.append(
            RecordPredictions(
                record=str(record),
                fs=360.0,
                n_samples=int(sample[-1]) + 360,
                reference_sample=sample,
                reference_symbol=tuple(AAMI_CLASSES[label] for label in beats.label[index]),
                sample=sample,
                p=p[index].astype(np.float32),
                has_p=np.ones(index.size, np.bool_),
            )
        )
    return found


def _mitdb(root: Path) -> Path:
    if not (root / "mitdb").is_dir():
        raise DataError(f"The MIT-BIH database is not in {str(root)!r}; run `python -m pipeline data` first.")
    return root / "mitdb"


@dataclass(frozen=True, eq=False)
class _Validation:
    """Measures on held-out patients while training, at the natural prior."""

    beats: LabelledBeats
    bias: NDArray[np.float64]
    config: Config

    def __call__(self, logits_of: Logits) -> dict[str, float]:
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


def _fitted(
    name: str,
    plan: TrainingPlan,
    sampler: EpochSampler,
    root: Path,
    config: Config,
    progress: Progress,
    validation: _Validation,
    folder: str | None = None,
    epochs: int | None = None,
) -> FitResult:
    shape = (config.picture.height_px, config.picture.width_px, 3)
    fit_plan = FitPlan(
        network=name,
        input_shape=shape,
        classes=len(AAMI_CLASSES),
        epochs=epochs or plan.epochs,
        steps=sampler.steps,
        batch=plan.batch,
        seed=plan.seed,
        weights_dir=root / "weights",
        checkpoint=ROOT / "runs" / f"train-{folder or name}-{plan.key(config)}",
    )
    return fit(fit_plan, sampler.epoch, validation, progress)


def _train_records() -> tuple[str, ...]:
    return tuple(record for record in DS1 if record not in VALIDATION)


def _training_beats(mitdb: Path, config: Config, progress: Progress) -> tuple[LabelledBeats, LabelledBeats]:
    records = (*_train_records(), *PACED_TRAINING)
    keep: Callable[[str, str], bool] = lambda record, aami: record not in PACED_TRAINING or aami == "Q"  # noqa: E731
    main = load_beats(records, mitdb, config, keep=keep, progress=progress)
    return main, load_beats(records, mitdb, config, keep=keep, swapped=True, progress=progress)


def _simulated_sources(mitdb: Path, config: Config, seed: int) -> tuple[Source, ...]:
    return tuple(
        Source(load_simulated(_train_records(), mitdb, config, rhythm, n_beats=SIMULATED_BEATS, seed=seed), counts)
        for rhythm, counts in SIMULATED_COUNTS.items()
    )


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
        load_simulated(VALIDATION, mitdb, config, rhythm, n_beats=SIMULATED_CHECKS, seed=0)
        for rhythm in SIMULATED_COUNTS
    ]
    return concatenated([beats.take(np.sort(np.concatenate(kept))), *simulated])


def _logit_bias(training: LabelledBeats, sampler: EpochSampler, q_prior: float | None = Q_PRIOR) -> NDArray[np.float64]:
    natural = np.bincount(training.label, minlength=len(AAMI_CLASSES)).astype(np.float64)
    if q_prior is not None:
        natural[-1] = 0
        natural *= (1 - q_prior) / natural.sum()
        natural[-1] = q_prior
    return np.asarray(adjust_prior(np.zeros((1, natural.size)), trained=sampler.prior(), target=natural)[0])


def _calibrated(
    logits_of: Logits, mitdb: Path, bias: NDArray[np.float64], config: Config, progress: Progress
) -> dict[str, Any]:
    """Temperature and thresholds, from every beat of the held-out patients."""
    progress(1.0, "Calibrating on the held-out patients")
    beats = load_beats(VALIDATION, mitdb, config)
    logits = logits_of(draw(beats.content, config.picture)) + bias
    temperature = float(fit_temperature(logits, beats.label))
    p = softmax(logits / temperature)
    trace = as_trace(beats.content.first, config.picture, np.random.default_rng(1), 0.0)
    plain = softmax(np.asarray(logits_of(draw(trace_content(trace, config.picture), config.picture)), np.float64))
    abnormal = beats.label != AAMI_CLASSES.index("N")
    return {
        "logit_bias": [round(float(value), 6) for value in bias],
        "temperature": round(temperature, 4),
        "threshold": 0.5,
        "picture_threshold": round(_equal_cost_threshold(1 - plain[:, 0], abnormal), 4),
        "abstain_below": round(float(np.quantile(p.max(axis=1), 0.01)), 3),
    }


def _equal_cost_threshold(score: NDArray[np.floating[Any]], abnormal: NDArray[np.bool_]) -> float:
    """The threshold with the best mean of sensitivity and specificity."""
    thresholds = np.linspace(0.02, 0.98, 97)
    balance = [np.mean(score[abnormal] >= t) + np.mean(score[~abnormal] < t) for t in thresholds]
    return float(thresholds[int(np.argmax(balance))])


def _golden_pictures(checks: LabelledBeats, config: Config) -> PictureArray:
    """One picture of each class of the held-out patients, for the self-test at every load."""
    first = [np.flatnonzero(checks.label == label)[:1] for label in range(len(AAMI_CLASSES))]
    return draw(checks.content.take(np.concatenate(first)), config.picture)
