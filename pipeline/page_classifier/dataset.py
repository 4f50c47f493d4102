"""The 491 distinct pages of "ECG Images of Cardiac Patients", which of them may be one patient's, and fair folds."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline._util.progress import Progress
from pipeline.digitisation.layouts import TWELVE_LEADS
from pipeline.errors import DataError
from pipeline.intake import read_picture
from pipeline.page_classifier.page_beats import PageBeats, find_beats
from pipeline.page_classifier.printed_page import find_page
from pipeline.page_classifier.traces import read_traces
from pipeline.types import FloatArray, IntArray, read_only

PAGE_CLASSES: Final = ("normal", "myocardial_infarction", "history_of_mi", "abnormal_heartbeat")
CITATION: Final = "Khan & Hussain 2021, ECG Images dataset of Cardiac Patients, doi:10.17632/gwbz3fsgp8.2, CC BY 4.0"
# Median beats of all leads correlate above 0.90 in 0.1 % of the pairs that are far apart in the numbering, but in
# 3 % of neighbours, which were recorded one after the other: such pages are treated as one patient's.
_ALIKE: Final = 0.90
_ALIKE_NEIGHBOURS: Final = 0.87
_NEIGHBOURS: Final = 3

_COLUMNS: Final = frozenset({"path", "class", "copies_in_published_set"})  # of the manifest


@dataclass(frozen=True, eq=False)
class PageSet:
    """Distinct pages.

    Attributes
    ----------
    names : tuple of str
        File names.
    label : (n,) int64
        Indices of `PAGE_CLASSES`.
    copies : (n,) int64
        How often each was published.
    group : (n,) int64
        Pages that look like one patient's share a number.
    beats : tuple of PageBeats
        The beats of each page.
    """

    names: tuple[str, ...]
    label: IntArray
    copies: IntArray
    group: IntArray
    beats: tuple[PageBeats, ...]

    def __len__(self) -> int:
        """Return the number of distinct pages."""
        return len(self.names)


def load_pages(folder: Path, progress: Progress = lambda fraction, sentence: None) -> PageSet:
    """Read the pages listed in `folder`/manifest.csv.

    Raises
    ------
    DataError
        If the manifest is missing or broken, or a page is missing or cannot be read.
    """
    names, label, copies = _manifest(folder / "manifest.csv")
    beats = []
    for i, name in enumerate(names):
        progress(i / len(names), f"Reading page {i + 1} of {len(names)}")
        try:
            picture = read_picture((folder / name).read_bytes(), name)
        except OSError as error:
            raise DataError(f"Page {name!r} of the manifest is missing; copy the folder again.") from error
        beats.append(find_beats(read_traces(find_page(picture.pixels))))
    group = patient_groups(medians(beats), names, label)
    return PageSet(names, read_only(label), read_only(copies), read_only(group), tuple(beats))


def lists_pages(folder: Path) -> bool:
    """Tell whether a folder has a manifest of the public set of pages, by its columns."""
    try:
        with (folder / "manifest.csv").open(encoding="utf-8", newline="") as stream:
            return set(next(csv.reader(stream), ())) >= _COLUMNS
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def medians(beats: Sequence[PageBeats]) -> FloatArray:
    """Return the median beats (n, 12, 70) of the leads of each page."""
    return np.stack([[np.median(lead, axis=0) for lead in page.beats[: len(TWELVE_LEADS)]] for page in beats])


def patient_groups(median_beats: FloatArray, names: Sequence[str], label: IntArray) -> IntArray:
    """Group pages that may show one patient (see the constants of this module).

    Parameters
    ----------
    median_beats : (n, 12, 70) float32
        As `medians` returns them, mV.
    names : sequence of str
        File names; the numbers in them are the order of recording.
    label : (n,) int64
        Classes.

    Returns
    -------
    (n,) int64
        A number per page, equal within a group.
    """
    flat = median_beats.reshape(len(names), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    alike = flat @ flat.T
    number = np.array([int((re.findall(r"\d+", name) or ["0"])[-1]) for name in names])
    near = (np.abs(number[:, None] - number) <= _NEIGHBOURS) & (label[:, None] == label)
    linked = (alike >= _ALIKE) | (near & (alike >= _ALIKE_NEIGHBOURS))
    group = np.arange(len(names))
    for i, j in np.argwhere(np.triu(linked, 1)):
        group[group == group[j]] = group[i]
    return np.asarray(np.unique(group, return_inverse=True)[1], np.int64)


def folds(label: IntArray, group: IntArray, count: int, seed: int) -> IntArray:
    """Divide pages into folds: classes spread evenly, groups never divided.

    Groups are dealt in random order, the larger first, each to the fold that has the fewest of its class.

    Parameters
    ----------
    label : (n,) int64
        Classes.
    group : (n,) int64
        Pages with the same number stay together.
    count : int
        Number of folds.
    seed : int
        Seed of the random generator; the same seed gives the same result.

    Returns
    -------
    (n,) int64
        The fold of each page.
    """
    rng = np.random.default_rng(seed)
    fold = np.empty(label.size, np.int64)
    held = np.zeros((count, int(label.max()) + 1))
    sizes = np.bincount(group)
    order = rng.permutation(sizes.size)
    for number in order[np.argsort(-sizes[order], kind="stable")]:
        members = np.flatnonzero(group == number)
        own = np.bincount(label[members], minlength=held.shape[1])
        scarcity = (held[:, own > 0].sum(axis=1), held.sum(axis=1), rng.random(count))
        best = int(np.lexsort(scarcity[::-1])[0])
        fold[members] = best
        held[best] += own
    return fold


def published(pages: PageSet) -> NDArray[np.int64]:
    """Return the index (925,) of the distinct page behind each file of the published set, copies included."""
    return np.repeat(np.arange(len(pages)), pages.copies)


def _manifest(file: Path) -> tuple[tuple[str, ...], IntArray, IntArray]:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        names = tuple(row["path"] for row in rows)
        label = np.array([PAGE_CLASSES.index(row["class"]) for row in rows], np.int64)
        copies = np.array([int(row["copies_in_published_set"]) for row in rows], np.int64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file.name} is missing or broken in {file.parent.name!r}; copy the folder again.") from error
    if not names or any(".." in Path(name).parts or Path(name).is_absolute() for name in names):
        raise DataError(f"{file.name} lists no pages, or pages outside its folder; copy it again.")
    return names, label, copies
