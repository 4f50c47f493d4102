"""Training: sampled as planned, reproducible, resumable, and it learns."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.fit import FitPlan, average_weights, fit
from models.losses import Recipe, loss_function
from models.networks import NETWORKS
from pipeline.analysis import prepare
from pipeline.config import DEFAULT, data_root
from pipeline.datasets import demo_path
from pipeline.datasets.labelled_beats import LabelledBeats
from pipeline.features.beat_image_content import picture_content
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.synthesis.rhythms import Rhythm, simulate
from pipeline.training.augmentation import Augmentation, RecordedNoise, as_trace, draw_augmented, read_recorded_noise
from pipeline.training.beat_sampler import EpochSampler, Source, with_swapped

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
    return EpochSampler(with_swapped(beats, beats, COUNTS), (), DEFAULT, Augmentation(), batch=16, seed=3)


def test_an_epoch_holds_the_planned_classes(sampler: EpochSampler) -> None:
    labels = np.concatenate([label for _, label in sampler.epoch(0)])
    assert {name: int(np.sum(labels == AAMI_CLASSES.index(name))) for name in COUNTS} == COUNTS


def test_simulated_beats_come_on_top_and_leave_the_prior_alone(beats: LabelledBeats, sampler: EpochSampler) -> None:
    more = EpochSampler(sampler.natural, (Source(beats, {"V": 16}),), DEFAULT, Augmentation(), batch=16, seed=3)
    labels = np.concatenate([label for _, label in more.epoch(0)])
    assert int(np.sum(labels == AAMI_CLASSES.index("V"))) == COUNTS["V"] + 16
    assert np.array_equal(more.prior(), sampler.prior())


@pytest.mark.parametrize("rhythm", ["atrial_runs", "fibrillation"])
def test_a_simulated_recording_has_the_beats_of_its_donor_in_the_planned_rhythm(rhythm: Rhythm) -> None:
    recording = read_path(demo_path())
    made = simulate(recording, rhythm, 200, np.random.default_rng(1))
    assert made is not None
    assert made.reference is not None
    assert np.isfinite(made.p_signal).all()
    beats = prepare(made, samples=made.reference.sample).beats
    assert len(beats) == 200
    symbol = np.array(made.reference.symbol)
    atrial, sinus = symbol == "A", symbol == "N"
    assert 0.02 < np.mean(symbol == "V") < 0.15
    ratio = beats.rr_s / beats.mean_rr_s
    if rhythm == "atrial_runs":
        assert atrial.mean() > 0.4
        assert np.nanmedian(ratio[atrial]) < 0.95 < 1.1 < np.nanmedian(ratio[sinus])
    else:
        assert not atrial.any()
        assert np.nanstd(ratio) > 0.12


def test_a_recording_without_normal_beats_simulates_nothing() -> None:
    recording = read_path(demo_path())
    assert recording.reference is not None
    only_v = replace(recording, reference=replace(recording.reference, symbol=("V",) * len(recording.reference.symbol)))
    assert simulate(only_v, "fibrillation", 50, np.random.default_rng(0)) is None


def test_the_same_epoch_is_the_same_and_another_is_another(sampler: EpochSampler) -> None:
    first, again, other = (next(iter(sampler.epoch(number)))[0] for number in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_augmentation_pictures_are_the_plain_ones(beats: LabelledBeats) -> None:
    from pipeline.features.beat_image import draw

    still = Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    content = beats.content.take(np.arange(20))
    changed = draw_augmented(content, DEFAULT.picture, np.random.default_rng(0), still)
    assert np.array_equal(changed, draw(content, DEFAULT.picture))


def test_recorded_noise_changes_its_share_of_the_pictures(beats: LabelledBeats) -> None:
    still = Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    content = beats.content.take(np.arange(60))
    values = np.random.default_rng(1).normal(size=5000).astype(np.float32)
    plain = draw_augmented(content, DEFAULT.picture, np.random.default_rng(0), still)
    for share, least, most in ((0.0, 0.0, 0.0), (0.5, 0.25, 0.75), (1.0, 1.0, 1.0)):
        noisy = replace(still, recorded=RecordedNoise(share, 0.5, values))
        changed = draw_augmented(content, DEFAULT.picture, np.random.default_rng(0), noisy)
        assert least <= np.mean((changed != plain).any(axis=(1, 2, 3))) <= most


@pytest.mark.data
def test_noise_of_nstdb_is_filtered_as_recordings_are_and_only_its_first_half_is_read() -> None:
    noise = read_recorded_noise(data_root() / "nstdb", DEFAULT, share=0.3, level=0.2)
    assert noise.values.size == pytest.approx(3 * 0.5 * 650_000 / 360 * DEFAULT.signal.working_fs_hz, rel=0.01)
    assert np.sqrt(np.mean(noise.values**2)) == pytest.approx(1, abs=0.05)


def test_a_recipe_weighs_classes_and_looks_away_from_what_is_easy() -> None:
    labels, logits = np.array([0, 1]), np.array([[4.0, 0.0], [0.5, 0.0]], np.float32)
    each = np.log(1 + np.exp([-4.0, 0.5]))
    losses = [float(loss_function(recipe, ignored=-1)(labels, logits)) for recipe in (
        Recipe(), Recipe(class_weights=(1.0, 1.0)), Recipe(class_weights=(0.0, 2.0)), Recipe(focal=2.0)
    )]  # fmt: skip
    focused = (1 - np.exp(-each)) ** 2 * each
    assert losses == pytest.approx([each.mean(), each.mean(), each[1], focused.mean()], rel=1e-5)


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


def test_only_the_layers_that_are_deep_enough_are_tuned(sampler: EpochSampler, tmp_path: Path) -> None:
    plan = FitPlan("cnn", SHAPE, 5, 1, 2, 16, 5, tmp_path, tmp_path / "run", depth=0.5)
    model = fit(plan, sampler.epoch, lambda logits: {"val_loss": 0.0}, lambda fraction, sentence: None).model
    weighted = [layer for layer in model.layers if layer.weights]
    assert [layer.trainable for layer in weighted] == [i >= len(weighted) / 2 for i in range(len(weighted))]


def test_models_are_averaged_variable_by_variable() -> None:
    first, second = (NETWORKS["cnn"].build(SHAPE, 5) for _ in range(2))
    one, other = (np.asarray(model.variables[0]) for model in (first, second))
    average_weights(first, second, 0.75)
    np.testing.assert_allclose(np.asarray(second.variables[0]), 0.25 * one + 0.75 * other, atol=1e-6)
    assert np.array_equal(np.asarray(first.variables[0]), one)


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
