"""What closed sessions leave is freed between the clicks, not after each."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from app.common import server


class Session:
    """Holds itself, as the sessions of a page do."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture
def left() -> Iterator[weakref.ref[Session]]:
    """A session that nothing leads to any more, and that Python does not look for by itself."""
    gc.disable()
    yield weakref.ref(Session())
    gc.enable()


def test_what_a_closed_session_left_is_freed_if_something_was_done_since(left: weakref.ref[Session]) -> None:
    now = gc.get_stats()[0]["collections"]
    assert server._tidied(now) == now
    assert left() is not None
    assert server._tidied(now - 1) == now
    assert left() is None


def test_one_thread_does_so_however_often_pages_are_drawn() -> None:
    server.keep_tidy()
    server.keep_tidy()
    assert [thread.name for thread in threading.enumerate()].count(server._TIDYING) == 1
