"""Training of `rhythm`: cross-validation over the patients of DS1, whose networks together are the one that is served.

Every fifth of the patients is left out by one network. What that network says about them calibrates the ensemble and is
its score before any test patient is looked at; the ensemble holds all five, so that every patient has taught four.
`rhythm_svdb` goes on from the members of `rhythm`, which all learn from the patients of svdb then besides.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import registry, rhythm
from models.fit import UNLABELLED, FitPlan, FitResult, fit
from models.losses import Recipe
from models.networks import NETWORKS
from models.rhythm import MEMBERS, assemble, forward, member, take
from pipeline.config import DEFAULT, ROOT, Config, data_root
from pipeline.domain import FloatArray
from pipeline.errors import DataError
from pipeline.evaluate.calibration import adjust_prior, fit_temperature, softmax
from pipeline.evaluate.run import current_commit, write_json
from pipeline.labels import AAMI_CLASSES
from pipeline.signal import sequence
from pipeline.signal.sequence import row_size
from pipeline.train import rhythm_beats, simulate, wave_changes
from pipeline.train.beats import Q_PRIOR
from pipeline.train.rhythm_beats import (
    Changes,
    Q,
    RhythmRecord,
    WindowSampler,
    class_shares,
    load_record,
    load_simulated,
)
from pipeline.train.simulate import Rhythm
from pipeline.train.wave_changes import recorded_noise

Progress = Callable[[float, str], None]
Logits = Callable[[FloatArray], NDArray[np.float32]]

# Each fold has S, V and few of the records that hold most of a class: S 209, 207, 201, 118, 220; F 208.
FOLDS: Final = (
    ("209", "114", "101", "106", "119"),
    ("201", "124", "112", "215", "230"),
    ("207", "223", "115", "203"),
    ("118", "116", "122", "205"),
    ("220", "108", "109", "208"),
)
PACED: Final = ("102", "104", "107")
VARIANTS: Final[tuple[tuple[Rhythm, int], ...]] = (
    ("atrial_runs", 2),
    ("fibrillation", 1),
    ("premature", 3),
    ("paroxysms", 2),
)
GOLDEN_RECORD, GOLDEN_BEATS = "208", 40  # a record with N, V and F, and how many of its beats the self-test reads
MAKERS: Final = (rhythm, rhythm_beats, sequence, simulate, wave_changes)
PRIOR_WINDOWS: Final = 500  # tell the mix of classes that a network is trained on


@dataclass(frozen=True)
class RhythmPlan:
    """The knobs of a run; ADR 0010 says which of the defaults the weights in the tree were trained with."""

    epochs: int = 6
    steps: int = 180
    learning_rate: float | None = None  # at its highest; None for the network's own
    seed: int = 20261122
    simulated_beats: int = 600
    variants: tuple[tuple[Rhythm, int], ...] = VARIANTS
    prior_share: float = 0.5  # how far towards DS1's mix of classes: its patients have half the S of others
    changes: Changes = field(default_factory=Changes)

    def key(self, config: Config, start: Path | None = None) -> str:
        """Names the checkpoints: a run is only resumed with the same plan, inputs, code that makes them, and start."""
        code = "".join(inspect.getsource(module) for module in MAKERS).encode()
        begun = start.read_bytes() if start else b""
        return hashlib.sha256(f"{self!r} {config.sequence_id()} ".encode() + code + begun).hexdigest()[:12]


DEFAULT_PLAN: Final = RhythmPlan()
FURTHER_PLAN: Final = RhythmPlan(epochs=2, learning_rate=1e-3)  # from trained members on


@dataclass(frozen=True, eq=False)
class Material:
    """The training patients: as recorded, their simulated rhythms, and the paced records for class Q.

    `others`, patients of another database, teach every member and are never held out; `noise` (m,) is recorded noise.
    """

    recorded: Mapping[str, RhythmRecord]
    simulated: Mapping[str, Sequence[RhythmRecord]]
    paced: Sequence[RhythmRecord]
    noise: FloatArray
    others: Sequence[RhythmRecord] = ()


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What networks said about patients that they never saw: logits (n, 5), labels (n,) and the record of each beat."""

    logits: NDArray[np.float64]
    label: NDArray[np.int64]
    record: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class _Fold:
    """A trained network, its bias, and what it says of the patients left out."""

    result: FitResult
    bias: NDArray[np.float64]
    recorded: HeldOut
    simulated: HeldOut


