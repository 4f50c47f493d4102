"""The tables of docs/experiments/waves.md, made of waves.json: `python -m benchmarks.wave_tables`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks.results import MarkErrors, WaveBenchmark
from pipeline._util.typed_json import read_as
from pipeline.config import ROOT

REPORT: Final = ROOT / "docs" / "experiments" / "waves.json"
PAGE: Final = ROOT / "docs" / "experiments" / "waves.md"
START, END = "<!-- waves:start -->\n", "<!-- waves:end -->"
LUDB_MARKS: Final = ("p on", "p off", "qrs on", "qrs off", "t off")


def main() -> None:
    """Write the tables into the page."""
    before, rest = PAGE.read_text("utf-8").split(START)
    after = rest.split(END)[1]
    tables = "\n\n".join(tables_of(read_as(WaveBenchmark, REPORT, again="python -m benchmarks.waves --write")))
    PAGE.write_text(f"{before}{START}{tables}\n{END}{after}", "utf-8")


def tables_of(report: WaveBenchmark) -> Iterator[str]:
    """Yield each paragraph and table."""
    missing = f" Not installed: {', '.join(report.missing)}." if report.missing else ""
    yield (
        f"`{report.command}`, commit {report.commit}, weights `{report.weights}`: {len(report.ludb_records)} records "
        f"of LUDB, {len(report.qtdb_records)} of QTDB.{missing}"
    )
    yield "LUDB, lead II: mean ± standard deviation of found less reference, ms (share of the marks that were found)"
    rows = [[name, *(_errors(score.ludb[mark]) for mark in LUDB_MARKS)] for name, score in report.scores.items()]
    yield _table(("detector", *LUDB_MARKS), rows)
    yield "LUDB, lead II: per record, median absolute error of the median interval, ms; P waves"
    head = ("detector", "PR", "QRS", "QT", "P: Se", "PPV", "no P where there is none")
    yield _table(
        head,
        [
            [
                name,
                *(_number(score.intervals[one].median_absolute_ms) for one in ("PR", "QRS", "QT")),
                *(f"{value:.3f}" for value in (score.p_se, score.p_ppv, score.no_p_there)),
            ]
            for name, score in report.scores.items()
        ],
    )
    yield "QTDB, the better lead of each mark: mean ± standard deviation, ms (share found)"
    rows = [[name, *(_errors(score.qtdb[mark]) for mark in LUDB_MARKS)] for name, score in report.scores.items()]
    yield _table(("detector", *LUDB_MARKS), rows)


def _errors(found: MarkErrors) -> str:
    if found.mean_ms is None:
        return "-"
    return f"{found.mean_ms:+.1f} ± {found.sd_ms:.1f} ({100 * found.found / found.reference:.0f} %)"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
