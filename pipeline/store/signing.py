"""What a study was signed with: verdicts on statements, conclusions, reasons, reports and their amendments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, get_args

from pipeline.errors import ReviewError
from pipeline.review.conclusion import Verdict
from pipeline.store.log import Entry, open_log
from pipeline.store.reviews import check_writable

VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)


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
    """

    number: int
    version: int
    who: str
    at: datetime
    conclusion: str
    findings: tuple[str, ...]
    reason: str
    report: str

    @property
    def name(self) -> str:
        """What its report is called."""
        return "Signed report" if self.number == 1 else f"Amendment {self.number - 1}"


def signings(entries: Sequence[Entry]) -> tuple[Signing, ...]:
    """Return every signature of a study, the first one first; `entries` are its audit trail, in order."""
    found: list[Signing] = []
    findings, reason = "", ""
    main = [entry for entry in entries if entry.reading == "main"]
    reports = {entry.seq: entry.text for entry in main if entry.event == "report"}
    for entry in main:
        if entry.event == "concluded":
            findings = entry.text
        elif entry.event == "urgent_open":
            reason = entry.text
        elif entry.event == "sign":
            own = reports.get(entry.seq + 1, "")
            found.append(
                Signing(
                    number=len(found) + 1,
                    version=entry.seq,
                    who=entry.who,
                    at=entry.at,
                    conclusion=entry.text,
                    findings=tuple(findings.split()),
                    reason=reason,
                    report=own,
                )
            )
            findings, reason = "", ""
    return tuple(found)


def verdicts(entries: Sequence[Entry]) -> Mapping[str, Verdict]:
    """Return what was decided about statements last, by code; `entries` are the audit trail, in order."""
    found: dict[str, Verdict] = {}
    for entry in entries:
        verdict = next((one for one in VERDICTS if one == entry.kind), None)
        if entry.event == "statement" and verdict is not None:
            found[entry.text] = verdict
    return found


def judge_statement(
    study_id: int, code: str, verdict: Verdict, *, reader: str, expected_version: int, key: str | None = None
) -> int:
    """Confirm or reject a statement of the measurements, or leave it open again; on disk when this returns.

    Parameters
    ----------
    study_id : int
        Which study.
    code : str
        Of the statement.
    verdict : Verdict
        "confirmed", "rejected" or "open".
    reader : str
        Who decides.
    expected_version : int
        The version of the main reading that the reader saw.
    key : str, optional
        Names this request, so that it is carried out once.

    Returns
    -------
    int
        The new version.

    Raises
    ------
    StaleVersion
        If someone else was faster; nothing is changed.
    ReviewError
        If the verdict is unknown, the study signed, or not begun, or not this reader's to change.
    """
    if verdict not in VERDICTS:
        raise ReviewError(f"A verdict {verdict!r} is unknown; choose one of {', '.join(VERDICTS)}.")
    with open_log(study_id, "main", reader, key) as log:
        if not log.repeats("statement"):
            check_writable(log, expected_version)
            if log.study.state == "new":
                raise ReviewError("This study has not been reviewed; begin the review before you judge a statement.")
            log.append("statement", kind=verdict, text=code)
        return log.version
