"""The main figures of a report on beats as lines of text, for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pipeline.evaluation.report_schema import RecordRow, Report
from pipeline.wording import grouped, no_share, score

EC57: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{"qrs_se": "QRS Se", "qrs_ppv": "QRS +P", "S_se": "S Se", "S_ppv": "S +P"},
        **{"V_se": "V Se", "V_ppv": "V +P"},
    }
)


def record_lines(report: Report) -> list[str]:
    """Return EC57's table: each record, and the average over records."""
    width = max(8, *(len(row.record) for row in report.per_record)) + 2
    lines = [f"{'record':<{width}}{'beats':>9}" + "".join(f"{title:>10}" for title in EC57.values())]
    for row in report.per_record:
        lines.append(f"{row.record:<{width}}{grouped(row.beats):>9}" + "".join(f"{_of(row, m):>10}" for m in EC57))
    average = "".join(f"{score(report.average.get(measure)):>10}" for measure in EC57)
    return [*lines, f"{'average':<{width}}{grouped(report.beats.reference):>9}{average}"]


def gross_lines(report: Report) -> list[str]:
    """Return the figures over all beats with their intervals, of whole records and by EC57's rules."""
    lines = []
    for variant, overall in (("whole recordings", report.overall), (report.ec57.title, report.ec57.overall)):
        known = any(e.low is not None for e in overall.values())
        spread = "with 95 % intervals over records" if known else "without intervals, which one patient does not give"
        lines.append(f"Gross, {variant}, {spread}:")
        told = [(title, overall[m]) for m, title in (*EC57.items(), ("accuracy", "accuracy")) if m in overall]
        figures = [f"  {title:<19}{score(e.value, e.low, e.high)}" for title, e in told if e.value is not None]
        lines += figures or ["  no beat is left"]
        if (ece := overall.get("ece")) is not None and ece.value is not None:
            lines.append(f"  {'calibration error':<19}{no_share(ece.value, ece.low, ece.high)}")
    return lines


def _of(row: RecordRow, measure: str) -> str:
    value: float | None = getattr(row, measure)
    return score(value)
