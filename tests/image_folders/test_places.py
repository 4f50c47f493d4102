"""Where a run may be written: nothing that it did not write is deleted, and nothing is written into the pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.image_folders.places import CHECKPOINT, KEY, check_output, checkpoint_of, remove_checkpoint

FIRST, SECOND = "a" * 64, "b" * 64


def test_a_folder_with_something_else_in_it_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    for inside in ("checkpoint/mine.txt", "checkpoint/key.txt", "notes.txt"):
        output = tmp_path / inside.replace("/", "-") / "proj"
        file = output / inside
        file.parent.mkdir(parents=True)
        file.write_text("mine")
        with pytest.raises(UsageError, match="is not empty and holds no unfinished run; choose another --output"):
            check_output(output, tmp_path / "data")
        assert file.read_text() == "mine"


def test_new_empty_and_unfinished_folders_may_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    checkpoint_of(tmp_path / "begun", FIRST)
    for name in ("new", "empty", "begun"):
        check_output(tmp_path / name, tmp_path / "data")


@pytest.mark.parametrize("inside", [".", "run", "train/run"])
def test_no_run_is_written_into_the_pictures(tmp_path: Path, inside: str) -> None:
    with pytest.raises(UsageError, match="lies in the folder of pictures"):
        check_output(tmp_path / inside, tmp_path)


def test_a_file_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file; name a folder"):
        check_output(tmp_path / "file", tmp_path / "data")


def test_checkpoints_of_another_training_go_and_what_lies_beside_them_stays(tmp_path: Path) -> None:
    folder = checkpoint_of(tmp_path, FIRST)
    (folder / "phase-1").mkdir()
    for name in ("last.npz", "best.npz", "mine.txt"):
        (folder / "phase-1" / name).write_text("x")
    assert checkpoint_of(tmp_path, FIRST) == folder
    assert (folder / "phase-1" / "last.npz").is_file()
    checkpoint_of(tmp_path, SECOND)
    assert sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()) == [
        KEY,
        "phase-1/mine.txt",
    ]
    remove_checkpoint(tmp_path)
    assert [file.name for file in (tmp_path / CHECKPOINT).rglob("*") if file.is_file()] == ["mine.txt"]
    (folder / "phase-1" / "mine.txt").unlink()
    remove_checkpoint(tmp_path)
    assert not folder.exists()
    assert tmp_path.is_dir()
