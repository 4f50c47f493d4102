"""The Evaluation page: empty, with full files, with broken ones. Its numbers are those of the files."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import charts_evaluation as charts
from app import tables_evaluation as tables
from app.parts import evaluation_pages
from app.parts.evaluation import s_warning
from app.state import Session
from app.theme import LIGHT
from models import registry
from pipeline.datasets.splits import DS2, PACED
from pipeline.evaluate import errors, explanations, faithfulness_beats, predict, report, run, saved, stress, uncertainty
from pipeline.evaluate.faithfulness import Explained
from pipeline.evaluate.faithfulness_pictures import MAPS
from pipeline.evaluate.records import RecordPredictions
from pipeline.wording import grouped, score, share

PAGE = Path(__file__).resolve().parents[2] / "app" / "views" / "evaluation.py"
SYMBOLS, CLASSES = "NAVFjQ", np.array([0, 1, 2, 3, 0, 4])
PROVENANCE = {"command": "python -m pipeline evaluate", "commit": "abc123", "data": "synthetic", "date": "2026-11-22"}


def predictions(skill, n=150):
    for record in DS2:
        rng = np.random.default_rng(int(record))
        at = np.sort(rng.choice(np.arange(100, 648_000, 200), n, replace=False)).astype(np.int64)
        kind = rng.choice(6, n, p=[0.83, 0.05, 0.08, 0.02, 0.01, 0.01])
        logits = rng.normal(0, 1.2, (n, 5))
        logits[np.arange(n), CLASSES[kind]] += skill
        p = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
        yield RecordPredictions(record, 360.0, 650_000, at, tuple(SYMBOLS[i] for i in kind), at, p, np.ones(n, bool))


def add_more(home, found):
    """Class sets and stress, as `evaluate --uncertainty` and `--stress` leave them."""
    path = home / "evaluation.json"
    content = saved.read_evaluation(path)
    svdb = [replace(item, record=str(800 + 22 * i + j)) for i in (0, 1) for j, item in enumerate(found)]
    tested = {"ds2": ("DS2", found)}
    noisy = {item.record: np.arange(item.sample.size) % 50 == 0 for item in (*svdb, *found)}
    calibrated = uncertainty.uncertainty(svdb, tested, database="svdb", below=0.6, noisy=noisy, halves=3)
    made = PROVENANCE | {"command": f"python -m pipeline evaluate --model {home.name} --uncertainty"}
    content["uncertainty"] = report.plain(calibrated | {"provenance": made})
    content["speed"] = {"beats_per_s": 1234.5, "beats": 1000, "cores": 2}
    run.write_json(path, content)
    estimate = {"value": 0.8, "low": 0.7, "high": 0.9}
    row = dict.fromkeys(stress.SHOWN, estimate)
    conditions = [
        {"name": c.name, "title": c.title, "noise": c.noise, "snr_db": c.snr_db, "overall": row, "without_232": row,
         "unclassified": 0.01}
        for c in stress.conditions()
    ]  # fmt: skip
    made = PROVENANCE | {"command": f"python -m pipeline evaluate --model {home.name} --stress"}
    content = {"schema": saved.STRESS_SCHEMA, "model": content["model"], "provenance": made, "beats": 3000}
    run.write_json(home / "stress.json", report.plain(content | {"conditions": conditions}))


def write_network(folder, name, *, skill=3.0, random_split=False, more=False):
    """A network's folder as training and evaluation leave it, without weights."""
    home = folder / name
    home.mkdir(parents=True)
    (home / "manifest.json").write_text("{}")
    found = list(predictions(skill))
    content = {
        "schema": saved.SCHEMA,
        "model": {"name": name, "title": f"Network {name}", "sha256": "0" * 64, "parameters": 14_000_000,
                  "size_bytes": 29_000_000, "validation_records": ["205", "207"]},
        "split": "ds2",
        "provenance": PROVENANCE,
        "random_split": None,
    }  # fmt: skip
    for kind in predict.KINDS:
        content[kind] = report.evaluate_predictions(found, kind=kind, resamples=50, left_out=PACED).to_json()
    tiles = [np.full((40, 60, 3), 17 * (i % 15), np.uint8) for i in range(len(content["reference"]["errors"]))]
    content["error_sheet"] = errors.layout_json(errors.write_sheet(tiles, home / "errors.png"))
    run.write_json(home / "evaluation.json", content)
    if random_split:
        better = report.evaluate_predictions(list(predictions(skill + 3)), kind="reference", resamples=50)
        run.add_random_split(home / "evaluation.json", better)
    if more:
        add_more(home, found)
    history = {"epoch": [1, 2], "loss": [0.5, 0.3], "val_loss": [0.6, 0.5], "accuracy": [0.8, 0.9]}
    (home / "history.json").write_text(json.dumps(history))
    return home


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    explained(write_network(folder, "vgg16", random_split=True, more=True))
    without_201(write_network(folder, "cnn", skill=2.0))
    return folder


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("HEARTVISION_DATA", str(tmp_path / "nothing"))


