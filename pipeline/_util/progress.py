"""How work says how far it has come: the share that is done, and a sentence."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with the share done, 0 to 1, and a sentence about what is being done."""


def no_progress(done: float, sentence: str) -> None:
    """Tell nobody."""


def part_of(progress: Progress, number: int, of: int) -> Progress:
    """The progress of part `number`, counted from 0, of work in `of` parts of equal length."""
    return lambda done, sentence: progress((number + done) / of, sentence)


def stretch_of(progress: Progress, start: float, stop: float) -> Progress:
    """The progress of the part of some work between two shares of it, each 0 to 1."""
    return lambda done, sentence: progress(start + done * (stop - start), sentence)
