"""A recording as a DICOM waveform: 12-lead ECG where it is one, else general or ambulatory ECG (PS3.3 A.34)."""

from __future__ import annotations

import io
import uuid
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pipeline.errors import DataError
from pipeline.export.recordings.steps import MISSING, Steps, in_steps
from pipeline.identity import Identity
from pipeline.intake.formats.dicom import NO_DATE
from pipeline.signal.lead_names import KNOWN_LEADS, plain_name
from pipeline.types import Recording

if TYPE_CHECKING:
    from pydicom import Dataset

# SOP classes of ECG waveforms.
TWELVE_LEADS: Final = "1.2.840.10008.5.1.4.1.1.9.1.1"
GENERAL: Final = "1.2.840.10008.5.1.4.1.1.9.1.2"
AMBULATORY: Final = "1.2.840.10008.5.1.4.1.1.9.1.3"
_STANDARD: Final = frozenset(name.upper() for name in KNOWN_LEADS[:12])
_SAMPLES_MAX: Final = 16_384  # of a lead of a 12-lead ECG: 10 s at 1 kHz, and some
_DIAGNOSTIC_HZ: Final = (200.0, 1000.0)  # of 12-lead and general ECG
_AMBULATORY_HZ: Final = (50.0, 1000.0)
_GENERAL_LEADS: Final = 24
_AMBULATORY_LEADS: Final = 12
_LONG_S: Final = 600.0  # from here on it is a Holter, not an ECG with more leads
# MDC codes of leads, PS3.16 CID 3001.
_CODES: Final = MappingProxyType(
    {
        **{"I": "2:1", "II": "2:2", "III": "2:61", "AVR": "2:62", "AVL": "2:63", "AVF": "2:64"},
        **{"V1": "2:3", "V2": "2:4", "V3": "2:5", "V4": "2:6", "V5": "2:7", "V6": "2:8", "V7": "2:9"},
        **{"V8": "2:66", "V9": "2:67", "V3R": "2:11", "V4R": "2:12", "V5R": "2:13", "V6R": "2:14"},
    }
)
_OWN_SCHEME: Final = "99HEARTVISION"  # of leads that the standard has no code for
_TEXT_MAX: Final = 64  # characters of a text, and of each part of a name
_UID_ROOT: Final = "2.25."  # of UIDs made from a UUID, PS3.5 B.2


def dicom_bytes(recording: Recording) -> tuple[tuple[bytes], list[str]]:
    """Encode a recording as a DICOM waveform; return what the format cannot hold as sentences, too.

    Raises
    ------
    DataError
        If the standard has no ECG with so many leads or such a sampling frequency, or a lead is not calibrated.
    """
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    _require_calibrated(recording)
    sop_class, steps = _sop_class(recording), in_steps(recording)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.UID(sop_class)
    meta.MediaStorageSOPInstanceUID = _uid(recording, "instance")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    notices = _describe(file, recording)
    file.WaveformSequence = [_waveform(recording, steps)]
    buffer = io.BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return (buffer.getvalue(),), notices


def _require_calibrated(recording: Recording) -> None:
    bare = [lead for lead, known in zip(recording.leads, recording.calibrated, strict=True) if not known]
    if bare:
        raise DataError(
            f"Lead {bare[0]!r} is not calibrated; a DICOM ECG must state microvolts. Write WFDB, EDF or CSV."
        )


def _sop_class(recording: Recording) -> str:
    fs, n_leads = recording.fs, len(recording.leads)
    names = {plain_name(lead).strip().upper() for lead in recording.leads}
    diagnostic = _DIAGNOSTIC_HZ[0] <= fs <= _DIAGNOSTIC_HZ[1]
    if diagnostic and names == _STANDARD and recording.n_samples <= _SAMPLES_MAX:
        return TWELVE_LEADS
    ambulatory = _AMBULATORY_HZ[0] <= fs <= _AMBULATORY_HZ[1] and n_leads <= _AMBULATORY_LEADS
    if ambulatory and (recording.duration_s > _LONG_S or not diagnostic):
        return AMBULATORY
    if diagnostic and n_leads <= _GENERAL_LEADS:
        return GENERAL
    raise DataError(
        f"DICOM has no ECG of {n_leads} leads at {fs:g} Hz: 12 leads or fewer are sampled at 50 to 1000 Hz, up to 24 "
        "at 200 to 1000 Hz."
    )


