"""What the rhythm network reads and learns from: rows that stay when a recording is scaled, resampled or cut."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import signal as sps

from models.loop import UNLABELLED
from pipeline.analysis import prepare
from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.features.beat_sequence import frame, rhythm_features, row_size, rows
from pipeline.features.network_inputs import blocks
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.synthesis.rhythms import simulate
from pipeline.training.rhythm_network.windows import Changes, F, N, RhythmRecord, V, WindowSampler, changed, with_fusion
from pipeline.types import Annotations, Beats, Recording

SEQUENCE = DEFAULT.sequence
CALM = Changes(
    **dict.fromkeys((field.name for field in dataclasses.fields(Changes)), 0.0) | {"fused_normal": (0.3, 0.3)}
)


@pytest.fixture(scope="module")
def demo() -> Recording:
    """The demo recording, with its slope as a second lead."""
    found = read_path(demo_path())
    slope = 10 * np.gradient(np.nan_to_num(found.p_signal[:, 0])).astype(np.float32)
    both = np.stack([found.p_signal[:, 0], slope], axis=1)
    return dataclasses.replace(found, p_signal=both, leads=("MLII", "V1"), calibrated=(True, True))


@pytest.fixture(scope="module")
def beats(demo: Recording) -> Beats:
    assert demo.reference is not None
    return prepare(demo, samples=demo.reference.sample).beats


@pytest.fixture(scope="module")
def record(demo: Recording, beats: Beats) -> RhythmRecord:
    assert demo.reference is not None
    shared = frame(beats, SEQUENCE, DEFAULT.signal)
    found = rows(beats, np.arange(len(beats)), shared, SEQUENCE)
    wave = found[:, : 2 * SEQUENCE.points].reshape(-1, SEQUENCE.points, 2)
    label = np.array([AAMI_CLASSES.index(aami_class(symbol) or "Q") for symbol in demo.reference.symbol])
    return RhythmRecord("demo", wave, shared.usual, shared.rhythm, label)


def all_rows(recording: Recording, samples: np.ndarray) -> np.ndarray:
    found = prepare(recording, samples=samples).beats
    return rows(found, np.arange(len(found)), frame(found, SEQUENCE, DEFAULT.signal), SEQUENCE)


def test_a_row_holds_the_beat_the_usual_beat_and_the_intervals(beats: Beats, record: RhythmRecord) -> None:
    found = record.rows()
    assert found.shape == (len(beats), row_size(SEQUENCE))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.array_equal(found[7, -SEQUENCE.rhythm_size :], record.rhythm[7])


def test_rows_do_not_depend_on_the_amplitude(demo: Recording, record: RhythmRecord) -> None:
    assert demo.reference is not None
    louder = dataclasses.replace(demo, p_signal=demo.p_signal * np.float32(3))
    assert np.abs(all_rows(louder, demo.reference.sample) - record.rows()).max() < 0.01


@pytest.mark.parametrize("fs", [128, 500, 1000])
def test_rows_do_not_depend_on_the_sampling_frequency(demo: Recording, record: RhythmRecord, fs: int) -> None:
    assert demo.reference is not None
    resampled = sps.resample_poly(demo.p_signal, fs * 9, int(demo.fs * 9), axis=0).astype(np.float32)
    other = dataclasses.replace(demo, p_signal=resampled, fs=float(fs), reference=None)
    found = all_rows(other, np.round(demo.reference.sample * fs / demo.fs).astype(np.int64))
    near = [np.corrcoef(a[:400], b[:400])[0, 1] for a, b in zip(found, record.rows(), strict=True)]
    assert np.median(near) > 0.99
    assert np.median(np.abs(found[:, 400:] - record.rows()[:, 400:])) < 0.05


def test_a_missing_lead_is_zero_and_leaves_the_other_alone(demo: Recording, record: RhythmRecord) -> None:
    assert demo.reference is not None
    one = dataclasses.replace(demo, p_signal=demo.p_signal[:, :1], leads=demo.leads[:1], calibrated=(True,))
    found = all_rows(one, demo.reference.sample)[:, :400].reshape(-1, 200, 2)
    assert not found[..., 1].any()
    assert np.array_equal(found[..., 0], record.rows()[:, :400].reshape(-1, 200, 2)[..., 0])


def test_intervals_are_told_by_their_ratios_and_unknown_ones_by_zero() -> None:
    rr = np.array([np.nan, 0.8, 0.8, 0.4, 1.2, 0.8, np.nan], np.float32)
    found = rhythm_features(rr, 0.8, SEQUENCE)
    assert found.shape == (7, SEQUENCE.rhythm_size)
    assert found[3, 0] == pytest.approx(-2.0)  # half the mean: log2 is -1, doubled
    assert found[3, 1] == pytest.approx(2 * np.log2(1.5), abs=1e-5)
    assert found[3, 6] == pytest.approx(-1.0)
    assert found[0, 0] == 0
    assert found[0, -2:].tolist() == [0, 1]
    assert found[6, -2:].tolist() == [0, 0]


def test_running_medians_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    rr = rng.uniform(0.4, 1.5, 90).astype(np.float32)
    rr[rng.random(90) < 0.2] = np.nan
    found = rhythm_features(rr, 0.9, dataclasses.replace(SEQUENCE, local_beats=(8,), ratio_limit=9.0))
    for i in np.flatnonzero(np.isfinite(rr)):
        local = np.nanmedian(rr[max(0, i - 8) : i + 9])
        assert found[i, 2] == pytest.approx(2 * np.log2(rr[i] / local), abs=1e-4)


@pytest.mark.parametrize("block", [64, 100, 5000])
def test_blocks_answer_every_usable_beat_once_with_its_own_row(beats: Beats, record: RhythmRecord, block: int) -> None:
    reason = tuple("hidden" if i % 5 == 0 else "" for i in range(len(beats)))
    config = dataclasses.replace(DEFAULT, sequence=dataclasses.replace(SEQUENCE, block=block))
    given = list(blocks(dataclasses.replace(beats, reason=reason), config.sequence_id(), config))
    at = np.concatenate([part.beat for part in given])
    assert np.array_equal(at, [i for i in range(len(beats)) if i % 5])
    assert np.array_equal(np.concatenate([part.inputs[part.answer] for part in given]), record.rows()[at])


def test_the_size_of_a_block_changes_no_input() -> None:
    larger = dataclasses.replace(DEFAULT, sequence=dataclasses.replace(SEQUENCE, block=7))
    finer = dataclasses.replace(DEFAULT, sequence=dataclasses.replace(SEQUENCE, step_s=0.004))
    assert larger.sequence_id() == DEFAULT.sequence_id()
    assert finer.sequence_id() != DEFAULT.sequence_id()


def test_an_epoch_repeats_and_another_differs(record: RhythmRecord) -> None:
    sampler = WindowSampler([record], [], [], DEFAULT, seed=1, steps=1, batch=3)
    first, again, other = (next(sampler.epoch(number)) for number in (0, 0, 1))
    assert first[0].shape == (3, sampler.length, row_size(SEQUENCE))
    assert first[1].shape == (3, sampler.length)
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_without_changes_a_window_is_the_recording(record: RhythmRecord) -> None:
    sampler = WindowSampler([record], [], [], DEFAULT, seed=1, steps=1, rare_share=0.0, changes=CALM)
    for seed in range(20):
        window, label = sampler.window(np.random.default_rng(seed))
        known = label != UNLABELLED
        start = next(i for i in range(len(record.label)) if np.allclose(record.rows()[i], window[known][0], atol=1e-4))
        assert np.allclose(window[known], record.rows()[start : start + known.sum()], atol=1e-4)
        assert np.array_equal(label[known], record.label[start : start + known.sum()])


def test_a_fused_beat_lies_between_a_normal_and_a_ventricular_one(record: RhythmRecord) -> None:
    changes = dataclasses.replace(CALM, fused=1.0, fused_share=0.5)
    at = np.arange(300)
    wave, label = with_fusion(record, at, changes, np.random.default_rng(0))
    fused = (label == F) & (record.label[at] == N)
    assert fused.sum() > 30
    assert np.array_equal(wave[~fused], record.wave[at][~fused])
    ventricular = record.wave[record.label == V]
    rest = (wave[fused] - np.float32(0.3) * record.wave[at][fused]) / np.float32(0.7)
    assert all(np.abs(ventricular - beat).max(axis=(1, 2)).min() < 1e-3 for beat in rest)


def test_a_lost_lead_is_lost_for_the_usual_beat_too(record: RhythmRecord) -> None:
    changes = dataclasses.replace(CALM, second_lost=1.0)
    wave, usual = changed(record.wave[:9], record.usual, SEQUENCE.points_before, changes, np.random.default_rng(0))
    assert not wave[..., 1].any()
    assert not usual[..., 1].any()
    assert np.abs(usual[..., 0] - record.usual[..., 0]).max() < 1e-4


@pytest.fixture(scope="module")
def normal_only(demo: Recording) -> Recording:
    """The demo as if its normal beats were all: nothing ventricular is put into what is simulated from it."""
    assert demo.reference is not None
    at = np.flatnonzero(np.array(demo.reference.symbol) == "N")
    return dataclasses.replace(demo, reference=Annotations(demo.reference.sample[at], ("N",) * at.size))


@pytest.mark.parametrize("seed", range(4))
def test_simulated_early_beats_are_early(normal_only: Recording, seed: int) -> None:
    made = simulate(normal_only, "premature", 400, np.random.default_rng(seed))
    assert made is not None
    assert made.reference is not None
    symbol, rr = np.array(made.reference.symbol), np.diff(made.reference.sample) / made.fs
    early = symbol[1:] == "A"
    assert set(symbol) == {"N", "A"}
    assert np.median(rr[early]) < 0.95 * np.median(rr[~early])


@pytest.mark.parametrize("seed", range(4))
def test_a_simulated_paroxysm_is_irregular_and_normal(normal_only: Recording, seed: int) -> None:
    made = simulate(normal_only, "paroxysms", 600, np.random.default_rng(seed))
    assert made is not None
    assert made.reference is not None
    symbol, rr = np.array(made.reference.symbol), np.diff(made.reference.sample) / made.fs
    change = np.abs(np.diff(rr))[: 590 // 10 * 10].reshape(-1, 10)
    is_normal = (symbol[2:][: change.size] == "N").reshape(-1, 10).all(axis=1)
    told = np.median(change[is_normal], axis=1)
    assert np.quantile(told, 0.95) > 2.5 * np.quantile(told, 0.05)


def sampled(record: RhythmRecord, changes: Changes, **others: object) -> WindowSampler:
    """A sampler of one recording, with nothing changed but what is asked for."""
    return WindowSampler([record], [], [], DEFAULT, 0, 1, changes=changes, **others)  # type: ignore[arg-type]


def test_windows_of_another_database_come_as_often_as_asked(record: RhythmRecord) -> None:
    other = dataclasses.replace(record, label=np.full_like(record.label, V))
    shared = sampled(record, CALM, others=[other], others_share=0.5)
    none = sampled(record, CALM, others=[other], others_share=0.0)
    rng = np.random.default_rng(0)
    foreign = [bool((shared.window(rng)[1][-8:] == V).all()) for _ in range(200)]
    assert 70 < sum(foreign) < 130
    assert not any((none.window(rng)[1] == V).all() for _ in range(50))


@pytest.mark.parametrize("change", ["turned_leads", "filtered", "noisy", "second"])
def test_windows_are_changed_as_another_patient_would_be(record: RhythmRecord, change: str) -> None:
    noise = np.random.default_rng(1).standard_normal(5000).astype(np.float32)
    asked = dataclasses.replace(CALM, **{change: 1.0, "noise_level": 0.2})
    for seed in range(3):
        plain = sampled(record, CALM).window(np.random.default_rng(seed))[0]
        found = sampled(record, asked, noise=noise).window(np.random.default_rng(seed))[0]
        assert found.shape == plain.shape
        assert np.array_equal(found[:, -SEQUENCE.rhythm_size :], plain[:, -SEQUENCE.rhythm_size :])
        assert 0.02 < np.abs(found - plain).max() < 20


def test_a_hidden_usual_beat_leaves_the_beats_and_their_intervals(record: RhythmRecord) -> None:
    plain, hidden = (
        sampled(record, dataclasses.replace(CALM, usual_hidden=share)).window(np.random.default_rng(2))[0]
        for share in (0.0, 1.0)
    )
    of_usual = slice(2 * SEQUENCE.points, 4 * SEQUENCE.points)
    assert not hidden[:, of_usual].any()
    assert plain[:, of_usual].any()
    plain[:, of_usual] = 0
    assert np.array_equal(hidden, plain)
