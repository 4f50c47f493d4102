"""Learning rate and weight decay searched with Optuna: every trial and its result.

    python -m benchmarks.tuning [--trials 8]

The search of `python -m pipeline train --model NAME --tune N` with less than half of its pictures. It uses only
patients of DS1 that every training holds out. The usual settings are tried first; an interrupted search has written
what it found, and resumes after its last trial.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Final

from benchmarks.recipes import NETWORK
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.datasets.catalogue import database_folder
from pipeline.training.plan import DEFAULT_PLAN
from pipeline.training.schema import SettingsSearch
from pipeline.training.training_set import load_training_data
from pipeline.training.tuning import tune

PLAN: Final = DEFAULT_PLAN.reduced(2, 1000)
JSON, TEXT = (ROOT / "docs" / "experiments" / name for name in ("tuning.json", "tuning.md"))


def main() -> None:
    """Search, and write what was found after each trial."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=8)
    options = parser.parse_args()
    commit, root = current_commit(), data_root()  # before the first file is written
    report = lambda fraction, sentence: sys.stderr.write(f"{sentence}\n")  # noqa: E731
    training_data = load_training_data(database_folder(root), DEFAULT, PLAN.seed, lambda fraction, sentence: None)
    for trials in range(1, options.trials + 1):
        found = tune(NETWORK, trials, root, plan=PLAN, training_data=training_data, progress=report)
        made = Provenance(f"python -m benchmarks.tuning --trials {trials}", commit, "MIT-BIH DS1", now())
        content = replace(read_as(SettingsSearch, found, again="search again"), provenance=made)
        write_json(JSON, to_json(content))
        TEXT.write_text(as_text(content, made), encoding="utf-8")


def as_text(content: SettingsSearch, made: Provenance) -> str:
    """The search as a page: each trial in its order, and what the best one gave over the usual settings."""
    tried = [(settings["learning_rate"], settings["weight_decay"], value) for settings, value in content.trials]
    best = min(range(len(tried)), key=lambda i: tried[i][2])
    rows = [
        f"| {i + 1}{' (usual)' if i == 0 else ''} | {rate:.2g} | {decay:.2g} | {value:.3f}{' **best**' * (i == best)} |"
        for i, (rate, decay, value) in enumerate(tried)
    ]
    verdict = f"The best trial's loss is {tried[0][2] - tried[best][2]:.3f} below that of the usual settings."
    lines = [
        "# Settings searched with Optuna",
        "",
        f"`{content.network}`, {content.epochs} epochs of {content.pictures} recorded beats, plus simulated",
        "ones, each trial from the same start and seed. The loss is that of the patients of DS1 that are",
        "held out of every training. DS2 was not used.",
        "",
        "| trial | learning rate | weight decay | loss |",
        "|---|---|---|---|",
        *rows,
        "",
        "No trial is better than the usual settings." if best == 0 else verdict,
        "Three seeds of one recipe differ by about 0.05 on a larger budget ([recipes](recipes.md)): a smaller",
        "gain is not conclusive, and so small a budget favours settings that learn fast. The shipped networks",
        "keep theirs.",
        "",
        f"`{made.command}`, commit {made.commit}, {made.date[:10]}.",
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