def run(
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    *,
    name: str = "rhythm",
    plan: RhythmPlan | None = None,
    folds: Sequence[Sequence[str]] = FOLDS,
    runs: Path = ROOT / "runs",
    config: Config = DEFAULT,
    progress: Progress = lambda fraction, sentence: None,
    command: str = "",
) -> Path:
    """Train on DS1 and write `output_dir`/NAME (default models/weights/NAME); scores.json has the held-out scores.

    An interrupted run goes on from its last finished epoch (`runs`/train-rhythm-...).

    Raises
    ------
    DataError
        If a database is not in `data_dir`, there are not as many folds as members, or `rhythm`, which a network goes on
        from, is not beside it or was left with other folds.
    """
    if len(folds) != MEMBERS:
        raise DataError(f"{len(folds)} folds were given; the network has {MEMBERS} members, one for each.")
    root, other = data_dir or data_root(), NETWORKS[name].taught_by
    plan = plan or (FURTHER_PLAN if other else DEFAULT_PLAN)
    start = _start(output_dir or registry.WEIGHTS, folds) if other else None
    mitdb = _database(root, "mitdb")
    material = load_material(mitdb, [record for fold in folds for record in fold], plan, config, progress)
    if other:
        material = replace(material, others=load_others(_database(root, other), config, progress))
    fitted = [
        _fold(
            fold,
            material,
            replace(plan, seed=plan.seed + i),
            runs / f"train-{name}-{i}-{plan.key(config, start)}",
            config,
            partial(_started, start, i),
            _within(progress, i, len(folds)),
        )
        for i, fold in enumerate(folds)
    ]
    results, bias = [part.result for part in fitted], np.mean([part.bias for part in fitted], axis=0)
    model = NETWORKS[name].build((row_size(config.sequence),), len(AAMI_CLASSES))
    assemble(model, [result.model for result in results])
    held_out = _together([part.recorded for part in fitted], bias)
    simulated = _together([part.simulated for part in fitted], bias)
    facts = _calibrated(held_out, bias)
    history = {key: np.mean([r.history[key] for r in results], axis=0).round(5).tolist() for key in results[0].history}
    facts |= {
        "preprocessing": config.sequence_id(),
        "classes": AAMI_CLASSES,
        "trained_on": "MIT-BIH Arrhythmia Database, DS1 of de Chazal 2004; class Q from its paced records"
        + (f"; {len(material.others)} patients of {other}" if other else ""),
        "train_records": [*material.recorded, *PACED, *(record.name for record in material.others)],
        "validation_records": [],
        "commit": current_commit(),
        "command": command or f"python -m pipeline train --model {name}",
        "seed": plan.seed,
        "training_minutes": round(sum(sum(result.history["minutes"]) for result in results), 1),
        "pictures_seen": len(folds) * plan.epochs * plan.steps * WindowSampler.batch * WindowSampler.length,
    }
    folder = registry.write(name, model, history, _golden(material), facts, output_dir)
    scores = {"command": facts["command"], "commit": facts["commit"], "folds": [list(fold) for fold in folds]}
    write_json(folder / "scores.json", scores | {"held_out": scored(held_out), "simulated": scored(simulated)})
    return folder


