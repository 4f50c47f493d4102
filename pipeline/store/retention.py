"""How long recordings stay, and how much room they take: what is due goes, and the trail of its studies says so."""

from __future__ import annotations

import math
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select

from pipeline._util.files import write_json
from pipeline.config import Retention, cache_root, home_root
from pipeline.errors import UsageError
from pipeline.store.copies import derived, remove_copies, remove_derived, wanted_by_jobs
from pipeline.store.database import database
from pipeline.store.ledger import noting
from pipeline.store.log import Log, reading_row
from pipeline.store.recordings import recording_folder
from pipeline.store.stored_files import read_json
from pipeline.store.tables import StudyRow

BY: Final = "retention"  # who stands in the trail
_DAY_S: Final = 86_400.0


@dataclass(frozen=True)
class Due:
    """A recording that is due to go.

    Attributes
    ----------
    digest : str
        SHA-256 of the recording.
    why : str
        In words, for the audit trail.
    size_bytes : int
        Of all its copies on this machine.
    studies : int
        How many studies it has; their decisions stay.
    """

    digest: str
    why: str
    size_bytes: int
    studies: int


@dataclass(frozen=True)
class Outcome:
    """What became of a look: what went, the room that is taken now, and how much over the quota that is."""

    gone: tuple[Due, ...]
    used_bytes: int
    over_bytes: int


@dataclass(frozen=True)
class _Kept:
    digest: str
    touched: float
    studies: int
    signed: bool
    busy: bool


def settings() -> Retention:
    """Return what the environment says: `HEARTVISION_KEEP_DAYS`, `HEARTVISION_QUOTA_GB`; else nothing is limited.

    Raises
    ------
    UsageError
        If one of them is no number above 0.
    """
    days, gigabytes = _positive("HEARTVISION_KEEP_DAYS"), _positive("HEARTVISION_QUOTA_GB")
    quota = None if gigabytes is None else int(gigabytes * 1e9)
    return Retention(days, quota, signed=os.environ.get("HEARTVISION_EXPIRE_SIGNED") == "1")


def expire(policy: Retention, *, now: float | None = None, patient: bool = False, dry: bool = False) -> Outcome:
    """Delete what is too old; then, over the quota, what can be made again, then what has no study.

    A quota alone never takes a recording that has a study, nor one that was opened less than `policy.grace_s` ago: its
    analysis may be about to begin. Neither takes one of a signed study unless that is said, nor what a job waits for.

    Parameters
    ----------
    policy : Retention
        What is limited.
    now : float, optional
        Seconds since the epoch; the clock if None.
    patient : bool, optional
        Whether an old recording is only marked at the first look and goes at one that is `policy.grace_s` later: a
        clock that is wrong once must not delete everything.
    dry : bool, optional
        Whether nothing is changed, and only said what would go.

    Raises
    ------
    DataError
        If a copy cannot be deleted; it is tried again whenever the application starts.
    """
    now = time.time() if now is None else now
    kept = [one for one in _all_kept(now) if not one.busy]
    gone = [
        due for due in _too_old(policy, kept, now) if not patient or _is_marked(due.digest, policy.grace_s, now, dry)
    ]
    left = [one for one in kept if one.digest not in {due.digest for due in gone}]
    _unmark(left, policy, now)
    used = used_bytes() - sum(due.size_bytes for due in gone)
    if policy.quota_bytes is not None and used > policy.quota_bytes:
        used = _made_again(left, policy.quota_bytes, used, dry=dry)
        more = list(_over(policy, left, used, now))
        gone, used = gone + more, used - sum(due.size_bytes for due in more)
    if not dry:
        gone = [due for due in gone if _delete(due, signed=policy.signed)]
        used = used_bytes()
    over = 0 if policy.quota_bytes is None else max(0, used - policy.quota_bytes)
    return Outcome(tuple(gone), used, over)


def used_bytes() -> int:
    """Return the room that recordings, and what was made of them, take on this machine."""
    places = (home_root() / "recordings", cache_root() / "prepared", cache_root() / "analyses")
    return sum(size_of(place) for place in places)


