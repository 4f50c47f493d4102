"""A recording as a live source: its samples come when they are due, or `speed` times as fast."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from pipeline.errors import UsageError
from pipeline.live.sources import Chunk, StreamFacts, nothing
from pipeline.types import Recording, read_only

STEP_S: Final = 0.02  # of wall time between two chunks
CHUNK_S: Final = 2.0  # of signal at most in one chunk, after a pause of the whole machine


@dataclass
class ReplaySource:
    """A recording that is played.

    Attributes
    ----------
    recording : Recording
        What is played, once.
    speed : float
        Seconds of signal in a second.
    """

    recording: Recording
    speed: float = 1.0
    _began: float = field(default=0.0, init=False)
    _sent: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if not 0 < self.speed <= 1000:
            raise UsageError(f"The speed {self.speed!r} is not between 0 and 1000.")

    def open(self) -> StreamFacts:
        """Start to play."""
        self._began, self._sent = time.monotonic(), 0
        return StreamFacts(self.recording.name, self.recording.fs, self.recording.leads)

    def read(self) -> Chunk | None:
        """Return what has become due; see `Source.read`."""
        recording = self.recording
        if self._sent >= recording.n_samples:
            return None
        time.sleep(STEP_S)
        due = min(int(self.now_s() * recording.fs), self._sent + round(CHUNK_S * recording.fs), recording.n_samples)
        if due <= self._sent:
            return nothing(len(recording.leads))
        first, self._sent = self._sent, due
        return Chunk(read_only(recording.p_signal[first:due].copy()), first / recording.fs)

    def now_s(self) -> float:
        """Return the time in the recording, seconds."""
        return (time.monotonic() - self._began) * self.speed

    def close(self) -> None:
        """Nothing is held."""
