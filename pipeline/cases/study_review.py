"""One reading of a study at one version: the beats in force, what needs a look, and the next decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.cases.material import ReviewMaterial
from pipeline.cases.strip_content import BeatMarks
from pipeline.errors import ReviewError
from pipeline.labels import NOT_CLASSIFIED
from pipeline.measurements import Measurements
from pipeline.principal import LOCAL, Who
from pipeline.review.beats_in_force import UNCLASSIFIED, Board, ReviewedBeats
from pipeline.review.decisions import Decision, Stretch
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.groups import Extreme, FindingGroup, Row, extremes, grouped
from pipeline.review.hrv import Variability, variability
from pipeline.review.rhythm_events import RhythmEvent, events
from pipeline.review.summary import Summary, summarise
from pipeline.review.triage import BeatFilter, Finding, disagreements, findings_passing, triage
from pipeline.signal.lead_names import printed_name
from pipeline.signal.nearest import NO_BEAT, nearest
from pipeline.store import reviews
from pipeline.store.identities import load_identity
from pipeline.store.listing import listing
from pipeline.store.reviews import ReviewStep, Standing
from pipeline.store.studies import Study
from pipeline.wording import clock_text, looked_at, percent

if TYPE_CHECKING:
    from pipeline.twelve_leads.remeasured import Remeasured  # SciPy, which not every study needs

LETTER: Final = MappingProxyType({UNCLASSIFIED: NOT_CLASSIFIED})
HUMAN_WORDS: Final = MappingProxyType(
    {"confirmed": "confirmed", "overridden": "changed", "rejected": "artefact", "added": "added by hand"}
)


@dataclass(frozen=True)
class FindingFilter:
    """Which findings are listed: those that pass all filters.

    Attributes
    ----------
    kinds : frozenset of str
        Kinds of findings; all if empty.
    classes : frozenset of str
        With a beat of one of these classes; all if empty.
    confidence : tuple of float
        With a beat whose confidence lies in this range.
    span_s : tuple of float, optional
        With a beat between these times, in seconds.
    reviewed : bool, optional
        Reviewed ones only, or open ones only; both if None.
    other : str
        With a beat about which this other network disagrees; "" for no such filter.
    """

    kinds: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    confidence: tuple[float, float] = (0.0, 1.0)
    span_s: tuple[float, float] | None = None
    reviewed: bool | None = None
    other: str = ""

    @property
    def narrowed(self) -> int:
        """How many of the filters, apart from reviewed or not, are in use."""
        return sum((bool(self.kinds), bool(self.classes), self.confidence != (0.0, 1.0), self.span_s is not None,
                    bool(self.other)))  # fmt: skip


@dataclass(frozen=True, eq=False)
class InForce:
    """What a sequence of decisions makes of the model's beats; `known_events` are theirs, where they are known.

    `remeasured` is what follows from marks of median beats that a reader moved; None where none is.
    """

    material: ReviewMaterial
    board: Board
    beats: ReviewedBeats
    known_events: tuple[RhythmEvent, ...] | None = None
    remeasured: Remeasured | None = None

    def after(self, decision: Decision) -> InForce:
        """Return what is in force one decision further, without replaying those before it.

        Raises
        ------
        ReviewError
            If the decision does not fit the beats.
        """
        found = _in_force(self.material, self.board.after(decision), self)
        return replace(found, known_events=self.events if _same_rhythm(self.beats, found.beats) else None)

    @property
    def measured(self) -> Measurements | None:
        """What is measured and stated: by the marks that a reader moved, else by the model's."""
        return _measured(self.material, self.remeasured)

    @cached_property
    def events(self) -> tuple[RhythmEvent, ...]:
        """The rhythm events, in order of time."""
        return events(self.beats) if self.known_events is None else self.known_events

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What needs a look, most important first."""
        return triage(self.beats, self.material.families, found=self.events)

    @cached_property
    def summary(self) -> Summary:
        """Counts, rates and the longest interval."""
        return summarise(self.beats)

    @cached_property
    def variability(self) -> Variability:
        """Heart rate variability."""
        return variability(self.beats)


@dataclass(frozen=True, eq=False)
class StudyReview:
    """A reading of a study at one version."""

    material: ReviewMaterial
    standing: Standing
    state: InForce
    _lists: dict[FindingFilter, tuple[Finding, ...]] = field(default_factory=dict)
    _rows: dict[FindingFilter, tuple[Row, ...]] = field(default_factory=dict)
    _families: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _extremes: dict[str, tuple[FindingGroup, tuple[Extreme, ...]]] = field(default_factory=dict)

    @property
    def study(self) -> Study:
        """The study."""
        return self.standing.study

    def when(self, time_s: float, *, tenths: bool = True) -> str:
        """Write a time of the recording: by the clock where its start is kept, else elapsed."""
        return clock_text(float(time_s), self.material.recording.start, tenths=tenths)

    @property
    def writable(self) -> bool:
        """Whether decisions are taken: not once the study is signed, or, in a second reading, once that is closed."""
        if self.standing.reading == "second":
            return not self.standing.second_done
        return self.standing.state != "signed"

    @property
    def looked_at(self) -> str:
        """What was looked at in the recording and what was not, in one sentence."""
        recorded, found = len(self.material.recording.leads), self.material.analysis.measured
        measured = 0 if found is None else min(recorded, len(found.leads))
        return looked_at(
            tuple(map(printed_name, self.study.leads)), recorded, rhythm=bool(self.beats.rhythm), measured=measured
        )

    @property
    def beats(self) -> ReviewedBeats:
        """The beats in force."""
        return self.state.beats

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What needs a look, most important first."""
        return self.state.findings

    @property
    def summary(self) -> Summary:
        """Counts, rates and the longest interval."""
        return self.state.summary

    @property
    def variability(self) -> Variability:
        """Heart rate variability."""
        return self.state.variability

    def listed(self, wanted: FindingFilter) -> tuple[Finding, ...]:
        """Return the findings that pass, in order of importance."""
        if wanted not in self._lists:
            self._lists[wanted] = self._passing(wanted)
        return self._lists[wanted]

    def rows(self, wanted: FindingFilter) -> tuple[Row, ...]:
        """Return the findings that pass, those of one kind as one row, in order of importance."""
        if wanted not in self._rows:
            self._rows[wanted] = grouped(self.listed(wanted))
        return self._rows[wanted]

    def _passing(self, wanted: FindingFilter) -> tuple[Finding, ...]:
        among = None
        if wanted.other in self.material.others:
            among = tuple(disagreements(self.beats, self.material.others[wanted.other]).tolist())
        form = BeatFilter(wanted.classes, wanted.confidence, wanted.span_s, wanted.reviewed, among)
        passing = findings_passing(self.findings, self.beats, form)
        return tuple(found for found in passing if not wanted.kinds or found.kind in wanted.kinds)

    def finding(self, name: str) -> Finding | None:
        """Return the finding with this id, whether or not it is listed."""
        return next((found for found in self.findings if found.id == name), None)

    def beat_at(self, place: Extreme) -> int | None:
        """Return the beat that a place of a group is about: one of its finding, where that has any; None without."""
        finding = self.finding(place.finding)
        if finding is None or not finding.samples:
            return self.nearest(place.start_s * self.beats.fs)
        if FINDING_KINDS[finding.kind].scattered:  # the place is the surroundings of one of its beats
            middle = (place.start_s + place.stop_s) / 2 * self.beats.fs
            return min(finding.samples, key=lambda sample: abs(sample - middle))
        return finding.samples[0]

    def position(self, sample: int) -> int | None:
        """Where a beat stands in `beats`; None if it is not in force."""
        at = int(np.searchsorted(self.beats.sample, sample))
        return at if at < len(self.beats) and self.beats.sample[at] == sample else None

    def nearest(self, sample: float) -> int | None:
        """Return the beat in force nearest to a sample; None if there is none."""
        at = int(nearest(self.beats.sample, sample))
        return None if at == NO_BEAT else int(self.beats.sample[at])

    def family_of(self, sample: int) -> int:
        """Return the number of a beat's family."""
        return int(self.material.families.of(np.array([sample], np.int64))[0])

    def family_samples(self, number: int) -> tuple[int, ...]:
        """Return the beats of a family that are in force, the most typical first."""
        if number not in self._families:
            members = self.material.families.members(number)
            self._families[number] = tuple(members[nearest(self.beats.sample, members, within=0) != NO_BEAT].tolist())
        return self._families[number]

    def extremes(self, group: FindingGroup) -> tuple[Extreme, ...]:
        """Return the places that stand for a group; see `pipeline.review.groups.extremes`."""
        known = self._extremes.get(group.id)
        if known is None or known[0] is not group:
            known = self._extremes[group.id] = group, extremes(group, self.beats, self.material.families)
        return known[1]

    def between(self, start_s: float, stop_s: float, classes: frozenset[str] = frozenset()) -> tuple[int, ...]:
        """Return the samples of the beats in force between two times.

        Parameters
        ----------
        start_s, stop_s : float
            The stretch, in seconds from the start of the recording.
        classes : frozenset of str, optional
            Only beats of these classes; all if empty.
        """
        first, last = np.searchsorted(self.beats.time_s, [start_s, stop_s])
        samples, aami = self.beats.sample[first:last], self.beats.aami[first:last]
        return tuple(samples[np.isin(aami, list(classes))].tolist() if classes else samples.tolist())

    def letter(self, at: int) -> str:
        """Return the class in force as it is shown."""
        aami = str(self.beats.aami[at])
        return LETTER.get(aami, aami)

    def model_letter(self, at: int) -> str:
        """Return the model's answer as it is shown; "" for a beat that was added."""
        aami = str(self.beats.model_aami[at])
        return LETTER.get(aami, aami)

    def comment_on(self, samples: Sequence[int], stretches: Sequence[Stretch] = ()) -> str:
        """Return the comment that all of these stretches have, or without any all of these beats; "" if they differ.

        Parameters
        ----------
        samples : sequence of int
            Beats in force.
        stretches : sequence of Stretch, optional
            From and to, samples.
        """
        if stretches:
            found = {self.beats.notes.get(stretch, "") for stretch in stretches}
        else:
            at = nearest(self.beats.sample, np.array(samples, np.int64), within=0)
            found = {self.beats.comment[i] for i in at[at != NO_BEAT].tolist()}
        return found.pop() if len(found) == 1 else ""

    def marks(self, at: NDArray[np.integer]) -> BeatMarks:
        """Beats at these positions, as strips mark them; a mark's `beat` is its sample."""
        return BeatMarks(
            self.beats.sample[at], self.beats.time_s[at], tuple(self.letter(int(i)) for i in at),
            tuple(self.hover(int(i)) for i in at),
        )  # fmt: skip

    def window(self, start_s: float, stop_s: float) -> NDArray[np.intp]:
        """Positions of the beats between two times."""
        first, last = np.searchsorted(self.beats.time_s, [start_s, stop_s])
        return np.arange(first, last)

    def hover(self, at: int) -> str:
        """One line about a beat."""
        said, human = self.model_letter(at), str(self.beats.human[at])
        model = f"model {said}, confidence {percent(float(self.beats.confidence[at]))}" if said else "not the model's"
        model = "model: not classified" if said == NOT_CLASSIFIED else model
        decided = f", {HUMAN_WORDS[human]}" if human else ""
        return f"{self.when(self.beats.time_s[at])}: {self.letter(at)}{decided}; {model}"


