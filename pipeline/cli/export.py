"""`export`: a network as a file for other software, with a description beside it, read again and compared."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.cli.shared import BAD_USE, OK, progress_bars, say

FORMATS = ("keras", "h5", "savedmodel", "tflite", "onnx")


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", metavar="NAME", help="a network that comes with HeartVision")
    what.add_argument("--run", metavar="RUN", help="the folder that `train --data FOLDER` wrote")
    parser.add_argument("--format", required=True, choices=FORMATS, help="savedmodel is a folder, the others a file")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="its description goes to FILE.json beside it"
    )
    parser.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    from pipeline.image_folders.exporting import export_network, source_of

    ending = {"keras": ".keras", "h5": ".h5"}.get(options.format, "")
    if not options.output.name.endswith(ending):
        say(f"Keras loads only files whose names end in {ending}; name the --output so, not {options.output.name!r}.")
        return BAD_USE
    if options.output.exists() and options.output.is_dir() != (options.format == "savedmodel"):
        kind = "a folder" if options.output.is_dir() else "a file"
        say(f"{str(options.output)!r} is {kind} already; {options.format} needs another --output.")
        return BAD_USE
    with progress_bars(1) as steps:
        done = export_network(source_of(options.model, options.run), options.format, options.output, next(steps))
    sys.stdout.write(
        f"{options.output}\n{options.output}.json\n"
        f"Loaded again in a new process: probabilities of {done.compared.inputs} inputs differ by "
        f"{done.compared.largest_difference:.1e} at most (limit {done.compared.tolerance:.0e}).\n"
    )
    return OK
