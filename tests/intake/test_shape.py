"""A signal without a name that is a pulse wave by its shape is said to be none; no ECG is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.pulse_wave import made_pulse_wave
from pipeline.datasets import DEMOS
from pipeline.errors import IntakeError
from pipeline.intake import CsvOptions, read_path, read_uploads
from pipeline.intake.shape import named_by_shape
from pipeline.signal.leads import choose_leads
from pipeline.signal.pulse_wave import looks_like_pulse_wave
from pipeline.types import Recording
from tests.hostile.make_corpus import ecg, pack

FS = 250.0
N = int(FS * 30)
ECG = ecg(N).astype(np.float32) / 200


def pulse(seed: int = 1, fs: float = FS) -> np.ndarray:
    return made_pulse_wave(fs, np.random.default_rng(seed), noise=0.005)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("fs", [64.0, 125.0, 250.0, 500.0])
def test_pulse_waves_are_known_by_their_shape(seed, fs):
    assert looks_like_pulse_wave(pulse(seed, fs), fs)


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.name)
def test_no_lead_of_the_demo_recordings_looks_like_one(demo):
    recording = read_path(demo.path)
    for lead in recording.p_signal.T:
        for start in range(0, lead.size - round(10 * recording.fs), round(10 * recording.fs)):
            assert not looks_like_pulse_wave(lead[start : start + round(10 * recording.fs)], recording.fs)


@pytest.mark.parametrize(
    "lead", [np.zeros(N, np.float32), np.full(N, np.nan, np.float32), np.arange(N, dtype=np.float32), ECG[:100]]
)
def test_what_has_no_waves_is_none(lead):
    assert not looks_like_pulse_wave(lead, FS)


def _csv(*columns: np.ndarray, names: str = "") -> bytes:
    rows = "\n".join(",".join(f"{value:.4f}" for value in row) for row in zip(*columns, strict=True))
    return f"{names}\n{rows}\n".lstrip("\n").encode()


def test_a_table_of_a_pulse_wave_alone_is_refused_unless_its_column_is_chosen():
    payload = _csv(pulse())
    with pytest.raises(IntakeError, match="'lead 1' is a pulse wave by its shape, not an ECG"):
        read_uploads([("r.csv", payload)], csv=CsvOptions(FS, "mV"))
    assert read_uploads([("r.csv", payload)], csv=CsvOptions(FS, "mV", (1,)))[0].leads == ("lead 1",)
    named = _csv(pulse(), names="II")
    assert read_uploads([("r.csv", named)], csv=CsvOptions(FS, "mV"))[0].leads == ("II",)


def test_of_two_signals_without_names_the_ecg_is_analysed():
    found = read_uploads([("r.csv", _csv(pulse(), ECG))], csv=CsvOptions(FS, "mV"))[0]
    assert found.leads == ("pulse wave", "lead 2")
    assert choose_leads(found.leads) == ("lead 2",)
    assert "The signal 'lead 1' is a pulse wave by its shape, not an ECG." in found.notices


def test_a_record_s_signal_without_a_name_is_known_too():
    both = np.stack([pulse(), ECG], axis=1)
    digital = np.round(both * 200).astype(np.int64)
    lines = [f"r 2 {FS:g} {N}"]
    for k, name in enumerate(("chan 1", "chan 2")):
        checksum = int(digital[:, k].astype(np.int16).astype(np.int64).sum()) & 0xFFFF
        lines.append(f"r.dat 16 200/mV 16 0 {digital[0, k]} {checksum - 65536 * (checksum >= 32768)} 0 {name}")
    header = ("\n".join(lines) + "\n").encode()
    found = read_uploads([("r.hea", header), ("r.dat", pack(digital, "16"))])[0]
    assert found.leads == ("pulse wave", "chan 2")


def test_two_pulse_waves_keep_names_of_their_own():
    signal = np.stack([pulse(1), pulse(2), ECG], axis=1).astype(np.float32)
    recording = Recording("r", FS, signal, ("a", "b", "c"), "0" * 64, (True,) * 3)
    assert named_by_shape(recording).leads == ("pulse wave (1)", "pulse wave (2)", "c")
