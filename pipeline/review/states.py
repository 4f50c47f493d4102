"""The states of a study: their names, in lists and on reports, what FHIR calls the result, and its signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True)
class Signing:
    """One signature and what belongs to it.

    Attributes
    ----------
    number : int
        1 for the first; a later one is an amendment.
    version : int
        Version of the audit trail.
    who : str
        The reader.
    at : datetime
        When, UTC.
    conclusion : str
        What was concluded.
    findings : tuple of str
        Keys of the facts that the conclusion was made from.
    reason : str
        Why it was signed although something urgent was undecided; "" where nothing was.
    report : str
        SHA-256 of the report that was stored; "" for a signature of an earlier version, or without the recording.
    seal : str
        SHA-256 over all that was signed, see `pipeline.store.seals`; "" for a signature of an earlier version.
    """

    number: int
    version: int
    who: str
    at: datetime
    conclusion: str
    findings: tuple[str, ...]
    reason: str
    report: str
    seal: str = ""

    @property
    def name(self) -> str:
        """What its report is called."""
        return "Signed report" if self.number == 1 else f"Amendment {self.number - 1}"


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
