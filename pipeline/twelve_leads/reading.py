"""A recording with its beats and rhythm, measured: waves marked, intervals taken, statements made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.threads import single_threaded_blas
from pipeline.measurements import Measurements
from pipeline.twelve_leads.measuring import Marked, measure, rr_of, usual_beats
from pipeline.twelve_leads.superclasses import read_superclasses
from pipeline.types import Analysis, Recording
from pipeline.waves.delineate import delineate, spans_without_p
from pipeline.waves.long import LONG_S, STRETCH_S, usual_waves


@single_threaded_blas()
def read_waves(recording: Recording, analysis: Analysis, *, every_beat: bool | None = None) -> Marked:
    """Mark the waves of a recording in all its leads.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    every_beat : bool, optional
        Whether each beat is marked, or the median of the usual beats of every 30 s. If None, each beat of a recording
        of at most ten minutes.
    """
    time_s = analysis.time_s
    usual = usual_beats(analysis)
    without_p = spans_without_p(analysis.rhythm)
    if recording.duration_s <= LONG_S if every_beat is None else every_beat:
        waves = delineate(recording.p_signal, recording.fs, recording.leads, time_s, without_p=without_p)
        return Marked(waves, usual, rr_of(analysis))
    some = time_s[usual]
    waves = usual_waves(recording.p_signal, recording.fs, recording.leads, some, without_p=without_p)
    return Marked(waves, np.ones(len(waves), np.bool_), _medians(waves.beat_s, some, rr_of(analysis)[usual]))


def read_measurements(recording: Recording, analysis: Analysis, marked: Marked | None = None) -> Measurements:
    """Return all that is measured in a recording.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    marked : Marked, optional
        Its waves; they are marked if None.
    """
    read = analysis.sample.size > 0  # without a beat it is noise or a standstill, which the network never saw
    diagnosis = read_superclasses(recording.p_signal, recording.leads, recording.fs) if read else None
    return measure(recording, analysis, read_waves(recording, analysis) if marked is None else marked, diagnosis)


def _medians(at_s: NDArray[np.float64], time_s: NDArray[np.float64], rr_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median RR interval (k,) of the half minutes that these beats stand for."""
    stretch = time_s // STRETCH_S
    found = [rr_s[stretch == number] for number in (at_s // STRETCH_S).tolist()]
    return np.array([np.nanmedian(part) if np.isfinite(part).any() else np.nan for part in found], np.float64)
