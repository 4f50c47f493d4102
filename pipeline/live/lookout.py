"""When to look at a live signal: once the next class is due, which glances between two looks find out.

A look is the whole analysis; a glance finds no more than the last R peaks, in a tenth of the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import BeatClassifier
from pipeline.config import DEFAULT, Config
from pipeline.errors import SignalError
from pipeline.live.latest import Latest, Window
from pipeline.live.provisional import SETTLED_S, Look, look_at
from pipeline.signal.conditioning import condition
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.types import Recording

GLANCE_S: Final = 0.2  # of signal between two glances: most R peaks are seen by one before they have settled
LOOK_S: Final = 1.0  # of signal between two looks at most: what has no beats, such as an asystole, is looked at, too
SEEN_S: Final = 12.0  # of signal in a glance


@dataclass
class Lookout:
    """Looks and glances at a signal; all times are of the signal, seconds from the start of the recording.

    Attributes
    ----------
    latest : Latest
        The signal.
    classifier : BeatClassifier
        The network.
    leads : tuple of str
        Names of the leads.
    next_s : float
        How much signal there must be for the next look or glance.
    """

    latest: Latest
    classifier: BeatClassifier
    leads: tuple[str, ...]
    next_s: float = 0.0
    _due_s: float = field(default=np.inf, init=False)  # when the next class is due
    _look_s: float = field(default=-np.inf, init=False)  # when a look is, also without
    _read: tuple[str, ...] = field(default=(), init=False)  # leads that the last look read

    def look(self, *, at_once: bool = False) -> Look | None:
        """Look if it is time to, or `at_once`; else glance, and return None."""
        stop_s = self.latest.n_frames / self.latest.fs
        found = None
        half_sample_s = 0.5 / self.latest.fs  # what is due between two samples, or rounded, is not waited for again
        if at_once or stop_s + half_sample_s >= min(self._due_s, self._look_s):
            found = look_at(self.latest.window(), self.classifier, fs=self.latest.fs, leads=self.leads)
            self._due_s, self._look_s = np.inf, found.stop_s + LOOK_S
            self._read = self._read if found.analysis is None else found.analysis.leads
            self._seen(found.time_s, found.stop_s)
        elif self._read:
            window = self.latest.newest(SEEN_S)
            peaks_s = glance_at(window, fs=self.latest.fs, leads=self.leads, read=self._read)
            self._seen(peaks_s, (window.first + len(window.p_signal)) / self.latest.fs)
        self.next_s = min(self._due_s, self._look_s, stop_s + GLANCE_S)
        return found

    def _seen(self, r_peak_s: NDArray[np.float64], stop_s: float) -> None:
        waiting = r_peak_s[r_peak_s > stop_s - SETTLED_S]
        if waiting.size:
            self._due_s = min(self._due_s, float(waiting[0]) + SETTLED_S)


def glance_at(
    window: Window, *, fs: float, leads: tuple[str, ...], read: tuple[str, ...], config: Config = DEFAULT
) -> NDArray[np.float64]:
    """Return the R peaks (n,) in the newest signal, seconds from the start of the recording; none if it is too short.

    Parameters
    ----------
    window : Window
        The newest signal alone.
    fs : float
        Sampling frequency, Hz.
    leads : tuple of str
        Names of the leads.
    read : tuple of str
        Those that are read.
    config : Config, optional
        Settings of the pipeline.
    """
    recording = Recording("live", fs, window.p_signal, leads, "", (True,) * len(leads))
    try:
        conditioned = condition(recording, read, config.signal)
    except SignalError:
        return np.zeros(0)
    return window.first / fs + detect_r_peaks(conditioned, config.signal) / conditioned.fs
