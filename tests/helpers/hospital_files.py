"""Files as electrocardiographs write them, made of numbers; small writers, each by its format's own description."""

from __future__ import annotations

import base64
import binascii
import io
import struct
import warnings
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.twelve_leads.derived_leads import TWELVE_LEADS

FS: Final = 500
STEP_UV: Final = 5.0
EIGHT: Final = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
NAME: Final = "Doe"
DOCTYPE: Final = '<!DOCTYPE RestingECG SYSTEM "restecg.dtd">'
Counts = NDArray[np.int64]


def counts(n_leads: int = 12, seconds: float = 10.0, *, fs: int = FS, seed: int = 1) -> Counts:
    """Steps (n_samples, n_leads) of a beat a second, each lead of its own height, with noise of a few steps."""
    time_s = np.arange(round(seconds * fs)) / fs
    beat = np.exp(-(((time_s % 1.0) - 0.5) ** 2) / (2 * 0.02**2))
    noise = np.random.default_rng(seed).integers(-3, 4, (time_s.size, n_leads))
    heights = np.linspace(-80.0, 220.0, n_leads)
    return (np.round(np.outer(beat, heights)).astype(np.int64) + noise).astype(np.int64)


def _base64(values: Counts) -> str:
    return base64.b64encode(values.astype("<i2").tobytes()).decode()


def muse(
    steps: Counts,
    leads: Sequence[str] = EIGHT,
    *,
    fs: str = str(FS),
    scale: str = "5",
    prolog: str = "",
    data: str = "",
) -> bytes:
    """A RestingECG of GE MUSE with a median beat of one lead before the rhythm."""

    def lead(name: str, values: Counts) -> str:
        packed = values.astype("<i2").tobytes()
        return (
            f"<LeadData><LeadByteCountTotal>{len(packed)}</LeadByteCountTotal>"
            f"<LeadSampleCountTotal>{values.size}</LeadSampleCountTotal>"
            f"<LeadAmplitudeUnitsPerBit>{scale}</LeadAmplitudeUnitsPerBit>"
            "<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits>"
            f"<LeadID>{name}</LeadID><LeadDataCRC32>{zlib.crc32(packed)}</LeadDataCRC32>"
            f"<WaveFormData>{data or _base64(values)}</WaveFormData></LeadData>"
        )

    rhythm = "".join(lead(name, values) for name, values in zip(leads, steps.T, strict=True))
    return (
        f'<?xml version="1.0" encoding="ISO-8859-1"?>{prolog or DOCTYPE}'
        f"<RestingECG><PatientDemographics><PatientID>77</PatientID><PatientAge>61</PatientAge><AgeUnits>YEARS</AgeUnits>"
        f"<Gender>FEMALE</Gender><PatientLastName>{NAME}</PatientLastName></PatientDemographics>"
        "<TestDemographics><AcquisitionDate>03-14-2024</AcquisitionDate><AcquisitionTime>09:26:53</AcquisitionTime>"
        "<AcquisitionDevice>MAC55</AcquisitionDevice></TestDemographics>"
        "<RestingECGMeasurements><VentricularRate>60</VentricularRate><PRInterval>160</PRInterval>"
        "<QRSDuration>90</QRSDuration><QTInterval>400</QTInterval><QTCorrected>401</QTCorrected><RAxis>30</RAxis>"
        "</RestingECGMeasurements>"
        "<Diagnosis><DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>Normal sinus rhythm</StmtText>"
        "</DiagnosisStatement></Diagnosis>"
        f"<Waveform><WaveformType>Median</WaveformType><SampleBase>{fs}</SampleBase><SampleExponent>0</SampleExponent>"
        f"{lead('I', steps[:600, 0])}</Waveform>"
        f"<Waveform><WaveformType>Rhythm</WaveformType><SampleBase>{fs}</SampleBase><SampleExponent>0</SampleExponent>"
        f"{rhythm}</Waveform></RestingECG>"
    ).encode("latin-1")


