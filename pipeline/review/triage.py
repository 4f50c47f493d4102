"""The list of what needs attention, most important first, and the filters on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from pipeline.config import DEFAULT, REVIEW, ReviewConfig
from pipeline.labels import AAMI_CLASSES
from pipeline.measurements import WITH_EPISODES
from pipeline.review.beats_in_force import UNCLASSIFIED, ReviewedBeats
from pipeline.review.decisions import Stretch
from pipeline.review.episode_findings import EpisodeRow, episode_rows, events_told
from pipeline.review.finding_kinds import FINDING_KINDS, RHYTHM_GROUP, URGENCY
from pipeline.review.morphology import NO_FAMILY, Families
from pipeline.review.rhythm_events import Mask, RhythmEvent, ascii_codes, beat_letters, events, is_class
from pipeline.rhythm_names import rhythm_name
from pipeline.signal.nearest import NO_BEAT, nearest
from pipeline.types import Analysis, Episode, FloatArray, IntArray
from pipeline.wording import percent

_SINGLE: Final = (("V", "ectopic_v"), ("F", "fusion"), ("S", "ectopic_s"), ("Q", "paced_or_unclassifiable"))
_RUNS: Final = ("v_run", "s_run")
_SILENT: Final = MappingProxyType({"no_beats": "noise, flutter or missed beats", "signal_lost": "flat or adrift"})
_CUT_S: Final = 0.1  # nearer to an end of the recording than this, a QRS is cut off: seconds, as when beats are cut
_RATED: Final = ("af_like", "bradycardia", "tachycardia")


@dataclass(frozen=True)
class Finding:
    """One row of the list.

    Attributes
    ----------
    id : str
        Stays the same as long as the finding does: that of a rhythm event is its group of kinds and its first beat,
        that of a family row its class and family.
    kind : str
        What it is.
    title : str
        What it is, in words.
    priority : int
        1 is the highest.
    samples : tuple of int
        The beats that a decision on the finding is about (in a bigeminy only the ectopic beats), as indices into the
        recording; none if it is about a stretch.
    start_s, stop_s : float
        Its time span, seconds; it may reach beyond `samples`.
    detail : str
        Figures, in words.
    reviewed : bool
        True once a human has decided about all of the beats, or has seen the stretch.
    """

    id: str
    kind: str
    title: str
    priority: int
    samples: tuple[int, ...]
    start_s: float
    stop_s: float
    detail: str
    reviewed: bool

    @property
    def stretch(self) -> Stretch | None:
        """What a decision is about instead of beats: from and to, samples; None if it is about beats."""
        return None

    @property
    def concept(self) -> str:
        """The SNOMED CT concept that says exactly what the finding says; "" without one."""
        return FINDING_KINDS[self.kind].snomed


@dataclass(frozen=True)
class EpisodeFinding(Finding):
    """An episode of rhythm that needs a look; it has no beats of its own, and may lie where there is none.

    Attributes
    ----------
    episode : Episode
        The episode.
    ends : Stretch
        Where it lies: from and to, samples.
    """

    episode: Episode
    ends: Stretch

    @property
    def stretch(self) -> Stretch:
        """What a decision is about instead of beats."""
        return self.ends

    @property
    def concept(self) -> str:
        """The SNOMED CT concept of the rhythm, as exactly as its detail says it."""
        return rhythm_name(self.episode).snomed


@dataclass(frozen=True)
class EventFinding(Finding):
    """What the patient felt or did, as a reader has marked it.

    Attributes
    ----------
    ends : Stretch
        Where it lies: from and to, samples.
    """

    ends: Stretch

    @property
    def stretch(self) -> Stretch:
        """What a decision is about instead of beats."""
        return self.ends


@dataclass(frozen=True)
class StatementFinding(Finding):
    """An urgent statement about the usual beat, which a reader confirms or rejects; it is about the whole recording.

    Attributes
    ----------
    code : str
        Of the statement.
    ends : Stretch
        The whole recording, samples.
    """

    code: str
    ends: Stretch

    @property
    def stretch(self) -> Stretch:
        """What a decision is about instead of beats."""
        return self.ends


def triage(
    beats: ReviewedBeats,
    families: Families | None = None,
    config: ReviewConfig = REVIEW,
    *,
    found: Sequence[RhythmEvent] | None = None,
) -> tuple[Finding, ...]:
    """List what needs attention, most important first: statements, episodes, rhythm events, and beats by themselves.

    Statements are the urgent ones that no reader has rejected. Beats by themselves are single ectopics, doubtful and
    unclassified ones. Within one kind the longest pause, the longest or the largest comes first, then the earliest.
    Nothing is found in what a reader has marked as artefact. Single ectopics are those outside runs and
    couplets, one row per class and morphology family (one per class if `families` is None). Doubtful beats are those
    that the model calls N with a confidence below `doubtful_below`; they stay listed, as reviewed, once decided.
    Unclassified beats that an end of the recording cuts off are not listed.

    Parameters
    ----------
    beats : ReviewedBeats
        The beats in force.
    families : Families, optional
        Their morphology families.
    config : ReviewConfig, optional
        What counts as a finding.
    found : sequence of RhythmEvent, optional
        What `events` returned for these beats, if known.
    """
    rhythm = events(beats, config) if found is None else found
    told = events_told(beats, rhythm, config)
    decided, sure = beats.reviewed(), _own_confidence(beats)
    events_sized = list(_event_findings(beats, told, decided, sure))
    rows = [
        *_statement_findings(beats),
        *(_episode_finding(row) for row in episode_rows(beats, told, config)),
        *_patient_events(beats),
        *_single_findings(beats, told, families, decided, sure),
        *_doubtful_findings(beats, families, decided, sure, config),
        *_unclassified_findings(beats, decided, config),
    ]
    sized = [*events_sized, *((row, float(len(row.samples)) or row.stop_s - row.start_s) for row in rows)]
    sized.sort(key=lambda pair: (URGENCY[pair[0].kind], -pair[1], pair[0].start_s))
    return tuple(row for row, _ in sized)


def _statement_findings(beats: ReviewedBeats) -> Iterator[StatementFinding]:
    ruling = beats.ruling
    if ruling is None:
        return
    form, whole = FINDING_KINDS["statement"], (0, beats.n_samples)
    for statement in ruling.statements:
        verdict = ruling.verdicts.get(statement.code, "")
        if statement.urgent and statement.code not in WITH_EPISODES and verdict != "rejected":
            yield StatementFinding(
                id=f"{form.group}:{statement.code}", kind="statement", title=statement.text.rstrip("."),
                priority=form.priority, samples=(), start_s=0.0, stop_s=beats.n_samples / beats.fs,
                detail=statement.evidence, reviewed=bool(verdict), code=statement.code, ends=whole,
            )  # fmt: skip


def _patient_events(beats: ReviewedBeats) -> Iterator[EventFinding]:
    form = FINDING_KINDS["patient_event"]
    for (start, stop), text in () if beats.ruling is None else beats.ruling.events.items():
        yield EventFinding(
            id=f"{form.group}:{start}", kind="patient_event", title=form.title, priority=form.priority, samples=(),
            start_s=start / beats.fs, stop_s=stop / beats.fs, detail=text, reviewed=True, ends=(start, stop),
        )  # fmt: skip


def _episode_finding(row: EpisodeRow) -> EpisodeFinding:
    return EpisodeFinding(
        id=f"{RHYTHM_GROUP}:{row.stretch[0]}",
        kind=row.kind,
        title=row.title,
        priority=FINDING_KINDS[row.kind].priority,
        samples=(),
        start_s=row.episode.start_s,
        stop_s=row.episode.stop_s,
        detail=row.detail,
        reviewed=row.seen,
        episode=row.episode,
        ends=row.stretch,
    )


def _finding(
    beats: ReviewedBeats, kind: str, anchor: object, at: IntArray, decided: Mask, *, title: str = "", detail: str = ""
) -> Finding:
    """Make a row about the beats at positions `at`, increasing."""
    samples = beats.sample[at]
    form = FINDING_KINDS[kind]
    return Finding(
        id=f"{form.group}:{anchor}",
        kind=kind,
        title=title or form.title,
        priority=form.priority,
        samples=tuple(samples.tolist()),
        start_s=float(samples[0]) / beats.fs,
        stop_s=float(samples[-1]) / beats.fs,
        detail=detail,
        reviewed=bool(decided[at].all()),
    )


def _event_findings(
    beats: ReviewedBeats, found: Sequence[RhythmEvent], decided: Mask, sure: FloatArray
) -> Iterator[tuple[Finding, float]]:
    """Yield each event with its size: seconds of a pause, else beats."""
    letters = beat_letters(beats)
    for event in found:
        at = np.arange(event.first, event.last + 1)
        if event.letter and FINDING_KINDS[event.kind].group not in _RUNS:
            at = at[letters[event.first : event.last + 1] == ord(event.letter)]
        first = int(beats.sample[event.first])
        size = event.longest_s if FINDING_KINDS[event.kind].group == "pause" else float(at.size)
        yield _finding(beats, event.kind, first, at, decided, detail=_event_detail(event, sure[at])), size


def _event_detail(event: RhythmEvent, sure: FloatArray) -> str:
    if words := _SILENT.get(event.kind):
        return f"{event.seconds:.2f} s, {words}"
    if FINDING_KINDS[event.kind].group == "pause":
        more = f", {event.count - 1} intervals in a row" if event.count > 2 else ""
        return f"{event.longest_s:.2f} s{more}"
    if event.kind in _RATED:
        return f"{event.seconds:.0f} s at {event.bpm:.0f}/min, {event.count} beats"
    if FINDING_KINDS[event.kind].group in _RUNS:
        return f"{event.count} beats at {event.bpm:.0f}/min, {event.seconds:.1f} s{_how_sure(sure)}"
    return f"{sure.size} ectopic beats in {event.seconds:.1f} s{_how_sure(sure)}"


def _single_findings(
    beats: ReviewedBeats, found: Sequence[RhythmEvent], families: Families | None, decided: Mask, sure: FloatArray
) -> Iterator[Finding]:
    letters = beat_letters(beats)
    single = np.ones(len(beats), np.bool_)
    for event in found:
        if FINDING_KINDS[event.kind].group in _RUNS:
            single[event.first : event.last + 1] = False
    for letter, kind in _SINGLE:
        at = np.flatnonzero(single & (letters == ord(letter)))
        yield from _family_findings(beats, kind, at, families, decided, sure)


def _family_findings(
    beats: ReviewedBeats, kind: str, at: IntArray, families: Families | None, decided: Mask, sure: FloatArray
) -> Iterator[Finding]:
    """Yield one row per family of the beats at positions `at`."""
    family = np.zeros(at.size, np.int64) if families is None else families.of(beats.sample[at])
    for number in np.unique(family).tolist():
        members = at[family == number]
        name = "" if families is None else " of no family" if number == NO_FAMILY else f", family {number + 1}"
        anchor = "all" if families is None else number
        title = f"{FINDING_KINDS[kind].title}{name}"
        yield _finding(beats, kind, anchor, members, decided, title=title, detail=_group_detail(sure[members]))


def _group_detail(sure: FloatArray) -> str:
    return f"{sure.size} beat{'s' if sure.size > 1 else ''}{_how_sure(sure)}"


def _own_confidence(beats: ReviewedBeats) -> FloatArray:
    """Return the model's confidence (n,) in each beat whose class in force is the model's; 0 in the others."""
    own = beat_letters(beats) == ascii_codes(beats.model_aami)
    return np.where(own, beats.confidence, np.float32(0))


def _how_sure(sure: FloatArray) -> str:
    """Write the median of the confidences (k,) that are not 0; "" if all are."""
    own = np.sort(sure[sure > 0])
    if not own.size:
        return ""
    low, high = own[(own.size - 1) // 2], own[own.size // 2]  # `np.median` of a few takes as long as all the rest
    return f", confidence {percent(float((low + high) / 2))}"


def _audible(beats: ReviewedBeats) -> Mask:
    """Tell which beats (n,) lie outside of what a reader has marked as artefact."""
    return np.ones(len(beats), np.bool_) if beats.silenced is None else np.asarray(~beats.silenced)


def _doubtful_findings(
    beats: ReviewedBeats, families: Families | None, decided: Mask, sure: FloatArray, config: ReviewConfig
) -> Iterator[Finding]:
    at = np.flatnonzero(_audible(beats) & (beats.model_aami == "N") & (beats.confidence < config.doubtful_below))
    return _family_findings(beats, "doubtful", at, families, decided, sure)


def _unclassified_findings(beats: ReviewedBeats, decided: Mask, config: ReviewConfig) -> Iterator[Finding]:
    """Yield one row per stretch of time, because unclassified beats come in spells of noise.

    A beat that the start or the end of the recording cuts off is none: more of it cannot be seen.
    """
    whole = (beats.sample >= _CUT_S * beats.fs) & (beats.sample < beats.n_samples - _CUT_S * beats.fs)
    at = np.flatnonzero(_audible(beats) & whole & (beats.model_aami == UNCLASSIFIED))
    apart = np.diff(beats.sample[at]) > config.unclassified_join_s * beats.fs
    for members in np.split(at, np.flatnonzero(apart) + 1):
        if members.size:
            count = f"{members.size} beat{'s' if members.size > 1 else ''}"
            yield _finding(beats, "unclassified", int(beats.sample[members[0]]), members, decided, detail=count)


@dataclass(frozen=True)
class BeatFilter:
    """Which beats to show; a field left at its default lets all pass.

    Attributes
    ----------
    classes : frozenset[str]
        Classes in force; all if empty.
    confidence : tuple[float, float]
        Closed range.
    span_s : tuple[float, float]
        Times [start, stop), seconds.
    reviewed : bool
        Whether a human has decided.
    among : tuple of int
        Samples to restrict to, such as those that `disagreements` returns.
    """

    classes: frozenset[str] = frozenset()
    confidence: tuple[float, float] = (0.0, 1.0)
    span_s: tuple[float, float] | None = None
    reviewed: bool | None = None
    among: tuple[int, ...] | None = None


def beats_passing(beats: ReviewedBeats, wanted: BeatFilter) -> Mask:
    """Tell which beats (n,) pass the filter."""
    low, high = wanted.confidence
    passing = (beats.confidence >= low) & (beats.confidence <= high)
    if wanted.classes:
        passing &= is_class(beat_letters(beats), "".join(wanted.classes))
    if wanted.span_s is not None:
        passing &= (beats.time_s >= wanted.span_s[0]) & (beats.time_s < wanted.span_s[1])
    if wanted.reviewed is not None:
        passing &= beats.reviewed() == wanted.reviewed
    if wanted.among is not None:
        passing &= np.isin(beats.sample, np.array(wanted.among, np.int64))
    return np.asarray(passing)


def findings_passing(findings: Sequence[Finding], beats: ReviewedBeats, wanted: BeatFilter) -> tuple[Finding, ...]:
    """Return the findings of which at least one beat passes the filter, and the episodes in its span.

    An episode of rhythm is about no beat: a filter of classes, confidence or single beats lets none pass.

    Parameters
    ----------
    findings : sequence of Finding
        Findings in these beats.
    beats : ReviewedBeats
        The beats in force.
    wanted : BeatFilter
        The filter; its `reviewed` applies to the finding as a whole.
    """
    passing = beats_passing(beats, BeatFilter(wanted.classes, wanted.confidence, wanted.span_s, None, wanted.among))
    before = np.concatenate([[0], np.cumsum(passing)])
    kept = []
    for finding in findings:
        if wanted.reviewed is not None and finding.reviewed != wanted.reviewed:
            continue
        if not finding.samples:
            if _episode_passes(finding, wanted):
                kept.append(finding)
            continue
        first, last = np.searchsorted(beats.sample, (finding.samples[0], finding.samples[-1]))
        inside = int(before[last + 1] - before[first])
        if inside and (inside == last + 1 - first or _any_passes(finding, beats, passing)):
            kept.append(finding)
    return tuple(kept)


def _episode_passes(finding: Finding, wanted: BeatFilter) -> bool:
    if wanted.classes or wanted.among is not None or wanted.confidence != BeatFilter.confidence:
        return False
    return wanted.span_s is None or (finding.start_s < wanted.span_s[1] and finding.stop_s > wanted.span_s[0])


def _any_passes(finding: Finding, beats: ReviewedBeats, passing: Mask) -> bool:
    return bool(passing[np.searchsorted(beats.sample, np.array(finding.samples))].any())


def disagreements(beats: ReviewedBeats, other: Analysis) -> IntArray:
    """Return the samples (k,) of the beats to which another network gives another class than the model did.

    Beats are the same if they lie within `match_window_ms` (150 ms, ANSI/AAMI EC57); those that one of the two did not
    classify, or that only one has, do not count as disagreement.
    """
    if other.sample.size == 0 or len(beats) == 0:
        return np.zeros(0, np.int64)
    partner = nearest(other.sample, beats.sample, within=DEFAULT.match_window_ms / 1000 * beats.fs)
    best = np.array(AAMI_CLASSES)[other.p.argmax(axis=1)]
    classified = np.array([status == "classified" for status in other.status], np.bool_) & other.has_p
    known = is_class(ascii_codes(beats.model_aami), "".join(AAMI_CLASSES))
    differs = (partner != NO_BEAT) & known & classified[partner] & (best[partner] != beats.model_aami)
    return np.asarray(beats.sample[differs])
