"""Which stretches of a recording a report shows as strips: usual rhythm, extremes of rate, extremes of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.export.ecg_paper import PULSE_MM, SPEED_MM_S
from pipeline.export.pdf_page import INNER_MM
from pipeline.export.report_content import ReportContent
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.holter import COUPLETS, KindRow, is_pause, longest_pause, run_bpm
from pipeline.review.summary import Moment
from pipeline.review.triage import Finding
from pipeline.rhythm_names import episode_at
from pipeline.twelve_leads.sheet import page_s
from pipeline.wording import grouped

STRIP_S: Final = (INNER_MM - PULSE_MM) / SPEED_MM_S
MAX_STRIPS: Final = 16  # of findings
MAX_PER_KIND: Final = 2  # the longest, and the fastest

_LEAD_IN_S: Final = 1.5  # of rhythm shown before a finding that is longer than the strip
# nothing to show to who reads a report
_NOT_SHOWN: Final = frozenset({"doubtful", "unclassified", "unreadable", "artefact"})
_SAME_S: Final = STRIP_S / 2  # two strips that begin closer than this show the same
_RATE_PLACE: Final = 0.75  # of a strip, where a lowest or highest rate ends


@dataclass(frozen=True)
class Strip:
    """What one strip shows.

    Attributes
    ----------
    heading, detail : str
        The lines above it.
    start_s : float
        Where it begins, seconds from the start of the recording.
    marked : tuple of (float, float)
        Stretches of the finding, in seconds; none for the usual rhythm.
    reviewed : bool
        Whether a reader has decided about it.
    also : tuple of str
        What else it shows, as headings of strips that were left out for it.
    number : int
        Its place in the report, from 1.
    """

    heading: str
    detail: str
    start_s: float
    marked: tuple[tuple[float, float], ...]
    reviewed: bool
    also: tuple[str, ...] = ()
    number: int = 0


def strips(content: ReportContent) -> tuple[Strip, ...]:
    """Return the usual rhythm, the lowest and the highest rate, then the extremes of each kind; none shown twice.

    Where two would show the same, one does, and says so. An ECG of many leads that fits on one page needs none: that
    page shows all of it. Without a beat nothing is usual: the recording is shown from its start, unless a finding
    shows it.
    """
    recording = content.recording
    if recording is not None and recording.duration_s <= page_s(SPEED_MM_S, recording.duration_s):
        return ()
    found = _without_repeats([_strip_of(finding, words, content) for finding, words in findings_with_strips(content)])
    usual = Strip("Usual rhythm", _usual_words(content), usual_rhythm(content), (), True)
    if not len(content.beats):
        usual = Strip("Start of the recording", "", 0.0, (), True)
        return _numbered(found or [usual])
    further = [usual, *_rates(content)]
    together = _without_repeats([*found, *further])
    findings, others = together[: len(found)], together[len(found) :]
    return _numbered([*others, *findings])


def findings_with_strips(content: ReportContent) -> tuple[tuple[Finding, str], ...]:
    """Choose the findings that get a strip, each with what is extreme about it: at most `MAX_PER_KIND` of a kind."""
    rows = (row for row in content.holter.kinds if row.kind not in _NOT_SHOWN)
    return tuple(chosen for row in rows for chosen in _extremes(row))[:MAX_STRIPS]


def _extremes(row: KindRow) -> Iterator[tuple[Finding, str]]:
    """Yield the longest of a kind, and the fastest where that is another one."""
    count = row.number
    if FINDING_KINDS[row.kind].scattered or count == 1:
        yield row.longest, ""
        return
    longest, fast = row.longest, row.fastest
    if row.kind in COUPLETS and fast is not None:
        yield fast, f"the fastest of {grouped(count)}"
        return
    yield longest, f"the longest of {grouped(count)}"
    long = run_bpm(longest)
    if fast is not None and long is not None and round(run_bpm(fast) or 0) > round(long):
        yield fast, f"the fastest of {grouped(count)}"


def _rates(content: ReportContent) -> Iterator[Strip]:
    rate = content.summary.rate
    for name, moment in (("Lowest heart rate", rate.lowest), ("Highest heart rate", rate.highest)):
        if moment is not None:
            yield _at(f"{name}, {moment.value:.0f}/min", moment, content)
    longest = content.summary.longest_rr
    if longest is not None:
        since = content.when(longest.time_s - longest.value)
        yield replace(_at(f"Longest RR interval, {longest.value:.2f} s", longest, content), detail=f"at {since}")


def _at(heading: str, moment: Moment, content: ReportContent) -> Strip:
    start_s = _inside(moment.time_s - _RATE_PLACE * STRIP_S, content)
    return Strip(heading, f"at {content.when(moment.time_s)}", start_s, (), True)


def _usual_words(content: ReportContent) -> str:
    rr_s = content.beats.rate_rr_s
    known = rr_s[np.isfinite(rr_s)]
    return f"at the median rate, {60 / float(np.median(known)):.0f}/min" if known.size else ""


def _without_repeats(some: list[Strip]) -> list[Strip]:
    """Leave out each strip that one before it shows as well, which then names it."""
    kept: list[Strip] = []
    for strip in some:
        same = next((i for i, one in enumerate(kept) if abs(one.start_s - strip.start_s) < _SAME_S), None)
        if same is None:
            kept.append(strip)
        else:
            also = (*kept[same].also, f"{strip.heading[:1].lower()}{strip.heading[1:]}")
            kept[same] = replace(kept[same], also=also, marked=kept[same].marked + strip.marked)
    return kept


def _numbered(some: list[Strip]) -> tuple[Strip, ...]:
    return tuple(replace(strip, number=number) for number, strip in enumerate(some, 1))


def usual_rhythm(content: ReportContent) -> float:
    """Return the start of the calmest strip, in seconds: few abnormal or poorly recorded beats, at the median rate."""
    beats, quality = content.beats, content.analysis.quality
    if not beats.sample.size:
        return 0.0
    time_s = beats.sample / beats.fs
    good = np.array([segment.verdict == "good" for segment in quality.segments])[quality.index_at(time_s)]
    rr_s = beats.rr_s.astype(float)
    usual = float(np.nanmedian(rr_s)) if np.isfinite(rr_s).any() else 1.0
    strange = (beats.aami != "N") | ~good | ~np.isfinite(rr_s) | ~_in_usual_rhythm(content, time_s)
    cost = 100.0 * strange + np.nan_to_num(np.abs(rr_s - usual))
    total = np.concatenate(([0.0], np.cumsum(cost)))
    start = np.clip(time_s - 0.4, 0.0, max(0.0, content.analysis.duration_s - STRIP_S))
    first, stop = np.searchsorted(time_s, start), np.searchsorted(time_s, start + STRIP_S)
    lacking = np.maximum(0.0, STRIP_S / usual - 1 - (stop - first))
    return float(start[np.argmin((total[stop] - total[first]) / np.maximum(1, stop - first) + lacking)])


def ecg_start(content: ReportContent) -> float:
    """Return where the page of all leads begins, seconds: in the usual rhythm of a recording longer than the page."""
    duration_s = content.analysis.duration_s
    return min(usual_rhythm(content), max(0.0, duration_s - page_s(SPEED_MM_S, duration_s)))


def _in_usual_rhythm(content: ReportContent, time_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which of the times (n,) lie in the rhythm that lasts longest; all of them where no rhythm is known."""
    rhythm = content.beats.rhythm
    if not rhythm:
        return np.ones(time_s.size, np.bool_)
    usual = max(content.times, key=lambda time: time.seconds).rhythm
    return np.array([episode.rhythm == usual for episode in rhythm])[episode_at(rhythm, time_s)]


