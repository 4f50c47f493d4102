"""Where the public recordings come from, how they are split, and what they contain."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import SHIPPED
from pipeline.datasets.catalogue import CATALOGUE, Dataset, record_names
from pipeline.datasets.splits import DS1, DS2, PACED, SAME_PERSON, split_of

__all__ = [
    "CATALOGUE",
    "DS1",
    "DS2",
    "PACED",
    "SAME_PERSON",
    "Dataset",
    "demo_page_path",
    "demo_path",
    "record_names",
    "split_of",
]


def demo_path() -> Path:
    """Return the header of the demo recording: five minutes of MIT-BIH record 208, a *training* record (DS1)."""
    return SHIPPED / "demo" / "208_excerpt.hea"


def demo_page_path() -> Path:
    """Return the demo page: a JPEG picture of 12 leads, drawn from record 10 of LUDB."""
    return SHIPPED / "demo" / "page_ludb_10.jpg"
