"""Which pictures a run was trained on, by the SHA-256 of their files: known again whatever the folder is called."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline._util.files import write_bytes
from pipeline.image_folders.dataset import FolderDataset
from pipeline.types import IntArray

FILE: Final = "training_pictures.csv"
_COLUMNS: Final = ("part", "picture", "sha256")


def write_taught(folder: Path, dataset: FolderDataset, rows: Mapping[str, IntArray]) -> None:
    """Write a line for each picture that a run was trained on or chose its epoch by.

    Parameters
    ----------
    folder : Path
        The folder of the run.
    dataset : FolderDataset
        The pictures.
    rows : mapping of str to (n,) int64
        Indices of the pictures of each part.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for part, numbers in rows.items():
        table.writerows((part, dataset.pictures[i].path, dataset.pictures[i].digest) for i in numbers)
    write_bytes(folder / FILE, text.getvalue().encode())


def read_taught(folder: Path) -> frozenset[str] | None:
    """Return the SHA-256 of these pictures; None for a run of an earlier version, or if the file is damaged."""
    try:
        with (folder / FILE).open(encoding="utf-8", newline="") as file:
            return frozenset(row["sha256"] for row in csv.DictReader(file))
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        return None
