"""Where a recording lies on this machine: the one list of its copies, and their removal, which is verified."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pipeline._util.files import write_json
from pipeline.config import cache_root, home_root
from pipeline.errors import DataError
from pipeline.store.identities import identity_file
from pipeline.store.recordings import recording_folder, removal_note
from pipeline.store.stored_files import read_json

_JOB_S: Final = 30 * 86_400.0  # a job that says nothing for longer is of a worker that is gone
_DERIVED: Final = ("prepared", "analyses")  # folders of the cache, by digest


def copies(digest: str) -> list[Path]:
    """List the copies of a recording and of what was made from it, as far as there are any.

    The signal, who was recorded, filtered leads and results of every version of the code, and unfinished analyses.
    Signed reports, decisions and the audit trail are no copies: they stay.

    Parameters
    ----------
    digest : str
        SHA-256 of the recording.
    """
    folder = recording_folder(digest)
    if folder is None:
        return []
    found = [folder, identity_file(digest), *derived(digest)]
    found += [request.parent for request in _requests() if (read_json(request) or {}).get("digest") == digest]
    return [path for path in (*found, *_nameless()) if path.exists()]


def derived(digest: str) -> list[Path]:
    """List what was made of a recording and can be made again: filtered leads, and results of every version."""
    return [path for name in _DERIVED if (path := cache_root() / name / digest[:2] / digest).exists()]


def remove_derived(digest: str) -> None:
    """Remove what can be made again; what cannot be removed stays, for it is of use still."""
    for path in derived(digest):
        shutil.rmtree(path, ignore_errors=True)


def remove_copies(digest: str) -> int:
    """Remove every copy, and look again; return how many there were.

    What is to go is written down first: a removal that is interrupted is finished by `finish_removals`.

    Parameters
    ----------
    digest : str
        SHA-256 of the recording.

    Raises
    ------
    DataError
        If a copy is still there; one sentence that says how many, and why.
    """
    write_json(removal_note(digest), {"digest": digest}, private=True)
    found, why = copies(digest), ""
    for path in found:
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            why = str(error.strerror)
    if left := copies(digest):
        raise DataError(
            f"{len(left)} of {len(found)} copies of the recording could not be deleted ({why}); it is tried again "
            "whenever the application starts."
        )
    removal_note(digest).unlink(missing_ok=True)
    return len(found)


def finish_removals(*, keep: Callable[[str], bool] = lambda digest: False) -> list[str]:
    """Try again what was interrupted or refused; return the digests of which copies are still left.

    Parameters
    ----------
    keep : callable, optional
        Tells of a digest whether it must stay after all, because a study of it was signed since.
    """
    left = []
    for note in sorted((home_root() / "deletions").glob("*.json")):
        if keep(note.stem):
            note.unlink(missing_ok=True)
            continue
        try:
            remove_copies(note.stem)
        except DataError:
            left.append(note.stem)
    return left


def wanted_by_jobs(now: float) -> frozenset[str]:
    """Return the digests of the recordings that an analysis waits for or reads.

    Parameters
    ----------
    now : float
        Seconds since the epoch.
    """
    return frozenset(str((read_json(request) or {}).get("digest")) for request in _requests() if _is_open(request, now))


def _is_open(request: Path, now: float) -> bool:
    state = read_json(request.with_name("state.json")) or {}
    return state.get("state") in ("waiting", "running") and now - float(state.get("at", now)) <= _JOB_S


def _requests() -> Iterator[Path]:
    yield from (cache_root() / "worker").glob("*/jobs/*/request.json")


def _nameless() -> Iterator[Path]:
    """List what earlier versions left in the cache, whose names do not tell the recording: made again when needed."""
    yield from (facts.parent for facts in (cache_root() / "prepared").glob("*/*/facts.json"))
    yield from (cache_root() / "analyses").glob("*/*.npz")