def without_201(home):
    """What `train --without 201` leaves: the evaluation of a network that is a little worse."""
    content = saved.read_evaluation(home / "evaluation.json")
    for kind in predict.KINDS:
        content[kind] = report.evaluate_predictions(list(predictions(1.5)), kind=kind, resamples=50).to_json()
    content["provenance"] = PROVENANCE | {"command": "python -m pipeline train --model cnn --without 201"}
    run.write_json(home / "evaluation-without-201.json", content)


def opened(monkeypatch, folder, section=None, kind=None, network=None):
    monkeypatch.setattr(registry, "WEIGHTS", folder)
    monkeypatch.setattr(evaluation_pages, "FOLDER", folder / "pages")
    page = AppTest.from_file(str(PAGE), default_timeout=20)
    if section:
        page.session_state["evaluation-section"] = section
    if kind:
        page.session_state["evaluation-kind"] = kind
    if network:
        page.session_state["evaluation-model"] = network
    page.run()
    assert not page.exception, page.exception
    return page


def explained(home, reads="pictures"):
    """What `evaluate --explanations` leaves, of maps and answers at random."""
    rng, n, maps = np.random.default_rng(4), 40, MAPS if reads == "pictures" else faithfulness_beats.MAPS
    found = Explained(
        record=np.array(["100", "103", "105", "111"])[np.arange(n) % 4],
        answer=np.array(list("NSVF"))[np.arange(n) // 10],
        maps=rng.random((n, 14)), share=rng.random((n, 3)), area=np.full((n, 3), 0.1),
        p={name: rng.random((n, 2, 9)) for name in maps}, compared=np.ones(n, bool), again=lambda other, i: other,
    )  # fmt: skip
    names = ("held_out", "ds2") if reads == "pictures" else ("ds2",)
    sets = [{"name": name, "title": name, **explanations.measured(found)} for name in names]
    model = saved.read_evaluation(home / "evaluation.json")["model"]
    made = PROVENANCE | {"command": f"python -m pipeline evaluate --model {home.name} --explanations"}
    described = {
        "pictures": {"method": "HiResCAM", "part": "square of 16 pixels"},
        "beats": {"method": "occlusion of the signal", "part": "stretch of 64 ms"},
    }
    stages = [{"layer": "block5_conv3", "correlation": {"value": 0.1, "low": 0.0, "high": 0.2}}]
    told = {
        "schema": saved.EXPLANATIONS_SCHEMA, "model": {name: model[name] for name in ("name", "title", "sha256")},
        "provenance": made, "per_class": 10, "sets": sets, "reads": reads, **described[reads],
        "randomised": {"beats": 24, "stages": stages},
    }  # fmt: skip
    run.write_json(home / "explanations.json", report.plain(told))


def charts_of(page):
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def said(page):
    kinds = (page.markdown, page.caption, page.info, page.warning, page.success)
    return "\n".join(element.value for kind in kinds for element in kind)


def test_without_any_network_the_page_says_what_to_do(monkeypatch, tmp_path):
    page = opened(monkeypatch, tmp_path)
    assert "python -m pipeline evaluate --model NAME" in page.info[0].value
    assert not page.dataframe


def test_a_network_that_was_not_evaluated_is_named_in_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "cnn").mkdir()
    (tmp_path / "cnn" / "manifest.json").write_text("{}")
    page = opened(monkeypatch, tmp_path)
    assert page.info[0].value.startswith("The network cnn has not been evaluated yet")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "heartvision.evaluation/1"}'])
