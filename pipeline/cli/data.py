"""`data`: fetches, verifies and describes the public databases."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline._util.provenance import current_commit
from pipeline.config import data_root
from pipeline.errors import DataError
from pipeline.labels import AAMI_CLASSES, aami_class

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pipeline.datasets.verify import Check
    from pipeline.types import Recording

ANNOTATED = ("mitdb", "svdb")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `data`."""
    parser.add_argument("names", nargs="*", metavar="DATABASE", help="default: all")
    parser.add_argument("--check", action="store_true", help="only verify what is there")
    parser.add_argument("--statistics", action="store_true", help="write the statistics that the Dataset page shows")
    parser.set_defaults(command=_data)


def _data(options: argparse.Namespace) -> int:
    return run_data(check=options.check, statistics=options.statistics, names=tuple(options.names))


def run_data(*, check: bool = False, statistics: bool = False, names: tuple[str, ...] = ()) -> int:
    """Run `python -m pipeline data`.

    Parameters
    ----------
    check : bool, optional
        Only verify what is in `data_root()` and print a table.
    statistics : bool, optional
        Write data/statistics.json and the sheet of sample beats from mitdb and svdb.
    names : tuple of str, optional
        Databases; all of the catalogue if empty.

    Returns
    -------
    int
        Exit code: 0, or 3 if `check` found anything missing or different.

    Raises
    ------
    DataError
        If a database is unknown or missing, or cannot be fetched.
    """
    from pipeline.datasets.catalogue import CATALOGUE, checksums, dataset
    from pipeline.datasets.verify import check_files

    if statistics:
        _write_statistics()
        return 0
    chosen = tuple(dataset(name) for name in names or tuple(CATALOGUE))
    if not check:
        for one in chosen:
            _download(one.name)
    checks = [check_files(one.name, data_root() / one.name, checksums(one.name)) for one in chosen]
    _console().print(check_table(checks))
    return 0 if all(found.complete for found in checks) else 3


def check_table(checks: list[Check]) -> Table:
    """Make a table with one row per database: records, beats per class, and whether every file is as published."""
    from rich.table import Table

    table = Table(title=f"Public databases in {data_root()}")
    for heading in ("database", "records", *AAMI_CLASSES, "files as published"):
        table.add_column(heading, justify="left" if heading == "database" else "right")
    for found in checks:
        records = found.readable_records()
        counts = _count_beats(found, records)
        verdict = f"{len(found.names('ok'))} of {len(found.files)}"
        for state in ("missing", "differs"):
            if bad := found.names(state):
                verdict += f"; {state}: {', '.join(bad[:3])}{' ...' if len(bad) > 3 else ''}"
        table.add_row(found.dataset, str(len(records)), *(f"{n:,}" for n in counts), verdict)
    return table


def read_records(names: tuple[str, ...] = ANNOTATED) -> Iterator[tuple[str, Recording]]:
    """Yield the recordings of databases that are as published, one after the other, as (database, recording).

    Raises
    ------
    DataError
        If a file is missing or differs.
    """
    from pipeline.datasets.catalogue import checksums
    from pipeline.datasets.verify import check_files
    from pipeline.intake import read_path

    for name in names:
        found = check_files(name, data_root() / name, checksums(name))
        if not found.complete:
            bad = (*found.names("missing"), *found.names("differs"))
            raise DataError(
                f"{len(bad)} files of {name} are missing or differ, such as {bad[0]}; run `python -m pipeline data`."
            )
        for record in found.readable_records():
            yield name, read_path(found.folder / f"{record}.hea")


def _count_beats(found: Check, records: tuple[str, ...]) -> list[int]:
    """Count the annotated beats of a database by class; its signals are not read, and not every database has them."""
    from pipeline.datasets.rhythm_references import read_rhythms

    total: Counter[str | None] = Counter()
    for record in records:
        if any(name.startswith(f"{record}.") and not name.endswith((".hea", ".dat")) for name in found.names("ok")):
            total.update(aami_class(symbol) for symbol in read_rhythms(found.folder / record, found.dataset).symbol)
    return [total[name] for name in AAMI_CLASSES]


def _download(name: str) -> None:
    from rich.progress import Progress

    from pipeline.datasets.catalogue import checksums, dataset
    from pipeline.datasets.download import download

    with Progress(console=_console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=1.0)
        download(
            dataset(name),
            data_root() / name,
            checksums(name),
            progress=lambda fraction, sentence: bar.update(task, completed=fraction, description=sentence),
        )


def _write_statistics() -> None:
    from pipeline.datasets.samples import INDEX_PATH, SHEET_PATH, sample_sheet, write_samples
    from pipeline.datasets.statistics import STATISTICS_PATH, gather_statistics, write_statistics

    provenance = {"command": "python -m pipeline data --statistics", "commit": current_commit()}
    write_statistics(gather_statistics(read_records(), provenance))
    write_samples(*sample_sheet(read_records()))
    _console(stderr=True).print(
        f"Written: {', '.join(path.name for path in (STATISTICS_PATH, SHEET_PATH, INDEX_PATH))}"
    )


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)
