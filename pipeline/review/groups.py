"""Findings of one kind as one row: what stands for all of them, and what one decision about them covers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pipeline.review.beats_in_force import ReviewedBeats
from pipeline.review.decisions import Stretch
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.holter import told
from pipeline.review.morphology import NO_FAMILY, Families
from pipeline.review.triage import EpisodeFinding, Finding
from pipeline.wording import duration

GROUP_ID: Final = "group:"
_APART: Final = frozenset({"statement", "patient_event"})  # each is looked at by itself
_COUNTED: Final = ("couplet", "triplet", "run", "pause")  # titles that take an s
SIDE_BY_SIDE: Final = (12, 18)  # members of a group at once, for who goes through it: at least, and at most ...
SIDE_BY_SIDE_S: Final = 46.0  # ... as many as this is long, seconds
AROUND_S: Final = 0.6  # shown on either side of a beat or an event, seconds
SHOWN_S: Final = (2.4, 5.0)  # shown of an event at least and at most, seconds
UNSURE: Final = ("least sure", "2nd least sure", "3rd least sure")  # of the events of a group
MORE_FAMILIES: Final = 5  # that stand for a group beside its three extremes: more would be drawn too small
OVERLAID: Final = 16  # beats of a family over each other: enough to see how they vary


@dataclass(frozen=True)
class Extreme:
    """One place that stands for a group.

    Attributes
    ----------
    label : str
        What it is the extreme of, such as "longest".
    finding : str
        The id of the member that it lies in.
    start_s, stop_s : float
        Where it lies, seconds.
    beats : tuple of int
        Of a family: beats of it that are drawn over each other there, samples.
    """

    label: str
    finding: str
    start_s: float
    stop_s: float
    beats: tuple[int, ...] = ()

    @property
    def shown_s(self) -> float:
        """How much of it is drawn, seconds; less of overlaid beats."""
        return _shown_s(self.start_s, self.stop_s)


@dataclass(frozen=True)
class FindingGroup:
    """All listed findings of one kind, as one row.

    Attributes
    ----------
    id : str
        Of the row, the same as long as there are at least two of the kind.
    kind, title, detail : str
        What they are; how many, and the longest or largest of them.
    priority : int
        1 is the highest.
    members : tuple of Finding
        In the order of the list.
    """

    id: str
    kind: str
    title: str
    detail: str
    priority: int
    members: tuple[Finding, ...]

    @property
    def open(self) -> tuple[Finding, ...]:
        """The members that nobody has decided about."""
        return tuple(member for member in self.members if not member.reviewed)

    @property
    def reviewed(self) -> bool:
        """Whether a reader has decided about all members."""
        return not self.open

    @property
    def told(self) -> int:
        """How many they are, as the report counts them: several pauses may follow each other in one member."""
        return told(self.members)

    @property
    def told_open(self) -> int:
        """How many of them nobody has decided about."""
        return told(self.open)

    @property
    def samples(self) -> tuple[int, ...]:
        """The beats that a decision about the group is about: those of its open members, or of all if none is open."""
        own = self.open or self.members
        return tuple(sorted({sample for member in own for sample in member.samples}))

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The stretches that a decision about the group is about, as `samples`."""
        return tuple(member.stretch for member in self.open or self.members if member.stretch is not None)

    @property
    def stretch(self) -> Stretch | None:
        """A group is about no single stretch."""
        return None

    @property
    def start_s(self) -> float:
        """Where the first row of the group begins, seconds."""
        return self.members[0].start_s

    @property
    def stop_s(self) -> float:
        """Where the first row of the group ends, seconds."""
        return self.members[0].stop_s


Row = Finding | FindingGroup


