"""What the recorded signal shows between beats, independent of decisions: gaps, disconnected leads, missed waves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.config import DEFAULT, REVIEW, Config, ReviewConfig
from pipeline.signal.at_rest import Silence, between_beats, qrs_height
from pipeline.signal.gaps import gaps_in
from pipeline.types import Analysis, FloatArray, Recording

Spans = Sequence[tuple[int, int]]


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
            heights = tuple(self._local_height(number, (first, last)) for number in range(len(self.signal)))
            self._known[first, last] = between_beats(self.signal, heights, (first, last), self.fs, self.config)
        return self._known[first, last]

    def _local_height(self, lead: int, ends: tuple[int, int]) -> float:
        """Return the height of a QRS there, mV: the usual one, or that of the taller of these two where both are lower.

        Electrodes dry and patients turn: beside low beats, missed ones are no taller. One that is no beat at all, such
        as a T wave, decides nothing.
        """
        own = max(qrs_height(self.signal[lead], np.array([at]), self.fs) for at in ends)
        return min(self.height[lead], own) if own > 0 else self.height[lead]


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
    heights = tuple(qrs_height(lead, analysis.sample, analysis.fs) for lead in leads)
    return SignalEvidence(
        recording.fs, tuple(gaps_in(np.asarray(leads[0]), recording.fs, config.signal)), leads, heights
    )


def known_gaps(analysis: Analysis) -> SignalEvidence:
    """Return what an analysis alone tells of the signal between beats: its gaps."""
    fs = analysis.fs
    gaps = [segment for segment in analysis.quality.segments if segment.verdict == "gap"]
    return SignalEvidence(fs, [(round(gap.start_s * fs), round(gap.stop_s * fs)) for gap in gaps])
