"""Work on several processors: arrays are worked on side by side in threads, each matrix product on one thread."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import chain, islice
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield the result of each item in order, while the next ones are worked on in as many threads as processors.

    numpy and scipy let other threads run while they work on an array, so that items that are large arrays take half the
    time on two processors. The results do not depend on the number of threads.

    Parameters
    ----------
    work : callable
        What is done with one item; it must change nothing that another one sees.
    items : iterable
        The items; at most one more than there are processors is taken ahead of the result that is asked for. A single
        one is worked on at once: a thread would take longer to start than a look at a live signal takes.
    """
    threads, coming_items = processors(), iter(items)
    first = list(islice(coming_items, 2))
    if threads == 1 or len(first) < 2:
        yield from map(work, chain(first, coming_items))
        return
    coming: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in chain(first, coming_items):
            coming.append(pool.submit(work, item))
            if len(coming) > threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep each matrix product, within this context or decorated function, on the thread that asks for it.

    OpenBLAS's own threads spin while they wait for each other: with one of two cores busy, small products take four
    times as long. Of several threads within it, the first one in holds the limit until it is out.
    """
    with _blas().limit(limits=1):
        yield


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
