"""The diagnostic superclasses that PTB-XL states of its records, with their patients and folds, and those of LUDB.

References
----------
Wagner P et al. PTB-XL, a large publicly available electrocardiography dataset. Sci Data 2020;7:154.
doi:10.1038/s41597-020-0495-6
Strodthoff N et al. Deep learning for ECG analysis: benchmarks and insights from PTB-XL. IEEE J Biomed Health Inform
2021;25(5):1519-1528. doi:10.1109/JBHI.2020.3022989 (a superclass is stated with any likelihood).
Kalyakulina AI et al. LUDB: a new open-access validation tool for electrocardiogram delineation algorithms. IEEE Access
2020;8:186181-186190. doi:10.1109/ACCESS.2020.3029211 (its diagnoses are put into the superclasses here).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.superclasses import SUPERCLASSES
from pipeline.errors import DataError

TABLE: Final = "ptbxl_database.csv"
STATEMENTS: Final = "scp_statements.csv"
LUDB_TABLE: Final = "ludb.csv"
_RX_CODE: Final = re.compile(r"'([^']+)'")


@dataclass(frozen=True)
class StatedSuperclasses:
    """A record, its patient and fold, and what was stated of it.

    Attributes
    ----------
    record : str
        DATABASE/RECORD, such as "ptbxl/00001_lr".
    header : Path
        Its header file.
    patient : str
        Equal for records of one person.
    fold : int
        PTB-XL's own, 1 to 10; the network was trained on 1 to 8. 0 in other databases.
    superclasses : tuple of str
        Those stated, in the order of `models.superclasses.SUPERCLASSES`.
    """

    record: str
    header: Path
    patient: str
    fold: int
    superclasses: tuple[str, ...]


def read_superclass_references(folder: Path) -> tuple[StatedSuperclasses, ...]:
    """Read what PTB-XL states of the records that are in its folder, in their order.

    Raises
    ------
    DataError
        If its tables cannot be read, or none of its records is there.
    """
    try:
        rows, groups = _rows(folder / TABLE), _groups(folder / STATEMENTS)
        found = tuple(_reference(row, groups, folder) for row in rows if _header(row, folder).is_file())
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise DataError(f"The tables of PTB-XL in {folder.name!r} cannot be read: {error!r}.") from error
    if not found:
        raise DataError(f"The folder {folder.name!r} holds none of the records of 100 Hz that {TABLE} lists.")
    return found


def read_ludb_superclasses(folder: Path) -> tuple[StatedSuperclasses, ...]:
    """Read what LUDB states of the records that are in its folder, one of each patient.

    Infarctions and scars are MI; ischaemia, suspected or not, and repolarisation abnormalities are STTC; blocks and
    delays of conduction CD; hypertrophies and overloads HYP. NORM is what has none of these and no pacemaker.

    Raises
    ------
    DataError
        If its table cannot be read.
    """
    try:
        rows = _rows(folder / LUDB_TABLE)
        named = [(row["ID"].strip(), _ludb_superclasses(row)) for row in rows]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise DataError(f"The table of LUDB in {folder.name!r} cannot be read: {error!r}.") from error
    return tuple(
        StatedSuperclasses(f"{folder.name}/{name}", folder / f"{name}.hea", name, 0, stated)
        for name, stated in named
        if (folder / f"{name}.hea").is_file()
    )


def _ludb_superclasses(row: dict[str, str]) -> tuple[str, ...]:
    ischaemia = [line.strip().lower() for line in row["Ischemia"].splitlines()]
    ischaemic = any(line.startswith(("ischemia", "undefined")) for line in ischaemia)
    there = {
        "MI": any(line.startswith(("stemi", "scar")) for line in ischaemia),
        "STTC": ischaemic or bool(row["Non-specific repolarization abnormalities"].strip()),
        "CD": bool(row["Conduction abnormalities"].strip()),
        "HYP": bool(row["Hypertrophies"].strip()),
    }
    there["NORM"] = not any(there.values()) and not row["Cardiac pacing"].strip()
    return tuple(name for name in SUPERCLASSES if there[name])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _groups(path: Path) -> dict[str, str]:
    """Return the superclass of each diagnostic statement; the first column, that of the codes, has no name."""
    return {row[""]: row["diagnostic_class"] for row in _rows(path) if row["diagnostic"] and row["diagnostic_class"]}


def _header(row: dict[str, str], folder: Path) -> Path:
    return folder / f"{row['filename_lr']}.hea"


def _reference(row: dict[str, str], groups: dict[str, str], folder: Path) -> StatedSuperclasses:
    stated = {groups.get(code) for code in _RX_CODE.findall(row["scp_codes"])}
    return StatedSuperclasses(
        record=f"{folder.name}/{Path(row['filename_lr']).name}",
        header=_header(row, folder),
        patient=f"{float(row['patient_id']):.0f}",
        fold=int(row["strat_fold"]),
        superclasses=tuple(name for name in SUPERCLASSES if name in stated),
    )
