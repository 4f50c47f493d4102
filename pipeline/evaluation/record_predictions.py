"""Answers of a network for the beats of one recording, together with the reference; stored as .npz."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline._util.files import write_bytes
from pipeline.errors import DataError
from pipeline.store.stored_files import BROKEN_NPZ
from pipeline.types import FloatArray, IntArray, read_only

_FIELDS = ("reference_sample", "reference_symbol", "sample", "p", "has_p")


@dataclass(frozen=True, eq=False)
class RecordPredictions:
    """Reference beats and predictions of one recording.

    Attributes
    ----------
    record : str
        Name of the record.
    fs : float
        Its sampling frequency, Hz.
    n_samples : int
        Its length, samples.
    reference_sample : (m,) int64
        Reference beats, indices at `fs`.
    reference_symbol : tuple of str
        Their WFDB symbols.
    sample : (n,) int64
        Beats that the network saw, in time order, indices at `fs`.
    p : (n, 5) float32
        Probabilities in the order of `AAMI_CLASSES`.
    has_p : (n,) bool
        False where the network was not run.
    """

    record: str
    fs: float
    n_samples: int
    reference_sample: IntArray
    reference_symbol: tuple[str, ...]
    sample: IntArray
    p: FloatArray
    has_p: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if len(self.reference_symbol) != self.reference_sample.size:
            raise ValueError(
                f"{len(self.reference_symbol)} reference symbols were given for {self.reference_sample.size} beats."
            )
        n = self.sample.size
        if self.p.shape != (n, 5) or self.has_p.shape != (n,):
            raise ValueError(f"{n} beats need p ({n}, 5) and has_p ({n},), not {self.p.shape} and {self.has_p.shape}.")

    @property
    def duration_s(self) -> float:
        """Duration, seconds."""
        return self.n_samples / self.fs


def save_predictions(path: Path, predictions: Sequence[RecordPredictions]) -> None:
    """Write many records into one .npz, whole or not at all; record names must be unique."""
    arrays: dict[str, NDArray[np.generic]] = {"records": np.array([item.record for item in predictions], np.str_)}
    for item in predictions:
        arrays[f"{item.record}/size"] = np.array([item.fs, item.n_samples], np.float64)
        for field in _FIELDS:
            dtype = np.str_ if field == "reference_symbol" else None
            arrays[f"{item.record}/{field}"] = np.asarray(getattr(item, field), dtype)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    write_bytes(path, content.getvalue())


def load_predictions(path: Path) -> tuple[RecordPredictions, ...]:
    """Read what `save_predictions` wrote.

    Raises
    ------
    DataError
        If the file is missing, broken, or was not written by `save_predictions`.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return tuple(_load(archive, str(record)) for record in archive["records"])
    except BROKEN_NPZ as error:
        raise DataError(f"The predictions in {path.name!r} cannot be read; delete the file and run again.") from error


def _load(archive: np.lib.npyio.NpzFile, record: str) -> RecordPredictions:
    fs, n_samples = archive[f"{record}/size"]
    return RecordPredictions(
        record=record,
        fs=float(fs),
        n_samples=int(n_samples),
        reference_sample=read_only(archive[f"{record}/reference_sample"].astype(np.int64)),
        reference_symbol=tuple(str(symbol) for symbol in archive[f"{record}/reference_symbol"]),
        sample=read_only(archive[f"{record}/sample"].astype(np.int64)),
        p=read_only(archive[f"{record}/p"].astype(np.float32)),
        has_p=read_only(archive[f"{record}/has_p"].astype(np.bool_)),
    )
