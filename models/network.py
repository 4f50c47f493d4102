"""What a network must say about itself to be trained, served and explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Network:
    """How one network is made; a module of models/ that ends with `NETWORK = Network(...)` is found by its name.

    `build(input_shape, classes)` gives an untrained Keras model from pictures 0..255 (float) to logits;
    `initialise(model, weights_dir)` loads what it starts from and says in a few words what that was;
    `trainable(layer_name)` says what is fine-tuned; `heat_layer` is the convolution whose output heatmaps weigh, or ""
    where none keeps places apart: then a heatmap shows how much covering each part costs. Lists go by `place`.
    Networks that read "beats" take rows of beats in their order (`models.rhythm`) instead of pictures.
    `taught_by` names a database half of which teaches the network beside DS1 (`splits.taught_half`), or is "".
    """

    title: str
    build: Callable[[Any, int], Any]
    initialise: Callable[[Any, Path], str]
    trainable: Callable[[str], bool]
    heat_layer: str
    learning_rate: float
    place: int = 100
    reads: Literal["pictures", "beats"] = "pictures"
    taught_by: str = ""


def random_start(model: Any, weights_dir: Path) -> str:
    """Nothing to load: Keras's own random start (set the seed first)."""
    return "a random start"


def everything(layer_name: str) -> bool:
    """Every layer is trained."""
    return True
