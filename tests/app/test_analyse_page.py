"""The Analyse page: empty, with the demo recording, and with each kind of refusal."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.analyse import explorer
from app.common import cache
from app.common.session import Session
from app.common.table_questions import chosen
from models import registry
from pipeline.cases.case import Case, rate_trend
from pipeline.config import ROOT
from pipeline.datasets import DEMOS, Demo, demo_page_path, demo_path
from pipeline.errors import ModelError
from pipeline.intake import CsvOptions, describe_csv, read_path
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.signal_evidence import evidence_of
from pipeline.review.summary import summarise
from pipeline.worker import Client, JobStatus
from tests.helpers.pages import settled
from tests.hostile.make_corpus import zipped

MAIN = str(ROOT / "app" / "main.py")
ANY = "application/octet-stream"


@pytest.fixture
def page() -> AppTest:
    """The app as it is first seen."""
    return AppTest.from_file(MAIN, default_timeout=120).run()


@pytest.fixture
def demo(page: AppTest) -> AppTest:
    """The demo recording, opened."""
    return settled(page.button(key="demo-start").click().run())


def session(page: AppTest) -> Session:
    return page.session_state["heartvision"]


def case(page: AppTest) -> Case:
    found = session(page).case
    assert found is not None
    return found


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    page.file_uploader[0].set_value([(name, payload, ANY) for name, payload in files])
    return settled(page.run())


def demo_files(name: str = "case7") -> list[tuple[str, bytes]]:
    source = demo_path()
    header = source.read_bytes().replace(source.stem.encode(), name.encode())
    return [(f"{name}.hea", header), (f"{name}.dat", source.with_suffix(".dat").read_bytes())]


def texts(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*page.markdown, *page.caption, *page.subheader))


def test_the_empty_page_offers_the_demo_and_states_the_limits(page: AppTest) -> None:
    assert not page.exception
    assert [button.label for button in page.button] == [
        "Open the demo recording", *(demo.title for demo in DEMOS[1:]), "A page of paper",
    ]  # fmt: skip
    assert list(page.file_uploader[0].allowed_type) == []  # what a file is, is told from its content, not its name
    assert any("150 MB" in caption.value for caption in page.caption)
    assert any("a clinician looks at the signal and decides" in caption.value for caption in page.caption)


def test_the_page_of_paper_opens_as_a_page_that_is_read(page: AppTest) -> None:
    page.button(key="demo-start-page").click().run(timeout=300)
    assert not page.exception
    assert page.toggle(key="page-sample").value is True


def test_the_heart_rate_is_that_of_the_review_and_a_lost_signal_is_no_slow_heart(demo: AppTest) -> None:
    found = case(demo)
    beats = reviewed_beats(found.analysis, (), evidence_of(found.recording, found.analysis))
    rate = summarise(beats).rate
    shown = next(line.value for line in demo.markdown if "mean rate" in line.value)
    assert rate.mean is not None
    assert rate.lowest is not None
    assert f"**{rate.mean:.0f}/min** :small[mean rate, {rate.lowest.value:.0f} to " in shown
    assert rate.mean == pytest.approx(102.2, abs=0.3)
    assert 60 / np.nanmean(found.prepared.beats.rr_s) < 101  # with the intervals across lost signals
    assert np.nanmin(rate_trend(found)[1]) > 34  # two beats are missed at 43 s; the lost signals would be 11 and 22/min


def test_the_first_page_does_not_wait_for_tensorflow() -> None:
    import subprocess
    import sys

    script = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"AppTest.from_file({MAIN!r}, default_timeout=60).run(); sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_the_worker_starts_with_the_first_page(monkeypatch: pytest.MonkeyPatch) -> None:
    readied = []
    monkeypatch.setattr(Client, "ready", lambda client: readied.append(client))
    AppTest.from_file(MAIN, default_timeout=120).run()
    assert len(readied) == 1


def test_the_demo_is_opened_in_one_click(demo: AppTest) -> None:
    assert not demo.exception
    assert not demo.error
    counts = case(demo).analysis.counts()
    shown = next(line.value for line in demo.markdown if "mean rate" in line.value)
    assert re.findall(r"-badge\[\*\*([NSVFQ])\*\* (\d+) ", shown) == [(label, str(counts[label])) for label in "NSVFQ"]
    assert f"**not classified** {counts['unclassified']} " in shown
    assert "208" in texts(demo)
    assert [selectbox.label for selectbox in demo.selectbox] == [
        *("Network", "First lead", "Second lead", "Where it looked")
    ]


@pytest.mark.parametrize("shown", [*zip(DEMOS[1:5], ("VFL", "AFIB", "BII", "P"), strict=True)], ids=str)
def test_each_demo_shows_what_its_name_says(page: AppTest, shown: tuple[Demo, str]) -> None:
    demo, rhythm = shown
    page.button(key=f"demo-start-{demo.name}").click().run()
    settled(page)
    assert not page.exception
    assert rhythm in {episode.rhythm for episode in case(page).analysis.rhythm}


def test_the_demo_says_that_the_network_was_trained_on_it(demo: AppTest) -> None:
    facts = registry.manifest(case(demo).analysis.model)
    known = "208" in (*facts.train_records, *facts.validation_records)
    assert any("was trained on this record" in line.value for line in demo.markdown) == known


def test_next_abnormal_goes_on_and_back(demo: AppTest) -> None:
    first = session(demo).beat
    demo.button(key="go-Next abnormal").click().run()
    second = session(demo).beat
    assert second > first
    assert case(demo).abnormal[second]
    demo.button(key="go-Previous abnormal").click().run()
    assert session(demo).beat == first


def test_the_window_follows_the_selected_beat(demo: AppTest) -> None:
    state = session(demo)
    state.select(400)
    demo.run()
    assert not demo.exception
    assert state.viewport.start_s <= case(demo).time_s[400] <= state.viewport.start_s + state.viewport.window_s
    demo.button(key="turn-After").click().run()
    assert state.beat == 400
    assert state.viewport.start_s > case(demo).time_s[400]


def test_the_window_turns_to_an_end_that_is_between_two_tenths(demo: AppTest) -> None:
    state = session(demo)
    state.viewport = replace(state.viewport, duration_s=290.0556)
    state.move(state.viewport.latest_s)
    demo.run()
    assert not demo.exception
    assert state.viewport.start_s == state.viewport.latest_s


@pytest.mark.parametrize("window_s", [5.0, 30.0, 60.0])
def test_each_window_length_can_be_shown(demo: AppTest, window_s: float) -> None:
    demo.segmented_control(key="window-s").set_value(window_s).run()
    assert not demo.exception
    assert session(demo).viewport.window_s == window_s


def test_the_last_window_ends_with_the_recording(demo: AppTest) -> None:
    state = session(demo)
    state.select(case(demo).time_s.size - 1)
    demo.run()
    assert not demo.exception
    assert state.viewport.start_s + state.viewport.window_s == pytest.approx(case(demo).recording.duration_s)
    assert demo.button(key="go-Next beat").disabled


def test_the_table_shows_only_the_chosen_classes(demo: AppTest) -> None:
    def beats() -> pd.DataFrame:
        return next(one.value for one in demo.dataframe if "class" in one.value)

    everything = beats()
    demo.pills(key="classes-shown").set_value(["V"]).run()
    shown = beats()
    assert set(shown["class"]) == {"V"}
    assert 0 < len(shown) < len(everything)


def test_an_unclassified_beat_says_why(demo: AppTest) -> None:
    state, found = session(demo), case(demo)
    reason = ("noise hides the waves", *found.analysis.reason[1:])
    status = ("unclassified", *found.analysis.status[1:])
    state.case = replace(found, analysis=replace(found.analysis, reason=reason, status=status))
    state.select(0)
    demo.run()
    assert not demo.exception
    assert "noise hides the waves" in texts(demo)


def test_a_beat_that_no_network_read_has_no_heatmap_and_no_probabilities(demo: AppTest) -> None:
    state, found = session(demo), case(demo)
    reason = ("the beat is too near the end", *found.analysis.reason[1:])
    has_p = found.analysis.has_p.copy()
    has_p[0] = False
    beats = replace(found.prepared.beats, reason=reason)
    analysis = replace(found.analysis, reason=reason, has_p=has_p, status=("unclassified", *found.analysis.status[1:]))
    state.case = replace(found, analysis=analysis, prepared=replace(found.prepared, beats=beats))
    state.select(0)
    demo.run()
    assert not demo.exception
    assert "the beat is too near the end" in texts(demo)
    assert "Where it looked" not in texts(demo)


def test_own_files_are_analysed(page: AppTest) -> None:
    upload(page, *demo_files())
    assert not page.exception
    assert not page.error
    assert case(page).recording.name == "case7"


def test_several_recordings_can_be_gone_through(page: AppTest) -> None:
    upload(page, *demo_files("one"), *demo_files("two"))
    chooser = page.selectbox[0]
    assert chooser.label == "Recording (1 of 2)"
    settled(chooser.set_value(1).run())
    assert not page.exception
    assert case(page).recording.name == "two"


def test_half_a_record_asks_for_the_other_half(page: AppTest) -> None:
    upload(page, demo_files()[0])
    assert [info.value for info in page.info] == [
        "Add the signal file (.dat) that belongs to this header; both are needed."
    ]
    assert not page.error


def test_a_table_asks_for_frequency_and_unit_and_guesses_neither(page: AppTest) -> None:
    upload(page, ("strip.csv", b"MLII\n0.1\n0.2\n"))
    assert page.number_input[0].value is None
    assert page.selectbox[0].value is None
    page.button[-1].click().run()
    assert [warning.value for warning in page.warning] == [
        "State the sampling frequency and the unit: they are not in the file and are never guessed."
    ]


def test_a_table_that_says_all_asks_for_nothing_and_shows_what_its_columns_are(page: AppTest) -> None:
    recording = read_path(demo_path())
    values = recording.p_signal[: 360 * 60, 0].tolist()
    rows = "\n".join(f"{i / 360:.5f};0.1;{value:.3f}".replace(".", ",") for i, value in enumerate(values))
    upload(page, ("strip.csv", f"Zeit [s];RSP;EKG [mV]\n{rows}\n".encode()))
    assert not page.number_input
    assert not page.selectbox
    assert any("The file says 360 Hz and mV" in caption.value for caption in page.caption)
    shown = page.dataframe[-1].value
    assert shown["Taken as"].tolist() == ["time", "other signal", "ECG"]
    settled(page.button[-1].click().run())
    assert not page.exception
    assert not page.error
    assert case(page).recording.leads == ("EKG",)
    assert case(page).recording.fs == 360


def test_a_table_that_says_its_rate_is_asked_for_its_unit_only(page: AppTest) -> None:
    rows = "\n".join(f"{i * 4},{i % 7 - 3}" for i in range(4000))
    upload(page, ("strip.csv", f"time_ms,II\n{rows}\n".encode()))
    assert not page.number_input
    page.button[-1].click().run()
    assert [warning.value for warning in page.warning] == [
        "State the unit: it is not in the file and is never guessed."
    ]


def test_corrected_columns_are_what_is_read() -> None:
    table = describe_csv(b"time,RSP,II\n" + b"".join(b"%d,%d,%d\n" % (4 * i, i % 9, i % 5) for i in range(500)))
    edited = pd.DataFrame({"Taken as": [column.role for column in table.columns]})
    assert chosen(table, edited, None, "mV") == CsvOptions(None, "mV")
    edited.loc[1, "Taken as"] = "ECG"
    assert chosen(table, edited, None, "mV") == CsvOptions(None, "mV", (2, 3), 1)
    edited["Taken as"] = ["ignore", "ECG", "ignore"]
    assert chosen(table, edited, 250.0, "mV") == CsvOptions(250.0, "mV", (2,), "none")


def test_a_table_without_an_ecg_is_refused_before_it_is_read(page: AppTest) -> None:
    upload(page, ("strip.csv", b"time,RSP\n" + b"".join(b"%d,%d\n" % (4 * i, i % 9) for i in range(500))))
    assert not page.exception
    assert "No column of the CSV file is an ECG" in page.error[0].value


def test_a_table_in_an_archive_asks_for_them_as_well(page: AppTest) -> None:
    upload(page, ("day.zip", zipped([("strip.csv", b"MLII\n0.1\n0.2\n")])))
    assert not page.error
    assert page.number_input[0].label == "Sampling frequency (Hz)"


@pytest.mark.parametrize("where", ["analyse", "worklist"])
def test_a_page_that_is_given_as_a_recording_is_taken_to_the_page_reader_with_one_click(where: str) -> None:
    page = AppTest.from_file(MAIN, default_timeout=120).run()
    page.switch_page(f"{where}/page.py").run()
    page.file_uploader[0].set_value([("watch.png", demo_page_path().read_bytes(), ANY)])
    page.run()
    if where == "worklist":
        page.button(key="worklist-add").click().run()
    (said,) = [box.value for box in page.error]
    assert "the page 12\\-lead page reads it" in said
    (button,) = [button for button in page.button if button.key and button.key.endswith("-read-page")]
    assert button.label == "Read watch\\.png on the page 12-lead page"
    button.click().run()
    assert page.title[0].value == "A 12-lead page becomes a recording"
    assert not page.error
    assert not page.exception
    assert page.tabs[0].label == "On the photo"
    assert "Accept and open in Analyse" in [button.label for button in page.button]
    page.button(key="page-close").click().run()
    assert not [button for button in page.button if button.key == "page-close"]


def test_an_archive_opens_although_one_of_its_files_cannot_be_read(page: AppTest) -> None:
    files = [(path.name, path.read_bytes()) for path in map(demo_path().with_suffix, (".hea", ".dat"))]
    upload(page, ("day.zip", zipped([*files, ("bad.edf", b"0       " + bytes(244) + b"1   ")])))
    assert not page.exception
    assert not page.error
    assert case(page).recording.name == demo_path().stem
    (said,) = [box.value.replace("\\", "") for box in page.warning if "was not read" in box.value]
    assert said.startswith("bad.edf was not read: The EDF")


def test_a_table_is_read_with_what_was_stated(page: AppTest) -> None:
    recording = read_path(demo_path())
    rows = "\n".join(f"{value:.3f}" for value in recording.p_signal[: 360 * 60, 0])
    upload(page, ("strip.csv", f"MLII\n{rows}\n".encode()))
    page.number_input[0].set_value(360.0)
    page.selectbox[0].set_value("mV")
    settled(page.button[-1].click().run())
    assert not page.exception
    assert not page.error
    assert case(page).recording.duration_s == pytest.approx(60)


def test_a_refused_file_is_one_plain_sentence_and_the_open_analysis_stays(demo: AppTest) -> None:
    before = case(demo)
    header, signal = demo_files()
    upload(demo, header, (signal[0], signal[1][:1000]))
    assert not demo.exception
    assert len(demo.error) == 1
    assert case(demo) is before
    assert session(demo).recording is before.recording
    demo.button(key="go-Next beat").click().run()
    assert not demo.exception


def test_markdown_in_a_refusal_is_shown_as_text(page: AppTest) -> None:
    session(page).error = "The lead '![x](http://example.org/x.png)' is not known."
    page.run()
    assert "![" not in page.error[0].value
    assert r"\!\[x\]\(http" in page.error[0].value


def test_a_recording_without_a_beat_is_shown_and_says_so(page: AppTest) -> None:
    upload(page, ("flat.csv", b"MLII\n" + b"0.0\n" * 36000))
    page.number_input[0].set_value(360.0)
    page.selectbox[0].set_value("mV")
    settled(page.button[-1].click().run())
    assert not page.exception
    assert not page.error
    assert case(page).letters == ()
    assert any("No beat was found" in info.value for info in page.info)


def test_without_a_network_the_page_says_so_and_stays_usable(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "available", lambda: ())
    page.button(key="demo-start").click().run()
    assert not page.exception
    assert "No trained network was found" in page.error[0].value


def test_a_lead_that_no_network_was_trained_on_is_marked(page: AppTest) -> None:
    (name, header), signal = demo_files()
    upload(page, (name, header.replace(b"MLII", b"AVR")), signal)
    assert not page.exception
    assert any(
        ":material/warning:" in line.value and "which every network was trained on" in line.value
        for line in page.markdown
    )


def test_a_stored_analysis_is_shown_without_asking_the_worker_again(demo: AppTest) -> None:
    again = AppTest.from_file(MAIN, default_timeout=120).run()
    again.button(key="demo-start").click().run()
    assert np.array_equal(case(again).analysis.p, case(demo).analysis.p)


def waiting(page: AppTest, state: JobStatus, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page while the worker says `state` about a recording that nobody has analysed."""
    monkeypatch.setattr(Client, "status", lambda self, job: state)
    monkeypatch.setattr(Client, "ask", lambda self, job: None)
    page.file_uploader[0].set_value([(name, payload, ANY) for name, payload in demo_files("unread")])
    return page.run()


