"""`batch` and `worklist`: a whole archive of recordings as tables, and the most urgent of them as studies."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from pipeline.cli.shared import OK, REFUSED, lists_formats, positive, progress_bars, say
from pipeline.config import RECORDING_NETWORK

_TOLD = 20  # refusals that are listed; the summary has all


def add_batch(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `batch`."""
    parser.add_argument("place", metavar="DIR|GLOB|URL", help='a folder, a pattern in quotes, or "s3://bucket/folder"')
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="of the tables; a rerun leaves out what is finished"
    )
    parser.add_argument("--model", default=RECORDING_NETWORK, metavar="NAME", help="network (default: %(default)s)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help='of a Dask cluster, such as "tcp://10.0.0.5:8786"')
    parser.add_argument("--workers", type=positive, metavar="N", help="processes here (default: one per processor)")
    parser.set_defaults(command=_batch)
    lists_formats(parser)


def add_worklist(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `worklist`."""
    parser.add_argument("tables", type=Path, metavar="DIR", help="what `batch` wrote")
    parser.add_argument("--most", type=positive, default=200, metavar="N", help="of rows (default: %(default)s)")
    parser.add_argument("--urgent", action="store_true", help="only recordings with an urgent finding")
    parser.set_defaults(command=_worklist)


def _worklist(options: argparse.Namespace) -> int:
    from pipeline.archive.to_worklist import KNOWN, MADE, fill_worklist

    with progress_bars(1) as steps:
        filled = fill_worklist(options.tables, most=options.most, urgent_only=options.urgent, progress=next(steps))
    for record, reason in filled.refused[:_TOLD]:
        say(f"{record}: {reason}")
    made, known = filled.counts.get(MADE, 0), filled.counts.get(KNOWN, 0)
    sys.stdout.write(f"{made} on the worklist, {known} were there before, {len(filled.refused)} refused\n")
    return REFUSED if filled.refused else OK


def _batch(options: argparse.Namespace) -> int:
    from models import registry
    from pipeline.archive.run import run_archive

    registry.manifest(options.model)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it is said here, in one sentence
    with progress_bars(1) as steps:
        outcome = run_archive(
            options.place,
            options.output,
            network=options.model,
            scheduler=options.scheduler,
            workers=options.workers,
            progress=next(steps),
        )
    for record, reason in outcome.refused[:_TOLD]:
        say(f"{record}: {reason}")
    if len(outcome.refused) > _TOLD:
        say(f"{len(outcome.refused) - _TOLD} more are in the summary.")
    told = ", ".join(f"{count} {status}" for status, count in sorted(outcome.counts.items()))
    sys.stdout.write(f"{told}; {outcome.rows} rows in {options.output / 'summary.parquet'}\n")
    return REFUSED if outcome.refused else OK
