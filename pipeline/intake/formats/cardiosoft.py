"""GE CardioSoft and CASE: the XML of resting ECGs (root element CardiologyXML), whose samples are text."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Limits
from pipeline.errors import IntakeError
from pipeline.identity import DeviceReading, Identity
from pipeline.intake.formats.adapter import Decoded, build_recording, check_extent, mv_per_unit
from pipeline.intake.formats.device_terms import device_name, device_reading, plain_text, sex_of
from pipeline.intake.formats.ecgdatakit_record import AGES, require_rhythm
from pipeline.intake.formats.xml_guard import checked_root, root_name, text_of
from pipeline.types import Recording

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

WHAT: Final = "GE CardioSoft XML file"
_MEASURED: Final = (
    *(("VentricularRate", "rate"), ("RRInterval", "RR"), ("PDuration", "P"), ("PQInterval", "PR")),
    *(("QRSDuration", "QRS"), ("QTInterval", "QT"), ("QTCInterval", "QTc")),
    *(("PAxis", "P axis"), ("RAxis", "QRS axis"), ("TAxis", "T axis")),
)
_PER_LSB: Final = "perlsb"


def recognises(head: bytes) -> bool:
    """Tell whether a file is CardioSoft's by its root element."""
    return root_name(head) == "CardiologyXML"


def read(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read the strip of all leads (StripData), the measurements and the statements; median beats are left out.

    Parameters
    ----------
    name : str
        Untrusted name; a label only.
    payload : bytes
        The whole file.
    limits : Limits
        Limits of the intake.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If the file holds no strip, is damaged or unsafe; one sentence.
    """
    root = checked_root(payload, WHAT)
    strip = root.find("StripData")
    if strip is None:
        raise IntakeError(f"The {WHAT} holds no strip of the leads (StripData); export the resting ECG.")
    fs, count = _number(text_of(strip, "SampleRate")), _number(text_of(strip, "ChannelSampleCountTotal"))
    waves = strip.findall("WaveformData")
    if fs is None or fs <= 0 or count is None or not waves:
        raise IntakeError(f"The {WHAT} states no sampling frequency, no number of samples or no lead.")
    check_extent(int(count), len(waves), fs, limits)
    require_rhythm(count / fs, WHAT)
    signal = np.stack([_samples(wave, int(count)) for wave in waves], axis=1) * _mv_per_step(strip)
    decoded = Decoded(
        fs=fs,
        signal=signal,
        leads=[wave.get("lead", "") for wave in waves],
        identity=_identity(root),
        device=_device(root),
        age_years=_age(root),
    )
    return build_recording(name, payload, decoded, tag="cardiosoft", limits=limits)


def _mv_per_step(strip: Element) -> float:
    resolution = strip.find("Resolution")
    step = _number(text_of(strip, "Resolution"))
    unit = "" if resolution is None else resolution.get("units", "").lower().removesuffix(_PER_LSB)
    factor = mv_per_unit(unit)
    if step is None or step == 0.0 or factor is None:
        raise IntakeError(f"The {WHAT} states no usable amplitude of a step (Resolution).")
    return step * factor


def _samples(wave: Element, count: int) -> NDArray[np.float64]:
    """Return the samples (count,) of one lead, steps."""
    cells = "".join(wave.itertext()).replace(",", " ").split()
    if len(cells) != count:
        raise IntakeError(
            f"A lead of the {WHAT} has {len(cells):,} samples, the file states {count:,}; export it again."
        )
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError as error:
        raise IntakeError(f"A sample of the {WHAT} is no number; export it again.") from error


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _identity(root: Element) -> Identity:
    person = root.find("PatientInfo")
    given, family = (text_of(person, f"Name/{part}") for part in ("GivenName", "FamilyName"))
    year = _number(text_of(person, "BirthDateTime/Year"))
    return Identity(
        patient_id=plain_text(text_of(person, "PID")),
        name=plain_text(f"{plain_text(given)} {plain_text(family)}"),
        sex=sex_of(text_of(person, "Gender")),
        birth_year=int(year) if year is not None and 1800 <= year <= 2200 else None,
        indication=plain_text(text_of(root, "ClinicalInfo/ReasonForStudy")),
        start=_start(root),
    )


def _start(root: Element) -> datetime | None:
    fields = [_number(text_of(root, f"ObservationDateTime/{part}")) for part in
              ("Year", "Month", "Day", "Hour", "Minute", "Second")]  # fmt: skip
    parts: list[Any] = [int(field) for field in fields if field is not None]
    try:
        return datetime(*parts) if len(parts) == len(fields) else None
    except (ValueError, OverflowError):
        return None


def _age(root: Element) -> int | None:
    age = root.find("PatientInfo/Age")
    years = None if age is None else _number(text_of(age, "."))
    stated = age is not None and age.get("units", "years").lower().startswith("year")
    return int(years) if stated and years is not None and int(years) in AGES else None


def _device(root: Element) -> DeviceReading:
    found = ((name, _number(text_of(root, f"RestingECGMeasurements/{tag}"))) for tag, name in _MEASURED)
    maker = text_of(root, "ClinicalInfo/DeviceInfo/Desc")
    lines = ["".join(line.itertext()) for line in root.iterfind("Interpretation/Diagnosis/DiagnosisText")]
    measured = [(name, value) for name, value in found if value is not None]
    version = text_of(root, "ClinicalInfo/DeviceInfo/SoftwareVer")
    return device_reading(device_name("GE", f"{maker} {version}"), measured, lines)
