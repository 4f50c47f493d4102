"""Classes of beats while they come: the whole analysis again over the newest signal, as often as beats may come.

A class is provisional: later beats are part of what the network reads, and change it now and then. It is given once the
next R peak is known, and never taken back; the class that counts is that of the finished recording.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import BeatClassifier, analyse
from pipeline.config import DEFAULT, Config
from pipeline.errors import SignalError
from pipeline.labels import NOT_CLASSIFIED
from pipeline.live.latest import Window
from pipeline.types import Analysis, FloatArray, Recording

SETTLED_S: Final = 0.35  # behind the next R peak there must be so much signal; 0.6 s agree no better (DS1), 0.2 s less
SAME_BEAT_S: Final = 0.15  # two looks at one beat differ by less


@dataclass(frozen=True)
class LiveBeat:
    """A beat with its provisional class.

    Attributes
    ----------
    time_s : float
        R peak, seconds from the start of the recording.
    letter : str
        AAMI class, or `?` if it stays unclassified.
    confidence : float
        0..1.
    """

    time_s: float
    letter: str
    confidence: float


@dataclass(frozen=True, eq=False)
class Look:
    """One look at the newest signal.

    Attributes
    ----------
    start_s, stop_s : float
        The newest signal, seconds from the start of the recording.
    analysis : Analysis or None
        Of stretches of earlier signal, and of the newest at its end. None while there is too little signal.
    """

    start_s: float
    stop_s: float
    analysis: Analysis | None

    @property
    def zero_s(self) -> float:
        """What must be added to times of the analysis in the newest signal: seconds from the start of the recording."""
        return self.stop_s if self.analysis is None else self.stop_s - self.analysis.duration_s

    @property
    def time_s(self) -> NDArray[np.float64]:
        """R peaks (n,) in the newest signal, seconds from the start of the recording."""
        return np.zeros(0) if self.analysis is None else self.analysis.time_s[self._earlier :] + self.zero_s

    @property
    def letters(self) -> tuple[str, ...]:
        """Class of each, or `?`."""
        return () if self.analysis is None else letters_of(self.analysis)[self._earlier :]

    @property
    def confidence(self) -> FloatArray:
        """Confidence (n,) of each, 0..1."""
        return np.zeros(0, np.float32) if self.analysis is None else self.analysis.confidence[self._earlier :]

    @property
    def _earlier(self) -> int:
        """How many beats lie in earlier signal."""
        assert self.analysis is not None
        return int(np.searchsorted(self.analysis.time_s, self.start_s - self.zero_s))


def letters_of(analysis: Analysis) -> tuple[str, ...]:
    """Return the class of each beat, or `?` where it has none that can be relied on."""
    pairs = zip(analysis.symbol, analysis.status, strict=True)
    return tuple(symbol if status == "classified" else NOT_CLASSIFIED for symbol, status in pairs)


def look_at(
    window: Window, classifier: BeatClassifier, *, fs: float, leads: tuple[str, ...], config: Config = DEFAULT
) -> Look:
    """Analyse the newest signal.

    Parameters
    ----------
    window : Window
        The newest signal, and what is kept of that before.
    classifier : BeatClassifier
        The network.
    fs : float
        Sampling frequency, Hz.
    leads : tuple of str
        Names of the leads.
    config : Config, optional
        Settings of the pipeline.
    """
    start_s = window.first / fs
    stop_s = start_s + (len(window.p_signal) - window.n_earlier) / fs
    recording = Recording("live", fs, window.p_signal, leads, "", (True,) * len(leads))
    try:
        return Look(start_s, stop_s, analyse(recording, classifier, config))
    except SignalError:  # shorter than ten seconds, or too much of it is a gap
        return Look(start_s, stop_s, None)


@dataclass
class Follower:
    """Gives each beat its provisional class once.

    Attributes
    ----------
    given_s : float
        R peak of the last beat that was given, seconds from the start of the recording.
    """

    given_s: float = field(default=-np.inf, init=False)

    def new_beats(self, look: Look) -> list[LiveBeat]:
        """Return the beats whose next beat is known for sure, and that were not given before."""
        time_s, letters, confidence = look.time_s, look.letters, look.confidence
        due = (time_s[:-1] > self.given_s + SAME_BEAT_S) & (time_s[1:] <= look.stop_s - SETTLED_S)
        found = [LiveBeat(float(time_s[i]), letters[i], float(confidence[i])) for i in np.flatnonzero(due)]
        if found:
            self.given_s = found[-1].time_s
        return found
