"""VGG16 on pictures of 12-lead pages: ImageNet's first three blocks and a linear head."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import vgg16
from models.errors import ModelError
from models.network import FolderUse, Network
from models.registry import Classifier
from models.runtime import keras, tensorflow

BLOCKS: Final = ((64, 2), (128, 2), (256, 3))  # filters and convolutions, by the names of Keras's VGG16
CUT: Final = "block3_pool"  # 24 x 24 positions: an ST segment of 0.1 mV is 3 px; later blocks are worse (ADR 0014)
ROOT: Final = "root"
FEATURES: Final = "features"
STANDARD: Final = "standard"
EPSILON: Final = 1e-6
TINY: Final = 1e-12  # the slope of a square root is infinite at 0
SIDE_PX: Final = 192  # of the drawing of a page


def build(input_shape: tuple[int, int, int], classes: int) -> Any:
    """Return an untrained model from RGB pictures (n, h, w, 3) in 0..255 to logits (n, classes).

    The square roots of the features are compared with the average page's, position by position, because leads have
    fixed places.
    """
    layers = keras().layers
    inputs = layers.Input(input_shape, name="picture")
    x = keras().applications.vgg16.preprocess_input(inputs)
    for block, (filters, convolutions) in enumerate(BLOCKS, 1):
        for i in range(1, convolutions + 1):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{block}_conv{i}")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    above = layers.Rescaling(1.0, offset=TINY, dtype="float32", name="above_zero")(x)
    roots = layers.Activation(_square_root(), dtype="float32", name=ROOT)(above)
    flat = layers.Flatten(dtype="float32", name=FEATURES)(roots)
    standard = layers.BatchNormalization(
        center=False, scale=False, epsilon=EPSILON, trainable=False, dtype="float32", name=STANDARD
    )(flat)
    logits = layers.Dense(classes, dtype="float32", name="logits")(standard)
    return keras().Model(inputs, logits, name="page")


def _square_root() -> Any:
    """Return Keras's operation: files name its class, which any Keras finds, but no activation of this name."""
    x = keras().KerasTensor((None,))
    return keras().Function(x, keras().ops.sqrt(x)).operations[-1]


def set_head(
    model: Any,
    mean: NDArray[np.float32],
    std: NDArray[np.float32],
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> None:
    """Give a network its average page and its linear head.

    Parameters
    ----------
    model : keras.Model
        The network, changed in place.
    mean : (d,) float32
        Mean of the features over pages.
    std : (d,) float32
        Their standard deviation.
    kernel : (d, classes) float32
        Weights of the head.
    bias : (classes,) float32
        Biases of the head.
    """
    model.get_layer(STANDARD).set_weights([mean, std**2 - EPSILON])
    model.get_layer("logits").set_weights([kernel, bias])


def page_heat(classifier: Classifier, picture: NDArray[np.uint8], class_name: str) -> NDArray[np.float32]:
    """Return where the evidence for a class lies in a picture.

    It is gradient times activation on the logit, summed over channels at each position; because the head is linear,
    this is exactly what each position adds to the logit, compared with the average page. Grad-CAM's mean of gradients
    over positions would mix leads.

    Parameters
    ----------
    classifier : Classifier
        The page network.
    picture : (h, w, 3) uint8
        The network's picture of a page.
    class_name : str
        The class to explain.

    Returns
    -------
    (24, 24) float32
        In 0..1, all 0 if nothing supports the class.

    Raises
    ------
    ModelError
        If the network has no such class.

    References
    ----------
    HiResCAM: Draelos & Carin 2020, arXiv:2011.08891.
    """
    if class_name not in classifier.classes:
        raise ModelError(f"Network {classifier.name!r} has no class {class_name!r}.")
    tf, model = tensorflow(), classifier.model
    split = keras().Model(model.input, model.get_layer(STANDARD).output)
    shape = model.get_layer(CUT).output.shape[1:]
    maps = split(tf.constant(picture[None], tf.float32), training=False).numpy()[0]
    gradient = np.asarray(model.get_layer("logits").kernel)[:, classifier.classes.index(class_name)]
    evidence = np.maximum((maps * gradient).reshape(shape).sum(axis=-1), 0)
    strongest = float(evidence.max())
    return np.asarray(evidence / strongest if strongest > 0 else evidence, np.float32)


NETWORK = Network(
    "VGG16 on 12-lead pages",
    build,
    vgg16.initialise,
    lambda name: name == "logits",
    ROOT,
    1e-3,
    place=200,
    folders=FolderUse((FEATURES,), 12, 8, 3, vgg16.IMAGENET_FILE, vgg16.imagenet, side_px=SIDE_PX, standard=STANDARD),
)
