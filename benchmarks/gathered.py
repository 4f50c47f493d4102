"""The numbers of PTB-XL's and LUDB's records that criteria read, kept in a folder so that a stopped run goes on."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline._util.files import write_json
from pipeline._util.typed_json import read_as, to_json
from pipeline.analysis import analyse, load_classifier
from pipeline.config import DEFAULT, RECORDING_NETWORK, data_root
from pipeline.datasets.statement_references import StatedRecord, stated_records
from pipeline.datasets.wave_references import LUDB_HELD_OUT
from pipeline.intake import read_path
from pipeline.twelve_leads.facts import Facts
from pipeline.twelve_leads.measuring import gather
from pipeline.twelve_leads.reading import read_waves
from pipeline.twelve_leads.superclasses import read_superclasses

TEST_FOLDS: Final = frozenset({"9", "10"})  # of PTB-XL, that no choice may see


@dataclass(frozen=True)
class Gathered:
    """A record, what was stated of it, its numbers, and whether choices may see it."""

    stated: StatedRecord
    facts: Facts
    choices: bool


def work_option(parser: argparse.ArgumentParser) -> None:
    """Adds the folder of records that were read."""
    parser.add_argument("--work", type=Path, default=Path("gathered-work"), help="folder of records that were read")


def gathered(work: Path) -> Iterator[Gathered]:
    """Reads the records end to end, or what an earlier run of the same code kept of them in `work`."""
    classifier = load_classifier(RECORDING_NETWORK)
    folds = _folds()
    for stated in stated_records(data_root()):
        kept = work / f"{stated.record.replace('/', '-')}.json"
        if not kept.is_file():
            recording = read_path(stated.header)
            if stated.age_years is not None or stated.sex is not None:
                recording = replace(recording, age_years=stated.age_years, sex=stated.sex)
            analysis = analyse(recording, classifier, DEFAULT)
            diagnosis = read_superclasses(recording.p_signal, recording.leads, recording.fs) or {}
            facts = gather(recording, analysis, read_waves(recording, analysis), diagnosis).facts
            write_json(kept, to_json(facts), private=True)
        name = stated.header.stem
        choices = folds[name] not in TEST_FOLDS if name in folds else name not in LUDB_HELD_OUT
        yield Gathered(stated, read_as(Facts, kept, again="delete it"), choices)


def _folds() -> dict[str, str]:
    table = data_root() / "ptbxl" / "ptbxl_database.csv"
    rows = csv.DictReader(table.read_text("utf-8").splitlines())
    return {Path(row["filename_lr"]).name: row["strat_fold"] for row in rows}
