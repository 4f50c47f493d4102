"""The recordings of an archive: files below a folder, those of a pattern, or objects of a store such as S3."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import file_stem, safe_name
from pipeline.intake.folders import archive_files, recording_files

_URL: Final = "://"
_S3: Final = "s3://"
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")  # of a store that is not Amazon's
_PARTS: Final = (".dat", ".mat", ".atr")  # of a record, fetched with its header


@dataclass(frozen=True)
class Source:
    """One recording of an archive, or one .zip of several.

    Attributes
    ----------
    record : str
        Its name in the tables: the path below the archive in safe letters, unique.
    place : str
        Path or URL of its header, or of the file.
    files : tuple of str
        URLs of all its files in an object store; () for files on disk, which lie beside each other.
    """

    record: str
    place: str
    files: tuple[str, ...] = ()


def find_sources(place: str) -> list[Source]:
    """List the recordings of an archive in the order of their names.

    Parameters
    ----------
    place : str
        A folder, a pattern such as "ward/*.edf" ("**" for folders in folders), or a URL that fsspec knows, such as
        "s3://bucket/holters".

    Raises
    ------
    IntakeError
        If there is none, or the store cannot be listed.
    """
    found = _remote(place) if _URL in place else _local(place)
    if not found:
        raise IntakeError(f"No recording was found in {place!r}; name a folder, a pattern or a URL that holds some.")
    return _named(found)


def source_at(place: str) -> Source:
    """Return the source that a row of the summary names by its place.

    Raises
    ------
    IntakeError
        If it is no longer there.
    """
    if _URL not in place:
        return Source("", place)
    stem = place.rsplit(".", 1)[0]
    return next(source for source in find_sources(f"{stem}.*") if source.place == place)


@contextmanager
def at_hand(source: Source, *, limit_bytes: int) -> Iterator[Path]:
    """Provide the path of a source on this machine, fetched into a private folder if it is elsewhere.

    Parameters
    ----------
    source : Source
        Which.
    limit_bytes : int
        Bytes that may be fetched.

    Raises
    ------
    IntakeError
        If it cannot be fetched.
    LimitError
        If it is larger than `limit_bytes`.
    """
    if not source.files:
        yield Path(source.place)
        return
    with TemporaryDirectory(prefix="heartvision-") as folder:
        store = _store(source.place)
        left = limit_bytes
        for file in source.files:
            left -= _fetch(store, file, Path(folder) / file.rsplit("/", 1)[-1], left)
        yield Path(folder) / source.place.rsplit("/", 1)[-1]


def _local(place: str) -> list[tuple[str, Source]]:
    root = Path(place)
    if root.is_dir():
        paths = [*recording_files(root), *archive_files(root)]
        return [(path.relative_to(root).as_posix(), Source("", str(path))) for path in sorted(paths)]
    paths = [Path(path) for path in sorted(glob.glob(place, recursive=True))]
    paths = [path for path in paths if path.is_file() and path.suffix.lower() not in _PARTS]
    below = Path(place.split("*", 1)[0]).parent if "*" in place else root.parent
    return [
        (path.relative_to(below).as_posix() if path.is_relative_to(below) else path.name, Source("", str(path)))
        for path in paths
    ]


def _remote(place: str) -> list[tuple[str, Source]]:
    store = _store(place)
    try:
        root = store._strip_protocol(place).rstrip("/")
        # without "raise" a folder that cannot be listed, or a store that does not answer, would look empty
        paths = (store.glob if "*" in root else store.find)(root, on_error="raise")
    except FileNotFoundError:
        return []
    except (OSError, ValueError, ImportError) as error:
        raise IntakeError(f"{place!r} cannot be listed; check its name and your right to read it.") from error
    below = root.split("*", 1)[0].rsplit("/", 1)[0] + "/" if "*" in root else root + "/"
    scheme = place.split(_URL, 1)[0] + _URL
    by_record: dict[str, list[str]] = {}
    for path in sorted(paths):
        folder, _, name = path.rpartition("/")
        by_record.setdefault(f"{folder}/{file_stem(name)}", []).append(path)
    found = []
    for files in by_record.values():
        headers = [file for file in files if file.lower().endswith(".hea")]
        whole = headers or [file for file in files if not file.lower().endswith(_PARTS)]
        for main in whole:
            own = tuple(scheme + file for file in (files if headers else [main]))
            found.append((main.removeprefix(below), Source("", scheme + main, own)))
    return found


def _named(found: Sequence[tuple[str, Source]]) -> list[Source]:
    """Name each source after its path; what would be called the same gets a hash of its path as well."""
    names = [safe_name(path.rsplit(".", 1)[0] if "." in path.rsplit("/", 1)[-1] else path) for path, _ in found]
    times, sources = Counter(names), []
    for name, (path, source) in zip(names, found, strict=True):
        own = name if times[name] == 1 else f"{name}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"
        sources.append(Source(own, source.place, source.files))
    return sources


def _store(place: str) -> Any:
    import fsspec

    try:
        if place.startswith(_S3):
            return _s3(next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None))
        return fsspec.url_to_fs(place)[0]
    except (ImportError, ValueError) as error:
        scheme = place.split(_URL, 1)[0]
        raise IntakeError(f"Places of the kind {scheme!r} need a package that is not there; install it.") from error


@cache
def _s3(endpoint: str | None) -> Any:
    """Return the client that comes with Arrow; key, region and role are found as by other programs for S3."""
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import S3FileSystem

    return ArrowFSWrapper(S3FileSystem(endpoint_override=endpoint))


def _fetch(store: Any, url: str, target: Path, limit: int) -> int:
    size = 0
    try:
        with store.open(url, "rb") as reading, target.open("wb") as writing:
            while block := reading.read(2**20):
                size += len(block)
                if size > limit:
                    raise LimitError(f"{url!r} is larger than an upload may be; shorten it.")
                writing.write(block)
    except OSError as error:
        raise IntakeError(f"{url!r} could not be fetched; it is tried again when the command is run again.") from error
    return size
