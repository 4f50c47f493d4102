"""Uploads with archives in them: every recording that can be read, and a reason for each that cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.config import DEFAULT, ON_DISK, Config
from pipeline.errors import EcgError, IntakeError
from pipeline.intake.batch import Files, split_uploads
from pipeline.intake.content import file_ending, file_stem, is_archive, is_clutter, safe_name
from pipeline.intake.csv_reader import CsvOptions
from pipeline.intake.opened import Opened, Refused
from pipeline.intake.uploads import (
    check_total,
    is_part_or_recording,
    left_aside,
    read_path,
    read_uploads,
    read_zip_file,
)
from pipeline.intake.zip_reader import is_archive_file, open_zip, require_no_document
from pipeline.types import Recording


def open_uploads(
    files: Sequence[tuple[str, bytes]],
    *,
    csv: CsvOptions | None = None,
    identity: bool = False,
    config: Config = DEFAULT,
) -> Opened:
    """Read all recordings of one upload; in an archive, one that cannot be read spoils no other.

    Parameters
    ----------
    files : sequence of (str, bytes)
        Untrusted names and contents, as `read_uploads` takes them.
    csv : CsvOptions, optional
        Sampling frequency, unit and columns of tables that do not say them.
    identity : bool
        True to keep who was recorded and when, where files state it.
    config : Config, optional
        Its limits apply.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If no recording can be read, an archive is damaged or hostile as a whole, or there is no archive and a file
        cannot be read; one sentence.
    """
    if not any(is_archive(*file) for file in files):
        return Opened(tuple(read_uploads(files, csv=csv, identity=identity, config=config)))
    check_total(files, config)
    loose = [file for file in files if not is_archive(*file)]
    packed, refused = _unpacked(files, config)
    aside = [file for file in packed if not is_part_or_recording(*file)]
    recordings: list[Recording] = []
    for folder, own in _folders([*loose, *(file for file in packed if file not in aside)]):
        for _, part in split_uploads(own, config=config):
            try:
                found = read_uploads(part, csv=csv, identity=identity, config=config)
            except EcgError as error:
                header = next((file for file, _ in part if file_ending(file) == ".hea"), part[0][0])
                refused.append(Refused(_shown(header), str(error)))
            else:
                recordings += [replace(one, name=_named(folder, one.name)) for one in found]
    if not recordings and len(refused) == 1:
        raise IntakeError(refused[0].why)
    if not recordings and refused:
        raise IntakeError(f"None of {len(refused)} files can be read; {refused[0].sentence}")
    if not recordings:
        return Opened(tuple(read_uploads(files, csv=csv, identity=identity, config=config)))  # refuses, and says why
    return Opened(tuple(left_aside(recordings, [name for name, _ in aside])), tuple(refused))


def open_all(path: Path, *, csv: CsvOptions | None = None, identity: bool = False, config: Config = ON_DISK) -> Opened:
    """Read every recording of a file on disk: one, or all of a .zip that can be read. Raises as `open_uploads` does.

    Parameters
    ----------
    path : Path
        A file as `read_path` takes it.
    csv : CsvOptions, optional
        Sampling frequency, unit and columns of tables that do not say them.
    identity : bool
        True to keep who was recorded and when, where files state it.
    config : Config, optional
        Its limits apply.
    """
    if not is_archive_file(path):
        return Opened((read_path(path, csv=csv, identity=identity, config=config),))
    payload = read_zip_file(path, config=config)
    return open_uploads([(path.name, payload)], csv=csv, identity=identity, config=config)


def _unpacked(files: Sequence[tuple[str, bytes]], config: Config) -> tuple[Files, list[Refused]]:
    """Return the files in all archives, without clutter, and what could not be unpacked."""
    inside, refused = [], []
    for payload in (payload for name, payload in files if is_archive(name, payload)):
        require_no_document(payload, limits=config.limits)
        for member in open_zip(payload, limits=config.limits):
            if is_clutter(member.name):
                continue
            if member.refusal:
                refused.append(Refused(_shown(member.name), member.refusal))
            else:
                inside.append((member.name, member.content))
    return inside, refused


def _folders(files: Files) -> list[tuple[str, Files]]:
    """Keep files together; where names occur in several folders, those of each folder, with its name."""
    names = Counter(_folder_and_base(name)[1].casefold() for name, _ in files)
    if max(names.values(), default=0) < 2:
        return [("", files)]
    groups: dict[str, Files] = {}
    for name, payload in files:
        groups.setdefault(_folder_and_base(name)[0], []).append((name, payload))
    return list(groups.items())


def _folder_and_base(name: str) -> tuple[str, str]:
    folder, _, base = name.replace("\\", "/").rpartition("/")
    return folder, base


def _named(folder: str, name: str) -> str:
    return safe_name(f"{folder}_{name}") if folder else name


def _shown(name: str) -> str:
    """Return an untrusted name for a sentence."""
    ending = safe_name(file_ending(name), default="")
    return safe_name(file_stem(name), default="(unnamed)") + (f".{ending}" if ending else "")
