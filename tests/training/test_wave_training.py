"""Examples for the network that marks waves: labels where the waves are, and nowhere that is not known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.waves import FS_HZ, STEP
from models.waves_fit import fit_waves
from pipeline.datasets.wave_references import MarkedWaves, WaveReference
from pipeline.training import wave_examples, waves
from pipeline.training.wave_examples import MarkedRecord, covered, draw, labels
from pipeline.waves.inputs import filtered
from tests.helpers.made_ecg import P, T, made_ecg


def _marked(n_leads: int = 2, duration_s: float = 12.0) -> MarkedRecord:
    lead, r = made_ecg(FS_HZ, duration_s)
    reference = _reference(r)
    inside, known = labels(reference, 0.0, len(lead), sparse=False)
    lines = filtered(np.repeat(lead, n_leads, axis=1))
    return MarkedRecord("ludb/made", lines, r, np.stack([inside] * n_leads), np.stack([known] * n_leads))


def _reference(r: np.ndarray) -> WaveReference:
    around = {"p": (P[0] - 0.05, P[0], P[0] + 0.05), "qrs": (-0.05, 0.0, 0.06), "t": (T[0] - 0.1, T[0], T[0] + 0.1)}
    return WaveReference({name: MarkedWaves(*(r + at for at in three)) for name, three in around.items()}, r[0], r[-1])


def test_a_sample_at_an_edge_is_inside_by_half() -> None:
    at = np.arange(10) / FS_HZ
    assert covered(at, 2 / FS_HZ, 6 / FS_HZ).tolist() == [0, 0, 0.5, 1, 1, 1, 0.5, 0, 0, 0]
    assert covered(at, 2.5 / FS_HZ, 6 / FS_HZ)[2:4].tolist() == [0, 1]


def test_nothing_is_known_before_the_first_and_after_the_last_mark() -> None:
    record = _marked()
    at = np.arange(record.lines.shape[1]) / FS_HZ
    assert not record.known[:, at < record.r_peak_s[0] - 0.01].any()
    assert not record.known[:, at > record.r_peak_s[-1] + 0.01].any()
    assert record.known[:, (at > record.r_peak_s[0] + 0.01) & (at < record.r_peak_s[-1] - 0.01)].all()


def test_an_unmarked_onset_leaves_the_time_before_the_wave_unknown() -> None:
    reference = _reference(np.array([1.0, 2.0, 3.0]))
    t = reference.waves["t"]
    without = replace(reference, waves={**reference.waves, "t": MarkedWaves(t.on_s * np.nan, t.peak_s, t.off_s)})
    inside, known = labels(without, 0.0, 1000, sparse=False)
    at = np.arange(1000) / FS_HZ
    before = (at > 2 + T[0] - 0.3) & (at < 2 + T[0] - 0.01)
    assert not known[before, 2].any()
    assert known[before, 0].all()
    assert inside[(at > 2 + T[0] + 0.01) & (at < 2 + T[0] + 0.09), 2].all()


def test_sparse_marks_say_nothing_about_the_beats_between_them() -> None:
    _, known = labels(_reference(np.array([1.0, 2.0, 8.0])), 0.0, 2500, sparse=True)
    at = np.arange(2500) / FS_HZ
    assert known[(at > 1.1) & (at < 2.4)].all()
    assert not known[(at > 3) & (at < 7)].any()


@pytest.mark.parametrize("n_leads", [1, 2, 5])
def test_an_example_has_its_labels_where_its_waves_are(n_leads, monkeypatch: pytest.MonkeyPatch) -> None:
    for share in ("NOISE_SHARE", "WANDER_SHARE", "MAINS_SHARE", "WITHOUT_P_SHARE"):
        monkeypatch.setattr(wave_examples, share, 0.0)
    rng = np.random.default_rng(3)
    values, inside, known = draw(_marked(), n_leads, 1600, np.zeros((3, 9000), np.float32), rng)
    assert values.shape == (n_leads, 1600, 2)
    assert inside.shape == known.shape == (n_leads, 1600, 3)
    qrs = inside[0, :, 1] > 0.9
    steep = np.abs(np.gradient(values[0, :, 0]))
    assert steep[qrs].mean() > 10 * steep[~qrs].mean()
    marks = np.flatnonzero(values[0, :, 1] > 0.99)
    assert inside[0, marks, 1].mean() > 0.9


def test_an_example_without_p_waves_has_neither_waves_nor_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    for share in ("NOISE_SHARE", "WANDER_SHARE", "MAINS_SHARE", "F_WAVES_SHARE", "SMOOTH_SHARE"):
        monkeypatch.setattr(wave_examples, share, 0.0)
    noises = np.zeros((3, 9000), np.float32)
    monkeypatch.setattr(wave_examples, "WITHOUT_P_SHARE", 0.0)
    with_p, there, _ = draw(_marked(), 1, 1600, noises, np.random.default_rng(4))
    monkeypatch.setattr(wave_examples, "WITHOUT_P_SHARE", 1.0)
    without, none, _ = draw(_marked(), 1, 1600, noises, np.random.default_rng(4))
    p = there[0, :, 0] > 0.5
    assert p.any()
    assert not none[..., 0].any()
    assert np.ptp(without[0, p, 0]) < 0.5 * np.ptp(with_p[0, p, 0])


def test_batches_of_an_epoch_are_the_same_again_and_hold_the_same_number_of_leads(monkeypatch) -> None:
    monkeypatch.setattr(waves, "STEPS", 3)
    noises = np.random.default_rng(0).normal(size=(3, 9000)).astype(np.float32)
    records = [_marked(), replace(_marked(), name="qtdb/made")]
    first, again, other = (list(waves.batches(records, noises, epoch, 0.5)) for epoch in (0, 0, 1))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
    assert not all(a[0].shape == b[0].shape and np.array_equal(a[0], b[0]) for a, b in zip(first, other, strict=True))
    for values, inside, known in first:
        assert waves.LEADS_IN_BATCH - values.shape[1] < values.shape[0] * values.shape[1] <= waves.LEADS_IN_BATCH
        assert values.shape[2] == inside.shape[2] == known.shape[2] == waves.SAMPLES


def test_training_lowers_the_loss_and_resumes(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("models.waves_fit.WARMUP_STEPS", 1)
    record, noises = _marked(), np.zeros((3, 9000), np.float32)
    rng = np.random.default_rng(0)
    examples = [draw(record, 2, 10 * STEP, noises, rng) for _ in range(4)]
    batch = tuple(np.stack(each) for each in zip(*examples, strict=True))
    seen: list[float] = []

    def run(epochs: int):
        return fit_waves(
            lambda epoch: iter([batch] * 4),
            lambda answer: {"val_loss": waves.validation_loss(answer, [record])},
            tmp_path,
            lambda done, said: seen.append(done),
            epochs=epochs,
            steps=4,
            seed=0,
        )[1]

    first = run(2)
    more = run(3)
    assert first["loss"][1] < first["loss"][0]
    assert more["loss"][:2] == first["loss"]
    assert len(more["loss"]) == 3
    assert len(seen) == 3
