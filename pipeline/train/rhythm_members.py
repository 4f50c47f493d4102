"""The members of `rhythm`: what each learns from and for how long, and members that were trained before."""

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

from models import beats, rhythm
from models.fit import FitPlan, fit
from models.losses import Recipe
from models.rhythm import member, take
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.labels import AAMI_CLASSES
from pipeline.signal import sequence
from pipeline.signal.sequence import row_size
from pipeline.train import rhythm_beats, simulate, wave_changes
from pipeline.train.rhythm_beats import Changes, WindowSampler, class_shares
from pipeline.train.rhythm_material import Material, Progress, Variants
from pipeline.train.rhythm_scores import measured, towards_natural
from pipeline.train.rhythm_trees import FORESTS, TreesPlan

VARIANTS: Final[Variants] = (
    ("atrial_runs", 2),
    ("fibrillation", 1),
    ("premature", 3),
    ("paroxysms", 2),
)
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


def trained(
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


def started(start: Path | None, number: int, input_shape: tuple[int, ...], classes: int) -> Any:
    """A member, untrained or as it is in the ensemble to go on from."""
    part = member(input_shape, classes)
    if start is not None:
        take(part, start, number)
    return part


def weights_of(folder: Path, folds: Sequence[Sequence[str]]) -> Path:
    """The weights in the folder of a network whose members left out the same patients."""
    scores = folder / "scores.json"
    left_out = json.loads(scores.read_text("utf-8"))["folds"] if scores.exists() else None
    if left_out != [list(fold) for fold in folds]:
        raise DataError(f"There is no `rhythm` with these folds in {str(folder)!r}; train it first.")
    return folder / "weights.npz"


def _bias(sampler: WindowSampler, share: float) -> NDArray[np.float64]:
    """What is added to the logits (5,) to go from the sampled mix of classes towards that of the recordings."""
    rng = np.random.default_rng(sampler.seed)
    sampled = class_shares([sampler.window(rng)[1] for _ in range(PRIOR_WINDOWS)])
    return towards_natural(sampled, [record.label for record in sampler.recorded], share)
