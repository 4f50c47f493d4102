"""Training: sampled as planned, reproducible, resumable, and it learns."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from models.fit import FitPlan, fit
from pipeline.analysis import prepare
from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.render.content import picture_content
from pipeline.train.augment import Augmentation, as_trace, draw_augmented
from pipeline.train.beats import EpochSampler, LabelledBeats

SHAPE = (DEFAULT.picture.height_px, DEFAULT.picture.width_px, 3)
COUNTS = {"N": 32, "V": 24, "F": 8}


@pytest.fixture(scope="module")
def beats() -> LabelledBeats:
    recording = read_path(demo_path())
    assert recording.reference is not None
    found = prepare(recording, samples=recording.reference.sample).beats
    label = np.array([AAMI_CLASSES.index(aami_class(s) or "Q") for s in recording.reference.symbol])
    index = np.flatnonzero(np.isin(label, [AAMI_CLASSES.index(name) for name in COUNTS]))
    content = picture_content(found, index, DEFAULT.picture)
    return LabelledBeats(content, label[index], np.full(index.size, "208"))


@pytest.fixture(scope="module")
def sampler(beats: LabelledBeats) -> EpochSampler:
    counts = {name: COUNTS.get(name, 0) for name in AAMI_CLASSES}
    return EpochSampler(beats, beats, DEFAULT, Augmentation(), counts, batch=16, seed=3)


def test_an_epoch_holds_the_planned_classes(sampler: EpochSampler) -> None:
    labels = np.concatenate([label for _, label in sampler.epoch(0)])
    assert {name: int(np.sum(labels == AAMI_CLASSES.index(name))) for name in COUNTS} == COUNTS


def test_the_same_epoch_is_the_same_and_another_is_another(sampler: EpochSampler) -> None:
    first, again, other = (next(iter(sampler.epoch(number)))[0] for number in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_augmentation_pictures_are_the_plain_ones(beats: LabelledBeats) -> None:
    from pipeline.render.picture import draw

    still = Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    content = beats.content.take(np.arange(20))
    changed = draw_augmented(content, DEFAULT.picture, np.random.default_rng(0), still)
    assert np.array_equal(changed, draw(content, DEFAULT.picture))


def test_traces_fill_their_range(beats: LabelledBeats) -> None:
    traces = as_trace(beats.content.first[:50], DEFAULT.picture, np.random.default_rng(0), 0.02)
    assert np.allclose(traces.min(axis=1), 0)
    assert np.allclose(traces.max(axis=1), 1)


def train(
    sampler: EpochSampler, folder: Path, epochs: int, stop: Callable[[int], None] = lambda epoch: None
) -> dict[str, list[float]]:
    def batches(epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        stop(epoch)
        return sampler.epoch(epoch)

    plan = FitPlan("cnn", SHAPE, 5, epochs, sampler.steps, 16, 5, folder, folder / "run")
    return fit(plan, batches, lambda logits: {"val_loss": 0.0}, lambda fraction, sentence: None).history


def test_the_loss_falls(sampler: EpochSampler, tmp_path: Path) -> None:
    loss = train(sampler, tmp_path, 6)["loss"]
    assert loss[-1] < 0.7 * loss[0]


def test_an_interrupted_training_goes_on_where_it_was(sampler: EpochSampler, tmp_path: Path) -> None:
    def interrupt(epoch: int) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(sampler, tmp_path, 2, interrupt)
    seen: list[int] = []
    history = train(sampler, tmp_path, 2, seen.append)
    assert seen == [1]
    assert len(history["loss"]) == 2
