"""The Dataset page works without the databases, counts both ways, and says what is not perfect."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.common.theme import DARK, LIGHT
from app.dataset.charts import class_counts, rr_distribution
from pipeline.config import ROOT
from pipeline.datasets.statistics import load_statistics

PAGE = str(ROOT / "app" / "dataset" / "page.py")


@pytest.fixture
def page(monkeypatch, tmp_path) -> AppTest:
    """The page on a machine without the databases."""
    monkeypatch.setenv("HEARTVISION_DATA", str(tmp_path))
    return AppTest.from_file(PAGE, default_timeout=30).run()


def _text(page: AppTest) -> str:
    return "\n".join(element.value for element in (*page.markdown, *page.caption))


def test_the_page_shows_every_section_without_the_databases(page):
    assert not page.exception
    assert not page.error
    assert [header.value for header in page.header] == [
        "Beats per class",
        "Beats per record",
        "Sample pictures",
        "RR intervals per class",
        "Records and their leads",
        "How the split is made",
        "Duplicates",
        "Source, licence, citation",
        "Make pictures",
        "Your own folder of pictures",
    ]


def test_the_counts_of_both_sets_are_shown(page):
    table = page.dataframe[0].value.set_index("Set")
    assert list(table.loc["DS1 (training)", list("NSVFQ")]) == [45866, 944, 3788, 415, 8]
    assert list(table.loc["DS2 (test)", list("NSVFQ")]) == [44259, 1837, 3221, 388, 7]


def test_the_other_label_table_moves_escape_beats_to_s(page):
    page.button_group(key="dataset_table").set_value("bxb").run()
    table = page.dataframe[0].value.set_index("Set")
    assert list(table.loc["DS2 (test)", list("NSV")]) == [44046, 2050, 3221]


@pytest.mark.parametrize("group", ["ds1", "ds2", "paced", "svdb"])
def test_every_set_can_be_opened(page, group):
    page.button_group(key="dataset_group").set_value(group).run()
    page.button_group(key="dataset_rr_group").set_value(group).run()
    page.toggle(key="dataset_log").set_value(False).run()
    page.toggle(key="dataset_record_log").set_value(True).run()
    assert not page.exception


@pytest.mark.parametrize("name", list("NSVFQ"))
def test_every_class_has_sample_pictures(page, name):
    page.button_group(key="dataset_class").set_value(name).run()
    assert not page.exception
    assert len(page.get("image")) == 6


def test_what_is_not_perfect_is_said(page):
    text = _text(page)
    one_patient = "record 232 holds 75.2 % of S"
    for said in ("**201** (DS1) and **202** (DS2)", "far from balanced", one_patient, "in record 114"):
        assert said in text
    assert "No signal and no beat occurs twice" in text


def test_licence_citation_and_provenance_are_shown(page):
    text = _text(page)
    for said in ("ODC-By 1.0", "10.1109/51.932724", "10.1161/01.CIR.101.23.e215", "python -m pipeline data"):
        assert said in text


def test_missing_statistics_are_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("pipeline.datasets.statistics.load_statistics.__defaults__", (tmp_path / "statistics.json",))
    page = AppTest.from_file(PAGE, default_timeout=30).run()
    assert not page.exception
    assert [error.value for error in page.error] == [
        "The statistics statistics.json are missing or broken; run `python -m pipeline data --statistics`."
    ]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_bars_are_stacked_and_dots_are_not(palette):
    counts = {"DS1": load_statistics().counts("ds1")}
    bars, dots = class_counts(counts, palette, log=False), class_counts(counts, palette, log=True)
    assert {trace.type for trace in bars.data} == {"bar"}
    assert bars.layout.barmode == "stack"
    assert {trace.type for trace in dots.data} == {"scatter"}
    assert dots.layout.yaxis.type == "log"
    assert [trace.marker.color for trace in bars.data] == [palette.classes[name] for name in "NSVFQ"]


def test_a_class_without_beats_has_no_dot():
    figure = class_counts({"x": {"N": 5, "S": 0, "V": 1, "F": 0, "Q": 0}}, LIGHT, log=True)
    assert [trace.y[0] for trace in figure.data] == [5, None, 1, None, None]


def test_rr_shares_sum_to_a_hundred_per_cent_and_rare_classes_are_left_out():
    figure = rr_distribution({"N": [20, 60], "S": [0, 0], "V": [50, 0], "F": [0, 49], "Q": [0, 0]}, 40, LIGHT)
    assert {trace.name: list(trace.y) for trace in figure.data} == {"N": [25.0, 75.0], "V": [100.0, 0.0]}
    assert list(figure.data[0].x) == [20.0, 60.0]


def _folder(root):
    """Two classes of three curves each; one picture in both splits, one file that is no picture."""
    for split, first in (("train", 0), ("test", 10)):
        for name in ("normal", "<b>odd</b>"):
            folder = root / split / name.replace("/", "_")
            folder.mkdir(parents=True)
            for i in range(3):
                paper = np.full((60, 60, 3), 255, np.uint8)
                rng = np.random.default_rng([first + i, len(name)])
                points = np.stack([np.linspace(2, 57, 20), rng.uniform(5, 55, 20)], 1).astype(np.int32)
                cv2.polylines(paper, [points], False, (0, 0, 0), 2)
                cv2.imwrite(str(folder / f"{i}.png"), paper)
    (root / "test" / "normal" / "twin.png").write_bytes((root / "train" / "normal" / "0.png").read_bytes())
    (root / "train" / "normal" / "broken.png").write_bytes(b"no picture")
    return root


@pytest.fixture
def local_page(monkeypatch, page):
    """The page as a browser on the same computer gets it."""
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.ip_address", None)
    return page.run()


def test_a_browser_elsewhere_opens_no_folder(page):
    assert not page.text_input
    assert any("on the computer that runs HeartVision" in info.value for info in page.info)


def test_a_folder_of_pictures_is_counted_and_its_leak_is_said(local_page, tmp_path):
    page = local_page
    page.text_input(key="dataset_folder").set_value(str(_folder(tmp_path / "mine")))
    page.button[-1].click().run()
    assert not page.exception
    table = next(frame.value for frame in page.dataframe if "Split" in frame.value)
    assert list(table["All"]) == [6, 7]
    assert "1 of 7 held\\-out pictures" in page.error[0].value
    assert any("1 files left out" in expander.label for expander in page.expander)
    page.selectbox(key="dataset_folder_class").set_value("normal").run()
    assert not page.exception


def test_a_path_that_is_no_folder_gets_one_sentence(local_page):
    page = local_page
    page.text_input(key="dataset_folder").set_value("/no/such/folder")
    page.button[-1].click().run()
    assert not page.exception
    assert [error.value.split(" that ")[0] for error in page.error] == ["There is no folder of this name"]
