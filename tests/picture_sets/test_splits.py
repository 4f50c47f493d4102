"""No patient is in two parts unless that was asked for, and then it is said what it costs."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from models.registry import WEIGHTS
from pipeline.datasets.patients import StatedFacts, patient_of, read_cinc2017, read_patients, read_ptbxl
from pipeline.datasets.splits import DS1, DS2
from pipeline.errors import DataError
from pipeline.evaluation.saved import evaluation_file, read_evaluation
from pipeline.picture_sets.options import PictureSetOptions, checked
from pipeline.picture_sets.random_split import what_it_costs
from pipeline.picture_sets.sources import Source, find_sources
from pipeline.picture_sets.splits import divide
from tests.helpers.records import write_record


def mitdb(*names: str) -> list[Source]:
    return [Source(Path(f"mitdb/{name}.hea"), name, "mitdb", patient_of("mitdb", name)) for name in names]


def options(**asked) -> PictureSetOptions:
    return checked(PictureSetOptions(**asked))


def test_ds1_trains_and_ds2_tests_without_the_man_who_is_in_both_and_without_the_paced():
    division = divide(mitdb(*DS1, *DS2, "102", "217"), options(split="ds1ds2"))
    assert {record for record, part in division.part.items() if part == "test"} == set(DS2)
    trained = {record for record, part in division.part.items() if part in ("train", "val")}
    assert trained == set(DS1) - {"201"}
    assert {record for record, part in division.part.items() if part == "val"} == {"114", "116", "203", "220", "223"}
    assert any("201 (DS1) is left out: it is of the same man as 202" in notice for notice in division.notices)
    assert any("102, 217" in notice for notice in division.notices)


def test_a_record_of_the_same_man_trains_where_he_is_not_tested():
    assert divide(mitdb("201", "100"), options(split="ds1ds2")).part == {"201": "train", "100": "test"}


def test_other_databases_have_no_ds1():
    with pytest.raises(DataError, match="'800' is not of the MIT-BIH Arrhythmia Database"):
        divide([Source(Path("svdb/800.hea"), "800", "svdb", "svdb/800")], options(split="ds1ds2"))


@pytest.mark.parametrize("seed", range(4))
def test_a_patient_is_in_one_part(seed):
    sources = [Source(Path(f"{i}.hea"), str(i), "", f"p{i // 3}") for i in range(40)]
    division = divide(sources, options(split="patient", seed=seed))
    parts = defaultdict(set)
    for source in sources:
        parts[source.patient].add(division.part[source.record])
    assert all(len(found) == 1 for found in parts.values())
    assert set.union(*parts.values()) == {"train", "val", "test"}
    assert divide(sources, options(split="patient", seed=seed)).part == division.part


def test_classes_are_spread_over_the_parts(tmp_path):
    """Of 12 patients 4 have wide beats: in each part there is one of them, and in all there are both classes."""
    import wfdb

    for i in range(12):
        write_record(tmp_path, f"r{i}", seed=i, seconds=20)
        if i % 3:
            beats = wfdb.rdann(str(tmp_path / f"r{i}"), "atr")
            wfdb.wrann(f"r{i}", "atr", beats.sample, ["N"] * beats.sample.size, write_dir=str(tmp_path))
    division = divide(find_sources([str(tmp_path)]), options(split="patient"))
    assert {division.part[f"r{i}"] for i in (0, 3, 6, 9)} == {"train", "val", "test"}
    assert division.notices == ()


def test_a_class_that_too_few_patients_have_is_named(tmp_path):
    import wfdb

    for i in range(4):
        write_record(tmp_path, f"r{i}", seed=i, seconds=20)
        beats = wfdb.rdann(str(tmp_path / f"r{i}"), "atr")
        symbols = ["F" if i == 0 and k == 0 else "N" for k in range(beats.sample.size)]
        wfdb.wrann(f"r{i}", "atr", beats.sample, symbols, write_dir=str(tmp_path))
    notices = divide(find_sources([str(tmp_path)]), options(split="patient")).notices
    assert len(notices) == 1
    assert notices[0].count("F in ") == 2


@pytest.mark.parametrize("patients", [1, 2])
def test_a_split_inside_patients_is_refused(patients):
    sources = [Source(Path(f"{i}.hea"), str(i), "", f"p{i % patients}") for i in range(8)]
    with pytest.raises(DataError, match="a split inside a patient tests on people that were trained on"):
        divide(sources, options(split="patient"))


def test_a_random_split_divides_the_pictures_of_a_patient():
    division = divide(mitdb("100"), options(random_split=True))
    parts = [division.of("100", sample) for sample in range(4000)]
    assert {part: round(parts.count(part) / 4000, 1) for part in set(parts)} == {"train": 0.7, "val": 0.1, "test": 0.2}
    assert parts == [division.of("100", sample) for sample in range(4000)]


def test_the_cost_of_a_random_split_is_the_measured_one():
    found = read_evaluation(evaluation_file("vgg16", "ds2", WEIGHTS))
    said = what_it_costs()
    for report in (found.random_split, found.reference):
        assert f"{report.overall['F_f1'].value:.3f}" in said
        assert f"{report.overall['S_f1'].value:.3f}" in said
    assert what_it_costs(Path("nowhere")).endswith("not how well new ones are read.")


def test_patients_of_public_databases():
    assert patient_of("mitdb", "201") == patient_of("mitdb", "202") != patient_of("mitdb", "203")
    assert patient_of("nstdb", "118e_6") == patient_of("mitdb", "118") == patient_of("qtdb", "sel118")
    assert patient_of("qtdb", "sel808") == patient_of("svdb", "808")
    assert patient_of("qtdb", "sel30") == "qtdb/sel30"
    assert patient_of("", "own") == "own"


def test_ptbxl_states_its_patients_and_rhythms(tmp_path):
    codes = "\"{'NORM': 100.0, 'SR': 0.0, 'AFIB': 0.0}\""
    files = "records100/00000/00001_lr,records500/00000/00001_hr"
    table = f"ecg_id,patient_id,scp_codes,filename_lr,filename_hr\n1,15709.0,{codes},{files}\n"
    (tmp_path / "ptbxl_database.csv").write_text(table)
    facts = StatedFacts("ptbxl/15709", "AFIB")
    assert read_ptbxl(tmp_path) == {"00001_lr": facts, "00001_hr": facts}
    assert read_ptbxl(tmp_path / "nowhere") == {}


def test_the_challenge_of_2017_states_the_rhythm_of_strips(tmp_path):
    (tmp_path / "REFERENCE.csv").write_text("A1,N\nA2,A\nA3,O\n")
    for name in ("A1", "A2", "A3"):
        (tmp_path / f"{name}.hea").write_text("")
    assert {name: facts.rhythm for name, facts in read_cinc2017(tmp_path).items()} == {
        "A1": "N",
        "A2": "AFIB",
        "A3": None,
    }
    assert read_cinc2017(tmp_path / "nowhere") == {}


def test_a_table_of_patients_says_which_recordings_are_of_one(tmp_path):
    for name in "abcd":
        write_record(tmp_path, name, seconds=20)
    table = tmp_path.parent / f"{tmp_path.name}.csv"
    table.write_text("record,patient\na,Müller 1\nb,Müller 1\n", "utf-8")
    sources = find_sources([str(tmp_path)], patients=read_patients(table))
    assert [source.patient for source in sources] == ["Müller 1", "Müller 1", "c", "d"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("record,patient\na,1\na,2\n", "gives record 'a' to two patients"),
        ("record,patient\na\n", "has a line without a record and a patient"),
        ("record,patient\nz,1\n", "names record 'z', which is not among the recordings"),
    ],
)
def test_a_wrong_table_of_patients_is_refused(tmp_path, text, message):
    write_record(tmp_path, "a", seconds=20)
    table = tmp_path.parent / f"{tmp_path.name}.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=message):
        find_sources([str(tmp_path)], patients=read_patients(table))


def test_the_manifest_says_whose_a_picture_is(tmp_path):
    from pipeline.picture_sets.making import make_picture_set

    folder = tmp_path / "mitdb"
    folder.mkdir()
    for number, name in enumerate(("201", "202", "100", "101", "103")):
        write_record(folder, name, seed=number, seconds=20)
    make_picture_set(find_sources([str(folder)]), options(split="patient"), tmp_path / "o", load=lambda: None)
    with (tmp_path / "o" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["patient"] for row in rows if row["record"] in ("201", "202")} == {"mitdb/201"}
    assert len({row["split"] for row in rows if row["patient"] == "mitdb/201"}) == 1


def test_the_demo_is_a_part_of_record_208():
    from pipeline.datasets import demo_path

    (source,) = find_sources([str(demo_path())])
    assert (source.database, source.patient) == ("mitdb", "mitdb/208")
    assert divide([source], options(split="ds1ds2")).part == {source.record: "train"}


@pytest.fixture
def one_man(tmp_path) -> Path:
    """Records 201 and 202, which are of one man, and 100, as a folder of MIT-BIH."""
    folder = tmp_path / "mitdb"
    folder.mkdir()
    for number, name in enumerate(("201", "202", "100")):
        write_record(folder, name, seed=number, seconds=20)
    return folder


def made_of(folder: Path, *names: str, patients=None, **asked) -> list[dict[str, str]]:
    """Make pictures of some records into the folder `o` beside theirs, and return the manifest."""
    from pipeline.picture_sets.making import make_picture_set

    output = folder.parent / "o"
    sources = find_sources([str(folder / f"{name}.hea") for name in names], patients=patients)
    make_picture_set(sources, options(**asked), output, load=lambda: None)
    with (output / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_what_an_earlier_run_made_of_a_record_that_is_left_out_now_goes(one_man):
    assert {row["record"] for row in made_of(one_man, "201", split="ds1ds2")} == {"201"}
    rows = made_of(one_man, "201", "202", split="ds1ds2")
    assert {(row["record"], row["split"]) for row in rows} == {("202", "test")}
    there = {file.relative_to(one_man.parent / "o").as_posix() for file in (one_man.parent / "o").rglob("*.png")}
    assert there == {row["picture"] for row in rows}


@pytest.mark.parametrize(("first", "second"), [("201", "202"), ("202", "201")])
def test_a_man_whom_an_earlier_run_put_into_another_part_is_refused_and_all_stays(one_man, first, second):
    before = made_of(one_man, first, split="ds1ds2")
    with pytest.raises(DataError, match=rf"Record '{second}' would be in \w+, but it is of the same patient as"):
        made_of(one_man, second, split="ds1ds2")
    assert made_of(one_man, first, split="ds1ds2") == before
    assert len(list((one_man.parent / "o").rglob("*.png"))) == len(before)


def test_a_table_of_patients_cannot_put_one_into_ds1_and_ds2(one_man):
    with pytest.raises(DataError, match="'100' would be in test, but it is of the same patient as '201'"):
        made_of(one_man, "201", "100", split="ds1ds2", patients={"201": "x", "100": "x"})
    assert not (one_man.parent / "o").exists()


def test_a_patient_who_is_named_later_is_in_the_manifest(one_man):
    assert {row["patient"] for row in made_of(one_man, "100")} == {"mitdb/100"}
    assert {row["patient"] for row in made_of(one_man, "100", patients={"100": "x"})} == {"x"}


def test_a_recording_that_is_found_under_another_name_is_not_there_twice(one_man):
    from pipeline.picture_sets.making import make_picture_set

    made_of(one_man, "100")
    output = one_man.parent / "o"
    card = make_picture_set(find_sources([str(one_man.parent)]), options(), output, load=lambda: None)
    assert card.records == 3
    with (output / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["record"] for row in rows} == {"mitdb/100", "mitdb/201", "mitdb/202"}
    assert len(list(output.rglob("*.png"))) == len(rows)
