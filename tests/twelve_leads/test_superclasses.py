"""The superclasses of a recording: the same however it was sampled, ordered and named; none where a lead is missing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import resample_poly

from models.superclasses import SUPERCLASSES, load_superclasses
from pipeline.errors import SignalError
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS, standard_leads
from pipeline.twelve_leads.superclass_heat import CELL, HEATS, SHIPPED_HEAT
from pipeline.twelve_leads.superclass_input import STRETCHES, readable_stretches, window_starts, windows_of
from pipeline.twelve_leads.superclasses import read_superclasses, said, superclass_heat
from tests.helpers.twelve_lead_ecg import LEADS, made_ecg


def differs(one, other):
    return max(abs(one[name] - other[name]) for name in SUPERCLASSES)


@pytest.fixture(scope="module")
def ecg():
    return made_ecg()


@pytest.fixture(scope="module")
def answer(ecg):
    return read_superclasses(ecg, LEADS, 500.0)


def test_five_probabilities_come_out(answer):
    assert tuple(answer) == SUPERCLASSES
    assert all(0 < p < 1 for p in answer.values())


@pytest.mark.parametrize("fs", [100, 125, 250, 1000])
def test_the_sampling_frequency_makes_no_difference(ecg, answer, fs):
    again = resample_poly(ecg, fs, 500, axis=0, padtype="line").astype(np.float32)
    assert differs(answer, read_superclasses(again, LEADS, float(fs))) < 0.03


def test_order_and_case_of_leads_make_no_difference(ecg, answer):
    again = read_superclasses(ecg[:, ::-1], [name.lower() for name in LEADS[::-1]], 500.0)
    assert differs(answer, again) < 1e-5


def test_limb_leads_that_follow_from_I_and_II_need_not_be_recorded(ecg, answer):  # noqa: N802
    twelve = standard_leads(ecg, LEADS)
    assert differs(answer, read_superclasses(twelve.p_signal, TWELVE_LEADS, 500.0)) < 1e-5


def test_exchanged_chest_leads_make_a_difference(ecg, answer):
    swapped = [LEADS[i] for i in (0, 1, 7, 6, 5, 4, 3, 2)]
    assert differs(answer, read_superclasses(ecg, swapped, 500.0)) > 0.05


def test_a_baseline_far_from_zero_makes_no_difference(ecg, answer):
    assert differs(answer, read_superclasses(ecg + np.float32(3), LEADS, 500.0)) < 0.02


@pytest.mark.parametrize("lead", LEADS)
def test_without_one_of_the_eight_leads_there_is_no_answer(ecg, lead):
    kept = [i for i, name in enumerate(LEADS) if name != lead]
    assert read_superclasses(ecg[:, kept], [LEADS[i] for i in kept], 500.0) is None


def test_a_lead_that_was_not_connected_gives_no_answer(ecg):
    flat = ecg.copy()
    flat[:, 5] = 0.3
    assert read_superclasses(flat, LEADS, 500.0) is None


def test_leads_of_which_there_is_hardly_a_beat_give_no_answer(ecg):
    apart = np.full_like(ecg, np.nan)
    for i in range(8):
        apart[i * 600 : (i + 1) * 600, i] = ecg[i * 600 : (i + 1) * 600, i]
    assert read_superclasses(apart, LEADS, 500.0) is None


def test_a_rate_below_the_band_gives_no_answer():
    assert read_superclasses(made_ecg(fs=80.0), LEADS, 80.0) is None


def test_what_was_not_recorded_is_passed_over(ecg, answer):
    later = np.concatenate([np.full((2500, 8), np.nan, np.float32), ecg])
    assert differs(answer, read_superclasses(later, LEADS, 500.0)) < 1e-5


@pytest.mark.parametrize(("seconds", "read"), [(1.9, 0), (3.2, 1), (10, 1), (12, 1), (14, 2), (30, 3)])
def test_long_recordings_are_read_in_stretches(seconds, read):
    signal = made_ecg(seconds=seconds, fs=100.0)
    assert len(readable_stretches(signal, LEADS, 100.0, load_superclasses())) == read


def test_of_a_day_stretches_from_all_over_it_are_read():
    signal = np.tile(made_ecg(seconds=10.2, fs=100.0, rr_s=0.85), (200, 1))
    found = readable_stretches(signal, LEADS, 100.0, load_superclasses())
    assert len(found) == STRETCHES
    assert (found[0].source[0] == 0).all()
    assert found[-1].source.min() > 0.98 * len(signal)


def test_a_steady_recording_has_the_same_answer_however_long_it_is(answer):
    again = read_superclasses(made_ecg(seconds=60.0), LEADS, 500.0)
    assert differs(answer, again) < 0.05


def test_windows_cover_a_stretch_to_its_end():
    network = load_superclasses()
    assert window_starts(1000, network) == (0, 150, 300, 450, 600, 700)
    assert window_starts(300, network) == (0,)


def test_superclasses_are_said_from_their_threshold_on():
    facts = load_superclasses().manifest
    on = dict(zip(facts.classes, facts.thresholds, strict=True))
    assert set(said(on)) == set(SUPERCLASSES)
    below = {name: p - 1e-6 for name, p in on.items()}
    assert said(below) == ()
    assert said(below | {"CD": 0.8, "MI": 0.9}) == ("MI", "CD")


@pytest.mark.parametrize("superclass", SUPERCLASSES)
def test_a_heatmap_lies_over_time_and_leads(ecg, superclass):
    heat = superclass_heat(ecg, LEADS, 500.0, superclass)
    assert heat.shape == (1000, 12)
    assert heat.dtype == np.float32
    assert heat.min() == 0
    assert heat.max() == 1


def test_a_heatmap_says_where_a_probability_comes_from(ecg):
    """Without the hottest twentieth of the cells less is left than without as many of the coldest."""
    network = load_superclasses()
    values = readable_stretches(ecg, LEADS, 500.0, network)[0].values
    for i, name in enumerate(SUPERCLASSES):
        heat = HEATS[SHIPPED_HEAT](values, name, network)
        edge = np.quantile(heat[::CELL], [0.05, 0.95])
        odds = [
            network.log_odds(network.logits(windows_of(np.where(gone, np.float32(0), values), network)).mean(0))[i]
            for gone in (heat >= edge[1], heat <= edge[0])
        ]
        assert odds[0] < odds[1], name


def test_a_heatmap_is_empty_where_nothing_was_read(ecg):
    gap = ecg.copy()
    gap[:2500, 3] = np.nan
    heat = superclass_heat(gap, LEADS, 500.0, "NORM")
    assert (heat[:500] == 0).all()
    assert heat[500:].max() == 1


def test_a_heatmap_asks_for_what_there_is(ecg):
    with pytest.raises(SignalError, match="SVT"):
        superclass_heat(ecg, LEADS, 500.0, "SVT")
    with pytest.raises(SignalError, match="at most 600 s"):
        superclass_heat(np.zeros((60_100, 8), np.float32), LEADS, 100.0, "MI")
    assert superclass_heat(ecg[:, 1:], LEADS[1:], 500.0, "MI") is None


@pytest.mark.parametrize("name", HEATS)
def test_every_map_is_constant_in_a_cell_and_never_negative(ecg, name):
    network = load_superclasses()
    values = readable_stretches(ecg[:1700], LEADS, 500.0, network)[0].values
    found = HEATS[name](values, "STTC", network)
    assert found.shape == values.shape
    assert found.min() >= 0
    for begin in range(0, len(found), CELL):
        np.testing.assert_array_equal(
            found[begin : begin + CELL], np.broadcast_to(found[begin], found[begin : begin + CELL].shape)
        )
