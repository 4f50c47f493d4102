"""The public databases: what each is used for, where it comes from, its licence, and whom to cite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline.config import SHIPPED
from pipeline.errors import DataError

GOLDBERGER: Final = (
    "Goldberger AL et al. PhysioBank, PhysioToolkit, and PhysioNet. Circulation 2000;101(23):e215-e220. "
    "doi:10.1161/01.CIR.101.23.e215"
)


@dataclass(frozen=True)
class Dataset:
    """One database as its publisher describes it.

    Attributes
    ----------
    name : str
        Its folder in `data_root()`.
    title, version : str
        Its name and version.
    purpose : str
        What HeartVision uses it for.
    page_url, files_url : str
        Its page, and the address that file names are appended to; it ends with a slash.
    licence : str
        Name of the licence.
    citation : tuple of str
        The works that its licence asks to cite.
    """

    name: str
    title: str
    version: str
    purpose: str
    page_url: str
    files_url: str
    licence: str
    citation: tuple[str, ...]


def _physionet(name: str, title: str, purpose: str, citation: str) -> Dataset:
    return Dataset(
        name=name,
        title=title,
        version="1.0.0",
        purpose=purpose,
        page_url=f"https://physionet.org/content/{name}/1.0.0/",
        files_url=f"https://physionet.org/files/{name}/1.0.0/",
        licence="ODC-By 1.0",
        citation=(citation, GOLDBERGER),
    )


_ALL: Final = (
    _physionet(
        "mitdb",
        "MIT-BIH Arrhythmia Database",
        "training (DS1), testing (DS2) and the demo recording",
        "Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. IEEE Eng Med Biol 2001;20(3):45-50. "
        "doi:10.1109/51.932724",
    ),
    _physionet(
        "svdb",
        "MIT-BIH Supraventricular Arrhythmia Database",
        "a second, independent source of supraventricular beats; other leads, 128 Hz",
        "Greenwald SD, Patil RS, Mark RG. Improved detection and classification of arrhythmias in noise-corrupted "
        "electrocardiograms using contextual information. Computers in Cardiology 1990:461-464",
    ),
    _physionet(
        "nstdb",
        "MIT-BIH Noise Stress Test Database",
        "electrode motion, baseline wander and muscle noise to test with",
        "Moody GB, Muldrow WE, Mark RG. A noise stress test for arrhythmia detectors. Computers in Cardiology "
        "1984;11:381-384",
    ),
    _physionet(
        "vfdb",
        "MIT-BIH Malignant Ventricular Ectopy Database",
        "training and testing of rhythms in the signal: ventricular tachycardia, flutter and fibrillation, asystole, "
        "noise; no beats are annotated",
        "Greenwald SD. The development and analysis of a ventricular fibrillation detector. M.S. thesis, MIT 1986",
    ),
    _physionet(
        "ltafdb",
        "Long Term AF Database",
        "training and testing of atrial fibrillation in the annotated beats of whole days",
        "Petrutiu S, Sahakian AV, Swiryn S. Abrupt changes in fibrillatory wave characteristics at the termination of "
        "paroxysmal atrial fibrillation in humans. Europace 2007;9(7):466-470. doi:10.1093/europace/eum096",
    ),
    _physionet(
        "nsr2db",
        "Normal Sinus Rhythm RR Interval Database",
        "false alarms of rhythms in the annotated beats of healthy people",
        "Stein PK. Normal Sinus Rhythm RR Interval Database, version 1.0.0. PhysioNet",
    ),
)
CATALOGUE: Final = MappingProxyType({dataset.name: dataset for dataset in _ALL})


def dataset(name: str) -> Dataset:
    """Return the database called `name`.

    Raises
    ------
    DataError
        If no database of that name is known.
    """
    if name not in CATALOGUE:
        raise DataError(f"There is no database {name!r} here; known are {', '.join(CATALOGUE)}.")
    return CATALOGUE[name]


def checksums(name: str) -> dict[str, str]:
    """Return the SHA-256 (lower-case hex) per file name of a database, from data/checksums/NAME.txt.

    Raises
    ------
    DataError
        If the list is missing: the database is not known, or the project's own files are incomplete.
    """
    path = SHIPPED / "checksums" / f"{dataset(name).name}.txt"
    if not path.is_file():
        raise DataError(f"The list of checksums {path} is missing; get the project's files again.")
    lines = path.read_text(encoding="ascii").splitlines()
    return {file: digest for digest, file in (line.split(maxsplit=1) for line in lines if line)}


def record_names(name: str) -> tuple[str, ...]:
    """Return the records of a database, in order: every header in its list of checksums."""
    return tuple(sorted(file.removesuffix(".hea") for file in checksums(name) if file.endswith(".hea")))


def database_folder(data_dir: Path, database: str = "mitdb") -> Path:
    """Return the folder with a database's records: `data_dir`'s subfolder of that name, or `data_dir` itself.

    Raises
    ------
    DataError
        If there is none, or `data_dir` holds another database, whose patients would count under a wrong name.
    """
    if any((data_dir / database).glob("*.hea")):
        return data_dir / database
    found = {file.stem for file in data_dir.glob("*.hea")}
    if not found:
        raise DataError(
            f"There are no records (.hea) of {database!r} in {str(data_dir)!r}; "
            "run `python -m pipeline data` to fetch them."
        )
    if found & set(record_names(database)):
        return data_dir  # names are no proof: mitdb and ltafdb both have a record 101
    if other := next((name for name in CATALOGUE if found & set(record_names(name))), None):
        raise DataError(
            f"{str(data_dir)!r} holds records of {other!r} and none of {database!r} are beside them; "
            "give the folder that holds both databases."
        )
    return data_dir
