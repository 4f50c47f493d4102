"""An analysis written as a string of classes: for benchmarks and for the tests of the review store."""

from __future__ import annotations

import hashlib

import numpy as np

from pipeline.labels import AAMI_CLASSES
from pipeline.types import Analysis, Quality, QualitySegment, Status

FS = 250.0
FIRST, STEP = 100, 200  # samples: beats are 0.8 s apart


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
