"""What one run of the script, and one decision, may do once only: counted, not timed."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fpdf import FPDF
from sqlalchemy import event
from streamlit.testing.v1 import AppTest

from pipeline import analysis
from pipeline.cases import study_review
from pipeline.cases.material import material_of
from pipeline.cases.study_review import StudyReview, review_of, take_step
from pipeline.config import ROOT
from pipeline.datasets import demo_path
from pipeline.errors import ReviewError, StaleVersion
from pipeline.intake import read_path
from pipeline.page_classifier import reading
from pipeline.review.beats_in_force import Board, ReviewedBeats
from pipeline.review.decisions import Decision
from pipeline.review.triage import triage
from pipeline.signal import r_peaks
from pipeline.store import reviews
from pipeline.store.database import database
from pipeline.store.listing import listing
from pipeline.store.studies import get_study
from tests.helpers.studies import ANNA, BERT, opened, reading_as, study

PAGE = ROOT / "data" / "demo" / "page_ludb_10.jpg"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty database for each test."""
    monkeypatch.setenv("HEARTVISION_DATABASE_URL", f"sqlite:///{tmp_path / 'reviews.sqlite'}")


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], list[object]]:
    """Watches a function of a module or class: the list grows with each call."""

    def watch(owner: Any, name: str) -> list[object]:
        calls: list[object] = []
        original = getattr(owner, name)

        def counted(*args: Any, **more: Any) -> Any:
            calls.append(args)
            return original(*args, **more)

        monkeypatch.setattr(owner, name, counted)
        return calls

    return watch


def reviewing(number: int) -> AppTest:
    return reading_as(opened("review", study=number), ANNA)


def press(page: AppTest, name: str) -> None:
    next(button for button in page.button if str(button.key).startswith(f"{name}-")).click().run()
    assert not page.exception
    assert not page.error


@pytest.mark.parametrize("button", ["review-confirm", "review-V", "review-reject", "review-delete"])
def test_a_decision_replays_none_of_those_before_it_and_is_one_transaction(
    count: Callable[[Any, str], list[object]], button: str
) -> None:
    page = reviewing(study())
    begun = begun_transactions()
    boards, applied, judged = count(Board, "__init__"), count(Board, "apply"), count(study_review, "triage")
    press(page, button)
    assert (len(boards), len(applied), len(judged)) == (0, 1, 1)
    assert begun["writing"] == 1
    press(page, "review-S")
    assert (len(boards), len(applied), begun["writing"]) == (0, 2, 2)


def test_undo_and_redo_replay_the_decisions_once(count: Callable[[Any, str], list[object]]) -> None:
    page = reviewing(study())
    press(page, "review-V")
    press(page, "review-S")
    begun, boards = begun_transactions(), count(Board, "__init__")
    press(page, "review-undo")
    assert (len(boards), begun["writing"]) == (1, 1)
    press(page, "review-redo")
    assert (len(boards), begun["writing"]) == (2, 2)


def test_a_page_that_is_drawn_again_replays_and_writes_nothing(count: Callable[[Any, str], list[object]]) -> None:
    page = reviewing(study())
    begun, boards, judged = begun_transactions(), count(Board, "__init__"), count(study_review, "triage")
    page.run()
    assert (len(boards), len(judged), begun["writing"]) == (0, 0, 0)


def begun_transactions() -> Counter[str]:
    """Counts the transactions that begin from here on, by what they are for."""
    found: Counter[str] = Counter()

    def begin(connection: Any) -> None:
        found["writing" if connection.get_execution_options().get("heartvision_write", False) else "reading"] += 1

    event.listen(database().engine, "begin", begin)
    return found


def laid_out(number: int) -> StudyReview:
    return review_of(material_of(get_study(number)), reviews.standing(number))


def same(one: ReviewedBeats, other: ReviewedBeats) -> bool:
    names = ("sample", "aami", "model_aami", "p", "confidence", "human", "break_before")
    arrays = all((getattr(one, name) == getattr(other, name)).all() for name in names)
    return arrays and (one.comment, dict(one.silences)) == (other.comment, dict(other.silences))


def test_step_by_step_the_beats_and_the_row_are_those_of_a_full_replay() -> None:
    number = study()
    review = laid_out(number)
    sample = [int(at) for at in review.beats.sample]
    steps = (
        Decision("override", (sample[3], sample[4]), "S"), Decision("delete", (sample[6],)), "undo", "redo",
        Decision("add", (sample[6] + 3,), "V"), Decision("confirm", (sample[6] + 3, sample[7])),
        Decision("reject", tuple(sample[9:12])), Decision("comment", (sample[0],), text="P wave?"), "undo",
        Decision("add", (sample[1] + 100,), "F"), Decision("delete", (sample[1] + 100,)), "undo", "undo",
    )  # fmt: skip
    for step in steps:
        review = take_step(review, step, reader=ANNA)
        again = laid_out(number)
        assert same(review.beats, again.beats), step
        assert review.findings == again.findings, step
        assert review.standing == again.standing, step
        assert review.standing.stamp == reviews.stamp(number)
        row = listing(again.beats, triage(again.beats, again.material.families))
        kept = get_study(number)
        assert (kept.priority, dict(kept.counts), dict(kept.findings)) == (row.priority, row.counts, row.findings), step
    assert [entry.before + entry.after for entry in reviews.audit(number) if entry.kind == "override"] == ["NSSS"]


def test_a_request_that_comes_twice_is_carried_out_once_and_shows_what_is() -> None:
    number = study()
    seen = laid_out(number)
    step = Decision("override", (int(seen.beats.sample[3]),), "S")
    first = take_step(seen, step, reader=ANNA, key="one request")
    second = take_step(seen, step, reader=ANNA, key="one request")
    assert first.standing == second.standing == reviews.standing(number)
    assert same(first.beats, second.beats)


def test_a_refused_step_leaves_the_log_and_the_row_as_they_were() -> None:
    number = study()
    seen = laid_out(number)
    beat = int(seen.beats.sample[3])
    take_step(seen, Decision("override", (beat,), "S"), reader=BERT)
    kept = get_study(number)
    with pytest.raises(StaleVersion, match=BERT):
        take_step(seen, Decision("override", (beat,), "F"), reader=ANNA)
    with pytest.raises(ReviewError, match="nothing to undo"):
        take_step(seen, "undo", reader=ANNA)
    assert get_study(number) == kept


def test_a_recording_asks_the_second_detector_once(count: Callable[[Any, str], list[object]]) -> None:
    recording = read_path(demo_path())
    calls = [count(owner, "slopes") for owner in (analysis, r_peaks)]
    prepared = analysis.prepare(recording)
    assert sum(map(len, calls)) == 1
    given = analysis.prepare(recording, samples=prepared.beats.sample)
    assert sum(map(len, calls)) == 2
    assert given.beats.agreed.any()


def test_a_page_that_is_drawn_again_starts_no_process_and_traces_nothing(
    count: Callable[[Any, str], list[object]],
) -> None:
    document = FPDF(unit="pt", format=(959, 577.5))
    document.add_page()
    document.image(str(PAGE), 0, 0, 959, 577.5)
    page = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=300).run()
    page.switch_page("ecg_page/page.py").run()
    started, traced = count(subprocess, "run"), count(reading, "find_page")
    page.file_uploader[0].set_value(("scan.pdf", bytes(document.output()), "application/pdf")).run()
    assert not page.exception
    assert started, "a child process counts the pages of a PDF, and another draws one"
    assert traced
    known = len(started), len(traced)
    page.run()
    assert not page.exception
    assert (len(started), len(traced)) == known
