"""Pictures drawn by the thousand and traced again in several processes: what the beat head learns from."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.trace_net import POINTS
from pipeline.domain import FloatArray, PictureArray
from pipeline.errors import IntakeError
from pipeline.intake.beat_picture import trace_picture
from pipeline.train.picture_styles import draw_styled

PROCESSES: Final = 2


@dataclass(frozen=True, eq=False)
class Sketch:
    """A picture to be drawn: a `curve` (n,) in 0..1 in a `style`, or what `draw` makes of a generator and `given`."""

    kind: str
    seed: tuple[int, ...]
    style: str = ""
    curve: FloatArray | None = None
    draw: Callable[..., PictureArray] | None = None
    given: Any = None

    def __call__(self) -> PictureArray:
        """The picture (h, w, 3)."""
        rng = np.random.default_rng(self.seed)
        if self.draw is not None:
            return self.draw(rng, self.given)
        assert self.curve is not None
        return draw_styled(self.curve, self.style, rng)


@dataclass(frozen=True, eq=False)
class Traced:
    """Of n sketches: traces `value` (n, POINTS), how they were `found` (n, 7), and which had one, `has` (n,)."""

    value: FloatArray
    found: FloatArray
    has: NDArray[np.bool_]

    def at(self, index: NDArray[Any]) -> Traced:
        """Some of them."""
        return Traced(self.value[index], self.found[index], self.has[index])


def traced(
    sketches: Sequence[Sketch], progress: Callable[[float], None] = lambda f: None, *, processes: int = PROCESSES
) -> Traced:
    """Draw pictures and find their traces; the result does not depend on the number of processes."""
    rows: list[tuple[FloatArray, FloatArray] | None] = []
    if processes == 1:
        rows = [_traced(sketch) for sketch in sketches]
    else:
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            for row in pool.map(_traced, sketches, chunksize=24):
                rows.append(row)
                progress(len(rows) / len(sketches))
    nothing = (np.zeros(POINTS, np.float32), np.zeros(7, np.float32))
    return Traced(
        np.stack([(row or nothing)[0] for row in rows]),
        np.stack([(row or nothing)[1] for row in rows]),
        np.array([row is not None for row in rows]),
    )


def _traced(sketch: Sketch) -> tuple[FloatArray, FloatArray] | None:
    try:
        _, row, found = trace_picture(sketch())
    except IntakeError:
        return None
    return resampled((row.max() - row) / (row.max() - row.min())), found


def resampled(value: NDArray[Any]) -> FloatArray:
    """A trace (m,) at `POINTS` equally spaced places."""
    places = np.linspace(0, len(value) - 1, POINTS)
    return np.interp(places, np.arange(len(value)), value).astype(np.float32)
