"""What each part of the training recipe contributes: `python -m benchmarks.recipes` writes its table.

`mobilenet`, which starts from ImageNet, is trained repeatedly with a small budget, each time with one
change, and measured on the patients of DS1 that are held out of every training; DS2 is not used. The usual recipe
runs with three seeds: a difference within their range is not conclusive. (`cnn` calls everything N after so few
pictures.) An interrupted run continues with what is missing (runs/).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.results import RecipeRow, Recipes
from models.losses import Recipe
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.datasets.catalogue import database_folder
from pipeline.training.augmentation import Augmentation, read_recorded_noise
from pipeline.training.plan import DEFAULT_PLAN, TrainingPlan
from pipeline.training.schema import SettingsSearch
from pipeline.training.training_set import TrainingData, load_training_data
from pipeline.training.tuning import tune, validation

NETWORK = "mobilenet"
DEPTHS = {"the last half of the layers": 0.5, "only the new head": 0.05}
PLAN = DEFAULT_PLAN.reduced(2, 2500)
SEEDS = (PLAN.seed, 1, 2)
CLASS_WEIGHTS = (0.5, 2.0, 1.0, 3.0, 1.0)  # N S V F Q: rare classes weigh more, on top of the enriched mix
MEASURES = {
    "val_loss": "Loss",
    "val_f1_N": "N F1",
    "val_f1_V": "V F1",
    "val_f1_S": "S F1",
    "val_f1_S_simulated": "S F1, simulated rhythms",
}
JSON, TABLE = (ROOT / "docs" / "experiments" / name for name in ("recipes.json", "recipes.md"))


def recipes(root: Path) -> dict[str, TrainingPlan]:
    """The plans for `NETWORK` that are compared, by title; the usual ones come first."""
    usual, noise = Augmentation(), read_recorded_noise(root / "nstdb", DEFAULT, share=0.3, level=0.2)
    without = {
        "without changes of amplitude": {"gain_log_sd": 0.0},
        "without lead dropout": {"drop_second": 0.0},
        "without a drifting baseline": {"tilt": 0.0},
        "without time warp": {"warp": 0.0, "shift_points": 0.0},
    }
    return {
        **{f"usual, seed {seed}": replace(PLAN, seed=seed) for seed in SEEDS},
        "class weights": replace(PLAN, recipe=Recipe(class_weights=CLASS_WEIGHTS)),
        "focal loss, gamma 2": replace(PLAN, recipe=Recipe(focal=2.0)),
        "with noise of nstdb": replace(PLAN, augmentation=replace(usual, recorded=noise)),
        **{title: replace(PLAN, augmentation=replace(usual, **change)) for title, change in without.items()},
        **{f"{title} tuned": replace(PLAN, depth=depth) for title, depth in DEPTHS.items()},
    }


def measured(plan: TrainingPlan, training_data: TrainingData, root: Path) -> dict[str, float]:
    """The measures of one plan that the table shows."""
    found = validation(NETWORK, plan, training_data, root, DEFAULT)
    return {name: found[name] for name in (*MEASURES, "minutes")}


def tuned(trials: int, training_data: TrainingData, root: Path) -> tuple[str, TrainingPlan]:
    """The plan with the best settings of a search of so many trials."""
    found = tune(NETWORK, trials, root, plan=PLAN, training_data=training_data)
    best = read_as(SettingsSearch, found, again="search again").best
    title = (
        f"learning rate {best['learning_rate']:.2g}, weight decay {best['weight_decay']:.2g} (Optuna, {trials} trials)"
    )
    return title, replace(PLAN, recipe=Recipe(**best))


def main() -> None:
    """Train what is missing, and write both files after each recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", type=int, default=0, metavar="N", help="trials of the search for settings")
    options = parser.parse_args()
    root = data_root()
    training_data = load_training_data(database_folder(root), DEFAULT, PLAN.seed, lambda fraction, sentence: None)
    rows: dict[str, dict[str, float]] = {}
    for title, plan in recipes(root).items():
        rows[title] = measured(plan, training_data, root)
        write(rows, options.tune)
    if options.tune:
        title, plan = tuned(options.tune, training_data, root)
        rows[title] = measured(plan, training_data, root)
        write(rows, options.tune)


def write(rows: Mapping[str, Mapping[str, float]], trials: int) -> None:
    """docs/experiments/recipes.json, and the table made of it."""
    command = "python -m benchmarks.recipes" + (f" --tune {trials}" if trials else "")
    data = "MIT-BIH Arrhythmia Database, DS1; measured on its held-out patients"
    content = Recipes(
        network=NETWORK,
        epochs=PLAN.simulated_epochs,
        pictures=sum(count for _, count in PLAN.counts),
        provenance=Provenance(command, current_commit(), data, now()),
        recipes=tuple(RecipeRow(title, **row) for title, row in rows.items()),
    )
    write_json(JSON, to_json(content))
    TABLE.write_text(table(content), encoding="utf-8")


def table(content: Recipes) -> str:
    """The recipes as Markdown, each beside the range of the usual one."""
    made, rows = content.provenance, content.recipes
    usual = [row for row in rows if row.recipe.startswith("usual")]
    lines = [
        "# What each part of the training recipe contributes",
        "",
        f"`{content.network}`, {content.epochs} epochs of {content.pictures} recorded beats, plus simulated",
        "ones, measured on the patients of DS1 that are held out of every training. DS2 was not used.",
        "The usual recipe was run with several seeds: a difference within their range is not conclusive.",
        "",
        f"| recipe | {' | '.join(MEASURES.values())} | outside the usual range |",
        f"|---|{'---|' * (len(MEASURES) + 1)}",
    ]
    for row in rows:
        cells = " | ".join(f"{getattr(row, name):.3f}" for name in MEASURES)
        lines.append(f"| {row.recipe} | {cells} | {'' if row in usual else outside(row, usual)} |")
    return "\n".join([*lines, "", f"`{made.command}`, commit {made.commit}, {made.date[:10]}.", ""])


def outside(row: RecipeRow, usual: Sequence[RecipeRow]) -> str:
    """Which measures lie outside those of the usual recipe's seeds, and on which side."""
    verdicts = []
    for name, title in MEASURES.items():
        value, values = getattr(row, name), [getattr(other, name) for other in usual]
        better_is_lower = name == "val_loss"
        if value < min(values):
            verdicts.append(f"{title} {'better' if better_is_lower else 'worse'}")
        elif value > max(values):
            verdicts.append(f"{title} {'worse' if better_is_lower else 'better'}")
    return ", ".join(verdicts) or "nothing"


if __name__ == "__main__":
    main()
