"""What a folder of pictures remembers of its making, so that a rerun goes on: settings, and records that are done."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final

from pipeline._util.files import write_bytes, write_json
from pipeline._util.typed_json import from_json, to_json
from pipeline.errors import DataError, IntakeError
from pipeline.export import table_bytes
from pipeline.picture_sets.sources import Source
from pipeline.worker.locks import try_acquire

MANIFEST: Final = "manifest.csv"
MEMORY: Final = ".heartvision"  # hidden: no picture, and no part of what is downloaded
_SETTINGS, _RECORDS, _DRAFTS, _BEGUN, _LOCK = "settings.json", "records", "drafts", ".begun", "lock"


@dataclass(frozen=True)
class Row:
    """A line of the manifest.

    Attributes
    ----------
    picture : str
        Path below the folder.
    record, patient : str
        Which recording, and whose.
    sample : int
        R peak, or start of the strip, an index into the recording.
    label : str
        The picture's class, the folder that it lies in.
    split : str
        "train", "val", "test", or "" without a split.
    predicted : str
        "yes" if a network labelled it, "no" if the reference did.
    confidence : float
        Of a predicted label, 0..1; 1 for the reference's.
    start_s, stop_s : float
        What is shown, seconds from the start of the recording.
    leads : str
        Which leads.
    gain_mm_mv : float, optional
        Of pictures on paper.
    """

    picture: str
    record: str
    patient: str
    sample: int
    label: str
    split: str
    predicted: str
    confidence: float
    start_s: float
    stop_s: float
    leads: str
    gain_mm_mv: float | None


@dataclass(frozen=True)
class DoneRecord:
    """A record whose pictures are all there.

    Attributes
    ----------
    record, database : str
        Which.
    place, state : str
        Hashes of where its files are, and of their sizes and dates.
    rows : tuple of Row
        Its pictures.
    left_out : mapping of str to int
        Why beats or strips are left out, and how many.
    model : str
        What predicted its labels; "" if the reference has them.
    """

    record: str
    database: str
    place: str
    state: str
    rows: tuple[Row, ...]
    left_out: Mapping[str, int]
    model: str


class Memory:
    """What a folder remembers; every change of it is on disk at once. `remembered` opens one."""

    def __init__(self, folder: Path) -> None:
        """Name the folder where the pictures go."""
        self.folder, self._records = folder, folder / MEMORY / _RECORDS

    def clear_stopped(self) -> None:
        """Remove what runs that were stopped have left."""
        shutil.rmtree(self.drafts, ignore_errors=True)
        for marker in sorted(self._records.glob(f"*{_BEGUN}")):
            self._remove(marker.name.removesuffix(_BEGUN))

    @property
    def drafts(self) -> Path:
        """Where pictures are until they are whole."""
        return self.folder / MEMORY / _DRAFTS

    def done(self, source: Source) -> DoneRecord | None:
        """Return a record that is done, if its files have not changed since and its pictures are still there.

        Raises
        ------
        IntakeError
            If the folder has pictures of another recording of this name.
        """
        found = self._load(source.stem)
        if found is None or any(row.patient != source.patient for row in found.rows):
            return None
        if found.place != place_of(source):
            raise IntakeError("The folder holds pictures of another recording of this name; choose another --output.")
        whole = found.state == state_of(source) and all((self.folder / row.picture).is_file() for row in found.rows)
        return found if whole else None

    def begin(self, source: Source) -> None:
        """Note that a record's pictures are being made, after removing those that an earlier run left."""
        if (self._records / f"{source.stem}.json").exists():
            self._remove(source.stem)
        try:
            self.drafts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"The folder {self.folder.name!r} cannot be written ({error.strerror}).") from error
        write_bytes(self._records / f"{source.stem}{_BEGUN}", b"")

    def finish(self, source: Source, done: DoneRecord) -> None:
        """Note that all pictures of a record are there.

        Parameters
        ----------
        source : Source
            Where it is.
        done : DoneRecord
            What was made of it.
        """
        write_json(self._records / f"{source.stem}.json", to_json(done), private=True)
        (self._records / f"{source.stem}{_BEGUN}").unlink(missing_ok=True)

    def everything(self) -> list[DoneRecord]:
        """Return all records that are done, those of earlier runs too, in the order of their names."""
        return [found for _, found in self._stored()]

    def others(self, sources: Iterable[Source]) -> list[DoneRecord]:
        """Return the records that are done and are none of these recordings."""
        given = {place_of(source) for source in sources}
        return [found for found in self.everything() if found.place not in given]

    def forget(self, sources: Iterable[Source], kept: Iterable[Source]) -> None:
        """Remove the pictures that earlier runs made of recordings which are now left out, or have another name.

        Parameters
        ----------
        sources : iterable of Source
            All recordings of this run.
        kept : iterable of Source
            Those that are not left out.
        """
        given = {place_of(source) for source in sources}
        names = {place_of(source): source.stem for source in kept}
        for stem, found in self._stored():
            if found.place in given and names.get(found.place) != stem:
                self._remove(stem)

    def _stored(self) -> list[tuple[str, DoneRecord]]:
        names = sorted(file.name.removesuffix(".json") for file in self._records.glob("*.json"))
        return [(name, found) for name in names if (found := self._load(name)) is not None]

    def _load(self, stem: str) -> DoneRecord | None:
        raw = _read(self._records / f"{stem}.json")
        try:
            return None if raw is None else from_json(DoneRecord, raw)
        except DataError:
            return None  # of another version: made again

    def _remove(self, stem: str) -> None:
        (self._records / f"{stem}.json").unlink(missing_ok=True)
        ours = re.compile(re.escape(stem) + r"_\d+\.png")
        for file in _pictures(self.folder):
            if ours.fullmatch(file.name):
                file.unlink(missing_ok=True)
        (self._records / f"{stem}{_BEGUN}").unlink(missing_ok=True)


