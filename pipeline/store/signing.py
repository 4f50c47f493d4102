"""What a study was signed with: conclusions, reasons, reports and their amendments."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.review.states import Signing
from pipeline.store.log import Entry
from pipeline.store.seals import REPORT, REPORTS_GONE, Seal


def signings(entries: Sequence[Entry]) -> tuple[Signing, ...]:
    """Return every signature of a study, the first one first; `entries` are its audit trail, in order."""
    found: list[Signing] = []
    findings, reason = "", ""
    main = [entry for entry in entries if entry.reading == "main"]
    erased = max((entry.seq for entry in main if (entry.event, entry.kind) == REPORTS_GONE), default=0)
    reports = {entry.seq: entry.text for entry in main if entry.event == REPORT and entry.seq > erased}
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
                    seal=Seal.of(entry.seal).hash,
                )
            )
            findings, reason = "", ""
    return tuple(found)
