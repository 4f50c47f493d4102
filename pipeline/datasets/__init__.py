"""Where the public recordings come from, how they are split, and what they contain."""

from __future__ import annotations

from pipeline.datasets.catalogue import CATALOGUE, Dataset, record_names
from pipeline.datasets.demos import DEMOS, Demo, demo_page_path, demo_path
from pipeline.datasets.splits import DS1, DS2, PACED, SAME_PERSON, split_of

__all__ = [
    "CATALOGUE",
    "DEMOS",
    "DS1",
    "DS2",
    "PACED",
    "SAME_PERSON",
    "Dataset",
    "Demo",
    "demo_page_path",
    "demo_path",
    "record_names",
    "split_of",
]
