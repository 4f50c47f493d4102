"""Where samples belong in time: finds what was lost between two chunks, by the stamps of the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

GAP_S: Final = 0.3  # samples that come later than expected by more than this follow a gap; less is jitter
DRIFT_S: Final = 10.0  # in this time most of the difference between two clocks is made up for


@dataclass
class Timeline:
    """The expected time of the next sample.

    Attributes
    ----------
    fs : float
        Sampling frequency that the source states, Hz.
    """

    fs: float
    _next_s: float | None = field(default=None, init=False)

    def lost_before(self, start_s: float, n_samples: int) -> int:
        """Take note of a chunk, and return how many samples were lost before it.

        Parameters
        ----------
        start_s : float
            Stamp of its first sample, seconds on the source's clock.
        n_samples : int
            Its length.

        Notes
        -----
        The clock of a device drifts against the one of its stamps, so the expected time follows the stamps slowly: a
        hundredth of a second in an hour must not become a gap.
        """
        if self._next_s is None:
            self._next_s = start_s
        late = start_s - self._next_s
        lost = round(late * self.fs) if late > GAP_S else 0
        self._next_s += (lost + n_samples) / self.fs
        if not lost:
            self._next_s += late * min(1.0, n_samples / self.fs / DRIFT_S)
        return lost
