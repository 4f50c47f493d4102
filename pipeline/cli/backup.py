"""`backup`, `verify` and `restore`: copies of all that is kept for good."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.cli.shared import OK


def add_backup(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `backup`."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a folder to make, best on another disk")
    parser.set_defaults(command=_backup)


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `verify`."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="what `backup` wrote")
    parser.set_defaults(command=_verify)


def add_restore(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `restore`."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="what `backup` wrote; home and database must be empty, stop the app"
    )
    parser.set_defaults(command=_restore)


def _backup(options: argparse.Namespace) -> int:
    from pipeline.store.backup import back_up

    made = back_up(options.folder)
    sys.stdout.write(f"{len(made.files)} files, {_megabytes(made.files)} MB in {options.folder}, verified\n")
    return OK


def _verify(options: argparse.Namespace) -> int:
    from pipeline.store.backup import verify_backup

    found = verify_backup(options.folder)
    sys.stdout.write(f"{len(found.files)} files of {found.made}, version {found.version}: all as they were written\n")
    return OK


def _restore(options: argparse.Namespace) -> int:
    from pipeline.config import home_root
    from pipeline.store.backup import restore_backup

    found = restore_backup(options.folder)
    sys.stdout.write(f"{len(found.files)} files of {found.made} restored into {home_root()}\n")
    return OK


def _megabytes(files: dict[str, tuple[str, int]]) -> str:
    return f"{sum(size for _, size in files.values()) / 1e6:.1f}"