def in_force(material: ReviewMaterial, decisions: Sequence[Decision], before: InForce | None = None) -> InForce:
    """Replay decisions, oldest first.

    Parameters
    ----------
    material : ReviewMaterial
        What they are about.
    decisions : sequence of Decision
        The decisions.
    before : InForce, optional
        What others made of the same analysis: what follows from the same marks is taken from it.

    Raises
    ------
    ReviewError
        If a decision does not fit the beats.
    """
    board = Board(material.analysis, decisions)
    for decision in decisions:
        board.apply(decision)
    return _in_force(material, board, before)


def _in_force(material: ReviewMaterial, board: Board, before: InForce | None = None) -> InForce:
    """Return what a board gives, its statements by the marks in force; what follows from the same marks is known.

    Raises
    ------
    ModelError
        If what marks the waves is missing or damaged, and a reader moved marks.
    """
    again = None
    marks = board.rhythm.marks
    if marks:
        if before is not None and before.board.rhythm.marks == marks:
            again = before.remeasured
        else:
            from pipeline.cases.remeasuring import remeasured_after  # SciPy, as above

            known = None if before is None else before.remeasured
            again = remeasured_after(material.recording, material.analysis, marks, known)
    measured = _measured(material, again)
    stated = () if measured is None else measured.statements
    if board.rhythm.statements != stated or board.rhythm.stated_by != marks:
        board.rhythm = replace(board.rhythm, statements=stated, stated_by=marks)
    return InForce(material, board, board.beats(material.evidence), remeasured=again)


