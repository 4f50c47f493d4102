"""Recordings written as other formats: values, units, names and gaps by independent readers and by our own."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pyedflib
import pytest
import wfdb
from ecgdatakit.parsing.parsers.hl7_aecg import HL7aECGParser

from pipeline.cli import main
from pipeline.errors import DataError, UsageError
from pipeline.export.recordings import dicom
from pipeline.export.recordings.steps import STEPS_MV, in_steps
from pipeline.export.recordings.writing import WRITERS, write_recording, writer_for
from pipeline.identity import Identity
from pipeline.intake import read_path
from pipeline.types import Recording

WHO = Identity("H-77", "Anna Österreich", "F", 1960, start=datetime(2024, 3, 2, 21, 44, 39))
TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
STEP_MV = 0.0002  # of what `made` makes: its largest value needs it


def made(*, fs: float = 360.0, seconds: float = 20.0, leads: tuple[str, ...] = ("MLII", "V5"), **how) -> Recording:
    """A recording whose samples are multiples of 5 microvolts."""
    rng = np.random.default_rng(7)
    n_samples = round(fs * seconds)
    waves = np.sin(np.arange(n_samples)[:, None] / np.arange(9, 9 + len(leads)))
    steps = np.round(700 * waves + rng.normal(0, 40, waves.shape)).astype(int)
    return Recording.from_array(steps * 0.005, fs=fs, leads=leads, **how)


def with_gaps(recording: Recording, *gaps: tuple[int, int], lead: int | None = None) -> Recording:
    signal = recording.p_signal.copy()
    for start, stop in gaps:
        signal[start:stop, slice(None) if lead is None else lead] = np.nan
    return replace(recording, p_signal=signal)


def written(recording: Recording, path: Path, to: str | None = None) -> list[str]:
    paths, notices = write_recording(recording, path, to=to)
    assert all(each.is_file() for each in paths)
    return notices


def assert_same(found: np.ndarray, recording: Recording, step_mv: float = STEP_MV) -> None:
    assert np.array_equal(np.isnan(found), np.isnan(recording.p_signal))
    assert np.nanmax(np.abs(found - recording.p_signal)) <= step_mv


def test_edf_equals_the_recording_by_an_independent_reader(tmp_path):
    recording = made()
    assert written(recording, tmp_path / "a.edf") == []
    with pyedflib.EdfReader(str(tmp_path / "a.edf")) as file:
        assert file.getSignalLabels() == ["MLII", "V5"]
        assert [file.getPhysicalDimension(i) for i in range(2)] == ["uV", "uV"]
        assert file.getSampleFrequencies().tolist() == [360.0, 360.0]
        assert_same(np.stack([file.readSignal(i) / 1000 for i in range(2)], axis=1), recording)


def test_edf_with_a_gap_is_an_edf_d_that_keeps_its_place(tmp_path):
    recording = with_gaps(made(fs=250, seconds=60), (5000, 7000), (9001, 9999))
    assert written(recording, tmp_path / "a.edf") == []
    payload = (tmp_path / "a.edf").read_bytes()
    assert payload[192:197] == b"EDF+D"
    found = read_path(tmp_path / "a.edf")
    assert_same(found.p_signal, recording)
    import edfio

    assert not edfio.read_edf(tmp_path / "a.edf").is_continuous


def test_edf_says_what_it_cannot_hold(tmp_path):
    one_lead = with_gaps(made(), (100, 200), lead=1)
    assert "no value for a missing sample" in written(one_lead, tmp_path / "a.edf")[0]
    assert_same(read_path(tmp_path / "a.edf").p_signal, one_lead)
    odd = replace(made(), p_signal=made().p_signal[:7199])
    assert written(odd, tmp_path / "b.edf") == [
        "EDF holds whole data records: the last 1 samples (0.003 s) repeat the one before them."
    ]
    found = read_path(tmp_path / "b.edf").p_signal
    assert len(found) == 7200
    np.testing.assert_allclose(found[:7199], odd.p_signal, atol=STEP_MV)
    watch = made(fs=512.4137931, seconds=30)
    assert "no room for a sampling frequency of 512.413793 Hz" in written(watch, tmp_path / "c.edf")[0]
    found = read_path(tmp_path / "c.edf")
    assert abs(found.fs / watch.fs - 1) * watch.n_samples < 0.5


@pytest.mark.parametrize("fs", [100, 125, 128, 200, 250, 256, 257, 300, 360, 400, 500, 512, 800, 977.5, 1000, 1024])
def test_edf_states_the_sampling_frequency_exactly(tmp_path, fs):
    recording = made(fs=fs, seconds=10)
    notices = written(recording, tmp_path / "a.edf")
    found = read_path(tmp_path / "a.edf")
    assert found.fs == pytest.approx(fs, rel=1e-12)
    assert not any("no room" in text for text in notices)
    np.testing.assert_allclose(found.p_signal[: recording.n_samples], recording.p_signal, atol=STEP_MV)


def test_a_lead_that_is_not_calibrated_keeps_its_values_where_a_format_can_say_so(tmp_path):
    recording = made(leads=("II",), calibrated=False)
    recording = replace(recording, p_signal=np.round(recording.p_signal * 30))
    for name in ("a.edf", "a.hea", "a.csv"):
        written(recording, tmp_path / name)
    for name in ("a.edf", "a.hea"):
        found = read_path(tmp_path / name)
        assert found.calibrated == (False,)
        np.testing.assert_allclose(found.p_signal, recording.p_signal, atol=0.005)
    large = replace(recording, p_signal=recording.p_signal * np.float32(10))
    with pytest.raises(DataError, match="too large for 16 bits"):
        written(large, tmp_path / "b.hea")
    assert written(large, tmp_path / "b.edf") == []
    for name in ("a.dcm", "a.xml"):
        with pytest.raises(DataError, match="not calibrated"):
            written(recording, tmp_path / name)


def test_wfdb_equals_the_recording_by_an_independent_reader(tmp_path):
    recording = with_gaps(made(), (100, 200), lead=1)
    assert written(recording, tmp_path / "r1.hea") == []
    record = wfdb.rdrecord(str(tmp_path / "r1"))
    assert record.sig_name == ["MLII", "V5"]
    assert record.units == ["mV", "mV"]
    assert record.fs == 360
    assert_same(record.p_signal, recording)
    assert_same(read_path(tmp_path / "r1.hea").p_signal, recording)


def test_csv_holds_time_names_and_units(tmp_path):
    recording = with_gaps(made(), (100, 200), lead=1)
    assert written(recording, tmp_path / "a.csv") == []
    table = pd.read_csv(tmp_path / "a.csv", comment="#")
    assert list(table.columns) == ["time (s)", "MLII (mV)", "V5 (mV)"]
    np.testing.assert_allclose(table["time (s)"], np.arange(7200) / 360, atol=1e-6)
    assert_same(table.to_numpy()[:, 1:], recording, 1e-6)


def multiplexed(path: Path) -> tuple[pydicom.Dataset, np.ndarray]:
    """What pydicom reads: the data set, and its first group in mV."""
    file = pydicom.dcmread(path)
    return file, file.waveform_array(0) / 1000


@pytest.mark.parametrize(
    ("recording", "sop_class"),
    [
        (made(fs=500, seconds=10, leads=TWELVE), dicom.TWELVE_LEADS),
        (made(fs=1000, seconds=20, leads=TWELVE), dicom.GENERAL),
        (made(), dicom.GENERAL),
        (made(fs=128), dicom.AMBULATORY),
        (made(fs=250, seconds=700), dicom.AMBULATORY),
    ],
)
def test_dicom_equals_the_recording_by_an_independent_reader(tmp_path, recording, sop_class):
    notices = written(recording, tmp_path / "a.dcm")
    assert notices == ["A DICOM ECG must state a date; where none is known or kept, it says 1900-01-01."]
    file, found = multiplexed(tmp_path / "a.dcm")
    assert file.SOPClassUID == sop_class
    item = file.WaveformSequence[0]
    assert [channel.ChannelLabel for channel in item.ChannelDefinitionSequence] == list(recording.leads)
    assert float(item.SamplingFrequency) == recording.fs
    assert_same(found, recording)


def test_gaps_of_dicom_hold_its_padding_value(tmp_path):
    recording = with_gaps(made(), (100, 2000))
    written(recording, tmp_path / "a.dcm")
    item = multiplexed(tmp_path / "a.dcm")[0].WaveformSequence[0]
    padding = int.from_bytes(item.WaveformPaddingValue, "little", signed=True)
    steps = np.frombuffer(item.WaveformData, "<i2").reshape(-1, 2)
    assert np.array_equal(steps == padding, np.isnan(recording.p_signal))


@pytest.mark.parametrize(("fs", "leads"), [(2000.0, ("II",)), (128.0, tuple(f"E{i}" for i in range(13)))])
def test_dicom_says_which_bounds_of_the_standard_a_recording_is_outside(tmp_path, fs, leads):
    with pytest.raises(DataError, match="DICOM has no ECG of"):
        written(made(fs=fs, leads=leads), tmp_path / "a.dcm")


def test_aecg_equals_the_recording_by_an_independent_reader(tmp_path):
    recording = made(fs=500, leads=("II", "V5"), seconds=10)
    assert written(recording, tmp_path / "a.xml") == []
    record = HL7aECGParser().parse(tmp_path / "a.xml")
    assert [lead.label for lead in record.leads] == ["II", "V5"]
    assert {lead.sampling_rate for lead in record.leads} == {500}
    found = [lead.samples * lead.resolution / 1000 for lead in record.leads]
    assert {lead.resolution_unit for lead in record.leads} == {"uV"}
    assert_same(np.stack(found, axis=1), recording)


def test_aecg_says_that_it_has_no_gaps_and_names_leads_without_a_code(tmp_path):
    with pytest.raises(DataError, match="no value for samples that were not recorded"):
        written(with_gaps(made(), (100, 2000)), tmp_path / "a.xml")
    assert written(made(), tmp_path / "a.xml") == ["aECG has no code for MLII; the name itself stands in its place."]
    assert [lead.label for lead in HL7aECGParser().parse(tmp_path / "a.xml").leads] == ["MLII", "V5"]


@pytest.mark.parametrize("name", ["a.hea", "a.edf", "a.dcm", "a.csv"])
def test_our_own_readers_find_values_names_and_gaps_of_what_was_written(tmp_path, name):
    recording = with_gaps(made(fs=250, seconds=60, leads=("II", "V1", "V5")), (5000, 7000))
    written(recording, tmp_path / name)
    found = read_path(tmp_path / name)
    assert (found.fs, found.leads, found.calibrated) == (250.0, ("II", "V1", "V5"), (True,) * 3)
    assert_same(found.p_signal, recording)


def test_our_own_reader_of_aecg_finds_values_names_and_the_patient(tmp_path):
    recording = replace(made(fs=500, leads=TWELVE, seconds=10), identity=WHO)
    assert written(recording, tmp_path / "a.xml") == []
    found = read_path(tmp_path / "a.xml", identity=True)
    assert (found.fs, found.leads) == (500.0, TWELVE)
    assert_same(found.p_signal, recording)
    assert found.identity is not None
    assert (found.identity.name, found.identity.sex, found.identity.start) == (WHO.name, "F", WHO.start)


def test_our_own_reader_of_dicom_finds_the_patient(tmp_path):
    written(replace(made(), identity=WHO), tmp_path / "a.dcm")
    assert read_path(tmp_path / "a.dcm", identity=True).identity == replace(WHO, birth_year=None)


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_no_format_says_who_was_recorded_unless_it_is_kept(tmp_path, writer):
    dropped, kept = tmp_path / "dropped", tmp_path / "kept"
    written(made(), dropped, writer.name)
    written(replace(made(), identity=WHO, sex="F", age_years=63), kept, writer.name)
    whole = [b"".join(path.read_bytes() for path in sorted(tmp_path.glob(f"{name}*"))) for name in ("dropped", "kept")]
    for secret in (b"sterreich", b"H-77", b"214439", b"21.44.39", b"21:44:39", b"20240302"):
        assert secret not in whole[0]
    assert (b"sterreich" in whole[1]) == (writer.name != "csv")
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("kept*"))


def test_who_and_when_are_read_again_from_what_was_kept(tmp_path):
    recording = replace(made(), identity=WHO, sex="F", age_years=63)
    written(recording, tmp_path / "a.edf")
    found = read_path(tmp_path / "a.edf", identity=True).identity
    assert found == replace(WHO, name="Anna ?sterreich", birth_year=None)
    written(recording, tmp_path / "a.dcm")
    file = pydicom.dcmread(tmp_path / "a.dcm")
    assert (str(file.PatientName), file.PatientID, file.PatientSex) == ("Österreich^Anna", "H-77", "F")
    written(recording, tmp_path / "r.hea")
    header = wfdb.rdheader(str(tmp_path / "r"))
    assert header.base_datetime == WHO.start
    assert {"Age: 63", "Sex: F", "ID: H-77"} <= set(header.comments)
    assert read_path(tmp_path / "r.hea", identity=True).identity == WHO
    written(recording, tmp_path / "a.xml")
    patient = HL7aECGParser().parse(tmp_path / "a.xml").patient
    assert (patient.patient_id, patient.sex) == ("H-77", "F")


def test_what_a_format_has_no_place_for_is_named_and_never_said(tmp_path):
    recording = replace(made(), identity=replace(WHO, indication="palpitations"))
    lost = {
        "a.hea": [],
        "a.edf": ["The format (edf) has no place for: year of birth, indication."],
        "a.dcm": ["The format (dicom) has no place for: year of birth."],
        "a.csv": [
            "The format (csv) has no place for: patient number, name, sex, year of birth, indication, "
            "time of the recording."
        ],
    }
    for name, said in lost.items():
        assert [text for text in written(recording, tmp_path / name) if "no place" in text] == said
    assert "question marks" in written(recording, tmp_path / "b.edf")[0]


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_a_patient_with_long_and_odd_texts_is_written_in_every_format(tmp_path, writer):
    odd = Identity("a\\b^c=d" * 20, "x^y=z " * 30, "M", 1950, "<&>\"' \\ " * 20, WHO.start)
    paths, _ = write_recording(replace(made(), identity=odd), tmp_path / f"a{writer.endings[0]}")
    found = read_path(paths[0], identity=True)
    assert_same(found.p_signal[:7200], made())


def test_capitals_do_not_take_a_standard_lead_its_code(tmp_path):
    recording = made(fs=500, seconds=10, leads=tuple(lead.upper() for lead in TWELVE))
    assert written(recording, tmp_path / "a.xml") == []
    written(recording, tmp_path / "a.dcm")
    file = pydicom.dcmread(tmp_path / "a.dcm")
    channels = file.WaveformSequence[0].ChannelDefinitionSequence
    assert file.SOPClassUID == dicom.TWELVE_LEADS
    assert [channel.ChannelSourceSequence[0].CodeValue for channel in channels][:6] == [
        *("2:1", "2:2", "2:61", "2:62", "2:63", "2:64")
    ]
    assert read_path(tmp_path / "a.dcm", identity=True).identity is None


def test_a_time_of_day_without_its_date_is_kept_where_a_format_has_a_place_for_it(tmp_path):
    recording = replace(made(), identity=Identity(start=datetime(1, 1, 1, 21, 44, 39)))
    written(recording, tmp_path / "a.edf")
    assert read_path(tmp_path / "a.edf", identity=True).identity == recording.identity
    written(recording, tmp_path / "r.hea")
    assert str(wfdb.rdheader(str(tmp_path / "r")).base_time) == "21:44:39"
    assert "1900-01-01" in written(recording, tmp_path / "a.dcm")[0]
    written(recording, tmp_path / "a.xml")
    assert b"TIME_RELATIVE" in (tmp_path / "a.xml").read_bytes()


def test_every_value_is_written_within_half_a_step_of_the_finest_that_fits():
    recording = made(leads=("I", "II"))
    large = recording.p_signal * np.array([1, 100], np.float32)
    steps = in_steps(replace(recording, p_signal=large))
    assert steps.step == (0.0002, 0.02)
    np.testing.assert_allclose(steps.values * np.array(steps.step), large, atol=0.011)
    with pytest.raises(DataError, match="16 bits do not hold"):
        in_steps(replace(recording, p_signal=recording.p_signal * np.float32(1e9)))
    assert sorted(STEPS_MV) == list(STEPS_MV)


def test_the_ending_names_the_format_and_to_overrules_it(tmp_path):
    assert writer_for(Path("a.EDF")).name == "edf"
    assert writer_for(Path("a.xml"), "csv").name == "csv"
    with pytest.raises(UsageError, match=r"'a.pdf' names no format.*\.hea, \.edf"):
        writer_for(Path("a.pdf"))
    with pytest.raises(UsageError, match="letters, digits"):
        written(made(), tmp_path / "two words.hea")
    assert write_recording(made(), tmp_path / "x", to="edf")[0] == [tmp_path / "x.edf"]
    assert write_recording(made(), tmp_path / "x.1", to="edf")[0] == [tmp_path / "x.1"]


def convert(*arguments: str | Path) -> int:
    return main(["convert", *map(str, arguments)])


def test_the_command_converts_there_and_back_and_drops_the_patient(tmp_path, capsys):
    start, there, back = tmp_path / "r.hea", tmp_path / "a.edf", tmp_path / "b.hea"
    write_recording(replace(made(), identity=WHO), start)
    assert convert(start, there) == 0
    assert capsys.readouterr() == (f"{there}\n", "")
    assert convert(there, back) == 0
    assert b"H-77" not in there.read_bytes() + back.read_bytes()
    assert_same(read_path(back).p_signal, made())
    assert capsys.readouterr().out == f"{back}\n{tmp_path / 'b.dat'}\n"


def test_the_command_does_not_replace_what_is_there_unless_forced(tmp_path, capsys):
    start, there = tmp_path / "r.hea", tmp_path / "a.edf"
    write_recording(made(), start)
    there.write_bytes(b"mine")
    assert convert(start, there) == 2
    assert "'a.edf' exists already" in capsys.readouterr().err
    assert there.read_bytes() == b"mine"
    assert convert(start, there, "--force") == 0
    assert convert(start, start, "--force") == 2
    assert "the recording itself" in capsys.readouterr().err


def test_the_command_ends_with_a_sentence_where_a_format_cannot_hold_it(tmp_path, capsys):
    write_recording(with_gaps(made(), (100, 2000)), tmp_path / "r.hea")
    assert convert(tmp_path / "r.hea", tmp_path / "a.xml") == 3
    assert "no value for samples that were not recorded" in capsys.readouterr().err
    assert not (tmp_path / "a.xml").exists()
    assert convert(tmp_path / "r.hea", tmp_path / "a.pdf") == 2
    assert convert(tmp_path / "none.hea", tmp_path / "a.edf") == 3
