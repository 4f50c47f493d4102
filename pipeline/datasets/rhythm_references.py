"""The rhythms that readers annotated in public databases, as episodes with our codes.

Databases use different words for one thing (VF and VFIB, N and NSR, P and PM), and have words for what is no rhythm of
its own. `LABELS` is the one table of what each means here.

References
----------
Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. IEEE Eng Med Biol 2001;20(3):45-50.
doi:10.1109/51.932724 (mitdb; its directory lists the rhythm labels).
Greenwald SD. The development and analysis of a ventricular fibrillation detector. MIT 1986 (vfdb).
Petrutiu S, Sahakian AV, Swiryn S. Abrupt changes in fibrillatory wave characteristics at the termination of paroxysmal
atrial fibrillation in humans. Europace 2007;9(7):466-470. doi:10.1093/europace/eum096 (ltafdb).
Clifford GD et al. AF classification from a short single lead ECG recording: the PhysioNet/Computing in Cardiology
Challenge 2017. Comput Cardiol 2017;44. doi:10.22489/CinC.2017.065-469 (cinc2017).
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from pipeline.errors import DataError, IntakeError
from pipeline.intake.wfdb_annotations import Marks, parse_notes
from pipeline.labels import is_beat
from pipeline.types import Episode, IntArray, RhythmCode, read_only

HIGH_GRADE: Final = "high-grade ventricular ectopy"
LABELS: Final[Mapping[str, tuple[RhythmCode, str]]] = MappingProxyType(
    {
        "N": ("N", ""),
        "NSR": ("N", ""),
        "SBR": ("SBR", ""),
        "AB": ("N", "atrial bigeminy"),  # sinus beats and premature atrial ones in turn
        "PREX": ("N", "pre-excitation"),
        "HGEA": ("N", HIGH_GRADE),  # sinus rhythm, couplets and short runs, not told apart
        "BI": ("BI", "first degree"),
        "BII": ("BII", "second degree"),
        "AFIB": ("AFIB", ""),
        "AFL": ("AFL", ""),
        "SVTA": ("SVTA", ""),
        "NOD": ("NOD", ""),
        "B": ("B", ""),
        "T": ("T", ""),
        "IVR": ("IVR", ""),
        "VER": ("IVR", "ventricular escape"),
        "VT": ("VT", ""),
        "VFL": ("VFL", "VFL"),
        "VF": ("VFL", "VF"),
        "VFIB": ("VFL", "VF"),
        "ASYS": ("ASYS", ""),
        "P": ("P", ""),
        "PM": ("P", ""),
        "NOISE": ("NOISE", ""),
    }
)
STRIP_LABELS: Final = MappingProxyType({"N": "sinus rhythm", "A": "AF", "O": "another rhythm", "~": "too noisy"})
_ANNOTATORS: Final = MappingProxyType({"nsr2db": "ecg"})  # the ending of the reference annotations, .atr elsewhere
ALL_SINUS: Final = ("nsr2db",)  # recordings of healthy people, whose long intervals are beats that were not marked
_RX_HEADER: Final = re.compile(r"\S+ \d+ (?P<fs>[\d.]+)\S* (?P<samples>\d+)")


@dataclass(frozen=True, eq=False)
class RhythmReference:
    """What readers annotated in one record.

    Attributes
    ----------
    record : str
        DATABASE/RECORD.
    fs : float
        Sampling frequency, Hz.
    duration_s : float
        Length of the record, seconds.
    sample : (n,) int64
        Reference beats, indices at `fs`; empty where there are none.
    symbol : tuple of str
        WFDB symbol of each.
    episodes : tuple of Episode
        Rhythms in order, without overlap; time that nobody annotated is in none.
    unknown : mapping of str to int
        Rhythm labels that `LABELS` does not know, and how often they occur; their time is in no episode.
    """

    record: str
    fs: float
    duration_s: float
    sample: IntArray
    symbol: tuple[str, ...]
    episodes: tuple[Episode, ...]
    unknown: Mapping[str, int]


def read_rhythms(path: Path, database: str) -> RhythmReference:
    """Read the reference beats and rhythms of a record.

    Parameters
    ----------
    path : Path
        The record, without ending.
    database : str
        The database that it belongs to.

    Raises
    ------
    DataError
        If its header or annotations are missing or damaged.
    """
    try:
        fs, n_samples = rate_and_length(path.with_suffix(".hea").read_text("latin-1"))
        marks = parse_notes(path.with_suffix(f".{_ANNOTATORS.get(database, 'atr')}").read_bytes(), fs=fs)
    except (OSError, IntakeError) as error:
        raise DataError(f"The annotations of {database}/{path.name} cannot be read: {error}.") from error
    beat = np.fromiter((is_beat(symbol) for symbol in marks.symbol), bool, len(marks.symbol))
    sample = marks.sample[beat]
    duration_s = (n_samples or int(marks.sample[-1]) + 1) / fs
    episodes, unknown = rhythm_episodes(marks, fs, duration_s)
    if database in ALL_SINUS:
        episodes = (Episode(float(sample[0]) / fs, float(sample[-1]) / fs, "N"),)
    return RhythmReference(
        record=f"{database}/{path.name}",
        fs=fs,
        duration_s=duration_s,
        sample=read_only(sample),
        symbol=tuple(marks.symbol[i] for i in np.flatnonzero(beat)),
        episodes=episodes,
        unknown=unknown,
    )


def rhythm_episodes(marks: Marks, fs: float, duration_s: float) -> tuple[tuple[Episode, ...], Mapping[str, int]]:
    """Turn rhythm annotations into episodes.

    A rhythm lasts from its label to the next one. Flutter waves lie between `[` and `]` where these are set, which is
    more exact than the label; between `]` and the next label nothing is annotated.

    Parameters
    ----------
    marks : Marks
        The annotations of a record.
    fs : float
        Its sampling frequency, Hz.
    duration_s : float
        Its length, seconds.

    Returns
    -------
    tuple of Episode, mapping of str to int
        The episodes in order; labels that `LABELS` does not know, with their number.
    """
    unknown: Counter[str] = Counter()
    changes: list[tuple[float, tuple[RhythmCode, str] | None]] = []
    for sample, meaning, label in _changes(marks):
        if label and meaning is None:
            unknown[label] += 1
        changes.append((sample / fs, meaning))
    return _merged([*changes, (duration_s, None)]), unknown


def read_strip_labels(folder: Path) -> dict[str, str]:
    """Return the label, a key of `STRIP_LABELS`, of each strip of cinc2017.

    Raises
    ------
    DataError
        If REFERENCE.csv is missing, or has a label that is not known.
    """
    try:
        rows = list(csv.reader((folder / "REFERENCE.csv").read_text("ascii").splitlines()))
    except (OSError, ValueError) as error:
        raise DataError("REFERENCE.csv of cinc2017 cannot be read; get the database again.") from error
    if wrong := [row for row in rows if len(row) != 2 or row[1] not in STRIP_LABELS]:
        raise DataError(f"REFERENCE.csv of cinc2017 has the line {','.join(wrong[0])!r}, which is not understood.")
    return {record: label for record, label in rows if (folder / f"{record}.hea").is_file()}


def strip_rhythm(label: str, duration_s: float) -> tuple[Episode, ...]:
    """Return what the label of a strip says about all of it: nothing where it means several rhythms.

    Parameters
    ----------
    label : str
        A key of `STRIP_LABELS`.
    duration_s : float
        Length of the strip, seconds.
    """
    code = LABELS.get({"N": "N", "A": "AFIB", "~": "NOISE"}.get(label, ""))
    return (Episode(0.0, duration_s, code[0]),) if code else ()


def _changes(marks: Marks) -> Iterator[tuple[int, tuple[RhythmCode, str] | None, str]]:
    """Yield sample, meaning and label ("" for `[` and `]`) of all that changes the rhythm."""
    fluttering = False
    for index, symbol in enumerate(marks.symbol):
        if symbol in ("[", "]"):
            fluttering = symbol == "["
            yield int(marks.sample[index]), LABELS["VFL"] if fluttering else None, ""
        elif symbol == "+" and (label := marks.note.get(index, "").strip("(").strip()) and not fluttering:
            yield int(marks.sample[index]), LABELS.get(label), label


def _merged(changes: Sequence[tuple[float, tuple[RhythmCode, str] | None]]) -> tuple[Episode, ...]:
    """Return the episodes between changes; a label that repeats the last one goes on with it."""
    kept = [change for i, change in enumerate(changes) if i in (0, len(changes) - 1) or change[1] != changes[i - 1][1]]
    return tuple(
        Episode(start_s, stop_s, *meaning)
        for (start_s, meaning), (stop_s, _) in pairwise(kept)
        if meaning is not None and stop_s > start_s
    )


def rate_and_length(header: str) -> tuple[float, int]:
    """Return sampling frequency, Hz, and number of samples (0 if not stated) that a WFDB header states.

    Raises
    ------
    IntakeError
        If it does not.
    """
    lines = [line for line in header.splitlines() if line and not line.startswith("#")]
    if not lines or (found := _RX_HEADER.match(lines[0])) is None:
        raise IntakeError("its header states neither sampling frequency nor length")
    return float(found["fs"]), int(found["samples"])
