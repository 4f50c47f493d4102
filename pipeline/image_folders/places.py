"""Where a training on a folder writes: never into foreign content, and never deleting what it did not write."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from models import registry
from pipeline._util.files import write_bytes
from pipeline.errors import DataError, UsageError
from pipeline.image_folders.runs import new_run, runs_folder

CHECKPOINT: Final = "checkpoint"  # a folder in that of an unfinished run
KEY: Final = "key.txt"  # in it: what the run was started with
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_EPOCHS: Final = ("best.npz", "last.npz", "best.part.npz", "last.part.npz")  # in a folder for each phase


def check_output(output: Path, data_dir: Path) -> None:
    """Check that a run may be written to a folder: a new or empty one, or that of an unfinished run.

    Raises
    ------
    UsageError
        If it lies in the pictures or in the shipped weights, is a file, or holds a finished run or anything else.
    """
    if output.resolve().is_relative_to(registry.WEIGHTS.resolve()):
        raise UsageError(f"{str(output)!r} lies in the shipped weights; a run on a folder goes elsewhere.")
    if output.resolve().is_relative_to(data_dir.resolve()):
        raise UsageError(
            f"{str(output)!r} lies in the folder of pictures, where the next training would take it for a class; "
            "choose another --output."
        )
    if (output / "run.json").exists():
        raise UsageError(f"{str(output)!r} holds a finished run; choose another --output, or delete it.")
    if output.exists() and not output.is_dir():
        raise UsageError(f"{str(output)!r} is a file; name a folder.")
    if output.is_dir() and not _is_begun(output) and any(file.name[0] != "." for file in output.iterdir()):
        raise UsageError(f"{str(output)!r} is not empty and holds no unfinished run; choose another --output.")


def place_of_run(key: str, name: str, data_dir: Path) -> Path:
    """Return the folder of an interrupted run with the same `key`, or a new one.

    Parameters
    ----------
    key : str
        What a run is resumed by.
    name : str
        Name of the network.
    data_dir : Path
        The folder of labelled pictures.
    """
    begun = sorted(runs_folder().glob(f"*/{CHECKPOINT}/{KEY}"), reverse=True)
    same = (file.parents[1] for file in begun if file.read_text("utf-8") == key)
    return next((place for place in same if not (place / "run.json").exists()), new_run(name, data_dir.name))


def checkpoint_of(output: Path, key: str) -> Path:
    """Return the folder of a run's checkpoints, without those of another training."""
    folder = output / CHECKPOINT
    if _is_begun(output) and (folder / KEY).read_text("utf-8") != key:
        remove_checkpoint(output)
    try:
        write_bytes(folder / KEY, key.encode())
    except DataError as error:
        raise DataError(f"{str(output)!r} cannot be written: {error} Choose another --output.") from error
    return folder


def is_without_epochs(output: Path) -> bool:
    """Tell whether a run has not finished any epoch yet."""
    return not any((output / CHECKPOINT).glob("phase-*/last.npz"))


def remove_checkpoint(output: Path) -> None:
    """Delete the checkpoints of a run, and their folders if they are empty then; other files stay where they are."""
    folder = output / CHECKPOINT
    phases = [place for place in folder.glob("phase-*") if place.is_dir() and not place.is_symlink()]
    for file in (*(place / name for place in phases for name in _EPOCHS), folder / KEY):
        file.unlink(missing_ok=True)
    for place in (*phases, folder):
        with suppress(OSError):  # it holds something else
            place.rmdir()


def _is_begun(output: Path) -> bool:
    """Tell whether a folder holds checkpoints of a training."""
    try:
        return _KEY.fullmatch((output / CHECKPOINT / KEY).read_text("utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        return False
