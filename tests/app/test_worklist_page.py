"""The Worklist and Study pages in each state: empty, full, analysing, unsigned, signed, read twice, refused."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import cache
from app.parts import worklist_audit, worklist_exports
from app.parts.worklist_table import FINDING_WORDS, burden, findings_words, row, second_words
from models import registry
from pipeline.config import ROOT
from pipeline.datasets import demo_path
from pipeline.domain import Analysis, Recording
from pipeline.intake.batch import split_uploads
from pipeline.review import triage
from pipeline.review.decisions import Decision
from pipeline.store import reviews, second
from pipeline.store.database import database
from pipeline.store.listing import study_of_analysis
from pipeline.store.readings import SecondReading
from pipeline.store.recordings import forget, keep, load
from pipeline.store.results import save_analysis
from pipeline.store.studies import get_study
from pipeline.worker.jobs import Job, Status
from tests.unit.review_study import analysed, at

MAIN = str(ROOT / "app" / "main.py")
ANY = "application/octet-stream"
ANNA, BERT = "Dr. Anna Müller", "Bert 山田"
BEATS = "NNVNSNNUFNVVVNNNN"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty home, cache and database of its own; the worker's lock is let go afterwards."""
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEARTVISION_DATABASE_URL", raising=False)
    yield
    cache.worker().close()
    database().engine.dispose()


def recorded(analysis: Analysis) -> Recording:
    """A signal with a bump at each beat, and some noise."""
    shape = (round(analysis.duration_s * analysis.fs), 1)
    signal = np.random.default_rng(0).normal(0, 0.02, shape).astype(np.float32)
    for sample in analysis.sample:
        signal[sample - 5 : sample + 6, 0] += np.hanning(11)
    return Recording(analysis.record, analysis.fs, signal, analysis.leads, analysis.digest, (True,))


def study(record: str = "case", classes: str = BEATS) -> int:
    analysis = analysed(classes, record=record)
    return study_of_analysis(analysis, keep(recorded(analysis))).id


def opened(view: str, **query: object) -> AppTest:
    page = AppTest.from_file(MAIN, default_timeout=300).run()
    page.switch_page(f"views/{view}.py")
    for name, value in query.items():
        page.query_params[name] = str(value)
    return page.run()


def reading_as(page: AppTest, name: str) -> AppTest:
    page.text_input(key="reader-name").set_value(name)
    return page.button(key="reader-take").click().run()


def said(page: AppTest) -> str:
    """Everything that is written on the page."""
    kinds = ("title", "markdown", "caption", "info", "warning", "error", "success")
    return "\n".join(element.value for kind in kinds for element in getattr(page, kind)).replace("\\", "")


def rows(page: AppTest) -> list[dict[str, Any]]:
    """What the table of studies was given."""
    found = [element.proto for element in page.get("bidi_component")]
    table = next(proto for proto in found if proto.component_name == "heartvision_worklist")
    return json.loads(table.json)["rows"]


def records(page: AppTest) -> list[str]:
    return [found["record"] for found in rows(page)]


def demo_files(name: str) -> list[tuple[str, bytes]]:
    source = demo_path()
    header = source.read_text("ascii").replace(source.stem, name).encode()
    return [(f"{name}.hea", header), (f"{name}.dat", source.with_suffix(".dat").read_bytes())]


def test_an_empty_worklist_says_what_to_do_and_offers_the_demo() -> None:
    page = opened("worklist")
    assert not page.exception
    assert "No study yet." in said(page)
    assert page.button(key="worklist-demo").label == "Start with the demo recording"
    assert "There is no password" in said(page)


def test_the_app_still_opens_on_the_demo() -> None:
    page = AppTest.from_file(MAIN, default_timeout=300).run()
    assert page.button(key="demo-start").label == "Open the demo recording"


def test_the_demo_becomes_a_study_without_anybody_looking() -> None:
    page = opened("worklist").button(key="worklist-demo").click().run()
    assert not page.exception
    assert "1 recording queued for analysis." in said(page)
    deadline = time.monotonic() + 300
    while cache.worker().jobs():
        assert time.monotonic() < deadline, cache.worker().jobs()
        time.sleep(0.1)
    page.run()
    assert records(page) == ["208_excerpt"]
    assert rows(page)[0]["state_words"] == "New"


