"""Typed access to st.session_state for the Review page: where in the study this browser session looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import streamlit as st

from app.common.open_study import REVIEW_KEY
from app.common.theme import by_touch
from app.common.viewport import PHONE_WINDOW_S, WINDOW_S, Looking, Viewport, moved_end
from app.review.rows import AROUND_S, NO_SAMPLE, dense, first_of, flat, holds, undecided
from pipeline.cases.study_review import FindingFilter, StudyReview
from pipeline.review.decisions import MARKING_KINDS, MEASURING_KINDS, STRETCH_KINDS, Decision, Stretch
from pipeline.review.groups import GROUP_ID, Extreme, FindingGroup, Row, places_of, side_by_side, stretches_of
from pipeline.review.morphology import NO_FAMILY
from pipeline.review.moved_marks import is_beat
from pipeline.review.triage import EpisodeFinding, StatementFinding
from pipeline.store.log import Role

Scope = Literal["finding", "beat", "picked", "family"]


@dataclass(frozen=True)
class Alike:
    """Beats that look like some that were relabelled, and the class that those got."""

    aami: str
    samples: tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """Where a refreshed page was: the beat, where the strip began (seconds), and whether a decision was about it alone.

    All of it comes from the address, which anybody may have written.
    """

    sample: int
    start_s: float
    alone: bool


@dataclass
class ReviewSession(Looking):
    """What survives reruns and page switches; everything about the study itself is read from the store.

    `finding` names the row that is looked at, a finding or a group; `opened` is the group whose members are listed
    below it, and `extreme` which of the places that stand for a group is on the strip. `sample` is the beat that is
    looked at; `scope` says what a decision is about: all that the `finding` is about, this beat, the `picked` ones, or
    the whole `family`. `marked_s` is the stretch that was dragged over last. `alike` are beats that look like some
    that were relabelled. `picks` is a generation: raising it gives the charts fresh keys,
    so that an old click is forgotten. `place` is where in the list the finding was that a decision has dissolved.
    `addressed` is what of the page's address was followed, `back_to` the place in it.
    """

    study_id: int | None = None
    reading: Role = "main"
    addressed: tuple[str, str] = ("", "")
    back_to: Place | None = None
    wanted: FindingFilter = field(default_factory=FindingFilter)
    finding: str = ""
    opened: str = ""
    extreme: int = 0
    marked_s: tuple[float, float] | None = None
    alike: Alike | None = None
    place: int = 0
    sample: int = NO_SAMPLE
    scope: Scope = "finding"
    picked: tuple[int, ...] = ()
    family: int = NO_FAMILY
    adding: bool = False
    picks: int = 0
    error: str = ""
    notice: str = ""
    review: StudyReview | None = None

    def put(self, review: StudyReview) -> None:
        """Shows a freshly read state; the first time the most important open finding is shown."""
        first = self.review is None
        names = self._names()
        if self.finding in names:
            self.place = names.index(self.finding)
        self.review = review
        self.viewport = self.viewport.of(review.material.recording.duration_s)
        if first:
            self._start(review)
            return
        if review.position(self.sample) is None:
            found = review.nearest(self.sample)
            self.sample = NO_SAMPLE if found is None else found
        if self.scope == "finding" and self.current is None:
            self.scope = "beat"  # the finding is gone

    def _start(self, review: StudyReview) -> None:
        rows = self.rows()
        if self.finding.startswith(GROUP_ID) or review.finding(self.finding) is None:
            found = next((row for row in rows if row.id == self.finding), None)
        else:
            found = review.finding(self.finding)
            self.opened = next((row.id for row in rows if holds(row, self.finding)), "")
        found = found or next((row for row in rows if not row.reviewed), None)
        if found is not None or rows:
            self.show(found or rows[0])
        elif len(review.beats):
            self.look_at(int(review.beats.sample[0]))
        self._go_back(review)

    def _go_back(self, review: StudyReview) -> None:
        """Goes to the beat and the window that the address names; a beat that is not in force is passed over."""
        place, self.back_to = self.back_to, None
        if place is None:
            return
        if review.position(place.sample) is not None:
            beats = [review.beat_at(extreme) for extreme in self.extremes()]
            self.extreme = beats.index(place.sample) if place.sample in beats else self.extreme
            self.sample, self.scope = place.sample, "beat" if place.alone else self.scope
        self.move(place.start_s)

    def rows(self) -> tuple[Row, ...]:
        """The rows of the list: findings and groups that pass the filter, the members of the opened group below it."""
        return () if self.review is None else tuple(flat(self.review.rows(self.wanted), self.opened))

    @property
    def current(self) -> Row | None:
        """The row that is looked at; None if there is none (any more), or if the filter hides it."""
        return next((row for row in self.rows() if row.id == self.finding), None)

    @property
    def group(self) -> FindingGroup | None:
        """The group that is looked at, or in which a member is."""
        for row in () if self.review is None else self.review.rows(self.wanted):
            if isinstance(row, FindingGroup) and (row.id == self.finding or holds(row, self.finding)):
                return row
        return None

    def extremes(self) -> tuple[Extreme, ...]:
        """The places that stand for the group that is looked at; none for anything else."""
        row, review = self.current, self.review
        if review is None or not isinstance(row, FindingGroup):
            return ()
        return review.extremes(row)

    def places(self) -> tuple[Extreme, ...]:
        """What is drawn side by side: the places that stand for a group, or the next members of an opened one."""
        group, review = self.group, self.review
        if review is None or group is None or group.id != self.opened or group.id == self.finding:
            return self.extremes()
        return places_of(group, self.finding, review.beats, review.material.families)

    def show_place(self, number: int) -> None:
        """Goes to one of these places."""
        places = self.places()
        if isinstance(self.current, FindingGroup):
            self.show_extreme(number - self.extreme)
        elif number < len(places):
            found = next((row for row in self.rows() if row.id == places[number].finding), None)
            if found is not None:
                self.show(found)

    def step_block(self, by: int) -> None:
        """Goes so many members of the opened group on as are drawn side by side; from any other row to the next."""
        group = self.group
        if group is None or group.id != self.opened or group.id == self.finding:
            self.step(by)
            return
        names = [member.id for member in group.members]
        at = names.index(self.finding)
        self.show(group.members[min(max(0, at + by * side_by_side(group, at)), len(names) - 1)])

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The stretches that a decision is about, of episodes, events and statements; none if it is about beats."""
        row = self.current if self.scope == "finding" else None
        return () if row is None else stretches_of(row)

    @property
    def stretch(self) -> Stretch | None:
        """The one stretch that a decision is about; None of a group."""
        row = self.current if self.scope == "finding" else None
        return None if row is None else row.stretch

    def settle(self) -> None:
        """After a change of the filter: what was looked at stays if it is listed, else the first open row is shown."""
        if self.review is None or (self.current is not None and self.scope == "finding"):
            return
        rows = self.rows()
        found = next((row for row in rows if not row.reviewed), rows[0] if rows else None)
        if found is not None:
            self.show(found)
        else:
            self.finding, self.scope = "", "beat"

    def target(self) -> tuple[int, ...]:
        """The beats that a decision is about."""
        review = self.review
        if review is None:
            return ()
        if self.scope == "finding":
            return self.current.samples if self.current else ()
        if self.scope == "family":
            return review.family_samples(self.family)
        wanted = self.picked if self.scope == "picked" else (self.sample,)
        return tuple(sample for sample in wanted if review.position(sample) is not None)

    def undecided(self, samples: tuple[int, ...]) -> tuple[int, ...]:
        """The beats of several that nobody has decided about: confirming them must not undo what was changed before.

        All of them where every one is decided.
        """
        return samples if self.review is None else undecided(self.review, samples) or samples

    def show(self, row: Row) -> None:
        """Goes to a row: decisions are then about all of it. A group is left by going to what it does not hold."""
        review = self.review
        self._quiet()
        group = None if review is None else next((g for g in review.rows(self.wanted) if g.id == self.opened), None)
        if group is None or (row.id != self.opened and not holds(group, row.id)):
            self.opened = ""
        self.finding, self.scope, self.adding, self.extreme, self.marked_s = row.id, "finding", False, 0, None
        if isinstance(row, FindingGroup):
            self.show_extreme(0)
            return
        self.sample = first_of(row, review)
        length = row.stop_s - row.start_s
        if length <= self.viewport.window_s - 1:
            self.viewport = self.viewport.centred((row.start_s + row.stop_s) / 2)
        elif row.stretch or (len(row.samples) > 1 and dense(row)):
            self.move(row.start_s - AROUND_S)
        else:
            self.viewport = self.viewport.centred(self._time_s())

    def show_extreme(self, by: int) -> None:
        """Goes to another of the places that stand for the group."""
        places, review = self.extremes(), self.review
        if not places or review is None:
            return
        self.extreme = min(max(self.extreme + by, 0), len(places) - 1)
        place = places[self.extreme]
        middle = (place.start_s + min(place.stop_s, place.start_s + self.viewport.window_s - AROUND_S)) / 2
        self.viewport = self.viewport.centred(middle)
        found = review.beat_at(place)
        self.sample = NO_SAMPLE if found is None else found

    def reveal(self, start: int) -> bool:
        """Goes to the episode or event that begins at a sample, in its group if it has one; whether there is one."""
        for row in () if self.review is None else self.review.rows(self.wanted):
            members = row.members if isinstance(row, FindingGroup) else (row,)
            found = next((one for one in members if one.stretch is not None and one.stretch[0] == start), None)
            if found is not None and not isinstance(found, StatementFinding):
                self.opened = row.id if isinstance(row, FindingGroup) else ""
                self.show(found)
                return True
        return False

    def open_group(self) -> None:
        """Opens the group that is looked at and goes to its first open member; a second time, closes it again."""
        group = self.group
        if group is None:
            return
        if self.opened == group.id:
            self.opened = ""
            self.show(group)
            return
        self.opened = group.id
        self.show((group.open or group.members)[0])

    def step(self, by: int) -> None:
        """Goes to the next (1) or previous (-1) listed row, from where the last one was if it is gone."""
        if self.review is None:
            return
        rows = self.rows()
        names = [row.id for row in rows]
        gone = self.place - 1 if by > 0 else min(self.place, len(names))  # the rows below it have moved up
        at = (names.index(self.finding) if self.finding in names else gone) + by
        if 0 <= at < len(names):
            self.show(rows[at])

    def _names(self) -> list[str]:
        return [row.id for row in self.rows()]

    def look_at(self, sample: int, scope: Scope = "beat") -> None:
        """Goes to a beat; decisions are then about it alone, unless another scope is asked for."""
        self._quiet()
        self.sample, self.scope = sample, scope
        self.viewport = self.viewport.showing(self._time_s())

    def step_beat(self, by: int) -> None:
        """Goes to the next or previous beat of the finding; beyond its ends, and without one, of the recording."""
        review = self.review
        if review is None or not len(review.beats):
            return
        found = self.current
        if isinstance(found, FindingGroup) and self.scope == "finding":
            self.show_extreme(by)
            return
        own = found.samples if found is not None and self.sample in found.samples and len(found.samples) > 1 else ()
        if own:
            at = own.index(self.sample) + by
            if 0 <= at < len(own):
                self.look_at(own[at])
            return
        at = (review.position(self.sample) or 0) + by
        if 0 <= at < len(review.beats):
            self.look_at(int(review.beats.sample[at]))

    def drag(self, start_s: float, stop_s: float) -> tuple[Stretch, Stretch] | None:
        """Takes a drag over the strip: hold of an end of the episode that is looked at, else the beats in it.

        Returns the old and the new ends where an end was taken hold of.
        """
        review, row = self.review, self.current
        if review is None:
            return None
        if isinstance(row, EpisodeFinding) and self.scope == "finding":
            new = moved_end((row.episode.start_s, row.episode.stop_s), (start_s, stop_s), self.grip_s)
            if new is not None:
                fs, n = review.beats.fs, review.beats.n_samples
                return row.ends, (max(0, round(new[0] * fs)), min(n, round(new[1] * fs)))
        self.pick(review.between(start_s, stop_s))
        self.marked_s = start_s, stop_s
        return None

    def pick(self, samples: Iterable[int]) -> None:
        """Picks several beats; decisions are then about them."""
        self._quiet()
        self.picked = tuple(sorted({int(sample) for sample in samples}))
        self.picks += 1
        if len(self.picked) == 1:
            self.look_at(self.picked[0])
        elif self.picked:
            self.scope = "picked"

    def choose_family(self, number: int) -> None:
        """Goes to a family's most typical beat; decisions are then about all its beats."""
        members = () if self.review is None else self.review.family_samples(number)
        if members:
            self.family = number
            self.look_at(members[0], "family")

    def jump(self, time_s: float) -> None:
        """Goes to the beat nearest to a time."""
        found = None if self.review is None else self.review.nearest(time_s * self.review.beats.fs)
        if found is not None:
            self.look_at(found)
        self.viewport = self.viewport.centred(time_s)

    def go_on(self, before: StudyReview, decided: tuple[int, ...]) -> None:
        """After a decision: on to the next open beat of the finding, then to the next open row in the old order."""
        review = self.review
        if review is None or self.scope in ("picked", "family"):
            self.scope, self.picked = "beat", ()
            return
        found = before.finding(self.finding)
        later = () if found is None else tuple(s for s in found.samples if s not in decided)
        rest = undecided(review, later)
        if self.scope == "beat" and (rest or found is None or self.sample not in found.samples):
            if rest:
                self.look_at(next((sample for sample in rest if sample > self.sample), rest[0]))
            return
        self.to_next_open(before)

    def to_next_open(self, before: StudyReview) -> None:
        """Goes to the next row that is open now, in the order before; rows that have come since are met on the way."""
        review = self.review
        if review is None:
            return
        names = [row.id for row in flat(before.rows(self.wanted), self.opened)]
        at = names.index(self.finding) if self.finding in names else -1
        now = {row.id: row for row in self.rows()}
        scope = self.scope
        for name in (*names[at + 1 :], *names[: max(at, 0)], *now):
            row = now.get(name)
            if row is not None and not row.reviewed and not (name == self.opened and self.group is not None):
                self.show(row)
                # someone going beat by beat must not decide about a whole finding with the next key
                self.scope = "beat" if scope == "beat" and not isinstance(row, FindingGroup) else "finding"
                return
        if self.current is None:
            self.scope = "beat"

    def return_to(self, decision: Decision) -> None:
        """After undo and redo: goes to what has changed."""
        review, samples = self.review, decision.samples
        if review is None:
            return
        if decision.kind in MEASURING_KINDS:
            self.viewport = self.viewport.showing(samples[-1] / review.beats.fs)
            return
        if decision.kind in MARKING_KINDS:
            self.viewport = self.viewport.showing(sum(samples) / 2 / review.beats.fs)
            if is_beat(decision.stretches[0]) and review.position(samples[0]) is not None:
                self.sample, self.scope = samples[0], "beat"
            return
        there = tuple(sample for sample in samples if review.position(sample) is not None)
        ends = {*decision.stretches, samples} if decision.kind in STRETCH_KINDS else set()
        own = set(there)
        rows = self.rows()
        near = [row for row in rows if (ends & set(stretches_of(row)) if ends else own and own <= {*row.samples})]
        changed = min(near, key=lambda row: len(stretches_of(row) if ends else row.samples), default=None)
        if changed is not None:
            self.show(changed)
        if ends or not there:
            if changed is None and samples:
                self.jump(samples[0] / review.beats.fs)
        elif changed is None or len(there) != len(changed.samples):
            self.look_at(there[0])

    def _time_s(self) -> float:
        """Where the beat is that is looked at; the window's own start without one."""
        if self.review is None or self.sample == NO_SAMPLE:
            return self.viewport.start_s
        return self.sample / self.review.beats.fs

    def go_to(self, time_s: float) -> None:
        """Goes to a time and leaves what a decision is about as it is."""
        self.viewport = self.viewport.showing(time_s)

    def forget_clicks(self) -> None:
        """Gives the charts fresh keys."""
        self.picks += 1

    def _quiet(self) -> None:
        self.error, self.notice, self.picked = "", "", ()
        self.forget_clicks()


def review_session() -> ReviewSession:
    """This browser session's place in the study under review."""
    if REVIEW_KEY not in st.session_state:
        st.session_state[REVIEW_KEY] = ReviewSession(Viewport(PHONE_WINDOW_S if by_touch() else WINDOW_S))
    found: ReviewSession = st.session_state[REVIEW_KEY]
    return found


def switch_study(study_id: int, reading: Role = "main") -> ReviewSession:
    """Goes to another study; the window length stays, filters and typed times do not."""
    old = review_session()
    for name in [str(key) for key in st.session_state if str(key).startswith(("review-", "span-"))]:
        del st.session_state[name]
    st.session_state[REVIEW_KEY] = ReviewSession(
        Viewport(old.viewport.window_s), study_id=study_id, reading=reading, picks=old.picks + 1
    )
    return review_session()
