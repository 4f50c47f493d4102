"""How fast recordings become pictures on disk: `python -m benchmarks.picture_sets [RECORDS] [--folder DIR]`.

Every row starts with the recording's files and ends with PNG files, manifest and card. It is given as pictures a
second, as pictures a second of processor time, and as a ratio to the same files being only written, in the same run,
on the same disk: that ratio, not the seconds, must not get worse. The aim for plain pictures: 2 000 a second on two
cores, which is 1 000 a second of processor time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from models.errors import ModelError
from models.registry import Classifier
from pipeline.config import data_root
from pipeline.picture_sets.making import make_picture_set
from pipeline.picture_sets.options import PictureSetOptions, Style
from pipeline.picture_sets.sources import Source, find_sources

STYLES: tuple[Style, ...] = ("plain", "paper", "model", "gaf", "spectrogram", "scalogram")
RECORDS = ("100", "119", "208")
SIDE_PX = 128


def no_network() -> Classifier:
    """Fail: these recordings have references."""
    raise ModelError("No label is predicted here.")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", nargs="*", default=RECORDS, help="of mitdb (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where pictures are written for a while (default: a temporary one)")
    options = parser.parse_args()
    sources = find_sources([str(data_root() / "mitdb" / f"{name}.hea") for name in options.records])
    print(f"{'style':14}{'pictures':>10}{'a second':>10}{'a CPU second':>14}{'KB each':>9}{'x writing alone':>17}")
    for style in STYLES:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            print(f"{style:14}{row(style, sources, Path(folder))}", flush=True)


def row(style: Style, sources: Sequence[Source], folder: Path) -> str:
    """Make the pictures of one style, write them again, and return the row of the table."""
    asked = PictureSetOptions(style=style, size_px=None if style == "model" else (SIDE_PX, SIDE_PX))
    wall_s, cpu_s = timed(lambda: make_picture_set(sources, asked, folder / "set", load=no_network))
    files = {file.name: file.read_bytes() for file in folder.rglob("*.png")}
    alone_s, _ = timed(lambda: write_again(files, folder / "again"))
    count, size_kb = len(files), sum(map(len, files.values())) / max(1, len(files)) / 1000
    return f"{count:10}{count / wall_s:10.0f}{count / cpu_s:14.0f}{size_kb:9.1f}{wall_s / alone_s:17.1f}"


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
    main()
