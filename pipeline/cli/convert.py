"""`convert`: a recording of any format that is read, written in one of those that are written."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline.cli.shared import BAD_USE, OK, add_table_arguments, lists_formats, say, table_options

TARGETS: Final = ("wfdb", "edf", "dicom", "aecg", "csv")


def add_convert(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `convert`."""
    parser.add_argument("source", type=Path, metavar="IN", help="a recording in any format that `analyse` reads")
    parser.add_argument(
        "target", type=Path, metavar="OUT", help="its ending names the format: .hea, .edf, .dcm, .xml (aECG) or .csv"
    )
    parser.add_argument("--to", choices=TARGETS, help="the format, whatever the ending of OUT")
    parser.add_argument(
        "--patient",
        choices=("drop", "keep"),
        default="drop",
        help="whether OUT says who was recorded and when (default: %(default)s)",
    )
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    add_table_arguments(parser)
    parser.set_defaults(command=_convert)
    lists_formats(parser)


def _convert(options: argparse.Namespace) -> int:
    from pipeline.export.recordings.writing import files_for, write_recording
    from pipeline.intake import read_path

    targets = files_for(options.target, options.to)
    there = [target for target in targets if target.exists()]
    if any(target.resolve() == options.source.resolve() for target in there):
        say("OUT is the recording itself; give another name.")
        return BAD_USE
    if there and not options.force:
        say(f"{there[0].name!r} exists already; give another OUT, or --force to replace it.")
        return BAD_USE
    recording = read_path(options.source, csv=table_options(options), identity=options.patient == "keep")
    if options.patient == "drop":
        recording = replace(recording, identity=None, age_years=None, sex=None)
    for notice in recording.notices:
        say(notice)
    paths, notices = write_recording(recording, options.target, to=options.to)
    for notice in notices:
        say(notice)
    sys.stdout.write("".join(f"{path}\n" for path in paths))
    return OK
