"""What a network must state about itself to be trained, served and explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Weights = Mapping[str, NDArray[np.float32]]  # of a Keras model, by their paths in it
Logits = Callable[[NDArray[Any]], NDArray[np.float32]]  # from inputs (n, ...) to (n, classes)


@dataclass(frozen=True)
class FolderUse:
    """How a network is trained on a folder of pictures of any size; the defaults train every layer from the start.

    Attributes
    ----------
    cuts : tuple of str
        Layers where the network can be divided: the last frozen one while only the head is trained, then deeper ones,
        after which training may go on. ("",) trains everything.
    head_epochs, tuning_epochs : int
        Epochs of the head on frozen features, and of what follows a cut; with ("",) there is only the second phase.
    patience : int
        So many epochs without a better one end a phase.
    imagenet_file : str
        Name of the ImageNet weights in HEARTVISION_DATA/weights; "" where there are none.
    imagenet : Callable[[], Any] or None
        Makes the Keras application with its ImageNet weights, which Keras downloads; layers of the same name start
        from them.
    side_px : int
        About the side of the pictures, unless a size is chosen.
    standard : str
        A layer that centres and scales the features of the first cut (batch normalisation that is not trained): their
        mean and deviation over the training pictures are set before training; "" where there is none.
    """

    cuts: tuple[str, ...] = ("",)
    head_epochs: int = 0
    tuning_epochs: int = 40
    patience: int = 10
    imagenet_file: str = ""
    imagenet: Callable[[], Any] | None = None
    side_px: int = 96
    standard: str = ""


@dataclass(frozen=True)
class Network:
    """How one network is made; a module of models/ that ends with `NETWORK = Network(...)` is found by its name.

    Attributes
    ----------
    title : str
        What people call it.
    build : Callable[[Any, int], Any]
        `build(input_shape, classes)` returns an untrained Keras model from pictures 0..255 (float) to logits.
    initialise : Callable[[Any, Path], str]
        `initialise(model, weights_dir)` loads what training starts from, and says in a few words what that was.
    trainable : Callable[[str], bool]
        `trainable(layer_name)` tells what is fine-tuned.
    heat_layer : str
        The convolution that heatmaps are computed from, or "" if none preserves positions: a heatmap then shows how
        much covering each part costs.
    learning_rate : float
        Peak learning rate.
    forward : Callable[[Any], Logits] or None
        `forward(model)` makes the function from inputs to logits; None for that on pictures (`models.fit.forward`).
    place : int
        Position in lists.
    reads : Literal['pictures', 'beats']
        Networks that read "beats" take rows of beats in their order (`models.rhythm`) instead of pictures.
    served : Callable[[Weights, int], Logits] or None
        `served(weights, classes)` makes the function from inputs to logits without Keras; None where Keras answers.
    folders : FolderUse or None
        How it is trained on folders of pictures; None if it is not.
    also_trained_on : str
        A database of which half is used for training besides DS1 (`splits.training_half`), or "".
    """

    title: str
    build: Callable[[Any, int], Any]
    initialise: Callable[[Any, Path], str]
    trainable: Callable[[str], bool]
    heat_layer: str
    learning_rate: float
    forward: Callable[[Any], Callable[[NDArray[Any]], NDArray[np.float32]]] | None = None
    place: int = 100
    reads: Literal["pictures", "beats"] = "pictures"
    served: Callable[[Weights, int], Logits] | None = None
    folders: FolderUse | None = FolderUse()
    also_trained_on: str = ""


def random_start(model: Any, weights_dir: Path) -> str:
    """Load nothing: Keras's own random start remains (set the seed first)."""
    return "a random start"


def everything(layer_name: str) -> bool:
    """Train every layer."""
    return True
