"""From the marks of the waves to all that is measured in a recording: intervals, axis, ST levels, statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.measurements import LeadMeasurements, Measurements, Spread, Waves
from pipeline.rhythm_names import RHYTHM_NAMES, episode_at
from pipeline.twelve_leads.axis import axis
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS, standard_leads, standard_name
from pipeline.twelve_leads.facts import CHEST, Facts
from pipeline.twelve_leads.rhythm_statements import is_likely_fibrillation
from pipeline.twelve_leads.statements import all_statements, looked_for, not_measured
from pipeline.types import Analysis, FloatArray, Recording, RhythmCode
from pipeline.waves.intervals import BeatIntervals, beat_intervals, hourly, spreads
from pipeline.waves.qtc import USED, corrected, why_none
from pipeline.waves.shapes import LeadShape, lead_shapes
from pipeline.waves.usual_beat import FS_HZ, WINDOW_S, UsualBeat, usual_beat

USUAL_SHARE: Final = 0.3  # of the beats: fewer normal ones do not stand for the recording
BEATS_MIN: Final = 5  # from which on shares and irregularity of beats mean something
NOT_PREMATURE: Final = 0.8  # of the usual RR interval
NO_P: Final = frozenset({"AFIB", "AFL", "VT", "IVR", "VFL", "ASYS", "BIII", "P", "NOD"})
NO_QTC: Final = frozenset({"AFIB", "VT", "IVR", "VFL", "ASYS", "P"})
UNREAD_MV: Final = 0.01  # peak to peak: a lead whose usual beat is flatter was not connected, and says nothing


@dataclass(frozen=True, eq=False)
class Marked:
    """Marked beats, and what they stand for.

    Attributes
    ----------
    waves : Waves
        Marks of n beats.
    usual : (n,) bool
        Those that stand for the recording.
    rr_s : (n,) float64
        Seconds to the beat before, NaN where there is none.
    """

    waves: Waves
    usual: NDArray[np.bool_]
    rr_s: NDArray[np.float64]

    @property
    def has_marks(self) -> bool:
        """Whether any wave was marked in any lead."""
        return bool(np.isfinite(self.waves.time_s).any())


def measure(
    recording: Recording, analysis: Analysis, marked: Marked, diagnosis: Mapping[str, float] | None = None
) -> Measurements:
    """Return what the marks, the classes of the beats and the rhythm together give.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    marked : Marked
        The marks of its waves.
    diagnosis : mapping of str to float, optional
        Calibrated probabilities of the superclasses.
    """
    found = gather(recording, analysis, marked, diagnosis)
    facts, beats, with_p = found.facts, found.beats, found.with_p
    return Measurements(
        intervals=facts.intervals,
        qtc_ms={name: round(value, 1) for name, value in found.qtc_ms.items()},
        qtc_used=USED if found.qtc_ms else "",
        why_no_qtc=found.why_no_qtc,
        axis_deg=facts.axis_deg,
        leads={
            lead: _lead(shape, marked.waves, beats, lead, with_p=with_p, calibrated=_is_calibrated(recording, lead))
            for lead, shape in found.shapes.items()
        },
        hours=hourly(beats, recording.duration_s, with_p=with_p, without_qtc=_without_qtc(beats, analysis)),
        diagnosis={name: round(p, 4) for name, p in (diagnosis or {}).items()},
        statements=all_statements(facts, found.chest, diagnosis),
        looked_for=looked_for(facts),
        not_measured=not_measured(facts),
    )


@dataclass(frozen=True, eq=False)
class Gathered:
    """What statements and measurements are made from.

    Attributes
    ----------
    facts : Facts
        The numbers that criteria read.
    beats : BeatIntervals
        Beat by beat.
    shapes : mapping of str to LeadShape
        By the recording's own lead names, and those that follow from I and II.
    chest : (n_samples, 6) float32 or None
        QRS of the usual beat in V1 to V6, mV; None if one of them is missing.
    qtc_ms : mapping of str to float
        By formula; empty where there is none.
    why_no_qtc : str
        Why not.
    with_p : bool
        Whether the rhythm has P waves that lead to the QRS.
    """

    facts: Facts
    beats: BeatIntervals
    shapes: Mapping[str, LeadShape]
    chest: FloatArray | None
    qtc_ms: Mapping[str, float]
    why_no_qtc: str
    with_p: bool


def gather(
    recording: Recording, analysis: Analysis, marked: Marked, diagnosis: Mapping[str, float] | None = None
) -> Gathered:
    """Return the numbers of the usual beat.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    marked : Marked
        The marks of its waves.
    diagnosis : mapping of str to float, optional
        Calibrated probabilities of the superclasses.
    """
    beats = beat_intervals(marked.waves, marked.usual, marked.rr_s)
    rhythm = _main_rhythm(analysis)
    with_p = rhythm not in NO_P
    intervals = spreads(beats, with_p=with_p)
    beat = _connected(usual_beat(recording, marked.waves, beats.usual))
    shapes = _shapes(beat, with_p=with_p)
    standard = _standard(recording, shapes)
    qtc, why = _qtc(intervals, rhythm)
    facts = Facts(
        shapes=standard,
        intervals=intervals,
        axis_deg=axis(standard),
        qtc_ms=qtc.get(USED),
        qtc_bazett_ms=qtc.get("Bazett"),
        rate_bpm=_rate(beats),
        rhythm=analysis.rhythm,
        duration_s=recording.duration_s,
        pr_segment_ms=_pr_segment_ms(marked.waves, beats) if "PR" in intervals else None,
        age_years=recording.age_years,
        sex=recording.sex,
        ectopic=_ectopic(analysis),
        p_share=_p_share(marked.waves, beats),
        irregularity=_irregularity(beats),
        suspicion=max(diagnosis["MI"], diagnosis["STTC"]) if diagnosis else None,
    )
    if qtc and is_likely_fibrillation(facts):
        facts, qtc = replace(facts, qtc_ms=None, qtc_bazett_ms=None), {}
        why = "No QTc: the rhythm is likely atrial fibrillation."
    return Gathered(facts, beats, shapes, _chest(beat) if facts.has(*CHEST) else None, qtc, why, with_p)


def usual_beats(analysis: Analysis) -> NDArray[np.bool_]:
    """Tell which beats (n,) stand for the recording: those classified N.

    Where fewer than a third are such - networks take broad complexes for ventricular ones now and then -, all beats
    that are not premature stand for it.
    """
    classified = np.array([status == "classified" for status in analysis.status], np.bool_)
    usual = (np.array(analysis.symbol) == "N") & classified
    if np.count_nonzero(usual) >= USUAL_SHARE * usual.size:
        return np.asarray(usual, np.bool_)
    rr_s = rr_of(analysis)
    middle = np.nanmedian(rr_s) if np.isfinite(rr_s).any() else np.nan
    return np.asarray(~(rr_s < NOT_PREMATURE * middle), np.bool_)


def rr_of(analysis: Analysis) -> NDArray[np.float64]:
    """Return seconds (n,) to the beat before each beat, NaN where nothing was recorded in between."""
    if analysis.rr_s is None:
        return np.diff(analysis.time_s, prepend=np.nan)
    return analysis.rr_s.astype(np.float64)


def _main_rhythm(analysis: Analysis) -> RhythmCode | None:
    """Return the rhythm in which most beats lie; None without episodes."""
    if not analysis.rhythm or not analysis.sample.size:
        return None
    at = episode_at(analysis.rhythm, analysis.time_s)
    codes: list[RhythmCode] = [analysis.rhythm[i].rhythm for i in at.tolist()]
    found: RhythmCode = max(dict.fromkeys(codes), key=codes.count)
    return found


def _without_qtc(beats: BeatIntervals, analysis: Analysis) -> NDArray[np.bool_]:
    """Tell which beats (n,) lie in a rhythm that forbids a QTc."""
    if not analysis.rhythm:
        return np.zeros(beats.beat_s.size, np.bool_)
    forbids = np.array([episode.rhythm in NO_QTC for episode in analysis.rhythm], np.bool_)
    return np.asarray(forbids[episode_at(analysis.rhythm, beats.beat_s)], np.bool_)


def _rate(beats: BeatIntervals) -> float | None:
    rr_ms = beats.ms["RR"][np.isfinite(beats.ms["RR"])]
    return None if not rr_ms.size else round(60_000 / float(np.median(rr_ms)), 1)


def _pr_segment_ms(waves: Waves, beats: BeatIntervals) -> float | None:
    segment = 1000 * (waves.marks("qrs_on") - waves.marks("p_off"))[beats.usual]
    segment = segment[np.isfinite(segment)]
    return float(np.median(segment)) if segment.size else None


def _p_share(waves: Waves, beats: BeatIntervals) -> float | None:
    if np.count_nonzero(beats.usual) < BEATS_MIN:
        return None
    return float(np.isfinite(waves.marks("p_peak")[beats.usual]).mean())


def _irregularity(beats: BeatIntervals) -> float | None:
    """Return the irregularity of RR between usual beats that follow a usual one: ectopy and its pauses do not count."""
    usual = beats.usual & np.concatenate([[False], beats.usual[:-1]])
    rr_ms = np.where(usual, beats.ms["RR"], np.nan)
    steps = np.diff(rr_ms)
    if np.count_nonzero(np.isfinite(steps)) < BEATS_MIN:
        return None
    return float(np.sqrt(np.nanmean(np.square(steps))) / np.nanmean(rr_ms))


def _ectopic(analysis: Analysis) -> dict[str, int]:
    counts = analysis.counts()
    return {name: counts[name] for name in ("V", "S")}


def _qtc(intervals: Mapping[str, Spread], rhythm: RhythmCode | None) -> tuple[dict[str, float], str]:
    middle = {name: intervals[name].median if name in intervals else None for name in ("QT", "RR", "QRS")}
    name = RHYTHM_NAMES[rhythm].name.lower() if rhythm is not None and rhythm in NO_QTC else ""
    why = why_none(rhythm=name, qt_ms=middle["QT"], rr_ms=middle["RR"], qrs_ms=middle["QRS"])
    if why or middle["QT"] is None or middle["RR"] is None:
        return {}, why
    return corrected(middle["QT"], middle["RR"]), ""


def _connected(beat: UsualBeat | None) -> UsualBeat | None:
    """Return the beat without leads that are flat throughout; None if all are."""
    if beat is None:
        return None
    kept = np.flatnonzero(np.ptp(beat.curve_mv, axis=0) >= UNREAD_MV)
    leads = tuple(beat.leads[i] for i in kept.tolist())
    return replace(beat, leads=leads, curve_mv=beat.curve_mv[:, kept], time_s=beat.time_s[kept]) if leads else None


def _shapes(beat: UsualBeat | None, *, with_p: bool) -> dict[str, LeadShape]:
    """Return the shape of each lead, under the recording's own names, and of those that follow from I and II."""
    if beat is None:
        return {}
    shapes = lead_shapes(beat, beat.curve_mv, beat.leads)
    known = {standard_name(lead) for lead in beat.leads}
    every = standard_leads(beat.curve_mv, beat.leads)
    derived = [i for i, lead in enumerate(every.leads) if lead not in known]
    shapes |= lead_shapes(beat, every.p_signal[:, derived], [every.leads[i] for i in derived])
    return shapes if with_p else {lead: replace(shape, p_mv=None, p_area=None) for lead, shape in shapes.items()}


