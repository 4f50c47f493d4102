"""Folders of labelled pictures: what is counted, what is refused, which copies are found and what they mean."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.image_folders.copies import find_copies, verdict
from pipeline.image_folders.dataset import check_data_folder, folder_path, is_folder_dataset, read_folder


def drawing(seed: int, size: int = 80) -> np.ndarray:
    """A black curve of its own on white."""
    rng = np.random.default_rng(seed)
    x = np.linspace(2, size - 3, 30)
    y = np.clip(size / 2 + np.cumsum(rng.normal(0, size / 9, 30)), 3, size - 4)
    paper = np.full((size, size, 3), 255, np.uint8)
    cv2.polylines(paper, [np.stack([x, y], 1).round().astype(np.int32)], False, (0, 0, 0), 2)
    return paper


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    coded = cv2.imencode(path.suffix, picture)[1]
    path.write_bytes(coded.tobytes())


@pytest.fixture
def folder(tmp_path):
    """Four pictures of each of two classes to learn, two of each to test."""
    seed = 0
    for split, number in (("train", 4), ("test", 2)):
        for name in ("normal", "abnormal"):
            for i in range(number):
                seed += 1
                save(tmp_path / split / name / f"{i}.png", drawing(seed))
    return tmp_path


def test_pictures_are_counted_by_split_and_class(folder):
    found = read_folder(folder)
    assert found.splits == ("train", "test")
    assert found.counts("train") == {"abnormal": 4, "normal": 4}
    assert found.counts("test") == {"abnormal": 2, "normal": 2}
    assert found.sizes() == {(80, 80): 12}


@pytest.mark.parametrize(
    ("place", "split", "class_name"),
    [
        ("{c}/1.png", "", "{c}"),
        ("{c}/patient 7/day/1.png", "", "{c}"),
        ("Training/{c}/deep/1.png", "train", "{c}"),
        ("{c}/test/1.png", "test", "{c}"),
        ("unpacked/data/val/{c}/1.png", "validation", "{c}"),
    ],
)
def test_split_and_class_are_found_in_every_usual_layout(tmp_path, place, split, class_name):
    for i, name in enumerate("ab"):
        save(tmp_path / place.format(c=name), drawing(i))
    found = read_folder(tmp_path)
    assert [(p.split, p.class_name) for p in found.pictures] == [(split, class_name.format(c=name)) for name in "ab"]


def test_a_clean_folder_is_called_clean(folder):
    found = read_folder(folder)
    assert verdict(found, find_copies(found)).severity == "clean"


def test_a_class_of_one_picture_is_named(folder):
    save(folder / "train" / "rare" / "1.png", drawing(99))
    found = read_folder(folder)
    said = verdict(found, find_copies(found))
    assert said.severity == "warning"
    assert said.sentences == (
        "Classes with fewer than 5 pictures cannot be learnt and tested both: rare 1; add pictures.",
    )


def test_a_test_picture_that_is_in_training_is_leakage(folder):
    save(folder / "test" / "normal" / "copy.png", drawing(1))
    found = read_folder(folder)
    groups = find_copies(found)
    assert [(group.exact, group.across_splits, group.across_classes) for group in groups] == [(True, True, False)]
    said = verdict(found, groups)
    assert said.severity == "leak"
    assert "1 of 5 held-out pictures (20 %)" in said.sentences[0]


def test_a_resized_and_recompressed_copy_is_a_near_duplicate(folder):
    small = cv2.resize(drawing(1, 80), (56, 56), interpolation=cv2.INTER_AREA)
    save(folder / "test" / "normal" / "again.jpg", small)
    found = read_folder(folder)
    (group,) = find_copies(found)
    assert not group.exact
    assert {found.pictures[i].path for i in group.members} == {"train/normal/0.png", "test/normal/again.jpg"}


def test_one_picture_under_two_classes_is_said(folder):
    save(folder / "train" / "abnormal" / "twin.png", drawing(1))
    found = read_folder(folder)
    said = verdict(found, find_copies(found))
    assert said.severity == "leak"
    assert "labels differ" in said.sentences[0]


def test_identical_copies_among_pictures_that_look_alike_are_counted_once(folder):
    small = cv2.resize(drawing(1, 80), (56, 56), interpolation=cv2.INTER_AREA)
    save(folder / "train" / "normal" / "again.jpg", small)
    save(folder / "train" / "abnormal" / "twin.png", drawing(1))
    found = read_folder(folder)
    groups = find_copies(found)
    assert [(group.exact, len(group.members), group.across_classes) for group in groups] == [
        (True, 2, True), (False, 3, True),
    ]  # fmt: skip
    mixed, spare, look = verdict(found, groups).sentences
    assert mixed.startswith("1 group of copies carries different classes")
    assert spare.startswith("1 of 14 pictures are byte-identical copies")
    assert look.startswith("2 pictures look the same as others without being identical")


def test_broken_files_are_listed_with_a_reason_and_stop_nothing(folder):
    (folder / "train" / "normal" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\nrest")
    (folder / "train" / "normal" / "page.jpg").write_bytes(b"<html>no</html>")
    (folder / "train" / "normal" / "notes.txt").write_text("hello")
    (folder / "train" / "normal" / "empty.png").write_bytes(b"")
    save(folder / "train" / "stray.png", drawing(99))
    (folder / "train" / "normal" / ".DS_Store").write_bytes(b"x")
    found = read_folder(folder)
    assert len(found.pictures) == 12
    reasons = {refused.path: refused.reason for refused in found.refused}
    assert set(reasons) == {f"train/{name}" for name in (
        "normal/cut.png", "normal/page.jpg", "normal/notes.txt", "normal/empty.png", "stray.png"
    )}  # fmt: skip
    assert all(reason.endswith(".") for reason in reasons.values())


def test_hostile_names_are_shown_without_control_characters(folder):
    save(folder / "train" / "normal" / "a.png", drawing(50))
    os.rename(folder / "train" / "normal" / "a.png", os.fsencode(folder / "train" / "normal") + b"/\x1b[31m\xff.png")
    names = [picture.path for picture in read_folder(folder).pictures]
    assert all(name.isprintable() for name in names)
    assert "train/normal/?[31m?.png" in names


def test_links_are_not_followed(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    save(elsewhere / "secret.png", drawing(70))
    (folder / "train" / "normal" / "link.png").symlink_to(elsewhere / "secret.png")
    (folder / "train" / "linked").symlink_to(elsewhere, target_is_directory=True)
    found = read_folder(folder)
    assert len(found.pictures) == 12
    assert found.classes == ("abnormal", "normal")
    named = {refused.path: refused.reason for refused in found.refused}
    assert set(named) == {"train/linked", "train/normal/link.png"}
    assert all("It is a link" in reason for reason in named.values())


def test_data_that_is_missing_or_no_dataset_is_named_with_its_path(tmp_path):
    with pytest.raises(DataError, match=r"There is no folder .*mistyped"):
        check_data_folder(tmp_path / "mistyped")
    with pytest.raises(DataError, match=r"holds neither pictures in folders of classes .* nor recordings"):
        check_data_folder(tmp_path)
    save(tmp_path / "1.png", drawing(1))
    with pytest.raises(DataError, match="holds pictures in no class's folder"):
        check_data_folder(tmp_path)
    save(tmp_path / "normal" / "1.png", drawing(1))
    check_data_folder(tmp_path)


def test_the_only_class_is_named(tmp_path):
    save(tmp_path / "normal" / "1.png", drawing(1))
    (tmp_path / "normal" / "2.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"of 1 class \(normal 1\).*The first file left out is 'normal/2.png'"):
        read_folder(tmp_path)


def test_a_folder_of_one_class_is_refused(tmp_path):
    save(tmp_path / "normal" / "1.png", drawing(1))
    with pytest.raises(DataError, match="1 readable picture of 1 class "):
        read_folder(tmp_path)


@pytest.mark.parametrize("typed", ["", "  ", "relative/folder", "/no/such/folder", "/", "~", "a\0b", "/etc/hostname"])
def test_a_typed_path_that_is_no_dataset_folder_is_refused(typed):
    with pytest.raises(DataError):
        folder_path(typed)


def test_a_typed_folder_is_resolved(folder):
    assert folder_path(f" {folder}/train/../ ") == folder.resolve()


def test_a_folder_of_recordings_is_no_folder_of_pictures(folder):
    assert is_folder_dataset(folder)
    (folder / "mitdb").mkdir()
    assert not is_folder_dataset(folder)


def test_an_empty_folder_of_a_class_and_a_picture_without_content_are_named(tmp_path):
    for label in ("a", "b"):
        save(tmp_path / label / "1.png", drawing(1))
    (tmp_path / "nothing").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "only hidden files").mkdir()
    (tmp_path / "only hidden files" / ".DS_Store").write_bytes(b"")
    save(tmp_path / "a" / "dot.png", np.zeros((1, 7, 3), np.uint8))
    save(tmp_path / "a" / "least.png", np.zeros((8, 8, 3), np.uint8))
    found = read_folder(tmp_path)
    assert {file.path: file.reason.split(":")[0] for file in found.refused} == {
        "nothing": "It is an empty folder",
        "only hidden files": "It is an empty folder",
        "a/dot.png": "The picture has 7 x 1 pixels; a side needs at least 8.",
    }
    assert found.counts("") == {"a": 2, "b": 1}
