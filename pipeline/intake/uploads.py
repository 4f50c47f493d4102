"""From uploaded files, or from a path, to recordings: pairs the parts of a record and chooses the reader."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline.config import DEFAULT, ON_DISK, Config
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import (
    ADVICE,
    OTHER_ANNOTATIONS,
    TABLE_ENDINGS,
    file_ending,
    file_stem,
    folded_name,
    foreign_kind,
    is_archive,
    is_clutter,
    may_be_page,
    require_size,
)
from pipeline.intake.csv_reader import CsvOptions, read_csv
from pipeline.intake.formats.adapter import HEAD_BYTES, Format
from pipeline.intake.formats.table import format_endings, format_names, format_of
from pipeline.intake.shape import named_by_shape
from pipeline.intake.wfdb_files import needed_files
from pipeline.intake.wfdb_header import is_multi_segment
from pipeline.intake.wfdb_reader import read_wfdb
from pipeline.intake.zip_reader import is_archive_file, read_zip, require_no_document
from pipeline.types import NAME_SIGNS, Recording

_KNOWN_ENDINGS: Final = frozenset(f".{ending}" for ending in format_endings())
_PARTS: Final = (".dat", ".mat", ".atr")  # of a WFDB record, beside its header
_RX_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RX_FILE_NAME: Final = re.compile(f"[{NAME_SIGNS}]{{1,64}}(?:\\.[{NAME_SIGNS}]{{1,16}}){{0,2}}")
_ANNOTATIONS: Final = "The annotation file (.atr)"
_ACCEPTED: Final = f"one of these: {format_names()}"


def read_uploads(
    files: Sequence[tuple[str, bytes]],
    *,
    csv: CsvOptions | None = None,
    identity: bool = False,
    config: Config = DEFAULT,
) -> list[Recording]:
    """Read all recordings of one upload.

    Parameters
    ----------
    files : sequence of (str, bytes)
        Untrusted names and contents: .hea + .dat (+ .atr) of one or more records, .csv, files of `FORMATS`, or a .zip
        of them.
    csv : CsvOptions, optional
        Sampling frequency, unit and columns of the .csv among the files, where they do not say them.
    identity : bool
        True to keep who was recorded and when, where files state it.
    config : Config, optional
        Its limits apply.

    Returns
    -------
    list of Recording
        Tables and files of one recording each, then records in the order of their headers; never empty.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If a part is missing, foreign, ambiguous or damaged; one sentence.
    """
    if not files:
        raise IntakeError(f"No file was given; choose {_ACCEPTED}.")
    check_total(files, config)
    parts = _unpacked(files, config)
    _check_duplicates(parts)
    packed = {name for name, _ in parts} - {name for name, _ in files}
    formats = [_format(name, payload, among=parts) for name, payload in parts]
    recordings, records = [], []
    for (name, payload), format_ in zip(parts, formats, strict=True):
        if format_ is not None:
            recordings.append(named_by_shape(format_.read(file_stem(name), payload, config.limits)))
        elif _ending(name) == ".csv":
            recordings.append(_read_table(name, payload, csv, config))
        else:
            records.append((name, payload))
    found, left = _read_records(records, config)
    recordings += map(named_by_shape, found)
    aside = [name for name in left if recordings and name in packed and file_ending(name) != ".dat"]
    unread = [name for name in left if name not in aside]
    for name, payload in parts:
        if name in unread and file_ending(name) not in _PARTS and (kind := foreign_kind(payload)):
            raise _foreign(name, payload, kind)
    _check_left_over(unread)
    return [_told(recording, identity=identity) for recording in left_aside(recordings, aside)]


def is_part_or_recording(name: str, payload: bytes) -> bool:
    """Tell whether a file of an archive is a recording, or a part of one without which it cannot be read."""
    return _ending(name) in (".hea", ".csv", *_PARTS, *OTHER_ANNOTATIONS) or format_of(payload) is not None


def left_aside(recordings: list[Recording], aside: Sequence[str]) -> list[Recording]:
    """Return the recordings; the first says which files of the archive are of no known kind."""
    if not aside:
        return recordings
    notice = f"Files of no known kind in the archive were not read: {', '.join(map(_label, aside))}."
    return [replace(recordings[0], notices=(*recordings[0].notices, notice)), *recordings[1:]]


def read_path(
    path: Path, *, csv: CsvOptions | None = None, identity: bool = False, config: Config = ON_DISK
) -> Recording:
    """Read one recording from disk.

    Parameters
    ----------
    path : Path
        A .csv file, a file of one of `FORMATS`, a WFDB record (its .hea, its .dat or .atr, or its path without ending),
        or a .zip of one of these. Files that a header names are looked for beside it, by plain name, and symbolic links
        among them are not followed.
    csv : CsvOptions, optional
        Sampling frequency, unit and columns of a .csv, where it does not say them.
    identity : bool
        True to keep who was recorded and when, where the file states it.
    config : Config, optional
        Its limits apply.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If the recording cannot be read safely; one sentence.

    Examples
    --------
    >>> from pipeline.datasets import demo_path
    >>> recording = read_path(demo_path())
    >>> recording.fs, recording.leads, recording.p_signal.shape
    (360.0, ('MLII',), (108000, 1))
    """
    if is_archive_file(path):
        return _read_only_one(path, csv, identity=identity, config=config)
    if (format_ := _format_on_disk(path)) is not None:
        payload = _read_file(path, config.limits.upload_bytes, "The recording", follow=True)
        recording = named_by_shape(format_.read(file_stem(path.name), payload, config.limits))
    elif _ending(path.name) == ".csv":
        payload = _read_file(path, config.limits.csv_bytes, "The CSV file", follow=True)
        recording = _read_table(path.name, payload, csv, config)
    else:
        recording = named_by_shape(_read_record(path, config))
    return _told(recording, identity=identity)


def _told(recording: Recording, *, identity: bool) -> Recording:
    return recording if identity or recording.identity is None else replace(recording, identity=None)


def _read_record(path: Path, config: Config) -> Recording:
    header_path = _header_path(path)
    if path.is_file() and not header_path.exists() and _ending(path.name) not in (".dat", ".atr", ".hea"):
        payload = _read_file(path, config.limits.upload_bytes, "The recording", follow=True)
        if _ending(path.name) != ".mat" or foreign_kind(payload):
            raise _foreign(path.name, payload, foreign_kind(payload))
    header = _read_file(header_path, config.limits.header_bytes, "The header (.hea)", follow=True)
    _require_header(header)
    files = _read_named_files(header, header_path, config)
    atr = _beside(header_path, header_path.stem + ".atr")
    annotations = _read_file(atr, config.limits.upload_bytes, _ANNOTATIONS, empty=True) if atr.exists() else None
    return read_wfdb(header_path.stem, header, files, annotations, limits=config.limits)


def read_all(
    path: Path, *, csv: CsvOptions | None = None, identity: bool = False, config: Config = ON_DISK
) -> list[Recording]:
    """Read every recording of a file on disk: one, or all of a .zip. Raises as `read_path` does.

    Parameters
    ----------
    path : Path
        A file as `read_path` takes it.
    csv : CsvOptions, optional
        Sampling frequency, unit and columns of a .csv, where it does not say them.
    identity : bool
        True to keep who was recorded and when, where files state it.
    config : Config, optional
        Its limits apply.
    """
    if not is_archive_file(path):
        return [read_path(path, csv=csv, identity=identity, config=config)]
    return read_uploads([(path.name, read_zip_file(path, config=config))], csv=csv, identity=identity, config=config)


def read_zip_file(path: Path, *, config: Config = ON_DISK) -> bytes:
    """Read the bytes of an archive on disk, up to the limit. Raises IntakeError or LimitError."""
    return _read_file(path, config.limits.upload_bytes, "The ZIP archive", follow=True)


def _format(name: str, payload: bytes, *, among: Sequence[tuple[str, bytes]]) -> Format | None:
    """Return the format of an uploaded file; None for a part of a WFDB record, a table and what no format knows."""
    part = _ending(name) in (*_PARTS, ".hea") and any(_ending(other) == ".hea" for other, _ in among)
    return None if part else format_of(payload)


def _format_on_disk(path: Path) -> Format | None:
    """Return the format of a file by its content; None for a record by its WFDB name, and for what cannot be read."""
    if _ending(path.name) in (*_PARTS, ".hea") and _header_path(path).exists():
        return None
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            return format_of(file.read(HEAD_BYTES))
    except OSError:
        return None


def _read_only_one(path: Path, csv: CsvOptions | None, *, identity: bool, config: Config) -> Recording:
    recordings = read_all(path, csv=csv, identity=identity, config=config)
    if len(recordings) > 1:
        raise IntakeError(f"The ZIP archive holds {len(recordings)} recordings; unpack it and choose one.")
    return recordings[0]


def _header_path(path: Path) -> Path:
    if path.suffix.lower() == ".hea":
        return _beside(path, path.name)
    return _beside(path, f"{path.stem if path.suffix.lower() in _PARTS else path.name}.hea")


def _beside(path: Path, name: str) -> Path:
    """Return the file of that name in the folder of `path`, or the only one that differs by case or Unicode form."""
    exact = path.parent / name
    if exact.exists() or not path.name:
        return exact
    try:
        alike = [found for found in path.parent.iterdir() if folded_name(found.name) == folded_name(name)]
    except OSError:
        return exact
    return alike[0] if len(alike) == 1 else exact


def read_picture_file(path: Path, *, config: Config = DEFAULT) -> bytes:
    """Read the bytes of a picture on disk, up to the limit. Raises IntakeError or LimitError."""
    return _read_file(path, config.limits.picture_bytes, "The picture", follow=True)


def _ending(name: str) -> str:
    ending = file_ending(name)
    return ".csv" if ending in TABLE_ENDINGS else ending


def check_total(files: Sequence[tuple[str, bytes]], config: Config) -> None:
    """Refuse files that are too large together. Raises LimitError."""
    total, limit = sum(len(payload) for _, payload in files), config.limits.upload_bytes
    if total > limit:
        raise LimitError(f"The upload has {total:,} bytes, the limit is {limit:,}; upload fewer or shorter recordings.")


def _unpacked(files: Sequence[tuple[str, bytes]], config: Config) -> list[tuple[str, bytes]]:
    """Replace a ZIP archive among the files by its members; kinds are checked by content."""
    parts: list[tuple[str, bytes]] = []
    for name, payload in files:
        kind = foreign_kind(payload, signal=_ending(name) not in (".zip", ".hea", ".csv"))
        if is_archive(name, payload):
            require_no_document(payload, limits=config.limits)
            parts += [member for member in read_zip(payload, limits=config.limits) if not is_clutter(member[0])]
        elif kind is not None and _ending(name) != ".atr" and format_of(payload) is None:
            raise _foreign(name, payload, kind)
        elif _ending(name) == ".zip":
            raise IntakeError(f"The file called {_label(name)!r} is not a ZIP archive by its content; pack it again.")
        else:
            parts.append((name, payload))
    if not parts:
        raise IntakeError(f"The upload holds no recording; choose {_ACCEPTED}.")
    return parts


def _foreign(name: str, payload: bytes, kind: str | None) -> IntakeError:
    """Return the refusal of a file that is no recording; a page of paper is shown the way."""
    found = f"The file called {_label(name)!r} is {f'{kind} by its content' if kind else 'of no known kind'}"
    if may_be_page(payload):
        return IntakeError(f"{found}, not a recording: the page 12-lead page reads it, on the command line `page`.")
    return IntakeError(f"{found}; {ADVICE.get(kind or '', f'choose {_ACCEPTED}')}.")


def _label(name: str) -> str:
    """Return an untrusted file name for a message: itself if it is short and plain, else only its known ending."""
    ending = file_ending(name) if file_ending(name) in _KNOWN_ENDINGS else ""
    return file_stem(name) + ending if _RX_PLAIN.fullmatch(file_stem(name)) else f"(unnamed){ending}"


def _check_duplicates(parts: Sequence[tuple[str, bytes]]) -> None:
    seen: set[str] = set()
    for name, _ in parts:
        key = folded_name(_base(name))
        if key in seen:
            raise IntakeError(f"Two files are called {_label(name)!r}; upload each part of a recording once.")
        seen.add(key)


def _base(name: str) -> str:
    return re.split(r"[/\\]", name)[-1]


def _read_table(name: str, payload: bytes, csv: CsvOptions | None, config: Config) -> Recording:
    options = csv or CsvOptions()
    recording = read_csv(file_stem(name), payload, options, limits=config.limits)
    return recording if options.columns else named_by_shape(recording)


def _read_records(parts: Sequence[tuple[str, bytes]], config: Config) -> tuple[list[Recording], list[str]]:
    """Return the WFDB records among some files, and the names of the files that belong to none of them."""
    headers = [(name, payload) for name, payload in parts if _ending(name) == ".hea"]
    annotations = {file_stem(name): payload for name, payload in parts if _ending(name) == ".atr"}
    files = {_base(name): payload for name, payload in parts if _ending(name) != ".atr"}
    names = {_base(name): name for name, _ in parts}
    for _, header in headers:
        _require_header(header)
    masters = [(name, header) for name, header in headers if is_multi_segment(header, config.limits)]
    used = {key for name, header in masters for key in _files_of(name, header, files, config).values()}
    whole = [(name, header) for name, header in headers if _base(name) not in used]  # segments belong to a master
    recordings = []
    for name, header in whole:
        own = _files_of(name, header, files, config)
        used.update(own.values())
        atr = annotations.pop(file_stem(name), None)
        if atr is None and len(whole) == 1 and len(annotations) == 1:
            raise IntakeError("The annotation file (.atr) has another name than the header (.hea); upload a pair.")
        by_header_name = {wanted: files[key] for wanted, key in own.items()}
        recording = read_wfdb(file_stem(name), header, by_header_name, atr, limits=config.limits)
        aside = [key for key in files if file_stem(key) == file_stem(name) and _ending(key) in OTHER_ANNOTATIONS]
        used.update(aside)
        recordings.append(_with_notice(recording, sorted(map(_ending, aside))))
    left = [names[key] for key in files if key not in used and _ending(key) != ".hea"]
    return recordings, [
        *left,
        *(name for name, _ in parts if _ending(name) == ".atr" and file_stem(name) in annotations),
    ]


def _with_notice(recording: Recording, aside: list[str]) -> Recording:
    if not aside:
        return recording
    notice = f"Annotations of another kind than .atr were not used: {', '.join(aside)}."
    return replace(recording, notices=(*recording.notices, notice))


def _require_header(header: bytes) -> None:
    if (kind := foreign_kind(header)) is not None:
        raise IntakeError(f"The header (.hea) is {kind} by its content, not WFDB text.")


def _files_of(name: str, header: bytes, files: Mapping[str, bytes], config: Config) -> dict[bytes, str]:
    """Match the files that a header needs with those of the upload, whatever their case; explain which is missing."""
    folded = {folded_name(key): key for key in files}

    def key_of(wanted: bytes) -> str | None:
        plain = wanted.decode("utf-8", "surrogateescape")
        return plain if plain in files else folded.get(folded_name(plain))

    def fetch(wanted: bytes) -> bytes | None:
        key = key_of(wanted)
        return None if key is None else files[key]

    needed = needed_files(header, fetch, config.limits)
    own = {wanted: key for wanted in needed if (key := key_of(wanted)) is not None}
    missing = [wanted.decode("utf-8", "surrogateescape") for wanted in needed if wanted not in own]
    if not missing:
        return own
    beside = (key for key in files if file_stem(key) == file_stem(name) and _ending(key) != ".hea")
    if len(needed) == 1 and file_ending(missing[0]) != ".hea" and next(beside, None) is not None:
        raise IntakeError(
            f"The header {_label(name)!r} names the signal file {_label(missing[0])!r}, which was not uploaded; "
            "files must keep the names that they had together."
        )
    what = "header of a segment" if file_ending(missing[0]) == ".hea" else "signal file"
    raise IntakeError(f"The {what} {_label(missing[0])!r}, which the header names, is missing; upload it too.")


def _check_left_over(left: Sequence[str]) -> None:
    """Refuse files that belong to no record; raises IntakeError that names the first."""
    signals = [name for name in left if file_ending(name) != ".atr"]
    if signals and file_ending(signals[0]) not in (".dat", ".mat"):
        raise IntakeError(f"The file called {_label(signals[0])!r} is of no known kind; choose {_ACCEPTED}.")
    if left:
        stem = file_stem((signals or left)[0])
        raise IntakeError(f"The header {_label(stem + '.hea')!r} is missing; upload it together with its signal file.")


def _read_named_files(header: bytes, header_path: Path, config: Config) -> dict[bytes, bytes]:
    """Read what a header needs from its folder, all together no more than an upload may have."""
    files: dict[bytes, bytes] = {}

    def fetch(name: bytes) -> bytes:
        if name not in files:
            files[name] = _read_beside(name, header_path, config)
            check_total([("", payload) for payload in files.values()], config)
        return files[name]

    for name in needed_files(header, fetch, config.limits):
        fetch(name)
    return files


def _read_beside(name: bytes, header_path: Path, config: Config) -> bytes:
    plain = name.decode("utf-8", "replace")
    if not _RX_FILE_NAME.fullmatch(plain):
        raise IntakeError("The header names a signal file with a path or unusual characters; use a plain name.")
    beside = _beside(header_path, plain)
    if name.endswith(b".hea"):
        payload = _read_file(beside, config.limits.header_bytes, "The header of a segment (.hea)")
        _require_header(payload)
        return payload
    return _read_file(beside, config.limits.upload_bytes, "The signal file (.dat)")


def _read_file(path: Path, limit: int, what: str, *, follow: bool = False, empty: bool = False) -> bytes:
    """Read a regular file of at most `limit` bytes; none only if it may be `empty`."""
    name = _label(path.stem)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
    except FileNotFoundError as error:
        raise IntakeError(f"{what} of {name!r} was not found; check the path.") from error
    except (OSError, ValueError) as error:
        raise IntakeError(f"{what} of {name!r} cannot be opened as a plain file; check the path.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IntakeError(f"{what} of {name!r} is not a plain file; check the path.")
    with os.fdopen(descriptor, "rb") as file:
        payload = file.read(limit + 1)
    if len(payload) > limit:
        raise LimitError(f"{what} has more than {limit:,} bytes, which is the limit; shorten it.")
    if not empty:
        require_size(payload, limit, what)
    return payload
