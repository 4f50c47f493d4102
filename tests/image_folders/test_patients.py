"""A folder whose manifest names patients is divided by them; where that cannot be, it is said what it costs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.image_folders.copies import copy_groups, find_copies, verdict
from pipeline.image_folders.dataset import FolderDataset, read_folder
from pipeline.image_folders.patients import joined, patient_notice, with_notice
from pipeline.image_folders.training_set import Division, FolderPlan, divide
from tests.helpers.runs import draw_folder

PLAN = FolderPlan()


def with_manifest(folder: Path, patients: int) -> Path:
    """Give each picture a patient, of whom each has both classes, in the manifest that `images` writes."""
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["picture", "record", "patient"])
        for picture in sorted(folder.glob("**/*.png")):
            number = int(picture.stem) // 2 % patients
            table.writerow([picture.relative_to(folder).as_posix(), f"r{number}", f"p{number}"])
    return folder


def divided(folder: Path, plan: FolderPlan = PLAN) -> tuple[FolderDataset, Division]:
    dataset = read_folder(folder)
    return dataset, divide(dataset, copy_groups(dataset), plan)


def whose(dataset: FolderDataset, division: Division) -> list[set[str]]:
    parts = (division.train, division.validation, division.test)
    return [{dataset.pictures[i].patient for i in rows} for rows in parts]


def notice(dataset: FolderDataset, division: Division) -> str:
    parts = (division.train, division.validation, division.test)
    return patient_notice(dataset, parts, by_patient=division.by_patient)


@pytest.mark.parametrize("patients", [3, 8, 12])
def test_nobody_is_in_two_parts_and_every_class_in_each(tmp_path: Path, patients: int) -> None:
    dataset, division = divided(with_manifest(draw_folder(tmp_path / "d"), patients))
    train, validation, test = whose(dataset, division)
    assert division.by_patient
    assert train
    assert validation
    assert test
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert division.train.size + division.validation.size + division.test.size == 48
    for rows in (division.train, division.validation, division.test):
        assert {dataset.pictures[i].class_name for i in rows} == {"high", "low"}
    said = notice(dataset, division)
    assert said.startswith(f"Divided by patient, as manifest.csv names them: {len(train)} to train on")
    assert "nobody is in two parts" in said


@pytest.mark.parametrize("patients", [1, 2])
def test_too_few_patients_are_divided_at_random_with_a_warning_of_what_it_costs(tmp_path: Path, patients: int) -> None:
    dataset, division = divided(with_manifest(draw_folder(tmp_path / "d"), patients))
    assert not division.by_patient
    found = with_notice(verdict(dataset, find_copies(dataset)), notice(dataset, division))
    assert found.severity == "leak"
    assert found.sentences[0].startswith(f"Leakage: {patients} of the {patients} patients tested on are in the train")
    assert "promise nothing for new ones" in found.sentences[0]
    assert f"{patients} {'patient is' if patients == 1 else 'patients are'} too few" in found.sentences[0]
    assert not any("nothing leaks" in sentence for sentence in found.sentences)


def test_a_class_that_no_patient_could_be_trained_on_is_divided_at_random(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "d")
    rows = [["picture", "patient"]]
    for name in ("high", "low", "odd"):
        (folder / name).mkdir(exist_ok=True)
    for picture in sorted((folder / "low").glob("*.png"))[:12]:
        picture.rename(folder / "odd" / picture.name)
    rows += [[f.relative_to(folder).as_posix(), f.parent.name] for f in sorted(folder.glob("*/*.png"))]
    (folder / "manifest.csv").write_text("\n".join(",".join(row) for row in rows))
    dataset, division = divided(folder)
    assert not division.by_patient
    assert notice(dataset, division).startswith("Leakage: 3 of the 3 patients")


def test_parts_of_its_own_are_kept_and_patients_in_two_of_them_are_said(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "d")
    for part in ("train", "test"):
        (folder / part).mkdir()
    for name in ("high", "low"):
        (folder / name).rename(folder / "train" / name)
        (folder / "test" / name).mkdir()
        for picture in sorted((folder / "train" / name).glob("1?.png")):
            picture.rename(folder / "test" / name / picture.name)
    dataset, division = divided(with_manifest(folder, 6))
    assert division.own_test
    assert not division.by_patient
    said = notice(dataset, division)
    assert said.startswith("Leakage: ")
    assert "too few" not in said


def test_validation_beside_a_test_part_of_its_own_is_of_other_patients(tmp_path: Path) -> None:
    folder = with_manifest(draw_folder(tmp_path / "d"), 6)
    lines = (folder / "manifest.csv").read_text().replace("high/", "train/high/").replace("low/", "train/low/")
    (folder / "manifest.csv").write_text(lines)
    (folder / "train").mkdir()
    for name in ("high", "low"):
        (folder / name).rename(folder / "train" / name)
        (folder / "test" / name).mkdir(parents=True)
        first = sorted((folder / "train" / name).glob("*.png"))[0]
        first.rename(folder / "test" / name / first.name)
    dataset, division = divided(folder)
    train, validation, _ = whose(dataset, division)
    assert division.own_test
    assert validation
    assert not (train & validation) - {""}


def test_without_patients_in_a_manifest_nothing_is_said_and_copies_alone_are_kept_together(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "d")
    (folder / "manifest.csv").write_text("path,class\nhigh/1.png,high\n")
    dataset, division = divided(folder)
    assert (notice(dataset, division), division.by_patient) == ("", False)
    assert np.array_equal(joined(dataset, copy_groups(dataset)), copy_groups(dataset))


def test_pictures_that_the_manifest_lacks_are_counted(tmp_path: Path) -> None:
    folder = with_manifest(draw_folder(tmp_path / "d"), 8)
    (folder / "high" / "1.png").rename(folder / "high" / "renamed.png")
    dataset, division = divided(folder)
    assert "Of 1 pictures, manifest.csv does not say whose they are" in notice(dataset, division)
