"""What all tests share: which of them run, and in which process; decided in this one place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import settings

from app.common import server
from pipeline.config import data_root
from tests.helpers.databases import (  # noqa: F401 - fixtures for all
    database_url,
    migrated_postgres,
    migrated_sqlite,
    postgres_server,
    store,
)

PROCESSES = 2

# An example that takes long is no failure while other processes are at work; one that hangs is.
settings.register_profile("shared machine", deadline=timedelta(seconds=20))
settings.load_profile("shared machine")


@pytest.fixture(scope="session", autouse=True)
def untidied() -> Iterator[None]:
    """No page of a test begins to look for garbage each minute: tests of what runs beside them would have to wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "TIDY_S", timedelta(days=1).total_seconds())
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Divides whole folders of tests among processes, as if `-n 2` was said; files and single tests stay in one."""
    is_one_of_them = "PYTEST_XDIST_WORKER" in os.environ
    if is_one_of_them or not config.pluginmanager.hasplugin("xdist") or config.option.numprocesses is not None:
        return
    alone = config.option.collectonly or config.option.usepdb or config.option.trace
    if not alone and all(os.path.isdir(argument) for argument in config.args):
        config.option.numprocesses = PROCESSES


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Modules of tests are never divided, as they share what they have made; stories share a server and a browser."""
    from xdist.scheduler import LoadFileScheduling

    class Modules(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "stories" if nodeid.startswith("tests/e2e/") else super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return Modules(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out `data` tests where the public databases are missing, and `slow` ones unless `-m` asks for them.

    The stories, which take longest and are one piece of work, come first.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)
    without_data = pytest.mark.skip(reason="the public databases are missing: run `python -m pipeline data`")
    not_asked = pytest.mark.skip(reason="takes minutes: run `python -m pytest -m slow`")
    has_data = (data_root() / "mitdb" / "100.dat").is_file()
    slow_asked = "slow" in (config.option.markexpr or "")
    for item in items:
        if item.get_closest_marker("data") and not has_data:
            item.add_marker(without_data)
        if item.get_closest_marker("slow") and not slow_asked:
            item.add_marker(not_asked)
