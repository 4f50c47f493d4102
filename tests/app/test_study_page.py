"""The Study page: sign-off, second reading, exports, the audit trail, deleting a recording."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from app.study import audit, exports
from pipeline.cases.material import material_of
from pipeline.cases.study_review import review_of
from pipeline.export.signing import sign_with_report
from pipeline.export.study_files import REVIEWED, made, reviewed
from pipeline.measurements import Measurements, Statement
from pipeline.review.decisions import Decision
from pipeline.store import reviews, second_reading
from pipeline.store.listing import study_of_analysis
from pipeline.store.recordings import delete_recording, load_recording, save_recording
from pipeline.store.signed_files import load_report
from pipeline.store.signing import signings
from pipeline.store.studies import get_study, stored_analysis
from tests.export.test_export_report import text_of
from tests.helpers.review_study import analysed, at, recorded
from tests.helpers.studies import ANNA, BEATS, BERT, CARLA, opened, reading_as, rows, said, study

pytestmark = pytest.mark.usefixtures("own_store")


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
    assert "reviewed the findings marked as reviewed" in said(page)
    assert page.text_area(key="sign-text").value == "No finding has been confirmed by a reader."
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
    page = opened("study", study=number)
    assert "Every finding is reviewed." in said(page)
    assert "you have reviewed this recording" in said(page)
    assert "Idioventricular rhythm: 3 beats at 75/min at 0:00:08." in page.text_area(key="sign-text").value


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
    assert (figures["Agreement on all beats"], figures["On beats that both decided"]) == ("82.4 %", "0 %")
    assert figures["Differences settled"] == "0 of 3"
    assert "3 differences between the two readers are not settled" in said(page)
    assert page.button(key="sign-study").disabled
    page.button(key="second-second").click().run()
    page.button(key="second-next").click().run()
    page.button(key="second-first").click().run()
    page.button(key="second-first").click().run()
    assert not page.exception
    assert "Every difference is settled" in said(page)
    assert not page.button(key="sign-study").disabled
    classes = "".join(page.session_state["heartvision-study"].review.beats.aami[:4])
    assert classes == "SVVN"


def test_whoever_took_part_in_the_first_reading_is_not_offered_the_second() -> None:
    number = study()
    version = reviews.decide(number, Decision("reject", at(1)), reader=ANNA, expected_version=0)
    reviews.decide(number, Decision("reject", at(2)), reader=BERT, expected_version=version)
    page = reading_as(opened("study", study=number), ANNA)
    assert page.button(key="second-begin").disabled
    assert "You took part in the first reading" in said(page)
    assert not reading_as(opened("study", study=number), CARLA).button(key="second-begin").disabled


def test_who_settles_their_own_dispute_is_told_and_marked() -> None:
    number = study()
    version = reviews.decide(number, Decision("override", at(0, 1), "V"), reader=ANNA, expected_version=0)
    second_reading.begin_second(number, reader=BERT)
    second_reading.finish_second(number, reader=BERT, expected_version=version - 1)
    page = reading_as(opened("study", study=number), CARLA)
    assert "one of the two" not in said(page)
    page.button(key="second-first").click().run()
    page = reading_as(opened("study", study=number), ANNA)
    assert "You are one of the two readers" in said(page)
    page.button(key="second-first").click().run()
    assert not page.exception
    assert "not by a third: **1 of 2**" in said(page)
    table = next(frame.value for frame in page.dataframe if "Settled" in frame.value)
    assert table["Settled"].tolist() == [f"by {CARLA}", f"by {ANNA}, one of the two"]
    assert "settled a difference, kept 1 beat" in page.dataframe[-1].value["What"].tolist()


def test_an_unfinished_second_reading_is_withdrawn_with_a_reason() -> None:
    number = study()
    reviews.begin_review(number, reader=ANNA)
    second_reading.begin_second(number, reader=BERT)
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
    table = list(csv.DictReader(io.StringIO(audit.as_csv(reviews.audit(number)).decode())))
    assert [entry["event"] for entry in table] == ["begin", "decide"]
    assert (table[1]["who"], table[1]["text"]) == ("'@Anna", "'=1+1")
    assert (table[1]["from"], table[1]["to"], table[1]["model"]) == ("NV", "FF", "NV")
    assert table[1]["samples"] == "100 500"
    assert table[1]["model_version"] == "r-1"


def test_all_exports_are_made_of_the_reviewed_result_and_of_the_models_alone() -> None:
    number = study()
    reviews.decide(number, Decision("override", at(0), "V"), reader=ANNA, expected_version=0)
    page = opened("study", study=number)
    review = page.session_state["heartvision-study"].review
    for form in REVIEWED:
        assert made(form, lambda: reviewed(review, reviews.audit(number)))
    for form in exports.MODEL:
        assert made(form, lambda: exports.model_alone(review))
    in_force = made(REVIEWED[3], lambda: reviewed(review, reviews.audit(number)))
    alone = made(exports.MODEL[3], lambda: exports.model_alone(review))
    assert json.loads(in_force)["review"]["beats"][0]["class"] == "V"
    assert json.loads(alone)["beats"][0]["class"] == "N"
    assert "review" not in json.loads(alone)


def test_the_report_of_the_model_alone_counts_the_findings_that_the_review_counts() -> None:
    page = opened("study", study=study())
    review = page.session_state["heartvision-study"].review
    assert review.findings
    assert [one.id for one in exports.model_alone(review).findings] == [one.id for one in review.findings]


def test_a_study_whose_recording_is_gone_can_still_be_signed() -> None:
    number = study()
    reviews.begin_review(number, reader=ANNA)
    delete_recording(get_study(number).digest)
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
    assert load_recording(digest) is not None
    page.text_area(key="forget-reason").set_value("The patient asked for it")
    page.button(key="forget-signal").click().run()
    assert "The recording is deleted." in said(page)
    assert "not on this machine" in said(page)
    assert load_recording(digest) is None
    assert not [button for button in page.get("download_button") if "take-" in str(button.key)]
    assert "The patient asked for it" in page.dataframe[-1].value["Text"].tolist()
    page.switch_page("review/page.py").run()
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


def confirmed(number: int, *beats: int, version: int) -> int:
    return reviews.decide(number, Decision("confirm", at(*beats)), reader=ANNA, expected_version=version)


def test_the_conclusion_follows_what_is_confirmed_and_chosen_and_keeps_what_was_written() -> None:
    number = study()
    version = confirmed(number, 10, 11, 12, version=0)
    page = reading_as(opened("study", study=number), ANNA)
    run = "Idioventricular rhythm: 3 beats at 75/min at 0:00:08."
    assert page.text_area(key="sign-text").value == run
    page.text_area(key="sign-text").set_value(f"No therapy.\n{run}").run()
    confirmed(number, 2, version=version)
    page.run()
    ectopic = "Ventricular ectopics: 1 single beat."
    burden = "Ventricular beats in all: 4, 25.0 % of the classified beats."
    assert page.text_area(key="sign-text").value == f"No therapy.\n{run}\n{ectopic}\n{burden}"
    page.multiselect(key="sign-findings").set_value(["idioventricular", "burden_V"]).run()
    assert page.text_area(key="sign-text").value == f"No therapy.\n{run}\n{burden}"
    page.switch_page("worklist/page.py").run()
    page.switch_page("study/page.py").run()
    assert page.text_area(key="sign-text").value == f"No therapy.\n{run}\n{burden}"
    page.button(key="sign-study").click().run()
    assert not page.exception
    signature = signings(reviews.audit(number))[0]
    assert (signature.conclusion, signature.findings) == (
        f"No therapy.\n{run}\n{burden}",
        ("idioventricular", "burden_V"),
    )


def test_the_stored_report_is_the_signed_one_and_an_amendment_stands_beside_it() -> None:
    number = study()
    confirmed(number, 10, 11, 12, version=0)
    page = reading_as(opened("study", study=number), ANNA)
    page.button(key="sign-study").click().run()
    page.text_area(key="reopen-reason").set_value("A beat was missed")
    page.button(key="reopen-study").click().run()
    page.text_area(key="sign-text").set_value("Amended text.").run()
    page.button(key="sign-study").click().run()
    assert not page.exception
    first, second = signings(reviews.audit(number))
    texts = [" ".join(text_of(load_report(one.report))[0].split()) for one in (first, second)]
    assert "Idioventricular rhythm: 3 beats at 75/min at 0:00:08." in texts[0]
    assert "Signed · final" in texts[0]
    assert "Amended text." in texts[1]
    assert "Signed · amended" in texts[1]
    assert f"SHA-256 {first.report[:16]} is amended by this one." in texts[1]
    taken = [button.key for button in page.get("download_button") if "signed-report" in str(button.key)]
    assert taken == ["signed-report-2", "signed-report-1"]
    assert "signed the study and stored its report" in page.dataframe[-1].value["What"].tolist()


def urgent_study() -> int:
    """A study with a ventricular tachycardia and a statement that is urgent."""
    analysis = analysed("N" * 8 + "VVVV" + "N" * 8, record="urgent")
    sample = analysis.sample.copy()
    sample[9:] -= 100 * np.minimum(np.arange(1, sample.size - 8), 3)
    stemi = Statement("STE-INF", "infarction", "ST elevation, inferior.", "III 0.3 mV", urgent=True)
    analysis = replace(analysis, sample=sample, measured=Measurements(statements=(stemi,)))
    return study_of_analysis(analysis, save_recording(recorded(analysis))).id


def test_urgent_and_undecided_needs_a_reason_that_is_stored_and_printed() -> None:
    number = urgent_study()
    reviews.begin_review(number, reader=ANNA)
    page = reading_as(opened("study", study=number), ANNA)
    page.button(key="sign-study").click().run()
    assert "Urgent and not reviewed: ST elevation, inferior; Ventricular tachycardia" in said(page)
    assert get_study(number).state == "in_review"
    page.segmented_control(key="statement-STE-INF-1").set_value("confirmed").run()
    assert reviews.standing(number).decisions == (Decision("statement_confirm", (0, 4100), subject="STE-INF"),)
    assert page.text_area(key="sign-text").value == "ST elevation, inferior."
    page.text_input(key="sign-reason").set_value("The run is noise").run()
    page.button(key="sign-study").click().run()
    assert get_study(number).state == "signed"
    signature = signings(reviews.audit(number))[0]
    assert signature.reason == "The run is noise"
    text = " ".join(text_of(load_report(signature.report))[0].split())
    assert "Urgent and not reviewed: Ventricular tachycardia." in text
    assert "Signed all the same because: The run is noise" in text


def test_what_is_urgent_and_decided_needs_no_reason() -> None:
    number = urgent_study()
    version = reviews.begin_review(number, reader=ANNA)
    rejected = Decision("statement_reject", (0, 4100), subject="STE-INF")
    reviews.decide(number, rejected, reader=ANNA, expected_version=version)
    run = tuple(stored_analysis(number).sample[8:12].tolist())
    reviews.decide(number, Decision("confirm", run), reader=ANNA, expected_version=version + 1)
    page = reading_as(opened("study", study=number), ANNA)
    assert "sign-reason" not in [field.key for field in page.text_input]
    page.button(key="sign-study").click().run()
    assert signings(reviews.audit(number))[0].reason == ""


def test_a_reason_that_nothing_asks_for_is_neither_stored_nor_printed() -> None:
    number = study()
    reviews.decide(number, Decision("confirm", tuple(analysed(BEATS).sample.tolist())), reader=ANNA, expected_version=0)
    review = review_of(material_of(get_study(number)), reviews.standing(number))
    sign_with_report(
        review, reviews.audit(number), reader=ANNA, conclusion="Seen.", reason="typed before it was decided"
    )
    signature = signings(reviews.audit(number))[0]
    assert signature.reason == ""
    assert "typed before" not in " ".join(text_of(load_report(signature.report))[0].split())


def test_the_page_shows_the_sections_of_the_report() -> None:
    page = opened("study", study=urgent_study())
    shown = " ".join(element.proto.body for element in page.get("html"))
    for words in ("Findings", "Beats", "Ventricular tachycardia", "4 beats", "from the start of the recording"):
        assert words in shown
    assert "ST elevation, inferior" in said(page)
    assert {metric.label for metric in page.metric} >= {"Beats", "Mean heart rate", "Ventricular", "Supraventricular"}
