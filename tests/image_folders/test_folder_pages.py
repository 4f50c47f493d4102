"""A folder of 12-lead pages is recognised, redrawn, and divided by patient."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline._util.progress import no_progress
from pipeline.errors import DataError, IntakeError
from pipeline.image_folders import pages
from pipeline.image_folders.dataset import FolderDataset, read_folder
from pipeline.image_folders.pages import draw_pages, looks_like_pages, read_pages, redrawn, with_patients
from pipeline.image_folders.training_set import FolderPlan, divide, labels, prepare, seen_by
from tests.helpers.printed_page import known_page

PAGES = {"fast": (0.45, 0.5, 0.55), "slow": (0.9, 0.95, 1.05)}  # RR intervals, s


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> FolderDataset:
    root = tmp_path_factory.mktemp("pages")
    for name, intervals in PAGES.items():
        (root / name).mkdir()
        for number, rr_s in enumerate(intervals):
            cv2.imwrite(str(root / name / f"{10 * number}.png"), known_page(rr_s=rr_s, gain=1 + number / 2))
    return read_folder(root)


def test_pages_are_redrawn_unless_the_plan_forbids_it(dataset: FolderDataset) -> None:
    assert looks_like_pages(dataset)
    found = prepare(dataset, FolderPlan())
    assert found.plan.reads == "pages"
    assert found.pictures.shape == (6, 96, 96, 3)
    assert found.variants is not None
    assert found.variants.shape == (1 + pages.VARIANTS, 6, 96, 96, 3)
    assert np.array_equal(found.variants[0], found.pictures)
    assert not np.array_equal(found.variants[1], found.variants[2])
    plain = prepare(dataset, FolderPlan(reads="pictures"))
    assert (plain.plan.reads, plain.variants) == ("pictures", None)
    assert plain.pictures.shape[1:] == (64, 128, 3)


def test_one_picture_is_seen_as_in_training(dataset: FolderDataset) -> None:
    found = prepare(dataset, FolderPlan(augmentation=0))
    pixels = cv2.cvtColor(cv2.imread(str(dataset.files[2])), cv2.COLOR_BGR2RGB)
    assert np.array_equal(seen_by(pixels, (96, 96, 3), "pages"), found.pictures[2])
    with pytest.raises(IntakeError):
        seen_by(np.full((556, 949, 3), 255, np.uint8), (96, 96, 3), "pages")


def test_random_drawings_repeat(dataset: FolderDataset) -> None:
    beats = read_pages(dataset, no_progress).beats[:2]
    assert np.array_equal(draw_pages(beats, 3), draw_pages(beats, 3))
    assert not np.array_equal(draw_pages(beats, 3), draw_pages(beats, 4))
    assert np.array_equal(draw_pages(beats)[0], redrawn(known_page(rr_s=0.45)))


def test_a_page_that_cannot_be_read_is_named_and_many_refuse_the_folder(
    dataset: FolderDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((556, 949, 3), 255, np.uint8))
    spoilt = replace(dataset, files=(*dataset.files[:-1], blank))
    assert not looks_like_pages(spoilt)
    with pytest.raises(DataError, match=r"1 of 6 pictures cannot be read as 12-lead pages, the first is 'slow/20.png'"):
        read_pages(spoilt, no_progress)
    monkeypatch.setattr(pages, "READABLE", 0.8)
    kept = read_pages(spoilt, no_progress)
    assert len(kept.dataset.pictures) == len(kept.dataset.files) == len(kept.beats) == len(kept.dataset.prints) == 5
    assert [refused.path for refused in kept.dataset.refused] == ["slow/20.png"]


def test_pages_that_look_like_one_patient_join_groups_of_copies(dataset: FolderDataset) -> None:
    found = read_pages(dataset, no_progress)
    alike = with_patients(found, np.array([0, 1, 2, 3, 4, 4]), labels(dataset))
    assert alike[4] == alike[5]
    assert len(set(alike[:4].tolist())) <= 4
    with pytest.raises(DataError, match="none left to be trained on"):
        divide(dataset, np.zeros(6, np.int64), FolderPlan())
