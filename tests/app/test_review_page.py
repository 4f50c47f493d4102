"""The Review page: empty, with a study, each decision, signed, and what two readers do to each other."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.review.session import ReviewSession
from models import registry
from pipeline.analysis import prepare
from pipeline.cases.study_review import FindingFilter, StudyReview
from pipeline.config import ROOT
from pipeline.datasets import demo_path
from pipeline.errors import ModelError
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.review.groups import FindingGroup
from pipeline.review.triage import disagreements, triage
from pipeline.store import reviews, second_reading
from pipeline.store.comparison import comparison
from pipeline.store.listing import study_of_analysis
from pipeline.store.prepared import save_prepared
from pipeline.store.recordings import delete_recording, save_recording
from pipeline.store.results import save_analysis
from pipeline.store.studies import get_study, stored_analysis
from pipeline.typed_times import read_clock
from pipeline.types import Analysis, Recording, Status

MAIN = str(ROOT / "app" / "main.py")
READER, OTHER = "Ada Moreau", "Ben Okafor"


@pytest.fixture(scope="module")
def case() -> tuple[Recording, Analysis]:
    """The demo recording with its annotations as the model's answer."""
    recording = save_recording(read_path(demo_path()))
    prepared = save_prepared(prepare(recording))
    assert recording.reference is not None
    sample = prepared.beats.sample
    nearest = np.abs(recording.reference.sample[None] - sample[:, None]).argmin(axis=1)
    letters = [aami_class(recording.reference.symbol[i]) or "Q" for i in nearest]
    p = np.full((sample.size, 5), 0.02, np.float32)
    p[np.arange(sample.size), [AAMI_CLASSES.index(letter) for letter in letters]] = 0.92
    p[7], letters[7] = (0.5, 0.3, 0.1, 0.05, 0.05), "N"  # a doubtful beat
    return recording, Analysis(
        record=recording.name, digest=recording.digest, fs=recording.fs, duration_s=recording.duration_s,
        leads=prepared.leads, model="cnn", model_version="reference", version="0", quality=prepared.quality,
        sample=sample, p=p, has_p=np.ones(sample.size, np.bool_), confidence=p.max(axis=1),
        status=tuple[Status, ...]("classified" for _ in letters), reason=("",) * sample.size, notices=(),
        threshold=0.5,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def home(migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty database for each test; recordings and caches stay."""
    shutil.copyfile(migrated_sqlite, tmp_path / "reviews.sqlite")
    monkeypatch.setenv("HEARTVISION_DATABASE_URL", f"sqlite:///{tmp_path / 'reviews.sqlite'}")


@pytest.fixture(scope="module")
def couplet(case: tuple[Recording, Analysis]) -> str:
    """The first ventricular couplet of the demo, as the address names it."""
    found = triage(reviewed_beats(case[1], ()))
    return next(finding.id for finding in found if finding.kind == "v_couplet")


@pytest.fixture
def study(case: tuple[Recording, Analysis]) -> int:
    recording, analysis = case
    return study_of_analysis(analysis, recording).id


def opened(study: int | str, *, reader: str = READER, **more: str) -> AppTest:
    """The page as its address opens it."""
    page = AppTest.from_file(MAIN, default_timeout=300).run()
    if reader:
        page.session_state["reader"] = reader
    page.query_params["study"] = str(study)
    for name, value in more.items():
        page.query_params[name] = value
    return page.switch_page("review/page.py").run()


def review_session(page: AppTest) -> ReviewSession:
    return page.session_state["heartvision-review"]


def address(page: AppTest) -> str:
    """The finding that the page's address names."""
    named = page.query_params["at"]
    return named if isinstance(named, str) else named[0]


def returned(study: int, page: AppTest) -> AppTest:
    """The page after a refresh: another session at the same address."""
    asked = {name: value if isinstance(value, str) else value[0] for name, value in page.query_params.items()}
    return opened(study, **{name: value for name, value in asked.items() if name != "study"})


def deciding(page: AppTest, names: tuple[str, ...]) -> list[bool]:
    """Whether each of the buttons whose keys begin so is disabled."""
    return [button.disabled for button in page.button if str(button.key).startswith(names)]


def press(page: AppTest, name: str) -> AppTest:
    """Presses the button of this name, whatever the version in its key."""
    found = [button for button in page.button if str(button.key).startswith(f"{name}-")]
    assert len(found) == 1, [button.key for button in page.button]
    return found[0].click().run()


def decisions(study: int) -> tuple[Decision, ...]:
    return reviews.standing(study).decisions


def in_force(page: AppTest, sample: int) -> tuple[str, str, str]:
    """Class in force, what a human did, and the model's answer."""
    review = review_session(page).review
    assert review is not None
    at = review.position(sample)
    assert at is not None
    return str(review.beats.aami[at]), str(review.beats.human[at]), str(review.beats.model_aami[at])


def texts(page: AppTest) -> str:
    parts = (*page.markdown, *page.caption, *page.error, *page.warning, *page.info, *page.title)
    return "\n".join(str(element.value) for element in parts)


def test_without_a_study_the_page_says_where_to_find_one(study: int) -> None:
    page = AppTest.from_file(MAIN, default_timeout=300).run().switch_page("review/page.py").run()
    assert not page.exception
    assert "Review a recording" in texts(page)
    page.button(key=f"recent-{study}").click().run()
    assert review_session(page).study_id == study
    assert "findings reviewed" in texts(page)


@pytest.mark.parametrize("number", ["999", "nonsense", "-1", "9" * 30])
def test_an_address_without_a_study_behind_it_is_said_in_one_sentence(number: str) -> None:
    page = opened(number)
    assert not page.exception
    assert "does not exist" in page.error[0].value


def test_the_most_important_open_finding_comes_first(study: int) -> None:
    page = opened(study)
    assert not page.exception
    review = review_session(page).review
    assert review is not None
    first = review.rows(FindingFilter())[0]
    assert review_session(page).finding == first.id
    assert review_session(page).target() == first.samples
    assert address(page) == first.id
    assert "**0 of " in texts(page)


def test_who_has_no_name_can_look_but_not_decide(study: int) -> None:
    page = opened(study, reader="")
    assert deciding(page, ("review-V", "review-confirm")) == [True, True]
    assert page.text_input(key="reader-name").label == "Your name"


@pytest.mark.parametrize(
    ("name", "kind", "aami"),
    [("review-confirm", "confirm", ""), ("review-reject", "reject", ""), ("review-delete", "delete", "")]
    + [(f"review-{letter}", "override", letter) for letter in AAMI_CLASSES],
)
def test_a_decision_is_about_all_beats_of_the_finding_and_in_the_store_at_once(
    study: int, name: str, kind: str, aami: str
) -> None:
    page = opened(study)
    samples = review_session(page).target()
    press(page, name)
    assert not page.exception
    assert not page.error
    assert decisions(study) == (Decision(kind, samples, aami),)  # type: ignore[arg-type]
    assert review_session(page).target() != samples, "the next finding is shown"


def test_a_decision_about_one_beat_leaves_the_rest_of_the_finding_open(study: int, couplet: str) -> None:
    page = opened(study, at=couplet)
    first, second_reading = review_session(page).target()[:2]
    page.button(key="scope-beat").click().run()
    press(page, "review-S")
    assert decisions(study) == (Decision("override", (first,), "S"),)
    assert in_force(page, first) == ("S", "overridden", "V")
    assert in_force(page, second_reading) == ("V", "", "V")


def test_a_decision_that_dissolves_a_finding_does_not_lose_the_place_in_the_list(study: int) -> None:
    page = opened(study)
    review = review_session(page).review
    assert review is not None
    listed = review.listed(review_session(page).wanted)
    middle = [i for i, found in enumerate(listed) if found.kind == "v_couplet"][2]
    page = opened(study, at=listed[middle].id)
    page.button(key="scope-beat").click().run()
    press(page, "review-N")
    assert review_session(page).current is None, "half a couplet is none"
    here = review_session(page)
    here.step(1)
    assert here.finding == listed[middle + 1].id
    here.finding = listed[middle].id
    here.step(-1)
    assert here.finding == listed[middle - 1].id


def test_everything_is_counted_again_after_a_decision(study: int, couplet: str) -> None:
    page = opened(study, at=couplet)
    before = review_session(page).review
    press(page, "review-N")
    after = review_session(page).review
    assert before is not None
    assert after is not None
    changed = len(decisions(study)[0].samples)
    assert after.summary.counts["V"] == before.summary.counts["V"] - changed
    assert after.variability.n_intervals != before.variability.n_intervals
    assert f"| {after.summary.counts['V']} |" in texts(page)
    assert get_study(study).counts["V"] == after.summary.counts["V"], "the worklist knows"


def test_undo_and_redo_go_back_and_forth_and_show_what_changed(study: int) -> None:
    page = opened(study)
    samples = review_session(page).target()
    press(page, "review-S")
    press(page, "review-reject")
    press(page, "review-undo")
    press(page, "review-undo")
    assert decisions(study) == ()
    assert review_session(page).target() == samples
    press(page, "review-redo")
    assert decisions(study) == (Decision("override", samples, "S"),)


def test_an_adjudication_that_kept_the_first_reading_can_be_undone(study: int) -> None:
    beat = (int(stored_analysis(study).sample[3]),)
    reviews.begin_review(study, reader=READER)
    own = second_reading.begin_second(study, reader=OTHER)
    own = reviews.decide(study, Decision("override", beat, "F"), reader=OTHER, expected_version=own, reading="second")
    seen = second_reading.finish_second(study, reader=OTHER, expected_version=own)
    second_reading.adjudicate(study, comparison(study).unsettled[0], "first", reader=READER, expected_version=seen)
    assert not comparison(study).unsettled
    page = opened(study)
    press(page, "review-undo")
    assert not page.exception
    assert comparison(study).unsettled


def test_a_whole_family_is_relabelled_in_one_decision(study: int) -> None:
    page = opened(study)
    review = review_session(page).review
    assert review is not None
    page.button(key="scope-family").click().run()
    family = review.family_samples(review_session(page).family)
    assert f"**Family {review_session(page).family + 1}** {len(family)} beats" in texts(page)
    press(page, "review-F")
    assert decisions(study) == (Decision("override", family, "F"),)
    assert review_session(page).scope == "beat", "the next key must not hit the whole family again"


def test_all_beats_between_two_times_are_selected_and_decided(study: int) -> None:
    page = opened(study)
    shown = review_session(page).viewport.start_s
    offered = read_clock(page.text_input(key="span-from").value)
    assert offered == pytest.approx(shown, abs=0.11), "what is seen is offered first"
    page.text_input(key="span-from").set_value("0:99").run()
    assert page.button(key="span-take").disabled
    page.text_input(key="span-from").set_value("0:10")
    page.text_input(key="span-to").set_value("0:00:14").run()
    page.button(key="span-take").click().run()
    review = review_session(page).review
    assert review is not None
    samples = review.between(10, 14)
    assert len(samples) > 3
    press(page, "review-reject")
    assert decisions(study) == (Decision("reject", samples),)


def test_a_missed_beat_is_added_at_the_typed_time_and_snapped(study: int) -> None:
    page = opened(study)
    removed = review_session(page).sample
    page.button(key="scope-beat").click().run()
    press(page, "review-delete")
    press(page, "add")
    page.text_input(key="add-time").set_value(f"{removed / 360 + 0.02:.3f}").run()
    page.button(key="add-here").click().run()
    added = decisions(study)[1]
    assert (added.kind, added.aami) == ("add", "N")
    assert abs(added.samples[0] - removed) <= 0.03 * 360
    assert in_force(page, added.samples[0]) == ("N", "added", "")


def test_a_beat_is_not_added_on_another_one(study: int) -> None:
    page = opened(study)
    press(page, "add")
    page.text_input(key="add-time").set_value(f"{review_session(page).target()[0] / 360:.3f}").run()
    page.button(key="add-here").click().run()
    assert "already" in page.error[0].value
    assert decisions(study) == ()


def test_a_comment_is_kept_with_its_beats_and_shown_as_it_was_typed(study: int) -> None:
    page = opened(study)
    samples = review_session(page).target()
    field = next(area for area in page.text_area if str(area.key).startswith("comment-text-"))
    field.set_value("P wave? ![x](http://example.org/x.png)")
    next(button for button in page.button if button.label == "Keep the comment").click().run()
    assert decisions(study) == (Decision("comment", samples, text="P wave? ![x](http://example.org/x.png)"),)
    assert "\\!\\[x\\]" in texts(page)


def test_a_comment_on_a_group_is_shown_with_it_wherever_one_looks(study: int) -> None:
    page = opened(study, at="group:ectopic_v")
    here = review_session(page)
    samples = here.target()
    assert len(samples) > 20
    field = next(area for area in page.text_area if str(area.key).startswith("comment-text-"))
    assert field.label == f"Comment on {len(samples)} beats"
    field.set_value("all of one shape")
    next(button for button in page.button if button.label == "Keep the comment").click().run()
    assert decisions(study) == (Decision("comment", samples, text="all of one shape"),)
    for _ in here.places():
        assert f"all of one shape :gray[· on all {len(samples)}]" in texts(page)
        assert here.sample in samples
        page.button(key="review-next-beat-button").click().run()
    page.button(key="scope-beat").click().run()
    assert "all of one shape" in texts(page)
    assert "on all" not in texts(page)


def test_a_comment_that_was_not_changed_is_no_decision(study: int) -> None:
    page = opened(study, at="group:ectopic_v")
    next(button for button in page.button if button.label == "Keep the comment").click().run()
    assert decisions(study) == ()


def test_filters_narrow_the_list_and_the_keys_go_along_it(study: int) -> None:
    page = opened(study)
    page.pills(key="review-kinds").set_value(["fusion"]).run()
    review = review_session(page).review
    assert review is not None
    listed = review.listed(review_session(page).wanted)
    assert {finding.kind for finding in listed} == {"fusion"}
    page.button(key="review-next-button").click().run()
    assert review_session(page).finding == "group:fusion"
    assert set(review_session(page).target()) == {sample for finding in listed for sample in finding.samples}
    press(page, "review-confirm")
    page.segmented_control(key="review-which").set_value("Done").run()
    assert [finding.id for finding in review.listed(review_session(page).wanted)] == []
    assert review_session(page).review.listed(review_session(page).wanted) != ()  # type: ignore[union-attr]


def test_what_a_filter_hides_is_neither_in_the_heading_nor_decided_about(study: int) -> None:
    page = opened(study)
    page.pills(key="review-kinds").set_value(["trigeminy"]).run()
    here = review_session(page)
    assert here.review is not None
    shown = here.current
    assert shown is not None
    assert shown.kind == "trigeminy"
    assert f"**{shown.title}".split(",")[0] in texts(page)
    press(page, "review-confirm")
    (decision,) = decisions(study)
    assert decision.samples == shown.samples
    page.pills(key="review-classes").set_value(["Q"]).run()
    assert (here.current, here.finding) == (None, "")
    assert "**Beat at " in texts(page)


def test_a_group_is_gone_through_one_by_one_and_the_rest_confirmed_at_once(study: int) -> None:
    page = opened(study, at="group:trigeminy")
    here = review_session(page)
    group = here.group
    assert isinstance(group, FindingGroup)
    assert len(group.members) > 2
    page.button(key="open-group").click().run()
    assert (here.opened, here.finding) == (group.id, group.members[0].id)
    press(page, "review-confirm")
    assert decisions(study)[0].samples == group.members[0].samples
    assert here.finding == group.members[1].id
    page.button(key="review-next-button").click().run()
    assert here.finding == group.members[2].id
    press(page, "rest")
    assert decisions(study)[1].kind == "confirm"
    assert set(decisions(study)[1].samples) == {s for member in group.members[1:] for s in member.samples}
    assert here.opened == ""
    assert here.current is not None
    assert here.current.kind != group.kind


def test_the_places_of_a_group_are_gone_along_before_it_is_decided(study: int) -> None:
    page = opened(study)
    here = review_session(page)
    places = here.extremes()
    assert 2 <= len(places) <= 4
    start = here.viewport.start_s
    page.button(key="review-next-beat-button").click().run()
    assert here.extreme == 1
    assert (here.scope, here.viewport.start_s == start) == ("finding", False)
    place = places[1]
    assert here.viewport.start_s <= place.start_s <= here.viewport.stop_s


def test_look_alikes_of_a_relabelled_family_are_offered_and_relabelled_in_one_act(study: int) -> None:
    page = opened(study)
    here = review_session(page)
    review = here.review
    assert review is not None
    families = review.material.families
    number = next(n for n in range(families.size.size) if families.alike(n).size)
    here.choose_family(number)
    page.run()
    press(page, "review-Q")
    alike = here.alike
    assert alike is not None
    was = str(review.beats.aami[review.position(review.family_samples(number)[0]) or 0])
    assert set(families.of(np.array(alike.samples))) <= set(families.alike(number).tolist())
    press(page, "alike")
    assert (decisions(study)[1].aami, decisions(study)[1].samples) == ("Q", alike.samples)
    assert {str(review.beats.aami[review.position(sample)]) for sample in alike.samples} == {was}  # type: ignore[index]


def test_a_part_of_a_family_has_no_look_alikes(study: int) -> None:
    page = opened(study)
    here = review_session(page)
    assert here.review is not None
    here.look_at(here.review.family_samples(0)[0])
    page.run()
    press(page, "review-S")
    assert here.alike is None


def test_another_network_that_disagrees_can_be_asked_for(case: tuple[Recording, Analysis], study: int) -> None:
    _, analysis = case
    p = np.array(analysis.p)
    ventricular = int(np.flatnonzero(p.argmax(axis=1) == AAMI_CLASSES.index("V"))[0])
    p[ventricular] = (0.01, 0.95, 0.02, 0.01, 0.01)
    other = replace(analysis, model="vgg16", model_version=registry.manifest("vgg16").version, p=p)
    save_analysis(other, registry.manifest("vgg16").identity)
    page = opened(study)
    page.selectbox(key="review-other").set_value("vgg16").run()
    review = review_session(page).review
    assert review is not None
    listed = review.listed(review_session(page).wanted)
    assert listed
    assert all(analysis.sample[ventricular] in finding.samples for finding in listed)
    assert len(listed) < len(review.findings)


def test_a_damaged_network_beside_does_not_keep_anybody_from_reviewing(
    study: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = registry.manifest

    def damaged(name: str) -> registry.Manifest:
        if name == "vgg16":
            raise ModelError("The manifest of network 'vgg16' cannot be read: 'sha256'.")
        return known(name)

    monkeypatch.setattr(registry, "manifest", damaged)
    page = opened(study)
    assert not page.exception
    assert not page.error
    assert review_session(page).target()


def test_a_network_that_has_not_read_the_recording_reads_it_when_its_disagreement_is_asked_for(
    case: tuple[Recording, Analysis],
) -> None:
    recording, analysis = case
    wrong = np.roll(np.array(analysis.p), 1, axis=1)  # whatever the other says, it is not this
    study = study_of_analysis(replace(analysis, model="vgg16", p=wrong), recording).id
    page = opened(study)
    page.selectbox(key="review-other").set_value("cnn").run()
    assert review_session(page).wanted.other == "cnn"
    finding = review_session(page).finding
    deadline = time.monotonic() + 300
    while "cnn" not in review_on_page(page).material.others and time.monotonic() < deadline:
        time.sleep(0.1)
        page.run()
        assert not page.exception
    review = review_on_page(page)
    differing = disagreements(review.beats, review.material.others["cnn"])
    assert differing.size > 300
    listed = review.listed(review_session(page).wanted)
    assert listed
    assert all(np.isin(found.samples, differing).any() for found in listed)
    assert review_session(page).finding == finding  # the place that was looked at stays


def review_on_page(page: AppTest) -> StudyReview:
    review = review_session(page).review
    assert review is not None
    return review


@pytest.mark.parametrize("tab", ["Summary", "Families", "Trend", "RR", "HRV"])
def test_each_tab_is_drawn_alone_with_few_charts(study: int, tab: str) -> None:
    page = opened(study)
    page.session_state["review-tabs"] = tab
    page.run()
    assert not page.exception
    assert len(page.get("plotly_chart")) <= 4


def test_a_refresh_opens_the_same_study_at_the_same_state(study: int) -> None:
    page = opened(study)
    press(page, "review-confirm")
    again = opened(study, at=address(page))
    assert review_session(again).finding == review_session(page).finding
    assert "**0 of " not in texts(again)
    assert decisions(study)


def test_a_refresh_keeps_the_place_in_a_group_the_beat_and_what_the_next_key_is_about(study: int) -> None:
    page = opened(study, at="group:ectopic_v")
    here = review_session(page)
    here.show_extreme(1)
    page.run()
    assert (here.extreme, here.scope) == (1, "finding")
    again = review_session(returned(study, page))
    assert (again.finding, again.extreme, again.sample) == (here.finding, 1, here.sample)
    assert again.viewport.start_s == pytest.approx(here.viewport.start_s, abs=0.06)
    here.look_at(here.sample)
    here.turn(1)
    page.run()
    again = review_session(returned(study, page))
    assert (again.sample, again.scope) == (here.sample, "beat")
    assert again.viewport.start_s == pytest.approx(here.viewport.start_s, abs=0.06)


def test_a_place_in_an_address_that_is_none_is_passed_over(study: int) -> None:
    for beat, start in (("x", "1"), ("1", "nan"), ("9" * 12, "9999999"), ("-1", "-5")):
        page = opened(study, at="group:ectopic_v", beat=beat, **{"from": start})
        assert not page.exception
        assert review_session(page).finding == "group:ectopic_v"


def test_who_comes_late_is_told_who_did_what_and_sees_it(study: int) -> None:
    page = opened(study)
    samples = review_session(page).target()
    review = review_session(page).review
    assert review is not None
    reviews.decide(study, Decision("reject", samples[:1]), reader=OTHER, expected_version=review.standing.version)
    press(page, "review-S")
    assert [decision.kind for decision in decisions(study)] == ["reject"], "nothing was overwritten"
    assert OTHER in page.warning[0].value
    assert in_force(page, samples[0])[0] == "X"
    press(page, "review-S")
    assert [decision.kind for decision in decisions(study)] == ["reject", "override"]


def test_a_signed_study_is_read_only_and_says_who_signed(study: int) -> None:
    reviews.begin_review(study, reader=READER)
    reviews.sign(study, reader=READER, expected_version=reviews.standing(study).version)
    page = opened(study)
    assert not page.exception
    assert f"Signed by {READER}" in page.info[0].value
    assert deciding(page, ("review-confirm", "review-V", "review-undo", "add-")) == [True] * 4


def test_a_recording_that_is_not_here_any_more_is_said(case: tuple[Recording, Analysis], study: int) -> None:
    recording, _ = case
    delete_recording(recording.digest)
    try:
        page = opened(study)
        assert "not on this machine" in page.error[0].value
    finally:
        save_recording(read_path(demo_path()))


def test_after_a_finding_that_a_decision_dissolves_the_next_one_is_decided_about_as_a_whole(study: int) -> None:
    page = opened(study)
    here = review_session(page)
    page.button(key="open-group").click().run()
    dissolved = here.finding
    press(page, "review-N")
    assert here.review is not None
    assert here.review.finding(dissolved) is None
    assert here.scope == "finding"
    assert here.current is not None
    assert here.target() == here.current.samples


def test_what_was_changed_before_stays_when_the_row_around_it_is_confirmed(study: int) -> None:
    page = opened(study, at="group:trigeminy")
    here = review_session(page)
    changed = here.target()[0]
    here.look_at(changed)
    page.run()
    press(page, "review-F")
    group = next(row for row in here.rows() if row.kind in ("trigeminy", "ectopic_v", "v_couplet") and row.samples)
    here.show(group)
    page.run()
    press(page, "review-confirm")
    assert in_force(page, changed)[:2] == ("F", "overridden")
    assert changed not in decisions(study)[1].samples