def size_of(path: Path) -> int:
    """Return the size of a file, or of all files in a folder, bytes; 0 for what is not there."""
    found = 0
    for each in [path, *path.rglob("*")]:
        try:
            found += each.lstat().st_size if each.is_file() else 0
        except OSError:
            continue  # it went meanwhile
    return found


def _all_kept(now: float) -> list[_Kept]:
    """List the recordings on this machine, the one that was left alone for longest first."""
    busy = wanted_by_jobs(now)
    with database().reading() as session:
        rows = session.execute(select(StudyRow.digest, StudyRow.state, StudyRow.updated)).all()
    found = []
    for facts in (home_root() / "recordings").glob("*/*/facts.json"):
        digest = facts.parent.name
        if recording_folder(digest) != facts.parent:
            continue
        own = [(state, updated) for number, state, updated in rows if number == digest]
        touched = max([facts.stat().st_mtime, *(updated.timestamp() for _, updated in own)])
        found.append(_Kept(digest, touched, len(own), any(state == "signed" for state, _ in own), digest in busy))
    return sorted(found, key=lambda one: (one.touched, one.digest))


def _too_old(policy: Retention, kept: list[_Kept], now: float) -> Iterator[Due]:
    if policy.days is None:
        return
    for one in kept:
        if (not one.signed or policy.signed) and now - one.touched > policy.days * _DAY_S:
            yield _due(one, f"nothing was done with it for {policy.days:g} days")


def _over(policy: Retention, kept: list[_Kept], used: int, now: float) -> Iterator[Due]:
    for one in kept:
        if policy.quota_bytes is None or used <= policy.quota_bytes:
            return
        if now - one.touched >= policy.grace_s and (not one.studies or (one.signed and policy.signed)):
            due = _due(one, "the recordings take more room than they may")
            used -= due.size_bytes
            yield due


def _due(one: _Kept, why: str) -> Due:
    folder = recording_folder(one.digest)
    places = derived(one.digest) if folder is None else [folder, *derived(one.digest)]
    return Due(one.digest, why, sum(size_of(place) for place in places), one.studies)


def _made_again(kept: list[_Kept], quota: int, used: int, *, dry: bool) -> int:
    """Take away what can be made again, of the recordings left alone for longest first; return the room still taken."""
    for one in kept:
        if used <= quota:
            break
        used -= sum(size_of(path) for path in derived(one.digest))
        if not dry:
            remove_derived(one.digest)
    return used


def _delete(due: Due, *, signed: bool) -> bool:
    """Delete a recording, unless it was signed, or a study of it made, meanwhile; whether it was deleted.

    Its studies' trails say why, their last reader stays.
    """
    with noting() as going, database().writing() as session:
        rows = session.scalars(select(StudyRow).where(StudyRow.digest == due.digest).with_for_update()).all()
        if len(rows) > due.studies or (not signed and any(row.state == "signed" for row in rows)):
            return False
        for row in rows:
            reader = row.reader
            log = Log(session, row, reading_row(session, row.id, "main"), BY, str(uuid.uuid4()))
            log.append("forgotten", text=due.why)
            row.reader = reader
        going(due.digest, "deleted")
    remove_copies(due.digest)
    _mark(due.digest).unlink(missing_ok=True)
    return True


def _mark(digest: str) -> Path:
    return home_root() / "expiry" / f"{digest}.json"


def _is_marked(digest: str, grace_s: float, now: float, dry: bool) -> bool:
    """Tell whether a recording was found to be old long enough ago; mark it if it was not."""
    since = float((read_json(_mark(digest)) or {}).get("since", math.inf))
    if since <= now:
        return now - since >= grace_s
    if not dry:
        write_json(_mark(digest), {"since": now}, private=True)
    return False


def _unmark(kept: list[_Kept], policy: Retention, now: float) -> None:
    """Forget the marks of recordings that are not old: somebody has worked with them, or the clock was wrong."""
    old = {due.digest for due in _too_old(policy, kept, now)}
    for one in kept:
        if one.digest not in old:
            _mark(one.digest).unlink(missing_ok=True)


def _positive(name: str) -> float | None:
    """Return the number that a setting of the environment holds; None if it is not set."""
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan
    if value is not None and not 0 < value < math.inf:
        raise UsageError(f"{name} is {text!r}; give a number above 0, or leave it out.")
    return value
