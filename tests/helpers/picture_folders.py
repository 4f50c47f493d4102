"""A small folder of labelled pictures, and a small network for it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SMALL_NETWORK = '''"""Two convolutions and a head, which can be trained in two phases."""

from models.network import FolderUse, Network, everything
from models.runtime import keras


def build(input_shape, classes):
    layers = keras().layers
    inputs = layers.Input(input_shape, name="picture")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    x = layers.Conv2D(4, 5, strides=4, activation="relu", name="first")(x)
    x = layers.Conv2D(8, 3, strides=2, name="second")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Flatten(name="flatten")(layers.Activation("relu", name="relu")(x))
    x = layers.Dropout(0.3, name="dropout")(x)
    return keras().Model(inputs, layers.Dense(classes, dtype="float32", name="logits")(x))


def begin(model, weights_dir):
    return "a start of its own"


NETWORK = Network(
    "Small", build, begin, everything, "second", 1e-3, place=999,
    folders=FolderUse(("relu", "first"), 3, 2, patience=5),
)
'''


def curves_folder(root: Path) -> Path:
    """Write twelve pictures each of high and of low curves, every one twice under another name."""
    for number in range(24):
        rng = np.random.default_rng(number)
        high = number % 2
        paper = np.full((64, 64, 3), 255, np.uint8)
        y = (14 if high else 48) + rng.uniform(-9, 9, 20)
        cv2.polylines(paper, [np.stack([np.linspace(2, 61, 20), y], 1).astype(np.int32)], False, (0, 0, 0), 2)
        place = root / ("high" if high else "low")
        place.mkdir(parents=True, exist_ok=True)
        for copy in "ab":
            cv2.imwrite(str(place / f"{number}{copy}.png"), paper)
    return root
