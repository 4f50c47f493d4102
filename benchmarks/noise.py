"""Noise curves: answers that noise makes wrong, and beats still answered; writes docs/experiments/noise_curves.json.

python -m benchmarks.noise [--annotated]

With --annotated only the noise annotated in vfdb is measured anew; the curves stay.
"""

from __future__ import annotations

import json
import sys

from pipeline.config import data_root
from pipeline.evaluation.noise_curves import CLEAN, SCORES, annotated_again, missed_targets, noise_curves


def main() -> None:
    """Measure, write, and print what was found."""
    if "--annotated" in sys.argv[1:]:
        target = annotated_again(data_root())
    else:
        target = noise_curves(data_root(), progress=lambda done, text: print(f"{done:4.0%} {text}", flush=True))
    written = json.loads(target.read_text("utf-8"))
    for database, conditions in written["curves"].items():
        print(f"{database}: clean {conditions[CLEAN]}")
        for name, shares in conditions.items():
            print(f"  {name:10} answered {shares['answered']:.3f}  wrong {shares['wrong more than clean']:+.4f}")
    for score in SCORES:
        flagged = {name: one[score]["flagged at .95 of the rest kept"] for name, one in written["vfdb"].items()}
        print(f"vfdb, annotated noise, {score}: {flagged}")
    missed = missed_targets(written, wrong_max=0.01, answered=(0.95, 0.85, 0.60), clean_min=0.985, flagged_min=0.40)
    print("\n".join(missed) or "All targets are reached.")


if __name__ == "__main__":
    main()
