"""Beats in force, written as a string of classes: for the tests of the findings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.review.beats_in_force import ReviewedBeats

FS = 360.0


def written(
    classes: str,
    rr_s: float | Sequence[float] = 0.8,
    *,
    breaks: Sequence[int] = (),
    decided: Sequence[int] = (),
    model: str | None = None,
    confidence: float | Sequence[float] = 0.95,
    start_s: float = 1.0,
    fs: float = FS,
) -> ReviewedBeats:
    """One beat per letter; `rr_s` before each beat (the first one's is omitted), `breaks` before these positions."""
    n = len(classes)
    intervals = np.broadcast_to(np.asarray(rr_s, np.float64), n).copy()
    intervals[:1] = 0
    sample = np.round((start_s + np.cumsum(intervals)) * fs).astype(np.int64)
    aami = np.array(list(classes), "<U1")
    broken = np.zeros(n + 1, bool)
    broken[[0, *breaks]] = True
    broken[:-1] |= aami == "X"
    broken[1:] |= aami == "X"
    human = np.full(n, "", "<U10")
    human[list(decided)] = "confirmed"
    return ReviewedBeats(
        fs=fs,
        n_samples=int(sample[-1]) + round(fs) if n else round(10 * fs),
        sample=sample,
        aami=aami,
        model_aami=np.array(list(model or classes), "<U1"),
        p=np.zeros((n, 5), np.float32),
        confidence=np.broadcast_to(np.asarray(confidence, np.float32), n).copy(),
        human=human,
        comment=("",) * n,
        break_before=broken[:-1],
    )
