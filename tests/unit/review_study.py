"""A small analysis to review, and the answer that each beat got: for the tests of the review store."""

from __future__ import annotations

from benchmarks.synthetic import FIRST, FS, STEP, analysed
from pipeline.review.beats import ReviewedBeats

__all__ = ["FIRST", "FS", "STEP", "Answers", "analysed", "answers", "at"]
Answers = dict[int, tuple[str, str, str]]


def at(*beats: int) -> tuple[int, ...]:
    """The samples of the beats with these numbers."""
    return tuple(FIRST + STEP * beat for beat in beats)


def answers(beats: ReviewedBeats) -> Answers:
    """Per sample: class in force, what the human did, and the comment."""
    rows = zip(beats.aami.tolist(), beats.human.tolist(), beats.comment, strict=True)
    return dict(zip(beats.sample.tolist(), rows, strict=True))
