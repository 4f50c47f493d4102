"""The worklist: found, sorted, counted, and fast with thousands of studies; on both databases."""

from __future__ import annotations

import pytest

from pipeline.review.decisions import Decision
from pipeline.store.listing import Listing
from pipeline.store.reviews import Outcome, begin_review, decide, save_step, standing
from pipeline.store.second_reading import begin_second, finish_second
from pipeline.store.studies import create_study, get_study, next_study, state_counts, worklist
from tests.helpers.review_study import analysed, at

pytestmark = pytest.mark.usefixtures("store")


def records(**query: object) -> list[str]:
    return [study.record for study in worklist(**query).studies]  # type: ignore[arg-type]


def three_studies() -> None:
    for record, priority, findings in (("Alpha", 3, {"vt": 1}), ("beta", 1, {"pause": 2}), ("ÄRGER 100%", 2, {})):
        create_study(analysed(record=record), priority=priority, findings=findings)


def test_the_most_urgent_study_comes_first() -> None:
    three_studies()
    assert records() == ["beta", "ÄRGER 100%", "Alpha"]
    assert records(descending=True) == ["Alpha", "ÄRGER 100%", "beta"]
    assert records(sort="created") == ["Alpha", "beta", "ÄRGER 100%"]


def test_equally_urgent_studies_are_in_clinical_order_then_the_longest_first_then_the_newest() -> None:
    for record, kinds, longest_s in (
        ("fibrillation", {"vfl": 1, "long_pause": 1}, 8.0),
        ("short pause", {"long_pause": 1}, 3.1),
        ("block", {"av_block_high": 2}, 900.0),
        ("long pause", {"long_pause": 1}, 7.2),
        ("long pause, newer", {"long_pause": 3}, 7.2),
    ):
        create_study(analysed(record=record), priority=1, findings=kinds, longest_s=longest_s)
    order = ["fibrillation", "block", "long pause, newer", "long pause", "short pause"]
    assert records() == order
    first = worklist().studies[0].id
    assert getattr(next_study(first), "record", None) == "block"
    assert records(descending=True) == ["short pause", "long pause, newer", "long pause", "block", "fibrillation"]


def test_neither_order_nor_filter_nor_search_tells_a_blind_reader_what_was_found() -> None:
    create_study(analysed(record="calm"), priority=6, findings={"ectopic_s": 1})
    urgent = create_study(analysed(record="urgent"), priority=1, findings={"vfl": 1}, longest_s=9.0).id
    begin_review(urgent, reader="Anna")
    begin_second(urgent, reader="Bert")
    assert records(reader="Anna") == records(reader="") == ["urgent", "calm"]
    assert records(reader="Bert") == ["calm", "urgent"]
    assert records(reader="Bert", most_urgent=6) == ["calm"]
    assert (records(reader="Bert", text="vfl"), records(reader="Anna", text="vfl")) == ([], ["urgent"])
    assert records(reader="Bert", text="URG") == ["urgent"]
    finish_second(urgent, reader="Bert", expected_version=1)
    assert records(reader="Bert", most_urgent=1, text="vfl") == ["urgent"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ALPHA", ["Alpha"]),
        ("ärger", ["ÄRGER 100%"]),
        ("%", ["ÄRGER 100%"]),
        ("vt rhythm", ["Alpha"]),
        ("vt pause", []),
    ],
)
def test_every_word_must_occur_in_any_case_and_none_is_a_pattern(words: str, found: list[str]) -> None:
    three_studies()
    assert records(text=words) == found


def test_state_and_reader_filter_and_are_counted() -> None:
    three_studies()
    study = worklist(text="alpha").studies[0].id
    decide(study, Decision("reject", at(0)), reader="Dr. Ünal", expected_version=0)
    assert (
        records(states=("in_review", "signed")) == records(last_reader="Dr. Ünal") == records(text="ünal") == ["Alpha"]
    )
    assert state_counts() == {"new": 2, "in_review": 1}


def test_pages_are_disjoint_and_know_the_total() -> None:
    for number in range(5):
        create_study(analysed(record=f"case {number}"), priority=1)
    pages = [worklist(page=page, page_size=2) for page in range(3)]
    assert [page.total for page in pages] == [5, 5, 5]
    assert sorted(study.record for page in pages for study in page.studies) == [f"case {number}" for number in range(5)]


def test_the_summary_that_a_step_brings_shows_and_leaves_the_rest() -> None:
    study = create_study(analysed())
    begin_review(study.id, reader="Anna")
    outcome = Outcome(row=Listing(1, {"N": 1}, {"vt": 1}))
    save_step(standing(study.id), Decision("confirm", at(0)), outcome, reader="Anna")
    found = get_study(study.id)
    assert (found.priority, found.counts, found.findings) == (1, {"N": 1}, {"vt": 1})
    assert (found.record, found.state) == (study.record, "in_review")
