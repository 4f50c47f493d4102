"""A small analysis to review, studies of it, and the answer that each beat got: for the tests of review and pages."""

from __future__ import annotations

import numpy as np

from benchmarks.synthetic import FIRST, FS, STEP, analysed
from pipeline.review.beats_in_force import ReviewedBeats
from pipeline.store.listing import study_of_analysis
from pipeline.store.recordings import save_recording
from pipeline.types import Analysis, Recording

__all__ = ["FIRST", "FS", "STEP", "Answers", "analysed", "answers", "at", "recorded", "study"]
Answers = dict[int, tuple[str, str, str]]


def at(*beats: int) -> tuple[int, ...]:
    """The samples of the beats with these numbers."""
    return tuple(FIRST + STEP * beat for beat in beats)


def answers(beats: ReviewedBeats) -> Answers:
    """Per sample: class in force, what the human did, and the comment."""
    rows = zip(beats.aami.tolist(), beats.human.tolist(), beats.comment, strict=True)
    return dict(zip(beats.sample.tolist(), rows, strict=True))


def recorded(analysis: Analysis) -> Recording:
    """A signal with a bump at each beat, and some noise."""
    shape = (round(analysis.duration_s * analysis.fs), 1)
    signal = np.random.default_rng(0).normal(0, 0.02, shape).astype(np.float32)
    for sample in analysis.sample:
        signal[sample - 5 : sample + 6, 0] += np.hanning(11)
    return Recording(analysis.record, analysis.fs, signal, analysis.leads, analysis.digest, (True,))


def study(record: str, classes: str) -> int:
    """A study of a recording whose beats have these classes, in the store; its number."""
    analysis = analysed(classes, record=record)
    return study_of_analysis(analysis, save_recording(recorded(analysis))).id
