"""A small analysis written as a string of classes, studies of it, and what was decided about each beat."""

from __future__ import annotations

import hashlib

import numpy as np

from pipeline.labels import AAMI_CLASSES
from pipeline.review.beats_in_force import ReviewedBeats
from pipeline.store.listing import study_of_analysis
from pipeline.store.recordings import save_recording
from pipeline.types import Analysis, Quality, QualitySegment, Recording, Status

FS = 250.0
FIRST, STEP = 100, 200  # samples: beats are 0.8 s apart
Answers = dict[int, tuple[str, str, str]]


def analysed(classes: str = "NNVNSNNUFN", *, record: str = "case", quality: Quality | None = None) -> Analysis:
    """One beat per letter, U unclassified, 0.8 s apart from sample 100 on."""
    n = len(classes)
    p = np.full((n, 5), 0.02, np.float32)
    for i, letter in enumerate(classes):
        p[i, AAMI_CLASSES.index(letter) if letter in AAMI_CLASSES else 0] = 0.92
    duration_s = (FIRST + STEP * n) / FS
    return Analysis(
        record=record,
        digest=hashlib.sha256(record.encode()).hexdigest(),
        fs=FS,
        duration_s=duration_s,
        leads=("MLII",),
        model="rhythm",
        model_version="r-1",
        version="0",
        quality=quality or Quality((QualitySegment(0.0, duration_s, "good", ""),), 1.0),
        sample=FIRST + STEP * np.arange(n, dtype=np.int64),
        p=p,
        has_p=np.ones(n, np.bool_),
        confidence=p.max(axis=1),
        status=tuple[Status, ...]("unclassified" if letter == "U" else "classified" for letter in classes),
        reason=tuple("doubtful" if letter == "U" else "" for letter in classes),
        notices=(),
        threshold=0.5,
    )


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