def test_every_study_shows_state_priority_findings_burden_and_reader() -> None:
    number = study()
    reviews.begin_review(number, reader=ANNA)
    (found,) = rows(opened("worklist"))
    assert (found["record"], found["state_words"], found["reader"]) == ("case", "In review", ANNA)
    assert (found["priority"], found["v"], found["s"]) == (3, "25.0 %", "6.2 %")
    assert found["findings"] == "Idioventricular, V ectopics, fusion beats, 2 more kinds"
    assert found["review"] == f"review?study={number}"


def test_signed_studies_leave_the_list_of_those_to_read() -> None:
    number = study("signed")
    reviews.begin_review(number, reader=ANNA)
    reviews.sign(number, reader=ANNA, expected_version=1)
    study("open")
    page = opened("worklist")
    assert records(page) == ["open"]
    page.pills(key="worklist-states").set_value("Signed").run()
    assert records(page) == ["signed"]
    page.pills(key="worklist-states").set_value("All").run()
    assert sorted(records(page)) == ["open", "signed"]


def test_a_search_that_finds_nothing_offers_all_studies() -> None:
    study()
    page = opened("worklist")
    page.text_input(key="worklist-text").set_value("nothing like it").run()
    assert "No study matches" in said(page)
    page.button(key="worklist-all").click().run()
    assert not page.exception
    assert records(page) == ["case"]


def test_many_studies_are_paged_and_sorted() -> None:
    for number in range(27):
        study(f"case{number:02d}")
    page = opened("worklist")
    view = page.session_state["heartvision-worklist"]
    view.sort_by("record")
    page.run()
    assert records(page) == [f"case{number:02d}" for number in range(25)]
    page.button(key="worklist-next").click().run()
    assert records(page) == ["case25", "case26"]
    assert page.button(key="worklist-next").disabled
    view.sort_by("record")
    page.run()
    assert records(page)[0] == "case26"
    view.sort_by("no such column")
    assert view.sort == "record"


def test_a_page_beyond_the_end_shows_the_last_one() -> None:
    study()
    page = opened("worklist")
    page.session_state["heartvision-worklist"].page = 7
    page.run()
    assert records(page) == ["case"]


def test_many_uploads_are_queued_and_a_bad_one_spoils_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Job, str]] = []
    monkeypatch.setattr("pipeline.worker.Client.ask", lambda self, job, *, study="": asked.append((job, study)))
    study()
    page = opened("worklist")
    files = [part for number in range(40) for part in demo_files(f"case{number}")]
    broken = [("half.hea", demo_files("half")[0][1]), ("![x](http:~~a).dat", b"12345678")]
    uploads = [(name, payload, ANY) for name, payload in [*files, *broken]]
    page.file_uploader[0].set_value(uploads).run()
    page.button(key="worklist-add").click().run()
    assert not page.exception
    assert [name for _, name in asked] == [f"case{number}" for number in range(40)]
    assert "40 recordings queued for analysis." in said(page)
    assert "2 of the files could not be read" in said(page)
    assert "half: The signal file" in said(page)
    assert "\\!\\[x\\]" in page.error[0].value


def test_what_was_analysed_before_is_on_the_list_at_once() -> None:
    (name, header), (_, signal) = demo_files("case7")
    from pipeline.intake import read_uploads

    recording = keep(read_uploads([(name, header), ("case7.dat", signal)])[0])
    facts = registry.manifest("cnn")
    analysis = replace(analysed(record="old"), digest=recording.digest, model="cnn", model_version=facts.version,
                       leads=("MLII",), fs=recording.fs)  # fmt: skip
    save_analysis(analysis)
    page = opened("worklist")
    for words in ("1 recording on the list at once, as analysed before.", "1 recording on the list already."):
        page.file_uploader[0].set_value([(name, header, ANY), ("case7.dat", signal, ANY)]).run()
        page.selectbox(key="worklist-network").set_value("cnn").run()
        page.button(key="worklist-add").click().run()
        assert not page.exception
        assert words in said(page)
    assert records(page) == ["case7"]


def test_tables_ask_for_frequency_and_unit() -> None:
    page = opened("worklist")
    page.file_uploader[0].set_value([("strip.csv", b"MLII\n0.1\n0.2\n", ANY)]).run()
    assert page.number_input(key="worklist-fs").value is None
    page.button(key="worklist-add").click().run()
    assert "state both" in said(page)


