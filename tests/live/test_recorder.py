"""A record that grows on disk: whole at every moment, equal to what was written, with its gaps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import wfdb

from pipeline.config import ROOT, Limits
from pipeline.errors import DataError
from pipeline.intake import read_path
from pipeline.live.kept import UnderWayError, delete_record, kept_records
from pipeline.live.recorder import Recorder, format_of, read_tail
from pipeline.live.sources import StreamFacts

FACTS = StreamFacts("test", 500.0, ("I", "II", "V1"))
WIDE = StreamFacts("test", 250.0, ("ECG1",), wide=True)
STARTED = datetime(2026, 3, 4, 5, 6, 7, 250_000)
WRITER = """
import sys, time
from datetime import datetime
from pathlib import Path
import numpy as np
from pipeline.live.recorder import Recorder
from pipeline.live.sources import StreamFacts
recorder = Recorder(Path(sys.argv[1]), "live-killed", StreamFacts("test", 500.0, ("I", "II", "V1")), datetime.now())
n = 0
while True:
    at = np.arange(n, n + 250)
    recorder.append(np.stack([at % 7000, at % 999, -(at % 31)], axis=1).astype(np.float32) / 1000)
    n += 250
    print(n, flush=True)
    time.sleep(0.001)
"""


def noise(facts: StreamFacts, n: int, height_mv: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(len(facts.leads))
    return rng.normal(0, height_mv, (n, len(facts.leads))).astype(np.float32)


def written(folder: Path, facts: StreamFacts, *chunks: np.ndarray) -> Recorder:
    recorder = Recorder(folder, "live-1", facts, STARTED)
    for chunk in chunks:
        recorder.append(chunk)
    return recorder


@pytest.mark.parametrize(("facts", "count_mv"), [(FACTS, 1e-3), (WIDE, 1e-4)])
def test_a_closed_record_reads_as_written_with_us_and_with_wfdb(
    tmp_path: Path, facts: StreamFacts, count_mv: float
) -> None:
    values = noise(facts, 6000)
    values[100:150] = np.nan
    header = written(tmp_path, facts, values[:1], values[1:4000], values[4000:]).close()
    assert header is not None
    ours = read_path(header)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = wfdb.rdrecord(str(header.with_suffix("")))
    assert theirs.base_datetime == STARTED
    assert (ours.fs, ours.leads, ours.notices) == (facts.fs, facts.leads, ())
    for read in (ours.p_signal, theirs.p_signal):
        assert np.array_equal(np.isnan(read), np.isnan(values))
        assert np.nanmax(np.abs(read - values)) <= count_mv / 2 * 1.001


def test_an_electrode_offset_fits_a_wide_record_and_is_cut_off_in_a_narrow_one(tmp_path: Path) -> None:
    header = written(tmp_path / "wide", WIDE, np.full((5000, 1), 187.5, np.float32)).close()
    assert header is not None
    assert np.all(read_path(header).p_signal == np.float32(187.5))
    narrow = StreamFacts("test", 250.0, ("ECG1",))
    header = written(tmp_path / "narrow", narrow, np.full((5000, 1), 187.5, np.float32)).close()
    assert header is not None
    assert np.all(read_path(header).p_signal == np.float32(32.767))


def test_a_record_that_still_grows_can_be_opened(tmp_path: Path) -> None:
    values = noise(FACTS, 8000)
    recorder = written(tmp_path, FACTS, values[:6000])
    assert read_path(recorder.header).n_samples == 6000
    recorder.append(values[6000:])
    assert read_path(recorder.header).n_samples == 8000
    first, tail = read_tail(recorder.header, FACTS, 500)
    assert first == 7500
    assert np.abs(tail - values[7500:]).max() <= 0.0005001


def test_a_writer_that_is_killed_leaves_a_record_without_a_lost_sample(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        said = 0
        while said < 20_000:
            said = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        said = max([said, *(int(line) for line in writer.stdout.read().split("\n")[:-1])])
    begun = datetime.now()
    with (tmp_path / "live-killed.dat").open("ab") as file:
        file.write(b"half")  # of a frame of six bytes
    assert [one.header.stem for one in kept_records(tmp_path)] == ["live-killed"]
    assert "under way" not in (tmp_path / "live-killed.hea").read_text()
    closed = wfdb.rdrecord(str(tmp_path / "live-killed"), physical=False)
    assert closed.checksum == closed.calc_checksum()
    assert closed.init_value == closed.d_signal[0].tolist()
    assert 0 < (begun - closed.base_datetime).total_seconds() < 60
    assert closed.sig_len == (tmp_path / "live-killed.dat").stat().st_size / 6
    read = read_path(tmp_path / "live-killed.hea")
    assert read.n_samples >= said
    at = np.arange(read.n_samples)
    assert np.array_equal(np.round(read.p_signal[:, 0] * 1000), at % 7000)
    assert np.array_equal(np.round(read.p_signal[:, 2] * 1000), -(at % 31))
    assert [one.header.stem for one in kept_records(tmp_path)] == ["live-killed"]
    delete_record(tmp_path / "live-killed.hea")
    assert list(tmp_path.iterdir()) == []


def test_a_record_under_way_is_neither_listed_nor_deleted(tmp_path: Path) -> None:
    recorder = written(tmp_path, FACTS, noise(FACTS, 6000))
    before = recorder.header.read_bytes()
    assert kept_records(tmp_path) == ()
    with pytest.raises(UnderWayError, match="still under way"):
        delete_record(recorder.header)
    assert recorder.header.read_bytes() == before
    header = recorder.close()
    assert header is not None
    assert [one.header for one in kept_records(tmp_path)] == [header]
    delete_record(header)
    assert list(tmp_path.iterdir()) == []


def test_a_header_that_cannot_be_closed_is_listed_as_it_is(tmp_path: Path) -> None:
    header = tmp_path / "live-1.hea"
    header.write_text("live-1 1 250\n# HeartVision live recording, under way since then\n")
    header.with_suffix(".dat").write_bytes(b"some")
    before = header.read_bytes()
    assert [one.header for one in kept_records(tmp_path)] == [header]
    assert header.read_bytes() == before


def test_a_gap_is_missing_samples_in_its_place(tmp_path: Path) -> None:
    recorder = written(tmp_path, FACTS, noise(FACTS, 5000))
    recorder.skip(40_000)
    recorder.append(noise(FACTS, 5000))
    header = recorder.close()
    assert header is not None
    read = read_path(header)
    assert recorder.n_missing == 40_000
    assert read.n_samples == 50_000
    assert np.isnan(read.p_signal[5000:45_000]).all()
    assert np.isfinite(read.p_signal[[*range(5000), *range(45_000, 50_000)]]).all()


def test_nothing_recorded_leaves_no_file(tmp_path: Path) -> None:
    assert Recorder(tmp_path, "live-1", FACTS, STARTED).close() is None
    assert list(tmp_path.iterdir()) == []


def test_a_record_ends_where_it_could_not_be_opened_again(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "live-1", FACTS, STARTED, Limits(upload_bytes=6 * 6000))
    recorder.append(noise(FACTS, 5000))
    recorder.skip(5000)
    assert recorder.n_frames == 6000
    assert recorder.frames_left == 0


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="could not be written"):
        Recorder(tmp_path / "file", "live-1", FACTS, STARTED)


def test_what_is_written_reaches_the_disk_every_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, synced = Recorder(tmp_path, "live-1", FACTS, STARTED), []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(time.monotonic()), real(file)))
    monkeypatch.setattr("pipeline.live.recorder.SYNC_S", 0.05)
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        recorder.append(noise(FACTS, 10))
        time.sleep(0.01)
    assert 3 <= len(synced) <= 11


def test_formats_have_a_value_for_what_is_missing() -> None:
    for facts in (FACTS, WIDE):
        stored = format_of(facts)
        values = np.array([[np.nan], [1e9], [-1e9], [0.25]], np.float32)
        again = stored.millivolts(stored.digital(values))
        assert np.isnan(again[:, 0]).tolist() == [True, False, False, False]
        assert again[3, 0] == np.float32(0.25)
