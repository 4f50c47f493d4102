"""How long a picture network is trained, on what mix, and how that is named and described."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from models.losses import PLAIN, Recipe
from pipeline.config import Config
from pipeline.training.augmentation import Augmentation
from pipeline.training.beat_sampler import EPOCH_COUNTS


@dataclass(frozen=True)
class TrainingPlan:
    """The settings of a run; the defaults are those of the shipped weights.

    Two runs from the same start are averaged (Wortsman et al. 2022, arXiv:2203.05482): `epochs` on recorded rhythms,
    and `simulated_epochs` on these and simulated ones, which weighs `simulated_weight`; ADR 0005 has the measurements.
    """

    epochs: int = 5
    simulated_epochs: int = 7
    simulated_weight: float = 0.82
    batch: int = 64
    seed: int = 20261122
    counts: tuple[tuple[str, int], ...] = tuple(EPOCH_COUNTS.items())
    augmentation: Augmentation = field(default_factory=Augmentation)
    recipe: Recipe = field(default=PLAIN, repr=False)
    simulated_share: float = field(default=1.0, repr=False)  # of SIMULATED_COUNTS; the key covers it through `counts`
    pictures: int | None = field(default=None, repr=False)  # per epoch, as requested
    depth: float = field(default=1.0, repr=False)  # share of the layers that are tuned, as in `FitPlan`
    without: tuple[str, ...] = field(default=(), repr=False)  # records of DS1 that are not used

    def key(self, config: Config) -> str:
        """Name the checkpoints: a run is only resumed with the same plan and pictures."""
        more = [part for part in (self.recipe, self.augmentation.recorded) if part not in (PLAIN, None)]
        depth = "" if self.depth == 1 else f" depth {self.depth:g}"
        left_out = f" without {self.without}" if self.without else ""
        text = f"{self!r}{more or ''}{depth}{left_out} {config.preprocessing_id()}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def options(self) -> tuple[str, ...]:
        """Return the options of `train` that this plan stands for."""
        usual = TrainingPlan()
        found = () if self.epochs == usual.epochs else ("--epochs", f"{self.simulated_epochs}")
        if self.without:
            found = (*found, "--without", *self.without)
        return found if self.pictures is None else (*found, "--pictures", f"{self.pictures}")

    def reduced(self, epochs: int | None, pictures: int | None) -> TrainingPlan:
        """Return a cheaper plan: one run on recorded and simulated rhythms, with fewer pictures in the same mix.

        Nothing is averaged: the mean of two runs needs a start that both stay close to.
        """
        found = self if epochs is None else replace(self, epochs=0, simulated_epochs=epochs, simulated_weight=1.0)
        share = 1.0 if pictures is None else pictures / sum(count for _, count in self.counts)
        if share == 1.0:
            return found
        fewer = tuple((name, max(2, round(share * count))) for name, count in self.counts)
        return replace(found, counts=fewer, simulated_share=share, pictures=pictures)


DEFAULT_PLAN = TrainingPlan()
ONE_RUN = DEFAULT_PLAN.reduced(DEFAULT_PLAN.simulated_epochs, None)
# A fifth of the pictures is enough to show the leak; class Q has 15 beats without the paced records.
RANDOM_SPLIT_PLAN = TrainingPlan(
    epochs=2, counts=tuple({**{n: c // 2 for n, c in EPOCH_COUNTS.items()}, "Q": 16}.items())
)