def _measured(material: ReviewMaterial, again: Remeasured | None) -> Measurements | None:
    """Return what is measured by the marks that a reader moved, where that is known, else by the model's."""
    return material.analysis.measured if again is None or again.measured is None else again.measured


def review_of(material: ReviewMaterial, standing: Standing, before: StudyReview | None = None) -> StudyReview:
    """Return a reading as it stands; who was recorded and when is read again, as the log says when it changes.

    Parameters
    ----------
    material : ReviewMaterial
        What the study is based on.
    standing : Standing
        The reading's decisions, version and state.
    before : StudyReview, optional
        An earlier state of the reading; its beats are used again if the decisions are the same, and what it knows of
        moved marks if they are not.
    """
    material = _of_today(material)
    known = before.state if before is not None and before.material.analysis is material.analysis else None
    if before is not None and known is not None and before.standing.decisions == standing.decisions:
        return StudyReview(material, standing, known)
    return StudyReview(material, standing, in_force(material, standing.decisions, known))


def _of_today(material: ReviewMaterial) -> ReviewMaterial:
    """Return the same, with what is kept now of who was recorded and when."""
    identity = load_identity(material.recording.digest, reader=LOCAL) or None
    if identity == material.recording.identity:
        return material
    return replace(material, recording=replace(material.recording, identity=identity))


