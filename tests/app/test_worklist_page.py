"""The Worklist page in each state: empty, full, searched, analysing, and what is added to it."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.common import cache
from app.common.text import findings_words
from app.worklist.table import burden, row, second_words
from models import registry
from pipeline.datasets import demo_path
from pipeline.errors import ReviewError
from pipeline.export.study_files import REVIEWED, studies_zip
from pipeline.intake.batch import split_uploads
from pipeline.principal import local
from pipeline.review.decisions import Decision
from pipeline.store import reviews
from pipeline.store.listing import SecondReading
from pipeline.store.recordings import delete_recording, save_recording
from pipeline.store.results import save_analysis
from pipeline.store.studies import get_study, next_study, worklist
from pipeline.worker.jobs import Job, JobStatus
from tests.helpers.review_study import analysed, at, recorded
from tests.helpers.studies import ANNA, BERT, MAIN, opened, rows, said, study
from tests.hostile.make_corpus import zipped

pytestmark = pytest.mark.usefixtures("own_store")
ANY = "application/octet-stream"


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
    assert "1 recording sent to be analysed." in said(page)
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
    assert found["review"] == f"review?study={get_study(number).token}"


def test_all_readers_are_named_the_last_first_and_each_is_found() -> None:
    number = study()
    version = reviews.decide(number, Decision("override", at(0), "V"), reader=ANNA, expected_version=0)
    reviews.decide(number, Decision("override", at(1), "V"), reader=BERT, expected_version=version)
    page = opened("worklist")
    assert rows(page)[0]["reader"] == f"{BERT}, {ANNA}"
    page.text_input(key="worklist-text").set_value(ANNA.upper()).run()
    assert records(page) == ["case"]


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
    assert "40 recordings sent to be analysed." in said(page)
    assert "2 of the files could not be read" in said(page)
    assert "half: The signal file" in said(page)
    assert "\\!\\[x\\]" in page.error[0].value


def test_what_was_analysed_before_is_on_the_list_at_once() -> None:
    (name, header), (_, signal) = demo_files("case7")
    from pipeline.intake import read_uploads

    recording = save_recording(read_uploads([(name, header), ("case7.dat", signal)])[0])
    facts = registry.manifest("cnn")
    analysis = replace(analysed(record="old"), digest=recording.digest, model="cnn", model_version=facts.version,
                       leads=("MLII",), fs=recording.fs)  # fmt: skip
    save_analysis(analysis, facts.identity)
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
        (JobStatus("running", 0.4, "Reading the beats"), "Reading the beats", ["Cancel"]),
        (JobStatus("waiting", 0.0, "Waiting for its turn"), "Waiting for its turn", ["Cancel"]),
        (JobStatus("stopped", 0.4), "stopped unexpectedly after 40 %", ["Go on", "Remove"]),
        (JobStatus("cancelled", 0.4), "Cancelled after 40 %", ["Go on", "Remove"]),
        (JobStatus("refused", 0.1, "No usable lead was found."), "No usable lead was found.", ["Remove"]),
        (JobStatus("refused", 0.1, "Lead {1} is flat."), "Lead {1} is flat.", ["Remove"]),
        (JobStatus("unstarted"), "cannot start", ["Go on", "Remove"]),
    ],
)
def test_each_analysis_says_how_far_it_is_and_what_can_be_done(
    status: JobStatus, words: str, buttons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = save_recording(recorded(analysed(record="day")))
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


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ({}, "No finding"),
        ({"vt": 2, "ectopic_v": 3}, "VT ×2, V ectopics"),
        ({"doubtful": 1, "pause": 1, "svt": 1, "fusion": 2}, "SV run, pause, fusion beats, 1 more kind"),
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
    assert row(found, (ANNA,), SecondReading(BERT, True), local(ANNA))["second"] == f"second reading by {BERT}"
    assert row(found, (ANNA,), SecondReading(BERT, False), local(BERT))["v"] == ""
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


def test_the_list_is_narrowed_by_urgency_age_and_reader() -> None:
    calm, urgent = study("calm", "NNNNNNNN"), study("urgent", "NNVVVVVVNNNN" * 3)
    reviews.begin_review(urgent, reader=ANNA)
    assert get_study(calm).priority > get_study(urgent).priority
    page = opened("worklist")
    assert set(records(page)) == {"calm", "urgent"}
    page.pills(key="worklist-urgency").set_value("Notable").run()
    assert records(page) == ["urgent"]
    page.pills(key="worklist-urgency").set_value("Any").run()
    page.selectbox(key="worklist-reader").set_value(ANNA).run()
    assert records(page) == ["urgent"]
    page.selectbox(key="worklist-reader").set_value("Any").run()
    page.pills(key="worklist-age").set_value("A day").run()
    assert set(records(page)) == {"calm", "urgent"}


def test_studies_older_than_asked_are_not_listed() -> None:
    number = study()
    made = get_study(number).created
    assert worklist(since=made).total == 1
    assert worklist(since=made + timedelta(seconds=1)).total == 0


def test_a_file_that_was_dropped_twice_is_one_recording() -> None:
    page = opened("worklist")
    files = demo_files("twice")
    page.file_uploader[0].set_value([(name, payload, ANY) for name, payload in [*files, *files]]).run()
    page.button(key="worklist-add").click().run()
    assert "1 recording sent to be analysed." in said(page)
    assert not page.error


def test_an_archive_with_a_bad_file_gives_the_others_and_names_it() -> None:
    page = opened("worklist")
    packed = zipped([*demo_files("packed"), ("bad.edf", b"0       " + bytes(244) + b"1   ")])
    page.file_uploader[0].set_value([("day.zip", packed, ANY)]).run()
    page.button(key="worklist-add").click().run()
    assert "1 recording sent to be analysed." in said(page)
    assert any("bad.edf was not read: The EDF" in box.value.replace("\\", "") for box in page.error)


def test_a_study_is_renamed_and_the_trail_keeps_both_names() -> None:
    number = study("case")
    reviews.rename(number, "holter_7", reader=ANNA)
    assert get_study(number).record == "holter_7"
    assert records(opened("worklist")) == ["holter_7"]
    assert reviews.audit(number)[-1].sentence() == "renamed the study: case to holter_7"
    assert worklist(text="holter_7").total == 1
    with pytest.raises(ReviewError, match="1 to 64 letters"):
        reviews.rename(number, "Maria Garcia", reader=ANNA)


def test_the_next_study_is_the_most_urgent_one_that_waits() -> None:
    first, second, third = study("first", "NNNNNNNN"), study("second", "NNVVVVVVNNNN" * 3), study("third", "NNVNNN")
    assert [found and found.id for found in map(next_study, (first, second))] == [second, third]
    for number in (first, third):
        version = reviews.begin_review(number, reader=ANNA)
        reviews.sign(number, reader=ANNA, expected_version=version)
    assert next_study(first) == get_study(second)
    assert next_study(second) is None


def test_a_signed_study_leads_to_the_next_one() -> None:
    number, waits = study("signed"), study("waits")
    version = reviews.begin_review(number, reader=ANNA)
    reviews.sign(number, reader=ANNA, expected_version=version)
    page = opened("study", study=number)
    assert page.button(key="next-study").label == "Next study: waits"
    page.button(key="next-study").click().run()
    assert page.session_state["heartvision-review"].study_id == waits


def test_many_studies_are_taken_away_as_one_zip_and_what_fails_is_named() -> None:
    good, gone = study(record="good"), study(record="gone")
    delete_recording(get_study(gone).digest)
    page = opened("worklist")
    assert not page.exception
    forms = tuple(form for form in REVIEWED if form.ending in ("json", "csv"))
    with zipfile.ZipFile(io.BytesIO(studies_zip((good, gone), forms, ANNA))) as archive:
        names = archive.namelist()
        assert sorted(names) == [f"good-{good}/good.csv", f"good-{good}/good.json", "not-exported.txt"]
        assert json.loads(archive.read(f"good-{good}/good.json"))["record"] == "good"
        assert archive.read("not-exported.txt").decode().startswith(f"{gone}: ")
