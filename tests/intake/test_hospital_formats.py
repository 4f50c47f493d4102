"""DICOM, SCP-ECG, HL7 aECG, MUSE, CardioSoft, Sierra and Mortara: what is read is what was written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import DEFAULT
from pipeline.errors import IntakeError, LimitError
from pipeline.intake import read_all, read_path, read_uploads
from pipeline.intake.formats.ecgdatakit_record import decoded_record
from pipeline.intake.formats.table import FORMATS, format_endings, format_list, format_names, format_of
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.types import Recording
from tests.helpers import hospital_files as made

LIMITS = DEFAULT.limits
STEPS = made.counts()
EIGHT = made.counts(8)


@dataclass(frozen=True)
class Made:
    """A file that a test wrote."""

    payload: bytes
    leads: tuple[str, ...]
    steps: made.Counts
    format: str


FILES = {
    "dicom": Made(made.dicom(STEPS), TWELVE_LEADS, STEPS, "DICOM ECG"),
    "scp": Made(made.scp(STEPS), TWELVE_LEADS, STEPS, "SCP-ECG"),
    "scp-huffman": Made(made.scp(EIGHT, coded=True), made.EIGHT, EIGHT, "SCP-ECG"),
    "aecg": Made(made.aecg(STEPS), TWELVE_LEADS, STEPS, "HL7 aECG"),
    "aecg-utf-16": Made(made.aecg(STEPS, encoding="utf-16"), TWELVE_LEADS, STEPS, "HL7 aECG"),
    "muse": Made(made.muse(EIGHT), made.EIGHT, EIGHT, "GE MUSE XML"),
    "cardiosoft": Made(made.cardiosoft(STEPS), TWELVE_LEADS, STEPS, "GE CardioSoft XML"),
    "sierra": Made(made.sierra(STEPS, compressed=False), TWELVE_LEADS, STEPS, "Philips Sierra XML"),
    "sierra-xli": Made(made.sierra(STEPS), TWELVE_LEADS, STEPS, "Philips Sierra XML"),
    "mortara": Made(made.mortara(STEPS), TWELVE_LEADS, STEPS, "Mortara ELI XML"),
}


def _read(payload: bytes) -> Recording:
    found = format_of(payload)
    assert found is not None
    return found.read("x", payload, LIMITS)


def _measured(recording: Recording) -> dict[str, float]:
    assert recording.device is not None
    return {name: value for name, value, _ in recording.device.measurements}


@pytest.mark.parametrize("name", FILES)
def test_what_was_written_is_read(name: str) -> None:
    file = FILES[name]
    recording = _read(file.payload)
    assert format_of(file.payload).name == file.format
    assert (recording.fs, recording.leads, recording.calibrated) == (500.0, file.leads, (True,) * len(file.leads))
    expected = (file.steps * made.STEP_UV / 1000).astype(np.float32)
    np.testing.assert_allclose(recording.p_signal, expected, rtol=0, atol=1e-6)
    assert recording.notices == ()


@pytest.mark.parametrize("name", FILES)
def test_who_and_when_are_read_where_the_file_states_them(name: str) -> None:
    recording = _read(FILES[name].payload)
    identity = recording.identity
    assert identity is not None
    assert identity.patient_id == "77"
    assert identity.name.split()[-1] == made.NAME
    assert identity.sex == ("M" if name.startswith("aecg") else "F")
    assert identity.start == datetime(2024, 3, 14, 9, 26, 53)
    assert recording.age_years == (64 if name.startswith("aecg") else 61)


@pytest.mark.parametrize("name", FILES)
def test_the_devices_own_findings_are_read(name: str) -> None:
    recording = _read(FILES[name].payload)
    assert recording.device is not None
    measured = _measured(recording)
    assert measured["PR"] == 160.0
    assert measured.get("rate", 60.0) == 60.0
    assert [line.lower().removeprefix("normal ") for line in recording.device.statements] == ["sinus rhythm"]


def test_scp_intervals_are_those_between_its_wave_boundaries() -> None:
    measured = _measured(_read(FILES["scp"].payload))
    assert {name: measured[name] for name in ("RR", "P", "PR", "QRS", "QT", "QRS axis")} == {
        "RR": 1000.0, "P": 100.0, "PR": 160.0, "QRS": 90.0, "QT": 400.0, "QRS axis": 30.0,
    }  # fmt: skip


@pytest.mark.parametrize(("first", "last"), [(0, 4999), (0, 5000), (1, 5000)])
def test_scp_samples_counted_from_0_are_all_read(first: int, last: int) -> None:
    recording = _read(made.scp(STEPS, first=first, last=last))
    np.testing.assert_allclose(recording.p_signal, STEPS * 0.005, rtol=0, atol=1e-6)


def test_an_aecg_that_is_not_sampled_at_whole_hertz_keeps_its_rate() -> None:
    assert _read(made.aecg(STEPS, increment="0.00195")).fs == pytest.approx(1 / 0.00195)


def test_a_second_block_of_an_aecg_is_said_to_be_left_out() -> None:
    payload = made.aecg(STEPS)
    low, high = payload.index(b"<component><sequenceSet>"), payload.index(b"<subjectOf>")
    recording = _read(payload[:high] + payload[low:high] + payload[high:])
    assert recording.notices == ("The file holds more than one block of signal; the first was read.",)


def test_dicom_leads_recorded_in_turn_stand_at_their_times() -> None:
    steps = made.counts(12, 2.5)
    groups = [(0, 3, 0.0), (3, 6, 2500.0), (6, 9, 5000.0), (9, 12, 7500.0)]
    recording = _read(made.dicom(steps, groups=groups))
    assert (recording.duration_s, recording.leads) == (10.0, TWELVE_LEADS)
    for low, high, start_ms in groups:
        start = int(start_ms / 2)
        np.testing.assert_allclose(
            recording.p_signal[start : start + 1250, low:high], steps[:, low:high] * 0.005, rtol=0, atol=1e-6
        )
        outside = np.delete(recording.p_signal[:, low:high], np.s_[start : start + 1250], axis=0)
        assert np.isnan(outside).all()


def test_dicom_padding_is_a_gap_and_other_signals_are_left_out() -> None:
    steps = STEPS.copy()
    steps[100:200, 0] = -32768
    recording = _read(made.dicom(steps, padding=-32768))
    assert np.isnan(recording.p_signal[100:200, 0]).all()
    assert np.isfinite(recording.p_signal[200:]).all()
    with pytest.raises(IntakeError, match="no voltage"):
        _read(made.dicom(STEPS, unit="mm[Hg]"))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_dicom_is_read_with_and_without_stated_types(syntax: str) -> None:
    assert _read(made.dicom(STEPS, syntax=syntax)).p_signal.shape == (5000, 12)


def test_a_dicom_without_its_preamble_is_recognised() -> None:
    payload = made.dicom(STEPS)
    assert _read(payload[132:]).p_signal.shape == (5000, 12)


def test_a_report_in_dicom_is_told_from_an_ecg() -> None:
    from pydicom import dcmread
    from pydicom.filebase import DicomBytesIO

    data = dcmread(DicomBytesIO(made.dicom(STEPS)))
    del data.WaveformSequence
    file = DicomBytesIO()
    data.save_as(file)
    with pytest.raises(IntakeError, match="holds no waveform; choose the ECG itself"):
        _read(file.getvalue())


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (made.sierra(STEPS, version="1.05"), "another version than 1.03, 1.04, 1.04.01, 1.04.02"),
        (made.aecg(STEPS[:13]), "holds no rhythm: its longest lead lasts 0.03 s"),
        (made.aecg(STEPS[:, :0], ()), "holds no signal"),
        (b'<AnnotatedECG xmlns="urn:hl7-org:v3"></AnnotatedECG>', "holds no signal"),
        (made.aecg(STEPS, scale="nan"), "no usable amplitude"),
        (made.aecg(STEPS, scale="0"), "no usable amplitude"),
        (made.muse(EIGHT, scale="nan"), "no usable amplitude"),
        (made.muse(EIGHT, scale="0"), "no usable amplitude"),
        (made.muse(EIGHT, fs="20"), "sampling frequency 20 Hz"),
        (made.muse(EIGHT, data="&#42;&#42;"), "incomplete or damaged"),
        (made.cardiosoft(STEPS, count=4999), "has 5,000 samples, the file states 4,999"),
        (made.cardiosoft(STEPS, count=2 * 10**15), "hours, the limit is"),
        (made.cardiosoft(STEPS, step="nan"), "no usable amplitude of a step"),
        (made.cardiosoft(STEPS).replace(b"StripData", b"Strips"), "no strip of the leads"),
        (made.dicom(STEPS, sensitivity="0"), "no usable amplitude"),
        (made.dicom(STEPS, fs=20.0), "sampling frequency 20 Hz"),
        (made.scp(STEPS, n_leads=200), "200 leads"),
        (made.scp(STEPS, last=2**32 - 1), "hours, the limit is"),
        (made.scp(STEPS, interval_us=0), "incomplete or damaged"),
        (made.scp(EIGHT, coded=True, last=2**24), "coded samples"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(payload: bytes, says: str) -> None:
    with pytest.raises(IntakeError, match=says) as refused:
        _read(payload)
    assert made.NAME not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_scale_that_is_not_stated_leaves_the_leads_uncalibrated() -> None:
    payload = made.muse(EIGHT).replace(b"<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits>", b"")
    assert _read(payload).calibrated == (False,) * 8


def test_a_changed_scp_file_is_said_to_be_changed() -> None:
    payload = bytearray(made.scp(STEPS))
    payload[-1] ^= 1
    assert _read(bytes(payload)).notices == (
        "The checksum of the file does not match: it was changed or damaged after it was written.",
    )


def test_a_physicians_statements_are_said_to_be_a_physicians() -> None:
    payload = made.muse(EIGHT).replace(b"<AcquisitionDevice>", b"<Status>CONFIRMED</Status><AcquisitionDevice>")
    device = _read(payload).device
    assert device is not None
    assert device.statements == ("Confirmed by a physician: Normal sinus rhythm",)


@pytest.mark.parametrize(("name", "file"), [("a.dcm", "dicom"), ("b.txt", "scp"), ("c.csv", "aecg"), ("d", "muse")])
def test_a_file_is_what_its_content_says_whatever_its_name(name: str, file: str, tmp_path: Path) -> None:
    path, payload = tmp_path / name, FILES[file].payload
    path.write_bytes(payload)
    (by_upload,) = read_uploads([(name, payload)])
    assert read_path(path).digest == by_upload.digest
    assert read_path(path).identity is None
    (kept,) = read_all(path, identity=True)
    assert kept.identity is not None
    assert kept.identity.patient_id == "77"


def test_the_table_names_what_it_reads() -> None:
    for each in FORMATS:
        assert each.name in format_list()
        assert each.name in format_names()
        assert {ending.removeprefix(".") for ending in each.endings} <= {*format_endings()}
    assert len(format_names()) < 300
    assert {"hea", "dat", "atr", "csv", "zip"} <= {*format_endings()}


@pytest.mark.parametrize(
    "head", [b"", b"\x00", b"<", b"<?xml", b"<!--" * 9000, b"I,II\n1,2\n", b"PK\x03\x04", b"100 2 360"]
)
def test_other_files_are_no_format(head: bytes) -> None:
    assert format_of(head) is None


def test_a_file_larger_than_its_format_can_be_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(LimitError, match="the limit is 16,777,216"):
        _read(b"<AnnotatedECG>" + b" " * (17 * 2**20))
    with pytest.raises(LimitError, match="the limit is 8,388,608"):
        _read(FILES["scp"].payload + bytes(9 * 2**20))


def test_a_slower_lead_is_interpolated_to_the_rate_of_the_others() -> None:
    from ecgdatakit.models import ECGRecord, Lead

    slow = STEPS[::2, 1].astype(np.float64)
    scale = {"resolution": 5.0, "resolution_unit": "uV", "is_raw": True}
    record = ECGRecord(
        leads=[
            Lead(label="I", samples=STEPS[:, 0].astype(np.float64), sampling_rate=500, **scale),
            Lead(label="II", samples=slow, sampling_rate=250, annotations={"start_sample": "1"}, **scale),
        ]
    )
    found = decoded_record(record, "file", DEFAULT.limits)
    assert found.fs == 500.0
    np.testing.assert_allclose(found.signal[:, 0], STEPS[:, 0] * 0.005, atol=1e-6)
    np.testing.assert_allclose(found.signal[::2, 1], slow * 0.005, atol=1e-6)
    np.testing.assert_allclose(found.signal[1:-1:2, 1], (slow[:-1] + slow[1:]) * 0.0025, atol=1e-6)
    assert "Interpolated to the 500 Hz of the other leads: II." in found.notices


@pytest.mark.parametrize("rate", [0.0, -500.0, 1e-320, 1.0, float("nan"), float("inf")])
def test_a_lead_whose_rate_cannot_be_one_is_refused(rate: float) -> None:
    from ecgdatakit.models import ECGRecord, Lead

    good = Lead(label="I", samples=STEPS[:, 0].astype(np.float64), sampling_rate=500, resolution_unit="uV")
    bad = Lead(label="II", samples=STEPS[:, 1].astype(np.float64), sampling_rate=rate, resolution_unit="uV")
    for leads in ([good, bad], [bad, good], [bad]):
        with pytest.raises(IntakeError, match=r"sampling frequency|limit is"):
            decoded_record(ECGRecord(leads=leads), "file", DEFAULT.limits)


def test_a_bimodally_compressed_scp_file_is_refused_with_what_to_do():
    payload = bytearray(made.scp(made.counts(8, 12.0), coded=True))
    section = next(
        at for at in range(16, len(payload)) if payload[at : at + 2] == b"\x06\x00" and payload[at + 6] == 20
    )
    payload[section - 2 + 16 + 5] = 1
    with pytest.raises(IntakeError, match=r"compressed bimodally .* export it uncompressed .* or as HL7 aECG or DICOM"):
        read_uploads([("a.scp", bytes(payload))])
