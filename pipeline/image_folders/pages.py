"""Folders of 12-lead pages: whether the pictures are such pages, their beats, and the pages redrawn for a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline._util.progress import Progress
from pipeline.errors import DataError, EcgError
from pipeline.image_folders.dataset import FolderDataset, Refused
from pipeline.intake import read_picture
from pipeline.page_classifier.dataset import medians, patient_groups
from pipeline.page_classifier.page_beats import PageBeats, find_beats
from pipeline.page_classifier.page_picture import draw_page_picture
from pipeline.page_classifier.printed_page import find_page
from pipeline.page_classifier.traces import read_traces
from pipeline.types import IntArray, PictureArray

LOOKED_AT: Final = 6  # pictures by which a folder is recognised
READABLE: Final = 0.9  # at least this share of the pictures must be readable as pages
VARIANTS: Final = 8  # drawings of each page with beats chosen, stretched and scaled at random


@dataclass(frozen=True, eq=False)
class Pages:
    """The pages of a folder: the folder without what cannot be read as one, and the beats of each picture in it."""

    dataset: FolderDataset
    beats: tuple[PageBeats, ...]


def page_beats(pixels: PictureArray) -> PageBeats:
    """Return the beats of a picture (h, w, 3) of a 12-lead page.

    Raises
    ------
    IntakeError
        If it is no page of the layout that can be read, a lead is missing, or there are too few beats.
    """
    return find_beats(read_traces(find_page(pixels)))


def redrawn(pixels: PictureArray) -> PictureArray:
    """Return a 12-lead page (h, w, 3) as the networks trained on pages see it, (192, 192, 3) uint8.

    Raises
    ------
    IntakeError
        As `page_beats`.
    """
    return draw_page_picture(page_beats(pixels))


def looks_like_pages(dataset: FolderDataset) -> bool:
    """Tell whether a folder holds 12-lead pages, by a few of its pictures."""
    some = np.unique(np.linspace(0, len(dataset.files) - 1, LOOKED_AT).astype(int))
    read = sum(_beats_or_reason(dataset, i)[0] is not None for i in some)
    return bool(read >= READABLE * some.size)


def read_pages(dataset: FolderDataset, progress: Progress) -> Pages:
    """Read the beats of every picture; those that cannot be read as pages are left out of the folder and named.

    Raises
    ------
    DataError
        If fewer than `READABLE` of them can be read, or a class has none.
    """
    beats, kept, refused = [], [], []
    for i, picture in enumerate(dataset.pictures):
        progress(0.1 + 0.1 * i / len(dataset.pictures), f"Reading page {i + 1} of {len(dataset.pictures)}")
        found, reason = _beats_or_reason(dataset, i)
        if found is None:
            refused.append(Refused(picture.path, reason))
        else:
            beats.append(found)
            kept.append(i)
    rest = replace(
        dataset,
        files=tuple(dataset.files[i] for i in kept),
        pictures=tuple(dataset.pictures[i] for i in kept),
        refused=(*dataset.refused, *refused),
        prints=dataset.prints[kept],
    )
    if refused and (len(kept) < READABLE * len(dataset.pictures) or rest.classes != dataset.classes):
        raise DataError(
            f"{len(refused)} of {len(dataset.pictures)} pictures cannot be read as 12-lead pages, the first is "
            f"{refused[0].path!r}: {refused[0].reason} Train with --reads pictures."
        )
    return Pages(rest, tuple(beats))


def draw_pages(beats: Sequence[PageBeats], variant: int = 0) -> PictureArray:
    """Draw pages, (n, 192, 192, 3) uint8: as they are, or in a random variant from 1 on."""
    rngs = [np.random.default_rng([i, variant]) if variant else None for i in range(len(beats))]
    return np.stack([draw_page_picture(page, rng=rng) for page, rng in zip(beats, rngs, strict=True)])


def with_patients(pages: Pages, copies: IntArray, label: IntArray) -> IntArray:
    """Return the groups (n,) of copies, joined where pages look like one patient's.

    Parameters
    ----------
    pages : Pages
        The pages.
    copies : (n,) int64
        Number of each picture's group of copies.
    label : (n,) int64
        Classes.
    """
    patient = patient_groups(medians(pages.beats), [picture.path for picture in pages.dataset.pictures], label)
    count = int(copies.max()) + 1
    edges = (np.ones(copies.size), (copies, count + patient))
    size = count + int(patient.max()) + 1
    joined = connected_components(coo_array(edges, shape=(size, size)), directed=False)[1][copies]
    return np.unique(joined, return_inverse=True)[1].astype(np.int64)


def _beats_or_reason(dataset: FolderDataset, i: int) -> tuple[PageBeats | None, str]:
    file = dataset.files[i]
    try:
        return page_beats(read_picture(file.read_bytes(), file.name).pixels), ""
    except EcgError as error:
        return None, str(error)
