"""An archive: tables that can be read, reruns that skip, bad files that stop nothing, and workers that are killed."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from pipeline.archive.run import run_archive
from pipeline.archive.sources import Source, at_hand, find_sources
from pipeline.archive.tables import read_line
from pipeline.archive.worker import process
from pipeline.cli import main
from pipeline.config import RECORDING_NETWORK, ROOT
from pipeline.datasets import DEMOS, demo_path
from pipeline.errors import DataError, EcgError, IntakeError, UsageError
from pipeline.export.recordings.writing import write_recording
from pipeline.intake import read_path

DEMO = ROOT / "data" / "demo"
NAMES = [demo.name for demo in DEMOS]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three recordings, one of them in a folder, and a header that is none."""
    folder = tmp_path / "archive"
    (folder / "ward").mkdir(parents=True)
    for name, where in (("207_flutter", folder), ("ludb_21", folder), ("219_fibrillation", folder / "ward")):
        for file in DEMO.glob(f"{name}.*"):
            shutil.copy(file, where)
    (folder / "broken.hea").write_text("nonsense")
    return folder


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def direct(archive: Path, output: Path) -> None:
    """All of an archive in this process."""
    for source in find_sources(str(archive)):
        process(source, str(output), RECORDING_NETWORK)


def test_the_tables_hold_what_the_analysis_says(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "tables"
    outcome = run_archive(str(archive), output, workers=1)
    assert outcome.counts == {"analysed": 3, "refused": 1}
    assert [record for record, _ in outcome.refused] == ["broken"]
    summary = pd.read_parquet(output / "summary.parquet").set_index("record")
    assert list(summary.index)[:2] == ["207_flutter", "ludb_21"]  # the most urgent first
    assert "elevation" in summary.loc["ludb_21", "urgent"]
    assert summary.loc["broken", "status"] == "refused"
    beats = pd.read_parquet(output / "beats")
    assert dict(beats["record"].value_counts()) == {
        name: summary.loc[name, "beats"] for name in summary.index if summary.loc[name, "beats"]
    }
    rhythm = pd.read_parquet(output / "rhythm")
    of_207 = rhythm[rhythm["record"] == "207_flutter"]
    flutter = (of_207["stop_s"] - of_207["start_s"])[of_207["rhythm"] == "VFL"].sum() / 60
    assert summary.loc["207_flutter", "share_VFL"] == pytest.approx(flutter, abs=1e-3)


def test_a_rerun_skips_what_is_finished_and_changes_no_byte(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "tables"
    direct(archive, output)
    before = content(output)
    assert [process(source, str(output), RECORDING_NETWORK)[0][1] for source in find_sources(str(archive))] == [
        *("skipped", "refused", "skipped", "skipped")
    ]
    assert content(output) == before


def test_a_changed_recording_and_a_damaged_table_are_made_again(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "tables"
    direct(archive, output)
    before = content(output)
    (output / "beats" / "record=ludb_21" / "part-0.parquet").write_bytes(b"half")
    (source,) = (each for each in find_sources(str(archive)) if each.record == "ludb_21")
    assert process(source, str(output), RECORDING_NETWORK) == [("ludb_21", "analysed", "")]
    assert content(output) == before
    header = archive / "ludb_21.hea"
    header.write_text(header.read_text().replace("# <sex>: M", "# <sex>: F"))
    assert process(source, str(output), RECORDING_NETWORK) == [("ludb_21", "analysed", "")]


def test_a_recording_that_breaks_a_library_is_a_line_of_the_summary(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pipeline.archive.worker.analyse", broken)
    source = find_sources(str(archive / "207_flutter.hea"))[0]
    assert process(source, str(tmp_path), RECORDING_NETWORK)[0][1] == "failed"
    line = read_line("207_flutter", tmp_path)
    assert line is not None
    assert "ZeroDivisionError" in line.reason
    monkeypatch.undo()
    assert process(source, str(tmp_path), RECORDING_NETWORK)[0][1] == "analysed"  # a failure is tried again


def test_a_full_disk_stops_the_run_and_leaves_no_half_table(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: object, **__: object) -> None:
        raise DataError(f"The file {path.name!r} could not be written (No space left on device); check the folder.")

    monkeypatch.setattr("pipeline.archive.tables.write_bytes", full)
    source = find_sources(str(archive / "207_flutter.hea"))[0]
    with pytest.raises(DataError, match="No space left"):
        process(source, str(tmp_path / "tables"), RECORDING_NETWORK)
    assert not list((tmp_path / "tables").rglob("*.parquet"))


def test_names_are_unique_and_stay_below_the_folder(tmp_path: Path) -> None:
    for name in ("a b.hea", "a_b.hea", "sub/a.hea"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    names = [source.record for source in find_sources(str(tmp_path))]
    assert len(set(names)) == 3
    assert "sub_a" in names
    assert all("/" not in name and ".." not in name for name in names)


def test_a_pattern_and_an_empty_place() -> None:
    assert [source.record for source in find_sources(str(DEMO / "2*.hea"))] == [
        *("207_flutter", "208_excerpt", "217_paced", "219_fibrillation", "231_block")
    ]
    with pytest.raises(IntakeError, match="No recording was found"):
        find_sources(str(DEMO / "nothing*.hea"))


def test_an_object_store_is_listed_and_fetched_record_by_record(tmp_path: Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    for file in DEMO.glob("207_flutter.*"):
        store.pipe(f"/bucket/holters/{file.name}", file.read_bytes())
    (source,) = find_sources("memory://bucket/holters")
    assert source.record == "207_flutter"
    with at_hand(source, limit_bytes=10**6) as path:
        assert path.with_suffix(".dat").read_bytes() == (DEMO / "207_flutter.dat").read_bytes()
    assert not path.exists()
    assert process(source, str(tmp_path), RECORDING_NETWORK) == [("207_flutter", "analysed", "")]
    with pytest.raises(EcgError, match="larger than"), at_hand(source, limit_bytes=1000):
        pass


def test_a_store_without_its_package_is_named() -> None:
    with pytest.raises(IntakeError, match="nosuch"):
        find_sources("nosuch://bucket/x")


def test_a_scheduler_that_does_not_answer_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No Dask scheduler answers"):
        run_archive(str(DEMO), tmp_path, scheduler="tcp://127.0.0.1:9")


def test_the_command_says_what_was_done(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    direct(archive, tmp_path / "tables")
    assert main(["batch", str(archive), "--output", str(tmp_path / "tables"), "--workers", "1"]) == 3
    told = capsys.readouterr()
    assert told.out.startswith("1 refused, 3 skipped; 4 rows in ")
    assert told.err.startswith("broken: ")


@pytest.mark.slow
def test_workers_that_are_killed_change_no_byte(tmp_path: Path) -> None:
    """Each second a worker of a running batch is killed; the tables are those of a quiet run."""
    quiet, shot = tmp_path / "quiet", tmp_path / "shot"
    run_archive(str(DEMO), quiet, workers=1)
    command = [sys.executable, "-m", "pipeline", "batch", str(DEMO), "--output", str(shot), "--workers", "2"]
    for _ in range(20):
        running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while running.poll() is None:
            time.sleep(3.0)
            for child in children(running.pid)[-1:]:
                os.kill(child, signal.SIGKILL)
        if content(shot) == content(quiet):
            break
    assert content(shot) == content(quiet)


def children(process_id: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(process_id)], capture_output=True, text=True, check=False).stdout
    return [int(line) for line in found.split()]


def test_the_demo_is_a_source() -> None:
    assert find_sources(str(demo_path()))[0] == Source("208_excerpt", str(demo_path()))


def test_two_recordings_of_one_archive_that_are_called_the_same_are_two(tmp_path: Path) -> None:
    for name in ("207_flutter", "219_fibrillation"):
        recording = read_path(DEMO / f"{name}.hea")
        write_recording(recording, tmp_path / f"{name}.edf")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.write(tmp_path / "207_flutter.edf", "a.edf")
        archive.write(tmp_path / "219_fibrillation.edf", "b/a.bdf")
    done = process(Source("two", str(tmp_path / "two.zip")), str(tmp_path / "tables"), RECORDING_NETWORK)
    assert [status for _, status, _ in done] == ["analysed", "analysed"]
    assert len({record for record, _, _ in done}) == 2


def test_a_bad_file_in_an_archive_has_a_line_of_its_own_and_stops_nothing(tmp_path: Path) -> None:
    write_recording(read_path(DEMO / "207_flutter.hea"), tmp_path / "a.edf")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.write(tmp_path / "a.edf", "a.edf")
        archive.writestr("bad.edf", (tmp_path / "a.edf").read_bytes()[:300])
    done = process(Source("two", str(tmp_path / "two.zip")), str(tmp_path / "tables"), RECORDING_NETWORK)
    assert [(record, status) for record, status, _ in done] == [("two", "analysed"), ("two-bad_edf", "refused")]
    line = read_line("two-bad_edf", tmp_path / "tables")
    assert line is not None
    assert line.reason.startswith("bad.edf was not read: The EDF file ends within its header")
