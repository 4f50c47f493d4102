"""The Evaluation page as a whole: empty, with full files, with broken ones. Its numbers are those of the files."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app.evaluation import charts
from app.evaluation.shared import s_warning
from pipeline._util.files import write_json
from pipeline._util.typed_json import to_json
from pipeline.evaluation.saved import read_evaluation
from pipeline.evaluation.schema import Estimate
from tests.helpers.evaluations import charts_of, opened, said


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
        report = read_evaluation(networks / row["Network"].split()[1] / "evaluation.json").reference
        estimate = report.overall["V_f1"]
        assert row["V F1 %"].startswith(f"{estimate.value * 100:.1f} ({estimate.low * 100:.1f}–")
        assert (row["Parameters"], row["Size"]) == ("14.00 M", "29.0 MB")
        without = report.variant("without_232").overall["S_f1"]
        assert row["S F1 without 232 %"].startswith(f"{without.value * 100:.1f} (")
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
    report = read_evaluation(networks / "vgg16" / "evaluation.json").reference
    first, *others = report.per_record
    assert "S hangs on one patient" not in said(page)
    assert f"of 100 ventricular beats {report.class_row('V').se.value * 100:.0f} are found" in said(page)
    rows = [replace(first, S=first.S + 10_000), *others]
    share = rows[0].S / sum(row.S for row in rows)
    assert f"{share * 100:.1f} % of the supraventricular beats are in record 100" in s_warning(rows)[0]


def test_the_beats_switch_changes_the_table(monkeypatch, networks):
    page = opened(monkeypatch, networks, "Classes", network="cnn")
    page.segmented_control(key="evaluation-kind").set_value("detected").run()
    assert not page.exception
    accuracy = read_evaluation(networks / "cnn" / "evaluation.json").detected.overall["accuracy"].value
    assert page.dataframe[0].value["Accuracy %"].iloc[1].startswith(f"{accuracy * 100:.1f} (")


def test_a_title_that_is_markdown_stays_text(monkeypatch, networks, tmp_path):
    home = tmp_path / "cnn"
    home.mkdir()
    (home / "manifest.json").write_text("{}")
    content = read_evaluation(networks / "cnn" / "evaluation.json")
    made = replace(content.provenance, data="![x](http://example.org/a.png)")
    write_json(home / "evaluation.json", to_json(replace(content, provenance=made)))
    page = opened(monkeypatch, tmp_path)
    assert any(r"\!\[x\]\(http" in caption.value for caption in page.caption)
    assert not any("![x](http" in caption.value for caption in page.caption)


@pytest.mark.parametrize("picture", charts.PICTURES)
def test_figures_are_saved_in_the_format_that_was_chosen(monkeypatch, networks, picture):
    page = opened(monkeypatch, networks)
    page.segmented_control(key="evaluation-picture").set_value(picture).run()
    config = json.loads(page.get("plotly_chart")[0].proto.config)
    assert config["toImageButtonOptions"]["format"] == picture.lower()
    assert config["modeBarButtons"] == [["toImage"]]


def test_networks_of_other_recordings_are_told_apart_and_compared_on_what_they_share(monkeypatch, networks, tmp_path):
    for name, fewer in (("vgg16", 0), ("cnn", 2)):
        home = tmp_path / name
        home.mkdir()
        (home / "manifest.json").write_text("{}")
        content = read_evaluation(networks / name / "evaluation.json")
        told = content.reference
        told = replace(told, per_record=told.per_record[fewer:], records=told.records[fewer:])
        write_json(home / "evaluation.json", to_json(replace(content, reference=told)))
    page = opened(monkeypatch, tmp_path, "Against another", network="vgg16")
    assert not page.exception
    left = len(told.records)
    assert f"Network vgg16 on {left + 2}, Network cnn on {left}".replace(",", "\\,") in page.warning[0].value
    assert f"On the {left} recordings that both were tested on" in said(page)
    assert "not tested on the same" not in said(opened(monkeypatch, networks))


def test_the_other_database_has_its_own_numbers(monkeypatch, networks, no_data, tmp_path):
    home = tmp_path / "vgg16"
    home.mkdir()
    (home / "manifest.json").write_text("{}")
    content = read_evaluation(networks / "vgg16" / "evaluation.json")
    measures = {**content.reference.overall, "V_f1": Estimate(0.123, 0.1, 0.2)}
    content = replace(content, split="svdb", seen=("100",), reference=replace(content.reference, overall=measures))
    write_json(home / "evaluation-svdb.json", to_json(content))
    page = opened(monkeypatch, tmp_path)
    assert page.info[0].value.startswith("The network vgg16 has not been evaluated yet")
    page.segmented_control(key="evaluation-split").set_value("svdb").run()
    assert not page.exception
    assert page.dataframe[0].value["V F1 %"].tolist() == ["12.3 (10.0–20.0)"]
    assert "the network was trained on 1 of them" in said(page)
    assert any("`models/weights/vgg16/evaluation-svdb.json`" in caption.value for caption in page.caption)
