"""Dataset > Make pictures: a preview, a ZIP or a folder, and one sentence for each choice that cannot be made."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from streamlit.testing.v1 import AppTest

from app.dataset import make_pictures
from pipeline.analysis import analyse
from pipeline.config import ROOT
from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.store.recordings import delete_recording, save_recording
from pipeline.store.studies import create_study
from tests.helpers.records import WidthRule, write_record

PAGE = str(ROOT / "app" / "dataset" / "page.py")


@pytest.fixture
def page(monkeypatch, tmp_path) -> AppTest:
    """The page as a browser on the same computer gets it, with a network by rule."""
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HEARTVISION_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("HEARTVISION_DATABASE_URL", raising=False)
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.ip_address", None)
    monkeypatch.setattr("app.common.cache.classifier", lambda name: WidthRule())
    return AppTest.from_file(PAGE, default_timeout=120).run()


@pytest.fixture
def records(tmp_path):
    folder = tmp_path / "records"
    folder.mkdir()
    for number, name in enumerate(("a", "b", "<b>c")):
        write_record(folder, "r", seed=number, seconds=20)
        for ending in (".hea", ".atr"):
            (folder / f"r{ending}").rename(folder / f"{name}{ending}")
        (folder / "r.dat").rename(folder / f"{number}.dat")
        header = folder / f"{name}.hea"
        header.write_text(header.read_text().replace("r.dat", f"{number}.dat"))
    return folder


def chosen(page: AppTest, records) -> AppTest:
    page.button_group(key="make_origin").set_value(make_pictures.PLACE).run()
    return page.text_input(key="make_place").set_value(str(records)).run()


def errors(page: AppTest) -> list[str]:
    assert not page.exception
    return [error.value for error in page.error]


def archive(page: AppTest) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(page.session_state["make_made"][1].archive))


def test_the_demo_is_previewed_and_drawn(page):
    page.button(key="make_look").click().run()
    assert errors(page) == []
    found = page.session_state["make_preview"][1]
    assert len(found) == 8
    assert {example.label for example in found} == {"N", "V", "F", "Q"}
    assert not any(example.predicted for example in found)


def test_a_choice_that_changes_takes_the_preview_away(page):
    page.button(key="make_look").click().run()
    before = len(page.get("image"))
    page.selectbox(key="make_style").set_value("gaf").run()
    assert len(page.get("image")) == before - 8


@pytest.mark.parametrize("style", list(make_pictures.STYLES))
def test_every_style_can_be_chosen(page, style):
    page.selectbox(key="make_style").set_value(style).run()
    page.button(key="make_look").click().run()
    wanted = ["208\\_excerpt\\: The recording has no lead I\\, which a page of layout 3x4\\+1 shows\\."]
    assert errors(page) == (wanted if style == "page" else [])
    assert any("5 mm/mV: a large square is 0.2 s and 1 mV" in said.value for said in page.caption) == (style == "paper")


def test_the_archive_holds_the_pictures_of_the_manifest(page, records):
    chosen(page, records)
    page.number_input(key="make_most").set_value(2).run()
    page.button_group(key="make_split").set_value("patient").run()
    page.button(key="make_all").click().run()
    assert errors(page) == []
    with archive(page) as found:
        names = found.namelist()
        rows = list(csv.DictReader(io.StringIO(found.read("pictures/manifest.csv").decode())))
    assert {f"pictures/{row['picture']}" for row in rows} == {name for name in names if name.endswith(".png")}
    assert {row["split"] for row in rows} == {"train", "val", "test"}
    assert {"pictures/README.md", "pictures/card.json"} <= set(names)
    assert not any("heartvision" in name for name in names)
    table = next(frame.value for frame in page.dataframe if "Part" in frame.value)
    assert list(table["N"]) == [2, 2, 2]


def test_pictures_go_into_a_folder_that_a_second_run_goes_on_in(page, records, tmp_path):
    chosen(page, records)
    page.button_group(key="make_target").set_value(make_pictures.FOLDER).run()
    page.text_input(key="make_output").set_value(str(tmp_path / "o")).run()
    for _ in range(2):
        page.button(key="make_all").click().run()
        assert errors(page) == []
        assert any("54 pictures in" in success.value for success in page.success)
    assert len(list((tmp_path / "o").rglob("*.png"))) == 54


def test_predicted_labels_are_said(page, records, tmp_path):
    for file in records.glob("*.atr"):
        file.unlink()
    chosen(page, records)
    page.button(key="make_look").click().run()
    page.button(key="make_all").click().run()
    assert errors(page) == []
    assert all(example.predicted for example in page.session_state["make_preview"][1])
    assert any("labels are predicted by rule 1" in warning.value for warning in page.warning)


def test_a_random_split_says_what_it_costs(page):
    page.checkbox(key="make_random").check().run()
    assert any("Pictures of one patient are in train and test" in warning.value for warning in page.warning)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("/no/such/place", "There is no recording, folder or database"),
        ("EMPTY", "holds no recording"),
    ],
)
def test_a_wrong_place_is_one_sentence(page, tmp_path, place, message):
    (tmp_path / "empty").mkdir()
    chosen(page, str(tmp_path / "empty") if place == "EMPTY" else place)
    assert len(errors(page)) == 1
    assert message in errors(page)[0].replace("\\", "")


def test_what_cannot_be_made_is_one_sentence(page):
    page.button_group(key="make_split").set_value("patient").run()
    page.button(key="make_all").click().run()
    assert ["a split inside a patient tests on people" in text.replace("\\", "") for text in errors(page)] == [True]


@pytest.mark.parametrize("typed", ["", "relative/path", "/proc/pictures"])
def test_a_folder_that_cannot_be_made_is_one_sentence(page, typed):
    page.button_group(key="make_target").set_value(make_pictures.FOLDER).run()
    page.text_input(key="make_output").set_value(typed).run()
    page.button(key="make_all").click().run()
    assert len(errors(page)) == 1


def test_an_empty_worklist_is_said(page):
    page.button_group(key="make_origin").set_value(make_pictures.WORKLIST).run()
    assert errors(page) == []
    assert any("The worklist is empty" in info.value for info in page.info)


def test_a_browser_elsewhere_gets_an_archive_and_no_path(monkeypatch, page):
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.ip_address", "10.0.0.7")
    page.run()
    assert make_pictures.PLACE not in page.button_group(key="make_origin").options
    assert not page.text_input
    page.button(key="make_all").click().run()
    assert errors(page) == []
    assert page.session_state["make_made"][1].archive


@pytest.mark.usefixtures("own_store")
def test_a_recording_of_the_worklist_is_drawn_and_one_that_is_gone_is_said(monkeypatch):
    monkeypatch.setattr("app.common.cache.classifier", lambda name: WidthRule())
    recording = save_recording(read_path(demo_path()))
    create_study(analyse(recording, WidthRule()))
    page = AppTest.from_file(PAGE, default_timeout=120).run()
    page.button_group(key="make_origin").set_value(make_pictures.WORKLIST).run()
    page.number_input(key="make_most").set_value(3).run()
    page.button(key="make_all").click().run()
    assert errors(page) == []
    with archive(page) as found:
        rows = list(csv.DictReader(io.StringIO(found.read("pictures/manifest.csv").decode())))
    assert {(row["record"], row["patient"], row["predicted"]) for row in rows} == {("208_excerpt", "208_excerpt", "no")}
    delete_recording(recording.digest)
    page.run()
    assert ["is not on this machine" in text for text in errors(page)] == [True]