def test_while_a_recording_is_read_its_progress_and_signal_are_shown(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(page, JobStatus("running", 0.4, "Reading beat 200 of 500", 0.1, 1.0, 31.0), monkeypatch)
    assert not page.exception
    assert "unread" in texts(page)
    assert [button.label for button in page.button if button.key == "cancel"] == ["Cancel"]
    page.slider(key="preview").set_value(60.0).run()
    assert not page.exception
    assert page.button(key="demo-again").label == "Open the demo recording"


def test_a_cancelled_analysis_leads_back_and_says_that_it_can_go_on(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(page, JobStatus("running", 0.4, "Reading"), monkeypatch)
    page.button(key="cancel").click().run()
    assert not page.exception
    assert "read on from there" in page.info[0].value
    assert page.button(key="demo-start").label == "Open the demo recording"
    assert "recording" not in page.query_params


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (JobStatus("stopped", 0.43), "stopped unexpectedly after 43 %; what was read is kept"),
        (JobStatus("unstarted"), "cannot start"),
        (JobStatus("cancelled", 0.43), "was cancelled; what was read is kept"),
    ],
)
def test_an_interrupted_analysis_is_one_sentence_and_two_ways_on(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, state: JobStatus, words: str
) -> None:
    waiting(page, state, monkeypatch)
    assert not page.exception
    assert words in [*page.error, *page.info][0].value
    assert page.button(key="go-on").label == "Go on"
    page.button(key="back").click().run()
    assert page.button(key="demo-start").label == "Open the demo recording"


