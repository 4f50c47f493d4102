"""What the detector `waveform` is trained on, and how held-out records are scored."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from pipeline.datasets.rhythm_references import RhythmReference
from pipeline.rhythm.usual_beats import KnownBeats
from pipeline.rhythm.ventricular import FIBRILLATION, TACHYCARDIA
from pipeline.rhythm.waveform_measures import MEASURES, per_second
from pipeline.training.rhythms import waveform_examples as examples
from pipeline.training.rhythms.waveform import HeldOut, calibration, folds, held_out_scores, write_scores
from pipeline.training.rhythms.waveform_examples import FLUTTER, IGNORED, NOISE, OTHER, WaveformRecord
from pipeline.training.rhythms.waveform_scores import scores
from pipeline.types import Episode, FloatArray

FS = 250.0


def reference(*episodes: Episode, beats: str = "", rr_s: float = 0.5) -> RhythmReference:
    sample = np.round(FS * (1 + rr_s * np.arange(len(beats)))).astype(np.int64)
    return RhythmReference("mitdb/1", FS, 30.0, sample, tuple(beats), episodes, MappingProxyType({}))


def record(name: str, hz: float, label: int, seconds: int = 120) -> WaveformRecord:
    time_s = np.arange(round(seconds * FS)) / FS
    lead = np.sin(2 * np.pi * hz * time_s).astype(np.float32)
    return WaveformRecord(name, np.stack([lead, -lead], axis=1), FS, np.full(seconds, label, np.int8))


def noise() -> list[np.ndarray]:
    return [np.random.default_rng(0).standard_normal((round(200 * FS), 2)).astype(np.float32)]


def no_beats() -> KnownBeats:
    return KnownBeats(np.zeros((0, 1), np.float32), FS, np.zeros(0))


def test_where_there_are_no_beats_the_annotated_rhythm_counts() -> None:
    found = examples.labels(
        reference(Episode(2, 5, "VT"), Episode(5, 8, "VFL", "VF"), Episode(8, 11, "NOISE"), Episode(11, 30, "N")), 12
    )
    assert found.tolist() == [OTHER] * 2 + [examples.TACHYCARDIA] * 3 + [FLUTTER] * 3 + [NOISE] * 3 + [OTHER]


@pytest.mark.parametrize(("rr_s", "label"), [(0.5, examples.TACHYCARDIA), (0.7, IGNORED)])
def test_where_there_are_beats_runs_of_three_count_by_their_rate(rr_s: float, label: int) -> None:
    found = examples.labels(reference(Episode(0, 30, "VT"), beats="NNVVVNVVN", rr_s=rr_s), 10)
    inside = [second for second in range(10) if 1 + 2 * rr_s - 0.5 <= second + 0.5 <= 1 + 4 * rr_s + 0.5]
    assert np.flatnonzero(found != OTHER).tolist() == inside
    assert set(found[inside].tolist()) == {label}


def test_flutter_that_is_played_slowly_is_no_flutter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "SPEEDS", (0.45, 0.46))
    found = examples.changed(record("vfdb/1", 3.0, FLUTTER), np.random.default_rng(3), 20, 1.0, noise())
    hz = found.measures[:, MEASURES.index("dominant_hz of the sharper lead")]
    untouched = (hz > 2.8) & (hz < 3.2)
    assert (found.label[untouched] == FLUTTER).mean() > 0.9
    slowed = (hz > 1.2) & (hz < 1.6)
    assert slowed.sum() > 20
    assert (found.label[slowed] == OTHER).all()


def test_the_same_seed_gives_the_same_examples() -> None:
    first, again = (
        examples.changed(record("mitdb/1", 1.2, OTHER), np.random.default_rng(7), 6, 0.5, noise()) for _ in range(2)
    )
    np.testing.assert_array_equal(first.measures, again.measures)
    np.testing.assert_array_equal(first.label, again.label)
    assert np.isfinite(first.measures).all()


def test_each_record_is_in_one_part_and_each_of_vfdb_in_its_own(tmp_path: Path) -> None:
    for name in ("mitdb/100", "mitdb/101", "svdb/800"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.hea").touch()
    own = [f"vfdb/{number}" for number in range(418, 430)]
    found = folds([*own, "mitdb/101"], tmp_path)
    assert sorted(found[name] for name in own) == list(range(12))
    assert set(found) == {*own, "mitdb/100", "mitdb/101", "svdb/800"}


def test_scores_count_seconds_episodes_and_false_alarms() -> None:
    label = {name: np.zeros(100, np.int8) for name in ("vfdb/1", "mitdb/100")}
    state = {name: np.zeros(100, np.int64) for name in label}
    label["vfdb/1"][10:20] = FLUTTER
    label["vfdb/1"][40:45] = FLUTTER
    label["vfdb/1"][60:70] = examples.TACHYCARDIA
    state["vfdb/1"][12:20] = FIBRILLATION
    state["vfdb/1"][60:75] = TACHYCARDIA
    state["mitdb/100"][50:54] = TACHYCARDIA
    label["mitdb/100"][81:84] = IGNORED
    state["mitdb/100"][80:85] = TACHYCARDIA
    found = scores(label, state)
    assert found["vf_vfl_named_vfl_se"] == pytest.approx(8 / 15)
    assert found["vt_named_vt_or_vfl_se"] == 1
    assert found["sp_of_vf_vfl_vt"] == pytest.approx(1 - 5 / 75)
    assert found["vfl_episodes_4s"] == 2
    assert found["vfl_episodes_4s_not_named_vfl"] == [{"record": "vfdb/1", "start_s": 40, "stop_s": 45}]
    assert found["false_alarm_places"] == [{"record": "mitdb/100", "start_s": 50, "stop_s": 54}]
    assert found["false_alarms_per_24h"] == pytest.approx(24 * 36)


def unsure(rows: FloatArray) -> FloatArray:
    """Log odds of seconds that are asked alone."""
    return np.full(len(rows), -20.0, np.float32)


def test_calibration_makes_log_odds_true() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, 20_000)
    label = np.where(rng.random(true.size) < 1 / (1 + np.exp(-true)), FLUTTER, OTHER).astype(np.int8)
    given = (true / 0.5 + 1).astype(np.float32)
    slope, bias = calibration([HeldOut(label, given, np.zeros((1, 0, 0), np.float32), no_beats(), unsure)])
    assert slope == pytest.approx(0.5, abs=0.03)
    assert bias == pytest.approx(-0.5, abs=0.06)


def test_held_out_records_are_scored_by_the_state_model() -> None:
    waves = record("vfdb/1", 4.4, FLUTTER, 60)
    of_leads = per_second(waves.signal, FS)
    sure = {"vfdb/1": HeldOut(waves.label, np.full(60, 5.0, np.float32), of_leads, no_beats(), unsure)}
    assert held_out_scores(sure, 1.0, 0.0)["vf_vfl_named_vfl_or_vt_se"] == 1
    assert held_out_scores(sure, 1.0, -12.0)["vf_vfl_named_vfl_or_vt_se"] == 0


def test_scores_are_written_beside_and_into_the_page(tmp_path: Path) -> None:
    label, state = np.zeros(100, np.int8), np.zeros(100, np.int64)
    label[10:20] = FLUTTER
    state[10:18] = FIBRILLATION
    (tmp_path / "waveform.md").write_text("# Page\n\n<!-- waveform:start -->\nold\n<!-- waveform:end -->\n\nEnd\n")
    write_scores(scores({"vfdb/1": label, "mitdb/1": label}, {"vfdb/1": state, "mitdb/1": state}), tmp_path)
    text = (tmp_path / "waveform.md").read_text()
    assert text.startswith("# Page\n\n<!-- waveform:start -->\n| held-out records | |\n")
    assert text.endswith("<!-- waveform:end -->\n\nEnd\n")
    assert "| VF and VFL, named VFL: sensitivity | 0.800 |" in text
    assert "| vfdb/1 | 8 of 10 | 0 of 0 | 0 of 90 |" in text
    assert "old" not in text
    assert (tmp_path / "waveform.json").is_file()
