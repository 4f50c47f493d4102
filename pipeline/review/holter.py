"""The tables of a Holter report: row by row over time, kind by kind, and the burden of ectopy and fibrillation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from pipeline.config import REVIEW, ReviewConfig
from pipeline.review.beats_in_force import REJECTED, ReviewedBeats
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.readable import Span, is_readable, readable_rr_s
from pipeline.review.rhythm_events import beat_letters, is_class, moving_rate
from pipeline.review.triage import EpisodeFinding, Finding
from pipeline.types import Episode, RhythmCode

V_RUNS: Final = frozenset({"v_triplet", "vt", "vt_sustained", "idioventricular", "vt_waves", "idioventricular_waves"})
S_RUNS: Final = frozenset({"svt", "atrial_rhythm", "svt_rhythm"})
COUPLETS: Final = frozenset({"v_couplet", "s_couplet"})
PAUSES: Final = frozenset({"pause", "long_pause", "asystole", "pause_in_signal"})
FIBRILLATION: Final[tuple[RhythmCode, ...]] = ("AFIB", "AFL")
_GROUPED: Final = ("v_run", "s_run")  # groups whose beats are not single
# From the first length on, rows are as long as the second, seconds: hours of a day, steps of a short recording.
_ROWS_S: Final = ((7200.0, 3600.0), (1200.0, 300.0), (0.0, 60.0))
_LEAST_ROW: Final = 0.1  # of a row: a shorter rest belongs to the row before
SHORTEST_S: Final = 120.0  # a shorter recording has no table over time


@dataclass(frozen=True)
class Row:
    """One row of the table over time, or its last, the whole recording.

    Attributes
    ----------
    start_s, stop_s : float
        Which time it covers, seconds from the start of the recording.
    beats : int
        Beats, without artefacts.
    lowest, mean, highest : float or None
        Heart rates as in `Summary`, 1/min; None with too few intervals in a row.
    v_single, v_couplets, v_runs : int
        Single ventricular beats, and the couplets and runs that begin in it.
    s_single, s_couplets, s_runs : int
        The same of supraventricular ones.
    pauses : int
        Pauses that begin in it; of several in a row each counts, at the first of them.
    af_s, unread_s : float
        How long fibrillation or flutter of the atria lasts in it, and how long it cannot be read, seconds.
    """

    start_s: float
    stop_s: float
    beats: int
    lowest: float | None
    mean: float | None
    highest: float | None
    v_single: int
    v_couplets: int
    v_runs: int
    s_single: int
    s_couplets: int
    s_runs: int
    pauses: int
    af_s: float
    unread_s: float


@dataclass(frozen=True)
class KindRow:
    """All findings of one kind.

    Attributes
    ----------
    kind, title : str
        Which kind, and its name.
    findings : tuple of Finding
        In order of time.
    longest : Finding
        The one with most beats, the longest time, or the longest pause; of equals the first. Of runs and pauses it is
        one of the readable ones, if there is any: see `pipeline.review.readable`.
    fastest, slowest : Finding or None
        By `run_bpm`, of the readable ones too; None where no finding of the kind has a rate.
    """

    kind: str
    title: str
    findings: tuple[Finding, ...]
    longest: Finding
    fastest: Finding | None
    slowest: Finding | None

    @property
    def decided(self) -> int:
        """How many of them a reader has decided about."""
        return sum(finding.reviewed for finding in self.findings)

    @property
    def number(self) -> int:
        """How many there are: beats of what is no event, pauses even where several follow each other, else findings."""
        return self._counted(self.findings)

    @property
    def number_decided(self) -> int:
        """How many of `number` a reader has decided about."""
        return self._counted([one for one in self.findings if one.reviewed])

    def _counted(self, some: Sequence[Finding]) -> int:
        return sum(len(one.samples) for one in some) if FINDING_KINDS[self.kind].scattered else told(some)

    @property
    def seconds(self) -> float:
        """How long they last in all."""
        return sum(finding.stop_s - finding.start_s for finding in self.findings)


@dataclass(frozen=True)
class AtrialBurden:
    """Fibrillation and flutter of the atria: seconds, share of the recording, number of episodes and the longest."""

    seconds: float
    share: float
    count: int
    longest: Episode | None


@dataclass(frozen=True)
class Holter:
    """What a Holter report tells beyond `Summary`.

    Attributes
    ----------
    rows : tuple of Row
        Over time; none for a recording under two minutes.
    total : Row
        The whole recording.
    kinds : tuple of KindRow
        The most urgent first.
    atrial : AtrialBurden
        Of the episodes in force.
    """

    rows: tuple[Row, ...]
    total: Row
    kinds: tuple[KindRow, ...]
    atrial: AtrialBurden


def holter(
    beats: ReviewedBeats,
    findings: Sequence[Finding],
    config: ReviewConfig = REVIEW,
    *,
    start: datetime | None = None,
) -> Holter:
    """Return the tables of a report; what is counted in them are the findings that are listed.

    Parameters
    ----------
    beats : ReviewedBeats
        The beats in force.
    findings : sequence of Finding
        What `triage` returned for them.
    config : ReviewConfig, optional
        What a heart rate is taken from.
    start : datetime, optional
        Clock time of the first sample: rows then begin with a full hour or minute of the clock.
    """
    counted = _Counted(beats, findings, config)
    stop_s = beats.n_samples / beats.fs
    step_s = next(step for least, step in _ROWS_S if stop_s >= least)
    edges = _edges(stop_s, step_s, _to_the_next(step_s, start)) if stop_s >= SHORTEST_S else []
    rows = tuple(counted.row(a, b) for a, b in pairwise(edges))
    return Holter(rows, counted.row(0.0, stop_s), kind_rows(findings, beats.unread), _atrial(beats, stop_s))


def _to_the_next(step_s: float, start: datetime | None) -> float:
    """Return the seconds from the start to the first full step of the clock; a step where there is no clock."""
    if start is None:
        return step_s
    of_day = timedelta(hours=start.hour, minutes=start.minute, seconds=start.second, microseconds=start.microsecond)
    return step_s - of_day.total_seconds() % step_s


def _edges(stop_s: float, step_s: float, first_s: float) -> list[float]:
    """Return where rows begin, and where the last one ends; short rests belong to the row beside them."""
    least = _LEAST_ROW * step_s
    inner = np.arange(first_s, stop_s - least, step_s).tolist()
    return [0.0, *(at for at in inner if at >= least), stop_s]


def kind_rows(findings: Sequence[Finding], unread: Sequence[Span] = ()) -> tuple[KindRow, ...]:
    """Return the findings kind by kind, the most urgent first, each kind in order of time.

    Statements about the usual beat are no events, and left out.

    Parameters
    ----------
    findings : sequence of Finding
        What is listed.
    unread : sequence of (float, float), optional
        Stretches from which no extreme is taken, see `pipeline.review.readable`.
    """
    rows = []
    for kind, form in FINDING_KINDS.items():
        if kind == "statement":
            continue
        own = tuple(sorted((one for one in findings if one.kind == kind), key=lambda one: one.start_s))
        if not own:
            continue
        brief = is_pause(kind) or form.group in _GROUPED
        seen = [one for one in own if brief and is_readable(unread, one.start_s, one.stop_s)] or own
        rated = [(bpm, one) for one in seen if (bpm := run_bpm(one)) is not None]
        titles = {one.title for one in own}
        rows.append(
            KindRow(
                kind,
                titles.pop() if len(titles) == 1 and not (form.scattered or is_pause(kind)) else form.title,
                own,
                max(seen, key=longest_pause_s if is_pause(kind) else _size),
                max(rated, key=lambda pair: round(pair[0], 2))[1] if rated else None,
                min(rated, key=lambda pair: round(pair[0], 2))[1] if rated else None,
            )
        )
    return tuple(rows)


def _size(one: Finding) -> tuple[int, float]:
    return len(one.samples), one.stop_s - one.start_s


def is_pause(kind: str) -> bool:
    """Tell whether findings of a kind are long intervals, which are measured one by one."""
    return kind in PAUSES or FINDING_KINDS[kind].group == "pause"


def pauses_in(finding: Finding) -> int:
    """Return how many long intervals a pause is made of: those that follow each other are one finding."""
    return max(1, len(finding.samples) - 1)


def told(findings: Sequence[Finding]) -> int:
    """Return how many findings there are as a reader counts them: each long interval is a pause of its own."""
    return sum(pauses_in(one) if is_pause(one.kind) else 1 for one in findings)


def longest_pause(finding: Finding) -> Span:
    """Return where the longest interval of a pause begins and ends, seconds."""
    if len(finding.samples) < 2:
        return finding.start_s, finding.stop_s
    samples = np.array(finding.samples, np.float64)
    time_s = np.interp(samples, samples[[0, -1]], (finding.start_s, finding.stop_s))
    at = int(np.diff(samples).argmax())
    return float(time_s[at]), float(time_s[at + 1])


def longest_pause_s(finding: Finding) -> float:
    """Return how long the longest interval of a pause lasts, seconds."""
    start_s, stop_s = longest_pause(finding)
    return stop_s - start_s


def run_bpm(finding: Finding) -> float | None:
    """Return the mean rate of a run or couplet, 1/min; None for a finding that is neither."""
    seconds = finding.stop_s - finding.start_s
    if FINDING_KINDS[finding.kind].group not in _GROUPED or len(finding.samples) < 2 or seconds <= 0:
        return None
    return 60 * (len(finding.samples) - 1) / seconds


def _atrial(beats: ReviewedBeats, duration_s: float) -> AtrialBurden:
    own = [episode for episode in beats.rhythm if episode.rhythm in FIBRILLATION]
    seconds = sum(episode.seconds for episode in own)
    longest = max(own, key=lambda episode: episode.seconds, default=None)
    return AtrialBurden(seconds, seconds / duration_s if duration_s else 0.0, len(own), longest)


class _Counted:
    """The beats in force, sorted for counting between two times."""

    def __init__(self, beats: ReviewedBeats, findings: Sequence[Finding], config: ReviewConfig) -> None:
        letters = beat_letters(beats)
        self._beats = beats
        self._rr_s = beats.rate_rr_s
        self._rate = moving_rate(readable_rr_s(self._rr_s, beats.time_s, beats.unread), config)
        self._there = ~is_class(letters, REJECTED)
        grouped = [one.samples for one in findings if FINDING_KINDS[one.kind].group in _GROUPED]
        within = np.isin(beats.sample, np.concatenate([np.array(samples) for samples in grouped] or [np.zeros(0)]))
        self._single = {letter: is_class(letters, letter) & ~within for letter in "VS"}
        self._starts = [(one.kind, one.start_s, pauses_in(one) if is_pause(one.kind) else 1) for one in findings]

    def row(self, start_s: float, stop_s: float) -> Row:
        """Count between two times, seconds."""
        first, last = np.searchsorted(self._beats.time_s, [start_s, stop_s])
        rr_s, rate = (values[first:last] for values in (self._rr_s, self._rate))
        known, rates = rr_s[np.isfinite(rr_s)].astype(np.float64), rate[np.isfinite(rate)]
        return Row(
            start_s=start_s,
            stop_s=stop_s,
            beats=int(self._there[first:last].sum()),
            lowest=float(rates.min()) if rates.size else None,
            mean=float(60 * known.size / known.sum()) if known.size else None,
            highest=float(rates.max()) if rates.size else None,
            v_single=int(self._single["V"][first:last].sum()),
            v_couplets=self._count({"v_couplet"}, start_s, stop_s),
            v_runs=self._count(V_RUNS, start_s, stop_s),
            s_single=int(self._single["S"][first:last].sum()),
            s_couplets=self._count({"s_couplet"}, start_s, stop_s),
            s_runs=self._count(S_RUNS, start_s, stop_s),
            pauses=self._count(PAUSES, start_s, stop_s),
            af_s=self._seconds(FIBRILLATION, start_s, stop_s),
            unread_s=self._seconds(("NOISE",), start_s, stop_s),
        )

    def _count(self, kinds: frozenset[str] | set[str], start_s: float, stop_s: float) -> int:
        return sum(many for kind, at, many in self._starts if kind in kinds and start_s <= at < stop_s)

    def _seconds(self, rhythms: tuple[RhythmCode, ...], start_s: float, stop_s: float) -> float:
        own = [episode for episode in self._beats.rhythm if episode.rhythm in rhythms]
        return float(sum(max(0.0, min(one.stop_s, stop_s) - max(one.start_s, start_s)) for one in own))


def urgent_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return what must be looked at first: all of the first priority, and episodes of rhythm of the second."""
    return tuple(
        one for one in findings if one.priority == 1 or (one.priority == 2 and isinstance(one, EpisodeFinding))
    )
