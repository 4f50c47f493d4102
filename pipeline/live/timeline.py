"""Where samples belong in time: finds what was lost between two chunks, by the stamps of the source."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from pipeline.live.sources import Chunk

GAP_S: Final = 0.3  # samples that come later than expected by more than this may follow a gap; less is jitter
HOLD_S: Final = 0.5  # what a sender that was held up had in store comes within this time; then nothing was lost
DRIFT_S: Final = 10.0  # in this time most of the difference between two clocks is made up for
Placed = list[tuple[int, Chunk]]


@dataclass
class Timeline:
    """The expected time of the next sample, and chunks that are too late, until it is known why.

    Attributes
    ----------
    fs : float
        Sampling frequency that the source states, Hz.
    """

    fs: float
    _next_s: float | None = field(default=None, init=False)
    _held: list[Chunk] = field(default_factory=list, init=False)
    _held_since: float = field(default=0.0, init=False)
    _least_late_s: float = field(default=0.0, init=False)

    def placed(self, chunk: Chunk) -> Placed:
        """Take a chunk, which may be empty, and return the chunks that can be written now.

        Returns
        -------
        list of (int, Chunk)
            Each with the number of samples that were lost before it.

        Notes
        -----
        Late samples are held for a moment. A radio that was disturbed sends what it kept, all at once and stamped as it
        comes: then later chunks are less and less late, and nothing was lost. If they stay late, it was a gap.

        The clock of a device drifts against the one of its stamps, so the expected time follows the stamps slowly: a
        hundredth of a second in an hour must not become a gap.
        """
        n_samples = len(chunk.p_signal)
        if n_samples:
            self._next_s = chunk.start_s if self._next_s is None else self._next_s
            late_s = chunk.start_s - self._next_s - sum(len(one.p_signal) for one in self._held) / self.fs
            if not self._held and late_s <= GAP_S:
                self._next_s += n_samples / self.fs + late_s * min(1.0, n_samples / self.fs / DRIFT_S)
                return [(0, chunk)]
            if not self._held:
                self._held_since, self._least_late_s = time.monotonic(), late_s
            self._held.append(chunk)
            self._least_late_s = min(self._least_late_s, late_s)
        known = self._least_late_s <= GAP_S or time.monotonic() - self._held_since >= HOLD_S
        return self.rest() if self._held and known else []

    def rest(self) -> Placed:
        """Return what is still held: no more will come, or enough is known."""
        lost = round(self._least_late_s * self.fs) if self._least_late_s > GAP_S else 0
        held, self._held = self._held, []
        if self._next_s is not None:
            self._next_s += (lost * bool(held) + sum(len(one.p_signal) for one in held)) / self.fs
        return [(0 if i else lost, chunk) for i, chunk in enumerate(held)]
