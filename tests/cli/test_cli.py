"""The command line: its contract, its exit codes, and one sentence for each refusal. No TensorFlow here."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import wfdb

import pipeline
from models import registry
from models.beat_image_heads import head_manifest
from models.errors import ModelError
from pipeline import cli
from pipeline.config import PICTURE_NETWORK, RECORDING_NETWORK
from pipeline.intake.formats.table import FORMATS
from tests.helpers import hospital_files
from tests.helpers.stand import Stand, StandManifest
from tests.helpers.twelve_lead_ecg import made_ecg
from tests.hostile.make_corpus import draw_beat, encoded, record, table


@pytest.fixture
def stand(monkeypatch):
    def manifest(name):
        if name not in (RECORDING_NETWORK, PICTURE_NETWORK):
            raise ModelError(f"There is no trained network {name!r}; there are vgg16.")
        return StandManifest()

    monkeypatch.setattr(registry, "manifest", manifest)
    monkeypatch.setattr(registry, "load", lambda name: Stand())


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b"):
        for file, payload in record(name).items():
            (tmp_path / file).write_bytes(payload)
    return tmp_path


def test_analyse_writes_what_was_asked_for_per_record(stand, folder):
    code = cli.main(
        ["analyse", str(folder / "a.hea"), str(folder / "b"), "--output", str(folder / "o"), "--format", "json,csv,atr"]
    )
    assert code == 0
    assert sorted(path.name for path in (folder / "o").iterdir()) == [
        "a.csv",
        "a.hv",
        "a.hvw",
        "a.intervals.csv",
        "a.json",
        "a.rhythm.csv",
        "b.csv",
        "b.hv",
        "b.hvw",
        "b.intervals.csv",
        "b.json",
        "b.rhythm.csv",
    ]
    found = json.loads((folder / "o" / "a.json").read_text())
    assert (found["record"], found["fs"], found["model"], found["duration_s"]) == ("a", 250.0, "vgg16", 30.0)
    assert 35 <= len(found["beats"]) <= 38
    rhythm = [(row["start_s"], row["stop_s"], row["rhythm"]) for row in found["rhythm"]]
    assert (rhythm[0][0], rhythm[-1][1]) == (0.0, 30.0)
    table = (folder / "o" / "a.rhythm.csv").read_text("utf-8").splitlines()
    assert len(table) == 1 + len(rhythm)
    told = wfdb.rdann(str(folder / "o" / "a"), "hv")
    changes = [note for symbol, note in zip(told.symbol, told.aux_note, strict=True) if symbol == "+"]
    assert changes == [f"({code}" for *_, code in rhythm]


def test_a_refused_record_is_one_sentence_and_the_others_are_done(stand, folder, capsys):
    (folder / "a.dat").write_bytes(b"\x89PNG\r\n\x1a\n")
    code = cli.main(["analyse", str(folder / "a.hea"), str(folder / "b.hea"), "--output", str(folder / "o")])
    said = capsys.readouterr()
    assert code == 3
    assert said.out == ""
    assert said.err == "a.hea: The signal file is a PNG picture, not WFDB samples.\n"
    assert [path.name for path in (folder / "o").iterdir()] == ["b.json"]


def test_a_folder_gives_every_recording_in_it_and_in_the_folders_in_it(stand, folder, capsys):
    (folder / "scans").mkdir()
    (folder / "scans" / "c.dcm").write_bytes(hospital_files.dicom(hospital_files.counts()))
    (folder / "scans" / "d").write_bytes(hospital_files.scp(hospital_files.counts()))
    (folder / "scans" / "e.xml").write_bytes(hospital_files.sierra(hospital_files.counts(), version="1.05"))
    (folder / "README.md").write_text("nothing to read")
    assert cli.main(["analyse", str(folder), "--output", str(folder / "o")]) == 3
    assert sorted(path.name for path in (folder / "o").iterdir()) == ["a.json", "b.json", "c.json", "d.json"]
    said = capsys.readouterr().err.strip().splitlines()
    assert [line.split(":")[0] for line in said] == ["e.xml"]
    assert "another version" in said[0]


def test_an_archive_of_many_kinds_gives_every_recording_in_it(stand, folder):
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for name in ("a.hea", "a.dat", "a.atr"):
            archive.write(folder / name, name)
        archive.writestr("more/m.xml", hospital_files.muse(hospital_files.counts(8)))
    assert cli.main(["analyse", str(folder / "all.zip"), "--output", str(folder / "o")]) == 0
    assert sorted(path.name for path in (folder / "o").iterdir()) == ["a.json", "m.json"]


@pytest.mark.parametrize("payload", [b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_a_page_of_paper_is_shown_the_way(tmp_path, capsys, payload):
    (tmp_path / "watch.pdf").write_bytes(payload + bytes(100))
    for command in (["analyse"], ["convert", "--to", "csv"], ["report"]):
        target = [str(tmp_path / "x.csv")] if command[0] == "convert" else []
        assert cli.main([*command, str(tmp_path / "watch.pdf"), *target]) == 3
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "not a recording: the page 12-lead page reads it, on the command line `page`." in said


def test_an_archive_is_analysed_although_some_of_its_files_cannot_be(stand, folder, capsys):
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for name in ("a.hea", "a.dat", "a.atr"):
            archive.write(folder / name, name)
        archive.writestr("bad.xml", hospital_files.muse(hospital_files.counts(8))[:900])
        archive.writestr("short.xml", hospital_files.muse(hospital_files.counts(8, 2.0)))
    assert cli.main(["analyse", str(folder / "all.zip"), "--output", str(folder / "o")]) == 3
    assert [path.name for path in (folder / "o").iterdir()] == ["a.json"]
    said = capsys.readouterr().err.strip().splitlines()
    assert said[0].startswith("all.zip: bad.xml was not read: The GE MUSE XML file")
    assert said[1].startswith("all.zip: short was not analysed: ")
    assert len(said) == 2


def test_an_archive_in_a_folder_is_opened_and_says_what_it_took_tables_for(stand, tmp_path, capsys):
    (tmp_path / "in" / "more").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "in" / "more" / "all.ZIP", "w") as archive:
        archive.writestr("t.csv", table(rows=6000))
        archive.writestr("notes.doc", b"hello")
    asked = ["analyse", str(tmp_path / "in"), "--fs", "250", "--unit", "mV", "--output", str(tmp_path / "o")]
    assert cli.main(asked) == 0
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["t.json"]
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert said.startswith("all.ZIP: t: Read MLII, V5 at 250 Hz")
    assert said.endswith("Files of no known kind in the archive were not read: notes.")


def test_the_recorders_own_reading_is_in_the_json_beside_ours(stand, tmp_path):
    (tmp_path / "m.xml").write_bytes(hospital_files.muse(np.round(made_ecg() * 200).astype(np.int64)))
    assert cli.main(["analyse", str(tmp_path / "m.xml"), "--output", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "m.json").read_text("utf-8"))
    assert found["device"]["device"] == "MAC55"
    assert found["device"]["statements"] == ["Normal sinus rhythm"]
    (pr,) = [row for row in found["device"]["measurements"] if row["name"] == "PR"]
    assert (pr["value"], pr["unit"]) == (160.0, "ms")
    assert pr["ours"] == pytest.approx(found["intervals"]["PR"]["median"], abs=0.05)
    assert pr["difference"] == pytest.approx(pr["ours"] - 160.0, abs=0.11)
    assert "patient" not in found
    assert hospital_files.NAME not in json.dumps(found)


def test_recordings_of_one_name_in_different_places_overwrite_nothing(stand, folder, capsys):
    for place in ("x", "y"):
        (folder / place).mkdir()
        (folder / place / "c.scp").write_bytes(hospital_files.scp(hospital_files.counts()))
    assert cli.main(["analyse", str(folder / "x"), str(folder / "y"), "--output", str(folder / "o")]) == 3
    assert "Another recording of this call is called 'c'" in capsys.readouterr().err
    assert [path.name for path in (folder / "o").iterdir()] == ["c.json"]


def test_an_empty_folder_and_a_file_of_no_known_kind_are_refused_by_what_they_are(stand, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    (tmp_path / "x.bin").write_bytes(b"hello")
    (tmp_path / "page.xml").write_bytes(b'<?xml version="1.0"?><page/>')
    for name, says in (("none", "holds no recording"), ("x.bin", "no known kind"), ("page.xml", "XML or SVG document")):
        assert cli.main(["analyse", str(tmp_path / name)]) == 3
        assert says in capsys.readouterr().err


def test_the_help_of_what_reads_recordings_lists_their_formats(capsys):
    for command in ("analyse", "report", "images", "evaluate"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        said = " ".join(capsys.readouterr().out.split())
        assert all(each.name in said for each in FORMATS)
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    assert FORMATS[0].name not in capsys.readouterr().out


def test_a_csv_that_says_neither_needs_its_sampling_frequency_and_unit(stand, tmp_path, capsys):
    path = tmp_path / "r.csv"
    path.write_bytes(table())
    assert cli.main(["analyse", str(path), "--output", str(tmp_path)]) == 3
    assert "give both --fs and --unit" in capsys.readouterr().err
    assert cli.main(["analyse", str(path), "--output", str(tmp_path), "--fs", "250", "--unit", "mV"]) == 0
    assert json.loads((tmp_path / "r.json").read_text())["leads"] == ["MLII", "V5"]


def test_a_csv_that_says_all_needs_nothing_and_the_reader_may_choose_its_columns(stand, tmp_path, capsys):
    path = tmp_path / "r.csv"
    rows = [f"{i * 4},{a}" for i, a in enumerate(table().decode().splitlines()[1:])]
    path.write_text("time [ms],MLII [mV],V5 [mV]\n" + "\n".join(rows))
    asked = ["analyse", str(path), "--output", str(tmp_path)]
    assert cli.main(asked) == 0
    said = capsys.readouterr().err
    assert "Read MLII, V5 at 250 Hz (from the time column), in mV." in said
    assert "Columns that were left out: 'time' (by its name and values)." in said
    assert cli.main([*asked, "--column", "V5", "--time-column", "1"]) == 0
    assert json.loads((tmp_path / "r.json").read_text())["leads"] == ["V5"]
    assert cli.main([*asked, "--column", "V6"]) == 3
    assert "has no column 'V6'; it has 1 'time', 2 'MLII', 3 'V5'" in capsys.readouterr().err


def test_the_export_never_overwrites_the_recording(stand, tmp_path, capsys):
    path = tmp_path / "r.csv"
    path.write_bytes(table())
    code = cli.main(["analyse", str(path), "--fs", "250", "--unit", "mV", "--output", str(tmp_path), "--format", "csv"])
    assert code == 3
    assert "would overwrite" in capsys.readouterr().err
    assert path.read_bytes() == table()


def test_two_records_of_one_name_are_bad_use(stand, folder, capsys):
    assert cli.main(["analyse", str(folder / "a.hea"), str(folder / "sub" / "a.hea")]) == 2
    assert "same name" in capsys.readouterr().err


def test_a_dot_in_a_records_name_is_no_ending(stand, tmp_path):
    for name in ("r.1", "r.2"):
        for file, payload in record("r").items():
            (tmp_path / file.replace("r.", f"{name}.")).write_bytes(payload.replace(b"r.dat", f"{name}.dat".encode()))
    assert cli.main(["analyse", str(tmp_path / "r.1"), str(tmp_path / "r.2"), "--output", str(tmp_path / "o")]) == 0
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["r_1.json", "r_2.json"]


def test_two_pages_of_one_name_are_bad_use_and_neither_is_lost(tmp_path, capsys):
    assert cli.main(["page", str(tmp_path / "a" / "p.png"), str(tmp_path / "b" / "p.jpg")]) == 2
    assert "Two pages of this call have the same name" in capsys.readouterr().err


def test_a_network_that_cannot_be_loaded_is_bad_use_and_said_once(stand, folder, capsys, monkeypatch):
    def damaged(name):
        raise ModelError("The weights of network 'vgg16' are damaged or missing: their SHA-256 differs.")

    monkeypatch.setattr(registry, "load", damaged)
    assert cli.main(["analyse", str(folder / "a.hea"), str(folder / "b.hea"), "--output", str(folder / "o")]) == 2
    assert capsys.readouterr().err == "The weights of network 'vgg16' are damaged or missing: their SHA-256 differs.\n"


def test_an_unknown_network_is_bad_use(stand, folder, capsys):
    assert cli.main(["analyse", str(folder / "a.hea"), "--model", "oracle"]) == 2
    assert "no trained network 'oracle'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["analyse"], ["analyse", "x", "--format", "xml"], ["plot", "x.png"], ["report"]),
        *(["page", "x.png", "--page", "0"], ["evaluate", "--model", "cnn", "--stress", "--uncertainty"]),
    ],
)
def test_bad_use_is_exit_code_two(arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "rhythm", "--epochs", "3"], "--epochs does not apply to network 'rhythm', which learns from"),
        (["--model", "pictures", "--epochs", "3"], "--epochs does not apply to the heads for pictures of beats"),
        (["--model", "page", "--without", "201"], "--without does not apply to pictures of a folder"),
        (["--model", "page", "--tune", "2"], "--tune does not apply to pictures of a folder"),
        (["--model", "cnn", "--random-split", "--epochs", "2"], "--epochs does not apply to a random split"),
        (["--model", "cnn", "--tune", "2", "--random-split"], "--random-split does not apply to a search"),
        (["--all", "--pictures", "600"], "--pictures does not apply to --all"),
    ],
)
def test_an_option_that_would_change_nothing_is_bad_use(arguments, message, capsys):
    assert cli.main(["train", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_pictures_are_answered_in_order_and_refusals_keep_their_place(stand, tmp_path, capsys):
    (tmp_path / "good.png").write_bytes(encoded(draw_beat(640, 480)[0]))
    (tmp_path / "blank.png").write_bytes(encoded(np.full((100, 100, 3), 255, np.uint8)))
    names = [str(tmp_path / name) for name in ("blank.png", "good.png", "missing.png")]
    code = cli.main(["picture", *names, "--output", str(tmp_path / "o.json")])
    found = json.loads((tmp_path / "o.json").read_text())
    assert code == 3
    assert [each["picture"] for each in found["pictures"]] == names
    assert [each["status"] for each in found["pictures"]] == ["unclassified", "classified", "unclassified"]
    blank, good, _ = found["pictures"]
    assert list(good) == ["picture", "status", "reason", "class", "p", "abnormal", "threshold", "confidence", "doubts"]
    assert (blank["class"], blank["p"]) == (None, None)
    assert blank["reason"] == "This is not an ECG beat picture: it is blank."
    assert good["class"] == "N"
    assert good["threshold"] == head_manifest().threshold
    assert good["abnormal"] == pytest.approx(1 - good["p"]["N"])
    assert (found["model"], found["version"]) == ("vgg16", "0123456789ab")
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_without_output_the_pictures_go_to_standard_output(stand, tmp_path, capsys):
    (tmp_path / "good.png").write_bytes(encoded(draw_beat(640, 480)[0]))
    assert cli.main(["picture", str(tmp_path / "good.png")]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"][0]["status"] == "classified"


@pytest.mark.parametrize("command", ["analyse", "app", "picture", "train", "evaluate", "data"])
def test_help_explains_each_command_without_loading_anything_heavy(command):
    script = (
        "import sys; from pipeline.cli import main\n"
        f"try: main([{command!r}, '--help'])\n"
        "except SystemExit as stopped: assert stopped.code == 0\n"
        "heavy = {'tensorflow', 'keras', 'pandas', 'wfdb', 'cv2', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "usage: python -m pipeline" in done.stdout


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"heartvision {pipeline.__version__}\n"


def test_an_installed_copy_calls_itself_by_its_own_name(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/heartvision"])
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert capsys.readouterr().out.startswith("usage: heartvision ")


def test_app_starts_the_application_with_its_settings(monkeypatch):
    called, done = [], subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(subprocess, "run", lambda command, **given: called.append((command, given)) or done)
    assert cli.main(["app", "--port", "8600", "--headless"]) == 0
    command, given = called[0]
    assert command[1:4] == ["-m", "streamlit", "run"]
    assert Path(command[4]).name == "main.py"
    assert Path(command[4]).is_file()
    assert command[5:] == ["--server.port=8600", "--server.headless=true"]
    assert (given["cwd"] / ".streamlit" / "config.toml").is_file()


def test_a_record_is_read_by_its_signal_file_and_from_an_archive(stand, folder, capsys):
    with zipfile.ZipFile(folder / "b.zip", "w") as packed:
        for ending in ("hea", "dat"):
            packed.writestr(f"z.{ending}", (folder / f"b.{ending}").read_bytes().replace(b"b.dat", b"z.dat"))
    assert cli.main(["analyse", str(folder / "a.dat"), str(folder / "b.zip"), "--output", str(folder / "o")]) == 0
    assert sorted(path.name for path in (folder / "o").iterdir()) == ["a.json", "z.json"]
    assert cli.main(["analyse", str(folder / "a.dat"), str(folder / "a.hea")]) == 2
    assert "Two recordings of this call have the same name" in capsys.readouterr().err
