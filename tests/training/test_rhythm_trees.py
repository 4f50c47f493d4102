"""The trees of `rhythm`: in the network's graph they say what scikit-learn's do, about beats and those around them."""

from __future__ import annotations

import numpy as np
import pytest

from models import beat_measures, rhythm, trees
from models.runtime import keras
from pipeline.analysis import prepare
from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.features.beat_sequence import frame, row_size, rows
from pipeline.intake import read_path
from pipeline.labels import aami_class
from pipeline.training.rhythm_network.boosted_trees import (
    FittedTrees,
    TreesPlan,
    TreesTrainingData,
    _fitted,
    as_arrays,
    averaged,
)

ROW = row_size(DEFAULT.sequence)
PLAN = TreesPlan(windows=0, min_samples_leaf=10, max_features=0.05, bins=16)


@pytest.fixture(scope="module")
def seen() -> np.ndarray:
    """The rows of the demo's reference beats, with its slope as a second lead."""
    recording = read_path(demo_path())
    assert recording.reference is not None
    known = prepare(recording, samples=recording.reference.sample).beats
    found = rows(known, np.arange(len(known)), frame(known, DEFAULT.sequence, DEFAULT.signal), DEFAULT.sequence)
    for at in (0, 2 * DEFAULT.sequence.points):
        lead = found[:, at : at + 2 * DEFAULT.sequence.points].reshape(len(known), -1, 2)
        lead[..., 1] = 3 * np.gradient(lead[..., 0], axis=1)
    return found


@pytest.fixture(scope="module")
def numbers(seen: np.ndarray) -> np.ndarray:
    return trees.measurer(ROW)(seen)


def fit_one(numbers: np.ndarray, seed: int, classes: tuple[int, ...] = (0, 1, 2, 3, 4)) -> FittedTrees:
    """Trees trained on random labels, which they learn by heart."""
    label = np.random.default_rng(seed).choice(classes, len(numbers))
    lesson = TreesTrainingData(numbers, label, np.ones(len(numbers)))
    return as_arrays(_fitted(lesson, PLAN, seed), np.zeros(5))


def fitted(fit: FittedTrees) -> object:
    layer = trees.layer(5)
    answer = layer(inputs := keras().layers.Input((None, ROW), dtype="float32"))
    for weight in layer.weights:
        weight.assign(fit.arrays[weight.path.split("/")[-1]])
    return keras().Model(inputs, answer)


def test_planted_trees_say_what_scikit_learn_says(seen: np.ndarray, numbers: np.ndarray) -> None:
    both = averaged([fit_one(numbers, 1), fit_one(numbers, 2)])
    said, expected = rhythm.forward(fitted(both))(seen), both.answers(numbers)
    assert np.ptp(expected, axis=0).min() > 0.5
    assert np.abs(said - expected).max() < 1e-4
    assert np.abs(both.logits(trees.measurer(ROW))(seen) - expected).max() < 1e-4


def test_a_class_that_taught_nothing_is_never_the_answer(seen: np.ndarray, numbers: np.ndarray) -> None:
    both = averaged([fit_one(numbers, 1, (0, 2, 4))] * 2)
    said = rhythm.forward(fitted(both))(seen)
    assert np.abs(said - both.answers(numbers)).max() < 1e-4
    assert set(said.argmax(axis=1)) == {0, 2, 4}


def test_a_measure_depends_on_neighbours_within_reach_and_on_none_beyond(seen: np.ndarray, numbers: np.ndarray) -> None:
    measure, middle = trees.measurer(ROW), 300
    part = measure(seen[middle - trees.REACH : middle + trees.REACH + 1])
    assert np.array_equal(part[trees.REACH], numbers[middle])
    assert not np.allclose(measure(seen[middle - 1 : middle + 2])[1], numbers[middle])
    assert DEFAULT.sequence.margin_beats >= trees.REACH


def test_the_mean_of_what_is_near_is_over_as_many_beats_as_there_are() -> None:
    x = np.random.default_rng(0).standard_normal((1, 60, 3)).astype(np.float32)
    found = np.asarray(beat_measures.mean_near(keras().ops.convert_to_tensor(x), 24))[0]
    expected = [x[0, max(0, i - 24) : i + 25].mean(axis=0) for i in range(60)]
    assert np.abs(found - expected).max() < 1e-5


def test_p_waves_that_repeat_stay_in_what_the_surroundings_show_and_disorder_does_not() -> None:
    rng, n = np.random.default_rng(0), 90
    p_wave = np.exp(-0.5 * ((np.arange(beat_measures.POINTS) - 17) / 3) ** 2).astype(np.float32)[:, None] * np.ones(2)
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    waves_of_f = 0.5 * np.sin(2 * np.pi * 0.05 * np.arange(beat_measures.POINTS)[None, :, None] + phase) * np.ones(2)
    intervals = np.zeros((2, n, DEFAULT.sequence.rhythm_size), np.float32)
    intervals[1, :, 2] = rng.normal(0, 0.5, n)
    shown = np.stack([np.broadcast_to(p_wave, waves_of_f.shape), waves_of_f]).astype(np.float32)
    found = np.asarray(beat_measures.surroundings(*map(keras().ops.convert_to_tensor, (shown, intervals))))
    assert np.isfinite(found).all()
    repeats, order = found[:, 45, 8:10], found[:, 45, -11]  # power of the mean over mean power; interval SD
    assert repeats[0].min() > 0.9
    assert repeats[1].max() < 0.4
    assert order[0] < 0.02
    assert order[1] > 0.3


def test_a_second_lead_of_nothing_is_neither_the_least_nor_the_most_alike(seen: np.ndarray) -> None:
    one = seen.copy()
    for at in (1, 2 * DEFAULT.sequence.points + 1):
        one[:, at : at + 2 * DEFAULT.sequence.points : 2] = 0
    one = one.astype(np.float32)
    like = trees.measurer(ROW)(one)
    first = DEFAULT.sequence.rhythm_size
    alone = like[:, first : first + 18 : 2]
    at = np.flatnonzero([np.array_equal(like[:, i : i + 9], alone) for i in range(like.shape[1] - 8)])
    assert at.size == 2
    assert at[1] == at[0] + 9


def test_beats_of_one_shape_keep_company_and_a_lone_shape_does_not(seen: np.ndarray, numbers: np.ndarray) -> None:
    recording = read_path(demo_path())
    assert recording.reference is not None
    truth = np.array([aami_class(symbol) or "Q" for symbol in recording.reference.symbol])
    company = numbers[:, -17]
    assert np.median(company[truth == "N"]) > 2 * np.median(company[truth == "V"])