@pytest.mark.parametrize(
    ("status", "words", "buttons"),
    [
        (Status("running", 0.4, "Reading the beats"), "Reading the beats", ["Cancel"]),
        (Status("waiting", 0.0, "Waiting for its turn"), "Waiting for its turn", ["Cancel"]),
        (Status("stopped", 0.4), "stopped unexpectedly after 40 %", ["Go on", "Remove"]),
        (Status("cancelled", 0.4), "Cancelled after 40 %", ["Go on", "Remove"]),
        (Status("refused", 0.1, "No usable lead was found."), "No usable lead was found.", ["Remove"]),
        (Status("refused", 0.1, "Lead {1} is flat."), "Lead {1} is flat.", ["Remove"]),
        (Status("unstarted"), "cannot start", ["Go on", "Remove"]),
    ],
)
def test_each_analysis_says_how_far_it_is_and_what_can_be_done(
    status: Status, words: str, buttons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = keep(recorded(analysed(record="day")))
    job = Job(recording.digest, "cnn", "v", None, recording.n_samples)
    monkeypatch.setattr("pipeline.worker.Client.jobs", lambda self: [(job, status)])
    page = opened("worklist")
    assert not page.exception
    progress = "".join(element.proto.text for element in page.get("progress")).replace("\\", "")
    assert words in said(page) + progress
    assert "day" in said(page) + progress
    assert [button.label for button in page.button if button.key.endswith(job.key[:12])] == buttons


def test_without_a_database_the_page_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEARTVISION_DATABASE_URL", "mysql://x")
    page = opened("worklist")
    assert not page.exception
    assert "is not supported" in said(page)
    monkeypatch.delenv("HEARTVISION_DATABASE_URL")


def test_without_a_study_the_page_leads_to_the_worklist() -> None:
    page = opened("study")
    assert not page.exception
    assert "Choose a study in the worklist" in said(page)
    page = opened("study", study="77")
    assert "Study 77 does not exist" in said(page)


def test_a_new_study_is_begun_and_signed_with_a_warning_but_no_wall() -> None:
    number = study()
    page = reading_as(opened("study", study=number), ANNA)
    assert "Nobody has reviewed this study yet" in said(page)
    page.button(key="begin-review").click().run()
    assert re.search(r"(\d+) of \1 findings are not reviewed", said(page))
    assert {metric.label: metric.value for metric in page.metric}["Ventricular"] == "25.0 %"
    page.text_area(key="sign-text").set_value("Seen ♥")
    page.button(key="sign-study").click().run()
    assert not page.exception
    assert f"Signed by **{ANNA}**" in said(page)
    assert "Seen ♥" in said(page)
    assert get_study(number).state == "signed"


def test_nobody_signs_without_a_name() -> None:
    number = study()
    reviews.begin_review(number, reader=ANNA)
    page = opened("study", study=number)
    assert page.button(key="sign-study").disabled
    assert "Say who you are above first." in said(page)


def test_when_all_is_reviewed_the_page_says_so() -> None:
    number = study()
    samples = tuple(analysed(BEATS).sample.tolist())
    reviews.decide(number, Decision("confirm", samples), reader=ANNA, expected_version=0)
    assert "Every finding is reviewed." in said(opened("study", study=number))


def test_a_signed_study_is_reopened_with_a_reason_only() -> None:
    number = study()
    reviews.begin_review(number, reader=ANNA)
    reviews.sign(number, reader=ANNA, expected_version=1)
    page = reading_as(opened("study", study=number), BERT)
    page.button(key="reopen-study").click().run()
    assert "No reason is given" in said(page)
    page.text_area(key="reopen-reason").set_value("A run was missed")
    page.button(key="reopen-study").click().run()
    assert get_study(number).state == "reopened"
    assert "A run was missed" in page.dataframe[-1].value["Text"].tolist()


def test_whoever_has_not_seen_the_last_change_signs_nothing_and_is_told_who_did_what() -> None:
    number = study()
    reviews.begin_review(number, reader=ANNA)
    page = reading_as(opened("study", study=number), ANNA)
    reviews.decide(number, Decision("reject", at(1)), reader=BERT, expected_version=1)
    page.button(key="sign-study").click().run()
    assert f"{BERT} rejected 1 beat at" in said(page)
    assert get_study(number).state == "in_review"
    page.button(key="sign-study").click().run()
    assert get_study(number).state == "signed"


def test_whoever_signs_second_is_told_that_the_first_did() -> None:
    number = study()
    reviews.begin_review(number, reader=ANNA)
    page = reading_as(opened("study", study=number), ANNA)
    reviews.sign(number, reader=BERT, expected_version=1)
    page.button(key="sign-study").click().run()
    assert [error.value.replace("\\", "").split(" at ")[0] for error in page.error] == [f"{BERT} signed the study"]


def test_a_second_reader_sees_nothing_of_the_first_until_done() -> None:
    number = study()
    reviews.decide(number, Decision("reject", at(2)), reader=ANNA, expected_version=0)
    page = reading_as(opened("study", study=number), BERT)
    page.button(key="second-begin").click().run()
    assert not page.exception
    assert "Your second reading has begun." in said(page)
    assert "Hidden until you have finished your own reading." in said(page)
    assert set(page.dataframe[-1].value["Who"]) == {BERT}
    assert "V 2" not in said(page)
    listed = opened("worklist")
    assert "hidden" not in rows(listed)[0]["findings"]
    assert "hidden" in rows(reading_as(listed, BERT))[0]["findings"]


def test_two_readings_are_compared_and_each_difference_is_settled() -> None:
    number = study()
    reviews.decide(number, Decision("override", at(0, 1), "V"), reader=ANNA, expected_version=0)
    page = reading_as(opened("study", study=number), BERT)
    page.button(key="second-begin").click().run()
    reviews.decide(number, Decision("override", at(0, 3), "S"), reader=BERT, expected_version=1, reading="second")
    page.run()
    assert "finish your own reading first" in said(page)
    page.button(key="second-finish").click().run()
    figures = {metric.label: metric.value for metric in page.metric}
    assert (figures["Agreement on all beats"], figures["On beats that both decided"]) == ("82.4 %", "0.0 %")
    assert figures["Differences settled"] == "0 of 3"
    page.button(key="second-second").click().run()
    page.button(key="second-next").click().run()
    page.button(key="second-first").click().run()
    page.button(key="second-first").click().run()
    assert not page.exception
    assert "Every difference is settled" in said(page)
    classes = "".join(page.session_state["heartvision-study"].desk.beats.aami[:4])
    assert classes == "SVVN"


def test_an_unfinished_second_reading_is_withdrawn_with_a_reason() -> None:
    number = study()
    reviews.begin_review(number, reader=ANNA)
    second.begin_second(number, reader=BERT)
    page = reading_as(opened("study", study=number), ANNA)
    assert page.button(key="sign-study").disabled
    page.text_area(key="second-reason").set_value("on leave")
    page.button(key="second-withdraw").click().run()
    assert "The second reading is withdrawn." in said(page)
    assert not page.button(key="sign-study").disabled


def test_the_audit_trail_is_filtered_by_person_and_words() -> None:
    number = study()
    version = reviews.decide(number, Decision("override", at(0, 2), "F", "=1+1"), reader=ANNA, expected_version=0)
    version = reviews.undo(number, reader=BERT, expected_version=version)
    page = opened("study", study=number)
    found = page.dataframe[-1].value
    assert found["When (UTC)"].dt.tz is not None
    assert found["What"].tolist() == ["undid overriding 2 beats as F", "overrode 2 beats as F", "began the review"]
    assert found[["From", "To", "Model"]].iloc[1].tolist() == ["N ×1, V ×1", "F", "N ×1, V ×1"]
    page.multiselect(key="audit-who").set_value([BERT]).run()
    assert page.dataframe[-1].value["Who"].tolist() == [BERT]
    page.multiselect(key="audit-who").set_value([]).run()
    page.text_input(key="audit-text").set_value("REVIEW began").run()
    assert page.dataframe[-1].value["What"].tolist() == ["began the review"]


def test_the_audit_trail_as_csv_is_complete_and_runs_no_formula() -> None:
    number = study()
    reviews.decide(number, Decision("override", at(0, 2), "F", "=1+1"), reader="@Anna", expected_version=0)
    table = list(csv.DictReader(io.StringIO(worklist_audit.as_csv(reviews.audit(number)).decode())))
    assert [entry["event"] for entry in table] == ["begin", "decide"]
    assert (table[1]["who"], table[1]["text"]) == ("'@Anna", "'=1+1")
    assert (table[1]["from"], table[1]["to"], table[1]["model"]) == ("NV", "FF", "NV")
    assert table[1]["samples"] == "100 500"
    assert table[1]["model_version"] == "r-1"


def test_all_exports_are_made_of_the_reviewed_result_and_of_the_models_alone() -> None:
    number = study()
    reviews.decide(number, Decision("override", at(0), "V"), reader=ANNA, expected_version=0)
    page = opened("study", study=number)
    desk = page.session_state["heartvision-study"].desk
    for form in worklist_exports.REVIEWED:
        assert worklist_exports.made(form, lambda: worklist_exports.reviewed(desk, 0))
    for form in worklist_exports.MODEL:
        assert worklist_exports.made(form, lambda: worklist_exports.model_alone(desk))
    reviewed = worklist_exports.made(worklist_exports.REVIEWED[3], lambda: worklist_exports.reviewed(desk, 0))
    alone = worklist_exports.made(worklist_exports.MODEL[3], lambda: worklist_exports.model_alone(desk))
    assert json.loads(reviewed)["review"]["beats"][0]["class"] == "V"
    assert json.loads(alone)["beats"][0]["class"] == "N"
    assert "review" not in json.loads(alone)


def test_a_study_whose_recording_is_gone_can_still_be_signed() -> None:
    number = study()
    reviews.begin_review(number, reader=ANNA)
    forget(get_study(number).digest)
    page = reading_as(opened("study", study=number), ANNA)
    assert "not on this machine" in said(page)
    page.button(key="sign-study").click().run()
    assert get_study(number).state == "signed"


def test_a_recording_is_deleted_with_a_reason_and_nothing_of_it_stays_on_the_page() -> None:
    number = study()
    digest = get_study(number).digest
    page = reading_as(opened("study", study=number), ANNA)
    page.button(key="forget-signal").click().run()
    assert "No reason is given" in said(page)
    assert load(digest) is not None
    page.text_area(key="forget-reason").set_value("The patient asked for it")
    page.button(key="forget-signal").click().run()
    assert "The recording is deleted." in said(page)
    assert "not on this machine" in said(page)
    assert load(digest) is None
    assert not [button for button in page.get("download_button") if "take-" in str(button.key)]
    assert "The patient asked for it" in page.dataframe[-1].value["Text"].tolist()
    page.switch_page("views/review.py").run()
    assert "not on this machine" in said(page)


def test_a_signed_study_keeps_its_recording() -> None:
    number = study()
    reviews.begin_review(number, reader=ANNA)
    reviews.sign(number, reader=ANNA, expected_version=1)
    page = reading_as(opened("study", study=number), ANNA)
    assert "This study is signed and keeps its recording" in said(page)
    assert "forget-signal" not in [button.key for button in page.button]


def test_markdown_in_names_is_shown_as_text() -> None:
    number = study("![x](http://example.org/x.png)")
    page = opened("study", study=number)
    assert page.title[0].value.startswith(r"\!\[x\]\(http")


def test_each_kind_of_finding_has_words_in_the_order_of_importance() -> None:
    assert list(FINDING_WORDS) == list(triage._KINDS)


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ({}, "No finding"),
        ({"vt": 2, "ectopic_v": 3}, "VT ×2, V ectopics"),
        ({"doubtful": 1, "pause": 1, "svt": 1, "fusion": 2}, "SVT, pause, fusion beats, 1 more kind"),
        ({"af_like": 1}, "AF-like"),
    ],
)
def test_findings_are_told_the_most_important_first(findings: dict[str, int], words: str) -> None:
    assert findings_words(findings) == words


