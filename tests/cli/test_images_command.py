"""`images`: its contract, its exit codes, and one sentence for each refusal."""

from __future__ import annotations

import csv
import zipfile

import pytest

from pipeline import cli
from tests.helpers.records import write_record


@pytest.fixture
def folder(tmp_path):
    records = tmp_path / "records"
    records.mkdir()
    for number, name in enumerate("abc"):
        write_record(records, name, seed=number, seconds=20)
    return records


def test_the_contract(folder, tmp_path, capsys):
    output = tmp_path / "o"
    assert cli.main(["images", str(folder), "--style", "plain", "--size", "128", "--output", str(output)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == "N 45, V 9"
    assert said.out.splitlines()[1] == f"54 pictures in {output}"
    with (output / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {"picture", "record", "patient", "sample", "label", "split", "predicted"} <= set(rows[0])
    assert sorted(row["picture"] for row in rows) == sorted(
        file.relative_to(output).as_posix() for file in output.rglob("*.png")
    )
    assert (output / "README.md").is_file()
    assert (output / "card.json").is_file()


def test_a_split_makes_folders_of_parts(folder, tmp_path, capsys):
    assert cli.main(["images", str(folder), "--split", "patient", "--output", str(tmp_path / "o")]) == 0
    assert {path.name for path in (tmp_path / "o").iterdir() if path.is_dir()} == {
        "train",
        "val",
        "test",
        ".heartvision",
    }
    assert capsys.readouterr().out.startswith("train: N 15, V 3\nval: N 15, V 3\ntest: N 15, V 3\n")


def test_a_split_inside_a_patient_is_refused_unless_it_is_asked_for(folder, tmp_path, capsys):
    alone = [str(folder / "a.hea"), "--output", str(tmp_path / "o")]
    assert cli.main(["images", *alone, "--split", "patient"]) == 3
    assert "a split inside a patient tests on people that were trained on" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
    assert cli.main(["images", *alone, "--random-split"]) == 0
    assert "Pictures of one patient are in train and test (random split)" in capsys.readouterr().err


def test_an_unreadable_record_is_named_and_the_others_are_made(folder, tmp_path, capsys):
    (folder / "b.dat").write_bytes(b"")
    assert cli.main(["images", str(folder), "--output", str(tmp_path / "o")]) == 3
    said = capsys.readouterr()
    assert "36 pictures" in said.out
    assert said.err.startswith("b: The signal file")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 3, "There is no recording, folder or database 'nowhere'; check the path."),
        (["EMPTY"], 3, "holds no recording (.hea, .csv or another format)"),
        (["FOLDER", "FOLDER/a.hea"], 3, "The recording 'a.hea' is given twice"),
        (["FOLDER", "--size", "8"], 2, "A side of 8 pixels is outside 32 to 2048."),
        (["FOLDER", "--window", "9,9"], 2, "begins or ends 9 s from R is outside 0.1 to 5 s"),
        (["FOLDER", "--style", "model", "--window", "1"], 2, "has a window of its own"),
        (["FOLDER", "--style", "page", "--label", "beat"], 2, "A page shows many beats"),
        (["FOLDER", "--style", "page", "--layout", "5x5"], 2, "There is no layout '5x5'"),
        (
            ["FOLDER", "--style", "paper", "--label", "rhythm", "--size", "224"],
            2,
            "250 mm of paper, for which 224 pixels",
        ),
        (["FOLDER", "--split", "ds1ds2", "--random-split"], 2, "choose one of them"),
        (["FOLDER", "--split", "ds1ds2"], 3, "'a' is not of the MIT-BIH Arrhythmia Database"),
        (["FOLDER", "--lead", "V9"], 3, "The recording has no lead 'V9'; it has 'MLII', 'V1'."),
        (
            ["TABLES"],
            3,
            "r: The CSV file does not say its sampling frequency and unit; state both (on the command line, ",
        ),
        (["TABLES"], 3, "give both --fs and --unit"),
        (["TABLES/r.csv"], 3, "give both --fs and --unit"),
        (["TABLES/r.zip"], 3, "give both --fs and --unit"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(folder, tmp_path, capsys, arguments, code, message):
    (tmp_path / "empty").mkdir()
    tables = tmp_path / "tables"
    tables.mkdir()
    (tables / "r.csv").write_text("time,II\n0,0\n")
    with zipfile.ZipFile(tables / "r.zip", "w") as archive:
        archive.write(tables / "r.csv", "r.csv")
    places = {"FOLDER": str(folder), "EMPTY": str(tmp_path / "empty"), "FOLDER/a.hea": str(folder / "a.hea")}
    places |= {"TABLES": str(tables), "TABLES/r.csv": str(tables / "r.csv"), "TABLES/r.zip": str(tables / "r.zip")}
    asked = [places.get(argument, argument) for argument in arguments]
    assert cli.main(["images", *asked, "--output", str(tmp_path / "o")]) == code
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize(
    "bad", [["--size", "big"], ["--size", "1x2x3"], ["--window", "x"], ["--most", "0"], ["--style", "oil"]]
)
def test_bad_use_is_exit_code_two(folder, tmp_path, bad):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["images", str(folder), "--output", str(tmp_path / "o"), *bad])
    assert stopped.value.code == 2


def test_a_csv_is_drawn_once_its_rate_and_unit_are_given(tmp_path, monkeypatch, capsys):
    from models import registry
    from tests.helpers.records import WidthRule
    from tests.helpers.stand import StandManifest
    from tests.hostile.make_corpus import table

    monkeypatch.setattr(registry, "manifest", lambda name: StandManifest())
    monkeypatch.setattr(registry, "load", lambda name: WidthRule())
    (tmp_path / "r.csv").write_bytes(table())
    asked = ["images", str(tmp_path / "r.csv"), "--output", str(tmp_path / "o")]
    assert cli.main(asked) == 3
    assert "does not say its sampling frequency and unit" in capsys.readouterr().err
    assert cli.main([*asked, "--fs", "250", "--unit", "mV"]) == 0
    assert "with a predicted label (rule 1)" in capsys.readouterr().out
