"""What the evaluation of measured statements holds. Imports no scikit-learn and no SciPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Final

from models.registry import WEIGHTS
from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import read_as
from pipeline.errors import DataError
from pipeline.evaluation.schema import Estimate

AGAIN: Final = "run `python -m pipeline evaluate --twelve-leads` again"
STATEMENTS_FILE: Final = WEIGHTS / "statements" / "statements.json"
TITLES: Final[Mapping[str, str]] = {
    **{"AFIB": "Atrial fibrillation", "AFLT": "Atrial flutter", "STACH": "Sinus tachycardia"},
    **{"SBRAD": "Sinus bradycardia", "PACE": "Paced rhythm", "1AVB": "First-degree AV block"},
    **{"2AVB": "Second-degree AV block", "3AVB": "Complete AV block", "RBBB": "Right bundle branch block"},
    **{"IRBBB": "Incomplete right bundle branch block", "LBBB": "Left bundle branch block"},
    **{"ILBBB": "Incomplete left bundle branch block", "IVCD": "Nonspecific conduction delay"},
    **{"LAFB": "Left anterior fascicular block", "LPFB": "Left posterior fascicular block"},
    **{"LVH": "Left ventricular hypertrophy (voltage)", "RVH": "Right ventricular hypertrophy (voltage)"},
    **{"LAD": "Left axis deviation", "RAD": "Right axis deviation", "WPW": "Pre-excitation"},
    **{"LVOLT": "Low voltage", "Q": "Pathological Q waves", "STE": "ST elevation", "STD": "ST depression"},
    **{"TINV": "T wave inversion", "TLOW": "Flat or low T waves", "LQT": "Long QT", "PVC": "Ventricular ectopic beats"},
    **{"PAC": "Supraventricular ectopic beats", "ST-T-Q": "Any of ST, T and Q"},
}
SEVERAL: Final = ("STE", "Q")  # targets that stand for all statements whose code begins so


@dataclass(frozen=True)
class StatedCase:
    """A record of which a rare statement is true: its name, and what was said."""

    record: str
    found: bool
    said: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class StatementScores:
    """How often one statement is right.

    Attributes
    ----------
    code, title : str
        Its code, and its name for readers.
    positives, negatives : int
        Records of which it is stated, and the others.
    right, wrong : int
        How often it was said, rightly and wrongly.
    se, sp, ppv : Estimate
        With Wilson intervals.
    se_at_97 : Estimate or None
        Sensitivity at a specificity of at least .97: the criterion's own, if it is as specific, or that at the limit
        `limit_at_97` of the number that it reads, if that is higher; None where there is neither.
    limit_at_97 : float or None
        That limit, as a multiple of the published one.
    cases : tuple of StatedCase
        All positives, where there are fewer than 15.
    weak : bool
        Whether it is too weak to be shown.
    any_age : int or None
        Of ST elevation: in how many of the records of which it was said an infarction, acute or old, is stated.
    """

    code: str
    title: str
    positives: int
    negatives: int
    right: int
    wrong: int
    se: Estimate
    sp: Estimate
    ppv: Estimate
    se_at_97: Estimate | None
    limit_at_97: float | None
    cases: tuple[StatedCase, ...]
    weak: bool
    any_age: int | None = None


@dataclass(frozen=True)
class Share:
    """How many of some records have something, and which have not."""

    title: str
    count: int
    of: int
    share: Estimate
    without: tuple[StatedCase, ...]


@dataclass(frozen=True)
class StatementsEvaluation:
    """Measured statements against those of cardiologists.

    Attributes
    ----------
    provenance : Provenance
        Where the figures come from.
    records : mapping of str to int
        Number by database.
    statements : tuple of StatementScores
        By target.
    shares : tuple of Share
        ST, T and Q in LUDB: records with an infarction or ischaemia that have such a statement, and others that have
        none.
    refused : mapping of str to str
        Records that could not be read, and why.
    """

    SCHEMA: ClassVar[str] = "statements-1"
    provenance: Provenance
    records: Mapping[str, int]
    statements: tuple[StatementScores, ...]
    shares: tuple[Share, ...]
    refused: Mapping[str, str]

    def of(self, code: str) -> StatementScores | None:
        """Return the scores of a statement by its own code, such as "STE-ANT"; None if it was not evaluated."""
        name = next((one for one in SEVERAL if code.startswith(f"{one}-")), code)
        return next((one for one in self.statements if one.code == name), None)


def read_statements(path: Path = STATEMENTS_FILE) -> StatementsEvaluation:
    """Read the file that the evaluation wrote.

    Raises
    ------
    DataError
        If it cannot be read, or is of another version.
    """
    return read_as(StatementsEvaluation, path, again=AGAIN)


@cache
def shipped_statements() -> StatementsEvaluation | None:
    """Return the shipped evaluation; None if there is none of this version."""
    try:
        return read_statements()
    except DataError:
        return None
