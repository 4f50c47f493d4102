"""Gaps by the stamps of a source: found where samples were lost, not where they jitter or clocks drift."""

from __future__ import annotations

import time

import numpy as np
import pytest

from pipeline.errors import IntakeError, UsageError
from pipeline.live.latest import BLANK_S, STRETCH_S, Latest, Reach
from pipeline.live.replay import ReplaySource
from pipeline.live.session import plain_leads
from pipeline.live.sources import Chunk, nothing
from pipeline.live.timeline import Timeline
from pipeline.live.units import mv_per_unit
from pipeline.types import Recording


def placed(timeline: Timeline, start_s: float, n_samples: int, value: float = 0.0) -> list[tuple[int, int, float]]:
    chunk = Chunk(np.full((n_samples, 1), value, np.float32), start_s)
    return [(lost, len(one.p_signal), float(one.p_signal[0, 0])) for lost, one in timeline.placed(chunk)]


@pytest.fixture
def no_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing late is waited for."""
    monkeypatch.setattr("pipeline.live.timeline.HOLD_S", 0.0)


@pytest.mark.usefixtures("no_hold")
def test_a_lost_second_is_a_second_of_missing_samples() -> None:
    timeline = Timeline(500.0)
    assert [placed(timeline, at, 50)[0][0] for at in (7.0, 7.1, 8.2, 8.3)] == [0, 0, 500, 0]


@pytest.mark.usefixtures("no_hold")
def test_jitter_is_no_gap() -> None:
    timeline, rng = Timeline(250.0), np.random.default_rng(0)
    for i in range(5000):
        assert placed(timeline, 0.1 * i + rng.uniform(-0.12, 0.12), 25) == [(0, 25, 0.0)]


@pytest.mark.usefixtures("no_hold")
def test_a_clock_that_drifts_for_a_day_is_no_gap() -> None:
    timeline = Timeline(500.0)
    assert sum(placed(timeline, i * 1.0002, 500)[0][0] for i in range(86_400)) == 0


@pytest.mark.usefixtures("no_hold")
def test_many_gaps_keep_the_time() -> None:
    timeline, rng, now, frames = Timeline(360.0), np.random.default_rng(1), 0.0, 0
    for _ in range(300):
        frames += placed(timeline, now, 36)[0][0] + 36
        end_s = now + 0.1
        now = end_s + (rng.uniform(0.4, 5) if rng.random() < 0.1 else 0)
    assert frames / 360 == pytest.approx(end_s, abs=0.02)


def test_what_a_disturbed_radio_sends_at_once_was_not_lost() -> None:
    timeline = Timeline(500.0)
    assert placed(timeline, 0.0, 50, 1.0) == [(0, 50, 1.0)]
    came = []
    for i in range(20):  # two seconds of samples, all stamped as they come, at 2.1 s
        came += placed(timeline, 2.1 - 0.1 + 0.001 * i, 50, 2.0 + i)
    assert came == [(0, 50, 2.0 + i) for i in range(20)]
    assert placed(timeline, 2.1, 50, 99.0) == [(0, 50, 99.0)]


def test_late_samples_are_held_until_it_is_known_why_and_given_at_the_end() -> None:
    timeline = Timeline(500.0)
    placed(timeline, 0.0, 50)
    assert placed(timeline, 3.1, 50, 1.0) == []
    assert placed(timeline, 3.2, 50, 2.0) == []
    assert [(lost, len(one.p_signal)) for lost, one in timeline.rest()] == [(1500, 50), (0, 50)]
    assert timeline.rest() == []
    assert placed(timeline, 3.3, 50, 3.0) == [(0, 50, 3.0)]


def test_what_is_held_is_given_after_half_a_second_also_if_nothing_more_comes() -> None:
    timeline = Timeline(500.0)
    placed(timeline, 0.0, 50)
    assert placed(timeline, 3.1, 50, 1.0) == []
    time.sleep(0.55)
    assert [(lost, len(one.p_signal)) for lost, one in timeline.placed(nothing(1))] == [(1500, 50)]


def test_the_newest_minute_is_kept_in_order_and_begins_on_the_grid() -> None:
    fs, rng, came, reach = 10.5, np.random.default_rng(0), 0, Reach()
    latest = Latest(2, fs)
    for _ in range(400):
        n = int(rng.integers(0, 200))
        latest.append(np.arange(came, came + n, dtype=np.float32)[:, None].repeat(2, axis=1))
        came += n
        window = latest.window()
        newest = window.p_signal[window.n_earlier :, 1]
        assert window.first in {round(k * reach.grid_s * fs) for k in range(came)}
        assert window.first == 0 or -0.1 <= came / fs - window.first / fs - reach.newest_s < reach.grid_s + 0.1
        blank = round(BLANK_S * fs) if window.n_earlier else 0
        assert np.array_equal(newest[blank:], np.arange(window.first + blank, came))
        assert np.isnan(newest[:blank]).all()


def test_of_what_came_before_some_stretches_are_kept_evenly_spread() -> None:
    size, most, latest = round(10 * STRETCH_S), Reach().stretches, Latest(1, 10.0)
    for minute in range(600):
        latest.append(np.arange(minute * 600, (minute + 1) * 600, dtype=np.float32)[:, None])
        window = latest.window()
        stretches = window.p_signal[: window.n_earlier, 0].reshape(-1, size)
        assert len(stretches) <= most
        assert minute < 2 or len(stretches) >= min(most // 2, minute * 60 // STRETCH_S) - 1
        first = stretches[:, -1] - size + 1
        assert (np.diff(first) == first[1] - first[0]).all() if len(first) > 1 else True
        assert (stretches[:, -1] < window.first).all()
        assert np.array_equal(np.diff(stretches[:, 1:], axis=1), np.ones((len(stretches), size - 2)))
        assert np.isnan(stretches[:, 0]).all()


def test_of_an_hour_without_a_signal_nothing_is_kept() -> None:
    latest = Latest(1, 10.0)
    latest.append(np.ones((600, 1), np.float32))
    latest.skip(36_000)
    latest.append(np.ones((900, 1), np.float32))
    window = latest.window()
    kept = np.isfinite(window.p_signal[: window.n_earlier, 0]).reshape(-1, 160)
    assert window.first == 36_880
    assert kept[:, 1:].mean() > 0.7
    assert len(kept) <= 4


def test_a_replay_gives_every_sample_once_and_in_time() -> None:
    values = np.arange(3000, dtype=np.float32)[:, None] / 1000
    source = ReplaySource(Recording.from_array(values, fs=250.0, leads="II"), speed=40.0)
    facts, came = source.open(), []
    while (chunk := source.read()) is not None:
        if len(chunk.p_signal):
            assert chunk.start_s == pytest.approx(sum(map(len, came)) / facts.fs)
            assert chunk.start_s + len(chunk.p_signal) / facts.fs <= source.now_s()
            came.append(chunk.p_signal)
    assert np.array_equal(np.concatenate(came), values)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), 1e6])
def test_a_replay_refuses_a_speed_that_is_none(speed: float) -> None:
    recording = Recording.from_array(np.zeros(3000), fs=250.0, leads="II")
    with pytest.raises(UsageError, match="speed"):
        ReplaySource(recording, speed)


@pytest.mark.parametrize(("unit", "factor"), [("V", 1000), ("mV", 1), ("microvolts", 1e-3), ("µV", 1e-3), ("nV", 1e-6)])
def test_units_of_streams(unit: str, factor: float) -> None:
    assert mv_per_unit(unit) == factor


@pytest.mark.parametrize("unit", ["", "mmHg", "ohm"])
def test_what_is_no_voltage_is_refused(unit: str) -> None:
    with pytest.raises(IntakeError, match="unit"):
        mv_per_unit(unit)


def test_names_of_leads_become_those_of_a_header() -> None:
    assert plain_leads(("I", "I", "x\ny", "Ж", "a" * 40)) == ("I", "I_2", "x y", "ECG4", "ECG5")
