"""Training of the detector `orientation`: beats as recorded, upside down, mirrored and turned."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from models.boosted_trees import from_scikit_learn
from models.detectors import write_detector
from models.trace_measures import POINTS, shape_measures
from pipeline._util.provenance import current_commit
from pipeline.beat_images.doubts import FOLDER, NAME, ORIENTATIONS, oriented
from pipeline.beat_images.record_curves import SEED
from pipeline.beat_images.training_set import Shapes
from pipeline.types import FloatArray

BEATS: Final = 9_000
TREES: Final = {"max_iter": 150, "max_leaf_nodes": 16, "l2_regularization": 2.0, "early_stopping": False}


def train_orientation(shapes: Shapes, output_dir: Path | None, command: str) -> Path:
    """Train the detector and write it; `python -m benchmarks.beat_pictures` reads held-out patients with it.

    Parameters
    ----------
    shapes : Shapes
        Beats of all patients.
    output_dir : Path or None
        Where its folder goes; models/weights/pictures if None.
    command : str
        The command to record.

    Returns
    -------
    Path
        The folder written.
    """
    began = time.monotonic()
    training, _ = shapes.parted()
    trees = _fitted(training.cut(BEATS, np.random.default_rng((SEED, 40)), POINTS))
    records = {f"mitdb/{record}" for record in np.unique(training.labelled.record)}
    facts = {
        "temperature": 1.0,
        "bias": (0.0,) * len(ORIENTATIONS),
        "trained_on": "beats of MIT-BIH (DS1 and paced), svdb and LUDB, turned and mirrored",
        "train_records": tuple(sorted(records)),
        "commit": current_commit(),
        "command": command,
        "seed": SEED,
        "training_minutes": round((time.monotonic() - began) / 60, 1),
    }
    return write_detector(
        NAME,
        from_scikit_learn(trees),
        title="Orientation of a beat picture",
        classes=ORIENTATIONS,
        measures=[f"shape {i}" for i in range(trees.n_features_in_)],
        facts=facts,
        folder=output_dir or FOLDER,
    )


def _fitted(beats: FloatArray) -> HistGradientBoostingClassifier:
    kinds = range(len(ORIENTATIONS))
    measures = np.concatenate([shape_measures(oriented(beats, kind)) for kind in kinds])
    return HistGradientBoostingClassifier(**TREES, random_state=SEED).fit(measures, np.repeat(kinds, len(beats)))