def aecg(
    steps: Counts,
    leads: Sequence[str] = TWELVE_LEADS,
    *,
    increment: str = "0.002",
    scale: str = "5",
    encoding: str = "utf-8",
) -> bytes:
    """An annotated ECG of HL7, with the device's annotations of the whole recording."""

    def sequence(name: str, values: Counts) -> str:
        return (
            f'<component><sequence><code code="MDC_ECG_LEAD_{name.upper()}"/><value xsi:type="SLIST_PQ">'
            f'<origin value="0" unit="uV"/><scale value="{scale}" unit="uV"/>'
            f"<digits>{' '.join(map(str, values.tolist()))}</digits></value></sequence></component>"
        )

    def found(code: str, value: str, unit: str) -> str:
        return (
            f'<component><annotation><code code="{code}"/><value xsi:type="PQ" value="{value}" unit="{unit}"/>'
            "</annotation></component>"
        )

    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><!-- made --><AnnotatedECG xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><id root="1"/><code code="93000"/>'
        '<effectiveTime><low value="20240314092653"/></effectiveTime><reasonCode code="PALPITATIONS"/>'
        "<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>"
        f'<id extension="77"/><subjectDemographicPerson><name>{NAME}</name>'
        '<administrativeGenderCode code="M"/><birthTime value="19600102"/></subjectDemographicPerson></trialSubject>'
        "</subject></subjectAssignment></componentOf></timepointEvent></componentOf>"
        '<component><series><code code="RHYTHM"/><effectiveTime><low value="20240314092653"/></effectiveTime>'
        "<component><sequenceSet><component><sequence>"
        '<code code="TIME_ABSOLUTE"/><value xsi:type="GLIST_TS"><head value="20240314092653"/>'
        f'<increment value="{increment}" unit="s"/></value></sequence></component>'
        + "".join(sequence(name, values) for name, values in zip(leads, steps.T, strict=True))
        + "</sequenceSet></component><subjectOf><annotationSet>"
        + found("MDC_ECG_HEART_RATE", "60", "bpm")
        + found("MDC_ECG_TIME_PD_PR", "160", "ms")
        + found("MDC_ECG_TIME_PD_QTc", "401", "ms")
        + '<component><annotation><code code="MDC_ECG_INTERPRETATION_STATEMENT"/>'
        '<value xsi:type="ST">Sinus rhythm</value></annotation>'
        "</component></annotationSet></subjectOf></series></component></AnnotatedECG>"
    )
    return text.encode(encoding)


def cardiosoft(
    steps: Counts, leads: Sequence[str] = TWELVE_LEADS, *, count: int | None = None, step: str = "5"
) -> bytes:
    """A CardiologyXML of GE CardioSoft."""
    waves = "".join(
        f'<WaveformData lead="{name}">\t{",".join(map(str, values.tolist()))}</WaveformData>'
        for name, values in zip(leads, steps.T, strict=True)
    )
    return (
        '<?xml version="1.0" encoding="ISO8859-1" ?><CardiologyXML><ObservationType>RestECG</ObservationType>'
        "<ObservationDateTime><Hour>9</Hour><Minute>26</Minute><Second>53</Second><Day>14</Day><Month>3</Month>"
        "<Year>2024</Year></ObservationDateTime><ClinicalInfo><ReasonForStudy>Schwindel, Müdigkeit</ReasonForStudy>"
        "<DeviceInfo><Desc>CardioSoft</Desc><SoftwareVer>V6.71</SoftwareVer></DeviceInfo></ClinicalInfo>"
        f"<PatientInfo><PID>77</PID><Name><FamilyName>{NAME}</FamilyName><GivenName>Jo</GivenName></Name>"
        '<Age units="years">61</Age><Gender>FEMALE</Gender><BirthDateTime><Year>1962</Year></BirthDateTime>'
        "</PatientInfo>"
        "<Interpretation><Diagnosis><DiagnosisText>Normal sinus rhythm</DiagnosisText></Diagnosis></Interpretation>"
        '<RestingECGMeasurements><VentricularRate units="BPM">60</VentricularRate>'
        '<PQInterval units="ms">160</PQInterval>'
        '<MedianSamples><SampleRate units="Hz">500</SampleRate><Resolution units="uVperLsb">5</Resolution>'
        '<WaveformData lead="I">1,2,3</WaveformData></MedianSamples></RestingECGMeasurements>'
        f'<StripData><NumberOfLeads>{len(leads)}</NumberOfLeads><SampleRate units="Hz">{FS}</SampleRate>'
        f"<ChannelSampleCountTotal>{len(steps) if count is None else count}</ChannelSampleCountTotal>"
        f'<Resolution units="uVperLsb">{step}</Resolution>{waves}</StripData></CardiologyXML>'
    ).encode("latin-1")


