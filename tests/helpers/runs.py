"""A small run of the custom CNN on drawn pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pipeline.image_folders.training import run_folder
from pipeline.image_folders.training_set import FolderPlan

PLAN = FolderPlan(head_epochs=1, tuning_epochs=2, side_px=64, batch=16)


def draw_folder(place: Path, pictures: int = 48) -> Path:
    """Half of the pictures with a high, half with a low curve, all different."""
    for number in range(pictures):
        rng = np.random.default_rng(number)
        high = number % 2
        paper = np.full((64, 64, 3), 255, np.uint8)
        y = (14 if high else 48) + rng.uniform(-9, 9, 20)
        cv2.polylines(paper, [np.stack([np.linspace(2, 61, 20), y], 1).astype(np.int32)], False, (0, 0, 0), 2)
        folder = place / ("high" if high else "low")
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), paper)
    return place


def train_small_run(home: Path) -> Path:
    """Train on drawn pictures and return the folder of the run."""
    return run_folder("cnn", draw_folder(home / "curves"), plan=PLAN)