def test_a_burden_is_a_share_of_the_classified_beats_and_some_is_never_none() -> None:
    assert burden({"N": 3, "V": 1, "U": 6, "X": 2}, "V") == "25.0 %"
    assert burden({"N": 99_999, "V": 1}, "V") == "< 0.1 %"
    assert burden({"N": 10}, "V") == "0 %"
    assert burden({"U": 4}, "V") == "–"


def test_a_row_tells_of_the_second_reading() -> None:
    found = get_study(study())
    assert row(found, SecondReading(BERT, True), ANNA)["second"] == f"second reading by {BERT}"
    assert row(found, SecondReading(BERT, False), BERT)["v"] == ""
    assert second_words(None) == ""


def test_files_are_sorted_into_one_upload_per_recording() -> None:
    first, other = demo_files("one"), demo_files("two")
    files = [other[1], first[0], ("one.atr", b"x"), ("t.csv", b"c"), first[1], other[0], ("lost.dat", b"d")]
    parts = split_uploads(files)
    assert [(name, sorted(file for file, _ in own)) for name, own in parts] == [
        ("one", ["one.atr", "one.dat", "one.hea"]),
        ("two", ["two.dat", "two.hea"]),
        ("t", ["t.csv"]),
        ("lost", ["lost.dat"]),
    ]


def test_two_headers_of_one_name_stay_together_to_be_refused_by_name() -> None:
    header, signal = demo_files("one")
    assert [len(own) for _, own in split_uploads([header, signal, header])] == [3]
