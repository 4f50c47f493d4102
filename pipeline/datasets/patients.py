"""Whose recordings the records of public databases are, which a split by patient goes by, and rhythms in their tables.

References
----------
Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. IEEE Eng Med Biol 2001;20(3):45-50.
doi:10.1109/51.932724; the database's directory says that 201 and 202 are from the same man.
Laguna P et al. A database for evaluation of algorithms for measurement of QT and other waveform intervals in the ECG.
Comput Cardiol 1997;24:673-676. doi:10.1109/CIC.1997.648140 (qtdb: sel1xx and sel2xx are mitdb, sel8xx svdb).
Moody GB, Muldrow WE, Mark RG. A noise stress test for arrhythmia detectors. Computers in Cardiology 1984;11:381-384
(nstdb: 118 and 119 of mitdb, with noise).
Wagner P et al. PTB-XL, a large publicly available electrocardiography dataset. Sci Data 2020;7:154.
doi:10.1038/s41597-020-0495-6 (ptbxl_database.csv states the patients).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline.datasets.rhythm_references import read_strip_labels, strip_rhythm
from pipeline.datasets.splits import SAME_PERSON
from pipeline.errors import DataError
from pipeline.rhythm_names import RHYTHM_NAMES
from pipeline.types import RhythmCode

PTBXL: Final = "ptbxl_database.csv"
# The SCP-ECG statements of PTB-XL that name a rhythm (scp_statements.csv, column "rhythm").
SCP_RHYTHMS: Final[Mapping[str, RhythmCode]] = MappingProxyType(
    {
        "SR": "N",
        "SARRH": "N",
        "SBRAD": "SBR",
        "STACH": "ST",
        "AFIB": "AFIB",
        "AFLT": "AFL",
        "SVTAC": "SVTA",
        "PSVT": "SVTA",
        "PACE": "P",
        "BIGU": "B",
        "TRIGU": "T",
    }
)
_RX_TAKEN: Final = re.compile(r"(?:sel(?P<qt>[128]\d\d)|(?P<ns>11[89])e_?\d+)")


@dataclass(frozen=True)
class StatedFacts:
    """What a database's own table states of a record: whose it is, and its rhythm, None if none has a code."""

    patient: str
    rhythm: RhythmCode | None = None


def patient_of(database: str, record: str) -> str:
    """Return a name for the patient of a record: equal for records of one person, as far as that is known.

    Parameters
    ----------
    database : str
        The database's folder, such as "mitdb"; "" for recordings of your own.
    record : str
        The record's name.

    Examples
    --------
    >>> patient_of("mitdb", "201") == patient_of("mitdb", "202"), patient_of("qtdb", "sel100")
    (True, 'mitdb/100')
    """
    if database in ("qtdb", "nstdb") and (found := _RX_TAKEN.fullmatch(record)):
        number = found["qt"] or found["ns"]
        return patient_of("svdb" if number.startswith("8") else "mitdb", number)
    if database == "mitdb":
        record = next((same[0] for same in SAME_PERSON if record in same), record)
    return f"{database}/{record}" if database else record


def read_patients(path: Path) -> dict[str, str]:
    """Read a table of patients: a CSV file whose first two columns are record and patient, with a heading.

    Raises
    ------
    DataError
        If it cannot be read, or a record is of two patients.
    """
    try:
        rows = list(csv.reader(path.read_text("utf-8-sig").splitlines()))[1:]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"The table of patients {path.name!r} cannot be read as CSV in UTF-8.") from error
    found: dict[str, str] = {}
    for row in rows:
        if len(row) < 2 or not row[0].strip() or not row[1].strip():
            raise DataError(f"The table of patients {path.name!r} has a line without a record and a patient.")
        record, patient = row[0].strip(), row[1].strip()
        if found.setdefault(record, patient) != patient:
            raise DataError(f"The table of patients {path.name!r} gives record {record!r} to two patients.")
    return found


def read_ptbxl(folder: Path) -> Mapping[str, StatedFacts]:
    """Return what PTB-XL states of each record, by its file's name, such as "00001_lr"; nothing without its table."""
    try:
        with (folder / PTBXL).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {
            Path(row[column]).name: StatedFacts(f"ptbxl/{float(row['patient_id']):.0f}", _scp_rhythm(row["scp_codes"]))
            for row in rows
            for column in ("filename_lr", "filename_hr")
        }
    except (OSError, ValueError, KeyError, csv.Error):
        return {}


def read_cinc2017(folder: Path) -> Mapping[str, StatedFacts]:
    """Return what the Challenge of 2017 states of each strip; nothing without its table."""
    try:
        labels = read_strip_labels(folder)
    except DataError:
        return {}
    return {
        name: StatedFacts(f"cinc2017/{name}", episodes[0].rhythm if (episodes := strip_rhythm(label, 1.0)) else None)
        for name, label in labels.items()
    }


def _scp_rhythm(codes: str) -> RhythmCode | None:
    """Return the most urgent rhythm among SCP-ECG statements, written as a Python mapping from code to likelihood."""
    stated = {SCP_RHYTHMS[code] for code in re.findall(r"'([A-Z0-9_]+)'", codes) if code in SCP_RHYTHMS}
    return next((code for code in RHYTHM_NAMES if code in stated), None)
