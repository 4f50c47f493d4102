"""The median beat of a stretch with the marks of its waves, and what follows when a mark is moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.measurements import WAVE_MARKS, Measurements, WaveMark, Waves
from pipeline.twelve_leads.derived_leads import standard_leads, standard_name
from pipeline.twelve_leads.measured_pr import with_measured_pr
from pipeline.twelve_leads.measuring import Marked, measure, rr_of, usual_beats
from pipeline.types import Analysis, FloatArray, Recording, read_only
from pipeline.waves.delineate import delineate, spans_without_p
from pipeline.waves.intervals import beat_intervals
from pipeline.waves.qtc import USED, corrected
from pipeline.waves.usual_beat import LEVEL_S, usual_beat

WHOLE_S: Final = 60.0  # a recording of at most so long is one stretch
STRETCH_S: Final = 30.0
ST_AFTER_MS: Final = (60, 80)  # the J point


@dataclass(frozen=True, eq=False)
class MedianBeat:
    """The median of the usual beats of a stretch, all leads on one time base.

    Attributes
    ----------
    leads, derived : tuple of str
        The leads, standard ones first under their standard names; those that were computed from I and II.
    time_s : (n_time,) float64
        Seconds from the R peak.
    value_mv : (n_time, n_leads) float32
        mV against the end of the PR segment.
    marks_s : mapping of WaveMark to float
        Marks over all leads, seconds from the R peak; a wave that is not there or uncertain is left out.
    beats : int
        How many beats it was made of; ectopic ones are left out.
    rr_s : float
        Median RR interval before them, seconds; NaN if there is none.
    """

    leads: tuple[str, ...]
    derived: tuple[str, ...]
    time_s: NDArray[np.float64]
    value_mv: FloatArray
    marks_s: Mapping[WaveMark, float]
    beats: int
    rr_s: float


@dataclass(frozen=True, eq=False)
class MarkedStretch:
    """A stretch [`start_s`, `stop_s`) of a recording with marks of its waves, and its median beat if there is one."""

    start_s: float
    stop_s: float
    waves: Waves
    beat: MedianBeat | None


def stretch_of(recording: Recording, time_s: float) -> tuple[float, float]:
    """Return the stretch that a median beat near a time is made of: half a minute, or all of a short recording.

    Parameters
    ----------
    recording : Recording
        The recording.
    time_s : float
        The time, seconds.
    """
    if recording.duration_s <= WHOLE_S:
        return 0.0, recording.duration_s
    last = max(0.0, recording.duration_s - STRETCH_S)
    start = min(time_s // STRETCH_S * STRETCH_S, last)
    return start, start + STRETCH_S


def marked_stretch(recording: Recording, analysis: Analysis, start_s: float, stop_s: float) -> MarkedStretch:
    """Mark the waves of a stretch and return its median beat; only its samples are read.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    start_s, stop_s : float
        The stretch, seconds.

    Raises
    ------
    ModelError
        If what marks the waves is missing or damaged.
    """
    first, last = round(start_s * recording.fs), min(recording.n_samples, round(stop_s * recording.fs))
    origin = first / recording.fs
    part = replace(recording, p_signal=np.asarray(recording.p_signal[first:last]), reference=None)
    chosen = np.flatnonzero((analysis.time_s >= origin) & (analysis.time_s < last / recording.fs))
    without_p = tuple((a - origin, b - origin) for a, b in spans_without_p(analysis.rhythm))
    beat_s = analysis.time_s[chosen] - origin
    waves = delineate(part.p_signal, part.fs, part.leads, beat_s, without_p=without_p)
    beat = _median(part, waves, usual_beats(analysis)[chosen], rr_of(analysis)[chosen]) if chosen.size else None
    moved = Waves(
        waves.leads,
        read_only(waves.beat_s + origin),
        read_only(waves.time_s + origin),
        read_only(waves.overall_s + origin),
    )
    return MarkedStretch(start_s, stop_s, moved, beat)


def _median(part: Recording, waves: Waves, usual: NDArray[np.bool_], rr_s: NDArray[np.float64]) -> MedianBeat | None:
    found = usual_beat(part, waves, usual)
    if found is None:
        return None
    standard = standard_leads(found.curve_mv, found.leads)
    others = [i for i, name in enumerate(found.leads) if standard_name(name) is None]
    known = np.isfinite(found.overall_s)
    some = rr_s[usual & np.isfinite(rr_s)]
    return MedianBeat(
        leads=(*standard.leads, *(found.leads[i] for i in others)),
        derived=standard.derived,
        time_s=found.axis_s,
        value_mv=read_only(np.concatenate([standard.p_signal, found.curve_mv[:, others]], axis=1)),
        marks_s={name: float(found.overall_s[i]) for i, name in enumerate(WAVE_MARKS) if known[i]},
        beats=found.beats,
        rr_s=float(np.median(some)) if some.size else float("nan"),
    )


def beat_measures(beat: MedianBeat, marks_s: Mapping[WaveMark, float], *, with_qtc: bool = True) -> dict[str, float]:
    """Return the intervals between marks of a median beat, milliseconds: "P", "PR", "QRS", "QT" and "QTc".

    Parameters
    ----------
    beat : MedianBeat
        The beat.
    marks_s : mapping of WaveMark to float
        Its marks, those that a reader moved among them, seconds from the R peak.
    with_qtc : bool, optional
        Whether the rhythm allows a QTc, by Fridericia's formula.

    Returns
    -------
    dict of str to float
        What the marks give; an interval that no heart has is left out.
    """
    row = np.array([[marks_s.get(name, np.nan) for name in WAVE_MARKS]])
    one = Waves((), np.zeros(1), np.full((1, 0, len(WAVE_MARKS)), np.nan), row)
    found = beat_intervals(one, np.ones(1, np.bool_), np.array([beat.rr_s])).ms
    names = ("P", "PR", "QRS", "QT")
    measures = {name: float(found[name][0]) for name in names if np.isfinite(found[name][0])}
    if with_qtc and "QT" in measures and np.isfinite(beat.rr_s):
        qtc = corrected(measures["QT"], 1000 * beat.rr_s).get(USED)
        measures |= {} if qtc is None else {"QTc": qtc}
    return measures


def measured_again(
    recording: Recording, analysis: Analysis, found: MarkedStretch, moved_s: Mapping[WaveMark, float]
) -> Measurements | None:
    """Return what is measured, statements included, where a reader moved marks of the median beat.

    Each usual beat's mark moves as far as that of the median beat did; a mark that was not there is put at the same
    distance from each R peak.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    found : MarkedStretch
        The stretch whose median beat it is.
    moved_s : mapping of WaveMark to float
        The marks that were moved, seconds from the R peak.

    Returns
    -------
    Measurements or None
        None unless the stretch is the whole recording: one of half a minute says nothing of the rest.
    """
    if found.beat is None or not moved_s or recording.duration_s > WHOLE_S:
        return None
    waves, usual = found.waves, usual_beats(analysis)
    time_s, overall_s = waves.time_s.copy(), waves.overall_s.copy()
    for name, to_s in moved_s.items():
        mark, before_s = WAVE_MARKS.index(name), found.beat.marks_s.get(name)
        at_s = waves.beat_s[usual] + to_s
        if before_s is not None:
            time_s[usual, :, mark] += to_s - before_s
            at_s = np.where(np.isfinite(overall_s[usual, mark]), overall_s[usual, mark] + to_s - before_s, at_s)
        overall_s[usual, mark] = at_s
    marks = Waves(waves.leads, waves.beat_s, read_only(time_s), read_only(overall_s))
    marked = Marked(marks, usual, rr_of(analysis))
    known = None if analysis.measured is None else analysis.measured.diagnosis
    return measure(recording, with_measured_pr(recording, analysis, marked), marked, known or None)


def st_levels(beat: MedianBeat, marks_s: Mapping[WaveMark, float]) -> dict[str, tuple[float, ...]]:
    """Return the ST level of each lead 60 and 80 ms after the end of the QRS, mV against the end of the PR segment.

    Parameters
    ----------
    beat : MedianBeat
        The beat.
    marks_s : mapping of WaveMark to float
        Its marks, seconds from the R peak; without onset and end of the QRS there is no level.
    """
    if "qrs_on" not in marks_s or "qrs_off" not in marks_s:
        return {}
    before = (beat.time_s >= marks_s["qrs_on"] - LEVEL_S[0]) & (beat.time_s <= marks_s["qrs_on"] - LEVEL_S[1])
    if not before.any():
        return {}
    level = beat.value_mv[before].mean(axis=0)
    at = [marks_s["qrs_off"] + after / 1000 for after in ST_AFTER_MS]
    return {
        lead: tuple(float(np.interp(second, beat.time_s, beat.value_mv[:, i]) - level[i]) for second in at)
        for i, lead in enumerate(beat.leads)
    }
