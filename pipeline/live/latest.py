"""The newest minute of a live signal in memory and a little of all before it, written by one thread, read by another.

What the whole recording decides, such as its usual beat, its mean interval and how noisy it usually is, is the better
known the more of it is read; the newest minute alone is often unlike the rest. So stretches of what came before are
kept, evenly spread over the recording, and read again with it. Their number has a limit: when it is reached, every
other one is given up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import Final

import numpy as np

from pipeline.types import FloatArray, read_only

STRETCH_S: Final = 16.0  # length of a stretch of earlier signal
BLANK_S: Final = 0.1  # nothing, at the beginning of each stretch: what is not neighbours is not read together
KNOWN_SHARE: Final = 0.5  # of its values a stretch must hold: a stream that was lost for an hour leaves none


@dataclass(frozen=True)
class Reach:
    """How much is read again; `benchmarks.live_choices` compares others on DS1.

    Attributes
    ----------
    newest_s : float
        Newest signal, seconds, at least.
    grid_s : float
        It begins at a multiple of so many seconds, as the windows do in which noise is judged; divides `STRETCH_S`.
    stretches : int
        Stretches of earlier signal, at most.
    """

    newest_s: float = 60.0
    grid_s: float = 4.0
    stretches: int = 16


@dataclass(frozen=True, eq=False)
class Window:
    """What is read at once: stretches of earlier signal, one after the other, and then the newest.

    Attributes
    ----------
    p_signal : (n_samples, n_leads) float32
        mV, NaN where nothing was recorded, and for a moment between two stretches.
    first : int
        Place in the recording of the first frame of the newest signal.
    n_earlier : int
        Frames of earlier signal, at the beginning of `p_signal`.
    """

    p_signal: FloatArray
    first: int
    n_earlier: int = 0


@dataclass
class Latest:
    """A ring of the newest frames, and stretches of those before.

    Attributes
    ----------
    n_leads : int
        Number of leads.
    fs : float
        Sampling frequency, Hz.
    reach : Reach
        How much is kept.
    n_frames : int
        How many came so far.
    """

    n_leads: int
    fs: float
    reach: Reach = Reach()
    n_frames: int = field(default=0, init=False)
    _ring: FloatArray = field(init=False)
    _earlier: dict[int, FloatArray] = field(default_factory=dict, init=False)  # by place: at multiples of `_apart`
    _apart: int = field(default=1, init=False)  # stretches
    _lock: Lock = field(default_factory=Lock, init=False)

    def __post_init__(self) -> None:
        self._ring = np.full(
            (self._frames(self.reach.newest_s + self.reach.grid_s) + 1, self.n_leads), np.nan, np.float32
        )

    def append(self, p_signal: FloatArray) -> None:
        """Add frames (n, n_leads), mV."""
        size = self._frames(STRETCH_S)
        with self._lock:
            for start in range(0, len(p_signal), size):
                some = p_signal[start : start + size]
                self._ring[np.arange(self.n_frames, self.n_frames + len(some)) % len(self._ring)] = some
                self.n_frames += len(some)
                self._keep_stretch()

    def skip(self, n_frames: int) -> None:
        """Add a gap of so many frames."""
        with self._lock:
            gap = np.arange(self.n_frames, self.n_frames + min(n_frames, len(self._ring)))
            self._ring[gap % len(self._ring)] = np.nan
            self.n_frames += n_frames

    def window(self) -> Window:
        """Return a copy of the newest frames, after those stretches that are older."""
        with self._lock:
            grid_s = self.reach.grid_s
            first = self._frames(max(0.0, (self.n_frames / self.fs - self.reach.newest_s) // grid_s * grid_s))
            earlier = [stretch for place, stretch in self._earlier.items() if self._end(place) <= first]
            newest = self._copied(first, self.n_frames)
        if earlier:
            newest[: self._frames(BLANK_S)] = np.nan
        return Window(read_only(np.concatenate([*earlier, newest])), first, sum(map(len, earlier)))

    def newest(self, seconds: float) -> Window:
        """Return a copy of the newest frames alone, of so many seconds at most."""
        with self._lock:
            first = max(0, self.n_frames - min(self._frames(seconds), len(self._ring)))
            return Window(read_only(self._copied(first, self.n_frames)), first)

    def _keep_stretch(self) -> None:
        """Keep the stretch that has just become whole, if its turn has come."""
        place = int(self.n_frames / self.fs // STRETCH_S) - 1
        if place < 0 or place % self._apart or place in self._earlier or not self.reach.stretches:
            return
        stretch = self._copied(self._frames(place * STRETCH_S), self._end(place))
        stretch[: self._frames(BLANK_S)] = np.nan
        if np.isfinite(stretch).mean() >= KNOWN_SHARE:
            self._earlier[place] = stretch
        if len(self._earlier) > self.reach.stretches:
            self._apart *= 2
            self._earlier = {place: one for place, one in self._earlier.items() if place % self._apart == 0}

    def _copied(self, first: int, stop: int) -> FloatArray:
        return self._ring[np.arange(first, stop) % len(self._ring)]

    def _end(self, place: int) -> int:
        return self._frames((place + 1) * STRETCH_S)

    def _frames(self, seconds: float) -> int:
        return round(seconds * self.fs)