def load_material(
    mitdb: Path, records: Sequence[str], plan: RhythmPlan, config: Config, progress: Progress
) -> Material:
    """Read the training patients and simulate rhythms from their beats."""
    recorded, simulated = {}, {}
    for i, name in enumerate(records):
        progress(0.0, f"Reading record {name}, {i + 1} of {len(records)}")
        recorded[name] = load_record(name, mitdb, config)
        simulated[name] = load_simulated(name, mitdb, config, plan.variants, plan.simulated_beats, plan.seed)
    noise = recorded_noise(mitdb.parent / "nstdb", config)
    return Material(recorded, simulated, [load_record(name, mitdb, config, only=(Q,)) for name in PACED], noise)


def load_others(folder: Path, config: Config, progress: Progress) -> tuple[RhythmRecord, ...]:
    """Every recording of another database."""
    names = sorted(file.stem for file in folder.glob("*.hea"))
    progress(0.0, f"Reading {len(names)} records of {folder.name}")
    return tuple(load_record(name, folder, config) for name in names)


def scored(found: HeldOut) -> dict[str, Any]:
    """Accuracy, F1 of N, S, V and F, and the confusion matrix, in all and by record; argmax, uncalibrated."""
    answer = found.logits.argmax(axis=1)
    matrix = _confusion(found.label, answer)
    records = [(str(name), found.record == name) for name in np.unique(found.record)]
    both = matrix.sum(axis=0) + matrix.sum(axis=1)
    f1 = 2 * np.diag(matrix) / np.maximum(both, 1)
    return {
        "beats": int(matrix.sum()),
        "accuracy": round(float(np.trace(matrix) / max(1, matrix.sum())), 4),
        "f1": {name: round(float(f1[i]), 4) for i, name in enumerate(AAMI_CLASSES[:4])},
        "confusion": matrix.tolist(),
        "per_record": {name: _confusion(found.label[at], answer[at]).tolist() for name, at in records},
    }


def _fold(
    left_out: Sequence[str],
    material: Material,
    plan: RhythmPlan,
    checkpoint: Path,
    config: Config,
    build: Callable[[Any, int], Any],
    progress: Progress,
) -> _Fold:
    """Train the network that never sees `left_out`, and ask it about them, as recorded and in simulated rhythms."""
    training = [name for name in material.recorded if name not in left_out]
    sampler = WindowSampler(
        [material.recorded[name] for name in training],
        [record for name in training for record in material.simulated[name]],
        material.paced,
        config,
        plan.seed,
        plan.steps,
        others=material.others,
        noise=material.noise,
        changes=plan.changes,
    )
    fit_plan = FitPlan(
        network="rhythm",
        input_shape=(row_size(config.sequence),),
        classes=len(AAMI_CLASSES),
        epochs=plan.epochs,
        steps=plan.steps,
        batch=sampler.batch,
        seed=plan.seed,
        weights_dir=Path(),
        checkpoint=checkpoint,
        recipe=Recipe(learning_rate=plan.learning_rate),
        keep="last",
    )
    checks, bias = [material.recorded[name] for name in left_out], _bias(sampler, plan.prior_share)
    result = fit(fit_plan, sampler.epoch, partial(_measured, checks, bias), progress, build=build)
    logits_of: Logits = forward(result.model)
    unseen = [record for name in left_out for record in material.simulated[name]]
    return _Fold(result, bias, _held_out(logits_of, checks), _held_out(logits_of, unseen))


def _started(start: Path | None, number: int, input_shape: tuple[int, ...], classes: int) -> Any:
    """A member, untrained or as it is in the ensemble to go on from."""
    part = member(input_shape, classes)
    if start is not None:
        take(part, start, number)
    return part


def _start(folder: Path, folds: Sequence[Sequence[str]]) -> Path:
    """The weights of `rhythm` in `folder`, whose members left out the same patients."""
    scores = folder / "rhythm" / "scores.json"
    left_out = json.loads(scores.read_text("utf-8"))["folds"] if scores.exists() else None
    if left_out != [list(fold) for fold in folds]:
        raise DataError(f"There is no `rhythm` with these folds in {str(folder)!r}; train it first.")
    return folder / "rhythm" / "weights.npz"


