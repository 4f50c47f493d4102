"""One analysed recording and what is shown of it: rates, letters, rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.cases.strip_content import BeatMarks, StripLead, recorded_leads
from pipeline.config import DEFAULT, REVIEW
from pipeline.labels import CLASS_NAMES, NOT_CLASSIFIED, aami_class
from pipeline.signal.lead_names import printed_name
from pipeline.signal.nearest import NO_BEAT, nearest
from pipeline.types import Analysis, Episode, FloatArray, Quality, Recording
from pipeline.wording import clock_text, looked_at, percent, share

if TYPE_CHECKING:
    from pipeline.analysis import Prepared  # imports SciPy, which the first page does not need
    from pipeline.review.beats_in_force import ReviewedBeats
    from pipeline.review.summary import Summary

TREND_POINTS: Final = 1500
TREND_GAP_S: Final = 5.0  # longer than any interval between beats of which a rate is taken
VERDICT_WORDS: Final = MappingProxyType(
    {"good": "good", "noisy": "noisy", "flat": "no signal", "saturated": "saturated", "gap": "not recorded"}
)


@dataclass(frozen=True, eq=False)
class Case:
    """One analysed recording; `analysis` and `prepared.beats` go beat by beat together."""

    recording: Recording
    prepared: Prepared
    analysis: Analysis

    def when(self, time_s: float, *, tenths: bool = True) -> str:
        """Write a time of this recording: by the clock where its start is kept, else elapsed."""
        return clock_text(float(time_s), self.recording.start, tenths=tenths)

    @cached_property
    def letters(self) -> tuple[str, ...]:
        """The letter of each beat: its class, or `?` if it was not classified."""
        pairs = zip(self.analysis.symbol, self.analysis.status, strict=True)
        return tuple(symbol if status == "classified" else NOT_CLASSIFIED for symbol, status in pairs)

    @cached_property
    def time_s(self) -> NDArray[np.float64]:
        """R peaks (n,) in seconds from the start."""
        return self.analysis.time_s

    @cached_property
    def abnormal(self) -> NDArray[np.bool_]:
        """Which beats (n,) are classified and above the model's threshold for abnormal ones."""
        classified = np.array([letter != NOT_CLASSIFIED for letter in self.letters], np.bool_)
        return classified & (self.analysis.abnormal >= self.analysis.threshold)

    @cached_property
    def beats(self) -> ReviewedBeats:
        """The beats as the model has them, with the intervals between them that are RR intervals."""
        from pipeline.review.beats_in_force import reviewed_beats  # SciPy, which the first page does not need
        from pipeline.review.signal_evidence import evidence_of

        return reviewed_beats(self.analysis, (), evidence_of(self.recording, self.analysis))

    @cached_property
    def summary(self) -> Summary:
        """Counts and heart rate as the review has them: a lost signal is no slow heart."""
        from pipeline.review.summary import summarise

        return summarise(self.beats)

    @cached_property
    def urgent(self) -> tuple[Episode, ...]:
        """The most urgent episodes of rhythm, those of one kind from the longest on."""
        from pipeline.review.episode_findings import urgent_episodes

        return urgent_episodes(self.analysis.rhythm)

    @cached_property
    def first_stop(self) -> int | None:
        """The beat to show first: of the most important finding that the model is sure of, else an abnormal one."""
        from pipeline.review.triage import triage

        sure = self.analysis.confidence >= REVIEW.doubtful_below
        for finding in triage(self.beats):
            at = np.searchsorted(self.analysis.sample, np.array(finding.samples, np.int64))
            at = at[sure[at] & self.abnormal[at]]
            if at.size:
                return int(at[0])
        return self.next_abnormal(-1, 1)

    @property
    def looked_at(self) -> str:
        """What was looked at in the recording and what was not, in one sentence."""
        recorded, found = len(self.recording.leads), self.analysis.measured
        measured = 0 if found is None else min(recorded, len(found.leads))
        return looked_at(
            tuple(map(printed_name, self.analysis.leads)),
            recorded,
            rhythm=bool(self.analysis.rhythm),
            measured=measured,
        )

    @cached_property
    def references(self) -> tuple[str, ...]:
        """WFDB symbol of the reference annotation within the EC57 window of each beat, "" where there is none."""
        reference = self.recording.reference
        if reference is None:
            return ("",) * self.analysis.sample.size
        window = DEFAULT.match_window_ms / 1000 * self.recording.fs
        beat = nearest(reference.sample, self.analysis.sample, within=window)
        return tuple("" if at == NO_BEAT else reference.symbol[at] for at in beat)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per beat; "time" sorts in order of time."""
        analysis = self.analysis
        frame = pd.DataFrame(
            {
                "beat": np.arange(1, len(self.letters) + 1),
                "time": times_in_order(self.time_s, self.recording.start),
                "class": self.letters,
                "meaning": ["N class" if x == "N" else CLASS_NAMES.get(x, "Not classified") for x in self.letters],
                "confidence": np.where(analysis.has_p, _never_certain(analysis.confidence), np.nan),
                "abnormal": np.where(analysis.has_p, _never_certain(analysis.abnormal), np.nan),
                "rr_ms": np.round(self.beats.rr_s * 1000),
                "reason": list(analysis.reason),
            }
        )
        if self.recording.reference is not None:
            frame.insert(4, "reference", [aami_class(symbol) or "" for symbol in self.references])
        return frame

    def nearest(self, time_s: float) -> int:
        """Return the beat nearest to a time; `NO_BEAT` if there is none."""
        return int(nearest(self.time_s, time_s))

    def next_abnormal(self, beat: int, step: int) -> int | None:
        """Return the next (`step` 1) or previous (-1) abnormal beat."""
        found = np.flatnonzero(self.abnormal)
        beyond = found[found > beat] if step > 0 else found[found < beat][::-1]
        return int(beyond[0]) if beyond.size else None


def times_in_order(time_s: NDArray[np.float64], start: datetime | None) -> NDArray[np.datetime64] | list[str]:
    """Return times (n,) for a column that may be sorted: moments of the clock, or texts of one width."""
    if start is not None:
        first = np.datetime64(start.replace(tzinfo=None, microsecond=0), "ms")
        tenths = np.round((start.microsecond / 1e6 + time_s) * 10)  # as `clock_text` rounds: a column cuts them off
        return first + (100 * tenths).astype("timedelta64[ms]")
    hours = bool(time_s.size) and float(time_s.max()) >= 3599.95
    texts = [clock_text(float(t), None, tenths=True, hours=hours) for t in time_s]
    widest = max(map(len, texts), default=0)
    return [text.rjust(widest, "0") for text in texts]


def _never_certain(p: FloatArray) -> FloatArray:
    """Probabilities (n,) in per cent for a column of bars: 1 to 99, as `percent` writes none as certain."""
    return np.clip(100 * p, 1, 99)


def quality_text(quality: Quality) -> str:
    """How much of the recording has which quality, in words."""
    seconds: dict[str, float] = {}
    for segment in quality.segments:
        word = VERDICT_WORDS[segment.verdict]
        seconds[word] = seconds.get(word, 0.0) + segment.stop_s - segment.start_s
    total = sum(seconds.values()) or 1.0
    shares = {word: length / total for word, length in sorted(seconds.items(), key=lambda pair: -pair[1])}
    return ", ".join(f"{share(part)} {word}" for word, part in shares.items())


def window_leads(case: Case, start_s: float, stop_s: float) -> tuple[StripLead, ...]:
    """Return the analysed leads as recorded, between two times.

    Parameters
    ----------
    case : Case
        The analysed recording.
    start_s, stop_s : float
        The stretch, in seconds from the start of the recording.
    """
    return recorded_leads(case.recording, case.prepared.leads, start_s, stop_s)


def marks(case: Case, start_s: float, stop_s: float) -> BeatMarks:
    """Return the beats between two times, as the strip marks them.

    Parameters
    ----------
    case : Case
        The analysed recording.
    start_s, stop_s : float
        The stretch, in seconds from the start of the recording.
    """
    first, last = np.searchsorted(case.time_s, [start_s, stop_s])
    return _marks(case, np.arange(first, last, dtype=np.int64))


def _marks(case: Case, beats: NDArray[np.int64]) -> BeatMarks:
    return BeatMarks(
        beats, case.time_s[beats], tuple(case.letters[i] for i in beats), tuple(hover(case, int(i)) for i in beats)
    )


def lane_marks(case: Case) -> BeatMarks:
    """Beats that are not N, thinned to one per class and pixel-wide stretch of the trend."""
    if not case.letters:
        return _marks(case, np.zeros(0, np.int64))
    letters = np.array(case.letters, "<U1")
    wanted = np.flatnonzero(letters != "N")
    bucket = (case.time_s[wanted] / max(case.recording.duration_s, 1e-9) * TREND_POINTS).astype(int)
    kind = np.unique(letters[wanted], return_inverse=True)[1]
    _, first = np.unique(np.stack([bucket, kind]), axis=1, return_index=True)
    return _marks(case, wanted[np.sort(first)].astype(np.int64))


def hover(case: Case, beat: int) -> str:
    """One line about a beat."""
    where = f"beat {beat + 1} at {case.when(case.time_s[beat])}"
    if case.letters[beat] == NOT_CLASSIFIED:
        return f"{where}: not classified"
    return f"{where}: {case.letters[beat]}, confidence {percent(float(case.analysis.confidence[beat]))}"


def rate_trend(case: Case) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.int64]]:
    """Time, heart rate and beat of the trend: every beat, or medians of so many that 1500 points remain.

    The rate is NaN after a stretch without beats, so that no line is drawn across it.
    """
    rr_s, time_s = case.beats.rr_s.astype(float), case.time_s
    rate = 60 / rr_s
    beat = np.arange(rate.size, dtype=np.int64)
    step = int(np.ceil(rate.size / TREND_POINTS))
    if step <= 1:
        return time_s, rate, beat
    whole = rate.size // step * step
    grid = np.ma.masked_invalid(rate[:whole].reshape(-1, step))
    medians = np.ma.median(grid, axis=1).filled(np.nan)  # type: ignore[no-untyped-call]
    longest = np.diff(time_s, prepend=time_s[0])[:whole].reshape(-1, step).max(axis=1)
    medians[longest > TREND_GAP_S] = np.nan
    return time_s[step // 2 : whole : step], medians, beat[step // 2 : whole : step]
