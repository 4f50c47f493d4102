"""How numbers are written: one convention for all pages and the report."""

from __future__ import annotations

import re

import pytest

from pipeline.config import ROOT
from pipeline.wording import burden, grouped, no_share, of_the_classified, percent, score, share


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
