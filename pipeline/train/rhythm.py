"""Training of `rhythm`: cross-validation over the patients of DS1, whose networks together are the one that is served.

Every fifth of the patients is left out by one member and by trees of their own. What these say about them calibrates
the whole and is its score before any test patient is looked at; the ensemble holds all five members, and trees that
learnt from every patient. `rhythm_svdb` goes on from the members of `rhythm`, with the patients of svdb besides, and
has no trees.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import beats, registry, rhythm
from models.fit import FitPlan, fit
from models.losses import Recipe
from models.networks import NETWORKS
from models.rhythm import MEMBERS, TREES_SHARE, assemble, forward, member, take
from models.trees import measurer
from pipeline.config import DEFAULT, ROOT, Config, data_root
from pipeline.domain import FloatArray
from pipeline.errors import DataError
from pipeline.evaluate.run import current_commit, write_json
from pipeline.labels import AAMI_CLASSES
from pipeline.signal import sequence
from pipeline.signal.sequence import row_size
from pipeline.train import rhythm_beats, simulate, wave_changes
from pipeline.train.rhythm_beats import Changes, WindowSampler, class_shares
from pipeline.train.rhythm_material import PACED, Material, Progress, Variants, database, load_material, load_others
from pipeline.train.rhythm_scores import (
    HeldOut,
    Logits,
    calibrated,
    fused,
    held_out,
    measured,
    scored,
    together,
    towards_natural,
)
from pipeline.train.rhythm_trees import FORESTS, Grown, TreesPlan, grown

# Each fold has S, V and few of the records that hold most of a class: S 209, 207, 201, 118, 220; F 208.
FOLDS: Final = (
    ("209", "114", "101", "106", "119"),
    ("201", "124", "112", "215", "230"),
    ("207", "223", "115", "203"),
    ("118", "116", "122", "205"),
    ("220", "108", "109", "208"),
)
VARIANTS: Final[Variants] = (
    ("atrial_runs", 2),
    ("fibrillation", 1),
    ("premature", 3),
    ("paroxysms", 2),
)
GOLDEN_RECORD, GOLDEN_BEATS = "208", 40  # a record with N, V and F, and how many of its beats the self-test reads
MAKERS: Final = (beats, rhythm, rhythm_beats, sequence, simulate, wave_changes)  # of members
PRIOR_WINDOWS: Final = 500  # tell the mix of classes that a network is trained on


@dataclass(frozen=True)
class RhythmPlan:
    """The knobs of a run; ADR 0010 says which of the defaults the weights in the tree were trained with."""

    epochs: int = 6
    steps: int = 180
    learning_rate: float | None = None  # at its highest; None for the network's own
    seed: int = 20261122
    simulated_beats: int = 600
    variants: Variants = VARIANTS
    prior_share: float = 0.5  # how far towards DS1's mix of classes: its patients have half the S of others
    changes: Changes = field(default_factory=Changes)
    forests: tuple[TreesPlan, ...] = FORESTS  # none for a network without trees

    def key(self, config: Config, start: Path | None = None) -> str:
        """Names the checkpoints: a run is only resumed with the same plan, inputs, code that makes them, and start."""
        code = "".join(inspect.getsource(module) for module in MAKERS).encode()
        begun = start.read_bytes() if start else b""
        members = replace(self, forests=())
        return hashlib.sha256(f"{members!r} {config.sequence_id()} ".encode() + code + begun).hexdigest()[:12]


DEFAULT_PLAN: Final = RhythmPlan()
FURTHER_PLAN: Final = RhythmPlan(epochs=2, learning_rate=1e-3, forests=())  # from trained members on


@dataclass(frozen=True, eq=False)
class Trained:
    """A member, its curves by epoch, and what is added to its logits (5,)."""

    model: Any
    history: dict[str, list[float]]
    bias: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Fold:
    """A member, and what it and the trees of the fold say of the patients left out, recorded and simulated."""

    member: Trained
    members: HeldOut
    trees: HeldOut | None
    simulated: HeldOut

    def recorded(self) -> HeldOut:
        """What both say together."""
        return fused(self.members, self.trees, TREES_SHARE) if self.trees else self.members


def run(
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    *,
    name: str = "rhythm",
    plan: RhythmPlan | None = None,
    folds: Sequence[Sequence[str]] = FOLDS,
    members: Path | None = None,
    runs: Path = ROOT / "runs",
    config: Config = DEFAULT,
    progress: Progress = lambda fraction, sentence: None,
    command: str = "",
) -> Path:
    """Train on DS1 and write `output_dir`/NAME (default models/weights/NAME); scores.json has the held-out scores.

    An interrupted run goes on from its last finished epoch (`runs`/train-rhythm-...). `members` names the folder of a
    network whose members left out the same patients: they are taken as they are, and only trees are grown.

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
    start = _weights((output_dir or registry.WEIGHTS) / "rhythm", folds) if other else None
    records = [record for fold in folds for record in fold]
    mitdb = database(root, "mitdb")
    material = load_material(mitdb, records, plan.variants, plan.simulated_beats, plan.seed, config, progress)
    if other:
        material = replace(material, others=load_others(database(root, other), config, progress))
    taken = _weights(members, folds) if members else None
    found = []
    for i, fold in enumerate(folds):
        each = replace(plan, seed=plan.seed + i)
        checkpoint = runs / f"train-{name}-{i}-{plan.key(config, start)}"
        build, said = partial(_started, start, i), _within(progress, i, len(folds))
        part = _taken(taken, i, config) if taken else _trained(fold, material, each, checkpoint, config, build, said)
        found.append(_fold(part, fold, material, each, config, said))
    facts = {
        "command": command or f"python -m pipeline train --model {name}",
        "commit": current_commit(),
        "trained_on": "MIT-BIH Arrhythmia Database, DS1 of de Chazal 2004; class Q from its paced records"
        + (f"; {len(material.others)} patients of {other}" if other else "")
        + (f"; members of commit {_facts(taken)['commit']}" if taken else ""),
        "training_minutes": _facts(taken)["training_minutes"]
        if taken
        else round(sum(sum(part.member.history["minutes"]) for part in found), 1),
    }
    trees = grown((), material, plan.changes, plan.forests, plan.seed, config) if plan.forests else None
    return _written(name, found, trees, material, plan, config, facts, folds, output_dir)


