"""Accuracy against speed by the size of the beat picture: `python -m benchmarks.resolution` writes its table.

`mobilenet` is trained on the same beats, drawn smaller and larger, with the small budget of `benchmarks.recipes`, and
measured on the patients of DS1 that are held out of every training; DS2 is not used. Pictures per second are the best
of several rounds, the sizes in turn: only their ratios are meaningful. An interrupted run continues (runs/).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recipes import MEASURES, NETWORK, PLAN, SEEDS
from benchmarks.results import Resolution, SizeRow
from models.fit import forward
from models.networks import NETWORKS
from models.runtime import dtype_policy, keras
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import to_json
from pipeline.config import DEFAULT, ROOT, PictureConfig, data_root
from pipeline.datasets.catalogue import database_folder
from pipeline.training.training_set import load_training_data
from pipeline.training.tuning import validation

JSON, TABLE = (ROOT / "docs" / "experiments" / name for name in ("resolution.json", "picture-size.md"))
SIZES = (  # rows of the beat, the strip and the bars, and columns: two thirds, as shipped, and one and a half
    PictureConfig(width_px=64, beat_height_px=24, strip_height_px=9, rr_height_px=9),
    DEFAULT.picture,
    PictureConfig(width_px=144, beat_height_px=57, strip_height_px=20, rr_height_px=19),
)
TIMED = {"mobilenet": 2048, "vgg16": 512}  # pictures classified per round
ROUNDS = 5


def main() -> None:
    """Train with each size and seed, time the sizes against each other, and write both files."""
    root = data_root()
    keras().mixed_precision.set_global_policy(dtype_policy())
    rows = [row for picture in SIZES for row in rows_of_size(picture, root)]
    speeds = {name: pictures_per_s(name, count) for name, count in TIMED.items()}
    write([SizeRow(**row, **{name: speed[row["size"]] for name, speed in speeds.items()}) for row in rows])


def rows_of_size(picture: PictureConfig, root: Path) -> list[dict[str, Any]]:
    """The measures of one size, a row a seed."""
    config = replace(DEFAULT, picture=picture)
    training_data = load_training_data(database_folder(root), config, PLAN.seed, lambda fraction, sentence: None)
    found = {seed: validation(NETWORK, replace(PLAN, seed=seed), training_data, root, config) for seed in SEEDS[:2]}
    facts = {"size": SIZES.index(picture), "height": picture.height_px, "width": picture.width_px}
    return [facts | {"seed": seed} | {name: row[name] for name in MEASURES} for seed, row in found.items()]


def pictures_per_s(name: str, count: int) -> list[float]:
    """How many pictures of each size a second a network reads; its weights do not matter for that."""
    shapes = [(picture.height_px, picture.width_px, 3) for picture in SIZES]
    networks = [forward(NETWORKS[name].build(shape, 5)) for shape in shapes]
    pictures = [np.zeros((count, *shape), np.uint8) for shape in shapes]
    seconds = np.empty((ROUNDS, len(SIZES)))
    for of_round in seconds:
        for i, (read, shown) in enumerate(zip(networks, pictures, strict=True)):
            started = time.perf_counter()
            read(shown)
            of_round[i] = time.perf_counter() - started
    return [round(count / best, 1) for best in seconds.min(axis=0)]


def write(rows: Sequence[SizeRow]) -> None:
    """docs/experiments/resolution.json, and the table made of it."""
    data = "MIT-BIH Arrhythmia Database, DS1; measured on its held-out patients"
    made = Provenance("python -m benchmarks.resolution", current_commit(), data, now())
    content = Resolution(NETWORK, made, tuple(rows))
    write_json(JSON, to_json(content))
    TABLE.write_text(table(content), encoding="utf-8")


def table(content: Resolution) -> str:
    """The sizes as Markdown; speeds beside those of the shipped size."""
    made, rows = content.provenance, content.sizes
    usual = next(row for row in rows if row.width == DEFAULT.picture.width_px)
    lines = [
        "# The size of the beat picture: accuracy against speed",
        "",
        f"`{content.network}` with the budget of [the recipes](recipes.md), two seeds, measured on the patients",
        "of DS1 that are held out of every training. Speeds are relative to the shipped size, in one run.",
        "",
        f"| height x width | seed | {' | '.join([*MEASURES.values(), *(f'{name} speed' for name in TIMED)])} |",
        f"|---|---|{'---|' * (len(MEASURES) + len(TIMED))}",
    ]
    for row in rows:
        cells = [f"{getattr(row, name):.3f}" for name in MEASURES]
        cells += [f"{getattr(row, name) / getattr(usual, name):.2f} x" for name in TIMED]
        lines.append(f"| {row.height} x {row.width} | {row.seed} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"`{made.command}`, commit {made.commit}, {made.date[:10]}.", ""])


if __name__ == "__main__":
    main()
