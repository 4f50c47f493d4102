"""The review database: its address, connections, transactions and migrations; SQLite or PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from pipeline.config import database_url
from pipeline.errors import StoreError
from pipeline.store.chain import chain_appended
from pipeline.store.tables import HEAD

BUSY_S: Final = 30  # how long a writer waits for the one before
_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_DAMAGED: Final = "The database is damaged; restore the last backup (`python -m pipeline restore`)."
_BROKEN_SCHEMA: Final = ("no such table", "no such column", "already exists")  # in SQLite's words
_LOCK: Final = 0x4856  # number of PostgreSQL's advisory lock around migrations, chosen arbitrarily


@dataclass(frozen=True)
class Database:
    """An open, migrated database; `reader` and `writer` share the connections of `engine`, which end with it."""

    engine: Engine
    reader: Engine
    writer: Engine

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one state of the database."""
        with _spoken(self.engine), Session(self.reader, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session whose changes are all on disk when the block ends, or none of them.

        Raises
        ------
        StoreError
            If the database does not answer or refuses; nothing is then known to be saved.
        """
        with _spoken(self.engine), Session(self.writer, expire_on_commit=False) as session, session.begin():
            yield session
            chain_appended(session)


def database() -> Database:
    """Return the database of `database_url()`, opened and migrated on first use.

    Raises
    ------
    StoreError
        If it cannot be reached, or was made by a newer HeartVision.
    """
    return _opened(database_url(), os.getpid())  # a forked child must not share its parent's connections


def close_databases() -> None:
    """Release every database that this process has opened; a caller that still uses one keeps it until it is done."""
    _opened.cache_clear()


@lru_cache(maxsize=8)
def _opened(url: str, process: int) -> Database:
    parsed = parsed_url(url)
    engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else create_engine(parsed, pool_pre_ping=True)
    opened = Database(engine, _snapshots(engine), engine.execution_options(heartvision_write=True))
    # nobody else can: threads that open at once make two, one of which is kept, and the cache drops the oldest
    weakref.finalize(opened, _close, engine, process)
    with _spoken(engine):
        _migrate(opened)
    return opened


def _close(engine: Engine, process: int) -> None:
    """End an engine's connections; in a forked child they belong to the parent and are left alone."""
    engine.dispose(close=process == os.getpid())


def parsed_url(url: str) -> URL:
    """Return the address of a database, with the driver that is used. Raises StoreError if it is none."""
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise StoreError(f"Database {parsed.get_backend_name()!r} is not supported; use sqlite or postgresql.")
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError("HEARTVISION_DATABASE_URL is not a database URL; see the README for examples.") from error
    return parsed


def _sqlite(url: URL) -> Engine:
    _make_folder(url)
    _make_private(url)
    engine = create_engine(url, connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    try:
        _switch_to_wal(engine)
        _require_sound(engine)
    except (sqlite3.DatabaseError, DBAPIError) as error:
        raise StoreError(_DAMAGED) from error
    return engine


def _make_private(url: URL) -> None:
    """Make the file with the rights that SQLite then gives its write-ahead log too: nobody else's to read."""
    if not url.database or url.database == ":memory:":
        return
    try:
        descriptor = os.open(url.database, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreError(f"The database cannot be opened: {error.strerror} ({url.database!r}).") from error


def _require_sound(engine: Engine) -> None:
    """Raise StoreError if the file is damaged: found when it is opened, not in the middle of a review."""
    with engine.connect() as connection:
        said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if said != "ok":
        raise StoreError(_DAMAGED)


def _make_folder(url: URL) -> None:
    try:
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(f"The database cannot be opened: {error.strerror} ({url.database!r}).") from error


def _set_up_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; `_begin_sqlite` does it
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "recursive_triggers = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Make a writer take the write lock at once, so that what it has read is still true when it writes."""
    writes = connection.get_execution_options().get("heartvision_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _switch_to_wal(engine: Engine) -> None:
    """Switch to a write-ahead log, so that readers and the writer do not wait for each other.

    SQLite does not wait for a lock here, so this does.
    """
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            raw = engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode = WAL")
            finally:
                raw.close()
            return
        except (sqlite3.OperationalError, OperationalError) as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise StoreError(f"The database cannot be opened: {error}.") from error
            time.sleep(0.02)
        except sqlite3.DatabaseError as error:  # the list of tables itself cannot be read
            raise StoreError(_DAMAGED) from error


def _snapshots(engine: Engine) -> Engine:
    """Return the engine for readers: all queries of a transaction see one state, as they always do in SQLite."""
    return engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")


def _migrate(opened: Database) -> None:
    with opened.reader.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with opened.writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    """Bring the tables to `HEAD`, inside the caller's transaction and under its lock."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"The database is of version {_revision(connection)!r} and this program knows up to {HEAD!r}; update it."
        ) from error


@contextmanager
def _spoken(engine: Engine) -> Iterator[None]:
    """Translate the driver's errors into ours: one sentence, no password."""
    try:
        yield
    except sqlite3.DatabaseError as error:  # from the set-up of a connection, which the driver alone sees
        raise StoreError(_DAMAGED) from error
    except OperationalError as error:
        if any(words in str(error.orig) for words in _BROKEN_SCHEMA):
            raise StoreError(f"{_DAMAGED[:-1]}: {str(error.orig).splitlines()[0]}.") from error
        where = engine.url.render_as_string(hide_password=True)
        raise StoreError(f"The database {where} does not answer, nothing is saved; try again.") from error
    except DBAPIError as error:
        raise StoreError(f"The database refused, nothing is saved: {str(error.orig).splitlines()[0]}.") from error
