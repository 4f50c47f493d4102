"""Which pages the page network was trained on, recognised by their beats at any size, crop or compression.

    python -m pipeline.page_classifier.known_pages

writes the signatures of the public pages beside the network's weights; its training does so as well.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.config import data_root
from pipeline.page_classifier.dataset import load_pages, medians
from pipeline.page_classifier.page_beats import PageBeats
from pipeline.page_classifier.schema import FOLDER
from pipeline.types import FloatArray

FILE: Final = "known_pages.npz"  # beside the network's weights
STEP: Final = 3  # every third sample of a median beat, which is smooth
# Correlation of signatures from which two pages are one: above that of any two patients' pages, as `main` prints.
SAME: Final = 0.95


def signatures(median_beats: FloatArray) -> FloatArray:
    """Return a row (n, k) per page of unit length, from its median beats (n, 12, 70), mV."""
    rows = median_beats[:, :, ::STEP].reshape(len(median_beats), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def is_known(beats: PageBeats) -> bool:
    """Tell whether a page is one that the network was trained on; False if the list of them is missing."""
    known = _known()
    return known is not None and bool((known @ signatures(medians([beats]))[0]).max() >= SAME)


def write_known(median_beats: FloatArray, folder: Path) -> Path:
    """Write the signatures of training pages.

    Parameters
    ----------
    median_beats : (n, 12, 70) float32
        Median beats of each page, mV.
    folder : Path
        The network's folder of weights.
    """
    path = folder / FILE
    np.savez_compressed(path, signature=signatures(median_beats).astype(np.float16))
    return path


@lru_cache(maxsize=1)
def _known() -> FloatArray | None:
    try:
        with np.load(FOLDER / "page" / FILE) as found:
            return np.asarray(found["signature"], np.float32)
    except (OSError, KeyError, ValueError):
        return None


def main() -> None:
    """Write the signatures of the public pages in `data_root()`, and say how alike the pages of two patients are."""
    pages = load_pages(data_root() / "ecg_pages")
    path = write_known(medians(pages.beats), FOLDER / "page")
    rows = signatures(medians(pages.beats))
    alike = np.where(pages.group[:, None] == pages.group, -1.0, rows @ rows.T)
    sys.stdout.write(
        f"{len(pages)} pages in {path.name}; the most alike pages of two patients correlate by {alike.max():.3f}, "
        f"{SAME} makes two pages one\n"
    )


if __name__ == "__main__":
    main()
