"""The training patients of `rhythm`: as recorded, in simulated rhythms, and others for what they lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline._util.progress import Progress
from pipeline.config import Config
from pipeline.synthesis.rhythms import Rhythm
from pipeline.training.rhythm_network.augmentation import recorded_noise
from pipeline.training.rhythm_network.windows import (
    Changes,
    Q,
    RhythmRecord,
    WindowSampler,
    load_record,
    load_simulated_records,
)
from pipeline.training.training_set import PACED_TRAINING
from pipeline.types import FloatArray

Variants = tuple[tuple[Rhythm, int], ...]


@dataclass(frozen=True)
class Simulated:
    """Which rhythms are simulated from each patient's beats, how often, and how long each is."""

    variants: Variants = (("atrial_runs", 2), ("fibrillation", 1), ("premature", 3), ("paroxysms", 2))
    other_variants: Variants = (("atrial_runs", 1), ("fibrillation", 1), ("premature", 1), ("paroxysms", 1))
    n_beats: int = 600


@dataclass(frozen=True, eq=False)
class RhythmTrainingData:
    """The training patients.

    Attributes
    ----------
    recorded : mapping of str to RhythmRecord
        As recorded, by name.
    simulated : Mapping[str, Sequence[RhythmRecord]]
        Their simulated rhythms, and those of `others`.
    paced : sequence of RhythmRecord
        Paced records, for class Q.
    noise : (m,) float32
        Recorded noise.
    others : mapping of str to RhythmRecord
        Patients of another database.
    """

    recorded: Mapping[str, RhythmRecord]
    simulated: Mapping[str, Sequence[RhythmRecord]]
    paced: Sequence[RhythmRecord]
    noise: FloatArray
    others: Mapping[str, RhythmRecord] = field(default_factory=dict)

    def without(self, left_out: Sequence[str]) -> RhythmTrainingData:
        """Return the same without the patients that are held out."""
        kept = [name for name in self.simulated if name not in left_out]
        return replace(
            self,
            recorded={name: self.recorded[name] for name in kept if name in self.recorded},
            others={name: self.others[name] for name in kept if name in self.others},
            simulated={name: self.simulated[name] for name in kept},
        )

    def unseen(self, left_out: Sequence[str]) -> tuple[list[RhythmRecord], list[RhythmRecord]]:
        """Return the patients that are held out: as recorded, and in simulated rhythms."""
        everyone = {**self.recorded, **self.others}
        return [everyone[name] for name in left_out], [part for name in left_out for part in self.simulated[name]]

    def sampler(
        self,
        config: Config,
        seed: int,
        steps: int,
        changes: Changes,
        simulated_share: float = WindowSampler.simulated_share,
    ) -> WindowSampler:
        """Return a sampler of windows from all of them.

        Parameters
        ----------
        config : Config
            Settings of the pipeline.
        seed : int
            Seed of the random generator; the same seed gives the same result.
        steps : int
            Batches per epoch.
        changes : Changes
            How windows are augmented.
        simulated_share : float, optional
            Share of the windows that come from simulated rhythms.
        """
        simulated = [part for parts in self.simulated.values() for part in parts]
        return WindowSampler(
            list(self.recorded.values()),
            simulated,
            self.paced,
            config,
            seed,
            steps,
            simulated_share=simulated_share,
            others=list(self.others.values()),
            noise=self.noise,
            changes=changes,
        )


def load_rhythm_training_data(
    mitdb: Path,
    records: Sequence[str],
    other: Path | None,
    others: Sequence[str],
    plan: Simulated,
    seed: int,
    config: Config,
    progress: Progress,
) -> RhythmTrainingData:
    """Read the training patients, and those of another database, and simulate rhythms from their beats.

    Parameters
    ----------
    mitdb : Path
        Folder of MIT-BIH.
    records : sequence of str
        Its records.
    other : Path or None
        Folder of another database.
    others : sequence of str
        Its records.
    plan : Simulated
        What to simulate.
    seed : int
        Seed of the random generator; the same seed gives the same result.
    config : Config
        Settings of the pipeline.
    progress : Progress
        Called with what is being done, for a progress display.
    """
    places = dict.fromkeys(records, mitdb) | {name: other for name in others if other is not None}
    everyone: dict[str, RhythmRecord] = {}
    simulated: dict[str, list[RhythmRecord]] = {}
    for i, (name, folder) in enumerate(places.items()):
        progress(0.0, f"Reading record {name}, {i + 1} of {len(places)}")
        variants = plan.variants if folder == mitdb else plan.other_variants
        everyone[name] = load_record(name, folder, config)
        simulated[name] = load_simulated_records(name, folder, config, variants, plan.n_beats, seed)
    noise = recorded_noise(mitdb.parent / "nstdb", config)
    paced = [load_record(name, mitdb, config, only=(Q,)) for name in PACED_TRAINING]
    recorded, of_other = ({name: everyone[name] for name in names} for names in (records, others))
    return RhythmTrainingData(recorded, simulated, paced, noise, of_other)
