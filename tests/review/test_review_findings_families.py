"""Morphology families of drawn beats, and of the beats of MIT-BIH; AF-like irregularity in its records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.analysis import prepare
from pipeline.config import DEFAULT, REVIEW, data_root
from pipeline.intake import read_path
from pipeline.labels import DE_CHAZAL
from pipeline.review.morphology import NO_FAMILY, family_class_shares, find_families
from pipeline.review.rhythm_events import events
from pipeline.types import Beats
from tests.helpers.review_beats import written

FS = 250.0


def bump(at_s, width_s, height):
    time = np.arange(-0.3, 0.5, 1 / FS)
    return height * np.exp(-(((time - at_s) / width_s) ** 2))


NARROW = bump(0, 0.012, 1.0) - bump(0.03, 0.012, 0.3) + bump(0.25, 0.05, 0.2)
WIDE = bump(0, 0.04, 1.5) - bump(0.15, 0.07, 0.6)
INVERTED = -bump(0.01, 0.05, 1.2) + bump(0.17, 0.06, 0.4)
STRANGE = bump(-0.08, 0.01, 1.0) - bump(0.1, 0.01, 1.0)


def drawn(shapes, *, noise=0.03, seed=0, reason=None, lead_scale=(1.0, 0.5)):
    """Beats of the given shapes, 0.8 s apart."""
    rng = np.random.default_rng(seed)
    r_peak = (np.arange(len(shapes)) * 0.8 * FS + 0.5 * FS).astype(np.int64)
    lead = np.zeros(int(len(shapes) * 0.8 * FS + FS))
    for at, shape in zip(r_peak, shapes, strict=True):
        lead[at - 75 : at - 75 + shape.size] += shape
    signal = np.stack([lead * scale + rng.normal(0, noise, lead.size) for scale in lead_scale], axis=1)
    n = len(shapes)
    return Beats(
        fs=FS,
        signal=signal.astype(np.float32),
        leads=("I", "II")[: len(lead_scale)],
        r_peak=r_peak,
        sample=r_peak,
        rr_s=np.full(n, 0.8, np.float32),
        mean_rr_s=0.8,
        template=np.zeros(176, np.float32),
        scale_mv=np.ones(len(lead_scale), np.float32),
        reason=reason or ("",) * n,
    )


def mixed(seed=0, n=400):
    kinds = np.random.default_rng(seed).choice(3, n, p=[0.8, 0.15, 0.05])
    return kinds, [(NARROW, WIDE, INVERTED)[kind] for kind in kinds]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lead_scale", [(1.0,), (1.0, 0.5), (1.0, -0.5)])
def test_beats_of_one_shape_are_one_family_and_the_largest_comes_first(seed, lead_scale):
    kinds, shapes = mixed(seed)
    found = find_families(drawn(shapes, seed=seed, lead_scale=lead_scale))
    assert found.size.tolist() == np.bincount(kinds).tolist()
    assert found.family.tolist() == kinds.tolist()


def test_the_same_beats_always_give_the_same_families():
    beats = drawn(mixed()[1])
    first, second = find_families(beats), find_families(beats)
    np.testing.assert_array_equal(first.family, second.family)
    np.testing.assert_array_equal(first.median, second.median)


def test_the_height_of_the_signal_changes_no_family():
    beats = drawn(mixed()[1])
    louder = replace(beats, signal=(beats.signal * 7 + 3).astype(np.float32))
    np.testing.assert_array_equal(find_families(beats).family, find_families(louder).family)


def test_a_beat_like_no_other_is_in_no_family():
    shapes = mixed()[1]
    shapes[100] = STRANGE
    found = find_families(drawn(shapes))
    assert np.flatnonzero(found.family == NO_FAMILY).tolist() == [100]


def test_beats_that_cannot_be_classified_are_in_no_family():
    reason = tuple("no signal" if i in (3, 4, 5) else "" for i in range(400))
    found = find_families(drawn(mixed()[1], reason=reason))
    assert np.flatnonzero(found.family == NO_FAMILY).tolist() == [3, 4, 5]


def test_the_median_beat_is_the_shape_of_the_family():
    found = find_families(drawn(mixed()[1]))
    for number, shape in enumerate((NARROW, WIDE, INVERTED)):
        expected = np.interp(found.offset_s, np.arange(-0.3, 0.5, 1 / FS), shape)
        np.testing.assert_allclose(found.median[number, :, 0], expected, atol=0.06)
        np.testing.assert_allclose(found.median[number, :, 1], expected / 2, atol=0.06)


def test_members_come_with_the_most_typical_first():
    shapes = [NARROW] * 50
    shapes[20] = NARROW + bump(0.1, 0.02, 0.25)
    beats = drawn(shapes, noise=0.01)
    members = find_families(beats).members(0)
    assert members.size == 50
    assert members[-1] == beats.sample[20]


def test_a_beat_added_by_hand_is_in_no_family():
    beats = drawn(mixed()[1])
    found = find_families(beats)
    assert found.of(beats.sample[:5] + np.array([0, 1, 0, 0, 7])).tolist() == [
        *(found.family[0], NO_FAMILY, found.family[2], found.family[3], NO_FAMILY)
    ]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_beats_make_at_most_one_family(n):
    found = find_families(drawn([NARROW] * n))
    assert found.family.tolist() == [[], [NO_FAMILY], [0, 0]][n]
    assert found.of(np.array([1, 2])).tolist() == [NO_FAMILY, NO_FAMILY]
    assert len(found.median) == found.size.size == (n == 2)


def test_a_flat_signal_is_no_error():
    beats = drawn([NARROW] * 5)
    found = find_families(replace(beats, signal=np.zeros_like(beats.signal)))
    assert found.family.tolist() == [0] * 5


def test_no_more_families_than_allowed_are_made_of_noise():
    found = find_families(drawn([NARROW * 0] * 600, noise=1.0))
    assert found.size.size <= REVIEW.family_count_max
    assert found.size.sum() + np.sum(found.family == NO_FAMILY) == 600


def test_class_shares_are_of_the_classes_in_force():
    beats = written("NNNVNNUX")
    families = replace(
        find_families(drawn([NARROW] * 8)),
        sample=beats.sample,
        family=np.array([0, 0, 0, 1, 1, -1, 0, 0]),
        size=np.array([5, 2, 1]),
    )
    shares = family_class_shares(families, beats)
    np.testing.assert_allclose(shares, [[1, 0, 0, 0, 0], [0.5, 0, 0.5, 0, 0], [0, 0, 0, 0, 0]])


@pytest.mark.data
@pytest.mark.parametrize(("record", "least"), [("119", 0.999), ("208", 0.98), ("223", 0.99), ("106", 0.99)])
def test_families_of_mitdb_hardly_mix_ventricular_and_other_beats(record, least):
    recording = read_path(data_root() / "mitdb" / f"{record}.hea")
    reference = recording.reference
    beats = prepare(recording, DEFAULT, samples=reference.sample).beats
    found = find_families(beats)
    ventricular = np.array([DE_CHAZAL[symbol] == "V" for symbol in reference.symbol])
    in_family = found.family != NO_FAMILY
    counts = np.array(
        [np.bincount(found.family[in_family & (ventricular == v)], minlength=found.size.size) for v in (0, 1)]
    )
    assert counts.max(axis=0).sum() / counts.sum() >= least
    assert in_family.mean() > 0.94


@pytest.mark.data
@pytest.mark.parametrize(("record", "flagged"), [("101", False), ("119", False), ("203", True)])
def test_mitdb_203_in_fibrillation_is_af_like_and_sinus_rhythm_with_bigeminy_is_not(record, flagged):
    reference = read_path(data_root() / "mitdb" / f"{record}.hea").reference
    beats = written("".join(DE_CHAZAL[symbol] for symbol in reference.symbol))
    found = events(replace(beats, sample=reference.sample))
    assert ("af_like" in {event.kind for event in found}) == flagged
