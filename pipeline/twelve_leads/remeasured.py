"""What follows from marks that a reader moved on median beats: intervals of each, and what a short ECG says then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.measurements import Measurements, WaveMark
from pipeline.twelve_leads.median_beat import beat_measures, marked_stretch, measured_again, st_levels
from pipeline.types import Analysis, Recording


@dataclass(frozen=True)
class MovedBeat:
    """A median beat whose marks a reader moved.

    Attributes
    ----------
    start_s, stop_s : float
        The stretch that it is the median beat of, seconds.
    moved_s, found_s : mapping of WaveMark to float
        Where the reader put the marks, and where those of them were that had been found, seconds from the R peak.
    intervals_ms, before_ms : mapping of str to float
        "P", "PR", "QRS", "QT" and "QTc" by all its marks, and as they were found, milliseconds.
    st_mv : mapping of str to tuple of float
        ST level of each lead 60 and 80 ms after the moved J point, mV.
    """

    start_s: float
    stop_s: float
    moved_s: Mapping[WaveMark, float]
    found_s: Mapping[WaveMark, float]
    intervals_ms: Mapping[str, float]
    before_ms: Mapping[str, float]
    st_mv: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Remeasured:
    """What follows from moved marks.

    Attributes
    ----------
    beats : tuple of MovedBeat
        The median beats, in order of time.
    measured : Measurements or None
        What is measured and stated in the whole recording then; None in one that is longer than its median beat's
        stretch, of which half a minute says little.
    """

    beats: tuple[MovedBeat, ...]
    measured: Measurements | None


def remeasured(
    recording: Recording, analysis: Analysis, marks_s: Mapping[tuple[int, int], Mapping[WaveMark, float]]
) -> Remeasured:
    """Return what follows from moved marks.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    marks_s : mapping of (int, int) to mapping of WaveMark to float
        By stretch, from and to as samples: the marks that were moved, seconds from the R peak.

    Raises
    ------
    ModelError
        If what marks the waves is missing or damaged.
    """
    beats, measured = [], None
    with_qtc = analysis.measured is None or bool(analysis.measured.qtc_used)
    for (start, stop), moved_s in marks_s.items():
        found = marked_stretch(recording, analysis, start / recording.fs, stop / recording.fs)
        if found.beat is None:
            continue
        before_s, after_s = found.beat.marks_s, {**found.beat.marks_s, **moved_s}
        beats.append(
            MovedBeat(
                found.start_s,
                found.stop_s,
                dict(moved_s),
                {name: before_s[name] for name in moved_s if name in before_s},
                beat_measures(found.beat, after_s, with_qtc=with_qtc),
                beat_measures(found.beat, before_s, with_qtc=with_qtc),
                st_levels(found.beat, after_s),
            )
        )
        measured = measured_again(recording, analysis, found, moved_s) or measured
    return Remeasured(tuple(beats), measured)
