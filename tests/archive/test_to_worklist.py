"""The worklist takes what an archive's run found: the most urgent first, with the run's own analyses."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from pipeline.archive.sources import find_sources, source_at
from pipeline.archive.tables import ANALYSES, write_summary
from pipeline.archive.to_worklist import fill_worklist
from pipeline.archive.worker import process
from pipeline.cli import main
from pipeline.config import RECORDING_NETWORK, ROOT
from pipeline.errors import IntakeError
from pipeline.store.recordings import is_stored
from pipeline.store.studies import stored_analysis, worklist

DEMO = ROOT / "data" / "demo"


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `batch` writes of two recordings and a broken one, and an empty home."""
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    folder, output = tmp_path / "archive", tmp_path / "tables"
    folder.mkdir()
    for name in ("207_flutter", "219_fibrillation"):
        for file in DEMO.glob(f"{name}.*"):
            shutil.copy(file, folder)
    (folder / "broken.hea").write_text("nonsense")
    for source in find_sources(str(folder)):
        process(source, str(output), RECORDING_NETWORK)
    write_summary(output)
    return output


def test_the_most_urgent_recording_comes_first_with_the_analysis_of_the_run(tables: Path) -> None:
    assert fill_worklist(tables, most=1).counts == {"made": 1}
    (study,) = worklist().studies
    summary = pd.read_parquet(tables / "summary.parquet").iloc[0]
    assert (study.record, study.digest) == (summary["record"], summary["digest"])
    assert is_stored(study.digest)
    assert len(stored_analysis(study.id).sample) == summary["beats"]
    assert fill_worklist(tables).counts == {"known": 1, "made": 1}
    assert worklist().total == 2


def test_only_urgent_recordings_are_taken_if_asked(tables: Path) -> None:
    summary = pd.read_parquet(tables / "summary.parquet")
    urgent = int(((summary["urgent"] != "") & (summary["status"] == "analysed")).sum())
    assert fill_worklist(tables, urgent_only=True).counts == {"made": urgent}


def test_a_changed_file_and_a_lost_analysis_are_refused_with_a_sentence(tables: Path) -> None:
    (tables / ANALYSES / "207_flutter.npz").write_bytes(b"half")
    header = tables.parent / "archive" / "219_fibrillation.hea"
    header.write_text(header.read_text() + "# changed\n")
    filled = fill_worklist(tables)
    assert filled.counts == {"refused": 2}
    told = dict(filled.refused)
    assert "missing or damaged" in told["207_flutter"]
    assert "not the one that was analysed" in told["219_fibrillation"]
    assert worklist().total == 0


def test_the_command_says_what_it_did(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worklist", str(tables)]) == 0
    assert capsys.readouterr().out == "2 on the worklist, 0 were there before, 0 refused\n"
    assert main(["worklist", str(tables.parent)]) == 3
    assert "holds no summary.parquet" in capsys.readouterr().err


def test_a_folder_without_a_summary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="name what `batch` wrote"):
        fill_worklist(tmp_path)


def test_a_place_in_a_store_is_found_again_with_all_its_files(tmp_path: Path) -> None:
    for file in DEMO.glob("207_flutter.*"):
        shutil.copy(file, tmp_path)
    place = (tmp_path / "207_flutter.hea").as_uri()
    found = source_at(place)
    assert found.place == place
    assert {Path(file).suffix for file in found.files} == {".hea", ".dat", ".atr"}


def test_a_bad_member_of_an_archive_keeps_none_of_its_recordings_from_the_worklist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    folder, output = tmp_path / "archive", tmp_path / "tables"
    folder.mkdir()
    with zipfile.ZipFile(folder / "all.zip", "w") as packed:
        for file in DEMO.glob("207_flutter.*"):
            packed.write(file, file.name)
        packed.writestr("inner.zip", b"PK\x03\x04nope")
    (source,) = find_sources(str(folder))
    process(source, str(output), RECORDING_NETWORK)
    write_summary(output)
    assert fill_worklist(output).counts == {"made": 1}
    assert worklist().total == 1
