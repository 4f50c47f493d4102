"""Databases for the tests of the review store: SQLite files and a real PostgreSQL server, a new database for each."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from pipeline.store.database import close_databases, database

MISSING = "PostgreSQL is missing: `apt-get install postgresql`, or name a server in HEARTVISION_TEST_POSTGRES_URL."
ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of `HEARTVISION_TEST_POSTGRES_URL`, else of a private server that ends with the tests; fails without."""
    if url := os.environ.get("HEARTVISION_TEST_POSTGRES_URL"):
        yield url
        return
    # pytest's own folders are closed to the unprivileged user that PostgreSQL insists on
    folder = Path(tempfile.mkdtemp(prefix="hv-pg-"))
    user = _unprivileged(folder)
    tools = _tools()
    try:
        _run([tools / "initdb", "-D", folder / "data", "-U", "heartvision", "-A", "trust", "-E", "UTF8", "-N"], user)
        options = f"-c listen_addresses='' -k {folder} -F"  # it need not survive a power cut: no waiting for the disk
        server = [tools / "pg_ctl", "-D", folder / "data", "-w"]
        _run([*server, "-l", folder / "log.txt", "-o", options, "start"], user)
        try:
            yield f"postgresql://heartvision@/postgres?host={folder}"
        finally:
            _run([*server, "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty database, which the program uses too: each engine in turn."""
    if request.param == "sqlite":
        yield from _used(_sqlite(tmp_path), tmp_path, monkeypatch)
    else:
        with fresh_database(request.getfixturevalue("postgres_server")) as url:
            yield from _used(url, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated database, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "reviews.sqlite"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Iterator[str]:
    """The name of an empty, migrated database on the server, to be copied."""
    with fresh_database(postgres_server) as url:
        _migrate(url)
        yield str(make_url(url).database)


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """As `database_url`, but migrated: a copy of a database that was migrated once."""
    if request.param == "sqlite":
        url = _sqlite(tmp_path)
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), str(make_url(url).database))
        yield from _used(url, tmp_path, monkeypatch)
    else:
        server, template = (request.getfixturevalue(name) for name in ("postgres_server", "migrated_postgres"))
        with fresh_database(server, template) as url:
            yield from _used(url, tmp_path, monkeypatch)


def _sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'reviews.sqlite'}"


def _used(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make this database, and a home and cache in the folder, those that the program uses."""
    monkeypatch.setenv("HEARTVISION_HOME", str(folder / "home"))
    monkeypatch.setenv("HEARTVISION_CACHE", str(folder / "cache"))
    monkeypatch.setenv("HEARTVISION_DATABASE_URL", url)
    yield url
    close_databases()


def _migrate(url: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEARTVISION_DATABASE_URL", url)
        database().engine.dispose()
    close_databases()


@contextmanager
def fresh_database(server: str, template: str = "template1") -> Iterator[str]:
    """A database of its own on the server, a copy of the template, dropped afterwards."""
    name = f"hv_{uuid.uuid4().hex}"
    admin = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        admin.dispose()


def _tools() -> Path:
    """The folder of the newest server programs."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = shutil.which("initdb") or (installed[-1] if installed else None)
    if found is None:
        pytest.fail(MISSING)
    return Path(found).resolve().parent


def _unprivileged(folder: Path) -> str | None:
    """Who runs the server, and owns its folder: ourselves, or `postgres` if we are root."""
    if os.geteuid() != 0:
        return None
    names = [entry.pw_name for entry in pwd.getpwall()]
    user = "postgres" if "postgres" in names else "nobody"
    shutil.chown(folder, user)
    return user


def _run(command: list[str | Path], user: str | None) -> None:
    done = subprocess.run(
        command,
        user=user,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # the server inherits it: a pipe would never end
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    if done.returncode:
        pytest.fail(f"PostgreSQL's {Path(command[0]).name} ended with {done.returncode}.")
