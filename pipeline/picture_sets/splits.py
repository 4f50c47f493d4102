"""Which part each patient's pictures go to: DS1 and DS2, whole patients at random, or (labelled so) any picture."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.datasets.patient_parts import PARTS, SHARES, most_even
from pipeline.datasets.rhythm_references import read_rhythms
from pipeline.datasets.splits import DS1, DS2, PACED, SAME_PERSON
from pipeline.errors import DataError
from pipeline.labels import aami_class
from pipeline.picture_sets.options import PictureSetOptions
from pipeline.picture_sets.sources import EXCERPT, Source

DS1_VALIDATION: Final = ("114", "116", "203", "220", "223")  # the patients of DS1 that the networks are checked with


@dataclass(frozen=True)
class Division:
    """Where pictures go.

    Attributes
    ----------
    part : mapping of str to str
        "train", "val", "test", or "" without a split, by record; a record that is not in it is left out.
    at_random : bool
        Whether every picture gets a part of its own at random instead.
    notices : tuple of str
        What a reader should know, one sentence each.
    seed : int
        Of what is random.
    """

    part: Mapping[str, str]
    at_random: bool
    notices: tuple[str, ...]
    seed: int = 0

    def of(self, record: str, sample: int) -> str:
        """Return the part of one picture.

        Parameters
        ----------
        record : str
            Its record.
        sample : int
            Where it is in the record.
        """
        if not self.at_random:
            return self.part[record]
        digest = hashlib.sha256(f"{self.seed}/{record}/{sample}".encode()).digest()
        share = int.from_bytes(digest[:6], "big") / 2**48
        return "train" if share < SHARES["train"] else "val" if share < 1 - SHARES["test"] else "test"


def divide(sources: Sequence[Source], options: PictureSetOptions) -> Division:
    """Divide recordings by patient, as the options ask.

    Parameters
    ----------
    sources : sequence of Source
        The recordings.
    options : PictureSetOptions
        Split, label and seed.

    Raises
    ------
    DataError
        If the split cannot keep patients apart: too few of them, or records that are in neither DS1 nor DS2.
    """
    if options.random_split:
        return Division({source.record: "" for source in sources}, True, (), options.seed)
    if options.split == "none":
        return Division({source.record: "" for source in sources}, False, ())
    division = _ds1_ds2(sources) if options.split == "ds1ds2" else _by_patient(sources, options)
    require_apart((s.patient, s.record, division.part[s.record]) for s in sources if s.record in division.part)
    return division


def require_apart(pictures: Iterable[tuple[str, str, str]]) -> None:
    """Make sure that no patient is in two parts.

    Parameters
    ----------
    pictures : iterable of (str, str, str)
        Patient, record and part of pictures, or of whole records.

    Raises
    ------
    DataError
        If one is; it names the records and the parts.
    """
    first: dict[str, tuple[str, str]] = {}
    for patient, record, part in pictures:
        other, there = first.setdefault(patient, (record, part))
        if there != part:
            raise DataError(
                f"Record {record!r} would be in {part}, but it is of the same patient as {other!r}, which is in "
                f"{there}; choose another --output, or leave one of them out."
            )


def _ds1_ds2(sources: Sequence[Source]) -> Division:
    """Let DS2 test, and DS1 train but for five patients for validation and one whom DS2 knows; leave out the paced."""
    foreign = [source.record for source in sources if source.database != "mitdb"]
    if foreign:
        raise DataError(
            f"Record {foreign[0]!r} is not of the MIT-BIH Arrhythmia Database (mitdb), which alone has DS1 and DS2; "
            "use --split patient."
        )
    part: dict[str, str] = {}
    notices = []
    there = {_number(source) for source in sources}
    for source in sources:
        name = _number(source)
        twin = next((b for a, b in SAME_PERSON if a == name), None)
        if twin in there and twin in DS2:
            notices.append(f"Record {name} (DS1) is left out: it is of the same man as {twin} (DS2).")
        elif name in DS2:
            part[source.record] = "test"
        elif name in DS1:
            part[source.record] = "val" if name in DS1_VALIDATION else "train"
    if left := sorted(there & set(PACED)):
        notices.append(f"In neither DS1 nor DS2, because they are paced, and left out: {', '.join(left)}.")
    if unknown := sorted(there - set(DS1) - set(DS2) - set(PACED)):
        notices.append(f"In neither DS1 nor DS2, and left out: {', '.join(unknown)}.")
    return Division(part, False, tuple(notices))


def _number(source: Source) -> str:
    return source.path.stem.removesuffix(EXCERPT)


def _by_patient(sources: Sequence[Source], options: PictureSetOptions) -> Division:
    patients = sorted({source.patient for source in sources})
    if len(patients) < len(PARTS):
        whose = "1 patient" if len(patients) == 1 else f"{len(patients)} patients"
        raise DataError(
            f"These recordings are of {whose}; train, val and test need at least {len(PARTS)}, because a split inside "
            "a patient tests on people that were trained on. Add recordings, or choose --split none or --random-split."
        )
    counts = {patient: Counter[str]() for patient in patients}
    for source in sources:
        counts[source.patient] += _quick_counts(source, options)
    classes = sorted({name for found in counts.values() for name in found})
    table = np.array([[counts[patient][name] for name in classes] for patient in patients], np.float64)
    part_of = dict(zip(patients, most_even(table, options.seed), strict=True))
    absent = [f"{name} in {part}" for part in PARTS for name in _missing(part, part_of, counts, classes)]
    notices = (f"Too few patients have it, so that there is no {', '.join(absent)}.",) if absent else ()
    return Division({source.record: part_of[source.patient] for source in sources}, False, notices)


def _missing(
    part: str, part_of: Mapping[str, str], counts: Mapping[str, Counter[str]], classes: Iterable[str]
) -> list[str]:
    there = sum((counts[patient] for patient, own in part_of.items() if own == part), Counter[str]())
    return [name for name in classes if not there[name]]


def _quick_counts(source: Source, options: PictureSetOptions) -> Counter[str]:
    """Count the classes, or the seconds of rhythms, in a recording's annotations; nothing where there are none."""
    if source.recording is not None:
        reference = source.recording.reference
        return Counter() if reference is None else _classes(reference.symbol, options)
    try:
        found = read_rhythms(Path(source.path).with_suffix(""), source.database)
    except (DataError, IndexError):
        return Counter()
    if options.label != "rhythm":
        return _classes(found.symbol, options)
    seconds: Counter[str] = Counter()
    for episode in found.episodes:
        seconds[episode.rhythm] += round(episode.seconds)
    return seconds


def _classes(symbols: Iterable[str], options: PictureSetOptions) -> Counter[str]:
    found = Counter(aami_class(symbol) or "Q" for symbol in symbols)
    if options.label == "beat":
        return found
    return Counter({"normal": found["N"], "abnormal": found.total() - found["N"]})