def test_a_broken_file_is_named_and_the_other_network_is_still_shown(monkeypatch, tmp_path, networks, text):
    for name in ("vgg16", "cnn"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    (tmp_path / "vgg16" / "evaluation.json").write_text(text)
    (tmp_path / "cnn" / "evaluation.json").write_bytes((networks / "cnn" / "evaluation.json").read_bytes())
    page = opened(monkeypatch, tmp_path)
    assert page.warning[0].value.startswith("The evaluation of the network vgg16 cannot be shown")
    assert page.dataframe[0].value["Network"].tolist() == ["Network cnn"]


def test_the_networks_stand_side_by_side_with_the_numbers_of_their_files(monkeypatch, networks):
    page = opened(monkeypatch, networks)
    table = page.dataframe[0].value
    assert set(table["Network"]) == {"Network vgg16", "Network cnn"}
    for _, row in table.iterrows():
        content = json.loads((networks / row["Network"].split()[1] / "evaluation.json").read_text())
        estimate = content["reference"]["overall"]["V_f1"]
        assert row["V F1 %"].startswith(f"{estimate['value'] * 100:.1f} ({estimate['low'] * 100:.1f}–")
        assert (row["Parameters"], row["Size"]) == ("14.00 M", "29.0 MB")
        without = next(v for v in content["reference"]["variants"] if v["name"] == "without_232")
        assert row["S F1 without 232 %"].startswith(f"{without['overall']['S_f1']['value'] * 100:.1f} (")
    assert sorted(table["Beats/s"]) == ["1 234", "–"]


@pytest.mark.parametrize("kind", ["reference", "detected"])
@pytest.mark.parametrize(
    ("section", "figures"),
    [("Summary", 0), ("Classes", 1), ("Records", 1), ("ROC and PR", 2), ("Calibration", 2), ("Threshold", 2),
     ("Uncertainty", 3), ("Noise and leads", 1), ("Against another", 1), ("Training", 2), ("Explanations", 4),
     ("Errors", 0), ("Random split", 1)],
)  # fmt: skip
def test_every_section_opens_with_its_figures_and_their_provenance(
    monkeypatch, networks, no_data, section, figures, kind
):
    page = opened(monkeypatch, networks, section, kind, "vgg16")
    assert len(charts_of(page)) == 1 + figures  # the first is the comparison
    sources = [caption.value for caption in page.caption if caption.value.startswith("`python -m pipeline ")]
    assert len(sources) >= 2 + figures  # the comparison has one for each network
    saved = [button for button in page.get("download_button") if button.proto.label == "Figure as CSV"]
    assert len(saved) == 1 + figures


@pytest.mark.parametrize(
    ("section", "command"),
    [("Uncertainty", "evaluate --model vgg16 --uncertainty"), ("Noise and leads", "evaluate --model vgg16 --stress"),
     ("Against another", "evaluate --compare vgg16 cnn --split ds2"), ("Training", "train --model vgg16"),
     ("Explanations", "evaluate --model vgg16 --explanations")],
)  # fmt: skip
def test_each_figure_names_the_command_that_makes_it(monkeypatch, networks, no_data, section, command):
    page = opened(monkeypatch, networks, section, network="vgg16")
    assert any(caption.value.startswith(f"`python -m pipeline {command}`") for caption in page.caption)


def test_the_explanation_takes_its_numbers_from_the_file(monkeypatch, networks):
    page = opened(monkeypatch, networks)
    rows = json.loads((networks / "vgg16" / "evaluation.json").read_text())["reference"]["per_record"]
    assert "S hangs on one patient" not in said(page)
    v = json.loads((networks / "vgg16" / "evaluation.json").read_text())["reference"]["classes"][2]
    assert f"of 100 ventricular beats {v['se']['value'] * 100:.0f} are found" in said(page)
    rows[0]["S"] += 10_000
    share = rows[0]["S"] / sum(row["S"] for row in rows)
    assert f"{share * 100:.1f} % of the supraventricular beats are in record 100" in s_warning(rows)[0]


def test_a_p_value_is_never_written_as_nothing() -> None:
    written = [tables.p_value(p) for p in (0.0, 0.0004, 0.001, 0.25)]
    assert written == ["< 0.001", "< 0.001", "0.001", "0.250"]


def test_moving_the_threshold_moves_the_rates(monkeypatch, networks):
    page = opened(monkeypatch, networks, "Threshold", network="vgg16")
    swept = json.loads((networks / "vgg16" / "evaluation.json").read_text())["reference"]["thresholds"]
    for threshold in (0.5, 0.9):
        page.slider[0].set_value(threshold).run()
        at = swept["threshold"].index(threshold)
        shown = {metric.label: metric.value for metric in page.metric}
        assert shown["Sensitivity"] == score(swept["se"][at])
        assert shown["Specificity"] == score(swept["sp"][at])
        assert shown["Flagged per hour"] == grouped(swept["flagged_per_hour"][at])
    assert not page.exception


def test_the_beats_switch_changes_the_table(monkeypatch, networks):
    page = opened(monkeypatch, networks, "Classes", network="cnn")
    page.segmented_control(key="evaluation-kind").set_value("detected").run()
    assert not page.exception
    content = json.loads((networks / "cnn" / "evaluation.json").read_text())
    accuracy = content["detected"]["overall"]["accuracy"]["value"]
    assert page.dataframe[0].value["Accuracy %"].iloc[1].startswith(f"{accuracy * 100:.1f} (")


def test_the_most_confident_errors_are_shown_as_pictures_without_any_data(monkeypatch, networks, no_data):
    page = opened(monkeypatch, networks, "Errors", network="vgg16")
    found = json.loads((networks / "vgg16" / "evaluation.json").read_text())["reference"]["errors"]
    assert len(page.image) == len(found)
    assert not page.toggle
    assert page.dataframe[1].value["Record"].tolist() == [error["record"] for error in found]


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


def test_a_title_that_is_markdown_stays_text(monkeypatch, networks, tmp_path):
    home = tmp_path / "cnn"
    home.mkdir()
    (home / "manifest.json").write_text("{}")
    content = json.loads((networks / "cnn" / "evaluation.json").read_text())
    content["provenance"]["data"] = "![x](http://example.org/a.png)"
    run.write_json(home / "evaluation.json", content)
    page = opened(monkeypatch, tmp_path)
    assert any(r"\!\[x\]\(http" in caption.value for caption in page.caption)
    assert not any("![x](http" in caption.value for caption in page.caption)


def test_a_figure_becomes_a_table_with_its_intervals(networks):
    content = json.loads((networks / "vgg16" / "evaluation.json").read_text())
    overall = content["reference"]["overall"]
    figure = charts.compare([("A", overall)], {"V_f1": "V F1", "S_f1": "S F1"}, LIGHT)
    frame = charts.as_frame(figure)
    assert frame["y"].tolist() == [overall["V_f1"]["value"], overall["S_f1"]["value"]]
    assert frame["low"].tolist() == pytest.approx([overall["V_f1"]["low"], overall["S_f1"]["low"]])
    assert frame["high"].tolist() == pytest.approx([overall["V_f1"]["high"], overall["S_f1"]["high"]])
    cells = charts.as_frame(charts.confusion(content["reference"]["confusion"], LIGHT))
    assert cells["count"].sum() == np.sum(content["reference"]["confusion"]["counts"])


@pytest.mark.parametrize("picture", charts.PICTURES)
def test_figures_are_saved_in_the_format_that_was_chosen(monkeypatch, networks, picture):
    page = opened(monkeypatch, networks)
    page.segmented_control(key="evaluation-picture").set_value(picture).run()
    config = json.loads(page.get("plotly_chart")[0].proto.config)
    assert config["toImageButtonOptions"]["format"] == picture.lower()
    assert config["modeBarButtons"] == [["toImage"]]


def test_the_other_database_has_its_own_numbers(monkeypatch, networks, no_data, tmp_path):
    home = tmp_path / "vgg16"
    home.mkdir()
    (home / "manifest.json").write_text("{}")
    content = json.loads((networks / "vgg16" / "evaluation.json").read_text()) | {"split": "svdb", "seen": ["100"]}
    content["reference"]["overall"]["V_f1"] = {"value": 0.123, "low": 0.1, "high": 0.2}
    run.write_json(home / "evaluation-svdb.json", content)
    page = opened(monkeypatch, tmp_path)
    assert page.info[0].value.startswith("The network vgg16 has not been evaluated yet")
    page.segmented_control(key="evaluation-split").set_value("svdb").run()
    assert not page.exception
    assert page.dataframe[0].value["V F1 %"].tolist() == ["12.3 (10.0–20.0)"]
    assert "1 of them taught the network" in said(page)
    assert any("`models/weights/vgg16/evaluation-svdb.json`" in caption.value for caption in page.caption)


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "other/1"}'])
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
    assert [frame.value.columns[0] for frame in page.dataframe[1:]] == [
        "Map", "Answer", "Map", "Answer", "Random from the answer back to",
    ]  # fmt: skip
    assert "has not been measured; run" in said(opened(monkeypatch, networks, "Explanations", network="cnn"))


