"""Marks of waves as WFDB annotations, read back by wfdb itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from pipeline.errors import DataError
from pipeline.export.wfdb_files import write_waves
from pipeline.intake.wfdb_reader import read_wfdb
from pipeline.measurements import WAVE_MARKS, Waves
from pipeline.types import Recording


def _waves() -> Waves:
    """Two beats in V1 and II; the second has no P wave, and no certain end of T in V1."""
    one = np.array([0.80, 0.84, 0.88, 0.95, 1.00, 1.05, 1.20, 1.30, 1.40])
    time_s = np.stack([np.stack([one, one + 0.002]), np.stack([one + 1, one + 1.002])])
    time_s[1, :, :3] = np.nan
    time_s[1, 0, 8] = np.nan
    return Waves(("V1", "II"), np.array([1.0, 2.0]), time_s, time_s[:, 0])


def recording(*leads: str) -> Recording:
    return Recording.from_array(np.random.default_rng(0).normal(0, 0.5, (2000, len(leads))), fs=500, leads=leads)


def test_channels_of_the_header_that_are_no_leads_count(tmp_path: Path) -> None:
    header = b"r 3 500 4\nr.dat 16 200/mmHg 16 0 0 0 0 ABP\n"
    header += b"r.dat 16 200/mV 16 0 0 0 0 V1\nr.dat 16 200/mV 16 0 0 0 0 II\n"
    samples = np.zeros((4, 3), "<i2").tobytes()
    read = read_wfdb("r", header, {b"r.dat": samples})
    assert read.leads == ("V1", "II")
    write_waves(_waves(), read, tmp_path / "r.hvw")
    assert set(wfdb.rdann(str(tmp_path / "r"), "hvw").chan.tolist()) == {1, 2}


def test_each_mark_keeps_its_time_its_lead_and_its_wave(tmp_path: Path) -> None:
    waves = _waves()
    written = write_waves(waves, recording("I", "II", "V1"), tmp_path / "r1.hvw")
    read = wfdb.rdann(str(tmp_path / "r1"), "hvw")
    assert written == tmp_path / "r1.hvw"
    assert read.fs == 500
    assert (np.diff(read.sample) >= 0).all()
    for lead, chan in (("V1", 2), ("II", 1)):
        own = read.chan == chan
        expected = waves.time_s[:, waves.leads.index(lead)].ravel()
        assert read.sample[own].tolist() == np.round(500 * expected[np.isfinite(expected)]).astype(int).tolist()
    second = "".join(s for s, c in zip(read.symbol, read.chan, strict=True) if c == 1)
    assert second == "(p)(N)(t)(N)(t)"
    assert "".join(s for s, c in zip(read.symbol, read.chan, strict=True) if c == 2) == "(p)(N)(t)(N)(t"
    assert read.num[read.chan == 1].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]


def test_waves_without_a_mark_cannot_be_written(tmp_path: Path) -> None:
    none = np.full((1, 1, len(WAVE_MARKS)), np.nan)
    with pytest.raises(DataError, match="no mark"):
        write_waves(Waves(("II",), np.array([1.0]), none, none[:, 0]), recording("II"), tmp_path / "r.hvw")
    assert not list(tmp_path.iterdir())
