"""One cache, one home and so one worker for all page tests, which imports what it needs once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import cache as cache_calls
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

from app.common import cache
from pipeline.intake.apart import Apart
from pipeline.store.database import database
from pipeline.worker.jobs import Jobs, worker_folder


@pytest.fixture(scope="session", autouse=True)
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty cache and home for the whole session; the worker ends with it."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("HEARTVISION_CACHE", "HEARTVISION_HOME"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable.lower())))
        yield
        if Jobs(worker_folder()).servers_lock.exists():
            cache.worker().close()


@pytest.fixture(scope="session", autouse=True)
def components() -> Iterator[None]:
    """Every `AppTest` looks through all installed packages for components: a tenth of a second that is spent once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            manifest_scanner, "scan_component_manifests", cache_calls(manifest_scanner.scan_component_manifests)
        )
        yield


@pytest.fixture(scope="session", autouse=True)
def intake() -> Iterator[None]:
    """One process waits for uploads of all page tests: what it imports takes a second."""
    with pytest.MonkeyPatch.context() as patch, closing(Apart()) as apart:
        patch.setattr(cache, "_intake", lambda: apart)
        yield


@pytest.fixture
def own_store(migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home, cache and empty database of its own; the worker's lock is let go afterwards."""
    (tmp_path / "home").mkdir()
    shutil.copyfile(migrated_sqlite, tmp_path / "home" / "reviews.sqlite")
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEARTVISION_DATABASE_URL", raising=False)
    yield
    cache.worker().close()
    database().engine.dispose()


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two evaluated networks; nothing in their folders is changed by a test."""
    from tests.helpers.evaluations import explained, without_201, write_network  # seconds that other tests do not need

    folder = tmp_path_factory.mktemp("weights")
    explained(write_network(folder, "vgg16", random_split=True, more=True))
    without_201(write_network(folder, "cnn", skill=2.0))
    return folder


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No recording is on this computer."""
    monkeypatch.setenv("HEARTVISION_DATA", str(tmp_path / "nothing"))
