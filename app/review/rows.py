"""Rows of the list: what an opened group shows, what a group holds, and which beats of a row are open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.cases.study_review import StudyReview
from pipeline.review.groups import FindingGroup, Row
from pipeline.review.triage import Finding

AROUND_S = 2.0  # shown before a finding that is longer than the window
NO_SAMPLE = -1


def flat(rows: Iterable[Row], opened: str) -> Iterator[Row]:
    """Yield the rows, the members of the opened group below it."""
    for row in rows:
        yield row
        if isinstance(row, FindingGroup) and row.id == opened:
            yield from row.members


def holds(row: Row, name: str) -> bool:
    """Tell whether a row is a group with this member."""
    return isinstance(row, FindingGroup) and any(member.id == name for member in row.members)


def first_of(finding: Finding, review: StudyReview | None) -> int:
    """Return the first undecided beat of a finding, else its first; of an episode the beat nearest to its start."""
    if finding.samples:
        own = () if review is None else undecided(review, finding.samples)
        return next(iter(own), finding.samples[0])
    found = None if review is None else review.nearest(finding.start_s * review.beats.fs)
    return NO_SAMPLE if found is None else found


def undecided(review: StudyReview, samples: tuple[int, ...]) -> tuple[int, ...]:
    """Return those of some beats that are in force and that nobody has decided about."""
    positions = [(sample, review.position(sample)) for sample in samples]
    return tuple(sample for sample, at in positions if at is not None and not review.beats.human[at])


def dense(finding: Finding) -> bool:
    """Tell whether the beats are consecutive, as those of a run are and those of a family are not."""
    return (finding.stop_s - finding.start_s) / (len(finding.samples) - 1) < 2 * AROUND_S
