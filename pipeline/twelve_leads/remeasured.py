"""What follows from marks that a reader moved: intervals of each median or single beat, and what a short ECG says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.measurements import WAVE_MARKS, Measurements, WaveMark, Waves
from pipeline.twelve_leads.measuring import rr_of
from pipeline.twelve_leads.median_beat import (
    NONE_MOVED,
    MarkedStretch,
    MarksS,
    beat_measures,
    interval_measures,
    marked_stretch,
    measured_again,
    one_beat,
    st_levels,
    stretch_of,
    with_beats_moved,
    with_median_moved,
)
from pipeline.types import Analysis, Recording

Ends = tuple[int, int]  # from and to, samples


@dataclass(frozen=True)
class MovedBeat:
    """A median beat, or a single one, whose marks a reader moved.

    Attributes
    ----------
    start_s, stop_s : float
        The stretch that it is the median beat of, seconds; of a single beat the sample of its R peak.
    moved_s, found_s : mapping of WaveMark to float
        Where the reader put the marks, and where those of them were that had been found, seconds from the R peak.
    intervals_ms, before_ms : mapping of str to float
        "P", "PR", "QRS", "QT" and "QTc" by all its marks, and as they were found, milliseconds.
    st_mv : mapping of str to tuple of float
        ST level of each lead 60 and 80 ms after the moved J point, mV.
    sample : int or None
        The R peak of a single beat; None for a median beat.
    """

    start_s: float
    stop_s: float
    moved_s: Mapping[WaveMark, float]
    found_s: Mapping[WaveMark, float]
    intervals_ms: Mapping[str, float]
    before_ms: Mapping[str, float]
    st_mv: Mapping[str, tuple[float, ...]]
    sample: int | None = None


@dataclass(frozen=True)
class Remeasured:
    """What follows from moved marks.

    Attributes
    ----------
    beats : tuple of MovedBeat
        The median and single beats, in order of time.
    measured : Measurements or None
        What is measured and stated in the whole recording then; None in one that is longer than its median beat's
        stretch, of which half a minute says little.
    """

    beats: tuple[MovedBeat, ...]
    measured: Measurements | None


def remeasured(
    recording: Recording,
    analysis: Analysis,
    marks_s: Mapping[Ends, MarksS],
    beats_s: Mapping[int, MarksS] = NONE_MOVED,
) -> Remeasured:
    """Return what follows from moved marks.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    marks_s : mapping of (int, int) to mapping of WaveMark to float
        By stretch, from and to as samples: the marks of its median beat that were moved, seconds from the R peak.
    beats_s : mapping of int to mapping of WaveMark to float, optional
        By R peak, a sample: the marks of single beats that were moved, seconds from it.

    Raises
    ------
    ModelError
        If what marks the waves is missing or damaged.
    """
    return _Moves(recording, analysis, marks_s, beats_s).remeasured([*marks_s], [*beats_s])


def remeasured_only(
    recording: Recording,
    analysis: Analysis,
    marks_s: Mapping[Ends, MarksS],
    beats_s: Mapping[int, MarksS],
    *,
    stretches: list[Ends],
    samples: list[int],
) -> tuple[MovedBeat, ...]:
    """Return what `remeasured` says of some median beats and some single ones, by all marks that were moved.

    Parameters
    ----------
    recording, analysis, marks_s, beats_s
        As in `remeasured`.
    stretches : list of (int, int)
        The median beats.
    samples : list of int
        The R peaks of the single beats.
    """
    return _Moves(recording, analysis, marks_s, beats_s).beats(stretches, samples)


class _Moves:
    """All that was moved in a recording; each stretch is marked once."""

    def __init__(
        self,
        recording: Recording,
        analysis: Analysis,
        marks_s: Mapping[Ends, MarksS],
        beats_s: Mapping[int, MarksS],
    ) -> None:
        self.recording, self.analysis, self.marks_s, self.beats_s = recording, analysis, marks_s, beats_s
        self.with_qtc = analysis.measured is None or bool(analysis.measured.qtc_used)
        self._known: dict[Ends, MarkedStretch] = {}

    def remeasured(self, stretches: list[Ends], samples: list[int]) -> Remeasured:
        """Return both, what is said of the beats and of the whole recording."""
        beats, measured = self.beats(stretches, samples), None
        for ends, found in self._known.items():
            again = measured_again(self.recording, self.analysis, found, self.marks_s.get(ends, {}), self.beats_s)
            measured = again or measured
        return Remeasured(beats, measured)

    def beats(self, stretches: list[Ends], samples: list[int]) -> tuple[MovedBeat, ...]:
        """Return what is said of median beats and of single ones, in order of time."""
        said = [self._median(ends) for ends in stretches] + [self._single(sample) for sample in samples]
        return tuple(sorted((one for one in said if one is not None), key=lambda one: (one.start_s, one.stop_s)))

    def _found(self, ends: Ends) -> MarkedStretch:
        if ends not in self._known:
            fs = self.recording.fs
            self._known[ends] = marked_stretch(self.recording, self.analysis, ends[0] / fs, ends[1] / fs)
        return self._known[ends]

    def _median(self, ends: Ends) -> MovedBeat | None:
        found, moved_s = self._found(ends), self.marks_s[ends]
        beat = with_beats_moved(self.recording, self.analysis, found, self.beats_s).beat
        if found.beat is None or beat is None:
            return None
        before_s, after_s = found.beat.marks_s, {**beat.marks_s, **moved_s}
        return MovedBeat(
            found.start_s,
            found.stop_s,
            dict(moved_s),
            {name: before_s[name] for name in moved_s if name in before_s},
            beat_measures(beat, after_s, with_qtc=self.with_qtc),
            beat_measures(found.beat, before_s, with_qtc=self.with_qtc),
            st_levels(beat, after_s),
        )

    def _single(self, sample: int) -> MovedBeat | None:
        fs = self.recording.fs
        ends = _ends(self.recording, *stretch_of(self.recording, sample / fs))
        found, moved_s = self._found(ends), self.beats_s[sample]
        (row,) = np.flatnonzero(self.analysis.sample[found.position] == sample).tolist() or [-1]
        if row < 0:
            return None
        by_beats = with_beats_moved(self.recording, self.analysis, found, self.beats_s)
        waves = with_median_moved(self.analysis, by_beats, self.marks_s.get(ends, {}), self.beats_s)
        before_s, after_s = beat_marks(found.waves, row), beat_marks(waves, row)
        rr_s = float(rr_of(self.analysis)[found.position[row]])
        alone = one_beat(self.recording, self.analysis, by_beats, row)
        return MovedBeat(
            sample / fs,
            (sample + 1) / fs,
            dict(moved_s),
            {name: before_s[name] for name in moved_s if name in before_s},
            interval_measures(after_s, rr_s, with_qtc=self.with_qtc),
            interval_measures(before_s, rr_s, with_qtc=self.with_qtc),
            {} if alone is None else st_levels(alone, after_s),
            sample,
        )


def beat_marks(waves: Waves, row: int) -> dict[WaveMark, float]:
    """Return the marks of one beat over all leads, seconds from its R peak; what is not there is left out."""
    at_s = waves.overall_s[row] - waves.beat_s[row]
    return {name: float(at) for name, at in zip(WAVE_MARKS, at_s.tolist(), strict=True) if np.isfinite(at)}


def _ends(recording: Recording, start_s: float, stop_s: float) -> Ends:
    return round(start_s * recording.fs), min(recording.n_samples, round(stop_s * recording.fs))
