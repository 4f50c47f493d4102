"""The training loop: which epoch it keeps, when it stops, what it resumes; and that it knows no network."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models import loop
from models.loop import InFolder, InMemory, best_epoch, train_epochs
from models.networks import NETWORKS
from models.runtime import keras
from pipeline.config import ROOT

RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(24, 3)).astype(np.float32), RNG.integers(0, 2, 24)


def batches(epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    yield X[:12], Y[:12]
    yield X[12:], Y[12:]


def trained(losses, keeper, *, epochs=None, patience=None, best_only=True):
    """A small model trained for as many epochs as held-out losses are given; its weights after each epoch."""
    keras().utils.set_random_seed(5)
    model = keras().Sequential([keras().layers.Input((3,)), keras().layers.Dense(2)])
    optimizer = keras().optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)
    seen, given = [], iter(losses)

    def validate():
        seen.append(np.asarray(model.variables[0]).copy())
        return {"val_loss": next(given)}

    history = train_epochs(
        model, optimizer, batches, validate, keeper, lambda done, sentence: None,
        epochs=epochs or len(losses), steps=2, patience=patience, best_only=best_only,
    )  # fmt: skip
    return history, seen, np.asarray(model.variables[0])


@pytest.mark.parametrize(
    ("val_loss", "best"),
    [([0.5], 0), ([0.5, 0.4, 0.6], 1), ([0.5, 0.4, 0.4], 2), ([math.nan, 0.4, 0.6], 1), ([math.nan, math.inf], -1)],
)
def test_the_best_epoch_is_the_lowest_the_later_of_equals(val_loss, best):
    assert best_epoch(val_loss) == best


@pytest.mark.parametrize("in_folder", [False, True])
def test_the_model_ends_as_it_was_in_its_best_epoch(tmp_path: Path, in_folder):
    _, seen, final = trained([0.9, 0.3, 0.8], InFolder(tmp_path) if in_folder else InMemory())
    assert np.array_equal(final, seen[1])
    assert not np.array_equal(final, seen[2])


def test_the_last_epoch_is_kept_where_the_best_is_not_asked_for(tmp_path: Path):
    _, seen, final = trained([0.9, 0.3, 0.8], InFolder(tmp_path), best_only=False)
    assert np.array_equal(final, seen[2])


def test_it_stops_after_so_many_epochs_without_a_better_one():
    history, seen, final = trained([0.9, 0.5, 0.6, 0.7, 0.1], InMemory(), patience=2)
    assert history["val_loss"] == [0.9, 0.5, 0.6, 0.7]
    assert np.array_equal(final, seen[1])


def test_epochs_as_good_as_the_best_are_no_better_ones():
    history, seen, final = trained([0.9, 0.0, 0.0, 0.0, 0.0], InMemory(), patience=2)
    assert history["val_loss"] == [0.9, 0.0, 0.0, 0.0]
    assert np.array_equal(final, seen[3])


def test_a_run_goes_on_from_its_last_epoch(tmp_path: Path):
    whole, _, expected = trained([0.9, 0.8, 0.7], InMemory())
    trained([0.9, 0.8], InFolder(tmp_path))
    history, seen, final = trained([0.7], InFolder(tmp_path), epochs=3)
    assert len(seen) == 1
    assert [history[key] for key in ("loss", "val_loss")] == [whole[key] for key in ("loss", "val_loss")]
    assert np.array_equal(final, expected)


def test_what_has_no_label_counts_neither_for_the_loss_nor_for_the_accuracy(monkeypatch):
    half = np.where(np.arange(24) % 2, Y, loop.UNLABELLED)
    monkeypatch.setitem(globals(), "batches", lambda epoch: iter([(X, half)]))
    with_gaps, _, left = trained([0.5], InMemory())
    monkeypatch.setitem(globals(), "batches", lambda epoch: iter([(X[1::2], half[1::2])]))
    without, _, right = trained([0.5], InMemory())
    assert with_gaps["accuracy"] == without["accuracy"]
    assert with_gaps["loss"] == pytest.approx(without["loss"], abs=1e-5)
    np.testing.assert_allclose(left, right, atol=1e-5)


@pytest.mark.parametrize("module", ["loop", "fit", "transfer"])
def test_the_loop_knows_no_network(module):
    tree = ast.parse((ROOT / "models" / f"{module}.py").read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported = {alias.name for node in nodes for alias in node.names} | {str(node.module) for node in nodes}
    assert not {name.removeprefix("models.") for name in imported} & {*NETWORKS, "backbone", "trees", "beats"}
