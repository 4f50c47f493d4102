"""How numbers are written: one convention for all pages and the report."""

from __future__ import annotations

import re

import pytest

from pipeline.config import ROOT
from pipeline.wording import (
    RESEARCH_USE,
    burden,
    clock,
    grouped,
    no_share,
    of_the_classified,
    percent,
    report_clock,
    score,
    share,
)


@pytest.mark.parametrize(("count", "text"), [(7, "7"), (1963, "1 963"), (109_206, "109 206"), (1234.4, "1 234")])
def test_a_count_has_a_space_between_thousands(count: float, text: str) -> None:
    assert grouped(count) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(None, "–"), (0.0, "0 %"), (0.0004, "< 0.1 %"), (0.2105, "21.1 %"), (0.9996, "> 99.9 %"), (1.0, "100 %")],
)
def test_some_is_never_none_and_almost_all_is_never_all(fraction: float | None, text: str) -> None:
    assert share(fraction) == text


def test_a_burden_is_of_the_classified_beats_and_says_so() -> None:
    counts = {"N": 360, "S": 10, "V": 100, "F": 17, "Q": 0, "U": 15, "X": 3}
    assert (burden(counts, "N"), burden(counts, "Q"), burden({"U": 4}, "V")) == ("73.9 %", "0 %", "–")
    assert of_the_classified(counts) == "Shares are of the 487 classified beats."


def test_scores_and_measures_that_are_no_share_carry_their_interval() -> None:
    assert (score(0.931, 0.902, 0.954), score(0.5), score(None)) == ("93.1 % (90.2–95.4)", "50.0 %", "–")
    assert (no_share(0.98712, 0.981, 0.992), no_share(None)) == ("0.987 (0.981–0.992)", "–")


def test_one_answer_is_never_certain() -> None:
    assert [percent(p) for p in (0.9999, 0.47, 0.001)] == ["> 99 %", "47 %", "< 1 %"]


def test_no_page_writes_per_cent_or_thousands_by_itself() -> None:
    own = re.compile(r"(?<![%{])\{[^{}]*:,(\.0f)?\}|\* 100:\.\df\} ?%")
    found = {file.name for file in (ROOT / "app").rglob("*.py") if own.search(file.read_text("utf-8"))}
    assert found == set()


@pytest.mark.parametrize(
    ("seconds", "with_tenths", "without", "printed"),
    [
        (0.0, "0:00.0", "0:00", "0:00:00"),
        (9.94, "0:09.9", "0:09", "0:00:09"),
        (59.94, "0:59.9", "0:59", "0:00:59"),
        (59.96, "1:00.0", "1:00", "0:01:00"),
        (3599.96, "1:00:00.0", "1:00:00", "1:00:00"),
        (86_399.6, "23:59:59.6", "23:59:59", "23:59:59"),
        (86_399.97, "24:00:00.0", "24:00:00", "24:00:00"),
        (25 * 3600 + 61.5, "25:01:01.5", "25:01:01", "25:01:01"),
    ],
)
def test_a_time_is_rounded_once_for_pages_and_reports(
    seconds: float, with_tenths: str, without: str, printed: str
) -> None:
    assert clock(seconds) == with_tenths
    assert clock(seconds, tenths=False) == without
    assert report_clock(seconds) == printed


@pytest.mark.parametrize("fs", [128, 250, 360, 500])
def test_no_sample_has_one_second_on_the_page_and_another_in_the_report(fs: int) -> None:
    for sample in range(58 * fs, 62 * fs):
        shown, printed = clock(sample / fs), report_clock(sample / fs)
        assert printed == f"0:0{shown[:-2]}"


def test_only_one_module_says_how_times_are_written() -> None:
    """A second clock with its own rounding would let two places name one beat differently."""
    written = re.compile(r"^def (clock|duration|length)\(", re.MULTILINE)
    files = [path for folder in ("app", "pipeline") for path in (ROOT / folder).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix() for path in files if written.search(path.read_text(encoding="utf-8"))}
    assert found == {"pipeline/wording.py"}


def test_one_sentence_says_what_the_results_are_for() -> None:
    assert RESEARCH_USE.startswith("For research use only. Not a medical device.")
    assert "a clinician looks at the signal and decides" in RESEARCH_USE
    files = [path for folder in ("app", "pipeline") for path in (ROOT / folder).rglob("*.py")]
    found = {path.name for path in files if "research use only" in path.read_text(encoding="utf-8")}
    assert found == {"wording.py"}