def _bias(sampler: WindowSampler, share: float) -> NDArray[np.float64]:
    """What is added to the logits (5,) to go from the sampled mix of classes towards that of the recordings."""
    natural = class_shares([record.label for record in sampler.recorded])
    natural[Q] = 0
    natural *= (1 - Q_PRIOR) / natural.sum()
    natural[Q] = Q_PRIOR
    rng = np.random.default_rng(sampler.seed)
    sampled = class_shares([sampler.window(rng)[1] for _ in range(PRIOR_WINDOWS)])
    shift = adjust_prior(np.zeros((1, natural.size)), trained=np.maximum(sampled, 1e-3), target=natural)
    return np.asarray(share * shift[0])


def _held_out(logits_of: Logits, records: Sequence[RhythmRecord]) -> HeldOut:
    logits = [logits_of(record.rows()) for record in records]
    known = [record.label != UNLABELLED for record in records]
    return HeldOut(
        np.concatenate([part[keep] for part, keep in zip(logits, known, strict=True)]).astype(np.float64),
        np.concatenate([record.label[keep] for record, keep in zip(records, known, strict=True)]),
        np.concatenate([np.full(keep.sum(), record.name) for record, keep in zip(records, known, strict=True)]),
    )


def _measured(
    records: Sequence[RhythmRecord], bias: NDArray[np.float64], logits_of: Callable[[Any], Any]
) -> dict[str, float]:
    """The curves of an epoch, of patients that are left out; they decide nothing, the last epoch is kept."""
    found = _held_out(logits_of, records)
    p = softmax(found.logits + bias)
    loss = -np.log(np.maximum(p[np.arange(p.shape[0]), found.label], 1e-7))
    score = scored(replace(found, logits=found.logits + bias))
    curves = {f"val_f1_{name}": score["f1"][name] for name in AAMI_CLASSES[:3]}
    return {"val_loss": float(loss.mean()), "val_accuracy": score["accuracy"], **curves}


def _together(parts: Sequence[HeldOut], bias: NDArray[np.float64]) -> HeldOut:
    """All that was held out, with the bias that the served network has."""
    return HeldOut(
        np.concatenate([part.logits for part in parts]) + bias,
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.record for part in parts]),
    )


def _calibrated(found: HeldOut, bias: NDArray[np.float64]) -> dict[str, Any]:
    """Prior, temperature and thresholds, from every beat of every patient, each said by the network without them."""
    temperature = float(fit_temperature(found.logits, found.label))
    confidence = softmax(found.logits / temperature).max(axis=1)
    return {
        "logit_bias": [round(float(value), 6) for value in bias],
        "temperature": round(temperature, 4),
        "threshold": 0.5,
        "picture_threshold": 0.5,
        "abstain_below": round(float(np.quantile(confidence, 0.01)), 3),
    }


def _golden(material: Material) -> FloatArray:
    """A stretch with N, V and F, for the self-test at every load."""
    record = material.recorded.get(GOLDEN_RECORD) or next(iter(material.recorded.values()))
    return record.rows()[:GOLDEN_BEATS]


def _confusion(label: NDArray[np.int64], answer: NDArray[np.int64]) -> NDArray[np.int64]:
    n = len(AAMI_CLASSES)
    return np.bincount(label * n + answer, minlength=n * n).reshape(n, n)


def _database(root: Path, name: str) -> Path:
    if not (root / name).is_dir():
        raise DataError(f"The database {name!r} is not in {str(root)!r}; run `python -m pipeline data` first.")
    return root / name


def _within(progress: Progress, number: int, of: int) -> Progress:
    """The progress of one of several parts of equal length."""
    return lambda done, sentence: progress((number + done) / of, f"Fold {number + 1} of {of}: {sentence}")
