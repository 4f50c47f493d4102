"""What becomes of real pages: `python -m benchmarks.page_outcomes --write` writes docs/experiments/page_outcomes.json.

The 15 photos of paper_ecg and 16 scans of ecg_pages, drawn at random with a fixed seed, are read as they come. Their
signals are not known; how they are laid out was seen by eye and stands in `LAYOUT`. A page is

read       every question is answered by the page, and layout, speed and gain are right;
asked      something is asked, and whatever is not asked is right, the right layout is among the choices;
wrong      something is taken for certain that is not so;
refused    no recording can come of it.

Only `read` and `asked` count. Processor time is per page, one thread.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from pathlib import Path

import cv2

from benchmarks.results import PageOutcome, PageOutcomes
from pipeline._util.files import write_json
from pipeline._util.provenance import current_commit, now
from pipeline._util.typed_json import to_json
from pipeline.config import ROOT, data_root
from pipeline.digitisation.digitise import Digitised, digitise
from pipeline.digitisation.layouts import layout_names
from pipeline.errors import IntakeError
from pipeline.intake.picture_reader import read_picture

SCANS, SEED = 16, 17
USUAL = "3x4+1"
LAYOUT = {"ecg00005": "6x1 limb", "ecg00013": "3x4"}  # all other pages: `USUAL`
SPEED, GAIN = 25.0, 10.0  # of all these pages
COUNTED = ("read", "asked")


def pages() -> list[Path]:
    """The photos, then the random scans."""
    scans = sorted((data_root() / "ecg_pages").rglob("*.jpg"))
    chosen = random.Random(SEED).sample(scans, SCANS)
    return [*sorted((data_root() / "paper_ecg" / "photos").glob("*.jpg")), *sorted(chosen)]


def outcome(path: Path) -> PageOutcome:
    """Read one page and compare what is taken for certain with what it shows."""
    picture = read_picture(path.read_bytes(), path.name).pixels
    start = time.process_time()
    try:
        found = digitise(picture)
    except IntakeError as error:
        return PageOutcome(outcome="refused", reason=str(error), cpu_s=round(time.process_time() - start, 2))
    seconds = round(time.process_time() - start, 2)
    wrong = _wrong(found, LAYOUT.get(path.stem, USUAL))
    asked = tuple(need.about for need in found.needs)
    return PageOutcome(
        outcome="wrong" if wrong else "asked" if asked else "read",
        reason=", ".join(wrong),
        asked=asked,
        layout=found.layout.name,
        names=len(found.layout.names),
        speed=found.speed and found.speed.value,
        gain=found.gain and found.gain.value,
        px_per_mm=round(found.grid.px_per_mm[0], 2),
        cpu_s=seconds,
    )


def _wrong(found: Digitised, layout: str) -> list[str]:
    """What is taken for certain and is not so."""
    asked = {need.about for need in found.needs}
    known = {
        "layout": found.layout.name == layout if "layout" not in asked else layout in layout_names(len(found.lanes)),
        "speed": "speed" in asked or (found.speed is not None and found.speed.value == SPEED),
        "gain": "gain" in asked or (found.gain is not None and (found.gain.value, found.chest_gain) == (GAIN, None)),
    }
    return [name for name, right in known.items() if not right]


def main() -> None:
    """Read all pages; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/experiments/page_outcomes.json")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    found: dict[str, PageOutcome] = {}
    for path in pages():
        name = f"{path.parent.name}/{path.stem}"
        found[name] = outcome(path)
        print(name, to_json(found[name]), flush=True)
    total = Counter(each.outcome for each in found.values())
    result = PageOutcomes(
        command="python -m benchmarks.page_outcomes --write",
        commit=current_commit(),
        written=now(),
        seed=SEED,
        pages=len(found),
        read_or_asked=sum(total[kind] for kind in COUNTED),
        total=dict(sorted(total.items())),
        outcomes=found,
    )
    print(f"{result.read_or_asked} of {result.pages} pages are read or get the right question: {result.total}")
    if options.write:
        write_json(ROOT / "docs" / "experiments" / "page_outcomes.json", to_json(result))


if __name__ == "__main__":
    main()
