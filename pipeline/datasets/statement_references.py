"""What cardiologists stated of the twelve-lead records of PTB-XL and LUDB, by the codes of our statements.

References
----------
Wagner P et al. PTB-XL, a large publicly available electrocardiography dataset. 2020. doi:10.1038/s41597-020-0495-6
Kalyakulina AI et al. LUDB: A new open-access validation tool for electrocardiogram delineation algorithms. 2020.
doi:10.1109/ACCESS.2020.3029211
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline.errors import DataError
from pipeline.identity import Sex

_MI: Final = ("IMI", "ASMI", "AMI", "ALMI", "ILMI", "LMI", "IPMI", "IPLMI", "PMI")
_INJURY: Final = ("INJAS", "INJAL", "INJIN", "INJIL", "INJLA")
_ISCHAEMIA: Final = ("ISC_", "ISCAL", "ISCIL", "ISCIN", "ISCLA", "ISCAS", "ISCAN", "ANEUR", "STD_", "INVT", "QWAVE")
SCP_CODES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **{code: (code,) for code in ("AFIB", "AFLT", "STACH", "SBRAD", "PACE", "1AVB", "2AVB", "3AVB", "IRBBB")},
        **{code: (code,) for code in ("ILBBB", "IVCD", "LAFB", "LPFB", "RVH", "WPW", "LVOLT", "PVC", "PAC")},
        **{"RBBB": ("CRBBB",), "LBBB": ("CLBBB",), "LVH": ("LVH", "VCLVH"), "Q": (*_MI, "QWAVE")},
        **{"STE": ("STE_", *_INJURY), "STD": ("STD_",), "TINV": ("INVT",), "LQT": ("LNGQT",)},
        "TLOW": ("NDT", "NT_", "LOWT", "TAB_"),
        "ST-T-Q": (*_MI, *_INJURY, *_ISCHAEMIA),
    }
)
LUDB_PHRASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{"AFIB": "Rhythm: Atrial fibrillation", "AFLT": "Rhythm: Atrial flutter", "PACE": ".*pacing"},
        **{"STACH": "Rhythm: Sinus tachycardia", "SBRAD": "Rhythm: Sinus bradycardia", "1AVB": "I degree AV"},
        **{"2AVB": "II degree AV", "3AVB": "III degree AV", "RBBB": "Complete right bundle"},
        **{"IRBBB": "Incomplete right bundle", "LBBB": "Complete left bundle", "ILBBB": "Incomplete left bundle"},
        **{"IVCD": "Non-specific intra", "LAFB": "Left anterior hemi", "LPFB": "Left posterior hemi"},
        **{"LVH": "Left ventricular hypertrophy", "RVH": "Right ventricular hypertrophy", "Q": "Scar formation"},
        **{"LAD": ".*left axis deviation", "RAD": ".*right axis deviation", "STE": "STEMI", "PVC": "Ventricular ex"},
        **{"TLOW": "Non-specific repolarization"},
        **{"PAC": "Atrial extrasystole", "ST-T-Q": "STEMI|Ischemia|Scar formation|Undefined ischemia"},
    }
)
_AXES: Final = MappingProxyType({"LAD": "LAD", "ALAD": "LAD", "RAD": "RAD", "ARAD": "RAD", "AXR": "RAD"})
_OLDEST_YEARS: Final = 90  # PTB-XL writes 300 for patients over 89


@dataclass(frozen=True)
class StatedRecord:
    """A record and what was stated of it.

    Attributes
    ----------
    record : str
        DATABASE/RECORD.
    header : Path
        Its header file.
    targets : frozenset of str
        Codes of our statements; "STE", "Q" and "ST-T-Q" stand for several.
    known : frozenset of str
        Codes that this database states at all: of others nothing is known.
    phrases : tuple of str
        As stated.
    age_years : int or None
        Age.
    sex : "F", "M" or None
        Sex.
    """

    record: str
    header: Path
    targets: frozenset[str]
    known: frozenset[str]
    phrases: tuple[str, ...]
    age_years: int | None
    sex: Sex | None


def stated_records(data_dir: Path) -> tuple[StatedRecord, ...]:
    """Return the records of PTB-XL (100 Hz) and LUDB that are there.

    Raises
    ------
    DataError
        If there is none, or a table cannot be read.
    """
    found = (*_ptbxl(data_dir / "ptbxl"), *_ludb(data_dir / "ludb"))
    if not found:
        raise DataError(f"There is neither ptbxl/ nor ludb/ in {data_dir.name!r}; give the folder that holds them.")
    return found


def _ptbxl(folder: Path) -> Iterator[StatedRecord]:
    table = folder / "ptbxl_database.csv"
    if not table.is_file():
        return
    try:
        rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
        yield from (_of_row(row, folder) for row in rows if (folder / f"{row['filename_lr']}.hea").is_file())
    except (OSError, ValueError, KeyError, SyntaxError) as error:
        raise DataError(f"The table of PTB-XL in {folder.name!r} cannot be read: {error!r}.") from error


def _of_row(row: Mapping[str, str], folder: Path) -> StatedRecord:
    codes = set(ast.literal_eval(row["scp_codes"]))
    targets = {name for name, members in SCP_CODES.items() if codes & set(members)}
    known = set(SCP_CODES)
    if row["heart_axis"]:  # not stated of every record
        known |= {"LAD", "RAD"}
        targets |= {_AXES[row["heart_axis"]]} if row["heart_axis"] in _AXES else set()
    header = folder / f"{row['filename_lr']}.hea"
    age = min(_OLDEST_YEARS, round(float(row["age"]))) if row["age"] else None
    sex: Sex = "F" if row["sex"] == "1" else "M"
    return StatedRecord(
        f"ptbxl/{header.stem}", header, frozenset(targets), frozenset(known), tuple(sorted(codes)), age, sex
    )


def _ludb(folder: Path) -> Iterator[StatedRecord]:
    for header in sorted(folder.glob("*.hea"), key=lambda path: int(path.stem)):
        lines = [line.lstrip("#").strip() for line in header.read_text("utf-8", "replace").splitlines()]
        phrases = tuple(line for line in lines[1:] if line and not line.startswith("<") and ".dat " not in line)
        targets = {name for name, rx in LUDB_PHRASES.items() if any(re.match(rx, phrase) for phrase in phrases)}
        yield StatedRecord(
            f"ludb/{header.stem}", header, frozenset(targets), frozenset(LUDB_PHRASES), phrases, None, None
        )  # age and sex are in the header, and read with it
