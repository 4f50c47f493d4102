"""`images`: recordings in, a folder of labelled pictures out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.shared import (
    BAD_USE,
    OK,
    REFUSED,
    add_table_arguments,
    lists_formats,
    loader,
    positive,
    progress_bars,
    say,
    table_options,
)
from pipeline.config import RECORDING_NETWORK
from pipeline.errors import DataError
from pipeline.picture_sets.options import LABELS, SPLITS, STYLES

if TYPE_CHECKING:
    from pipeline.picture_sets.card import Card


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `images`."""
    parser.add_argument(
        "places",
        nargs="+",
        metavar="RECORD|DIR|DATABASE",
        help="a recording (its formats are listed below), a folder of them, or a public database such as mitdb",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="where CLASS/*.png (PART/CLASS/*.png with a split), manifest.csv and the card go; a rerun goes on there",
    )
    parser.add_argument(
        "--style",
        default="plain",
        choices=STYLES,
        help="model: what the networks see; page: 12 leads on a printed page (default: %(default)s)",
    )
    parser.add_argument(
        "--size",
        type=_size,
        metavar="N|WxH",
        help="pixels; N is a square, of a page its width (default: 224; model: 96x64, 3:2; page: 8 pixels per mm)",
    )
    parser.add_argument(
        "--window",
        type=_window,
        metavar="S|BEFORE,AFTER",
        help="seconds: before and after R of a beat, or the length of strips and pages (default: the style's own)",
    )
    parser.add_argument(
        "--label",
        choices=LABELS,
        help="from the reference (.atr), else predicted and marked so (default: beat; page: rhythm)",
    )
    parser.add_argument(
        "--split",
        default="none",
        choices=SPLITS,
        help="ds1ds2: MIT-BIH as de Chazal 2004; patient: train, val and test by patient (default: %(default)s)",
    )
    parser.add_argument(
        "--random-split",
        action="store_true",
        help="divide pictures at random, those of one patient too; says what that costs",
    )
    parser.add_argument("--layout", default="3x4+1", metavar="NAME", help="of pages: 3x4, 6x2+1, 12x1, ...")
    parser.add_argument("--lead", default="", metavar="NAME", help="which lead (default: the one that is read first)")
    parser.add_argument(
        "--most", type=positive, default=0, metavar="N", help="at most N of each class from each record"
    )
    parser.add_argument("--patients", type=Path, metavar="FILE.csv", help="record,patient for recordings of your own")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the splits (default: %(default)s)")
    parser.add_argument("--model", default=RECORDING_NETWORK, help="what predicts labels (default: %(default)s)")
    add_table_arguments(parser)
    parser.set_defaults(command=_images)
    lists_formats(parser)


def _images(options: argparse.Namespace) -> int:
    from pipeline.datasets.patients import read_patients
    from pipeline.picture_sets.making import make_picture_set
    from pipeline.picture_sets.options import PictureSetOptions, checked
    from pipeline.picture_sets.sources import find_sources

    shared = ("style", "label", "split", "random_split", "layout", "lead", "most", "seed")
    asked = PictureSetOptions(
        **{name: getattr(options, name) for name in shared}, size_px=options.size, window_s=options.window
    )
    try:
        asked = checked(asked)
    except DataError as error:
        say(str(error))
        return BAD_USE
    patients = read_patients(options.patients) if options.patients else None
    sources = find_sources(options.places, csv=table_options(options), patients=patients)
    with progress_bars(1) as steps:
        card = make_picture_set(sources, asked, options.output, load=loader(options.model), progress=next(steps))
    _tell(card, options.output)
    return REFUSED if card.refused else OK


def _tell(card: Card, output: Path) -> None:
    """Write what was made to stdout, and what a reader should know to stderr."""
    for part, counts in card.counts.items():
        found = ", ".join(f"{name} {count}" for name, count in counts.items())
        sys.stdout.write(f"{part + ': ' if part else ''}{found}\n")
    predicted = f", {card.predicted} with a predicted label ({', '.join(card.models)})" if card.predicted else ""
    sys.stdout.write(f"{card.pictures} pictures{predicted} in {output}\n")
    for notice in card.notices:
        say(notice)
    for refused in card.refused:
        say(f"{refused.record}: {refused.reason}")
    for left in card.left_out:
        say(f"Left out, {left.count}: {left.reason}.")


def _size(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give 224 or 320x240")
    return int(sides[0]), int(sides[-1])


def _window(text: str) -> tuple[float, float]:
    """Parse BEFORE,AFTER, or one number: around R half of it lies on either side, and strips are so long."""
    try:
        parts = [float(part) for part in text.split(",")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 2 or not all(0 <= part < 1e6 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no window; give seconds, 0.25,0.45 or 10")
    return (parts[0] / 2, parts[0] / 2) if len(parts) == 1 else (parts[0], parts[1])
