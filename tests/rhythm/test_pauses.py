"""Pauses and asystole: what is one, and what is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.pauses import find_pauses, find_pauses_after
from pipeline.signal.conditioning import Conditioned
from pipeline.types import Episode, Recording

FS = 250.0
END_S = 60.0
BEATS = np.concatenate([np.arange(1.0, 20.5, 1.0), np.arange(32.0, 59.5, 1.0)])  # 12 s without one
SILENT = (20.8, 31.6)


def lead(
    times: NDArray[np.float64] = BEATS, inside: NDArray[np.float64] | float | None = None, noise_mv: float = 0.01
) -> NDArray[np.float64]:
    """Narrow beats of 1 mV in a little noise; between 20.8 and 31.6 s as said, else at rest."""
    t = np.arange(round(END_S * FS)) / FS
    values = np.random.default_rng(1).normal(0, noise_mv, t.size)
    for at in times:
        values += np.exp(-0.5 * np.square((t - at) / 0.012)) + 0.25 * np.exp(-0.5 * np.square((t - at - 0.28) / 0.04))
    if inside is not None:
        first, last = (round(edge * FS) for edge in SILENT)
        values[first:last] = inside if np.ndim(inside) == 0 else values[first:last] + inside
    return values


def context(
    *leads: NDArray[np.float64],
    times: NDArray[np.float64] = BEATS,
    breaks: tuple[int, ...] = (),
    segments: tuple[tuple[int, int], ...] = ((0, round(END_S * FS)),),
) -> RhythmContext:
    break_before = np.arange(times.size) == 0
    break_before[list(breaks)] = True
    signal = np.stack(leads, axis=1).astype(np.float32) if leads else None
    return RhythmContext(
        duration_s=END_S,
        time_s=times,
        symbol=np.full(times.size, "N"),
        trusted=np.ones(times.size, np.bool_),
        confidence=np.ones(times.size, np.float32),
        break_before=break_before,
        conditioned=None if signal is None else Conditioned(signal, FS, segments),
        leads=("II", "V1")[: len(leads)],
    )


def spans(found: list[Episode]) -> list[tuple[float, float, str]]:
    return [(each.start_s, each.stop_s, each.detail) for each in found]


SECONDS = np.arange(round(SILENT[1] * FS) - round(SILENT[0] * FS)) / FS
P_WAVES = sum(0.15 * np.exp(-0.5 * np.square((SECONDS - at) / 0.025)) for at in np.arange(0.3, 10.7, 0.9))


def test_twelve_seconds_at_rest_are_asystole_from_beat_to_beat() -> None:
    assert spans(find_pauses(context(lead()))) == [(20.0, 32.0, "asystole")]


def test_p_waves_alone_do_not_end_it() -> None:
    assert spans(find_pauses(context(lead(inside=np.asarray(P_WAVES))))) == [(20.0, 32.0, "asystole")]


@pytest.mark.parametrize(("gap_s", "detail"), [(2.4, None), (2.6, "pause"), (3.9, "pause"), (4.1, "asystole")])
def test_the_length_decides_on_the_word(gap_s: float, detail: str | None) -> None:
    times = np.concatenate([np.arange(1.0, 20.5), np.arange(20.0 + gap_s, 59.5)])
    found = find_pauses(context(lead(times), times=times))
    assert [each.detail for each in found] == ([detail] if detail else [])


def test_waves_without_beats_are_no_pause() -> None:
    flutter = 0.6 * np.sin(2 * np.pi * 5 * SECONDS)
    assert find_pauses(context(lead(inside=flutter))) == []


def test_one_lead_at_rest_is_enough() -> None:
    noise = np.random.default_rng(2).normal(0, 0.4, SECONDS.size)
    assert spans(find_pauses(context(lead(inside=noise), lead()))) == [(20.0, 32.0, "asystole")]
    assert find_pauses(context(lead(inside=noise), lead(inside=noise))) == []


def test_beats_that_nobody_found_are_no_pause_though_another_lead_is_at_rest() -> None:
    """The second lead has beats where the first shows none; one of them is enough, but noise is not."""
    every = np.sort(np.concatenate([BEATS, np.arange(21.0, 31.5)]))
    assert find_pauses(context(lead(), lead(every))) == []
    assert find_pauses(context(lead(), lead(np.sort(np.append(BEATS, 23.0))))) == []
    noise = np.random.default_rng(2).normal(0, 0.4, SECONDS.size)
    assert len(find_pauses(context(lead(), lead(inside=noise)))) == 1


def test_a_dead_lead_is_no_pause() -> None:
    assert find_pauses(context(lead(inside=0.0))) == []


def test_a_gap_is_no_pause() -> None:
    first, last = (round(edge * FS) for edge in SILENT)
    split = ((0, first), (last, round(END_S * FS)))
    assert find_pauses(context(lead(), segments=split, breaks=(20,))) == []


def test_silence_before_the_first_and_after_the_last_beat_counts() -> None:
    times = np.arange(10.0, 50.5)
    assert spans(find_pauses(context(lead(times), times=times))) == [
        (0.0, 10.0, "asystole"),
        (50.0, END_S, "asystole"),
    ]


def test_a_recording_without_a_beat_is_asystole_from_end_to_end_if_its_lead_is_at_rest() -> None:
    none = np.zeros(0)
    assert spans(find_pauses(context(lead(none), times=none))) == [(0.0, END_S, "asystole")]
    assert find_pauses(context(lead(none, noise_mv=0.2), times=none)) == []
    assert find_pauses(context(lead(none, noise_mv=0.0), times=none)) == []
    assert find_pauses(context(times=none)) == []


def test_fine_fibrillation_without_a_beat_is_no_asystole() -> None:
    none = np.zeros(0)
    t = np.arange(round(END_S * FS)) / FS
    assert find_pauses(context(lead(none) + 0.12 * np.sin(2 * np.pi * 5 * t), times=none)) == []


def test_without_a_signal_the_interval_alone_decides() -> None:
    found = find_pauses(context())
    assert spans(found) == [(20.0, 32.0, "asystole")]
    assert found[0].confidence < find_pauses(context(lead()))[0].confidence
    assert find_pauses(context(breaks=(20,))) == []


def recorded(drift_mv: float) -> Recording:
    """The lead at rest as recorded: its level decays by so much, as after an electrode that came off."""
    decay = drift_mv * np.exp(-SECONDS / 1.5)
    return Recording("r", FS, lead(inside=decay)[:, None].astype(np.float32), ("II",), "0" * 64, (True,))


@pytest.mark.parametrize(("drift_mv", "found"), [(0.5, [(20.0, 32.0, "asystole")]), (2.0, [])])
def test_a_lead_that_runs_away_is_no_pause_though_its_filtered_signal_is_at_rest(
    drift_mv: float, found: list[tuple[float, float, str]]
) -> None:
    assert spans(find_pauses(replace(context(lead()), recording=recorded(drift_mv)))) == found


def fibrillation(start_s: float, stop_s: float) -> Episode:
    return Episode(start_s, stop_s, "VFL", "VF", 0.9, "waves")


def test_asystole_after_fibrillation_lasts_to_the_next_beat_or_the_end() -> None:
    found = find_pauses_after([fibrillation(20.0, 24.0)], context(lead()))
    assert spans(found) == [(24.0, 32.0, "asystole")]
    alone = context(lead(times=np.zeros(0)), times=np.zeros(0))
    assert spans(find_pauses_after([fibrillation(0.0, 40.0)], alone)) == [(40.0, END_S, "asystole")]


def test_what_is_not_at_rest_after_fibrillation_is_no_asystole() -> None:
    waves = 0.5 * np.sin(np.arange(round(10.8 * FS)) / 8)
    assert find_pauses_after([fibrillation(20.0, 24.0)], context(lead(inside=waves))) == []
    assert find_pauses_after([fibrillation(20.0, 29.0)], context(lead())) == []  # three seconds
    assert find_pauses_after([fibrillation(20.0, 24.0)], context()) == []
