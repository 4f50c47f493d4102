"""Shared parts of networks cut out of ImageNet backbones: a head that preserves positions, and the initialisation."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from models.network import FolderUse, Network
from models.runtime import keras

SQUEEZED = "squeeze"  # the layer that heatmaps are computed from
SQUEEZED_FILTERS = 64
HIDDEN_UNITS = 128
DROPOUT = 0.3
MOMENTUM = 0.95  # of the batch statistics: they differ from those of photographs, and runs are a few hundred steps


def with_head(inputs: Any, features: Any, classes: int, name: str) -> Any:
    """Add a head to a feature map; nothing is pooled, because the panels of a picture have fixed places.

    Parameters
    ----------
    inputs : Keras tensor
        Input of the model, (n, H, W, 3).
    features : Keras tensor
        Feature map computed from it, (n, h, w, channels).
    classes : int
        Number of classes.
    name : str
        Name of the model.

    Returns
    -------
    keras.Model
        From `inputs` to logits (n, classes).
    """
    layers = keras().layers
    x = layers.Conv2D(SQUEEZED_FILTERS, 1, use_bias=False, name=f"{SQUEEZED}_conv")(features)
    x = layers.BatchNormalization(name=f"{SQUEEZED}_norm")(x)
    x = layers.Activation("relu", name=SQUEEZED)(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(DROPOUT, name="dropout")(x)
    x = layers.Dense(HIDDEN_UNITS, activation="relu", name="hidden")(x)
    model = keras().Model(inputs, layers.Dense(classes, dtype="float32", name="logits")(x), name=name)
    for layer in model.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = MOMENTUM
    return model


def pretrained(cuts: tuple[str, ...], imagenet_file: str, imagenet: Callable[[], Any]) -> FolderUse:
    """Return how a network with ImageNet weights is trained on folders: its head first, then what follows a cut.

    Parameters
    ----------
    cuts : tuple of str
        Where it can be divided, as in `FolderUse`.
    imagenet_file : str
        Name of its weights in HEARTVISION_DATA/weights.
    imagenet : Callable[[], Any]
        Makes the Keras application with weights that Keras downloads.
    """
    return FolderUse(cuts, 12, 8, patience=3, imagenet_file=imagenet_file, imagenet=imagenet)


def start(network: Network, model: Any, weights_dir: Path) -> str:
    """Load what training on a folder starts from, and say what that was.

    The file in `weights_dir` comes first, then Keras's own download (never with HEARTVISION_OFFLINE=1), then chance.

    Parameters
    ----------
    network : Network
        What is trained.
    model : keras.Model
        As it was built, changed in place.
    weights_dir : Path
        Folder of the ImageNet weights.

    Returns
    -------
    str
        "ImageNet weights from FILE", "ImageNet weights that Keras fetched", or "a random start" and why.
    """
    use = network.folders
    if use is None or use.imagenet is None:
        return network.initialise(model, weights_dir)
    if (weights_dir / use.imagenet_file).is_file():
        return f"{network.initialise(model, weights_dir)} from {use.imagenet_file}"
    missing = f"a random start: {use.imagenet_file} is not in HEARTVISION_DATA/weights"
    if os.environ.get("HEARTVISION_OFFLINE") == "1":
        return f"{missing}, and HEARTVISION_OFFLINE forbids a download"
    try:
        with redirect_stdout(sys.stderr):  # Keras tells of its download; stdout is for results
            source = use.imagenet()
    except Exception as error:  # noqa: BLE001 - what Keras raises for any failed download
        return f"{missing}, and Keras could not fetch it ({_first_line(error)})"
    copy_layers(source, model)
    return "ImageNet weights that Keras fetched"


def copy_layers(source: Any, model: Any) -> None:
    """Give the layers of a model the weights of those of the same name in another."""
    own = {layer.name: layer for layer in model.layers}
    for layer in source.layers:
        if layer.weights and layer.name in own:
            own[layer.name].set_weights(layer.get_weights())


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def start_from(model: Any, file: Path) -> str:
    """Load the layers of a Keras weights file (.h5) that the model has by name; without it, leave the random start."""
    if not file.is_file():
        return f"a random start ({file.name} was not there)"
    model.load_weights(file, by_name=True)
    return "ImageNet weights"
