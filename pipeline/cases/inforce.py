"""The beats in force in a reading, and what follows from them: events, findings, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.cases.material import ReviewMaterial
from pipeline.review.beats_in_force import Board, ReviewedBeats
from pipeline.review.decisions import Decision
from pipeline.review.hrv import Variability, variability
from pipeline.review.rhythm_events import Event, events
from pipeline.review.summary import Summary, summarise
from pipeline.review.triage import Finding, triage


@dataclass(frozen=True, eq=False)
class InForce:
    """What a sequence of decisions makes of the model's beats; `known_events` are theirs, where they are known."""

    material: ReviewMaterial
    board: Board
    beats: ReviewedBeats
    known_events: tuple[Event, ...] | None = None

    def after(self, decision: Decision) -> InForce:
        """Return what is in force one decision further, without replaying those before it.

        Raises
        ------
        ReviewError
            If the decision does not fit the beats.
        """
        board = self.board.after(decision)
        beats = board.beats(self.material.ground)
        return InForce(self.material, board, beats, self.events if _same_rhythm(self.beats, beats) else None)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """The rhythm events, in order of time."""
        return events(self.beats) if self.known_events is None else self.known_events

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What needs eyes, most important first."""
        return triage(self.beats, self.material.families, found=self.events)

    @cached_property
    def summary(self) -> Summary:
        """Counts, rates and the longest interval."""
        return summarise(self.beats)

    @cached_property
    def variability(self) -> Variability:
        """Heart rate variability."""
        return variability(self.beats)


def in_force(material: ReviewMaterial, decisions: Sequence[Decision]) -> InForce:
    """Replay decisions, oldest first.

    Raises
    ------
    ReviewError
        If a decision does not fit the beats.
    """
    board = Board(material.analysis, decisions)
    for decision in decisions:
        board.apply(decision)
    return InForce(material, board, board.beats(material.ground))


def _same_rhythm(one: ReviewedBeats, other: ReviewedBeats) -> bool:
    """Whether beats, classes in force and intervals are the same: rhythm events depend on nothing else."""
    return (
        np.array_equal(one.sample, other.sample)
        and np.array_equal(one.aami, other.aami)
        and np.array_equal(one.break_before, other.break_before)
        and one.silences == other.silences
    )
