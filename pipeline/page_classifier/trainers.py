"""How networks are trained on a set of pages: a linear head on frozen features, or the custom CNN as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.networks import NETWORKS
from models.runtime import keras
from models.softmax import softmax
from models.transfer import TailPlan, fit_tail, logits_of
from pipeline.evaluation.calibration import fit_temperature, negative_log_likelihood
from pipeline.evaluation.class_scores import macro_f1
from pipeline.page_classifier.dataset import PAGE_CLASSES, PageSet, folds
from pipeline.page_classifier.linear_head import fit_head, standard_of, standardised
from pipeline.types import IntArray, PictureArray

Array = NDArray[Any]
Inputs = Callable[[IntArray, IntArray], Array]  # inputs of pages (b,) in their variants (b,)

CNN_PX: Final = 64
K: Final = len(PAGE_CLASSES)
CNN_TAIL: Final = TailPlan(epochs=12, learning_rate=1e-3, patience=4, weight_decay=1e-3)


@dataclass(frozen=True)
class PagePlan:
    """How the page network is trained and tested; chosen by the inner validation, ADR 0014."""

    outer: int = 5
    inner: int = 5  # parts of the training pages, each predicted by a head that was not trained on it
    strength: float = 1.0  # 1 / ridge penalty of the head
    cnn: TailPlan = CNN_TAIL
    cnn_variants: int = 2  # drawings of each page: as it is, and with beats chosen at random
    batch: int = 32
    seed: int = 20261122


DEFAULT_PLAN: Final = PagePlan()


@dataclass(frozen=True, eq=False)
class TrainedPageNetwork:
    """The result of one training set: a function from pages to logits, curves, and the inner validation."""

    logits: Callable[[IntArray], Array]
    temperature: float
    inner_macro_f1: float
    curves: dict[str, list[float]]
    head: tuple[Array, Array, Array, Array] | None = None  # mean, standard deviation, kernel, bias


Trainer = Callable[[IntArray, IntArray, int], TrainedPageNetwork]


def trainer_of(
    name: str, pages: PageSet, features: dict[str, Array], pictures: PictureArray, plan: PagePlan
) -> Trainer:
    """Return the function that trains the network called `name` on some of the pages.

    Parameters
    ----------
    name : str
        Name of the network.
    pages : PageSet
        All pages.
    features : dict of str to (n, d) float32
        Features of all pages, by network.
    pictures : (n, variants, h, w, 3) uint8
        Drawings of all pages.
    plan : PagePlan
        How to train.
    """
    if name == "cnn":
        small = np.stack([[_half(picture) for picture in of_page] for of_page in pictures])
        return lambda rows, group, seed: _train_cnn(small, pages.label, rows, group, seed, plan)
    return lambda rows, group, seed: _train_head(features[name], pages.label, rows, group, seed, plan)


def _half(picture: PictureArray) -> PictureArray:
    return np.asarray(cv2.resize(picture, (CNN_PX, CNN_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _train_head(
    features: Array, label: IntArray, rows: IntArray, group: IntArray, seed: int, plan: PagePlan
) -> TrainedPageNetwork:
    """Train a linear head on the features (all pages, d) of the pages `rows`, which may repeat."""
    standard = standard_of(features[rows])
    vectors = standardised(features, standard)
    gram = vectors @ vectors[rows].T
    truth, own = label[rows], gram[rows]
    inner = folds(truth, group[rows], plan.inner, seed)
    held, curves = np.zeros((rows.size, K)), dict[str, list[float]]()
    for number in range(plan.inner):
        training, checked = np.flatnonzero(inner != number), np.flatnonzero(inner == number)
        beside = own[np.ix_(checked, training)]

        def validate(weights: Array, beside: Array = beside, truth: IntArray = truth[checked]) -> dict[str, float]:
            found = beside @ weights[:-1] + weights[-1]
            loss = negative_log_likelihood(softmax(found), truth)
            return {"val_loss": loss, "val_macro_f1": macro_f1(found.argmax(axis=1), truth, K)}

        head, head_curves = fit_head(
            own[np.ix_(training, training)],
            truth[training],
            K,
            strength=plan.strength,
            validate=None if number else validate,
        )
        curves = head_curves if number == 0 else curves
        held[checked] = beside @ head.weights + head.bias
    final, _ = fit_head(own, truth, K, strength=plan.strength)
    kernel = (vectors[rows].T @ final.weights) / np.sqrt(standard.scale)
    score = macro_f1(held.argmax(axis=1), truth, K)
    return TrainedPageNetwork(
        lambda wanted: gram[wanted] @ final.weights + final.bias,
        fit_temperature(held, truth),
        score,
        curves,
        (standard.mean, standard.std, kernel.astype(np.float32), final.bias.astype(np.float32)),
    )


def _train_cnn(
    pictures: PictureArray, label: IntArray, rows: IntArray, group: IntArray, seed: int, plan: PagePlan
) -> TrainedPageNetwork:
    """Train the custom CNN as a whole on small pictures; one inner part chooses its epoch and calibrates it."""
    keras().utils.set_random_seed(seed)
    inner = folds(label[rows], group[rows], plan.inner, seed)
    training, checked = rows[inner != 0], rows[inner == 0]
    model = NETWORKS["cnn"].build(pictures.shape[2:], K)
    for layer in model.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.9  # a hundred steps are too few for the usual 0.99
    curves = _fit(model, lambda i, v: pictures[i, v], label, training, checked, pictures.shape[1], plan.cnn, plan, seed)
    run = logits_of(model)
    held = run(pictures[checked, 0])
    score = macro_f1(held.argmax(axis=1), label[checked], K)
    return TrainedPageNetwork(
        lambda wanted: run(pictures[wanted, 0]), fit_temperature(held, label[checked]), score, curves
    )


def _fit(
    model: Any,
    inputs: Inputs,
    label: IntArray,
    training: IntArray,
    checked: IntArray,
    variants: int,
    tail: TailPlan,
    plan: PagePlan,
    seed: int,
) -> dict[str, list[float]]:
    chance = np.bincount(label[training], minlength=K)[label[training]].astype(np.float64) ** -0.5
    steps = max(training.size // plan.batch, 1)
    still = np.zeros(checked.size, np.int64)

    def batches(epoch: int) -> Iterator[tuple[Array, Array]]:
        rng = np.random.default_rng([seed, epoch])
        for _ in range(steps):
            drawn = rng.choice(training, plan.batch, p=chance / chance.sum())
            yield inputs(drawn, rng.integers(0, variants, plan.batch)), label[drawn]

    def validate(logits: Callable[[Array], Array]) -> dict[str, float]:
        found = logits(inputs(checked, still))
        loss = negative_log_likelihood(softmax(found), label[checked])
        return {"val_loss": loss, "val_macro_f1": macro_f1(found.argmax(axis=1), label[checked], K)}

    return fit_tail(model, batches, validate, tail)
