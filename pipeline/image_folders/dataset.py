"""Folders of labelled pictures: what is in them, and what cannot be read."""

from __future__ import annotations

import csv
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

import cv2
import numpy as np

from pipeline._util.progress import Progress, no_progress
from pipeline.config import DEFAULT, Limits
from pipeline.errors import DataError, EcgError
from pipeline.intake import read_picture
from pipeline.intake.content import file_ending
from pipeline.types import FloatArray, PictureArray
from pipeline.wording import counted

ENDINGS: Final = (".png", ".jpg", ".jpeg", ".webp")
SPLIT_NAMES: Final = {
    **dict.fromkeys(("train", "training", "trainset"), "train"),
    **dict.fromkeys(("test", "testing", "testset"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
}
MANIFEST: Final = "manifest.csv"
LISTS: Final = frozenset({MANIFEST, "card.json", "readme.md"})  # beside the classes: they describe a set
FILES_MAX: Final = 50_000
CLASSES_MAX: Final = 100
CLASS_NAME_MAX: Final = 80
SIDE_MIN_PX: Final = 8  # nothing is drawn in less
EMPTY: Final = "It is an empty folder: nothing in it is trained on or scored."
PRINT_PX: Final = 48  # side of the grey thumbnail by which near duplicates are found
COMMON_PICTURES: Final = 30  # with at least this many, what all pictures share (grid, frame, lead names) is removed


@dataclass(frozen=True)
class FolderPicture:
    """One readable picture.

    Attributes
    ----------
    path : str
        Its path below the folder.
    split : {"train", "test", "validation", ""}
        The part of the folder that it lies in; "" if there are none.
    class_name : str
        Name of its class.
    digest : str
        SHA-256 of the file.
    width_px, height_px : int
        Its size.
    patient : str
        Whose it is, by the folder's manifest.csv; "" if that does not say.
    """

    path: str
    split: str
    class_name: str
    digest: str
    width_px: int
    height_px: int
    patient: str = ""


@dataclass(frozen=True)
class Refused:
    """A file that is left out, and why, in a sentence for the user."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class FolderDataset:
    """What `read_folder` found.

    Attributes
    ----------
    root : Path
        The folder.
    files : tuple of Path
        Where each picture is.
    pictures : tuple of FolderPicture
        The readable pictures.
    refused : tuple of Refused
        The files that are left out.
    prints : (n, 48 * 48) float32
        Thumbnail of each picture, as a vector of length 1.
    """

    root: Path
    files: tuple[Path, ...]
    pictures: tuple[FolderPicture, ...]
    refused: tuple[Refused, ...]
    prints: FloatArray

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in alphabetical order."""
        return tuple(sorted({picture.class_name for picture in self.pictures}))

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that occur, training first."""
        found = {picture.split for picture in self.pictures}
        return tuple(split for split in ("train", "validation", "test", "") if split in found)

    def counts(self, split: str) -> dict[str, int]:
        """Count the readable pictures per class of one split."""
        found = Counter(picture.class_name for picture in self.pictures if picture.split == split)
        return {name: found[name] for name in self.classes}

    def sizes(self) -> dict[tuple[int, int], int]:
        """Count the pictures per (width, height), the most frequent first."""
        return dict(Counter((picture.width_px, picture.height_px) for picture in self.pictures).most_common())


def is_folder_dataset(root: Path) -> bool:
    """Tell whether a folder looks like a dataset: pictures in subfolders, and no recordings at the top."""
    if any((root / name).exists() for name in ("mitdb", "RECORDS")) or any(root.glob("*.hea")):
        return False
    return any(file_ending(file.name) in ENDINGS for file in _files(root) if file.parent != root)


def check_data_folder(root: Path) -> None:
    """Check that a folder is there and holds pictures in folders of classes, or recordings.

    Raises
    ------
    DataError
        If it does not exist, is no folder, or holds neither.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {str(root)!r}; check its path.")
    if is_folder_dataset(root) or any(root.glob("*.hea")) or any(root.glob("*/*.hea")) or (root / "RECORDS").exists():
        return
    if any(file_ending(file.name) in ENDINGS for file in _files(root)):
        raise DataError(f"{str(root)!r} holds pictures in no class's folder; move them into CLASS/ or train/CLASS/.")
    raise DataError(
        f"{str(root)!r} holds neither pictures in folders of classes (CLASS/1.png) nor recordings (.hea); "
        "check its path."
    )


def folder_path(typed: str) -> Path:
    """Resolve a folder that a local user typed.

    Raises
    ------
    DataError
        If it is not a readable folder, or is a whole disk or home folder rather than a dataset.
    """
    if not typed.strip() or "\0" in typed or len(typed) > 4096:
        raise DataError("Type the path of a folder, for example /home/me/ecg or ~/ecg.")
    path = Path(typed.strip()).expanduser()
    try:
        resolved = path.resolve(strict=True)
        readable = resolved.is_dir() and os.access(resolved, os.R_OK | os.X_OK)
    except (OSError, RuntimeError):
        readable = False
    if not path.is_absolute() or not readable:
        raise DataError("There is no folder of this name that can be read; type its full path.")
    if resolved in (Path(resolved.anchor), Path.home()):
        raise DataError("That is a whole disk or home folder; choose the folder that holds train/ or the classes.")
    return resolved


def read_folder(root: Path, *, limits: Limits = DEFAULT.limits, progress: Progress = no_progress) -> FolderDataset:
    """Read every picture of a folder once: train/CLASS/..., CLASS/train/..., or CLASS/..., at any depth.

    Files that are not pictures, are broken or too large, or lie under no class are listed as refused, and so are
    links, which are not followed; hidden files are skipped silently.

    Parameters
    ----------
    root : Path
        The folder.
    limits : Limits, optional
        Limits of the intake.
    progress : Progress, optional
        Called with a fraction in 0..1 and a sentence.

    Raises
    ------
    DataError
        If there is no such folder, no picture, fewer than two classes, or more files or classes than is sensible.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {str(root)!r}; check its path.")
    files = list(_files(root))
    if len(files) > FILES_MAX:
        raise DataError(f"The folder holds more than {FILES_MAX:,} files, which is the limit; choose a smaller one.")
    wrapped = _wrapping([file.relative_to(root).parts for file in files])
    patients = _patients(root)
    kept, pictures, refused, prints = [], [], [], []
    for number, file in enumerate(files):
        progress(number / len(files), f"Reading picture {number + 1} of {len(files)}")
        name = shown_name(file.relative_to(root).as_posix())
        try:
            picture, pixels = _read(file, name, file.relative_to(root).parts[wrapped:], limits)
        except EcgError as error:
            refused.append(Refused(name, str(error)))
            continue
        kept.append(file)
        pictures.append(replace(picture, patient=patients.get(file.relative_to(root).as_posix(), "")))
        prints.append(small_print(pixels))
    refused += [Refused(name, EMPTY) for name in _empty_folders(root)]
    classes = Counter(picture.class_name for picture in pictures)
    if not 2 <= len(classes) <= CLASSES_MAX:
        named = f" ({', '.join(f'{name} {count}' for name, count in classes.items())})" if len(classes) == 1 else ""
        first = f" The first file left out is {refused[0].path!r}: {refused[0].reason}" if refused else ""
        raise DataError(
            f"The folder {root.name!r} holds {counted(len(pictures), 'readable picture')} of "
            f"{counted(len(classes), 'class', 'classes')}{named}; 2 to "
            f"{CLASSES_MAX} classes are needed, each a folder of PNG or JPEG pictures, for example train/NORMAL/1.png."
            f"{first}"
        )
    return FolderDataset(root, tuple(kept), tuple(pictures), tuple(refused), _without_common(np.stack(prints)))


def check_side(pixels: PictureArray) -> None:
    """Check that a picture (h, w, 3) has enough pixels to show anything.

    Raises
    ------
    DataError
        If a side has less than `SIDE_MIN_PX`.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < SIDE_MIN_PX:
        raise DataError(f"The picture has {width} x {height} pixels; a side needs at least {SIDE_MIN_PX}.")


def shown_name(name: str) -> str:
    """Return an untrusted file name without control characters; undecodable bytes become "?"."""
    known = name.encode("utf-8", "replace").decode("utf-8")
    return "".join(letter if letter.isprintable() else "?" for letter in known)


def small_print(pixels: PictureArray) -> FloatArray:
    """Return the ink of a picture (h, w, 3) as a thumbnail (48 * 48,), paper at 0; resizing hardly changes it."""
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (PRINT_PX, PRINT_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(np.median(small) - small, np.float32).ravel()


def _files(root: Path) -> Iterator[Path]:
    """Yield regular files and links in a fixed order, without hidden ones and without following links."""
    for folder, names, files in os.walk(root, followlinks=False):
        names[:] = sorted(name for name in names if not _hidden(name))
        linked = [name for name in names if (Path(folder) / name).is_symlink()]
        for name in sorted((*files, *linked)):
            path = Path(folder) / name
            if name.lower() in LISTS and path.parent == root:
                continue
            if not _hidden(name) and (path.is_symlink() or path.is_file()):
                yield path


def _empty_folders(root: Path) -> list[str]:
    """Return the folders below one that hold nothing, hidden files aside."""
    walked = ((Path(folder), [*names, *files]) for folder, names, files in os.walk(root, followlinks=False))
    empty = sorted(folder.relative_to(root).as_posix() for folder, names in walked if all(map(_hidden, names)))
    return [shown_name(name) for name in empty if name != "." and not any(map(_hidden, name.split("/")))]


def _patients(root: Path) -> dict[str, str]:
    """Return whose each picture is, by the manifest that `images` writes beside the classes; empty without one."""
    try:
        with (root / MANIFEST).open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}
    return {row["picture"]: row["patient"] for row in rows if row.get("picture") and row.get("patient")}


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX")) or name.lower() in ("thumbs.db", "desktop.ini")


def _wrapping(parts: list[tuple[str, ...]]) -> int:
    """Count the folders that enclose the dataset as a whole, such as the one that an unpacked archive leaves."""
    depth = 0
    while parts and all(len(part) > depth + 2 for part in parts):
        first = {part[depth] for part in parts}
        if len(first) > 1 or next(iter(first)).lower() in SPLIT_NAMES:
            break
        depth += 1
    return depth


def _read(file: Path, name: str, parts: tuple[str, ...], limits: Limits) -> tuple[FolderPicture, PictureArray]:
    split, class_name = _place(parts)
    if file.is_symlink():
        raise DataError("It is a link, and links are not followed; copy what it leads to into the folder.")
    if file_ending(name) not in ENDINGS:
        raise DataError("It is no PNG, JPEG or WebP picture by its name; it is left out.")
    if not class_name:
        raise DataError("It lies in no class's folder; move it into one.")
    try:
        size = file.stat().st_size
        payload = file.read_bytes() if size <= limits.picture_bytes else b""
    except OSError as error:
        raise DataError("It cannot be opened; check its permissions.") from error
    if size > limits.picture_bytes:
        raise DataError(f"It has {size:,} bytes, the limit is {limits.picture_bytes:,}; make it smaller.")
    pixels = read_picture(payload, name, limits=limits).pixels
    check_side(pixels)
    height, width = pixels.shape[:2]
    return FolderPicture(name, split, class_name, hashlib.sha256(payload).hexdigest(), width, height), pixels


def _place(parts: tuple[str, ...]) -> tuple[str, str]:
    """Return split and class of a file by the folders that it lies in."""
    folders = list(PurePosixPath(*parts).parts[:-1])
    splits = [i for i, folder in enumerate(folders) if folder.lower() in SPLIT_NAMES]
    split = SPLIT_NAMES[folders.pop(splits[0]).lower()] if splits else ""
    return split, shown_name(folders[0])[:CLASS_NAME_MAX] if folders else ""


def _without_common(prints: FloatArray) -> FloatArray:
    """Scale to vectors of length 1, after subtracting the mean picture if there are enough to know it."""
    if len(prints) >= COMMON_PICTURES:
        prints = prints - prints.mean(axis=0)
    return np.asarray(prints / np.maximum(np.linalg.norm(prints, axis=1, keepdims=True), 1e-6), np.float32)
