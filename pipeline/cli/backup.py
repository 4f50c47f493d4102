"""`backup`, `verify` and `restore`: copies of all that is kept for good."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.cli.shared import OK, REFUSED, say


def add_backup(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `backup`."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a folder to make, best on another disk")
    parser.set_defaults(command=_backup)


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `verify`."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", nargs="?",
        help="what `backup` wrote; without one, the audit trail, signatures and reports in use are checked",
    )  # fmt: skip
    parser.add_argument(
        "--goes-on", action="store_true", help="also that the audit trail in use goes on from the one in the backup"
    )
    parser.set_defaults(command=_verify)


def add_restore(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `restore`."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="what `backup` wrote; home and database must be empty, stop the app"
    )
    parser.add_argument(
        "--erasures", type=Path, metavar="FILE", help="erasures.jsonl of the home that was lost: what must go again"
    )
    parser.set_defaults(command=_restore)


def _backup(options: argparse.Namespace) -> int:
    from pipeline.store.backup import back_up
    from pipeline.store.verification import verify_trail

    for fault in verify_trail().faults:
        say(fault)  # a backup is made all the same
    made = back_up(options.folder)
    sys.stdout.write(f"{len(made.files)} files, {_megabytes(made.files)} MB in {options.folder}, verified\n")
    return OK


def _verify(options: argparse.Namespace) -> int:
    from pipeline.store.backup import require_going_on, verify_backup

    if options.folder is None:
        return _verify_home()
    found = verify_backup(options.folder)
    sys.stdout.write(f"{len(found.files)} files of {found.made}, version {found.version}: all as they were written\n")
    if options.goes_on:
        require_going_on(found)
        sys.stdout.write(f"The audit trail in use goes on from the {found.entries} entries of the backup\n")
    return OK


def _verify_home() -> int:
    from pipeline.store.verification import verify_files, verify_trail

    trail = verify_trail()
    faults = (*trail.faults, *verify_files())
    for fault in faults:
        say(fault)
    older = f", {trail.adopted} of them older than the chain" if trail.adopted else ""
    state = f"{len(faults)} faults" if faults else "all as they were written"
    sys.stdout.write(f"{trail.entries} entries since {trail.since:%Y-%m-%d}{older}: {state}\nlast hash {trail.head}\n")
    return REFUSED if faults else OK


def _restore(options: argparse.Namespace) -> int:
    from pipeline.config import home_root
    from pipeline.store.backup import restore_backup

    done = restore_backup(options.folder, erasures=options.erasures)
    sys.stdout.write(f"{len(done.backup.files)} files of {done.backup.made} restored into {home_root()}\n")
    if done.gone_again:
        sys.stdout.write(f"{done.gone_again} recordings that were deleted or erased since are so again\n")
    for digest in done.kept:
        say(
            f"Recording {digest[:12]} was deleted since, but is signed in the backup and stays; reopen, then delete it."
        )
    for digest in done.named:
        say(f"Texts about recording {digest[:12]} have the words of `--also` again; `erase` it with them once more.")
    for digest, what, why in done.failed:
        say(f"Recording {digest[:12]} was {what} since, and was not again; do it by hand. {why}")
    return REFUSED if done.failed else OK


def _megabytes(files: dict[str, tuple[str, int]]) -> str:
    return f"{sum(size for _, size in files.values()) / 1e6:.1f}"