def _written(
    name: str,
    found: Sequence[_Fold],
    trees: Grown | None,
    material: Material,
    plan: RhythmPlan,
    config: Config,
    facts: dict[str, Any],
    folds: Sequence[Sequence[str]],
    output_dir: Path | None,
) -> Path:
    """The whole of all members and the trees, with what the folds said before."""
    build = rhythm.build if trees else rhythm.build_members
    model = build((row_size(config.sequence),), len(AAMI_CLASSES))
    assemble(model, [part.member.model for part in found], trees.arrays if trees else None)
    bias = np.mean([part.member.bias for part in found], axis=0)
    if trees:
        bias = (1 - TREES_SHARE) * bias + TREES_SHARE * trees.bias
    recorded = together([part.recorded() for part in found], bias)
    histories = [part.member.history for part in found]
    history = {key: np.mean([each[key] for each in histories], axis=0).round(5).tolist() for key in histories[0]}
    known = {
        "preprocessing": config.sequence_id(),
        "classes": AAMI_CLASSES,
        "train_records": [*material.recorded, *PACED, *(record.name for record in material.others)],
        "validation_records": [],
        "seed": plan.seed,
        "pictures_seen": len(folds) * plan.epochs * plan.steps * WindowSampler.batch * WindowSampler.length,
    }
    folder = registry.write(
        name, model, history, _golden(material), facts | known | calibrated(recorded, bias), output_dir
    )
    scores = {"command": facts["command"], "commit": facts["commit"], "folds": [list(fold) for fold in folds]}
    scores["held_out"] = scored(recorded)
    scores["simulated"] = scored(together([part.simulated for part in found], bias))
    if trees:
        alone = np.mean([part.member.bias for part in found], axis=0)
        scores["held_out_members"] = scored(together([part.members for part in found], alone))
        scores["held_out_trees"] = scored(together([part.trees for part in found if part.trees], trees.bias))
    write_json(folder / "scores.json", scores)
    return folder


