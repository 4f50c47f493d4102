"""ISHNE, MFER and Kardia files: equal to ecgdatakit, who and when, missing samples, damage."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from ecgdatakit.parsing.parsers.alivecor_kardia import AliveCorKardiaParser
from ecgdatakit.parsing.parsers.ishne_holter import ISHNEHolterParser
from ecgdatakit.parsing.parsers.mfer import MFERParser

from pipeline.config import DEFAULT, data_root
from pipeline.errors import IntakeError, LimitError
from pipeline.identity import DeviceReading, Identity
from pipeline.intake import read_path
from pipeline.intake.formats.table import format_of
from tests.helpers.holter_files import (
    atc_block,
    atc_bytes,
    ishne_bytes,
    kardia_json,
    mfer_bytes,
    movesense_json,
    tlv,
    tones,
)

FORMATS = data_root() / "formats"
real = pytest.mark.skipif(not FORMATS.is_dir(), reason="needs the real files")
STEPS = np.stack([tones(5000), tones(5000, seed=1)], axis=1)


def read(payload: bytes):
    found = format_of(payload)
    assert found is not None
    return found.read("made", payload, DEFAULT.limits)


def by_ecgdatakit(parser: type, payload: bytes, tmp_path: Path) -> list[np.ndarray]:
    """The leads in mV."""
    path = tmp_path / "made"
    path.write_bytes(payload)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        leads = parser().parse(path).leads
    assert {lead.resolution_unit for lead in leads} <= {"uV"}
    return [lead.samples * lead.resolution / 1000 for lead in leads]


def test_an_ishne_file_equals_the_independent_reader(tmp_path):
    payload = ishne_bytes(STEPS, text=b"comment of the recorder")
    recording = read(payload)
    assert (recording.leads, recording.fs, recording.calibrated) == (("II", "V1"), 250.0, (True, True))
    both = by_ecgdatakit(ISHNEHolterParser, payload, tmp_path)
    np.testing.assert_allclose(recording.p_signal, np.stack(both, axis=1), atol=1e-6)
    assert recording.notices == ()


def test_an_ishne_file_says_who_and_when():
    recording = read(ishne_bytes(STEPS))
    start = datetime(2024, 3, 2, 21, 44, 39)
    assert recording.identity == Identity("H-77", "Anna Österreich", "F", 1960, start=start)
    assert recording.age_years == 63


def test_a_lead_that_was_off_is_missing_and_one_without_resolution_not_calibrated():
    steps = STEPS.copy()
    steps[100:200, 1] = -32768
    recording = read(ishne_bytes(steps, nv=(0, 5000), codes=(1, 11)))
    assert np.isnan(recording.p_signal[100:200, 1]).all()
    assert np.isfinite(recording.p_signal[:, 0]).all()
    assert recording.leads == ("lead 1", "V1")
    assert recording.calibrated == (False, True)


def test_what_the_header_of_an_ishne_file_gets_wrong_is_said():
    said = read(ishne_bytes(STEPS, checksum=1, stated=9999, pacemaker=2)).notices
    assert any("checksum" in text for text in said)
    assert "The header states 9,999 samples of each lead; the file has 5,000." in said
    assert "The header states a pacemaker, single chamber unipolar." in said
    assert read(ishne_bytes(STEPS, checksum=0)).notices == ()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"n_leads": 0}, "states 0 leads"),
        ({"n_leads": -3}, "states -3 leads"),
        ({"n_leads": 13}, "states 13 leads"),
        ({"variable": -1}, "block of -1 bytes"),
        ({"variable": 10**9}, "block of 1,000,000,000 bytes"),
        ({"fs": 0}, "sampling frequency 0 Hz"),
        ({"fs": -250}, "sampling frequency -250 Hz"),
    ],
)
def test_numbers_of_an_ishne_header_that_make_no_sense_are_refused(how, says):
    with pytest.raises(IntakeError, match=says):
        read(ishne_bytes(STEPS, **how))


def test_the_annotations_of_an_ishne_recording_are_refused_by_what_they_are():
    with pytest.raises(IntakeError, match="annotation file"):
        read(b"ANN  1.0" + ishne_bytes(STEPS)[8:])


def test_an_mfer_file_equals_the_independent_reader_and_leaves_out_respiration(tmp_path):
    payload = mfer_bytes({"II": tones(5000), "V1": tones(5000, seed=1), "RESP": tones(2500)}, records=5)
    recording = read(payload)
    assert (recording.leads, recording.fs) == (("II", "V1"), 250.0)
    path = tmp_path / "made.mwf"
    path.write_bytes(payload)
    theirs = MFERParser().parse(path).leads[:2]
    np.testing.assert_allclose(recording.p_signal, np.stack([x.samples for x in theirs], axis=1) * 0.002, atol=1e-6)
    assert recording.notices == ("Left out, because the unit is no voltage: Impedance respir.",)
    assert recording.identity == Identity("4711", sex="F", start=datetime(2024, 3, 2, 21, 44, 39))
    assert recording.device == DeviceReading("Maker Model 7")


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (mfer_bytes({"II": tones(500)}, extra=tlv(0x05, b"\xff\xff\xff\x7f")), "channels"),
        (mfer_bytes({"II": tones(500)}, extra=tlv(0x16, b"") * 30_000), "definitions"),
        (mfer_bytes({"II": tones(500)}, extra=tlv(0x1E, b"\0\0") * 3_000), "frames"),
        (
            mfer_bytes({"II": tones(500)}, extra=tlv(0x1E, bytes(25 * 2**20))),
            "a frame of 26,214,400 bytes that does not say where",
        ),
        (mfer_bytes({"II": tones(500)}, extra=tlv(0x67, tlv(0x67, tlv(0x67, tlv(0x67, tlv(0x67, b"")))))), "deep"),
        (mfer_bytes({"II": tones(500)}, extra=b"\x3f\x00\x80"), "without a length"),
    ],
)
def test_an_mfer_file_of_too_much_is_refused_before_it_is_decoded(payload, says):
    with pytest.raises((LimitError, IntakeError), match=says):
        read(payload)


def _many_frames() -> bytes:
    """A file of twelve frames, which state their number of sequences once for all."""
    leads = {"II": tones(600), "V1": tones(600, seed=1), "RESP": tones(300)}
    whole = mfer_bytes(leads, records=3)
    begin = whole.index(b"\x1e\x84")
    return whole[:begin] + whole[begin:-1] * 12 + b"\x80"


@pytest.mark.parametrize(
    "payload",
    [
        mfer_bytes({"II": tones(5000), "V1": tones(5000, seed=1), "RESP": tones(2500)}, records=50),
        mfer_bytes({"II": tones(6000), "V1": tones(6000, seed=1)}, records=2),
        _many_frames(),
    ],
    ids=["one frame", "one frame of two", "many frames"],
)
@pytest.mark.parametrize("at_once", [300, 3000, 9001])
def test_a_long_mfer_file_is_decoded_in_parts_and_is_the_same(payload, at_once, monkeypatch):
    whole = read(payload)
    monkeypatch.setattr("pipeline.intake.formats.mfer_frames._WHOLE_BYTES", 1000)
    monkeypatch.setattr("pipeline.intake.formats.mfer_frames._PART_BYTES", at_once)
    in_parts = read(payload)
    np.testing.assert_array_equal(in_parts.p_signal, whole.p_signal)
    assert (in_parts.leads, in_parts.fs, in_parts.notices) == (whole.leads, whole.fs, whole.notices)
    assert in_parts.identity == whole.identity


def test_a_long_mfer_file_that_changes_its_leads_is_refused(monkeypatch):
    first = mfer_bytes({"II": tones(600), "V1": tones(600, seed=1)}, records=3)
    other = mfer_bytes({"I": tones(600), "V1": tones(600, seed=1)}, records=3)
    both = first[:-1] + other[other.index(b"\x05") :]
    monkeypatch.setattr("pipeline.intake.formats.mfer_frames._WHOLE_BYTES", 1000)
    monkeypatch.setattr("pipeline.intake.formats.mfer_frames._PART_BYTES", 2400)
    with pytest.raises(IntakeError, match="changes its leads"):
        read(both)


def test_an_atc_file_is_read_in_its_steps():
    recording = read(atc_bytes({b"ecg ": tones(9000), b"ecg2": tones(9000, seed=1)}))
    assert (recording.leads, recording.fs) == (("I", "II"), 300.0)
    np.testing.assert_allclose(recording.p_signal[:, 1], tones(9000, seed=1) * 0.0005, atol=1e-6)
    assert recording.device == DeviceReading("AliveCor kardia_mobile")
    zone = timezone(timedelta(hours=1))
    assert recording.identity == Identity(start=datetime(2024, 3, 2, 21, 44, 39, tzinfo=zone))


def test_a_damaged_block_of_an_atc_file_is_refused():
    whole = bytearray(atc_bytes({b"ecg ": tones(9000)}))
    whole[5000] ^= 1
    with pytest.raises(IntakeError, match="checksum of block 3"):
        read(bytes(whole))
    with pytest.raises(IntakeError, match="ends outside"):
        read(atc_bytes({b"ecg ": tones(9000)})[:-950])
    with pytest.raises(IntakeError, match="holds no signal"):
        read(b"ALIVE\0\0\0\4\0\0\0" + atc_block(b"info", bytes(264)))
    with pytest.raises(IntakeError, match="steps of 0 nV"):
        read(atc_bytes({b"ecg ": tones(9000)}, nv=0))


def test_a_kardia_recording_equals_the_independent_reader_and_keeps_its_result(tmp_path):
    payload = kardia_json({"leadI": tones(9000).tolist(), "AVR": tones(9000, seed=1).tolist()})
    recording = read(payload)
    assert (recording.leads, recording.fs) == (("I", "aVR"), 300.0)
    both = by_ecgdatakit(AliveCorKardiaParser, payload, tmp_path)
    np.testing.assert_allclose(recording.p_signal, np.stack(both, axis=1), atol=1e-6)
    assert recording.identity == Identity("H-77", start=datetime(2024, 3, 2, 21, 44, 39, tzinfo=UTC))
    assert recording.device == DeviceReading(
        "AliveCor KardiaMobile 6L", (("rate", 71.0, "1/min"), ("QT", 380.0, "ms"), ("QTcB", 410.0, "ms")), ("afib",)
    )


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"raw": []},
        {"raw": {"samples": {"leadI": [1, 2]}}},
        {"raw": {"frequency": 300, "samples": {}}},
        {"raw": {"frequency": 300, "samples": {"leadI": "1,2"}}},
        {"raw": {"frequency": 300, "samples": {"leadI": [[1], [2]]}}},
        {"raw": {"frequency": 300, "samples": {"leadI": [None, 2]}}},
        {"raw": {"frequency": 300, "samples": {"leadI": [10**400]}}},
        {"raw": {"frequency": 10**400, "samples": {"leadI": [1]}}},
        {"raw": {"frequency": "fast", "samples": {"leadI": [1]}}},
        {"raw": {"frequency": -1, "samples": {"leadI": [1]}}},
        {"raw": {"frequency": 300, "samples": {"leadI": []}}},
    ],
)
def test_a_kardia_object_without_a_signal_is_refused_in_a_sentence(data):
    with pytest.raises(IntakeError) as refused:
        read(kardia_json({}, data=data))
    assert len(str(refused.value)) < 200


def test_json_that_is_cut_nested_or_too_long_is_refused():
    whole = kardia_json({"leadI": tones(9000).tolist()})
    head = b'{"recordedAt": 1, "patientID": '
    for payload in (whole[:-5], head + b"[" * 100_000, head + b'"' + bytes(20) + b'"'):
        with pytest.raises(IntakeError, match="cannot be read"):
            read(payload)
    with pytest.raises(LimitError, match="16,777,216"):
        read(whole + b" " * 2**24)
    assert json.loads(whole)["heartRate"] == 71


@pytest.mark.parametrize("fs", [125, 128, 200, 250, 256, 500, 512])
def test_the_log_of_a_movesense_sensor_is_read_at_the_sensors_rate_with_lost_packets_as_gaps(fs):
    steps = tones(16 * 200, size=3000)
    recording = read(movesense_json(steps, fs=fs, lost=(20, 21, 90)))
    assert (recording.fs, recording.leads, recording.calibrated) == (float(fs), ("ECG",), (True,))
    expected = steps * 0.000381469726563
    expected[320:352] = expected[1440:1456] = np.nan
    np.testing.assert_allclose(recording.p_signal[:, 0], expected, atol=1e-6)
    assert recording.notices == (f"Packets of {48 / fs:.1f} s were lost; they are gaps at their places.",)
    assert recording.identity == Identity(start=datetime(2024, 3, 2, 21, 44, 39, tzinfo=UTC))


@pytest.mark.parametrize("time", ["1e38", "9" * 30, "-1e38"])
def test_a_movesense_time_beyond_all_numbers_is_refused_in_a_sentence(time):
    log = json.loads(movesense_json(tones(1600)))
    log["Samples"][-1]["MeasECG"]["Timestamp"] = "here"
    with pytest.raises((LimitError, IntakeError), match=r"hours|time"):
        read(json.dumps(log).replace('"here"', time).encode())


def test_a_movesense_stream_in_millivolts_is_not_scaled_again():
    recording = read(movesense_json(tones(1600) / 1000, stream="MeasECGmV"))
    np.testing.assert_allclose(recording.p_signal[:, 0], tones(1600) / 1000, atol=1e-6)
    assert recording.notices == ()


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([], "holds no ECG"),
        ([{"MeasECG": {"Timestamp": 1, "Samples": [1]}}], "less than two packets"),
        ([{"MeasECG": {"Timestamp": "x", "Samples": [1]}}] * 2, "no time"),
        ([{"MeasECG": {"Timestamp": 1, "Samples": [None]}}] * 2, "no numbers"),
        ([{"MeasECG": [1, 2]}] * 2, "no time"),
        ([{"MeasECG": {"Timestamp": 1, "Samples": [1] * 16}}] * 5, "no rate of the sensor"),
        ([{"MeasECG": {"Timestamp": 10**400, "Samples": [1] * 16}}] * 2, "no time"),
    ],
)
def test_a_movesense_log_without_a_usable_ecg_is_refused(entries, says):
    with pytest.raises(IntakeError, match=says):
        read(json.dumps({"Samples": [{"TimeDetailed": {}}, *entries]}).encode())


@real
def test_real_files_equal_the_independent_reader(tmp_path):
    ishne = FORMATS / "ishne" / "made_here_mitdb208_5min.ecg"
    theirs = by_ecgdatakit(ISHNEHolterParser, ishne.read_bytes(), tmp_path)
    np.testing.assert_allclose(read_path(ishne).p_signal, np.stack(theirs, axis=1), atol=1e-6)
    monitor = read_path(FORMATS / "mfer" / "test-file.MWF")
    assert (monitor.leads, monitor.fs, monitor.duration_s) == (("II", "V5"), 250.0, 720.0)
    assert float(monitor.p_signal[0, 0]) == pytest.approx(0.036)