@contextmanager
def remembered(folder: Path, settings: Mapping[str, Any]) -> Iterator[Memory]:
    """Open or make a folder for pictures, which is this run's alone inside the block.

    Parameters
    ----------
    folder : Path
        Where the pictures go.
    settings : mapping of str to JSON values
        What all its pictures have in common.

    Raises
    ------
    DataError
        If it has pictures with other settings, or something else, another run is working in it, or it cannot be
        written.
    """
    wanted = json.loads(json.dumps(settings))
    _check(folder, wanted)
    try:
        (folder / MEMORY).mkdir(parents=True, exist_ok=True)
        lock = try_acquire(folder / MEMORY / _LOCK)
    except (OSError, DataError) as error:
        why = f" ({error.strerror})" if isinstance(error, OSError) else ""
        raise DataError(f"The folder {str(folder)!r} cannot be written{why}; choose another --output.") from error
    if lock is None:
        raise DataError(
            f"Another run is making pictures in the folder {folder.name!r}; wait until it has ended, or choose another "
            "--output."
        )
    try:
        _check(folder, wanted)  # another run may have begun and ended meanwhile
        write_json(folder / MEMORY / _SETTINGS, wanted)
        yield Memory(folder)
    except DataError:
        _leave_if_empty(folder)
        raise
    finally:
        os.close(lock)


def _leave_if_empty(folder: Path) -> None:
    """Forget the settings of a folder without pictures: other ones may be tried there."""
    if next(_pictures(folder), None) is None:
        (folder / MEMORY / _SETTINGS).unlink(missing_ok=True)
        shutil.rmtree(folder / MEMORY / _RECORDS, ignore_errors=True)


def _check(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Raise DataError if a folder has something else than pictures with these settings."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"The output {folder.name!r} is a file; name a folder.")
    there = [file.name for file in folder.iterdir() if file.name[0] != "."] if folder.is_dir() else []
    stored = _read(folder / MEMORY / _SETTINGS)
    if stored is None and there:
        raise DataError(f"The folder {folder.name!r} is not empty and not one of these; choose another --output.")
    if stored is not None and stored != wanted:
        other = next(name for name in sorted({*stored, *wanted}) if stored.get(name) != wanted.get(name))
        named = other.removesuffix("_px").removesuffix("_s").replace("_", " ")
        raise DataError(
            f"The folder {folder.name!r} holds pictures that were made with another {named}; choose another --output."
        )


def write_manifest(rows: Sequence[Row], folder: Path) -> None:
    """Write the manifest: a line for each picture."""
    names = [each.name for each in fields(Row)]
    write_bytes(folder / MANIFEST, table_bytes(names, [astuple(row) for row in rows]))


def place_of(source: Source) -> str:
    """Return a hash of where a recording is, or of what it is where it was given."""
    where = source.recording.digest if source.recording is not None else str(source.path.resolve())
    return hashlib.sha256(where.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def state_of(source: Source) -> str:
    """Return a hash of the names, sizes and dates of a recording's files, those beside it of its name included."""
    if source.recording is not None:
        return source.recording.digest[:16]
    files = sorted(file for file in source.path.parent.glob(f"{_escaped(source.path.stem)}.*") if file.is_file())
    facts = [(file.name, stat.st_size, stat.st_mtime_ns) for file in files if (stat := file.stat())]
    return hashlib.sha256(repr(facts).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _pictures(folder: Path) -> Iterator[Path]:
    """Yield the pictures below a folder: in CLASS, or in PART/CLASS."""
    for pattern in ("[!.]*/*.png", "[!.]*/*/*.png"):
        yield from folder.glob(pattern)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
