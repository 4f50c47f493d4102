"""One recording to one file: the format by its name or by the file's ending, and what the format cannot hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline._util.files import write_bytes
from pipeline.errors import UsageError
from pipeline.export.recordings.aecg import aecg_bytes
from pipeline.export.recordings.dicom import dicom_bytes
from pipeline.export.recordings.edf import edf_bytes
from pipeline.export.recordings.table import csv_bytes
from pipeline.export.recordings.wfdb import wfdb_files
from pipeline.identity import FIELD_WORDS, Identity
from pipeline.types import RECORD_NAME, Recording


@dataclass(frozen=True)
class Writer:
    """A format that recordings are written in.

    Attributes
    ----------
    name : str
        What it is called on the command line.
    endings : tuple of str
        Endings that name it, lower case with the dot.
    files : tuple of str
        Endings of the files that it writes, the one to open first.
    holds : tuple of str
        What of an `Identity` it has a place for.
    encode : callable
        Takes a recording; returns the content of each of `files`, and sentences about what the format cannot hold.
    """

    name: str
    endings: tuple[str, ...]
    files: tuple[str, ...]
    holds: tuple[str, ...]
    encode: Callable[[Recording], tuple[tuple[bytes, ...], list[str]]]


_PLAIN: Final = ("patient_id", "name", "sex", "start")
WRITERS: Final = (
    Writer("wfdb", (".hea", ".dat"), (".hea", ".dat"), (*_PLAIN, "birth_year", "indication"), wfdb_files),
    Writer("edf", (".edf",), (".edf",), _PLAIN, edf_bytes),
    Writer("dicom", (".dcm", ".dicom"), (".dcm",), (*_PLAIN, "indication"), dicom_bytes),
    Writer("aecg", (".xml",), (".xml",), (*_PLAIN, "birth_year"), aecg_bytes),
    Writer("csv", (".csv",), (".csv",), (), csv_bytes),
)


def writer_for(path: Path, name: str | None = None) -> Writer:
    """Return the writer of that name, or the one that a file's ending stands for.

    Raises
    ------
    UsageError
        If there is none.
    """
    found = [writer for writer in WRITERS if name == writer.name or (name is None and _ending(path) in writer.endings)]
    if not found:
        endings = ", ".join(writer.endings[0] for writer in WRITERS)
        raise UsageError(f"The ending of {path.name!r} names no format that is written ({endings}); give --to.")
    return found[0]


def files_for(path: Path, to: str | None = None) -> list[Path]:
    """Return the files that `write_recording` would write; the first is the one to open.

    Raises
    ------
    UsageError
        If the ending names no format, or a WFDB record cannot have that name.
    """
    writer = writer_for(path, to)
    if len(writer.files) == 1 and path.suffix:
        return [path]
    stem = _stem(path, writer)
    if writer.name == "wfdb" and not RECORD_NAME.fullmatch(stem):
        raise UsageError(f"The name of a WFDB record has 1 to 64 letters, digits, - and _; {stem!r} has others.")
    return [path.with_name(stem + ending) for ending in writer.files]


def write_recording(recording: Recording, path: Path, *, to: str | None = None) -> tuple[list[Path], list[str]]:
    """Write a recording as one file, or as the two of a WFDB record.

    Parameters
    ----------
    recording : Recording
        The recording; who and when are written only if it still has its `identity`.
    path : Path
        The file; its ending names the format.
    to : str, optional
        Name of one of `WRITERS`, whatever the ending.

    Returns
    -------
    paths : list of Path
        The files written; the first is the one to open.
    notices : list of str
        What the format cannot hold, one sentence each.

    Raises
    ------
    UsageError
        If the ending names no format, or a WFDB record cannot have that name.
    DataError
        If the format cannot hold the recording, or a file cannot be written.
    """
    writer, paths = writer_for(path, to), files_for(path, to)
    contents, notices = writer.encode(replace(recording, name=paths[0].stem))
    for target, payload in zip(paths, contents, strict=True):
        write_bytes(target, payload, private=recording.identity is not None)
    return paths, [*notices, *_left_out(recording.identity, writer)]


def _left_out(known: Identity | None, writer: Writer) -> list[str]:
    """Name in plain words what is known of the patient and has no place in the format."""
    lost = [words for field, words in FIELD_WORDS if getattr(known, field, None) and field not in writer.holds]
    return [f"The format ({writer.name}) has no place for: {', '.join(lost)}."] if lost else []


def _stem(path: Path, writer: Writer) -> str:
    return path.stem if _ending(path) in writer.endings else path.name


def _ending(path: Path) -> str:
    return path.suffix.lower()
