"""Which recordings are made into pictures: a file, a folder or a public database; whose they are, and the licence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline.config import data_root
from pipeline.datasets import demo_path
from pipeline.datasets.catalogue import CATALOGUE
from pipeline.datasets.patients import StatedFacts, patient_of, read_cinc2017, read_ptbxl
from pipeline.errors import DataError
from pipeline.image_folders.dataset import shown_name
from pipeline.intake import CsvOptions, read_path
from pipeline.intake.folders import recording_files
from pipeline.types import Recording, RhythmCode

TABLES: Final = (".csv", ".tsv", ".txt")
RECORDS_MAX: Final = 20_000
NAME_MAX: Final = 40  # letters of a record's name in the names of its pictures
EXCERPT: Final = "_excerpt"  # how the name of the demo recording, a part of a record, ends
OWN_LICENCE: Final = "Recordings of your own: whether pictures of them may be shared is for their owner to say."
_ODC: Final = "ODC-By 1.0"
# Databases that the catalogue does not fetch, and their licence.
OTHER_LICENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("ltafdb", "ludb", "nsr2db", "vfdb", "cinc2017", "qtdb"), _ODC),
        **dict.fromkeys(("ptbxl", "cinc2021"), "CC BY 4.0"),
    }
)


@dataclass(frozen=True)
class Source:
    """One recording that pictures are made of.

    Attributes
    ----------
    path : Path
        Its .hea, .csv or .zip file, or that of another format; for a recording that is given, where it would be.
    record : str
        What it is called: its path below the folder that was given, without its ending.
    database : str
        The public database that it belongs to, "" if it is none that is known.
    patient : str
        Whose it is; records of one patient share it.
    stem : str
        What its pictures' names begin with; unique in a set.
    recording : Recording, optional
        The recording itself where it is not to be read from `path`.
    csv : CsvOptions, optional
        Sampling frequency and unit of a table.
    rhythm : RhythmCode, optional
        The rhythm of all of it, where the database's own table states it.
    """

    path: Path
    record: str
    database: str
    patient: str
    stem: str = ""
    recording: Recording | None = field(default=None, compare=False)
    csv: CsvOptions | None = None
    rhythm: RhythmCode | None = None

    def read(self) -> Recording:
        """Read the recording. Raises IntakeError or LimitError if it cannot be read."""
        return self.recording if self.recording is not None else read_path(self.path, csv=self.csv)


def find_sources(
    places: Sequence[str], *, csv: CsvOptions | None = None, patients: Mapping[str, str] | None = None
) -> tuple[Source, ...]:
    """Find the recordings at some places.

    Parameters
    ----------
    places : sequence of str
        Each a recording (.hea, .csv, .zip, a file of another format, or a record without ending), a folder that is
        searched with its subfolders, or the name of a public database in `data_root()`.
    csv : CsvOptions, optional
        Sampling frequency and unit of tables; without it, a table is refused when it is read.
    patients : mapping of str to str, optional
        Patients by record, for recordings of your own; a record that is not in it is a patient of its own.

    Raises
    ------
    DataError
        If a place is neither, or holds no recording, or all hold more than is sensible.
    """
    found = [source for place in places for source in _sources(place, csv)]
    if len(found) > RECORDS_MAX:
        raise DataError(f"There are {len(found):,} recordings, the limit is {RECORDS_MAX:,}; choose fewer.")
    given = patients or {}
    if given and (unknown := sorted(set(given) - {name for source in found for name in _names(source)})):
        raise DataError(f"The table of patients names record {unknown[0]!r}, which is not among the recordings.")
    return named([replace(s, patient=next((given[n] for n in _names(s) if n in given), s.patient)) for s in found])


def named(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Give each source a name for its pictures' files that no other one has; letters of any script stay.

    Raises
    ------
    DataError
        If one recording is given twice.
    """
    twice = [path for path, count in Counter(source.path for source in sources).items() if count > 1]
    if twice:
        raise DataError(f"The recording {twice[0].name!r} is given twice; give it once.")
    stems = [_stem(source.record) for source in sources]
    often = Counter(stem.casefold() for stem in stems)
    return tuple(
        replace(source, stem=stem if often[stem.casefold()] == 1 else f"{stem}~{number}")
        for number, (source, stem) in enumerate(zip(sources, stems, strict=True), 1)
    )


def licence_of(database: str) -> str:
    """Return in a sentence what may be done with pictures of a database's recordings."""
    if database in CATALOGUE:
        known = CATALOGUE[database]
        return f"{known.title}, {known.licence}, {known.page_url}; cite {known.citation[0]}."
    if database in OTHER_LICENCES:
        return f"{database}, {OTHER_LICENCES[database]}: name the source and cite its authors."
    return OWN_LICENCE


def _sources(place: str, csv: CsvOptions | None) -> Iterator[Source]:
    if not place or "\0" in place:
        raise DataError("Give a recording, a folder of recordings, or the name of a database.")
    path = Path(place).expanduser()
    if not path.is_dir() and (data_root() / place).is_dir() and Path(place).name == place:
        path = data_root() / place
    if path.is_dir():
        yield from _in_folder(path, csv)
        return
    if path.suffix.lower() in (*TABLES, ".zip") or (path.is_file() and not _is_record(path)):
        there = path
    else:
        bare = _is_record(path)
        there = path.with_suffix(".hea") if bare else path.parent / f"{path.name}.hea"
    if not there.is_file():
        raise DataError(f"There is no recording, folder or database {place!r}; check the path.")
    yield _source(there, there.stem, csv, _stated(there))


def _is_record(path: Path) -> bool:
    return path.suffix.lower() in (".hea", ".dat", ".atr")


def _in_folder(root: Path, csv: CsvOptions | None) -> Iterator[Source]:
    files = recording_files(root)
    if not files:
        raise DataError(
            f"The folder {root.name!r} holds no recording (.hea, .csv or another format); choose another one."
        )
    known = _stated(files[0])
    for file in files:
        yield _source(file, file.relative_to(root).with_suffix("").as_posix(), csv, known)


def _source(file: Path, record: str, csv: CsvOptions | None, stated: Mapping[str, StatedFacts]) -> Source:
    database = _database(file)
    record = shown_name(record)
    name = file.stem.removesuffix(EXCERPT) if database else record
    facts = stated.get(file.stem) or StatedFacts(patient_of(database, name))
    return Source(file, record, database, facts.patient, csv=csv, rhythm=facts.rhythm)


def _database(file: Path) -> str:
    """Return the public database whose folder a file lies in, at any depth; "" if it lies in none.

    The demo recording is a part of a record of MIT-BIH.
    """
    if file.resolve() == demo_path().resolve():
        return "mitdb"
    known = {*CATALOGUE, *OTHER_LICENCES}
    return next((parent.name for parent in file.resolve().parents if parent.name in known), "")


def _stated(file: Path) -> Mapping[str, StatedFacts]:
    """Return what the database of a file states in a table, by record; nothing where it has none."""
    readers = {"ptbxl": read_ptbxl, "cinc2017": read_cinc2017}
    return next((readers[parent.name](parent) for parent in file.resolve().parents if parent.name in readers), {})


def _names(source: Source) -> tuple[str, str]:
    return source.record, source.path.stem


def _stem(record: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in record)
    return kept[-NAME_MAX:].strip("_") or "record"