def take_step(review: StudyReview, step: ReviewStep, *, reader: Who, key: str | None = None) -> StudyReview:
    """Take a decision, or undo or redo one: worked out once, then saved in one transaction with the worklist's row.

    Parameters
    ----------
    review : StudyReview
        The reading as the reader saw it.
    step : Decision or {"undo", "redo"}
        What is done.
    reader : Principal or str
        Who does it.
    key : str, optional
        Names this request: carried out once, however often it is sent.

    Returns
    -------
    StudyReview
        The reading after the step; on the disk when this returns.

    Raises
    ------
    StaleVersion
        If someone else was faster; nothing is changed.
    ReviewError
        If the step does not fit, or is not this reader's to take; nothing is changed.
    """
    wanted = review.standing.stepped(step)
    if isinstance(step, Decision):
        state = review.state.after(step)
        board = review.state.board
        classes = board.around(step), state.board.around(step), board.model_around(step)
    else:
        state, classes = review_of(review.material, wanted, review).state, ("", "", "")
    row = listing(state.beats, state.findings) if review.standing.reading == "main" else None
    standing = reviews.save_step(review.standing, step, reviews.Outcome(classes, row), reader=reader, key=key)
    return review_of(review.material, standing, StudyReview(review.material, wanted, state))


def take_decisions(
    review: StudyReview, decisions: Sequence[Decision], *, reader: Who, key: str | None = None
) -> StudyReview:
    """Take several decisions in one transaction: all of them, or none.

    Parameters
    ----------
    review : StudyReview
        The reading as the reader saw it.
    decisions : sequence of Decision
        What is decided, in order; each is an entry of the audit trail and a step of its own for undo.
    reader : Principal or str
        Who decides.
    key : str, optional
        Names this request: carried out once, however often it is sent.

    Returns
    -------
    StudyReview
        The reading after them; on the disk when this returns.

    Raises
    ------
    StaleVersion
        If someone else was faster; nothing is changed.
    ReviewError
        If one of them does not fit, or is not this reader's to take; nothing is changed.
    """
    if not decisions:
        raise ReviewError("Nothing is decided; choose at least one beat or stretch.")
    state, wanted = review.state, review.standing
    around: list[reviews.Classes] = []
    for decision in decisions:
        before, state, wanted = state.board, state.after(decision), wanted.stepped(decision)
        around.append((before.around(decision), state.board.around(decision), before.model_around(decision)))
    row = listing(state.beats, state.findings) if review.standing.reading == "main" else None
    last = len(around) - 1
    outcomes = [reviews.Outcome(classes, row if at == last else None) for at, classes in enumerate(around)]
    standing = reviews.save_decisions(review.standing, decisions, outcomes, reader=reader, key=key)
    return review_of(review.material, standing, StudyReview(review.material, wanted, state))


def _same_rhythm(one: ReviewedBeats, other: ReviewedBeats) -> bool:
    """Whether beats, classes in force and intervals are the same: rhythm events depend on nothing else."""
    return (
        np.array_equal(one.sample, other.sample)
        and np.array_equal(one.aami, other.aami)
        and np.array_equal(one.break_before, other.break_before)
        and one.silences == other.silences
    )