def grouped(findings: Sequence[Finding]) -> tuple[Row, ...]:
    """Return the findings with those of one kind, of which there are at least two, as one row; in the same order."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        key = finding.id if finding.kind in _APART else finding.kind
        kinds.setdefault(key, []).append(finding)
    return tuple(_group(own) if len(own) > 1 else own[0] for own in kinds.values())


def stretches_of(row: Row) -> tuple[Stretch, ...]:
    """Return the stretches that a decision about a row is about; none if it is about beats."""
    if isinstance(row, FindingGroup):
        return row.stretches
    return () if row.stretch is None else (row.stretch,)


def extremes(group: FindingGroup, beats: ReviewedBeats, families: Families | None = None) -> tuple[Extreme, ...]:
    """Return the places that stand for a group: a decision about all of it is taken once these are seen.

    Episodes and rhythm events: the longest, the fastest and the slowest where rates differ (ventricular fibrillation
    and flutter have no beats to count), and the three that the model is least sure of.
    Pauses: the longest, the shortest and the least sure. Single beats: the most and the least typical, and the least
    sure. The least typical one is of the family whose shape is farthest from that of the largest. Up to `MORE_FAMILIES`
    of the other families follow, those of other shapes first: one decision is about all of them. A place that is two of
    these stands once.

    Parameters
    ----------
    group : FindingGroup
        The group.
    beats : ReviewedBeats
        The beats in force.
    families : Families, optional
        Their morphology families.
    """
    form = FINDING_KINDS[group.kind]
    members = group.open or group.members
    if form.scattered:
        found = list(_of_beats(group, members, beats, families))
    elif form.group == "pause":
        by_length = sorted(members, key=lambda member: member.stop_s - member.start_s)
        least_sure = min(members, key=lambda member: _sure(member, beats))
        found = [_place("longest", members[0]), _place("shortest", by_length[0]), _place("least sure", least_sure)]
    else:
        found = list(_of_events(members, beats))
    kept: dict[tuple[str, float], Extreme] = {}
    for one in found:
        same = kept.get((one.finding, one.start_s))
        label = one.label if same is None else f"{same.label}, {one.label}"
        kept[one.finding, one.start_s] = replace(one, label=label)
    return tuple(kept.values())


def places_of(
    group: FindingGroup, first: str, beats: ReviewedBeats, families: Families | None = None
) -> tuple[Extreme, ...]:
    """Return the places of some members of a group, from one of them on: for who goes through it.

    Parameters
    ----------
    group : FindingGroup
        The group.
    first : str
        The id of the first of them.
    beats : ReviewedBeats
        The beats in force.
    families : Families, optional
        Their morphology families.
    """
    names = [member.id for member in group.members]
    at = names.index(first) if first in names else 0
    found = []
    for number, member in enumerate(group.members[at : at + side_by_side(group, at)], at + 1):
        label = f"{number} of {len(names)}"
        if not FINDING_KINDS[group.kind].scattered:
            found.append(_place(label, member))
            continue
        found.append(_overlaid(label, member, beats, families))
    return tuple(found)


def side_by_side(group: FindingGroup, at: int) -> int:
    """Return how many members of a group are seen at once, from one of them on: as many as there is room for."""
    least, most = SIDE_BY_SIDE
    if FINDING_KINDS[group.kind].scattered:
        return most
    wide = np.cumsum([_shown_s(member.start_s, member.stop_s) for member in group.members[at : at + most]])
    return max(least, int(np.searchsorted(wide, SIDE_BY_SIDE_S, "right")))


def _shown_s(start_s: float, stop_s: float) -> float:
    return min(max(stop_s - start_s + 2 * AROUND_S, SHOWN_S[0]), SHOWN_S[1])


def _group(members: Sequence[Finding]) -> FindingGroup:
    kind = members[0].kind
    form, first = FINDING_KINDS[kind], members[0]
    plural = form.title.lower().endswith(_COUNTED)
    title = f"{form.title}s" if plural else form.title
    if form.scattered:
        count = len({sample for member in members for sample in member.samples})
        what = "spells" if kind == "unclassified" else "families"
        detail = f"{count} beats in {len(members)} {what}, largest {len(first.samples)}"
    elif first.stretch is not None:
        total = sum(member.stop_s - member.start_s for member in members)
        detail = f"{duration(total)} in all, longest {duration(max(m.stop_s - m.start_s for m in members))}"
    else:
        places = f"at {len(members)} places, " if told(members) > len(members) else ""
        detail = f"{places}longest {first.detail}"
    return FindingGroup(
        id=f"{GROUP_ID}{kind}", kind=kind, title=f"{title}, {told(members)}", detail=detail, priority=form.priority,
        members=tuple(members),
    )  # fmt: skip


def _place(label: str, member: Finding) -> Extreme:
    return Extreme(label, member.id, member.start_s, member.stop_s)


def _overlaid(label: str, member: Finding, beats: ReviewedBeats, families: Families | None) -> Extreme:
    """Return the beats of a family over each other, at the place of the most typical one."""
    own = np.array(member.samples, np.int64)
    if families is not None:
        own = own[np.argsort(families.distance_of(own), kind="stable")]
    time_s = float(own[0]) / beats.fs
    overlaid = tuple(own[:: max(1, -(-own.size // OVERLAID))].tolist())
    return Extreme(label, member.id, time_s - AROUND_S, time_s + AROUND_S, overlaid)


def _of_events(members: Sequence[Finding], beats: ReviewedBeats) -> Iterator[Extreme]:
    yield _place("longest", max(members, key=lambda member: member.stop_s - member.start_s))
    rated = [(rate, member) for member in members if (rate := _rate(member, beats)) is not None]
    fastest, slowest = (pick(rated, key=lambda pair: pair[0], default=None) for pick in (max, min))
    if fastest is not None and slowest is not None and fastest[0] > slowest[0]:
        yield _place("fastest", fastest[1])
        yield _place("slowest", slowest[1])
    by_sureness = sorted(members, key=lambda member: _sure(member, beats))
    yield from map(_place, UNSURE, by_sureness)


def _rate(member: Finding, beats: ReviewedBeats) -> float | None:
    """Return the mean rate of a finding, 1/min; None with fewer than two beats, or where waves are no beats."""
    if member.kind == "vfl":
        return None
    first, last = np.searchsorted(beats.time_s, [member.start_s - 1e-6, member.stop_s + 1e-6])
    if last - first < 2:
        return None
    seconds = float(beats.time_s[last - 1] - beats.time_s[first])
    return 60.0 * float(last - 1 - first) / seconds if seconds > 0 else None


def _sure(member: Finding, beats: ReviewedBeats) -> float:
    """Return how sure the model is of the least sure beat of a finding, or of the episode."""
    if isinstance(member, EpisodeFinding):
        return member.episode.confidence
    at = np.searchsorted(beats.sample, np.array(member.samples, np.int64))
    return float(beats.confidence[at].min()) if at.size else 1.0


def _of_beats(
    group: FindingGroup, members: Sequence[Finding], beats: ReviewedBeats, families: Families | None
) -> Iterator[Extreme]:
    owner = {sample: member.id for member in members for sample in member.samples}
    samples = np.array(sorted(owner), np.int64)
    at = np.searchsorted(beats.sample, samples)
    far = np.zeros(samples.size, np.float32)
    first, largest = members[0].samples[0], np.array(members[0].samples, np.int64)
    if families is not None:
        first = int(largest[families.distance_of(largest).argmin()])
        usual = int(families.of(largest[:1])[0])
        far = families.distance_of(samples)
        if usual != NO_FAMILY:
            far = far + 2 * families.apart(samples, usual)
    least_typical, least_sure = int(samples[far.argmax()]), int(samples[beats.confidence[at].argmin()])
    for label, sample in (("most typical", first), ("least typical", least_typical), ("least sure", least_sure)):
        time_s = sample / beats.fs
        yield Extreme(label, owner[sample], time_s - AROUND_S, time_s + AROUND_S)
    if families is None or group.kind == "unclassified":  # spells of noise are no families
        return
    seen = {owner[sample] for sample in (first, least_typical, least_sure)}
    others = [member for member in members if member.id not in seen]
    others.sort(key=lambda member: -float(far[np.searchsorted(samples, np.array(member.samples))].min()))
    for member in others[:MORE_FAMILIES]:
        number = int(families.of(np.array(member.samples[:1], np.int64))[0])
        yield _overlaid("no family" if number == NO_FAMILY else f"family {number + 1}", member, beats, families)