def xli(steps: Counts) -> bytes:
    """Leads as Philips compresses them: second differences, high bytes before low ones, in LZW codes of 10 bits.

    The LZW codes are those of single bytes only, which every decoder reads.
    """
    one, two, three, right, left, foot = steps[:, :6].T
    residuals = [
        one, two, two - one - three, -right - (one + two) // 2, (one - three) // 2 - left, (two + three) // 2 - foot,
        *steps[:, 6:].T,
    ]  # fmt: skip
    chunks = b""
    for values in residuals:
        second = 2 * values[1:-1] - values[:-2] - values[2:]
        deltas = np.concatenate([values[:2], second[1:] + 64, [64]])
        words = deltas.astype(">i2").tobytes()
        bits = "".join(f"{byte:010b}" for byte in words[::2] + words[1::2])
        bits += "0" * (-len(bits) % 8)
        packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
        chunks += struct.pack("<ihh", len(packed), 0, int(second[0])) + packed
    return chunks


def sierra(steps: Counts, *, compressed: bool = True, version: str = "1.04", packed: bytes | None = None) -> bytes:
    """A restingecgdata of Philips, in UTF-16 as PageWriters write it."""
    if packed is None:
        packed = xli(steps) if compressed else steps.T.astype("<i2").tobytes()
    form = 'compressflag="T" compressmethod="XLI"' if compressed else 'compressflag="F"'
    text = (
        '<?xml version="1.0" encoding="utf-16"?><restingecgdata xmlns="http://www3.medical.philips.com">'
        f"<documentinfo><documenttype>SierraECG</documenttype><documentversion>{version}</documentversion></documentinfo>"
        '<dataacquisition date="2024-03-14" time="09:26:53"><machine machineid="1">PageWriter</machine>'
        f"<signalcharacteristics><samplingrate>{FS}</samplingrate><resolution>{STEP_UV:g}</resolution>"
        "<numberchannelsallocated>12</numberchannelsallocated><acquisitiontype>STD-12</acquisitiontype>"
        "<signalsigned>True</signalsigned></signalcharacteristics></dataacquisition>"
        f"<patient><generalpatientdata><patientid>77</patientid><name><lastname>{NAME}</lastname></name>"
        "<age><years>61</years></age><sex>Female</sex></generalpatientdata></patient>"
        "<interpretations><interpretation><globalmeasurements><heartrate>60</heartrate><print>160</print>"
        "</globalmeasurements><statement><leftstatement>Sinus rhythm</leftstatement></statement></interpretation>"
        f'</interpretations><waveforms><parsedwaveforms dataencoding="Base64" {form} '
        f'durationperchannel="{len(steps) * 1000 // FS}" samplespersecond="{FS}" resolution="{STEP_UV:g}" '
        f'numberofleads="12" leadlabels="{" ".join(TWELVE_LEADS)}">{base64.b64encode(packed).decode()}'
        "</parsedwaveforms></waveforms></restingecgdata>"
    )
    return text.encode("utf-16")


