"""How work reports its progress: the fraction that is done, and a sentence."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with the share done, 0 to 1, and a sentence about what is being done."""


def no_progress(done: float, sentence: str) -> None:
    """Ignore progress."""


def part_of(progress: Progress, number: int, of: int) -> Progress:
    """Return the progress of part `number`, counted from 0, of work in `of` parts of equal length.

    Parameters
    ----------
    progress : Progress
        The progress of the whole work.
    number : int
        Which part, from 0.
    of : int
        Number of parts.
    """
    return lambda done, sentence: progress((number + done) / of, sentence)


def stretch_of(progress: Progress, start: float, stop: float) -> Progress:
    """Return the progress of the part of some work between two fractions of it.

    Parameters
    ----------
    progress : Progress
        The progress of the whole work.
    start, stop : float
        Fractions of the work, 0..1.
    """
    return lambda done, sentence: progress(start + done * (stop - start), sentence)
