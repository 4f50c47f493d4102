"""Where the database is, how it is set up and migrated, and what it says when it cannot be used."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

from pipeline import config
from pipeline.errors import StoreError
from pipeline.store import database as module
from pipeline.store.database import close_databases, database, parsed_url
from pipeline.store.studies import next_study
from pipeline.store.tables import HEAD, Base
from pipeline.store.verification import verify_trail


def test_reviews_are_kept_in_the_durable_folder_unless_a_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTVISION_DATABASE_URL", raising=False)
    monkeypatch.setenv("HEARTVISION_HOME", "/somewhere")
    assert config.database_url() == "sqlite:////somewhere/reviews.sqlite"
    monkeypatch.setenv("HEARTVISION_DATABASE_URL", "postgresql://db/reviews")
    assert config.database_url() == "postgresql://db/reviews"


def test_the_migrations_make_what_the_tables_say(store: str) -> None:
    with database().engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD


def test_the_newest_migration_is_the_one_that_the_program_asks_for() -> None:
    assert ScriptDirectory(str(Path(module.__file__).with_name("migrations"))).get_current_head() == HEAD


def test_sqlite_syncs_fully_and_keeps_a_write_ahead_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTVISION_DATABASE_URL", f"sqlite:///{tmp_path / 'new' / 'reviews.sqlite'}")
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "busy_timeout": 30_000,
    }
    with database().engine.connect() as connection:
        assert {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in wanted} == wanted


def test_a_database_of_a_newer_program_is_left_alone(store: str) -> None:
    with database().writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    close_databases()
    with pytest.raises(StoreError, match=f"version '9999' and this program knows up to '{HEAD}'"):
        database()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://a:secret@b/c", "'mysql' is not supported"),
        ("no url", "not a database URL"),
        ("postgresql://me:secret@127.0.0.1:1/reviews?connect_timeout=2", "does not answer"),
        ("sqlite:////dev/null/reviews.sqlite", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_explained_without_its_password(
    url: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTVISION_DATABASE_URL", url)
    with pytest.raises(StoreError, match=says) as refused:
        database()
    assert "secret" not in str(refused.value)


def test_connections_end_with_the_last_user_of_a_database_that_was_let_go(store: str) -> None:
    held, ended = database(), list[object]()
    event.listen(held.engine, "close", lambda connection, record: ended.append(connection))
    close_databases()
    with held.reading() as session:
        assert session.execute(text("SELECT 1")).scalar() == 1
    assert not ended
    del held
    assert ended


def test_threads_that_open_a_database_at_once_leave_no_connection_behind(database_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        revisions = [threads.submit(_revision_found).result for _ in range(8)]
    assert {revision() for revision in revisions} == {HEAD}
    gc.collect()  # an open connection that nobody holds warns, and a warning is an error


def _revision_found() -> str | None:
    with database().reading() as session:
        return session.execute(text("SELECT version_num FROM alembic_version")).scalar()


def test_a_failed_block_leaves_nothing_behind(store: str) -> None:
    with pytest.raises(ZeroDivisionError), database().writing() as session:
        session.execute(text("INSERT INTO analyses VALUES ('a', 'b')")).rowcount / 0
    with database().reading() as session:
        assert session.execute(text("SELECT count(*) FROM analyses")).scalar() == 0


def test_a_database_whose_tables_are_broken_says_so_and_not_try_again(
    database_url: str,
) -> None:
    with database().writing() as session:
        session.execute(text("UPDATE studies SET record = 'x'"))
        session.execute(text("ALTER TABLE studies DROP COLUMN search"))
    with pytest.raises(StoreError) as refused:
        next_study(0)
    assert "try again" not in str(refused.value)
    assert "search" in str(refused.value)


def test_a_database_that_has_lost_its_version_says_so(database_url: str) -> None:
    with database().writing() as session:
        session.execute(text("DELETE FROM alembic_version"))
    close_databases()
    with pytest.raises(StoreError, match="already exists"):
        database()


def test_studies_of_an_earlier_version_get_an_address_each(database_url: str) -> None:
    """The tables of the migration before addresses, with two studies, then this program."""
    engine = create_engine(parsed_url(database_url))
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.execute(text("INSERT INTO analyses VALUES ('a', :payload)"), {"payload": b"x"})
        for digest in ("one", "two"):
            connection.execute(text(
                "INSERT INTO studies (digest, record, model, model_version, leads, duration_s, analysis, state, "
                "priority, counts, findings, reader, search, created, updated) VALUES (:digest, 'case', 'm', '1', "
                "'[]', 1, 'a', 'new', 1, '{}', '{}', '', '', '2026-01-01', '2026-01-01')"
            ), {"digest": digest})  # fmt: skip
    engine.dispose()
    with database().reading() as session:
        tokens = set(session.execute(text("SELECT token FROM studies")).scalars())
    assert len(tokens) == 2
    assert {len(token) for token in tokens} == {22}


_STUDY = (
    "INSERT INTO studies (id, digest, record, model, model_version, leads, duration_s, analysis, state, priority, "
    "counts, findings, reader, search, created, updated, token) VALUES (1, 'd', 'case', 'm', '1', '[]', 1, 'a', "
    "'in_review', 1, '{}', '{}', 'A', '', '2026-01-01', '2026-01-01', 't')"
)
_READING = (
    "INSERT INTO readings (id, study_id, role, reader, state, version, opened) "
    "VALUES (1, 1, 'main', 'A', 'open', 1, '2026-01-01')"
)
_ENTRY = (
    "INSERT INTO audit (study_id, reading_id, seq, key, who, at, event, kind, samples, aami, before, after, model, "
    "text, model_version, subject) VALUES (1, 1, {seq}, 'key {seq}', 'A', '2026-01-01 08:00:00', 'begin', '', '[]', "
    "'', '', '', '', '', '1', '')"
)


def test_a_server_of_the_version_before_the_chain_is_refused_and_its_entries_stay_protected(database_url: str) -> None:
    engine = create_engine(parsed_url(database_url))
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(text("INSERT INTO analyses VALUES ('a', :payload)"), {"payload": b"x"})
        for made in (_STUDY, _READING, _ENTRY.format(seq=1)):
            connection.exec_driver_sql(made)
    assert (verify_trail().faults, verify_trail().entries) == ((), 1)  # opened by this program
    for refused, why in (
        (_ENTRY.format(seq=2), "seal"),
        ("UPDATE audit SET who = 'B'", "append-only"),
        ("DELETE FROM audit", "append-only"),
    ):
        with pytest.raises(DBAPIError, match=why), engine.begin() as connection:
            connection.exec_driver_sql(refused)
    engine.dispose()
    with database().reading() as session:
        assert session.execute(text("SELECT who, seal FROM audit")).all() == [("A", "")]


def _migrations(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


_VIEWED = "INSERT INTO access (at, who, key, event, digest, text) VALUES ('2026-01-01', 'A', '', 'view', '', '')"
_SEAL = "seal VARCHAR(140){} NOT NULL"


def test_a_default_that_early_databases_of_the_chain_kept_goes_and_their_entries_stay(database_url: str) -> None:
    engine = create_engine(parsed_url(database_url))
    with engine.begin() as connection:
        command.upgrade(_migrations(connection), "0003")
        connection.execute(text("INSERT INTO analyses VALUES ('a', :payload)"), {"payload": b"x"})
        for made in (_STUDY, _READING, _ENTRY.format(seq=1)):
            connection.exec_driver_sql(made)
        command.upgrade(_migrations(connection), "0004")
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ALTER TABLE audit ALTER COLUMN seal SET DEFAULT ''")
        else:
            connection.exec_driver_sql("PRAGMA writable_schema = ON")
            early = "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'audit'"
            connection.exec_driver_sql(early, (_SEAL.format(""), _SEAL.format(" DEFAULT ''")))
            connection.exec_driver_sql("PRAGMA writable_schema = OFF")
    engine.dispose()
    with engine.connect() as connection:
        assert _default(connection) is not None
    engine.dispose()
    assert (verify_trail().faults, verify_trail().entries) == ((), 1)  # opened by this program
    with database().engine.connect() as connection:
        assert _default(connection) is None
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    with pytest.raises(DBAPIError, match="seal"), engine.begin() as connection:
        connection.exec_driver_sql(_ENTRY.format(seq=2))
    engine.dispose()


def _default(connection: Connection) -> str | None:
    columns = {column["name"]: column for column in inspect(connection).get_columns("audit")}
    found: str | None = columns["seal"]["default"]
    return found


def test_the_version_before_masks_refuses_every_update_again_and_can_be_brought_forward(database_url: str) -> None:
    with database().writing() as session:
        session.execute(text("INSERT INTO analyses VALUES ('a', :payload)"), {"payload": b"x"})
        for made in (_STUDY, _READING, _ENTRY.format(seq=1).replace("subject)", "subject, seal)")[:-1] + ", '')"):
            session.execute(text(made))
    close_databases()
    engine = create_engine(parsed_url(database_url))
    mask = "UPDATE {} SET text = '[erased]'"
    with engine.begin() as connection:
        command.downgrade(_migrations(connection), "0004")
        connection.exec_driver_sql(_VIEWED)
    for table in ("audit", "access"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(mask.format(table))
    engine.dispose()
    with database().writing() as session:
        session.execute(text(mask.format("audit")))
        assert session.execute(text("SELECT text FROM audit")).scalar() == "[erased]"
    with pytest.raises(StoreError, match="append-only"), database().writing() as session:
        session.execute(text("UPDATE audit SET text = 'x'"))
    engine.dispose()
