"""What follows fibrillation without a QRS."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rhythm.after_fibrillation import find_still_fibrillating, outside_recovery
from pipeline.rhythm.context import RhythmContext
from pipeline.signal.conditioning import Conditioned
from pipeline.types import Episode

FS = 250.0
VF = Episode(0.0, 20.0, "VFL", "VF", 0.9)


def context(height_mv: float, *, trusted: bool = False, beats_s: tuple[float, ...] = (21.0, 30.0)) -> RhythmContext:
    time_s = np.arange(round(60 * FS)) / FS
    lead = (0.5 * height_mv * np.sin(2 * np.pi * 4 * time_s)).astype(np.float32)
    n = len(beats_s)
    return RhythmContext(
        60.0, np.array(beats_s), np.full(n, "N"), np.full(n, trusted), np.ones(n, np.float32), np.zeros(n, np.bool_),
        conditioned=Conditioned(lead[:, None], FS, ((0, lead.size),)),
    )  # fmt: skip


def test_waves_without_a_qrs_after_fibrillation_are_fibrillation() -> None:
    found = find_still_fibrillating(context(0.5), [VF])
    assert [(e.start_s, e.stop_s, e.rhythm, e.detail) for e in found] == [
        (21.0, 30.0, "VFL", "VF"),
        (30.0, 60.0, "VFL", "VF"),
    ]
    assert "0.5 mV" in found[0].evidence


def test_low_waves_are_left_to_asystole() -> None:
    assert find_still_fibrillating(context(0.1), [VF]) == []


def test_after_two_beats_that_can_be_relied_on_it_is_over_and_not_after_one_that_may_be_a_wave() -> None:
    assert find_still_fibrillating(context(0.5, trusted=True, beats_s=(20.4, 21.0, 30.0)), [VF]) == []
    assert find_still_fibrillating(context(0.5, trusted=True), [VF])[0].start_s == 21.0


@pytest.mark.parametrize("known", [[], [Episode(0, 20, "VT")], [VF, Episode(20, 60, "NOISE")]])
def test_only_fibrillation_goes_on_and_not_in_noise(known: list[Episode]) -> None:
    assert find_still_fibrillating(context(0.5), known) == []


def test_long_after_fibrillation_nothing_is_known() -> None:
    assert find_still_fibrillating(context(0.5, beats_s=(21.0, 22.0, 55.0)), [Episode(0, 1, "VFL", "VF")])[:1] != []
    many = tuple(np.arange(2.0, 55.0).tolist())
    assert find_still_fibrillating(context(0.5, beats_s=many), [Episode(0, 1, "VFL", "VF")]) == []


def test_fibrillation_goes_on_before_and_after_a_part_of_it_that_is_known() -> None:
    known = [VF, Episode(40.0, 44.0, "VFL", "VF")]
    found = find_still_fibrillating(context(0.5), known)
    assert [(e.start_s, e.stop_s) for e in found] == [(21.0, 30.0), (30.0, 40.0), (44.0, 60.0)]


@pytest.mark.parametrize("block", [Episode(20.0, 80.0, "BIII"), Episode(5.0, 30.0, "BII"), Episode(50.0, 105.0, "BII")])
def test_slow_beats_in_the_minute_after_fibrillation_are_no_block(block: Episode) -> None:
    assert outside_recovery([block], [VF]) == []


@pytest.mark.parametrize(
    "block", [Episode(20.0, 150.0, "BIII"), Episode(70.0, 100.0, "BII"), Episode(20.0, 60.0, "BI")]
)
def test_block_that_goes_on_or_comes_later_and_first_degree_block_stay(block: Episode) -> None:
    assert outside_recovery([block], [VF]) == [block]


def test_only_fibrillation_takes_block_away_and_each_of_several_counts() -> None:
    block = Episode(20.0, 150.0, "BIII")
    assert outside_recovery([block], [Episode(0.0, 20.0, "VT"), Episode(0.0, 150.0, "NOISE")]) == [block]
    assert outside_recovery([block], [VF, Episode(60.0, 72.0, "VFL")]) == []
    assert outside_recovery([block], [VF, Episode(60.0, 64.0, "VFL")]) == [block]  # a few seconds are soon over
