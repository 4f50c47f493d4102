"""What follows from moved marks, of which only those that changed since are worked out."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.measurements import WaveMark
from pipeline.review.decisions import Stretch
from pipeline.twelve_leads.median_beat import WHOLE_S
from pipeline.twelve_leads.remeasured import Remeasured, remeasured
from pipeline.types import Analysis, Recording


def remeasured_after(
    recording: Recording,
    analysis: Analysis,
    marks_s: Mapping[Stretch, Mapping[WaveMark, float]],
    before: Remeasured | None,
) -> Remeasured:
    """Return what `remeasured` does; a stretch whose marks are as they were is not marked again.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    marks_s : mapping of Stretch to mapping of WaveMark to float
        By stretch: the marks that were moved, seconds from the R peak.
    before : Remeasured or None
        What followed from other marks in the same analysis of the recording.

    Raises
    ------
    ModelError
        If what marks the waves is missing or damaged.
    """
    if before is None or recording.duration_s <= WHOLE_S:  # one stretch, from which statements follow too
        return remeasured(recording, analysis, marks_s)
    of_stretch = {(start / recording.fs, stop / recording.fs): own for (start, stop), own in marks_s.items()}
    kept = [beat for beat in before.beats if of_stretch.get((beat.start_s, beat.stop_s)) == beat.moved_s]
    known = {(beat.start_s, beat.stop_s) for beat in kept}
    changed = {
        (start, stop): own
        for (start, stop), own in marks_s.items()
        if (start / recording.fs, stop / recording.fs) not in known
    }
    beats = [*kept, *(remeasured(recording, analysis, changed).beats if changed else ())]
    return Remeasured(tuple(sorted(beats, key=lambda beat: (beat.start_s, beat.stop_s))), None)
