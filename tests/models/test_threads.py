"""Parts side by side: in order, not too far ahead, as one after the other; and matrix products on one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_info

from models import threads
from models.threads import side_by_side, single_threaded_blas


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: count)

    def slow_at_first(item: int) -> int:
        time.sleep(0.002 * (item < 2))
        return item**2

    assert list(side_by_side(slow_at_first, range(9))) == [i**2 for i in range(9)]
    assert list(side_by_side(slow_at_first, [])) == []


def test_no_more_is_taken_than_can_be_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 2)
    taken = []

    def items() -> Iterator[int]:
        for i in range(9):
            taken.append(i)
            yield i

    results = side_by_side(lambda item: item, items())
    assert next(results) == 0
    assert taken == [0, 1, 2]
    assert list(results) == list(range(1, 9))


def test_a_single_one_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 2)
    assert list(side_by_side(lambda _: threading.current_thread(), range(1))) == [threading.current_thread()]
    assert set(side_by_side(lambda _: threading.current_thread(), range(2))) != {threading.current_thread()}


def test_two_are_worked_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 2)
    both = threading.Barrier(2)
    assert len(list(side_by_side(lambda _: both.wait(timeout=20), range(2)))) == 2


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_is_raised_in_its_turn(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: count)
    results = side_by_side(lambda item: 6 // item, [3, 2, 0, 1])
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def blas_threads() -> list[int]:
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def test_products_keep_to_one_thread_within() -> None:
    before = blas_threads()
    assert before
    with single_threaded_blas():
        with single_threaded_blas():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_an_error_undoes_the_limit() -> None:
    before = blas_threads()

    @single_threaded_blas()
    def wrong() -> None:
        assert set(blas_threads()) == {1}
        raise KeyError

    with pytest.raises(KeyError):
        wrong()
    assert blas_threads() == before
