"""A small run on a folder of curves, trained in seconds."""

from __future__ import annotations

from pathlib import Path

from pipeline.image_folders.training import run_folder
from pipeline.image_folders.training_set import FolderPlan
from tests.helpers.picture_folders import curves_folder

PLAN = FolderPlan(head_epochs=0, tuning_epochs=6, patience=6, side_px=64, batch=16, reads="pictures")


def trained_on_curves(root: Path, output: Path | None = None) -> Path:
    """Write the folder root/curves and a run of the custom CNN on it; returns the run's folder."""
    return run_folder("cnn", curves_folder(root / "curves"), output or root / "run", plan=PLAN)
