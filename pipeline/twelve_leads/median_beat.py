"""The median beat of a stretch with the marks of its waves, and what follows when one is moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
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
MarksS = Mapping[WaveMark, float]  # places of marks, seconds from an R peak
NONE_MOVED: Final[Mapping[int, MarksS]] = MappingProxyType({})


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
    """A stretch [`start_s`, `stop_s`) of a recording with marks of its waves, and its median beat if there is one.

    `position` (n,) are the marked beats, as indices into the analysis.
    """

    start_s: float
    stop_s: float
    waves: Waves
    beat: MedianBeat | None
    position: NDArray[np.intp]


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
    part, origin = _part(recording, start_s, stop_s)
    end_s = (round(start_s * part.fs) + part.n_samples) / part.fs
    position = np.flatnonzero((analysis.time_s >= origin) & (analysis.time_s < end_s))
    beat_s = analysis.time_s[position] - origin
    without_p = tuple((a - origin, b - origin) for a, b in spans_without_p(analysis.rhythm))
    waves = delineate(part.p_signal, part.fs, part.leads, beat_s, without_p=without_p)
    usual, rr_s = usual_beats(analysis)[position], rr_of(analysis)[position]
    beat = _median(part, waves, usual, rr_s) if position.size else None
    return MarkedStretch(start_s, stop_s, _shifted(waves, origin), beat, position)


def _part(recording: Recording, start_s: float, stop_s: float) -> tuple[Recording, float]:
    """Return a stretch of a recording, and the time of its first sample."""
    first, last = round(start_s * recording.fs), min(recording.n_samples, round(stop_s * recording.fs))
    part = replace(recording, p_signal=np.asarray(recording.p_signal[first:last]), reference=None)
    return part, first / recording.fs


def _shifted(waves: Waves, by_s: float) -> Waves:
    later = (read_only(times + by_s) for times in (waves.beat_s, waves.time_s, waves.overall_s))
    return Waves(waves.leads, *later)


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
    return interval_measures(marks_s, beat.rr_s, with_qtc=with_qtc)


def interval_measures(marks_s: MarksS, rr_s: float, *, with_qtc: bool = True) -> dict[str, float]:
    """Return the intervals between marks of any beat; see `beat_measures`.

    Parameters
    ----------
    marks_s : mapping of WaveMark to float
        The marks, seconds from the R peak.
    rr_s : float
        RR interval before the beat, seconds; NaN where there is none, and so no QTc.
    with_qtc : bool, optional
        As in `beat_measures`.
    """
    row = np.array([[marks_s.get(name, np.nan) for name in WAVE_MARKS]])
    one = Waves((), np.zeros(1), np.full((1, 0, len(WAVE_MARKS)), np.nan), row)
    found = beat_intervals(one, np.ones(1, np.bool_), np.array([rr_s])).ms
    names = ("P", "PR", "QRS", "QT")
    measures = {name: float(found[name][0]) for name in names if np.isfinite(found[name][0])}
    if with_qtc and "QT" in measures and np.isfinite(rr_s):
        qtc = corrected(measures["QT"], 1000 * rr_s).get(USED)
        measures |= {} if qtc is None else {"QTc": qtc}
    return measures


def with_beats_moved(
    recording: Recording, analysis: Analysis, found: MarkedStretch, beats_s: Mapping[int, MarksS]
) -> MarkedStretch:
    """Return a stretch by the marks that a reader moved on single beats; its median beat follows.

    In each lead a mark moves as far as it does over all leads.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    found : MarkedStretch
        The stretch as its marks were found.
    beats_s : mapping of int to mapping of WaveMark to float
        By R peak, a sample: the marks that were moved, seconds from it. Beats outside the stretch change nothing.
    """
    rows = _rows(analysis, found, beats_s)
    if not rows:
        return found
    beat_s, time_s, overall_s = found.waves.beat_s, found.waves.time_s.copy(), found.waves.overall_s.copy()
    for row, marks_s in rows.items():
        for name, at_s in marks_s.items():
            mark, to_s = WAVE_MARKS.index(name), beat_s[row] + at_s
            if np.isfinite(overall_s[row, mark]):
                time_s[row, :, mark] += to_s - overall_s[row, mark]
            overall_s[row, mark] = to_s
    waves = Waves(found.waves.leads, beat_s, read_only(time_s), read_only(overall_s))
    return replace(found, waves=waves, beat=_beat_of(recording, analysis, found, waves, usual_beats(analysis)))


def with_median_moved(
    analysis: Analysis, found: MarkedStretch, moved_s: MarksS, beats_s: Mapping[int, MarksS] = NONE_MOVED
) -> Waves:
    """Return the marks of a stretch where a reader moved those of its median beat.

    Each usual beat's mark moves as far as that of the median beat did; a mark that was not there is put at the same
    distance from each R peak. A mark that the reader moved on a beat stays where they put it.

    Parameters
    ----------
    analysis : Analysis
        Its beats and rhythm.
    found : MarkedStretch
        The stretch, by the marks of single beats that were moved (`with_beats_moved`).
    moved_s : mapping of WaveMark to float
        The marks of the median beat that were moved, seconds from its R peak.
    beats_s : mapping of int to mapping of WaveMark to float, optional
        Those of single beats, as in `with_beats_moved`.
    """
    if found.beat is None or not moved_s:
        return found.waves
    waves, usual, by_hand = found.waves, usual_beats(analysis)[found.position], _rows(analysis, found, beats_s)
    time_s, overall_s = waves.time_s.copy(), waves.overall_s.copy()
    for name, to_s in moved_s.items():
        mark, before_s = WAVE_MARKS.index(name), found.beat.marks_s.get(name)
        goes = usual & np.array([name not in by_hand.get(row, {}) for row in range(usual.size)], np.bool_)
        at_s = waves.beat_s[goes] + to_s
        if before_s is not None:
            time_s[goes, :, mark] += to_s - before_s
            at_s = np.where(np.isfinite(overall_s[goes, mark]), overall_s[goes, mark] + to_s - before_s, at_s)
        overall_s[goes, mark] = at_s
    return Waves(waves.leads, waves.beat_s, read_only(time_s), read_only(overall_s))


def one_beat(recording: Recording, analysis: Analysis, found: MarkedStretch, row: int) -> MedianBeat | None:
    """Return one beat of a stretch alone, as a median of itself; None where it has no QRS that could be marked.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    found : MarkedStretch
        The stretch.
    row : int
        The beat's place in the stretch, from 0.
    """
    alone = np.arange(analysis.sample.size) == found.position[row]
    return _beat_of(recording, analysis, found, found.waves, alone)


def _beat_of(
    recording: Recording, analysis: Analysis, found: MarkedStretch, waves: Waves, usual: NDArray[np.bool_]
) -> MedianBeat | None:
    part, origin = _part(recording, found.start_s, found.stop_s)
    return _median(part, _shifted(waves, -origin), usual[found.position], rr_of(analysis)[found.position])


def _rows(analysis: Analysis, found: MarkedStretch, beats_s: Mapping[int, MarksS]) -> dict[int, MarksS]:
    """Return what was moved of the beats of a stretch, by their place in it."""
    own = analysis.sample[found.position].tolist()
    return {row: beats_s[sample] for row, sample in enumerate(own) if sample in beats_s}


def measured_again(
    recording: Recording,
    analysis: Analysis,
    found: MarkedStretch,
    moved_s: MarksS,
    beats_s: Mapping[int, MarksS] = NONE_MOVED,
) -> Measurements | None:
    """Return what is measured, statements included, where a reader moved marks of the median beat or of single beats.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    found : MarkedStretch
        The stretch whose median beat it is, as its marks were found.
    moved_s : mapping of WaveMark to float
        The marks of the median beat that were moved, see `with_median_moved`.
    beats_s : mapping of int to mapping of WaveMark to float, optional
        Those of single beats, see `with_beats_moved`.

    Returns
    -------
    Measurements or None
        None unless the stretch is the whole recording: one of half a minute says nothing of the rest.
    """
    if found.beat is None or not (moved_s or beats_s) or recording.duration_s > WHOLE_S:
        return None
    by_beats = with_beats_moved(recording, analysis, found, beats_s)
    marks = with_median_moved(analysis, by_beats, moved_s, beats_s)
    marked = Marked(marks, usual_beats(analysis), rr_of(analysis))
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
