"""What a source of a live signal is: something that opens, gives chunks of millivolts, and closes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.types import FloatArray, read_only


@dataclass(frozen=True)
class StreamFacts:
    """What is known of a stream once it is open.

    Attributes
    ----------
    name : str
        What the stream is called.
    fs : float
        Sampling frequency, Hz.
    leads : tuple of str
        Name of each lead.
    wide : bool
        Whether values may not fit 16 bits of 1 uV, such as those of an amplifier that keeps the electrodes' offset.
    """

    name: str
    fs: float
    leads: tuple[str, ...]
    wide: bool = False


@dataclass(frozen=True, eq=False)
class Chunk:
    """Samples that came together.

    Attributes
    ----------
    p_signal : (n_samples, n_leads) float32
        mV, NaN where a lead has no value; no rows if nothing came in time.
    start_s : float
        When the first sample was taken, on the source's clock, seconds.
    """

    p_signal: FloatArray
    start_s: float = 0.0


class Source(Protocol):
    """A source of a live signal; its methods are called from one thread."""

    def open(self) -> StreamFacts:
        """Connect, and say what will come.

        Raises
        ------
        IntakeError
            If there is no such stream, or a package that it needs is missing.
        """
        ...

    def read(self) -> Chunk | None:
        """Wait a moment for samples; None once there will be no more."""
        ...

    def now_s(self) -> float:
        """Return the time on the clock of `Chunk.start_s`, seconds."""
        ...

    def close(self) -> None:
        """Disconnect; may be called at any time."""
        ...


def nothing(n_leads: int) -> Chunk:
    """Return the chunk of a moment in which nothing came."""
    return Chunk(read_only(np.zeros((0, n_leads), np.float32)))
