"""What a network is punished for while it learns, and how fast it learns: the parts of a recipe that need Keras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from models.runtime import keras, tensorflow


@dataclass(frozen=True)
class Recipe:
    """How a run differs from the usual one.

    `learning_rate` at its highest, None for the network's own; `weight_decay` of AdamW; `class_weights` multiply the
    loss of each class, none if empty; `focal` is gamma of the focal loss (Lin et al. 2017, arXiv:1708.02002).
    """

    learning_rate: float | None = None
    weight_decay: float = 1e-4
    class_weights: tuple[float, ...] = ()
    focal: float = 0.0


PLAIN: Final = Recipe()


def loss_function(recipe: Recipe, *, ignored: int) -> Callable[[Any, Any], Any]:
    """Mean loss of (labels, logits): cross entropy, weighted and focused as the recipe says.

    Beats with the label `ignored` count for nothing; a weighted or focused loss knows none of these.
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