def mortara(steps: Counts, leads: Sequence[str] = TWELVE_LEADS, *, per_mv: str = "200") -> bytes:
    """An ECG of Mortara's ELI."""
    channels = "".join(
        f'<CHANNEL NAME="{name}" OFFSET="0" BITS="16" FORMAT="SIGNED" UNITS_PER_MV="{per_mv}" DURATION="{values.size}" '
        f'SAMPLE_FREQ="{FS}" ENCODING="BASE64" DATA="{_base64(values)}"/>'
        for name, values in zip(leads, steps.T, strict=True)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ECG ACQUISITION_TIME="20240314092653" AGE="61" AGE_UNITS="YEARS" '
        f'VENT_RATE="60" AVERAGE_RR="1000"><SUBJECT LAST_NAME="{NAME}" ID="77" GENDER="FEMALE" DOB="19620102"/>'
        '<SOURCE MANUFACTURER="Mortara Instrument" MODEL="ELI 280"/>'
        '<AUTOMATIC_INTERPRETATION><STATEMENT TEXT="SINUS RHYTHM"/></AUTOMATIC_INTERPRETATION>'
        '<TYPICAL_CYCLE PR_DURATION="160" QRS_DURATION="90" QT="400" QTC="401" BITS="16" FORMAT="SIGNED" '
        f'UNITS_PER_MV="200" SAMPLE_FREQ="{FS}" ENCODING="BASE64">'
        f'<TYPICAL_CYCLE_CHANNEL NAME="I" DATA="{_base64(steps[:600, 0])}"/></TYPICAL_CYCLE>{channels}</ECG>'
    ).encode()


def huffman(values: Counts) -> bytes:
    """Differences in the default code of SCP-ECG: n ones, a zero and a sign, or ten ones and 16 bits."""
    words = []
    for value in values.tolist():
        size = abs(value)
        words.append("0" if size == 0 else "1" * size + "0" + str(int(value < 0)) if size <= 8
                     else "1" * 10 + f"{value & 0xFFFF:016b}")  # fmt: skip
    bits = "".join(words)
    bits += "0" * (-len(bits) % 16)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def scp(
    steps: Counts,
    *,
    coded: bool = False,
    first: int = 1,
    last: int | None = None,
    nanovolts: int = 5000,
    interval_us: int = 2000,
    n_leads: int | None = None,
) -> bytes:
    """A file of SCP-ECG: raw, or with second differences in the default Huffman code; sections 1, 3, 6, 7 and 8."""
    codes = (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8)
    names = codes if steps.shape[1] == 12 else (1, 2, 3, 4, 5, 6, 7, 8)
    stop = len(steps) if last is None else last

    def tag(number: int, value: bytes) -> bytes:
        return struct.pack("<BH", number, len(value)) + value

    device = struct.pack("<HHHBB6sBBBBB", 0, 0, 0, 0, 9, b"ECG-1\x00", 20, 0, 0, 0, 0) + bytes(13) + b"\x00" * 6
    one = (
        tag(0, NAME.encode() + b"\x00") + tag(2, b"77\x00") + tag(4, struct.pack("<HB", 61, 1)) + tag(8, b"\x02")
        + tag(5, struct.pack("<HBB", 1962, 1, 2)) + tag(14, device) + tag(25, struct.pack("<HBB", 2024, 3, 14))
        + tag(26, bytes((9, 26, 53))) + tag(255, b"")
    )  # fmt: skip
    three = struct.pack("<BB", len(names) if n_leads is None else n_leads, 4 | len(names) << 3)
    three += b"".join(struct.pack("<IIB", first, stop, code) for code in names)
    if coded:
        second = [np.concatenate([lead[:2], lead[2:] - 2 * lead[1:-1] + lead[:-2]]) for lead in steps.T]
        packed = [huffman(values) for values in second]
    else:
        packed = [lead.astype("<i2").tobytes() for lead in steps.T]
    six = struct.pack("<HHBB", nanovolts, interval_us, 2 if coded else 0, 0)
    six += b"".join(struct.pack("<H", len(each)) for each in packed) + b"".join(packed)
    seven = struct.pack("<BBHH", 1, 0, 1000, 1000) + struct.pack("<5H3h", 300, 400, 460, 550, 860, 44, 30, 40)
    statement = b"SINUS RHYTHM\x00"
    eight = struct.pack("<BHBBBBBB", 0, 2024, 3, 14, 9, 26, 53, 1) + struct.pack("<BH", 1, len(statement)) + statement
    return _sections({1: one, **({2: struct.pack("<H", 19999)} if coded else {}), 3: three, 6: six, 7: seven, 8: eight})


