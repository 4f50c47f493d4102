"""The review store on large work: `python -m benchmarks.store`, in a fresh SQLite file or HEARTVISION_DATABASE_URL.

A day of 100 000 beats with 1 000 decisions replayed, one more decision committed, its standing read back, and pages of
a worklist of 5 000 studies. Shortest and longest wall time of the repeats; the aim is 50 ms for a page of the worklist.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.domain import Analysis, Quality, QualitySegment
from pipeline.review.beats import reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.store.database import database
from pipeline.store.reviews import decide, open_study, standing
from pipeline.store.studies import worklist

BEATS, DECISIONS, STUDIES, REPEATS = 100_000, 1_000, 5_000, 7
FS, STEP = 250.0, 216  # samples between beats: 24 h of 100 000


def a_day(beats: int = BEATS, digest: str = "d" * 64) -> Analysis:
    """An analysis of this many normal beats."""
    p = np.tile(np.array([0.96, 0.01, 0.01, 0.01, 0.01], np.float32), (beats, 1))
    seconds = (beats + 1) * STEP / FS
    return Analysis(
        record=f"case {digest[:8]}",
        digest=digest,
        fs=FS,
        duration_s=seconds,
        leads=("MLII",),
        model="cnn",
        model_version="benchmark",
        version="0",
        quality=Quality((QualitySegment(0.0, seconds, "good", ""),), 1.0),
        sample=STEP * np.arange(1, beats + 1, dtype=np.int64),
        p=p,
        has_p=np.ones(beats, np.bool_),
        confidence=p.max(axis=1),
        status=("classified",) * beats,
        reason=("",) * beats,
        notices=(),
        threshold=0.5,
    )


def timed(what: str, work: Callable[[], Any]) -> None:
    """Print the shortest and the longest wall time."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    print(f"{what:52}{min(times):8.1f} ms{max(times):8.1f} ms", flush=True)


def main() -> None:
    """Print the table."""
    day = a_day()
    chosen = np.random.default_rng(0).choice(day.sample, DECISIONS, replace=False)
    decisions = [Decision("override", (int(sample),), "V") for sample in chosen]
    timed(f"replay of {DECISIONS} decisions on {BEATS} beats", lambda: reviewed_beats(day, decisions))
    study = open_study(day)
    version = 0
    for decision in decisions[:300]:
        version = decide(study.id, decision, reader="benchmark", expected_version=version)
    after = iter(range(version, version + REPEATS))
    left = iter(decisions[300:])
    timed(
        "one more decision, committed, after 300",
        lambda: decide(study.id, next(left), reader="benchmark", expected_version=next(after)),
    )
    timed("the standing of that study", lambda: standing(study.id))
    for number in range(STUDIES - 1):
        open_study(a_day(10, f"{number:064d}"), priority=number % 9, findings={"vt": number % 3})
    pages: dict[str, dict[str, Any]] = {
        "most urgent first": {},
        "page 100": {"page": 99},
        "searched": {"text": "case 000"},
        "by time": {"states": ("new",), "sort": "updated", "descending": True},
    }
    for what, query in pages.items():
        timed(f"worklist of {STUDIES}, {what}", lambda query=query: worklist(**query))
    database().engine.dispose()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HEARTVISION_HOME"] = folder
        main()
