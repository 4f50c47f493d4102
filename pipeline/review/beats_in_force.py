"""The beats in force: the model's beats with all decisions of a reader replayed on them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DEFAULT, Config
from pipeline.errors import ReviewError
from pipeline.review import intervals_in_force as intervals
from pipeline.review.decisions import RULING_KINDS, STRETCH_KINDS, Decision, Stretch
from pipeline.review.readable import Span, unread_spans
from pipeline.review.rhythm_in_force import ABOUT_ONE_THERE, RhythmInForce, rhythm_of
from pipeline.review.runs_in_force import undone_runs
from pipeline.review.signal_evidence import SignalEvidence, known_gaps
from pipeline.signal.at_rest import Silence
from pipeline.signal.nearest import NO_BEAT, nearest
from pipeline.signal.r_peaks import snap
from pipeline.types import Analysis, Episode, FloatArray, IntArray, read_only

UNCLASSIFIED: Final = intervals.UNCLASSIFIED
REJECTED: Final = intervals.REJECTED
ABSENT: Final = "-"
_ROWS: Final = MappingProxyType(  # fields of the board, and their values for a beat without a decision
    {
        **{"model": "", "p": 0.0, "confidence": 0.0, "offset": 0.0, "there": False, "aami": "", "given": ""},
        **{"human": "", "comment": ""},
    }
)
_DECIDED: Final = ("there", "aami", "given", "human", "comment")  # what decisions about known beats change


@dataclass(frozen=True, eq=False)
class ReviewedBeats:
    """The beats in force after all decisions: sorted by sample, without deleted beats.

    Attributes
    ----------
    fs : float
        Sampling frequency of the recording, Hz.
    n_samples : int
        Its length, samples.
    sample : (n,) int64
        R peaks, which also identify the beats.
    aami : (n,) str
        The class in force: the human's if decided, else the model's; "U" if the model left it unclassified and nobody
        decided, "X" if rejected as an artefact.
    model_aami : (n,) str
        The model's answer, "U" unclassified, "" for added beats.
    p : (n, 5) float32
        The model's probabilities, 0 where the network was not run.
    confidence : (n,) float32
        The model's confidence.
    human : (n,) str
        "", "confirmed", "overridden", "rejected" or "added".
    comment : tuple of str
        Comment on each beat.
    break_before : (n,) bool
        Where the interval before the beat is not an RR interval: the start, a gap in the signal, an artefact at either
        end, or a silence other than "rest".
    silences : mapping of int to Silence
        What the leads show in long intervals that are no pauses, by the position of the beat that ends them.
    rhythm : tuple of Episode
        The rhythm in force; empty in an analysis of an earlier version.
    ruling : RhythmInForce or None
        What a reader has decided about the rhythm and about urgent statements.
    silenced : (n,) bool or None
        Beats in a stretch that a reader has marked as artefact: rejected, and no finding. None if there is no such
        stretch.
    seen : frozenset of (int, int)
        The stretches, from and to as samples, that a reader has looked at.
    notes : mapping of (int, int) to str
        Comments on stretches.
    hidden : (n,) bool or None
        Beats that nobody could class in a stretch where noise hides the waves: no rate is taken from them. None in an
        analysis without `rhythm`.
    unread : tuple of (float, float)
        Stretches from which no extreme is taken, seconds: see `pipeline.review.readable`.
    offset : (n,) float32 or None
        How far each R peak lies after its `sample`, in samples; 0 for added beats. None if no beat has one.
    """

    fs: float
    n_samples: int
    sample: IntArray
    aami: NDArray[np.str_]
    model_aami: NDArray[np.str_]
    p: FloatArray
    confidence: FloatArray
    human: NDArray[np.str_]
    comment: tuple[str, ...]
    break_before: NDArray[np.bool_]
    silences: Mapping[int, Silence] = field(default_factory=lambda: MappingProxyType({}))
    rhythm: tuple[Episode, ...] = ()
    ruling: RhythmInForce | None = None
    silenced: NDArray[np.bool_] | None = None
    seen: frozenset[Stretch] = frozenset()
    notes: Mapping[Stretch, str] = field(default_factory=lambda: MappingProxyType({}))
    hidden: NDArray[np.bool_] | None = None
    unread: tuple[Span, ...] = ()
    offset: FloatArray | None = None

    def __len__(self) -> int:
        """Return the number of beats."""
        return int(self.sample.size)

    @cached_property
    def rr_s(self) -> FloatArray:
        """Seconds (n,) since the previous beat; NaN where `break_before`."""
        if self.offset is None:
            rr = np.diff(self.sample, prepend=0).astype(np.float32) / np.float32(self.fs)
        else:
            rr = self.intervals_s().astype(np.float32)
        return read_only(np.where(self.break_before, np.float32(np.nan), rr))

    @cached_property
    def rate_rr_s(self) -> FloatArray:
        """The intervals (n,) of `rr_s` that a heart rate may be taken from; NaN also next to `hidden` beats."""
        if self.hidden is None or not self.hidden.any():
            return self.rr_s
        beside = self.hidden | np.concatenate([[False], self.hidden[:-1]])
        return read_only(np.where(beside, np.float32(np.nan), self.rr_s))

    @cached_property
    def time_s(self) -> NDArray[np.float64]:
        """Time of each R peak (n,), seconds, to less than a sample."""
        exact = self.sample if self.offset is None else self.sample + self.offset.astype(np.float64)
        return read_only(np.asarray(exact / self.fs, np.float64))

    def intervals_s(self) -> NDArray[np.float64]:
        """Return the seconds (n,) since the previous beat, or since the start, whatever lies in between."""
        if self.offset is None:
            return np.diff(self.sample, prepend=0) / self.fs
        return np.diff(self.time_s, prepend=0.0)

    def reviewed(self) -> NDArray[np.bool_]:
        """Tell for each beat (n,) whether a human has decided about it."""
        return np.asarray(self.human != "")


def reviewed_beats(
    analysis: Analysis, decisions: Sequence[Decision], evidence: SignalEvidence | None = None
) -> ReviewedBeats:
    """Replay decisions, oldest first, on what the model found.

    Parameters
    ----------
    analysis : Analysis
        The model's answer.
    decisions : sequence of Decision
        The decisions in force, oldest first.
    evidence : SignalEvidence, optional
        What the signal shows between beats, see `evidence_of`; if None, only the gaps of `analysis.quality`.

    Raises
    ------
    ReviewError
        If a decision is about a beat that does not exist, or adds one where there is one.
    """
    board = Board(analysis, decisions)
    for decision in decisions:
        board.apply(decision)
    return board.beats(known_gaps(analysis) if evidence is None else evidence)


def snapped(sample: int, lead: FloatArray, fs: float, existing: IntArray, config: Config = DEFAULT) -> int:
    """Return where a beat added by hand belongs: the nearby local extremum of the lead about its median.

    Parameters
    ----------
    sample : int
        Where the user pointed.
    lead : (n_samples,) float32
        The lead, mV, NaN in gaps.
    fs : float
        Its sampling frequency, Hz.
    existing : (n,) int64
        R peaks that already exist, increasing.
    config : Config, optional
        Settings of the pipeline.

    Raises
    ------
    ReviewError
        If nothing was recorded there, or there is already a beat.
    """
    if not 0 <= sample < lead.size or not np.isfinite(lead[sample]):
        raise ReviewError(f"Nothing was recorded at {sample / fs:.2f} s; choose a place with signal.")
    reach = round(config.signal.rr_min_ms / 1000 * fs)
    first = max(0, sample - reach)
    around = lead[first : sample + reach + 1]
    level = np.nan_to_num(around - np.nanmedian(around), nan=0.0).astype(np.float32)
    found = first + int(snap(np.array([sample - first]), level, fs, config.signal)[0])
    check_free(found, fs, existing, config)
    return found


def check_free(sample: int, fs: float, existing: IntArray, config: Config = DEFAULT) -> None:
    """Refuse a beat at a place where there is already one.

    Parameters
    ----------
    sample : int
        Where the beat would be.
    fs : float
        Sampling frequency, Hz.
    existing : (n,) int64
        R peaks that already exist, increasing.
    config : Config, optional
        Beats within its `match_window_ms` are in the same place.

    Raises
    ------
    ReviewError
        With the beat that is already there.
    """
    at = int(nearest(existing, sample, within=config.match_window_ms / 1000 * fs))
    if at != NO_BEAT:
        raise ReviewError(
            f"A beat is at {existing[at] / fs:.2f} s already, within {config.match_window_ms:g} ms of "
            f"{sample / fs:.2f} s; change or delete that one."
        )


class Board:
    """The replay itself: one row for every beat that any of `decisions` can refer to, and whether it exists."""

    def __init__(self, analysis: Analysis, decisions: Sequence[Decision]) -> None:
        self.analysis = analysis
        self.n_samples = round(analysis.duration_s * analysis.fs)
        added = [sample for decision in decisions if decision.kind == "add" for sample in decision.samples]
        self.sample = _union(analysis.sample, np.array(added, np.int64))
        self.from_model = np.searchsorted(self.sample, analysis.sample)
        self.model = self._filled(intervals.model_answers(analysis), "")
        self.p = self._filled(analysis.p, 0.0)
        self.confidence = self._filled(analysis.confidence, 0.0)
        none = np.zeros(analysis.sample.size, np.float32)
        self.offset = self._filled(none if analysis.offset is None else analysis.offset, 0.0)
        self.there = self._filled(np.ones(analysis.sample.size, np.bool_), False)
        self.aami = self.model.copy()
        self.given = self.model.copy()  # the last class given by a human: an added beat has no other
        self.human = np.full(self.sample.size, "", "<U10")
        self.comment = np.full(self.sample.size, "", np.object_)
        self.seen: frozenset[Stretch] = frozenset()
        self.notes: Mapping[Stretch, str] = {}
        self.rhythm = rhythm_of(analysis)

    def _filled(self, values: NDArray[Any], fill: object) -> NDArray[Any]:
        rows = np.full((self.sample.size, *values.shape[1:]), fill, values.dtype)
        rows[self.from_model] = values
        return rows

    def after(self, decision: Decision) -> Board:
        """Return the board one decision further, as if all were replayed with it; this one stays as it is.

        Parameters
        ----------
        decision : Decision
            The next one, about beats that are there, or about a beat to add.

        Raises
        ------
        ReviewError
            As in `reviewed_beats`.
        """
        further = copy.copy(self)
        if decision.kind == "add":
            further._make_room(np.array(decision.samples, np.int64))
        else:
            for name in _DECIDED:
                setattr(further, name, getattr(self, name).copy())
        further.apply(decision)
        return further

    def _make_room(self, added: IntArray) -> None:
        """Give each of the samples a row of its own, in new arrays."""
        before = self.sample
        self.sample = _union(before, added)
        row = np.searchsorted(self.sample, before)
        self.from_model = row[self.from_model]
        for name, fill in _ROWS.items():
            old = getattr(self, name)
            new = np.full((self.sample.size, *old.shape[1:]), fill, old.dtype)
            new[row] = old
            setattr(self, name, new)

    def apply(self, decision: Decision) -> None:
        """Carry out one of the decisions that the board was made for, in their order; errors as in `reviewed_beats`."""
        if decision.kind in RULING_KINDS:
            named = decision.stretches if decision.kind in ABOUT_ONE_THERE else ()
            self.rhythm = self._rhythm_now(named).after(decision)
            return
        if decision.kind in STRETCH_KINDS:
            self._look(decision)
            return
        samples = np.array(decision.samples, np.int64)
        self._check_audible(samples)
        row = self._new_rows(samples) if decision.kind == "add" else self._rows(samples)
        getattr(self, f"_{decision.kind}")(row, decision.aami)
        if decision.text or decision.kind == "comment":
            self.comment[row] = decision.text

    def _check_audible(self, samples: IntArray) -> None:
        """Refuse a decision about beats that would all change nothing, because they lie in an artefact."""
        if self.rhythm.artefacts and intervals.inside(samples, self.rhythm.artefacts).all():
            raise ReviewError(
                f"The place at {samples[0] / self.analysis.fs:.2f} s is marked as artefact: reject or shorten that."
            )

    def around(self, decision: Decision) -> str:
        """Return what is in force where a decision is about: a letter for each beat, or the rhythm in words."""
        return self._rhythm_now().words(decision) if decision.kind in RULING_KINDS else self.classes(decision.samples)

    def model_around(self, decision: Decision) -> str:
        """Return the model's answer where a decision is about, as `around` does."""
        if decision.kind in RULING_KINDS:
            return rhythm_of(self.analysis).words(decision)
        return self.model_classes(decision.samples)

    def _look(self, decision: Decision) -> None:
        for start, stop in decision.stretches:
            if not 0 <= start < stop <= self.n_samples:
                raise ReviewError(
                    f"The stretch from sample {start} to {stop} lies outside the recording of {self.n_samples} samples;"
                    " look at the study again."
                )
        if decision.kind == "seen":
            self.seen |= set(decision.stretches)
        if decision.text or decision.kind == "note":
            self.notes = {**self.notes, **dict.fromkeys(decision.stretches, decision.text)}

    def _rhythm_now(self, named: Sequence[Stretch] | None = None) -> RhythmInForce:
        """Return the rhythm without the runs that decisions about beats have undone, or only without some of them."""
        runs = [run for run in self.rhythm.runs if named is None or run.stretch in named]
        if not runs:
            return self.rhythm
        now = np.where(self.there, self.aami, "")
        return self.rhythm.without_runs(undone_runs(runs, self.analysis.fs, self.sample, self.model, now))

    def classes(self, samples: tuple[int, ...]) -> str:
        """Return the class in force of each beat, one letter each; "-" where there is no beat."""
        return self._letters(samples, np.where(self.there, self.aami, ABSENT))

    def model_classes(self, samples: tuple[int, ...]) -> str:
        """Return the model's answer for each beat, one letter each; "-" for beats that the model did not find."""
        return self._letters(samples, np.where(self.model == "", ABSENT, self.model))

    def _letters(self, samples: tuple[int, ...], letters: NDArray[np.str_]) -> str:
        if not self.sample.size:
            return ABSENT * len(samples)
        row = np.searchsorted(self.sample, samples)
        known = (row < self.sample.size) & (self.sample.take(row, mode="clip") == samples)
        return "".join(np.where(known, letters.take(row, mode="clip"), ABSENT))

    def _rows(self, samples: IntArray) -> NDArray[np.intp]:
        row = np.minimum(np.searchsorted(self.sample, samples), max(0, self.sample.size - 1))
        found = (self.sample[row] == samples) & self.there[row] if self.sample.size else np.zeros(samples.size, bool)
        if not found.all():
            raise ReviewError(f"No beat is at {samples[~found][0] / self.analysis.fs:.2f} s; look at the study again.")
        return row

    def _new_rows(self, samples: IntArray) -> NDArray[np.intp]:
        if not 0 <= samples[0] <= samples[-1] < self.n_samples:
            outside = samples[0] if samples[0] < 0 else samples[-1]
            raise ReviewError(
                f"Sample {outside} lies outside the recording of {self.n_samples} samples; choose a place inside."
            )
        for sample in samples:
            check_free(int(sample), self.analysis.fs, self._near(int(sample)))
            self.there[np.searchsorted(self.sample, sample)] = True
        return np.searchsorted(self.sample, samples)

    def _near(self, sample: int) -> IntArray:
        """Return the existing beats within a second of a sample."""
        first, last = np.searchsorted(self.sample, [sample - self.analysis.fs, sample + self.analysis.fs])
        return np.asarray(self.sample[first:last][self.there[first:last]], np.int64)

    def _confirm(self, row: NDArray[np.intp], aami: str) -> None:
        own = self.model[row] == ""
        self.aami[row] = np.where(own, self.given[row], self.model[row])
        self.human[row] = np.where(own, "added", "confirmed")

    def _override(self, row: NDArray[np.intp], aami: str) -> None:
        changed = np.where(self.model[row] == aami, "confirmed", "overridden")
        self.human[row] = np.where(self.model[row] == "", "added", changed)
        self.aami[row] = self.given[row] = aami

    def _reject(self, row: NDArray[np.intp], aami: str) -> None:
        self.aami[row], self.human[row] = REJECTED, "rejected"

    def _delete(self, row: NDArray[np.intp], aami: str) -> None:
        self.there[row], self.comment[row] = False, ""

    def _add(self, row: NDArray[np.intp], aami: str) -> None:
        self.model[row], self.p[row], self.confidence[row], self.comment[row] = "", 0.0, 0.0, ""
        self.aami[row] = self.given[row] = aami
        self.human[row] = "added"

    def _comment(self, row: NDArray[np.intp], aami: str) -> None:
        """Change nothing else: a comment is only text."""

    def beats(self, evidence: SignalEvidence) -> ReviewedBeats:
        """Return the existing beats, and which intervals between them are RR intervals."""
        there = np.flatnonzero(self.there)
        sample, aami, human = self.sample[there], self.aami[there], self.human[there]
        ruling = self._rhythm_now()
        rhythm, artefacts = ruling.episodes, ruling.artefacts
        silenced = intervals.inside(sample, artefacts) if artefacts else None
        if silenced is not None:
            aami[silenced], human[silenced] = REJECTED, "rejected"
        broken, silences = intervals.broken_and_silent(sample, aami, rhythm, artefacts, evidence)
        rests = intervals.long_rests(sample, broken, evidence)
        return ReviewedBeats(
            fs=self.analysis.fs,
            n_samples=self.n_samples,
            sample=read_only(sample),
            aami=read_only(aami),
            model_aami=read_only(self.model[there]),
            p=read_only(self.p[there]),
            confidence=read_only(self.confidence[there]),
            human=read_only(human),
            comment=tuple(self.comment[there]),
            break_before=read_only(broken),
            offset=None if self.analysis.offset is None else read_only(self.offset[there]),
            silences=MappingProxyType(silences),
            rhythm=rhythm,
            ruling=ruling,
            silenced=None if silenced is None else read_only(silenced),
            seen=self.seen,
            notes=MappingProxyType({stretch: text for stretch, text in self.notes.items() if text}),
            unread=unread_spans(self.analysis, rhythm, (*evidence.gaps, *artefacts), rests),
            hidden=intervals.hidden_beats(self.analysis, rhythm, sample, aami),
        )


def _union(first: IntArray, second: IntArray) -> IntArray:
    """Do what `np.union1d` does, whose hashing is slower than sorting what is nearly sorted."""
    both = np.sort(np.concatenate([first, second]), kind="stable")
    return both[np.diff(both, prepend=-1) > 0]