def _describe(file: Dataset, recording: Recording) -> list[str]:
    """Fill in patient, study, series and equipment; without identity they are empty."""
    known = recording.identity or Identity()
    start = known.start.strftime("%Y%m%d%H%M%S.%f") if known.start is not None and known.date_known else ""
    file.SpecificCharacterSet = "ISO_IR 192"
    file.PatientName, file.PatientID = _person(known.name), _text(known.patient_id)
    file.PatientBirthDate, file.PatientSex = "", known.sex or ""
    if recording.identity is not None and recording.age_years is not None:
        file.PatientAge = f"{recording.age_years:03d}Y"
    file.StudyInstanceUID, file.SeriesInstanceUID = _uid(recording, "study"), _uid(recording, "series")
    file.StudyDate, file.StudyTime = start[:8], start[8:14]
    file.StudyID, file.AccessionNumber, file.ReferringPhysicianName = "", "", ""
    file.Modality, file.SeriesNumber, file.InstanceNumber = "ECG", "1", "1"
    file.Manufacturer = "" if recording.device is None else _text(recording.device.device)
    file.ContentDate, file.ContentTime = (start or NO_DATE)[:8], (start or NO_DATE)[8:14]
    file.AcquisitionDateTime = start or NO_DATE
    file.AcquisitionContextSequence = []
    if known.indication:
        file.ReasonForTheRequestedProcedure = _text(known.indication)
    return [] if start else ["A DICOM ECG must state a date; where none is known or kept, it says 1900-01-01."]


def _person(name: str) -> str:
    """Return a name as family^given: the last word is taken for the family's."""
    given, _, family = name.replace("^", " ").replace("=", " ").rpartition(" ")
    return f"{_text(family)}^{_text(given)}" if given else _text(family)


def _text(value: str) -> str:
    """Return a text as short as the standard's texts are, without the mark between several values."""
    return value.replace("\\", "/")[:_TEXT_MAX].strip()


def _waveform(recording: Recording, steps: Steps) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.MultiplexGroupLabel = "RHYTHM"
    item.WaveformOriginality = "ORIGINAL"
    item.NumberOfWaveformChannels = len(recording.leads)
    item.NumberOfWaveformSamples = recording.n_samples
    item.SamplingFrequency = f"{recording.fs:.10g}"
    item.ChannelDefinitionSequence = [
        _channel(lead, step) for lead, step in zip(recording.leads, steps.step, strict=True)
    ]
    item.WaveformBitsAllocated, item.WaveformSampleInterpretation = 16, "SS"
    if steps.missing.any():
        item.add_new("WaveformPaddingValue", "OW", MISSING.to_bytes(2, "little", signed=True))
    item.add_new("WaveformData", "OW", steps.values.astype("<i2").tobytes())
    return item


def _channel(lead: str, step_mv: float) -> Dataset:
    from pydicom import Dataset

    code = _CODES.get(plain_name(lead).strip().upper())
    channel = Dataset()
    channel.ChannelLabel = lead[:16]
    channel.ChannelSourceSequence = [
        _code(code or lead[:16], "MDC" if code else _OWN_SCHEME, f"Lead {lead}" if code else lead)
    ]
    channel.ChannelSensitivity = f"{step_mv * 1000:.10g}"
    channel.ChannelSensitivityUnitsSequence = [_code("uV", "UCUM", "microvolt")]
    channel.ChannelSensitivityCorrectionFactor, channel.ChannelBaseline = "1", "0"
    channel.ChannelSampleSkew, channel.WaveformBitsStored = "0", 16
    return channel


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    from pydicom import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _uid(recording: Recording, what: str) -> str:
    """Return a UID that is the same for the same recording."""
    return f"{_UID_ROOT}{uuid.uuid5(uuid.NAMESPACE_OID, f'heartvision {recording.digest} {what}').int}"
