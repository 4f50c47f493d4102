"""Every hostile upload that intake can meet: written at test time, from numbers.

`python -m tests.hostile.cases DIR` writes them to look at.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.case import Case
from tests.hostile.cases_archives import zip_cases
from tests.hostile.cases_pictures import picture_cases
from tests.hostile.cases_recordings import annotation_cases, csv_cases, header_cases, pairing_cases, signal_cases


def cases() -> Iterator[Case]:
    """Every hostile upload that intake can meet."""
    yield from header_cases()
    yield from signal_cases()
    yield from annotation_cases()
    yield from pairing_cases()
    yield from csv_cases()
    yield from zip_cases()
    yield from picture_cases()


if __name__ == "__main__":
    for case in cases():
        folder = Path(sys.argv[1]) / "".join(c if c.isalnum() else "_" for c in case.name)[:60]
        folder.mkdir(parents=True, exist_ok=True)
        for i, (_, content) in enumerate(case.files):
            (folder / f"{i}.bin").write_bytes(content)
