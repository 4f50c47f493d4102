"""The members of `rhythm`: what each is trained on and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.fit import FitPlan, fit
from models.losses import Recipe
from models.rhythm import member
from pipeline._util.fingerprint import fingerprint
from pipeline._util.progress import Progress
from pipeline.config import Config
from pipeline.features.beat_sequence import row_size
from pipeline.labels import AAMI_CLASSES
from pipeline.training.rhythm_network.boosted_trees import TREES_PLANS, TreesPlan
from pipeline.training.rhythm_network.patients import RhythmTrainingData, Simulated
from pipeline.training.rhythm_network.scores import epoch_scores, towards_natural
from pipeline.training.rhythm_network.windows import Changes, WindowSampler, class_shares

MAKERS: Final = (  # code that the members depend on
    *("models.beat_measures", "models.rhythm", "pipeline.features.beat_sequence"),
    *(
        "pipeline.training.rhythm_network.windows",
        "pipeline.synthesis.rhythms",
        "pipeline.training.rhythm_network.augmentation",
    ),
)
PRIOR_WINDOWS: Final = 500  # windows to measure the class frequencies that a network is trained on


@dataclass(frozen=True)
class RhythmPlan:
    """The settings of a run; ADRs 0024 and 0025 say which of the defaults the weights in the tree were trained with."""

    epochs: int = 6
    steps: int = 300
    learning_rate: float | None = None  # at its highest; None for the network's own
    seed: int = 20261122
    simulated: Simulated = field(default_factory=Simulated)
    simulated_shares: tuple[float, ...] = (0.5, 0.35)  # of the windows, one per round of members
    prior_share: float = 0.5  # how far towards DS1's class frequencies: its patients have half the S of others
    changes: Changes = field(default_factory=Changes)
    trees: tuple[TreesPlan, ...] = TREES_PLANS

    def key(self, config: Config, records: Sequence[str]) -> str:
        """Name the checkpoints: only the same plan, patients, inputs and code resume a run."""
        members = replace(self, trees=())
        return fingerprint(*MAKERS, facts=[repr(members), config.sequence_id(), *records])


@dataclass(frozen=True, eq=False)
class TrainedMember:
    """A member, its curves by epoch, and what is added to its logits (5,)."""

    model: Any
    history: dict[str, list[float]]
    bias: NDArray[np.float64]


def train_member(
    left_out: Sequence[str],
    material: RhythmTrainingData,
    plan: RhythmPlan,
    share: float,
    checkpoint: Path,
    config: Config,
    progress: Progress,
) -> TrainedMember:
    """Train a member without some patients.

    Parameters
    ----------
    left_out : sequence of str
        Patients that are not trained on.
    material : RhythmTrainingData
        All patients.
    plan : RhythmPlan
        How to train.
    share : float
        Share of the windows that come from simulated rhythms.
    checkpoint : Path
        Folder of the run.
    config : Config
        Settings of the pipeline.
    progress : Progress
        Called with what is being done, for a progress display.
    """
    sampler = material.without(left_out).sampler(config, plan.seed, plan.steps, plan.changes, share)
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
    watch = partial(epoch_scores, material.unseen(left_out)[0], bias)
    result = fit(fit_plan, sampler.epoch, watch, progress, build=member)
    return TrainedMember(result.model, result.history, bias)


def _bias(sampler: WindowSampler, share: float) -> NDArray[np.float64]:
    """Return what is added to the logits (5,) to go from the sampled class frequencies towards those of DS1."""
    rng = np.random.default_rng(sampler.seed)
    sampled = class_shares([sampler.window(rng)[1] for _ in range(PRIOR_WINDOWS)])
    return towards_natural(sampled, [record.label for record in sampler.recorded], share)