def test_a_refresh_opens_the_same_recording_network_and_beats(demo: AppTest) -> None:
    fresh = AppTest.from_file(MAIN, default_timeout=120)
    for key, values in demo.query_params.items():
        fresh.query_params[key] = values
    fresh.run()
    assert not fresh.exception
    assert case(fresh).recording.digest == case(demo).recording.digest
    assert np.array_equal(case(fresh).analysis.p, case(demo).analysis.p)


@pytest.mark.parametrize("address", ["0" * 64, "../../etc/passwd", ""])
def test_an_address_that_names_nothing_here_is_refused_in_a_sentence(address: str) -> None:
    page = AppTest.from_file(MAIN, default_timeout=120)
    page.query_params["recording"] = address
    page.run()
    assert not page.exception
    assert "not on this machine" in page.error[0].value
    assert page.button(key="demo-start").label == "Open the demo recording"


def test_a_network_is_readied_once_and_one_that_is_missing_troubles_nobody() -> None:
    pictures, beats, missing = (cache.warm(name) for name in ("vgg16", "rhythm_svdb", "nobody"))
    assert cache.warm("vgg16") is pictures
    for ready in (pictures, beats, missing):
        ready.join(timeout=120)
        assert not ready.is_alive()
    with pytest.raises(ModelError):
        cache.classifier("nobody")


def test_the_table_of_a_long_recording_shows_the_hour_of_the_strip(
    demo: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explorer, "HOUR_S", 60.0)
    monkeypatch.setattr(explorer, "LONG_S", 120.0)
    session(demo).move(130.0)
    demo.run()
    assert "Beats from 2:00.0 to 3:00.0" in texts(demo)
    time_s = case(demo).time_s
    rows = next(frame.value for frame in demo.dataframe if "beat" in frame.value)
    assert list(rows["beat"] - 1) == list(np.flatnonzero((time_s >= 120) & (time_s < 180)))
