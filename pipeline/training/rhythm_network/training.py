"""Training of `rhythm`: cross-validation over its patients, whose networks together are the one that is served.

Every fifth of the patients is held out from one member of each round and from trees of their own. Their answers for
these patients calibrate the whole and are its score before any test patient is looked at; the ensemble holds all
members, and trees trained on every patient. `rhythm` is trained on DS1, `rhythm_svdb` on every other patient of svdb as
well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from models import registry, rhythm
from models.networks import NETWORKS
from models.rhythm import MEMBERS, TREES_SHARE, assemble, forward
from models.trees import measurer
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress, part_of
from pipeline._util.provenance import current_commit
from pipeline._util.typed_json import to_json
from pipeline.config import DEFAULT, Config, data_root, runs_root
from pipeline.datasets.catalogue import database_folder
from pipeline.datasets.splits import training_half
from pipeline.errors import DataError
from pipeline.features.beat_sequence import row_size
from pipeline.labels import AAMI_CLASSES
from pipeline.training.rhythm_network.boosted_trees import FittedTrees, fit_trees
from pipeline.training.rhythm_network.members import RhythmPlan, TrainedMember, train_member
from pipeline.training.rhythm_network.patients import RhythmTrainingData, load_rhythm_training_data
from pipeline.training.rhythm_network.scores import HeldOut, Logits, calibrated, fused, held_out, scored, together
from pipeline.training.rhythm_network.windows import WindowSampler
from pipeline.training.schema import CrossValidation
from pipeline.training.training_set import PACED_TRAINING
from pipeline.types import FloatArray

# Each fold has S, V and few of the records with most beats of a class: S 209, 207, 201, 118, 220; F 208.
FOLDS: Final = (
    ("209", "114", "101", "106", "119"),
    ("201", "124", "112", "215", "230"),
    ("207", "223", "115", "203"),
    ("118", "116", "122", "205"),
    ("220", "108", "109", "208"),
)
GOLDEN_RECORD, GOLDEN_BEATS = "208", 40  # a record with N, V and F, and how many of its beats the self-test reads


@dataclass(frozen=True, eq=False)
class _Fold:
    """The `trained` members of a fold, and their and its trees' answers for held-out patients."""

    trained: Sequence[TrainedMember]
    members: HeldOut
    trees: HeldOut
    simulated: HeldOut

    def recorded(self) -> HeldOut:
        """Return the answers of both together."""
        return fused(self.members, self.trees, TREES_SHARE)


def run(
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    *,
    name: str = "rhythm",
    plan: RhythmPlan | None = None,
    folds: Sequence[Sequence[str]] = FOLDS,
    without: Sequence[str] = (),
    runs: Path | None = None,
    config: Config = DEFAULT,
    progress: Progress = no_progress,
    command: str = "",
) -> Path:
    """Train on DS1, and on what else NAME is trained on, and write `output_dir`/NAME (default models/weights/NAME).

    The held-out scores are in its scores.json. An interrupted run resumes from its last finished epoch
    (`runs`/train-NAME-...).

    Parameters
    ----------
    data_dir : Path, optional
        The folder of the databases; the usual one if None.
    output_dir : Path, optional
        Where the weights go; models/weights if None.
    name : str, optional
        Name of the network.
    plan : RhythmPlan, optional
        How to train; the usual plan if None.
    folds : Sequence[Sequence[str]], optional
        Records of DS1 that are held out from a member of each round; those of another database are distributed over the
        folds.
    without : sequence of str, optional
        Records of these folds that are neither trained on nor scored.
    runs : Path, optional
        Folder of the checkpoints.
    config : Config, optional
        Settings of the pipeline.
    progress : Progress, optional
        Called with what is being done, for a progress display.
    command : str, optional
        The command to record; the usual one if empty.

    Returns
    -------
    Path
        The folder written.

    Raises
    ------
    DataError
        If a database is not in `data_dir`, folds and rounds do not make as many members as the network has, or a record
        of `without` is not trained on anyway.
    """
    root, plan, folds = data_dir or data_root(), plan or RhythmPlan(), _left(folds, without)
    rounds = plan.simulated_shares
    if len(folds) * len(rounds) != MEMBERS:
        raise DataError(f"{len(folds)} folds were given; the network has {MEMBERS} members, {len(rounds)} for each.")
    mitdb, by = database_folder(root, "mitdb"), NETWORKS[name].also_trained_on
    other = database_folder(root, by) if by else None
    others = training_half(file.stem for file in other.glob("*.hea")) if other else ()
    records = [record for fold in folds for record in fold]
    material = load_rhythm_training_data(mitdb, records, other, others, plan.simulated, plan.seed, config, progress)
    folds = [[*fold, *others[i :: len(folds)]] for i, fold in enumerate(folds)]
    key, members = plan.key(config, (*records, *others)), []
    for i, (share, fold) in enumerate(product(rounds, folds)):
        each, checkpoint = replace(plan, seed=plan.seed + i), (runs or runs_root()) / f"train-{name}-{i}-{key}"
        members.append(train_member(fold, material, each, share, checkpoint, config, _within(progress, i, MEMBERS)))
    progress(0.99, "Trees of each fold, and what they and its members say of who was left out")
    found = [_fold(members[i :: len(folds)], fold, material, plan, i, config) for i, fold in enumerate(folds)]
    facts = {
        "command": command or " ".join((f"python -m pipeline train --model {name}", *_option(without))),
        "commit": current_commit(),
        "trained_on": "MIT-BIH Arrhythmia Database, DS1 of de Chazal 2004; class Q from its paced records"
        + (f", without record {', '.join(without)}" if without else "")
        + (f"; {len(others)} patients of {by}" if others else ""),
        "training_minutes": round(sum(sum(member.history["minutes"]) for member in members), 1),
    }
    trees = fit_trees((), material, plan.changes, plan.trees, plan.seed, config)
    return _written(name, found, trees, material, plan, config, facts, folds, output_dir)