@pytest.mark.data
def test_an_error_opens_its_recording_at_its_beat(monkeypatch, networks):
    page = opened(monkeypatch, networks, "Errors", network="vgg16")
    found = json.loads((networks / "vgg16" / "evaluation.json").read_text())["reference"]["errors"]
    buttons = [button for button in page.button if button.label == "See it in its recording"]
    assert len(buttons) == len(found)
    went = []
    monkeypatch.setattr("streamlit.switch_page", went.append)
    buttons[2].click().run()
    session = page.session_state["heartvision"]
    assert session.recording.name == found[2]["record"]
    assert (session.network, session.at_s) == ("vgg16", found[2]["time_s"])
    assert went == ["views/analyse.py"]


def test_what_is_opened_at_a_time_is_shown_from_the_beat_nearest_to_it():
    recording = SimpleNamespace(duration_s=100.0)
    times = np.arange(1.0, 100.0)
    case = SimpleNamespace(
        recording=recording,
        time_s=times,
        nearest=lambda time_s: int(np.argmin(np.abs(times - time_s))),
        next_abnormal=lambda beat, step: 7,
    )
    session = Session()
    session.open_at(recording, "cnn", 60.2)
    session.show(case)
    assert times[session.beat] == 60.0
    assert session.window_start_s <= 60.0 <= session.window_start_s + session.window_s
    session.open((recording,))
    session.case = None
    session.show(case)
    assert session.beat == 7  # only once: the next recording starts at its first abnormal beat


