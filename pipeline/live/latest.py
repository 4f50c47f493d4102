"""The last minute of a live signal in memory, written by one thread and read by another."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from pipeline.types import FloatArray, read_only


@dataclass
class Latest:
    """A ring of the newest frames.

    Attributes
    ----------
    n_leads : int
        Number of leads.
    size : int
        How many frames are kept.
    n_frames : int
        How many came so far.
    """

    n_leads: int
    size: int
    n_frames: int = field(default=0, init=False)
    _ring: FloatArray = field(init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def __post_init__(self) -> None:
        self._ring = np.full((self.size, self.n_leads), np.nan, np.float32)

    def append(self, p_signal: FloatArray) -> None:
        """Add frames (n, n_leads), mV."""
        with self._lock:
            kept = p_signal[-self.size :]
            first = self.n_frames + len(p_signal) - len(kept)
            self._ring[np.arange(first, first + len(kept)) % self.size] = kept
            self.n_frames += len(p_signal)

    def window(self) -> tuple[int, FloatArray]:
        """Return the place of the oldest frame that is kept, and a copy of all of them, (n, n_leads) mV."""
        with self._lock:
            first = max(0, self.n_frames - self.size)
            return first, read_only(self._ring[np.arange(first, self.n_frames) % self.size])
