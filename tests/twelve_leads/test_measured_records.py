"""Public records, end to end: what `analyse` promises, and an infarction that must not look normal."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from pipeline import cli
from pipeline.analysis import analyse, load_classifier, with_measurements
from pipeline.config import RECORDING_NETWORK, data_root
from pipeline.intake import read_path
from pipeline.store.results import load_analysis, save_analysis
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.types import Recording
from pipeline.wording import looked_for_words

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def infarction(tmp_path_factory):
    """What `analyse --format json` writes of LUDB 21: an anterior infarction with ST elevation."""
    folder = tmp_path_factory.mktemp("out")
    header = data_root() / "ludb" / "21.hea"
    assert cli.main(["analyse", str(header), "--output", str(folder), "--format", "json,csv,fhir"]) == 0
    return folder


@pytest.fixture(scope="module")
def found(infarction):
    return json.loads((infarction / "21.json").read_text("utf-8"))


def test_an_anterior_infarction_has_an_urgent_statement_first_and_is_never_normal(found):
    first = found["statements"][0]
    assert first["code"] == "STE-ANT"
    assert first["urgent"]
    assert not {one["group"] for one in found["statements"]} & {"normal"}


def test_statements_have_the_promised_fields(found):
    assert all(set(one) == {"code", "group", "text", "evidence", "urgent"} for one in found["statements"])
    assert "ST elevation" in found["looked_for"]


def test_intervals_are_given_per_recording_and_per_lead(found):
    intervals = found["intervals"]
    assert 700 < intervals["RR"]["median"] < 900
    for name in ("PR", "QRS", "QT"):
        assert intervals[name]["low"] <= intervals[name]["median"] <= intervals[name]["high"]
    assert set(intervals["leads"]) <= set(found["st"])
    assert len(found["st"]) == 12
    assert {"J", "J60", "J80"} == set(found["st"]["v2"])


def test_the_table_of_intervals_has_a_row_per_beat_and_lead(infarction, found):
    rows = (infarction / "21.intervals.csv").read_text("utf-8").splitlines()
    assert len(rows) == 1 + len(found["beats"]) * 13


def test_fhir_observations_have_the_codes_of_intervals(infarction):
    bundle = json.loads((infarction / "21.fhir.json").read_text("utf-8"))
    codes = {
        coding["code"]
        for entry in bundle["entry"]
        for coding in entry["resource"].get("code", {}).get("coding", [])
        if coding["system"] == "http://loinc.org"
    }
    assert {"8625-6", "8633-0", "8634-8", "8632-2", "8601-7"} <= codes


def test_eight_leads_measure_what_twelve_do(found):
    twelve = read_path(data_root() / "ludb" / "21.hea")
    kept = [i for i, name in enumerate(twelve.leads) if name in ("i", "ii", "v1", "v2", "v3", "v4", "v5", "v6")]
    eight = Recording.from_array(twelve.p_signal[:, kept], fs=twelve.fs, leads=[twelve.leads[i] for i in kept])
    measured = with_measurements(eight, analyse(eight, load_classifier(RECORDING_NETWORK))).measured
    assert {"III", "aVR", "aVL", "aVF"} <= measured.leads.keys()
    away = math.radians(measured.axis_deg["QRS"] - found["axis"]["QRS"])
    assert math.cos(away) > math.cos(math.radians(10))
    assert "STE-ANT" in {one.code for one in measured.statements}


def test_one_lead_gives_intervals_but_no_axis_and_no_st_statement():
    record = read_path(data_root() / "ludb" / "21.hea")
    one = Recording.from_array(record.p_signal[:, 1], fs=record.fs, leads="II")
    measured = with_measurements(one, analyse(one, load_classifier(RECORDING_NETWORK))).measured
    assert "QRS" in measured.intervals
    assert not measured.axis_deg
    assert "ST elevation" not in measured.looked_for


def test_measurements_are_stored_with_the_analysis(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path))
    record = read_path(data_root() / "ludb" / "21.hea")
    analysis = with_measurements(record, analyse(record, load_classifier(RECORDING_NETWORK)))
    save_analysis(analysis, "v")
    assert load_analysis(analysis.digest, "v").measured == analysis.measured


def flat_lead(name: str) -> Recording:
    whole = read_path(data_root() / "ludb" / "21.hea")
    p_signal = whole.p_signal.copy()
    p_signal[:, whole.leads.index(name)] = 0
    return Recording.from_array(p_signal, fs=whole.fs, leads=whole.leads)


def test_an_infarction_seen_without_v3_says_what_could_not_be_told():
    """V2 alone reaches its limit, V4 is below: with V3 there are two neighbours, and ST elevation is stated."""
    record = flat_lead("v3")
    measured = with_measurements(record, analyse(record, load_classifier(RECORDING_NETWORK))).measured
    assert measured.not_measured == ("V3",)
    assert {"Q-ANT", "ST-UNREAD"} <= {one.code for one in measured.statements}
    assert "Not measured: V3; what needs it was not looked for." in looked_for_words(measured)


@pytest.mark.parametrize("name", ["v2", "i", "ii"])
def test_a_flat_lead_takes_no_part_in_any_statement(name):
    record = flat_lead(name)
    measured = with_measurements(record, analyse(record, load_classifier(RECORDING_NETWORK))).measured
    assert name not in measured.leads
    assert not [one for one in measured.statements if one.code.startswith("SWAP")]
    assert "swapped chest electrodes" not in measured.looked_for
    assert measured.axis_deg["QRS"] == pytest.approx(-23.1, abs=1.5)  # of the limb leads that are left


def test_noise_in_all_leads_has_no_diagnosis():
    noise = np.random.default_rng(0).normal(0, 0.3, (5000, 12))
    recording = Recording.from_array(noise, fs=500, leads=TWELVE_LEADS)
    measured = with_measurements(recording, analyse(recording, load_classifier(RECORDING_NETWORK))).measured
    assert not measured.diagnosis
    assert not measured.statements
    assert measured.looked_for == ("rate and rhythm",)
