"""Typed access to st.session_state for the Review page: where in the study this browser session looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import streamlit as st

from app.common.open_study import REVIEW_KEY
from app.common.theme import by_touch
from app.common.viewport import PHONE_WINDOW_S, WINDOW_S, Looking, Viewport
from pipeline.cases.study_review import FindingFilter, StudyReview
from pipeline.review.decisions import Stretch
from pipeline.review.morphology import NO_FAMILY
from pipeline.review.triage import Finding
from pipeline.store.log import Role

Scope = Literal["finding", "beat", "picked", "family"]
AROUND_S = 2.0  # shown before a finding that is longer than the window
NO_SAMPLE = -1


@dataclass
class ReviewSession(Looking):
    """What survives reruns and page switches; everything about the study itself is read from the store.

    `sample` is the beat that is looked at; `scope` says what a decision is about: all beats of the `finding`, this
    beat, the `picked` ones, or the whole `family`. `picks` is a generation: raising it gives the charts fresh keys, so
    that an old click is forgotten. `place` is where in the list the finding was that a decision has dissolved.
    `addressed` is what of the page's address was followed.
    """

    study_id: int | None = None
    reading: Role = "main"
    addressed: tuple[str, str] = ("", "")
    wanted: FindingFilter = field(default_factory=FindingFilter)
    finding: str = ""
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
        listed = review.listed(self.wanted)
        found = review.finding(self.finding) or next((f for f in listed if not f.reviewed), None)
        if found is not None or listed:
            self.show(found or listed[0])
        elif len(review.beats):
            self.look_at(int(review.beats.sample[0]))

    @property
    def current(self) -> Finding | None:
        """The finding that is looked at; None if there is none (any more)."""
        return None if self.review is None else self.review.finding(self.finding)

    @property
    def stretch(self) -> Stretch | None:
        """The stretch that a decision is about: that of an episode of rhythm, if this is what is decided about."""
        found = self.current if self.scope == "finding" else None
        return None if found is None else found.stretch

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

    def show(self, finding: Finding) -> None:
        """Goes to a finding: decisions are then about all its beats."""
        review = self.review
        self._quiet()
        self.finding, self.scope, self.adding = finding.id, "finding", False
        self.sample = _first_of(finding, review)
        length = finding.stop_s - finding.start_s
        if length <= self.viewport.window_s - 1:
            self.viewport = self.viewport.centred((finding.start_s + finding.stop_s) / 2)
        elif finding.stretch or (len(finding.samples) > 1 and _dense(finding)):
            self.move(finding.start_s - AROUND_S)
        else:
            self.viewport = self.viewport.centred(self._time_s())

    def step(self, by: int) -> None:
        """Goes to the next (1) or previous (-1) listed finding, from where the last one was if it is gone."""
        if self.review is None:
            return
        names = self._names()
        gone = self.place - 1 if by > 0 else min(self.place, len(names))  # the rows below it have moved up
        at = (names.index(self.finding) if self.finding in names else gone) + by
        if 0 <= at < len(names):
            self.show(self.review.listed(self.wanted)[at])

    def _names(self) -> list[str]:
        return [] if self.review is None else [found.id for found in self.review.listed(self.wanted)]

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
        own = found.samples if found is not None and self.sample in found.samples and len(found.samples) > 1 else ()
        if own:
            at = own.index(self.sample) + by
            if 0 <= at < len(own):
                self.look_at(own[at])
            return
        at = (review.position(self.sample) or 0) + by
        if 0 <= at < len(review.beats):
            self.look_at(int(review.beats.sample[at]))

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
        """After a decision: on to the next open beat of the finding, then to the next open finding in the old order."""
        review, found = self.review, before.finding(self.finding)
        if review is None or self.scope in ("picked", "family"):
            self.scope, self.picked = "beat", ()
            return
        later = () if found is None else tuple(s for s in found.samples if s not in decided)
        rest = _undecided(review, later)
        if self.scope == "beat" and (rest or found is None or self.sample not in found.samples):
            if rest:
                self.look_at(next((sample for sample in rest if sample > self.sample), rest[0]))
            return
        self._to_next_open(before)

    def _to_next_open(self, before: StudyReview) -> None:
        review = self.review
        names = [found.id for found in before.listed(self.wanted)]
        at = names.index(self.finding) if self.finding in names else -1
        scope = self.scope
        for name in (*names[at + 1 :], *names[: max(at, 0)]):
            found = None if review is None else review.finding(name)
            if found is not None and not found.reviewed:
                self.show(found)
                self.scope = scope  # someone going beat by beat must not decide about a whole finding with the next key
                return
        if review is not None and self.current is None:
            self.scope = "beat"

    def return_to(self, samples: tuple[int, ...]) -> None:
        """After undo and redo: goes to the beats that have changed."""
        review = self.review
        there = () if review is None else tuple(sample for sample in samples if review.position(sample) is not None)
        seen = None if review is None else next((f for f in review.findings if f.stretch == samples), None)
        if seen is not None:
            self.show(seen)
            return
        if review is None or not there:
            if review is not None and samples:
                self.jump(samples[0] / review.beats.fs)
            return
        found = next((f for f in review.listed(self.wanted) if set(there) <= set(f.samples)), None)
        if found is not None:
            self.show(found)
            if len(there) == len(found.samples):
                return
        self.look_at(there[0])

    def _time_s(self) -> float:
        """Where the beat is that is looked at; the window's own start without one."""
        if self.review is None or self.sample == NO_SAMPLE:
            return self.viewport.start_s
        return self.sample / self.review.beats.fs

    def _quiet(self) -> None:
        self.error, self.notice, self.picked = "", "", ()
        self.picks += 1


def _first_of(finding: Finding, review: StudyReview | None) -> int:
    """The first undecided beat of a finding, else its first; of an episode, the beat nearest to its start, if any."""
    if finding.samples:
        undecided = () if review is None else _undecided(review, finding.samples)
        return next(iter(undecided), finding.samples[0])
    found = None if review is None else review.nearest(finding.start_s * review.beats.fs)
    return NO_SAMPLE if found is None else found


def _undecided(review: StudyReview, samples: tuple[int, ...]) -> tuple[int, ...]:
    positions = [(sample, review.position(sample)) for sample in samples]
    return tuple(sample for sample, at in positions if at is not None and not review.beats.human[at])


def _dense(finding: Finding) -> bool:
    """Whether the beats are consecutive, as those of a run are and those of a family are not."""
    return (finding.stop_s - finding.start_s) / (len(finding.samples) - 1) < 2 * AROUND_S


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
        Viewport(old.viewport.window_s), study_id, reading, picks=old.picks + 1
    )
    return review_session()
