"""The review store with a large study: `python -m benchmarks.store`, in SQLite or HEARTVISION_DATABASE_URL.

A day of 100 000 beats with 1 000 decisions replayed, one more decision committed, and its standing read back; the
worklist has a benchmark of its own.
"""

from __future__ import annotations

import os
import tempfile
from itertools import count

import numpy as np

from benchmarks.timing import header, timed
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.store.reviews import decide, standing
from pipeline.store.studies import create_study
from tests.helpers.review_study import analysed

BEATS, DECISIONS = 100_000, 1_000


def main() -> None:
    """Print the table."""
    header("the review store")
    day = analysed("N" * BEATS)
    chosen = np.random.default_rng(0).choice(day.sample, DECISIONS, replace=False)
    decisions = [Decision("override", (int(sample),), "V") for sample in chosen]
    timed(f"replay of {DECISIONS} decisions on {BEATS} beats", lambda: reviewed_beats(day, decisions))
    study = create_study(day)
    version = 0
    for decision in decisions[:300]:
        version = decide(study.id, decision, reader="benchmark", expected_version=version)
    after, left = count(version), iter(decisions[300:])
    timed(
        "one more decision, committed, after 300",
        lambda: decide(study.id, next(left), reader="benchmark", expected_version=next(after)),
    )
    timed("the standing of that study", lambda: standing(study.id))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HEARTVISION_HOME"] = folder
        main()
