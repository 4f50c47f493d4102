"""A reader with one plain rule, whose knowledge is the reference annotations: what they decide about a row of Review.

The rule. A finding is looked at whole: a family as its overlaid beats, which show what most of them are; an event as
what three quarters of its beats are, else beat by beat; an episode as the rhythm that takes half of its time. What
agrees with the reference is confirmed, what does not is given the class of the reference (a beat that is none is
deleted, another rhythm rejected). Beats that the model left unclassified, and rhythms that the reference never names,
are confirmed as they are. Of a group, the places that stand for it are looked at; if all agree it is confirmed in one
act, else the group is gone through, as many members at a time as are drawn side by side: what is wrong is changed, and
what is left is confirmed in one act. Reading one by one is the same rule without groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.cases.material import ReviewMaterial
from pipeline.cases.study_review import InForce, in_force
from pipeline.datasets.rhythm_references import read_rhythms
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.review.beats_in_force import ReviewedBeats
from pipeline.review.decisions import Decision
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.groups import FindingGroup, extremes
from pipeline.review.triage import EpisodeFinding, Finding
from pipeline.signal.nearest import NO_BEAT, nearest
from pipeline.types import Episode, IntArray, Recording

NO_TRUE_BEAT: Final = "-"
NEVER_NAMED: Final = frozenset({"BI", "ASYS", "NOISE"})  # by the reference rhythms of the MIT-BIH database
SAME: Final = {"BIII": "BII"}
WITHIN_S: Final = 0.15
MOST: Final = 0.75  # of the beats of an event: what so many are, it is taken for


@dataclass(frozen=True)
class Fix:
    """What a reader changes: these beats get this class, "-" for none; no beats for a rhythm that is rejected."""

    samples: tuple[int, ...]
    aami: str


@dataclass(frozen=True)
class Knowledge:
    """What the reader knows: the reference beats, which are increasing, and the reference rhythm."""

    sample: IntArray
    aami: NDArray[np.str_]
    fs: float
    rhythm: tuple[Episode, ...]

    def truth(self, samples: Sequence[int]) -> list[str]:
        """The class of each beat; "-" where the reference has none."""
        at = nearest(self.sample, np.array(samples, np.int64), within=WITHIN_S * self.fs)
        return [NO_TRUE_BEAT if i == NO_BEAT else str(self.aami[i]) for i in at.tolist()]

    def agrees(self, episode: Episode) -> bool:
        """Whether the reference has this rhythm for half of the episode, or never names such a rhythm."""
        if episode.rhythm in NEVER_NAMED:
            return True
        code = SAME.get(episode.rhythm, episode.rhythm)
        shared = sum(
            max(0.0, min(own.stop_s, episode.stop_s) - max(own.start_s, episode.start_s))
            for own in self.rhythm
            if own.rhythm == code
        )
        return shared >= 0.5 * episode.seconds


def knowledge(recording: Recording, header: Path, database: str) -> Knowledge:
    """What the reference annotations of a record tell."""
    reference = recording.reference
    assert reference is not None
    classes = np.array([aami_class(symbol) or "" for symbol in reference.symbol])
    own = classes != ""
    return Knowledge(reference.sample[own], classes[own], recording.fs, read_rhythms(header, database).episodes)


def fixes(finding: Finding, beats: ReviewedBeats, known: Knowledge) -> tuple[Fix, ...]:
    """What the reader changes in a finding that they look at; nothing if they agree."""
    if isinstance(finding, EpisodeFinding):
        return () if known.agrees(finding.episode) else (Fix((), ""),)
    if not finding.samples or finding.kind == "unclassified":
        return ()
    now = beats.aami[np.searchsorted(beats.sample, np.array(finding.samples))].tolist()
    truth = known.truth(finding.samples)
    most, count = Counter(truth).most_common(1)[0]
    if FINDING_KINDS[finding.kind].scattered:
        return () if most == Counter(now).most_common(1)[0][0] else (Fix(finding.samples, most),)
    if count >= MOST * len(truth):
        return () if Counter(now)[most] >= MOST * len(truth) else (Fix(finding.samples, most),)
    wrong = [(s, t) for s, t, letter in zip(finding.samples, truth, now, strict=True) if t != letter]
    return tuple(Fix((sample,), t) for sample, t in wrong)


def group_agrees(group: FindingGroup, state: InForce, known: Knowledge) -> bool:
    """Whether all that stands for a group is as the reference has it."""
    beats = state.beats
    members = {member.id: member for member in group.members}
    for place in extremes(group, beats, state.material.families):
        member = members[place.finding]
        if not FINDING_KINDS[group.kind].scattered:
            if fixes(member, beats, known):
                return False
            continue
        middle = round((place.start_s + place.stop_s) / 2 * beats.fs)
        sample = min(member.samples, key=lambda own: abs(own - middle))
        letter = str(beats.aami[np.searchsorted(beats.sample, sample)])
        if group.kind != "unclassified" and known.truth((sample,))[0] != letter:
            return False
    return True


def decision_for(fix: Fix, finding: Finding) -> Decision:
    """The decision that a fix is."""
    if isinstance(finding, EpisodeFinding):
        return Decision("rhythm_reject", finding.ends)
    if fix.aami == NO_TRUE_BEAT:
        return Decision("delete", fix.samples)
    return Decision("override", fix.samples, fix.aami)


def read_one_by_one(material: ReviewMaterial, known: Knowledge) -> tuple[int, InForce]:
    """How many decisions the same reader takes without groups, and what is in force then."""
    state, decisions = in_force(material, ()), 0
    while finding := next((one for one in state.findings if not one.reviewed), None):
        for fix in fixes(finding, state.beats, known):
            state, decisions = state.after(decision_for(fix, finding)), decisions + 1
        left = next((one for one in state.findings if one.id == finding.id and not one.reviewed), None)
        if left is None:
            continue
        if isinstance(left, EpisodeFinding):
            confirm = Decision("rhythm_confirm", left.ends)
        else:
            at = np.searchsorted(state.beats.sample, np.array(left.samples))
            undecided = state.beats.human[at] == ""
            confirm = Decision("confirm", tuple(np.array(left.samples)[undecided].tolist()))
        state, decisions = state.after(confirm), decisions + 1
    return decisions, state


@dataclass(frozen=True)
class Decided:
    """Beats that a reader has given or confirmed a class: how many, and how many of another class in the reference."""

    beats: int
    wrong: int


def decided(beats: ReviewedBeats, known: Knowledge) -> Decided:
    """Count what was decided, and what of it is wrong."""
    at = np.flatnonzero((beats.human != "") & np.isin(beats.aami, AAMI_CLASSES))
    truth = np.array(known.truth(beats.sample[at].tolist()))
    return Decided(int(at.size), int((truth != beats.aami[at]).sum()))
