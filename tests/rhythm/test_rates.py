"""What is left where no other rhythm was found."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.find import episodes
from pipeline.rhythm.rates import find_beatless, find_rates, find_unread, moving_median
from pipeline.types import Episode, Quality, QualitySegment


def context(time_s: np.ndarray, duration_s: float, *bad: tuple[float, float]) -> RhythmContext:
    edges = sorted({0.0, duration_s, *(edge for span in bad for edge in span)})
    segments = [
        QualitySegment(a, b, "noisy", "noise hides the waves", ("II",))
        if (a, b) in bad
        else QualitySegment(a, b, "good", "")
        for a, b in pairwise(edges)
    ]
    n = time_s.size
    first = np.arange(n) == 0
    return RhythmContext(
        duration_s=duration_s,
        time_s=time_s,
        symbol=np.full(n, "N"),
        trusted=np.ones(n, np.bool_),
        confidence=np.ones(n, np.float32),
        break_before=first,
        quality=Quality(tuple(segments), 1.0),
    )


def spans(found: tuple[Episode, ...] | list[Episode]) -> list[tuple[str, float, float]]:
    return [(episode.rhythm, episode.start_s, episode.stop_s) for episode in found]


def test_beats_in_noise_are_no_sinus_rhythm() -> None:
    beats = context(np.arange(0.5, 100, 0.8), 100.0, (40.0, 44.0), (60.0, 80.0))
    assert spans(episodes(beats)) == [
        ("N", 0, 40),
        ("NOISE", 40, 44),
        ("N", 44, 60),
        ("NOISE", 60, 80),
        ("N", 80, 100),
    ]
    assert spans(find_unread(beats)) == [("NOISE", 60, 80)]


def test_a_stretch_without_beats_is_not_filled_by_the_rate_around_it() -> None:
    time_s = np.concatenate([np.arange(0.5, 40, 0.8), np.arange(52, 100, 0.8)])
    assert [e.rhythm for e in find_rates(context(time_s, 100.0))] == ["N"]
    assert spans(find_beatless(context(time_s, 100.0))) == [("NOISE", pytest.approx(39.7), 52.0)]


def test_no_beats_have_no_rate() -> None:
    assert find_rates(context(np.zeros(0), 20.0)) == []
    assert spans(find_beatless(context(np.zeros(0), 20.0))) == [("NOISE", 0, 20)]
    assert find_rates(context(np.array([3.0]), 20.0)) == []


def test_a_moving_median_leaves_out_what_is_not_known() -> None:
    values = np.array([1.0, np.nan, 9.0, 2.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(moving_median(values, 3), [1.0, 5.0, 5.5, 5.5, 2.0, np.nan, np.nan])