def _strip_of(finding: Finding, words: str, content: ReportContent) -> Strip:
    heading = f"{finding.title}, {words}" if words else finding.title
    if FINDING_KINDS[finding.kind].scattered:  # of beats that need not follow each other, one is shown
        beat_s = finding.samples[0] / content.analysis.fs
        marked = tuple((sample / content.analysis.fs,) * 2 for sample in finding.samples)
        others = f"the first of {grouped(len(finding.samples))} beats" if len(finding.samples) > 1 else "one beat"
        detail = f"{content.when(beat_s)}, {others}. {finding.detail}".rstrip()
        return Strip(heading, detail, _inside(beat_s - STRIP_S / 2, content), marked, finding.reviewed)
    start_s, stop_s = longest_pause(finding) if is_pause(finding.kind) else (finding.start_s, finding.stop_s)
    span = stop_s - start_s
    fits = span < STRIP_S - 1
    start = _inside(start_s - ((STRIP_S - span) / 2 if fits else _LEAD_IN_S), content)
    cut = "" if fits else f", its first {start + STRIP_S - start_s:.1f} s here"
    detail = f"{_ends(start_s, stop_s, content)}{cut}. {finding.detail}".rstrip()
    return Strip(heading, detail, start, ((finding.start_s, finding.stop_s),), finding.reviewed)


def _ends(start_s: float, stop_s: float, content: ReportContent) -> str:
    """Write from when to when, once where both are in the same second."""
    return " to ".join(dict.fromkeys((content.when(start_s), content.when(stop_s))))


def _inside(start_s: float, content: ReportContent) -> float:
    """Return the start of a strip, moved so that it lies within the recording, if that is long enough."""
    return min(max(0.0, start_s), max(0.0, content.analysis.duration_s - STRIP_S))
