"""The states of a study: their names, in lists and on reports, and what FHIR calls the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

StudyState = Literal["new", "in_review", "signed", "reopened"]
FhirStatus = Literal["preliminary", "final", "amended"]


@dataclass(frozen=True)
class StateWords:
    """What a state is called: `name` in lists and badges, `on_report` where it says what the report is worth."""

    name: str
    on_report: str


STUDY_STATES: Final[Mapping[StudyState, StateWords]] = MappingProxyType(
    {
        "new": StateWords("New", "Not reviewed"),
        "in_review": StateWords("In review", "In review, not signed"),
        "signed": StateWords("Signed", "Signed"),
        "reopened": StateWords("Reopened", "Reopened, not signed"),
    }
)


def fhir_status(state: StudyState, signatures: int) -> FhirStatus:
    """FHIR's status of the result: final once signed, amended if signed again, preliminary without a signature.

    Parameters
    ----------
    state : str
        The study's state now.
    signatures : int
        How often it was signed so far.

    References
    ----------
    HL7 FHIR R4 (4.0.1), DiagnosticReport.status and Observation.status.
    """
    if state != "signed":
        return "preliminary"
    return "amended" if signatures > 1 else "final"
