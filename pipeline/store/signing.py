"""What a study was signed with: verdicts on statements, conclusions, reasons, reports and their amendments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, get_args

from pipeline.errors import ReviewError
from pipeline.review.conclusion import StatementVerdict
from pipeline.review.states import Signing
from pipeline.store.log import Entry, open_log
from pipeline.store.reviews import check_writable

VERDICTS: Final[tuple[StatementVerdict, ...]] = get_args(StatementVerdict)


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


def verdicts(entries: Sequence[Entry]) -> Mapping[str, StatementVerdict]:
    """Return what was decided about statements last, by code; `entries` are the audit trail, in order."""
    found: dict[str, StatementVerdict] = {}
    for entry in entries:
        verdict = next((one for one in VERDICTS if one == entry.kind), None)
        if entry.event == "statement" and verdict is not None:
            found[entry.text] = verdict
    return found


def judge_statement(
    study_id: int, code: str, verdict: StatementVerdict, *, reader: str, expected_version: int, key: str | None = None
) -> int:
    """Confirm or reject a statement of the measurements, or leave it open again; on disk when this returns.

    Parameters
    ----------
    study_id : int
        Which study.
    code : str
        Of the statement.
    verdict : StatementVerdict
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
