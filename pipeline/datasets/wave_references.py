"""Waves that cardiologists marked in LUDB and QTDB, and which of these records are for testing.

References
----------
Kalyakulina AI et al. LUDB: A new open-access validation tool for electrocardiogram delineation algorithms. IEEE Access
2020;8:186181-186190. doi:10.1109/ACCESS.2020.3029211 (each lead of 10 s is marked; the first and last beats are not).
Laguna P et al. A database for evaluation of algorithms for measurement of QT and other waveform intervals in the ECG.
Comput Cardiol 1997;24:673-676. doi:10.1109/CIC.1997.648140 (some 30 beats a record, marked on two leads together).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.patients import patient_of
from pipeline.datasets.rhythm_references import rate_and_length
from pipeline.errors import DataError, IntakeError
from pipeline.intake.wfdb_annotations import parse_notes
from pipeline.labels import is_beat

WaveName = Literal["p", "qrs", "t"]
WAVE_NAMES: Final[tuple[WaveName, ...]] = ("p", "qrs", "t")
# Drawn at random with a seed; records without P waves (fibrillation, flutter, paced) are spread evenly over the parts.
# fmt: off
LUDB_HELD_OUT: Final[tuple[str, ...]] = (
    "9", "12", "15", "17", "19", "20", "27", "32", "37", "41", "47", "52", "54", "60", "62", "78", "85", "89", "94",
    "95", "99", "109", "110", "111", "112", "116", "120", "123", "124", "125", "127", "130", "131", "132", "134",
    "135", "136", "138", "143", "146", "148",
)
LUDB_VALIDATION: Final[tuple[str, ...]] = (
    "22", "23", "29", "42", "43", "53", "66", "69", "70", "77", "79", "83", "86", "88", "96", "98", "107", "118",
    "126", "139",
)
QTDB_HELD_OUT: Final[tuple[str, ...]] = (
    "sel15814", "sel16265", "sel16272", "sel16273", "sel16795", "sel33", "sel36", "sel37", "sel38",
)
QTDB_VALIDATION: Final[tuple[str, ...]] = ("sel301", "sel302", "sel31", "sel34")
# fmt: on
QTDB_ANNOTATOR: Final = "q1c"
_OF_WAVES: Final = ("(", ")", "p", "t", "u")
_OTHER_WAVES: Final[Mapping[str, WaveName]] = MappingProxyType({"p": "p", "t": "t"})  # by symbol


@dataclass(frozen=True, eq=False)
class MarkedWaves:
    """The waves of one kind in one lead, by hand.

    Attributes
    ----------
    on_s, peak_s, off_s : (n,) float64
        Onset, peak and end, seconds from sample 0; NaN where it was not marked.
    """

    on_s: NDArray[np.float64]
    peak_s: NDArray[np.float64]
    off_s: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WaveReference:
    """All that was marked in one lead, or in all leads of a record together.

    Attributes
    ----------
    waves : dict of WaveName to MarkedWaves
        P waves, QRS complexes and T waves.
    start_s, stop_s : float
        The first and the last mark: outside nothing is known.
    """

    waves: dict[WaveName, MarkedWaves]
    start_s: float
    stop_s: float


@dataclass(frozen=True)
class WaveRecords:
    """Names of the records of one database, by what they are for."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    held_out: tuple[str, ...]


def read_wave_reference(path: Path, annotator: str) -> WaveReference:
    """Read the marks of one annotator.

    Parameters
    ----------
    path : Path
        The record, with or without ending.
    annotator : str
        In LUDB the lead, such as "ii"; in QTDB "q1c".

    Raises
    ------
    DataError
        If the files are missing or damaged, or hold no wave.
    """
    try:
        fs, _ = rate_and_length(path.with_suffix(".hea").read_text("latin-1"))
        marks = parse_notes(path.with_suffix(f".{annotator}").read_bytes(), fs=fs)
    except (OSError, IntakeError) as error:
        raise DataError(f"The marks {annotator!r} of record {path.stem!r} cannot be read: {error}.") from error
    kept = [i for i, symbol in enumerate(marks.symbol) if symbol in _OF_WAVES or is_beat(symbol)]
    at = marks.sample[kept] / fs
    rows = list(_waves(at, [marks.symbol[i] for i in kept]))
    if not rows:
        raise DataError(f"The marks {annotator!r} of record {path.stem!r} hold no wave.")
    return WaveReference({name: _of_kind(rows, name) for name in WAVE_NAMES}, float(at[0]), float(at[-1]))


def ludb_records(folder: Path) -> WaveRecords:
    """Divide the records of LUDB that are there."""
    return _divided(sorted((file.stem for file in folder.glob("*.hea")), key=int), LUDB_VALIDATION, LUDB_HELD_OUT)


def qtdb_records(folder: Path) -> WaveRecords:
    """Divide the records of QTDB that are there; those of patients of other databases are left out."""
    names = sorted(file.stem for file in folder.glob("*.hea"))
    own = [name for name in names if patient_of("qtdb", name).startswith("qtdb")]
    return _divided(own, QTDB_VALIDATION, QTDB_HELD_OUT)


def _divided(names: Sequence[str], validation: tuple[str, ...], held_out: tuple[str, ...]) -> WaveRecords:
    return WaveRecords(
        tuple(name for name in names if name not in (*validation, *held_out)),
        tuple(name for name in names if name in validation),
        tuple(name for name in names if name in held_out),
    )


def _waves(at: NDArray[np.float64], symbols: Sequence[str]) -> Iterator[tuple[WaveName, float, float, float]]:
    """Yield kind, onset, peak and end of each wave."""
    last = len(symbols) - 1
    for i, symbol in enumerate(symbols):
        if not is_beat(symbol) and symbol not in _OTHER_WAVES:
            continue
        on = at[i - 1] if i and symbols[i - 1] == "(" else np.nan
        off = at[i + 1] if i < last and symbols[i + 1] == ")" else np.nan
        yield _OTHER_WAVES.get(symbol, "qrs"), float(on), float(at[i]), float(off)


def _of_kind(rows: Sequence[tuple[WaveName, float, float, float]], name: WaveName) -> MarkedWaves:
    found = np.array([row[1:] for row in rows if row[0] == name], np.float64).reshape(-1, 3)
    return MarkedWaves(found[:, 0], found[:, 1], found[:, 2])
