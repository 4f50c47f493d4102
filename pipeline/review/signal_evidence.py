"""What the recorded signal shows between beats, independent of decisions: gaps, disconnected leads, missed waves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from pipeline.config import DEFAULT, REVIEW, Config, ReviewConfig
from pipeline.signal.gaps import gaps_in
from pipeline.types import Analysis, FloatArray, Recording

Silence = Literal["rest", "lost", "waves"]
Spans = Sequence[tuple[int, int]]
_BEATS_MEASURED: Final = 500  # enough for the median height of a QRS


@dataclass(frozen=True, eq=False)
class SignalEvidence:
    """The signal under the beats.

    Answers are cached: an edit asks only about the intervals that it creates.

    Attributes
    ----------
    fs : float
        Sampling frequency, Hz.
    gaps : Spans
        Samples [start, stop) where nothing was recorded.
    signal : tuple of (n_samples,) float32
        The analysed leads, mV; empty where only gaps are known.
    height : tuple of float
        The usual peak-to-peak height of a QRS in each lead, mV.
    config : ReviewConfig
        What counts as a wave, a drift or a dead lead.
    """

    fs: float
    gaps: Spans = ()
    signal: tuple[FloatArray, ...] = ()
    height: tuple[float, ...] = ()
    config: ReviewConfig = REVIEW
    _known: dict[tuple[int, int], Silence] = field(default_factory=dict)

    def between(self, first: int, last: int) -> Silence:
        """Tell what lies between two successive beats at the samples `first` and `last`.

        "rest" if at least one lead is at rest: a pause. Otherwise "waves" if a lead has waves as tall as `wave_height`
        of a QRS (noise, missed beats, flutter or fibrillation), or "lost" if all are flat or drifting (an electrode
        that came off, an amplifier that recovers). The T and P waves of the two beats are ignored.
        """
        if (first, last) not in self._known:
            self._known[first, last] = self._judged(first, last)
        return self._known[first, last]

    def _judged(self, first: int, last: int) -> Silence:
        start = first + round(self.config.silence_after_s * self.fs)
        stop = last - round(self.config.silence_before_s * self.fs)
        size = round(self.config.silence_step_s * self.fs)
        if stop - start < size:
            return "rest"
        found = {
            _lead(np.asarray(lead[start:stop]), size, height, self.config)
            for lead, height in zip(self.signal, self.height, strict=True)
        }
        return "rest" if "rest" in found or not found else "waves" if "waves" in found else "lost"


def evidence_of(recording: Recording, analysis: Analysis, config: Config = DEFAULT) -> SignalEvidence:
    """Return the signal evidence of an analysis; the recording's signal is read only on demand.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        The model's answer for it.
    config : Config, optional
        Settings of the pipeline.
    """
    leads = tuple(recording.p_signal[:, recording.leads.index(name)] for name in analysis.leads)
    heights = tuple(_qrs_height(lead, analysis, config) for lead in leads)
    return SignalEvidence(
        recording.fs, tuple(gaps_in(np.asarray(leads[0]), recording.fs, config.signal)), leads, heights
    )


def _qrs_height(lead: FloatArray, analysis: Analysis, config: Config) -> float:
    """Return the median peak-to-peak height around a beat, in mV; 0 without beats."""
    reach = round(config.signal.rr_min_ms / 2000 * analysis.fs)
    inside = analysis.sample[(analysis.sample >= reach) & (analysis.sample < lead.size - reach)]
    some = inside[:: max(1, -(-inside.size // _BEATS_MEASURED))]
    heights = [float(np.ptp(lead[at - reach : at + reach])) for at in some.tolist()]
    known = [height for height in heights if np.isfinite(height)]
    return float(np.median(known)) if known else 0.0


def _lead(values: FloatArray, size: int, height: float, config: ReviewConfig) -> Silence:
    """Judge one lead (n,) between two beats, in steps of `size` samples."""
    steps = values[: values.size // size * size].reshape(-1, size)
    steps = steps[np.isfinite(steps).all(axis=1)]
    heights = steps.max(axis=1, initial=-np.inf) - steps.min(axis=1, initial=np.inf)
    if not steps.size or np.ptp(steps) < DEFAULT.signal.flat_mv or np.median(heights) < config.dead_mv:
        return "lost"
    if float(heights.max()) >= config.wave_height * height:
        return "waves"
    return "lost" if float(np.ptp(np.median(steps, axis=1))) >= config.drift_height * height else "rest"
