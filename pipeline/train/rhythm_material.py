"""The patients that teach `rhythm`: as recorded, in simulated rhythms, and others for what they lack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.config import Config
from pipeline.domain import FloatArray
from pipeline.errors import DataError
from pipeline.train.rhythm_beats import Q, RhythmRecord, load_record, load_simulated
from pipeline.train.simulate import Rhythm
from pipeline.train.wave_changes import recorded_noise

Progress = Callable[[float, str], None]
Variants = tuple[tuple[Rhythm, int], ...]

PACED: Final = ("102", "104", "107")


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

    def taught(self, left_out: Sequence[str]) -> tuple[list[RhythmRecord], list[RhythmRecord]]:
        """The patients that are not left out: as recorded, and in simulated rhythms."""
        names = [name for name in self.recorded if name not in left_out]
        return [self.recorded[name] for name in names], [part for name in names for part in self.simulated[name]]

    def unseen(self, left_out: Sequence[str]) -> tuple[list[RhythmRecord], list[RhythmRecord]]:
        """The patients that are left out, likewise."""
        return [self.recorded[name] for name in left_out], [part for name in left_out for part in self.simulated[name]]


def load_material(
    mitdb: Path, records: Sequence[str], variants: Variants, n_beats: int, seed: int, config: Config, progress: Progress
) -> Material:
    """Read the training patients and simulate rhythms of `n_beats` from their beats."""
    recorded, simulated = {}, {}
    for i, name in enumerate(records):
        progress(0.0, f"Reading record {name}, {i + 1} of {len(records)}")
        recorded[name] = load_record(name, mitdb, config)
        simulated[name] = load_simulated(name, mitdb, config, variants, n_beats, seed)
    noise = recorded_noise(mitdb.parent / "nstdb", config)
    return Material(recorded, simulated, [load_record(name, mitdb, config, only=(Q,)) for name in PACED], noise)


def load_others(folder: Path, config: Config, progress: Progress) -> tuple[RhythmRecord, ...]:
    """Every recording of another database."""
    names = sorted(file.stem for file in folder.glob("*.hea"))
    progress(0.0, f"Reading {len(names)} records of {folder.name}")
    return tuple(load_record(name, folder, config) for name in names)


def database(root: Path, name: str) -> Path:
    """The folder of a database; a `DataError` if it is not there."""
    if not (root / name).is_dir():
        raise DataError(f"The database {name!r} is not in {str(root)!r}; run `python -m pipeline data` first.")
    return root / name
