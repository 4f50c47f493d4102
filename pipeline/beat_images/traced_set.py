"""Pictures drawn by the thousand and traced again in several processes: the training set of the beat head."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.trace_measures import POINTS
from pipeline._util.fingerprint import fingerprint
from pipeline.beat_images.tracing import trace_picture
from pipeline.errors import IntakeError
from pipeline.synthesis.image_styles import draw_styled
from pipeline.types import FloatArray, PictureArray

PROCESSES: Final = 2
BLOCK: Final = 48  # sketches at a time
COLUMNS, HEIGHTS = (90, 520), (60, 420)  # range of a trace's size in a picture, pixels


@dataclass(frozen=True, eq=False)
class Sketch:
    """A picture to be drawn: a curve in a style, or what a function draws.

    Attributes
    ----------
    kind : str
        What it shows.
    seed : tuple of int
        Seed of its random generator.
    style : str
        The style of `curve`.
    curve : (n,) float32, optional
        The curve, 0..1.
    draw : callable, optional
        Draws the picture from a generator and `given`.
    given : tuple of (str, array), optional
        A kind and beats, for `draw`.
    """

    kind: str
    seed: tuple[int, ...]
    style: str = ""
    curve: FloatArray | None = None
    draw: Callable[..., PictureArray] | None = None
    given: tuple[str, FloatArray] | None = None

    def __call__(self) -> PictureArray:
        """Draw the picture (h, w, 3)."""
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
        """Return some of them."""
        return Traced(self.value[index], self.found[index], self.has[index])


def traced(
    sketches: Sequence[Sketch],
    progress: Callable[[float], None] = lambda f: None,
    *,
    processes: int = PROCESSES,
    cache: Path | None = None,
) -> Traced:
    """Draw pictures and find their traces; the result does not depend on the number of processes.

    Parameters
    ----------
    sketches : sequence of Sketch
        What to draw.
    progress : callable, optional
        Called with a fraction in 0..1.
    processes : int, optional
        Number of processes.
    cache : Path, optional
        Folder in which traces are stored, so that an interrupted run resumes; the key is the sketches' content and the
        code that draws and traces them.
    """
    blocks = [list(sketches[i : i + BLOCK]) for i in range(0, len(sketches), BLOCK)]
    work, parts = partial(_block, cache=cache), []
    if processes == 1:
        for block in blocks:
            parts.append(work(block))
            progress(len(parts) / len(blocks))
    else:
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            for part in pool.map(work, blocks):
                parts.append(part)
                progress(len(parts) / len(blocks))
    return joined(parts)


def joined(parts: Sequence[Traced]) -> Traced:
    """Join them all."""
    return Traced(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("value", "found", "has")))


def _block(sketches: Sequence[Sketch], cache: Path | None) -> Traced:
    """Trace a few sketches, or load their stored traces."""
    if cache is None:
        return _trace_all(sketches)
    file = cache / f"{hashlib.sha256(_code().encode() + b''.join(map(_content, sketches))).hexdigest()[:32]}.npz"
    if file.exists():
        with np.load(file, allow_pickle=False) as kept:
            return Traced(kept["value"], kept["found"], kept["has"])
    found = _trace_all(sketches)
    cache.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.npz")
    np.savez(part, value=found.value, found=found.found, has=found.has)
    part.replace(file)
    return found


def _content(sketch: Sketch) -> bytes:
    """Return everything that a sketch holds."""
    kind, beats = sketch.given or ("", np.zeros(0))
    curve = np.zeros(0) if sketch.curve is None else sketch.curve
    drawn = "" if sketch.draw is None else sketch.draw.__qualname__
    words = repr((sketch.kind, sketch.seed, sketch.style, drawn, kind))
    return words.encode() + curve.tobytes() + np.asarray(beats).tobytes()


def _code() -> str:
    """Return a fingerprint of what the traces depend on besides the sketches."""
    drawn = ("pipeline.synthesis.image_styles", "pipeline.synthesis.chart_images", "pipeline.synthesis.drawings")
    return fingerprint("pipeline.beat_images.tracing", *drawn)


def _trace_all(sketches: Sequence[Sketch]) -> Traced:
    cv2.setNumThreads(1)
    rows = [_traced(sketch) for sketch in sketches]
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
    """Resample a trace (m,) to `POINTS` equally spaced places."""
    places = np.linspace(0, len(value) - 1, POINTS)
    return np.asarray(np.interp(places, np.arange(len(value)), value), np.float32)


def as_traced(rows: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return traces (n, m) in 0..1 as a small, noisy or thick picture would show them."""
    places, found = np.linspace(0, 1, rows.shape[1]), np.empty_like(rows)
    for i, row in enumerate(rows):
        columns, height = int(np.exp(rng.uniform(*np.log(COLUMNS)))), rng.uniform(*HEIGHTS)
        across = np.linspace(0, 1, columns)
        value = np.interp(across, places, row)
        if rng.random() < 0.5:  # a stroke that trembles by up to half a pixel
            value = value + rng.normal(0, rng.uniform(0.05, 0.5), columns) / height
        if rng.random() < 0.5:  # a thick one
            width = int(rng.integers(1, max(2, columns // 60) + 1))
            padded = np.pad(value, (width // 2, width - 1 - width // 2), "edge")
            value = np.convolve(padded, np.ones(width) / width, "valid")
        if rng.random() < 0.25:  # one without antialiasing
            value = np.round(value * height) / height
        value = np.interp(places, across, value)
        found[i] = (value - value.min()) / max(float(np.ptp(value)), 1e-6)
    return found
