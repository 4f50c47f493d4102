"""What every finder of rhythms is given: the beats of a recording, and its signal where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.signal.at_rest import qrs_height
from pipeline.signal.conditioning import Conditioned
from pipeline.types import FloatArray, Quality, Recording


@dataclass(frozen=True, eq=False)
class RhythmContext:
    """The beats of one recording in order of time, and the signal that they were found in.

    Attributes
    ----------
    duration_s : float
        Duration of the recording, seconds; without a signal, the time of the last annotation.
    time_s : (n,) float64
        R peaks, seconds from sample 0, increasing.
    symbol : (n,) str
        AAMI class of each beat, N S V F Q; Q where it is paced or was not classified.
    trusted : (n,) bool
        Where the class can be relied on: given by a reader, or classified with enough confidence and no noise.
    confidence : (n,) float32
        Calibrated probability of the class, 1 where a reader gave it.
    break_before : (n,) bool
        Where the interval before the beat is no RR interval: the first beat, and after a gap or an artefact.
    recording : Recording or None
        The recording, at its own sampling frequency (pacing spikes need it); None if only beats are known.
    conditioned : Conditioned or None
        Its analysed leads, filtered, at the working rate (250 Hz).
    leads : tuple of str
        Names of these leads.
    quality : Quality or None
        What could be read where.
    """

    duration_s: float
    time_s: NDArray[np.float64]
    symbol: NDArray[np.str_]
    trusted: NDArray[np.bool_]
    confidence: FloatArray
    break_before: NDArray[np.bool_]
    recording: Recording | None = None
    conditioned: Conditioned | None = None
    leads: tuple[str, ...] = ()
    quality: Quality | None = None

    def __len__(self) -> int:
        """Return the number of beats."""
        return int(self.time_s.size)

    @cached_property
    def rr_s(self) -> NDArray[np.float64]:
        """Seconds (n,) since the previous beat, NaN where `break_before`."""
        rr_s = np.diff(self.time_s, prepend=np.nan)
        return np.where(self.break_before, np.nan, rr_s)

    @cached_property
    def heights(self) -> tuple[float, ...]:
        """The usual height of the QRS in each analysed lead, mV; none without a signal."""
        if self.conditioned is None:
            return ()
        fs = self.conditioned.fs
        r_peak = np.round(self.time_s * fs).astype(np.int64)
        return tuple(qrs_height(lead, r_peak, fs) for lead in self.conditioned.signal.T)
