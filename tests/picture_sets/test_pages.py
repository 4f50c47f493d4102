"""12-lead recordings become pages: in any layout, with the right leads, read back by the digitiser."""

from __future__ import annotations

import csv
import warnings

import cv2
import numpy as np
import pytest
import wfdb

from pipeline.digitisation.digitise import digitise
from pipeline.digitisation.layouts import LAYOUTS, TWELVE_LEADS
from pipeline.errors import DataError
from pipeline.picture_sets.labelling import stated_rhythm
from pipeline.picture_sets.making import make_picture_set
from pipeline.picture_sets.options import PictureSetOptions
from pipeline.picture_sets.pages import page_leads
from pipeline.picture_sets.sources import find_sources
from tests.helpers.records import WidthRule

FS = 500


def write_twelve(folder, name, *, comments=(), leads=TWELVE_LEADS, seconds=10):
    """A recording of twelve leads: the same beats, in each lead of another height."""
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(seconds * FS) / FS
    phase = (time - 0.4) % 0.8 - 0.4
    beat = sum(
        a * np.exp(-0.5 * ((phase - m) / s) ** 2) for m, s, a in ((-0.16, 0.02, 0.12), (0, 0.01, 1), (0.25, 0.05, 0.25))
    )
    signal = np.stack([(0.5 + 0.06 * i) * beat for i in range(len(leads))], axis=1)
    write_signal(folder, name, signal, leads, comments)


def write_signal(folder, name, signal, leads=TWELVE_LEADS, comments=()):
    n = len(leads)
    with warnings.catch_warnings():  # wfdb 4.3 writes headers in a way that pandas 3.1 calls deprecated
        warnings.simplefilter("ignore")
        wfdb.wrsamp(name, FS, ["mV"] * n, list(leads), p_signal=signal, fmt=["16"] * n, adc_gain=[1000] * n,
                    baseline=[0] * n, write_dir=str(folder), comments=list(comments))  # fmt: skip


def pages(folder, output, **options):
    asked = PictureSetOptions(style="page", **options)
    return make_picture_set(find_sources([str(folder)]), asked, output, load=lambda: WidthRule())


def rows_of(folder):
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_a_page_of_every_layout_shows_its_leads(tmp_path, layout):
    write_twelve(tmp_path / "r", "a", comments=["Rhythm: Sinus tachycardia."])
    pages(tmp_path / "r", tmp_path / "o", layout=layout, size_px=(900, 900))
    (row,) = rows_of(tmp_path / "o")
    assert (row["label"], row["predicted"], row["gain_mm_mv"]) == ("ST", "no", "10.0")
    assert set(row["leads"].split()) == {lead for *_, lead in LAYOUTS[layout].boxes()}
    assert cv2.imread(str(tmp_path / "o" / row["picture"])).shape[1] == 900


def test_the_digitiser_reads_a_page_back(tmp_path):
    write_twelve(tmp_path / "r", "a")
    pages(tmp_path / "r", tmp_path / "o", layout="3x4+1")
    (row,) = rows_of(tmp_path / "o")
    found = digitise(cv2.imread(str(tmp_path / "o" / row["picture"]))[..., ::-1].copy())
    assert found.layout.name == "3x4+1"
    assert (found.speed.value, found.gain.value) == (25.0, 10.0)


def test_a_rhythm_that_nobody_stated_is_predicted_and_marked(tmp_path):
    write_twelve(tmp_path / "r", "a")
    card = pages(tmp_path / "r", tmp_path / "o")
    (row,) = rows_of(tmp_path / "o")
    assert row["predicted"] == "yes"
    assert card.predicted == 1


def test_a_longer_recording_becomes_several_pages(tmp_path):
    write_twelve(tmp_path / "r", "a", seconds=35, comments=["Rhythm: Sinus rhythm."])
    pages(tmp_path / "r", tmp_path / "o", size_px=(600, 600))
    assert [(row["start_s"], row["stop_s"]) for row in rows_of(tmp_path / "o")] == [
        ("0.0", "10.0"),
        ("10.0", "20.0"),
        ("20.0", "30.0"),
    ]


def test_lead_names_in_lower_case_are_found_and_a_missing_one_is_named(tmp_path):
    write_twelve(tmp_path / "lower", "a", leads=[lead.lower() for lead in TWELVE_LEADS])
    assert pages(tmp_path / "lower", tmp_path / "o").pictures == 1
    write_twelve(tmp_path / "less", "b", leads=[lead for lead in TWELVE_LEADS if lead != "aVR"])
    with pytest.raises(DataError, match="b: The recording has no lead aVR, which a page of layout 3x4"):
        pages(tmp_path / "less", tmp_path / "p")


def test_high_waves_get_half_the_gain(tmp_path):
    write_twelve(tmp_path / "r", "a", comments=["Rhythm: Sinus rhythm."])
    record = wfdb.rdrecord(str(tmp_path / "r" / "a"))
    write_signal(tmp_path / "r", "a", 5 * record.p_signal, comments=["Rhythm: Sinus rhythm."])
    pages(tmp_path / "r", tmp_path / "o")
    assert rows_of(tmp_path / "o")[0]["gain_mm_mv"] == "5.0"


def test_pages_have_no_class_of_beat(tmp_path):
    write_twelve(tmp_path / "r", "a")
    with pytest.raises(DataError, match="A page shows many beats and has no class of beat"):
        pages(tmp_path / "r", tmp_path / "o", label="beat")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("#Rhythm: Sinus rhythm.", "N"),
        ("# Rhythm: Atrial fibrillation", "AFIB"),
        ("#Dx: 426783006,164889003", "AFIB"),
        ("#Dx: 59118001", None),
        ("#Rhythm: Something new", None),
        ("r 2 360 100", None),
    ],
)
def test_headers_state_rhythms(header, code):
    assert stated_rhythm(header) == code


def test_the_filter_of_a_page_leaves_the_waves_and_the_baseline_where_they_are(tmp_path):
    write_twelve(tmp_path / "r", "a")
    recording = find_sources([str(tmp_path / "r")])[0].read()
    for i, (lead, drawn) in enumerate(page_leads(recording, "12x1").items()):
        raw = recording.p_signal[:, recording.leads.index(lead)]
        assert np.corrcoef(drawn, raw)[0, 1] > 0.95
        assert abs(float(np.median(drawn))) < 0.05
        assert drawn.max() == pytest.approx(raw.max(), rel=0.1), i
