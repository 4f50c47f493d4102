"""What makes another patient of a window of beats: heights, what differs from the usual beat and classes stay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.training.rhythm_network.augmentation import Pair, filtered, heights, noisy, second_shape, turned_leads

POINTS, R_POINT = 100, 38


def bump(centre: float, width: float) -> np.ndarray:
    return np.exp(-(((np.arange(POINTS) - centre) / width) ** 2)).astype(np.float32)


@pytest.fixture
def usual() -> np.ndarray:
    """A narrow QRS and a T wave on the first lead, another QRS on the second."""
    return np.stack([bump(R_POINT, 2) + 0.2 * bump(70, 8), 0.7 * bump(R_POINT + 2, 3) - 0.3 * bump(R_POINT - 3, 2)], -1)


@pytest.fixture
def wave(usual: np.ndarray) -> np.ndarray:
    """Ten beats; every other one is wide and high."""
    wide = np.stack([1.6 * bump(R_POINT, 8), -1.2 * bump(R_POINT, 9)], -1)
    return np.stack([wide if i % 2 else usual for i in range(10)]).astype(np.float32)


@pytest.mark.parametrize("change", [turned_leads, filtered])
@pytest.mark.parametrize("seed", range(5))
def test_beats_like_the_usual_one_stay_like_it_and_others_stay_apart(
    wave: np.ndarray, usual: np.ndarray, change: Callable[..., Pair], seed: int
) -> None:
    found, seen = change(wave, usual, np.random.default_rng(seed))
    assert found.shape == wave.shape
    assert found.dtype == seen.dtype == np.float32
    assert np.abs(found[::2] - seen).max() < 1e-4
    assert np.abs(found[1::2] - seen).max() > 0.2


@pytest.mark.parametrize("seed", range(5))
def test_turned_leads_are_new_and_as_high_as_the_first_was(wave: np.ndarray, usual: np.ndarray, seed: int) -> None:
    _, seen = turned_leads(wave, usual, np.random.default_rng(seed))
    assert heights(seen) == pytest.approx(np.repeat(heights(usual)[0], 2), rel=1e-4)
    assert np.abs(seen - usual).max() > 0.1


def test_a_missing_lead_is_not_mixed_into_the_other(wave: np.ndarray, usual: np.ndarray) -> None:
    one = np.array([1, 0], np.float32)
    found, seen = turned_leads(wave * one, usual * one, np.random.default_rng(0))
    assert np.array_equal(found, wave * one)
    assert np.array_equal(seen, usual * one)


def test_a_filter_keeps_the_height_of_the_usual_beat(wave: np.ndarray, usual: np.ndarray) -> None:
    _, seen = filtered(wave, usual, np.random.default_rng(3))
    assert heights(seen) == pytest.approx(heights(usual), rel=1e-4)
    assert np.abs(seen - usual).max() > 0.01


def test_noise_is_another_one_for_each_beat_and_none_where_no_lead_is(wave: np.ndarray, usual: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    noise, one = rng.standard_normal(5000).astype(np.float32), np.array([1, 0], np.float32)
    added = noisy(wave * one, usual * one, noise, 0.2, rng) - wave * one
    assert not added[..., 1].any()
    assert added[..., 0].std() > 0.005
    assert np.abs(np.corrcoef(added[0, :, 0], added[1, :, 0])[0, 1]) < 0.5


def test_a_second_shape_takes_the_place_of_the_usual_one_in_stretches_of_the_beats_asked_for(
    wave: np.ndarray, usual: np.ndarray
) -> None:
    other, changed = np.roll(usual, 5, axis=0), np.zeros(10, int)
    for seed in range(30):
        found = second_shape(wave, usual, other, np.array([0, 2, 4, 6]), np.random.default_rng(seed))
        differs = np.abs(found - wave).max(axis=(1, 2)) > 0
        changed += differs
        shapes = found[differs].reshape(-1, POINTS * 2)
        assert not len(shapes) or np.abs(shapes - shapes[0]).max() < 1e-5
    assert (changed[[0, 2, 4, 6]] > 5).all()
    assert (changed[[0, 2, 4, 6]] < 25).all()
    assert not changed[[1, 3, 5, 7, 8, 9]].any()