def _left(folds: Sequence[Sequence[str]], without: Sequence[str]) -> list[list[str]]:
    """Return the folds without some of their records."""
    training_records = [record for fold in folds for record in fold]
    if strangers := [record for record in without if record not in training_records]:
        raise DataError(
            f"Record {strangers[0]!r} is not trained on; those that are: {', '.join(sorted(training_records))}."
        )
    kept = [[record for record in fold if record not in without] for fold in folds]
    if not all(kept):
        raise DataError(f"Without {', '.join(without)} a fold would be empty; leave fewer records out.")
    return kept


def _option(without: Sequence[str]) -> tuple[str, ...]:
    return ("--without", *without) if without else ()


def _written(
    name: str,
    found: Sequence[_Fold],
    trees: FittedTrees,
    material: RhythmTrainingData,
    plan: RhythmPlan,
    config: Config,
    facts: dict[str, Any],
    folds: Sequence[Sequence[str]],
    output_dir: Path | None,
) -> Path:
    """Write the ensemble of all members and the trees, with the folds' answers."""
    members = [member for part in found for member in part.trained]
    model = rhythm.build((row_size(config.sequence),), len(AAMI_CLASSES))
    assemble(model, [member.model for member in members], trees.arrays)
    alone = np.mean([member.bias for member in members], axis=0)
    bias = (1 - TREES_SHARE) * alone + TREES_SHARE * trees.bias
    recorded = together([part.recorded() for part in found], bias)
    histories = [member.history for member in members]
    history = {key: np.mean([each[key] for each in histories], axis=0).round(5).tolist() for key in histories[0]}
    known = {
        "preprocessing": config.sequence_id(),
        "classes": AAMI_CLASSES,
        "train_records": [*material.recorded, *PACED_TRAINING, *material.others],
        "validation_records": [],
        "seed": plan.seed,
        "pictures_seen": MEMBERS * plan.epochs * plan.steps * WindowSampler.batch * WindowSampler.length,
    }
    folder = registry.write(
        name, model, history, _golden(material), facts | known | calibrated(recorded, bias), output_dir
    )
    scores = CrossValidation(
        command=facts["command"],
        commit=facts["commit"],
        folds=tuple(map(tuple, folds)),
        held_out=scored(recorded),
        held_out_ds1=scored(recorded.of(list(material.recorded))) if material.others else None,
        held_out_others=scored(recorded.of(list(material.others))) if material.others else None,
        simulated=scored(together([part.simulated for part in found], bias)),
        held_out_members=scored(together([part.members for part in found], alone)),
        held_out_trees=scored(together([part.trees for part in found], trees.bias)),
    )
    write_json(folder / "scores.json", to_json(scores))
    return folder


def _fold(
    members: Sequence[TrainedMember],
    left_out: Sequence[str],
    material: RhythmTrainingData,
    plan: RhythmPlan,
    number: int,
    config: Config,
) -> _Fold:
    """Ask the members of a fold, and trees trained without `left_out` too, about these patients."""
    recorded, simulated = material.unseen(left_out)
    logits_of = _mean([forward(member.model) for member in members])
    found = fit_trees(left_out, material, plan.changes, plan.trees, plan.seed + number, config)
    asked = found.logits(measurer(row_size(config.sequence)))
    of_simulated = fused(held_out(logits_of, simulated), held_out(asked, simulated), TREES_SHARE)
    return _Fold(members, held_out(logits_of, recorded), held_out(asked, recorded), of_simulated)


def _mean(networks: Sequence[Logits]) -> Logits:
    """Return the mean of several networks."""
    return lambda rows: np.asarray(np.mean([logits_of(rows) for logits_of in networks], axis=0), np.float32)


def _golden(material: RhythmTrainingData) -> FloatArray:
    """Return a stretch with N, V and F, for the self-test at every load."""
    record = material.recorded.get(GOLDEN_RECORD) or next(iter(material.recorded.values()))
    return record.rows()[:GOLDEN_BEATS]


def _within(progress: Progress, number: int, of: int) -> Progress:
    """Return the progress of one of several members, which is named in the sentence."""
    part = part_of(progress, number, of)
    return lambda done, sentence: part(done, f"Member {number + 1} of {of}: {sentence}")