def _standard(recording: Recording, shapes: Mapping[str, LeadShape]) -> dict[str, LeadShape]:
    """Return the calibrated standard leads, by standard name, in the usual order."""
    named = {standard_name(lead): shape for lead, shape in shapes.items() if _is_calibrated(recording, lead)}
    return {lead: named[lead] for lead in TWELVE_LEADS if lead in named}


def _is_calibrated(recording: Recording, lead: str) -> bool:
    """Tell whether a lead is in mV; a derived one is if I and II are."""
    if lead in recording.leads:
        return recording.calibrated[recording.leads.index(lead)]
    parts = [i for i, name in enumerate(recording.leads) if standard_name(name) in ("I", "II")]
    return all(recording.calibrated[i] for i in parts)


def _chest(beat: UsualBeat | None) -> FloatArray | None:
    """Return the QRS of the usual beat in V1 to V6 (n_samples, 6); None if one of them is missing."""
    if beat is None or not np.isfinite([beat.mark("qrs_on"), beat.mark("qrs_off")]).all():
        return None
    place = {standard_name(lead): i for i, lead in enumerate(beat.leads)}
    if not set(CHEST) <= place.keys():
        return None
    first, last = (round((beat.mark(name) + WINDOW_S[0]) * FS_HZ) for name in ("qrs_on", "qrs_off"))
    return beat.curve_mv[first : last + 1, [place[lead] for lead in CHEST]]


def _lead(
    shape: LeadShape, waves: Waves, beats: BeatIntervals, lead: str, *, with_p: bool, calibrated: bool
) -> LeadMeasurements:
    own: Mapping[str, Spread] = {}
    if lead in waves.leads:
        own = spreads(
            replace(beats, ms=beat_intervals(waves, beats.usual, beats.ms["RR"] / 1000, lead).ms), with_p=with_p
        )
    intervals = {name: spread for name, spread in own.items() if name != "RR"}
    if not calibrated:
        return LeadMeasurements(intervals, q_ms=None if shape.q is None else shape.q.ms)
    waves_mv = {"Q": shape.q, "R": shape.r, "S": shape.s, "R'": shape.r2}
    amplitudes = {name: round(wave.mv, 3) for name, wave in waves_mv.items() if wave is not None}
    amplitudes |= {name: round(mv, 3) for name, mv in (("P", shape.p_mv), ("T", shape.t_mv)) if mv is not None}
    st = {name: round(mv, 3) for name, mv in shape.st_mv.items()}
    return LeadMeasurements(intervals, st, amplitudes, None if shape.q is None else round(shape.q.ms, 1))