def _sections(bodies: dict[int, bytes]) -> bytes:
    def section(number: int, body: bytes) -> bytes:
        body += b"\x00" * (len(body) % 2)
        inner = struct.pack("<HIBB6s", number, len(body) + 16, 20, 20, b"SCPECG" if number == 0 else b"") + body
        return struct.pack("<H", binascii.crc_hqx(inner, 0xFFFF)) + inner

    written = {number: section(number, body) for number, body in bodies.items()}
    place = 6 + 16 + 10 * 12
    pointers = struct.pack("<HII", 0, 16 + 10 * 12, 7)
    for number in range(1, 12):
        size = len(written.get(number, b""))
        pointers += struct.pack("<HII", number, size, place + 1 if size else 0)
        place += size
    content = section(0, pointers) + b"".join(written.values())
    whole = struct.pack("<I", len(content) + 6) + content
    return struct.pack("<H", binascii.crc_hqx(whole, 0xFFFF)) + whole


def dicom(
    steps: Counts,
    leads: Sequence[str] = TWELVE_LEADS,
    *,
    groups: Sequence[tuple[int, int, float]] = (),
    fs: float = FS,
    sensitivity: str = "5",
    unit: str = "uV",
    syntax: str = "1.2.840.10008.1.2.1",
    kind: str = "SS",
    padding: int | None = None,
) -> bytes:
    """A 12-lead ECG of DICOM with a median beat; `groups` are first and last lead and start (ms) of each group."""
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.sequence import Sequence as Items

    def code(value: str, meaning: str) -> Dataset:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "UCUM", meaning
        return item

    def channel(name: str) -> Dataset:
        item = Dataset()
        item.ChannelSourceSequence = Items([code("x", f"Lead {name} (Einthoven)" if name == "I" else f"Lead {name}")])
        item.ChannelSensitivity, item.ChannelSensitivityCorrectionFactor, item.ChannelBaseline = sensitivity, "1", "0"
        item.ChannelSensitivityUnitsSequence = Items([code(unit, unit)])
        item.WaveformBitsStored = 16
        return item

    def group(names: Sequence[str], values: Counts, label: str, origin: str, start_ms: float) -> Dataset:
        item = Dataset()
        item.MultiplexGroupLabel, item.WaveformOriginality, item.MultiplexGroupTimeOffset = label, origin, start_ms
        item.NumberOfWaveformChannels, item.NumberOfWaveformSamples = len(names), len(values)
        item.SamplingFrequency = fs
        item.ChannelDefinitionSequence = Items([channel(name) for name in names])
        item.WaveformBitsAllocated, item.WaveformSampleInterpretation = 16, kind
        item.add_new(0x54001010, "OW", values.astype("<i2" if kind == "SS" else "<u2").tobytes())
        if padding is not None:
            item.add_new(0x5400100A, "OW", struct.pack("<h", padding))
        return item

    def noted(**fields: object) -> Dataset:
        item = Dataset()
        item.ReferencedWaveformChannels, item.AnnotationGroupNumber = [1, 0], 1
        for name, value in fields.items():
            setattr(item, name, value)
        return item

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.9.1.1", "1.2.3"
    meta.TransferSyntaxUID = syntax
    data = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID, data.PatientBirthDate = f"{NAME}^Jo", "77", "19620102"
    data.PatientSex, data.PatientAge, data.AcquisitionDateTime = "F", "061Y", "20240314092653"
    data.Manufacturer, data.ManufacturerModelName = "Maker", "ECG-1"
    data.ReasonForTheRequestedProcedure = "Palpitations"
    rows = groups or ((0, len(leads), 0.0),)
    rhythm = [
        group(leads[low:high], steps[:, low:high], "RHYTHM", "ORIGINAL", start_ms) for low, high, start_ms in rows
    ]
    beat = group(leads, steps[: int(fs)], "MEDIAN BEAT", "DERIVED", 0.0)
    data.WaveformSequence = Items([beat, *rhythm])
    data.WaveformAnnotationSequence = Items(
        [
            noted(UnformattedTextValue="Sinus rhythm"),
            noted(ConceptNameCodeSequence=Items([code("2:16016", "PR Interval")]), NumericValue="160"),
            noted(ConceptNameCodeSequence=Items([code("5.10.3-1", "Ventricular Heart Rate")]), NumericValue="60"),
        ]
    )
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.save_as(file, enforce_file_format=True)
    return file.getvalue()
