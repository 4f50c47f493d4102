"""What follows from moved marks, of which only those that changed since are worked out."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.measurements import WaveMark
from pipeline.review.decisions import Stretch
from pipeline.review.moved_marks import is_beat
from pipeline.twelve_leads.median_beat import WHOLE_S
from pipeline.twelve_leads.remeasured import MovedBeat, Remeasured, remeasured, remeasured_only
from pipeline.types import Analysis, Recording

Marks = Mapping[Stretch, Mapping[WaveMark, float]]


def remeasured_after(recording: Recording, analysis: Analysis, marks_s: Marks, before: Remeasured | None) -> Remeasured:
    """Return what `remeasured` does; what no moved mark changes since is not marked again.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    marks_s : mapping of Stretch to mapping of WaveMark to float
        By stretch, which is that of a median beat or names a single one: the marks that were moved, seconds from the R
        peak.
    before : Remeasured or None
        What followed from other marks in the same analysis of the recording.

    Raises
    ------
    ModelError
        If what marks the waves is missing or damaged.
    """
    medians = {own: marks for own, marks in marks_s.items() if not is_beat(own)}
    singles = {own[0]: marks for own, marks in marks_s.items() if is_beat(own)}
    if before is None or recording.duration_s <= WHOLE_S:  # one stretch, from which statements follow too
        return remeasured(recording, analysis, medians, singles)
    known = {_own(beat, recording.fs): beat for beat in before.beats}
    was = {own: beat.moved_s for own, beat in known.items()}
    kept = [known[own] for own in marks_s if own in known and _near(own, marks_s) == _near(own, was)]
    unchanged = {_own(beat, recording.fs) for beat in kept}
    new = remeasured_only(
        recording,
        analysis,
        medians,
        singles,
        stretches=[own for own in medians if own not in unchanged],
        samples=[own[0] for own in marks_s if is_beat(own) and own not in unchanged],
    )
    return Remeasured(tuple(sorted([*kept, *new], key=lambda beat: (beat.start_s, beat.stop_s))), None)


def _own(beat: MovedBeat, fs: float) -> Stretch:
    """Return the stretch by which decisions name a beat."""
    return round(beat.start_s * fs), round(beat.stop_s * fs)


def _near(own: Stretch, marks_s: Marks) -> dict[Stretch, dict[WaveMark, float]]:
    """Return the moved marks that what is said of a beat follows from.

    A single beat follows the median beat of its stretch, and that all beats in it.
    """
    found = {own}
    for _ in range(2):
        start, stop = min(one[0] for one in found), max(one[1] for one in found)
        found |= {one for one in marks_s if one[0] < stop and one[1] > start}
    return {one: dict(marks_s[one]) for one in found if one in marks_s}
