"""Rhythm on the pages: its band, its table, findings without a beat, and recordings without any."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.common import ecg_chart, theme
from app.common.ecg_chart import episode_words
from models import registry
from pipeline.analysis import prepare
from pipeline.cases.strip_content import BeatMarks, StripLead
from pipeline.config import ROOT
from pipeline.store.listing import study_of_analysis
from pipeline.store.prepared import save_prepared
from pipeline.store.recordings import save_recording
from pipeline.store.results import save_analysis
from pipeline.store.reviews import standing
from pipeline.types import RHYTHM_CODES, Analysis, Episode, QualitySegment, Recording, RhythmCode
from tests.helpers import studies
from tests.helpers.review_study import recorded
from tests.helpers.rhythms import MODEL, beatless, read, with_rhythm

MAIN = str(ROOT / "app" / "main.py")
CODES: tuple[RhythmCode, ...] = ("VFL", "ASYS", "NOISE")
NAMES = {"VFL": "Ventricular fibrillation", "ASYS": "Asystole or pause", "NOISE": "Unreadable"}
READER = "Ada Moreau"
pytestmark = pytest.mark.usefixtures("own_store")
NO_MARKS = BeatMarks(np.zeros(0, np.int64), np.zeros(0), (), ())


def stored(recording: Recording, analysis: Analysis) -> None:
    """Put an analysis where the Analyse page looks for it."""
    identity = registry.manifest(MODEL).identity
    save_recording(recording)
    save_prepared(prepare(recording, leads=analysis.leads, samples=analysis.sample), leads=None)
    save_analysis(replace(analysis, model=MODEL), identity)


def analysed_page(recording: Recording) -> AppTest:
    page = AppTest.from_file(MAIN, default_timeout=120)
    page.query_params["recording"], page.query_params["network"] = recording.digest, MODEL
    return page.run()


def beating() -> tuple[Recording, Analysis]:
    """A minute and more of beats with fibrillation of the ventricles in between."""
    analysis = with_rhythm("N" * 40 + "NV" * 10 + "N" * 30, (30.0, "N"), (45.0, "VFL"), (70.0, "AFIB"), (99.0, "N"))
    analysis = replace(analysis, model=MODEL)
    return recorded(analysis), analysis


def charts(page: AppTest, name: str) -> list[dict[str, object]]:
    """The traces of the chart whose key begins so."""
    found = next(one for one in page.get("plotly_chart") if name in one.proto.id)
    traces: list[dict[str, object]] = json.loads(found.proto.spec)["data"]
    return traces


def band(page: AppTest, name: str) -> dict[str, object]:
    return next(trace for trace in charts(page, name) if trace.get("name") == "rhythm")


def urgent(page: AppTest) -> list[str]:
    """The buttons that lead to urgent episodes, as they are read."""
    return [button.label.replace("\\", "") for button in page.button if str(button.key).startswith("urgent-")]


def html_of(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


@pytest.mark.parametrize("code", CODES)
def test_a_recording_without_a_beat_is_analysed_and_shown(code: RhythmCode) -> None:
    recording = beatless(code)
    stored(recording, read(recording, code))
    page = analysed_page(recording)
    assert not page.exception
    assert not page.error
    said = studies.said(page)
    assert "Rhythm from lead MLII; ST, intervals and the other lead were not read." in said
    assert "No beat was found in this recording" in said
    assert urgent(page) == ([] if code == "NOISE" else [f"{NAMES[code]}, 40 s at 0:00.0"])
    tables = [frame.value for frame in page.dataframe]
    assert tables[0]["Time"].tolist() == ["40 s"]
    assert tables[1]["Rhythm"].tolist() == [NAMES[code]]
    assert all(button.disabled for button in page.button if str(button.key).startswith("go-"))
    window = page.button(key="turn-After").click().run()
    assert not window.exception


@pytest.mark.parametrize("code", CODES)
def test_a_finding_without_a_beat_is_seen_and_signed(code: RhythmCode) -> None:
    recording = beatless(code)
    stored(recording, read(recording, code))
    study = study_of_analysis(read(recording, code), recording).id
    page = studies.opened("review", study=study)
    page.session_state["reader"] = READER
    page.run()
    assert not page.exception
    assert not page.error
    here = page.session_state["heartvision-review"]
    assert here.current.title == NAMES[code]
    assert here.target() == ()
    assert not [button for button in page.button if str(button.key).startswith(("review-N-", "review-delete"))]
    (other,) = [button for button in page.button if str(button.key).startswith("review-reject")]
    assert (other.label, other.disabled) == ("Not this rhythm `X`", False)
    (look,) = [button for button in page.button if str(button.key).startswith("review-confirm-")]
    assert look.label == "Confirm `C`"
    look.click().run()
    assert not page.exception
    assert [decision.kind for decision in standing(study).decisions] == ["rhythm_confirm"]
    (done,) = [button for button in page.button if str(button.key).startswith("review-confirm-")]
    assert (done.label, done.disabled) == ("Confirm `C`", True)
    (undo,) = [button for button in page.button if str(button.key).startswith("review-undo-")]
    undo.click().run()
    assert standing(study).decisions == ()
    assert page.session_state["heartvision-review"].current.title == NAMES[code]
    for view in ("study", "worklist"):
        other = studies.opened(view, study=study)
        assert not other.exception
        urgent = [":material/emergency:"] if view == "study" and code in ("VFL", "ASYS") else []
        assert [told.icon for told in other.error] == urgent  # what is urgent, on the report; no error anywhere
    exports = [button.disabled for button in studies.opened("study", study=study).get("download_button")]
    assert not any(exports)


def test_every_tab_of_the_review_is_drawn_without_beats() -> None:
    recording = beatless("VFL", seconds=1300.0)
    study = study_of_analysis(read(recording, "VFL"), recording).id
    page = studies.opened("review", study=study)
    for tab in ("Summary", "Rhythm", "Families", "Trend", "RR", "HRV", "Day"):
        page.session_state["review-tabs"] = tab
        page.run()
        assert not page.exception, tab


def test_the_page_opens_at_the_most_urgent_episode_and_a_click_leads_to_any() -> None:
    recording, analysis = beating()
    stored(recording, analysis)
    page = analysed_page(recording)
    assert not page.exception
    here = page.session_state["heartvision"]
    assert here.viewport.start_s <= 30.0 <= here.viewport.stop_s
    assert urgent(page) == ["Ventricular fibrillation or flutter, 15 s at 0:30.0"]
    here.look(60.0)
    assert here.viewport.start_s <= 60.0 <= here.viewport.stop_s
    assert abs(float(here.case.time_s[here.beat]) - 60.0) < 0.5


def test_the_bands_and_the_legend_show_what_there_is_and_nothing_else() -> None:
    recording, analysis = beating()
    stored(recording, analysis)
    page = analysed_page(recording)
    trend, strip = band(page, "trend-"), band(page, "strip-")
    assert [name for name in trend["text"] if name] == ["sinus", "AF", "VF/VFL"]  # type: ignore[attr-defined]
    assert "evidence of VFL" in str(strip["hovertext"])
    legend = html_of(page)
    for name, shown in (("Sinus rhythm", True), ("Atrial fibrillation", True), ("Paced rhythm", False)):
        assert (name in legend) == shown
    times = page.dataframe[0].value
    assert times["Rhythm"].tolist() == ["Ventricular fibrillation or flutter", "Atrial fibrillation", "Sinus rhythm"]
    assert times["Longest"].tolist()[0] == "15 s at 0:30.0"


def test_an_analysis_of_an_earlier_version_says_that_it_knows_no_rhythm() -> None:
    recording, analysis = beating()
    stored(recording, replace(analysis, rhythm=()))
    page = analysed_page(recording)
    assert not page.exception
    said = studies.said(page)
    assert "analysed by an earlier version" in said
    assert "Beats from lead MLII; rhythm, ST and intervals were not read." in said


def test_urgent_episodes_are_first_in_the_triage_and_on_the_worklist() -> None:
    recording, analysis = beating()
    save_recording(recording)
    study_of_analysis(analysis, recording)
    calm = replace(with_rhythm("N" * 50, (50.0, "N")), record="calm", digest="c" * 64)
    study_of_analysis(calm, recorded(calm))
    found = studies.rows(studies.opened("worklist"))
    assert [row["priority"] for row in found] == [1, 0]
    assert str(found[0]["findings"]).startswith("VF/VFL, AF")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_every_rhythm_has_a_colour_on_which_its_name_can_be_read(colours: theme.Palette) -> None:
    assert set(colours.rhythms) == set(RHYTHM_CODES)
    for fill, ink in colours.rhythms.values():
        low, high = sorted((luminance(fill), luminance(ink)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, fill
    assert len({fill for fill, _ in colours.rhythms.values()}) == len(RHYTHM_CODES)


def test_a_band_is_clipped_to_the_window_and_its_most_urgent_part_lies_on_top() -> None:
    lead = StripLead("II", np.linspace(0, 10, 2500), np.zeros(2500))
    rhythm = (Episode(0.0, 4.0, "N"), Episode(4.0, 4.01, "VT", "", 0.8, "wide <QRS>"), Episode(4.01, 90.0, "AFIB"))
    figure = ecg_chart.strip((lead,), NO_MARKS, theme.LIGHT, start_s=2.0, window_s=10.0, rhythm=rhythm)
    (trace,) = [one for one in figure.data if one.name == "rhythm"]
    assert list(trace.base) == [2.0, 4.01, 4.0]
    assert [round(float(base + length), 2) for base, length in zip(trace.base, trace.x, strict=True)][:2] == [4.0, 12.0]
    assert trace.x[2] * 125 >= 2  # pixels
    assert list(trace.text) == ["sinus", "AF", ""]
    assert "&lt;QRS&gt;" in trace.hovertext[2]
    assert trace.customdata[2] == "at 4.000"


def test_fibrillation_is_not_drawn_as_noise() -> None:
    lead = StripLead("II", np.linspace(0, 10, 2500), np.zeros(2500))
    noisy = (QualitySegment(0.0, 9.0, "noisy", "noise hides the waves"), QualitySegment(9.0, 10.0, "flat", "flat"))
    rhythm = (Episode(0.0, 2.0, "N"), Episode(2.0, 7.0, "VFL"), Episode(7.0, 10.0, "N"))
    figure = ecg_chart.strip((lead,), NO_MARKS, theme.LIGHT, start_s=0, window_s=10, rhythm=rhythm, quality=noisy)
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(0, 2), (7, 9), (9, 10)]


def test_a_day_of_short_episodes_is_thinned_and_loses_none_that_is_urgent() -> None:
    edges = np.linspace(0, 86_400, 20_001)
    codes: list[RhythmCode] = ["N", "B"] * 10_000
    codes[12_345] = "VT"
    day = [Episode(a, b, code) for a, b, code in zip(edges, edges[1:], codes, strict=False)]
    found = ecg_chart.thinned(day, 2 * 86_400 / 1250)
    assert len(found) <= 1250
    assert [episode for episode in found if episode.rhythm == "VT"] == [day[12_345]]
    assert ecg_chart.thinned(day, 1.0) == day


def test_the_words_of_an_episode_say_what_when_how_long_and_why() -> None:
    episode = Episode(10.0, 62.3, "AFIB", "", 0.93, "irregular RR intervals")
    assert episode_words(episode) == (
        "Atrial fibrillation, 0:10.0 to 1:02.3, 52 s, confidence 93 %: irregular RR intervals"
    )
