"""How fast recordings become pictures on disk: `python -m benchmarks.picture_sets [RECORDS] [--folder DIR] [--write]`.

Every row starts with the recordings' files and ends with PNG files, manifest and card. It is given as pictures a
second, as pictures a second of processor time, and as a ratio to the same files being only written, in the same run,
on the same disk. The aim for plain pictures is 2 000 a second. `--write` puts the table, with the load of the machine
before it began, into docs/experiments/speed.md; it refuses to on a machine whose load is above LOAD_MAX.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from models.registry import Classifier
from pipeline.config import ROOT, data_root
from pipeline.picture_sets.making import make_picture_set
from pipeline.picture_sets.options import PictureSetOptions, Style
from pipeline.picture_sets.sources import Source, find_sources
from pipeline.wording import grouped

STYLES: tuple[Style, ...] = ("plain", "paper", "model", "gaf", "spectrogram", "scalogram")
RECORDS = ("100", "119", "208")
SIDE_PX = 128
LOAD_MAX = 3.0  # of two cores: above, wall time says how busy the machine is
WIDTH = 100  # of a line of prose
DOCUMENT = ROOT / "docs" / "experiments" / "speed.md"
START, END = "<!-- picture_sets:start -->", "<!-- picture_sets:end -->"


@dataclass(frozen=True)
class Row:
    """Pictures of a style: how many, how many a second of wall and of processor time, kilobytes each, and the ratio."""

    style: Style
    pictures: int
    per_s: float
    per_cpu_s: float
    size_kb: float
    ratio: float


def no_network() -> Classifier:
    """Fail: these recordings have references."""
    raise ModelError("No label is predicted here.")


def main() -> int:
    """Print the table, and with --write put it into the document; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", nargs="*", default=RECORDS, help="of mitdb (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where pictures are written for a while (default: a temporary one)")
    parser.add_argument("--write", action="store_true", help="put the table into docs/experiments/speed.md")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    if options.write and load > LOAD_MAX:
        sys.stderr.write(f"The load is {load:.1f}, above {LOAD_MAX:g}; measure when the machine has less to do.\n")
        return 1
    sources = find_sources([str(data_root() / "mitdb" / f"{name}.hea") for name in options.records])
    rows = []
    for style in STYLES:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            rows.append(measured(style, sources, Path(folder)))
            print(rows[-1], flush=True)
    if options.write:
        write(block(rows, options.records, load))
    return 0


def measured(style: Style, sources: Sequence[Source], folder: Path) -> Row:
    """Make the pictures of one style, write them again, and return what it took."""
    asked = PictureSetOptions(style=style, size_px=None if style == "model" else (SIDE_PX, SIDE_PX))
    wall_s, cpu_s = timed(lambda: make_picture_set(sources, asked, folder / "set", load=no_network))
    files = {file.name: file.read_bytes() for file in folder.rglob("*.png")}
    alone_s, _ = timed(lambda: write_again(files, folder / "again"))
    size_kb = sum(map(len, files.values())) / max(1, len(files)) / 1000
    return Row(style, len(files), len(files) / wall_s, len(files) / cpu_s, size_kb, wall_s / alone_s)


def block(rows: Sequence[Row], records: Sequence[str], load: float) -> str:
    """Return the table and what it says, as Markdown."""
    plain = rows[0]
    lines = [
        f"`python -m benchmarks.picture_sets {' '.join(records)}`: {grouped(plain.pictures)} beats at {SIDE_PX} x "
        f"{SIDE_PX} pixels (`model`: 96 x 64), from the recordings' files to PNG files, manifest and card. The aim is "
        f"2 000 plain pictures a second; it was {grouped(round(plain.per_s))}. Before it began, the load of the "
        f"{os.cpu_count()} cores was {load:.1f}."
    ]
    table = [
        "| style | pictures a second | a second of processor time | kB each | times as long as writing alone |",
        "|---|---|---|---|---|",
        *(
            f"| `{row.style}` | {grouped(round(row.per_s))} | {grouped(round(row.per_cpu_s))} | {row.size_kb:.1f} | "
            f"{row.ratio:.1f} |"
            for row in rows
        ),
    ]
    return "\n".join([*(textwrap.fill(line, WIDTH, break_on_hyphens=False) for line in lines), "", *table, ""])


def write(text: str, document: Path = DOCUMENT) -> None:
    """Replace the marked block of the document."""
    before, rest = document.read_text("utf-8").split(f"{START}\n")
    _, after = rest.split(END)
    document.write_text(f"{before}{START}\n{text}{END}{after}", "utf-8")


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor time of some work, seconds."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def write_again(files: dict[str, bytes], folder: Path) -> None:
    """Write files as drafts that then take their names, as a picture set does, and nothing else."""
    (folder / "drafts").mkdir(parents=True)
    for name, payload in files.items():
        draft = folder / "drafts" / name
        draft.write_bytes(payload)
        os.replace(draft, folder / name)


if __name__ == "__main__":
    sys.exit(main())