@pytest.mark.usefixtures("no_data")
def test_the_run_without_the_man_of_202_stands_beside_the_usual_one(monkeypatch, networks):
    page = opened(monkeypatch, networks, network="cnn")
    assert "Trained without record 201" in [element.value for element in page.subheader]
    usual, without = (
        saved.read_evaluation(networks / "cnn" / name)["reference"]
        for name in ("evaluation.json", "evaluation-without-201.json")
    )
    table = next(frame.value for frame in page.dataframe if "Without 201" in frame.value.columns)
    assert list(table["Measure"])[2:4] == ["S F1", "S F1 without 232"]
    rest = next(v for v in without["variants"] if v["name"] == "without_232")
    assert table.iloc[3]["Without 201"] == score(rest["overall"]["S_f1"]["value"])
    row = table.iloc[0]
    assert row["Usual"] == score(usual["overall"]["accuracy"]["value"])
    assert row["Without 201"] == score(without["overall"]["accuracy"]["value"])
    errors_202 = [next(r["errors"] for r in kind["per_record"] if r["record"] == "202") for kind in (without, usual)]
    assert f"makes {grouped(errors_202[0])} errors in record 202 instead of {grouped(errors_202[1])}" in said(page)
    assert "python -m pipeline train --model cnn --without 201" in said(page)
    other = opened(monkeypatch, networks, network="vgg16")
    assert "Trained without record 201" not in [element.value for element in other.subheader]


@pytest.mark.usefixtures("no_data")
def test_the_rule_of_the_app_is_marked_on_the_curve_and_told_in_words(monkeypatch, networks):
    page = opened(monkeypatch, networks, "Uncertainty", network="vgg16")
    found = saved.read_evaluation(networks / "vgg16" / "evaluation.json")["uncertainty"]
    rule = found["tested"][-1]["app"]
    left = round((1 - rule["answered"]) * rule["beats"])
    assert f"DS2: {grouped(left)} of {grouped(rule['beats'])} beats become unclassified" in said(page)
    assert f"the gate stops {share(rule['noisy'])}" in said(page)
    marks = {trace["name"]: trace for chart in charts_of(page) for trace in chart["data"] if "name" in trace}
    assert marks["in this app: confidence 60 % or more"]["y"][1] == rule["on_curve"]["error"]
    assert marks["in this app, with the quality gate"]["x"][1] == rule["answered"]


def test_a_confidence_off_the_saved_curve_has_no_point_on_it():
    curve = {"confidence": [0.2, 0.4, 0.6], "coverage": [1.0, 0.9, 0.7], "accuracy": [0.8, 0.9, None]}
    assert charts.kept_from(curve, 0.3) == pytest.approx((0.95, 0.85))
    assert charts.kept_from(curve, 0.5) is None
    assert charts.kept_from(curve, None) is None


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