def _fold(
    trained: Trained,
    left_out: Sequence[str],
    material: Material,
    plan: RhythmPlan,
    config: Config,
    progress: Progress,
) -> _Fold:
    """Ask the member, and trees that never saw `left_out`, about these patients."""
    recorded, simulated = material.unseen(left_out)
    logits_of: Logits = forward(trained.model)
    by_member, of_simulated = held_out(logits_of, recorded), held_out(logits_of, simulated)
    if not plan.forests:
        return _Fold(trained, by_member, None, of_simulated)
    progress(0.95, "Trees")
    found = grown(left_out, material, plan.changes, plan.forests, plan.seed, config)
    asked = found.logits(measurer(row_size(config.sequence)))
    of_simulated = fused(of_simulated, held_out(asked, simulated), TREES_SHARE)
    return _Fold(trained, by_member, held_out(asked, recorded), of_simulated)


def _trained(
    left_out: Sequence[str],
    material: Material,
    plan: RhythmPlan,
    checkpoint: Path,
    config: Config,
    build: Callable[[Any, int], Any],
    progress: Progress,
) -> Trained:
    """Train the member that never sees `left_out`."""
    recorded, simulated = material.taught(left_out)
    sampler = WindowSampler(
        recorded,
        simulated,
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
    bias = _bias(sampler, plan.prior_share)
    watch = partial(measured, material.unseen(left_out)[0], bias)
    result = fit(fit_plan, sampler.epoch, watch, progress, build=build)
    return Trained(result.model, result.history, bias)


def _taken(weights: Path, number: int, config: Config) -> Trained:
    """A member of a network that was trained before."""
    part = member((row_size(config.sequence),), len(AAMI_CLASSES))
    take(part, weights, number)
    history = json.loads((weights.parent / "history.json").read_text("utf-8"))
    return Trained(part, {k: v for k, v in history.items() if k != "epoch"}, np.array(_facts(weights)["logit_bias"]))


def _bias(sampler: WindowSampler, share: float) -> NDArray[np.float64]:
    """What is added to the logits (5,) to go from the sampled mix of classes towards that of the recordings."""
    rng = np.random.default_rng(sampler.seed)
    sampled = class_shares([sampler.window(rng)[1] for _ in range(PRIOR_WINDOWS)])
    return towards_natural(sampled, [record.label for record in sampler.recorded], share)


def _facts(weights: Path) -> dict[str, Any]:
    """The manifest beside some weights."""
    facts: dict[str, Any] = json.loads((weights.parent / "manifest.json").read_text("utf-8"))
    return facts


def _started(start: Path | None, number: int, input_shape: tuple[int, ...], classes: int) -> Any:
    """A member, untrained or as it is in the ensemble to go on from."""
    part = member(input_shape, classes)
    if start is not None:
        take(part, start, number)
    return part


def _weights(folder: Path, folds: Sequence[Sequence[str]]) -> Path:
    """The weights in the folder of a network whose members left out the same patients."""
    scores = folder / "scores.json"
    left_out = json.loads(scores.read_text("utf-8"))["folds"] if scores.exists() else None
    if left_out != [list(fold) for fold in folds]:
        raise DataError(f"There is no `rhythm` with these folds in {str(folder)!r}; train it first.")
    return folder / "weights.npz"


def _golden(material: Material) -> FloatArray:
    """A stretch with N, V and F, for the self-test at every load."""
    record = material.recorded.get(GOLDEN_RECORD) or next(iter(material.recorded.values()))
    return record.rows()[:GOLDEN_BEATS]


def _within(progress: Progress, number: int, of: int) -> Progress:
    """The progress of one of several parts of equal length."""
    return lambda done, sentence: progress((number + done) / of, f"Fold {number + 1} of {of}: {sentence}")
