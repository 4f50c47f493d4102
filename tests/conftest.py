"""What all tests share: which of them run, decided in this one place."""

from __future__ import annotations

import pytest

from pipeline.config import data_root
from tests.helpers.databases import (  # noqa: F401 - fixtures for all
    database_url,
    migrated_postgres,
    migrated_sqlite,
    postgres_server,
    store,
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out `data` tests where the public databases are missing, and `slow` ones unless `-m` asks for them."""
    without_data = pytest.mark.skip(reason="the public databases are missing: run `python -m pipeline data`")
    not_asked = pytest.mark.skip(reason="takes minutes: run `python -m pytest -m slow`")
    has_data = (data_root() / "mitdb" / "100.dat").is_file()
    slow_asked = "slow" in (config.option.markexpr or "")
    for item in items:
        if item.get_closest_marker("data") and not has_data:
            item.add_marker(without_data)
        if item.get_closest_marker("slow") and not slow_asked:
            item.add_marker(not_asked)
