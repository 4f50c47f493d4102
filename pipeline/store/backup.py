"""Copies of all that is kept for good, made while the application runs, verified, and restored into an empty home.

A backup is a folder: `manifest.json` with the SHA-256 and size of every file, `database.sqlite` (a consistent snapshot
that SQLite itself writes, never a copy of its files) or `database.sql` (of `pg_dump`), and `home/`, the recordings and
what lies beside them. What can be made again, filtered signals and finished analyses, lies in the cache, not here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from pipeline import __version__
from pipeline._util.files import write_json
from pipeline.config import database_url, home_root
from pipeline.errors import EcgError, StoreError
from pipeline.principal import LOCAL
from pipeline.store.chain import goes_on_from, read_trail
from pipeline.store.database import close_databases, database, parsed_url
from pipeline.store.deletion import delete_signal, delete_unread
from pipeline.store.erasure import erase_files, erase_names
from pipeline.store.ledger import LEDGER, Gone, in_force, read_ledger, write_ledger
from pipeline.store.recordings import recording_folder
from pipeline.store.stored_files import read_json, require_room
from pipeline.store.tables import HEAD, StudyRow

_MANIFEST: Final = "manifest.json"
_SQLITE, _SQL, _HOME = "database.sqlite", "database.sql", "home"
_BLOCK: Final = 2**20


@dataclass(frozen=True)
class Manifest:
    """What a backup holds.

    Attributes
    ----------
    made : str
        When, UTC, ISO 8601.
    version : str
        Version of HeartVision.
    revision : str
        Newest migration of the database.
    backend : str
        "sqlite" or "postgresql".
    files : dict of str to list
        SHA-256 and size in bytes by path in the backup.
    entries : int
        Length of the audit trail, at least; those written while the backup was made may be in it too.
    trail : str
        Hash of the last of them; "" in backups of earlier versions.
    """

    made: str
    version: str
    revision: str
    backend: str
    files: dict[str, tuple[str, int]]
    entries: int = 0
    trail: str = ""


def back_up(target: Path) -> Manifest:
    """Write a backup of the database and the home into a new folder.

    The database comes first: a study that it names has its recording on disk already. What disappears while the copy
    is made was deleted by a person, and is not in it.

    Parameters
    ----------
    target : Path
        The folder to make; it must not exist.

    Raises
    ------
    StoreError
        If `target` exists, has too little room, or the database cannot be read.
    """
    if target.exists():
        raise StoreError(f"{str(target)!r} exists already; name a new folder for the backup.")
    target.parent.mkdir(parents=True, exist_ok=True)
    home, url = home_root(), parsed_url(database_url())
    if target.resolve().is_relative_to(home.resolve()):
        raise StoreError(f"{str(target)!r} lies in the home that it is a backup of; name a folder elsewhere.")
    with database().reading() as session:  # migrated and checked
        trail = read_trail(session)
    require_room(target.parent, sum(_size(path) for path in _kept(home, url)) + _size(Path(url.database or "")))
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    now = datetime.now(UTC).isoformat()  # what is deleted from here on may be in it, and goes again when it is restored
    try:
        _dump(url, draft)
        for path in _kept(home, url):  # only now: what the database names is on disk by the time that it is written
            _copy(path, draft / _HOME / path.relative_to(home))
        files = {
            str(path.relative_to(draft)): (_sha256(path), path.stat().st_size)
            for path in sorted(draft.rglob("*"))
            if path.is_file()
        }
        made = Manifest(now, __version__, HEAD, url.get_backend_name(), files, trail.entries, trail.head)
        write_json(draft / _MANIFEST, asdict(made), private=True)
        verify_backup(draft)
        draft.replace(target)
    except OSError as error:
        raise StoreError(f"The backup could not be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return made


def verify_backup(folder: Path) -> Manifest:
    """Read a backup whole: every file has its hash, none is missing or added, and the database is sound.

    Raises
    ------
    StoreError
        If it is no backup, or anything differs; one sentence that names it.
    """
    found = _manifest(folder)
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {_MANIFEST}
    if missing := sorted(set(found.files) - there):
        raise StoreError(f"The backup has lost {missing[0]!r}{_and_more(missing)}.")
    if added := sorted(there - set(found.files)):
        raise StoreError(f"The backup holds {added[0]!r}{_and_more(added)}, which its manifest does not name.")
    for name, (digest, size) in found.files.items():
        path = folder / name
        if path.is_symlink() or path.stat().st_size != size or _sha256(path) != digest:
            raise StoreError(f"{name!r} of the backup is not what was written; take another backup.")
    if found.backend == "sqlite":
        _require_sound(folder / _SQLITE)
    return found


def require_going_on(backup: Manifest) -> None:
    """Raise StoreError unless the audit trail in use begins with the one that the backup holds."""
    with database().reading() as session:
        if not backup.trail or not goes_on_from(session, backup.entries, backup.trail):
            raise StoreError("The audit trail in use does not go on from the backup's: it was written anew.")


@dataclass(frozen=True)
class Restored:
    """What a restore did.

    Attributes
    ----------
    backup : Manifest
        What was restored.
    gone_again : int
        Recordings that were deleted, or whose names were erased, since the backup was made, and that are so again.
    kept : tuple of str
        Digests of recordings that were deleted since, but have a signed study in the backup: they are there again.
    named : tuple of str
        Digests of recordings whose texts have words again that were masked on demand: nobody noted which.
    failed : tuple of (str, str, str)
        Digest, what was to become of it again ("deleted", "erased", "erased with reports"), and why it did not.
    """

    backup: Manifest
    gone_again: int
    kept: tuple[str, ...]
    named: tuple[str, ...] = ()
    failed: tuple[tuple[str, str, str], ...] = ()


def restore_backup(folder: Path, *, erasures: Path | None = None) -> Restored:
    """Verify a backup and put it into an empty home and an empty database; what had to go since goes again.

    Nothing is written over: a database, or a write-ahead log left beside where it was, is refused, for an old log
    would be played into the restored file. A home may hold `erasures.jsonl` (`pipeline.store.ledger`) and nothing else.

    Parameters
    ----------
    folder : Path
        What `back_up` wrote.
    erasures : Path, optional
        Another file of that kind, of the home that was lost.

    Raises
    ------
    StoreError
        If the backup is not sound, the home or the database is not empty, or the kinds of database differ.
    """
    found = verify_backup(folder)
    home, url = home_root(), parsed_url(database_url())
    if found.backend != url.get_backend_name():
        raise StoreError(f"The backup is of {found.backend}, the database in use of {url.get_backend_name()}.")
    close_databases()
    if home.exists() and any(path.name != LEDGER for path in home.iterdir()):
        raise StoreError(f"{str(home)!r} is not empty; move all but {LEDGER!r} away, then restore.")
    if erasures is not None and not erasures.is_file():
        raise StoreError(f"{str(erasures)!r} is not there.")
    gone = list(dict.fromkeys([*read_ledger(home / LEDGER), *(read_ledger(erasures) if erasures else ())]))
    if url.get_backend_name() == "sqlite":
        _require_absent(Path(url.database or ""))
    else:
        _require_no_tables(url)
    require_room(home, sum(size for _, size in found.files.values()))
    draft = Path(tempfile.mkdtemp(dir=_existing(home.parent), prefix=".heartvision-restore-"))
    try:
        if (folder / _HOME).is_dir():
            shutil.copytree(folder / _HOME, draft, dirs_exist_ok=True)
        _make_private(draft)
        known = set(read_ledger(draft / LEDGER))
        write_ledger(draft / LEDGER, [line for line in gone if line not in known])
        if home.exists():
            (home / LEDGER).unlink(missing_ok=True)
            home.rmdir()
        home.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.replace(home)
        _load(url, folder)
    except OSError as error:
        raise StoreError(f"The backup could not be restored: {error.strerror}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    database()  # brings an older backup to today's tables
    since = [line for line in in_force([*known, *gone]) if line.at >= datetime.fromisoformat(found.made)]
    return _let_go_again(since, found)


def _let_go_again(lines: Sequence[Gone], backup: Manifest) -> Restored:
    """Delete and erase what was deleted and erased since; what cannot be is told, and the rest goes all the same."""
    done, kept, failed = set[str](), set[str](), list[tuple[str, str, str]]()
    for line in lines:
        try:
            is_gone = _goes_again(line, backup.made[:10])
        except (EcgError, OSError) as error:
            failed.append((line.digest, line.what, str(error)))
            continue
        (done if is_gone else kept).add(line.digest)
    named = sorted({line.digest for line in lines if line.words})
    return Restored(backup, len(done), tuple(sorted(kept)), tuple(named), tuple(failed))


def _goes_again(line: Gone, made: str) -> bool:
    """Delete or erase what the line says; False, and nothing is changed, if it was deleted but is signed now."""
    why = f"{line.what} on {line.at:%Y-%m-%d}; a backup of {made} brought it back"
    with database().reading() as session:
        found = session.execute(select(StudyRow.id, StudyRow.state).where(StudyRow.digest == line.digest)).all()
    if line.what == "deleted":
        if any(state == "signed" for _, state in found):
            return False
        if recording_folder(line.digest) is not None:
            delete_signal(found[0][0], reader=LOCAL, reason=why) if found else delete_unread(line.digest, reader=LOCAL)
    elif found:
        erase_names(found[0][0], reader=LOCAL, reason=why, reports=line.what == "erased with reports")
    else:
        erase_files(line.digest)
    return True


def _kept(home: Path, url: URL) -> list[Path]:
    return [path for path in sorted(home.rglob("*")) if _is_kept(path, home, url)]


def _is_kept(path: Path, home: Path, url: URL) -> bool:
    parts = path.relative_to(home).parts
    if not path.is_file() or path.is_symlink():
        return False
    if any(part.startswith(".") or part.endswith(".part") for part in parts):
        return False
    return url.database is None or not str(path).startswith(str(Path(url.database)))


def _manifest(folder: Path) -> Manifest:
    found = read_json(folder / _MANIFEST)
    try:
        if found is None:
            raise ValueError
        files = {str(name): (str(digest), int(size)) for name, (digest, size) in found["files"].items()}
        entries, trail = int(found.get("entries", 0)), str(found.get("trail", ""))
        made = Manifest(found["made"], found["version"], found["revision"], found["backend"], files, entries, trail)
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{str(folder)!r} is no backup: its {_MANIFEST} is missing or damaged.") from error
    return made


def _dump(url: URL, draft: Path) -> None:
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(f"file:{url.database}?mode=ro", uri=True)) as source:
            source.execute("VACUUM INTO ?", (str(draft / _SQLITE),))
        (draft / _SQLITE).chmod(0o600)
        return
    _postgresql("pg_dump", url, "--no-owner", "--file", str(draft / _SQL))


def _load(url: URL, folder: Path) -> None:
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _copy(folder / _SQLITE, path)
        return
    _postgresql("psql", url, "--set", "ON_ERROR_STOP=1", "--single-transaction", "--file", str(folder / _SQL))


def _postgresql(program: str, url: URL, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs; the password goes by the environment, not by the command line."""
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    plain = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    try:
        done = subprocess.run(
            [program, *arguments, plain], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise StoreError(f"{program} was not found; install PostgreSQL's client programs.") from error
    if done.returncode:
        raise StoreError(f"{program} refused: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")


def _require_sound(path: Path) -> None:
    """Raise StoreError unless SQLite finds the file sound."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
            said = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise StoreError(f"The database of the backup is damaged: {error}.") from error
    if said != ("ok",):
        raise StoreError(f"The database of the backup is damaged: {said[0] if said else 'no answer'}.")


def _require_absent(path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        if path.with_name(path.name + ending).exists():
            raise StoreError(f"{path.name + ending!r} is still there; move it away, then restore.")


def _require_no_tables(url: URL) -> None:
    engine = create_engine(url)
    try:
        names = inspect(engine).get_table_names()
    except DBAPIError as error:
        raise StoreError(f"The database does not answer: {str(error.orig).splitlines()[0]}.") from error
    finally:
        engine.dispose()
    if names:
        raise StoreError("The database holds tables already; make an empty one, then restore.")


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _copy(source: Path, target: Path) -> None:
    """Copy a file, private, flushed to disk; one that is gone meanwhile was deleted by a person."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with source.open("rb") as reading, target.open("xb") as writing:
            os.fchmod(writing.fileno(), 0o600)
            shutil.copyfileobj(reading, writing, _BLOCK)
            writing.flush()
            os.fsync(writing.fileno())
    except FileNotFoundError:
        target.unlink(missing_ok=True)


def _make_private(folder: Path) -> None:
    folder.chmod(0o700)
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _and_more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""
