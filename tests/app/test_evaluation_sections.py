"""The sections of the Evaluation page on one network: each says what its files say, or what is missing."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from app.common.session import Session
from pipeline.evaluation import saved
from pipeline.wording import grouped, score, share
from tests.helpers.evaluations import charts_of, explained, opened, said


def test_moving_the_threshold_moves_the_rates(monkeypatch, networks):
    page = opened(monkeypatch, networks, "Threshold", network="vgg16")
    swept = saved.read_evaluation(networks / "vgg16" / "evaluation.json").reference.thresholds
    for threshold in (0.5, 0.9):
        page.slider[0].set_value(threshold).run()
        at = swept.threshold.index(threshold)
        shown = {metric.label: metric.value for metric in page.metric}
        assert shown["Sensitivity"] == score(swept.se[at])
        assert shown["Specificity"] == score(swept.sp[at])
        assert shown["Flagged per hour"] == grouped(swept.flagged_per_hour[at])
    assert not page.exception


def test_the_most_confident_errors_are_shown_as_pictures_without_any_data(monkeypatch, networks, no_data):
    page = opened(monkeypatch, networks, "Errors", network="vgg16")
    found = saved.read_evaluation(networks / "vgg16" / "evaluation.json").reference.errors
    assert len(page.image) == len(found)
    assert not page.toggle
    assert page.dataframe[1].value["Record"].tolist() == [error.record for error in found]


def test_missing_pictures_and_curves_are_told_in_a_sentence(monkeypatch, networks, no_data, tmp_path):
    (tmp_path / "cnn").mkdir()
    for file in ("manifest.json", "evaluation.json"):
        (tmp_path / "cnn" / file).write_bytes((networks / "cnn" / file).read_bytes())
    assert "errors.png is missing" in said(opened(monkeypatch, tmp_path, "Errors")).replace("\\", "")
    assert "There are no training curves" in said(opened(monkeypatch, tmp_path, "Training"))
    assert "has not been made for this network" in said(opened(monkeypatch, tmp_path, "Random split"))


def test_the_random_split_is_labelled_as_a_leak(monkeypatch, networks):
    page = opened(monkeypatch, networks, "Random split", network="vgg16")
    assert page.warning[0].value.startswith("Optimistic")
    assert page.dataframe[1].value.columns.tolist() == ["Measure", "New patients", "Random split (leaks)"]
    assert page.dataframe[1].value["Measure"].tolist()[2:4] == ["S F1", "S F1 without 232"]


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "other/1"}', '{"schema": "heartvision.stress/1"}'])
def test_a_broken_stress_file_is_no_stress_file(monkeypatch, networks, no_data, tmp_path, text):
    (tmp_path / "cnn").mkdir()
    for file in ("manifest.json", "evaluation.json"):
        (tmp_path / "cnn" / file).write_bytes((networks / "cnn" / file).read_bytes())
    (tmp_path / "cnn" / "stress.json").write_text(text)
    assert "has not been measured amid noise" in said(opened(monkeypatch, tmp_path, "Noise and leads"))


def test_explanations_are_told_in_sentences_that_follow_from_the_numbers(monkeypatch, networks, no_data):
    page = opened(monkeypatch, networks, "Explanations", network="vgg16")
    assert "they depend on what the network learnt" in said(page)
    assert "were measured on at most 10 beats of each class" in said(page)
    assert [frame.value.columns[0] for frame in page.dataframe[1:6]] == [  # statements of twelve leads may follow
        "Map", "Answer", "Map", "Answer", "Random from the answer back to",
    ]  # fmt: skip
    assert "has not been measured; run" in said(opened(monkeypatch, networks, "Explanations", network="cnn"))


@pytest.mark.data
def test_an_error_opens_its_recording_at_its_beat(monkeypatch, networks):
    page = opened(monkeypatch, networks, "Errors", network="vgg16")
    found = saved.read_evaluation(networks / "vgg16" / "evaluation.json").reference.errors
    buttons = [button for button in page.button if button.label == "See it in its recording"]
    assert len(buttons) == len(found)
    went = []
    monkeypatch.setattr("streamlit.switch_page", went.append)
    buttons[2].click().run()
    session = page.session_state["heartvision"]
    assert session.recording.name == found[2].record
    assert (session.network, session.at_s) == ("vgg16", found[2].time_s)
    assert went == ["analyse/page.py"]


def test_what_is_opened_at_a_time_is_shown_from_the_beat_nearest_to_it():
    recording = SimpleNamespace(duration_s=100.0)
    times = np.arange(1.0, 100.0)
    case = SimpleNamespace(
        recording=recording,
        time_s=times,
        nearest=lambda time_s: int(np.argmin(np.abs(times - time_s))),
        next_abnormal=lambda beat, step: 7,
        first_stop=7,
        urgent=(),
    )
    session = Session()
    session.open_at(recording, "cnn", 60.2)
    session.show(case)
    assert times[session.beat] == 60.0
    assert session.viewport.start_s <= 60.0 <= session.viewport.start_s + session.viewport.window_s
    session.open((recording,))
    session.case = None
    session.show(case)
    assert session.beat == 7  # only once: the next recording starts at its first abnormal beat


@pytest.mark.usefixtures("no_data")
def test_the_run_without_the_man_of_202_stands_beside_the_usual_one(monkeypatch, networks):
    page = opened(monkeypatch, networks, network="cnn")
    assert "Trained without record 201" in [element.value for element in page.subheader]
    usual, without = (
        saved.read_evaluation(networks / "cnn" / name).reference
        for name in ("evaluation.json", "evaluation-without-201.json")
    )
    table = next(frame.value for frame in page.dataframe if "Without 201" in frame.value.columns)
    assert list(table["Measure"])[2:4] == ["S F1", "S F1 without 232"]
    rest = without.variant("without_232")
    assert table.iloc[3]["Without 201"] == score(rest.overall["S_f1"].value)
    row = table.iloc[0]
    assert row["Usual"] == score(usual.overall["accuracy"].value)
    assert row["Without 201"] == score(without.overall["accuracy"].value)
    errors_202 = [next(r.errors for r in kind.per_record if r.record == "202") for kind in (without, usual)]
    assert f"makes {grouped(errors_202[0])} errors in record 202 instead of {grouped(errors_202[1])}" in said(page)
    assert "python -m pipeline train --model cnn --without 201" in said(page)
    other = opened(monkeypatch, networks, network="vgg16")
    assert "Trained without record 201" not in [element.value for element in other.subheader]


@pytest.mark.usefixtures("no_data")
def test_the_rule_of_the_app_is_marked_on_the_curve_and_told_in_words(monkeypatch, networks):
    page = opened(monkeypatch, networks, "Uncertainty", network="vgg16")
    found = saved.read_evaluation(networks / "vgg16" / "evaluation.json").uncertainty
    rule = found.tested[-1].app
    left = round((1 - rule.answered) * rule.beats)
    assert f"DS2: {grouped(left)} of {grouped(rule.beats)} beats become unclassified" in said(page)
    assert f"the gate stops {share(rule.noisy)}" in said(page)
    marks = {trace["name"]: trace for chart in charts_of(page) for trace in chart["data"] if "name" in trace}
    assert marks["in this app: confidence 60 % or more"]["y"][1] == rule.on_curve.error
    assert marks["in this app, with the quality gate"]["x"][1] == rule.answered


@pytest.mark.usefixtures("no_data")
def test_explanations_of_a_network_that_reads_the_signal_speak_of_stretches(monkeypatch, networks, tmp_path):
    shutil.copytree(networks / "cnn", tmp_path / "cnn")
    explained(tmp_path / "cnn", "beats")
    page = opened(monkeypatch, tmp_path, "Explanations", network="cnn")
    assert "Each stretch of 64 ms of the beat is made like the recording's usual beat" in said(page)
    assert "stretches in random order" in said(page)
    assert "square" not in said(page).lower()
    faithful = next(frame.value for frame in page.dataframe if "Map" in frame.value.columns)
    assert faithful["Map"].tolist() == ["Occlusion of the signal", "Just the QRS", "At random"]
    assert any("RR intervals: heat" in frame.value.columns for frame in page.dataframe)
