"""How often the delimiter of a table is found: HeartVision, Python's Sniffer and, if it is installed, clevercsv.

The tables are those of `tests/intake/test_csv_dialects.py`, each of which is read to the sample. clevercsv is no
dependency: `pip install clevercsv` before `python -m benchmarks.csv_dialects`.
"""

from __future__ import annotations

import csv
import importlib
import sys
from collections.abc import Callable

from pipeline.intake.csv_dialect import find_dialect
from pipeline.intake.csv_text import decoded, plain_text, sample_lines
from tests.intake.test_csv_dialects import CASES

_LINES = 150


def _sniffed(text: str) -> str | None:
    try:
        return csv.Sniffer().sniff(text).delimiter
    except csv.Error:
        return None


def main() -> None:
    """Print one line a tool."""
    tools: dict[str, Callable[[str], str | None]] = {"csv.Sniffer": _sniffed}
    try:
        clever = importlib.import_module("clevercsv.detect")
        tools["clevercsv"] = lambda text: clever.Detector().detect(text).delimiter
    except ImportError:
        sys.stdout.write("clevercsv is not installed\n")
    right = dict.fromkeys(tools, 0)
    for case in CASES:
        text = plain_text(case.payload)
        wanted = find_dialect(sample_lines(text)).delimiter
        head = "\n".join(decoded(text).split("\n")[:_LINES])
        for tool, detect in tools.items():
            found = detect(head)
            right[tool] += found == wanted or (not wanted and found is None)
    for tool, count in right.items():
        sys.stdout.write(f"{tool}: {count} of {len(CASES)} delimiters as HeartVision has them\n")


if __name__ == "__main__":
    main()
