"""Losses and hyperparameters: the parts of a training recipe that need Keras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from models.runtime import keras, tensorflow


@dataclass(frozen=True)
class Recipe:
    """How a training run differs from the usual one.

    Attributes
    ----------
    learning_rate : float
        At its highest; None for the network's own.
    weight_decay : float
        Of AdamW.
    class_weights : tuple of float
        Multiply the loss of each class; none if empty.
    focal : float
        Gamma of the focal loss (Lin et al. 2017, arXiv:1708.02002).
    """

    learning_rate: float | None = None
    weight_decay: float = 1e-4
    class_weights: tuple[float, ...] = ()
    focal: float = 0.0


PLAIN: Final = Recipe()


def loss_function(recipe: Recipe, *, ignored: int) -> Callable[[Any, Any], Any]:
    """Return the mean loss of (labels, logits): cross entropy, weighted and focused as in the recipe.

    Beats with the label `ignored` do not count; a weighted or focal loss must not get any.
    """
    if not recipe.class_weights and not recipe.focal:
        plain: Callable[[Any, Any], Any]
        plain = keras().losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=ignored)
        return plain
    tf = tensorflow()

    def loss(labels: Any, logits: Any) -> Any:
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        if recipe.focal:
            each *= (1 - tf.exp(-each)) ** recipe.focal
        if recipe.class_weights:
            each *= tf.gather(tf.constant(recipe.class_weights), labels)
        return tf.reduce_mean(each)

    return loss
