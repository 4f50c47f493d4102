"""`data`: fetches, verifies and describes the public databases."""

from __future__ import annotations

import argparse


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `data`."""
    parser.add_argument("names", nargs="*", metavar="DATABASE", help="default: all")
    parser.add_argument("--check", action="store_true", help="only verify what is there")
    parser.add_argument("--statistics", action="store_true", help="write the statistics that the Dataset page shows")
    parser.set_defaults(command=_data)


def _data(options: argparse.Namespace) -> int:
    from pipeline.cli.data_command import run_data

    return run_data(check=options.check, statistics=options.statistics, names=tuple(options.names))
