"""The names of leads: the one vocabulary that vendors' names are brought to, and which names are no ECG."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

# The names that this package knows, in the case in which they are printed: standard leads, right-sided and posterior
# ones, and the bipolar leads of monitors and Holter recorders.
KNOWN_LEADS: Final = (
    *("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"),
    *("V7", "V8", "V9", "V1R", "V2R", "V3R", "V4R", "V5R", "V6R"),
    *("MLI", "MLII", "MLIII", "ML2", "ML5", "MV1", "MV2", "MV5", "MCL1", "MCL6", "CM2", "CM5", "CC5"),
)
_KNOWN: Final = MappingProxyType(
    {name.upper(): name for name in KNOWN_LEADS} | {"DI": "I", "DII": "II", "DIII": "III", "-AVR": "-aVR"}
)
_RX_BEFORE: Final = re.compile(
    r"(?:MDC_ECG_(?:ELEC_POTL|LEAD)_|(?:ECG|EKG|LEADS?|ABLEITUNG|ABL)[ _.:/-]*)+", re.IGNORECASE
)
_RX_AFTER: Final = re.compile(r"[ _.:/(-]*(?:ECG|EKG|LEAD)\)?", re.IGNORECASE)
_RX_ECG: Final = re.compile(r"ecg|ekg|electrocardio|mdc_ecg", re.IGNORECASE)
# What monitors, polysomnographs and wearables store beside an ECG. Each is a whole word of the name, digits aside.
_OTHER_WORDS: Final = frozenset(
    (
        *("abp", "art", "pap", "cvp", "icp", "uap", "uvp", "rap", "lap", "bp", "nibp", "ibp", "pressure", "co", "etco"),
        *("air", "airflow", "flow", "nasal", "breath", "breathing", "thoracic", "impedance", "imp", "edr"),
        *("ppg", "pulse", "pleth", "bcg", "scg", "pcg", "phono", "sound", "microphone", "snore"),
        *(
            "acc",
            "accx",
            "accy",
            "accz",
            "ax",
            "ay",
            "az",
            "gyr",
            "gyrx",
            "gyry",
            "gyrz",
            "gx",
            "gy",
            "gz",
            "mag",
            "magx",
            "magy",
            "magz",
            "motion",
            "position",
            "activity",
        ),
        *("eeg", "emg", "eog", "ecog", "erg", "eda", "gsr", "egg", "fp", "fpz", "cz", "pz", "oz"),
        *("temp", "temperature", "light", "battery", "hr", "heartrate", "bpm", "rr", "hrv"),
        *(
            "time",
            "timer",
            "clock",
            "date",
            "timestamp",
            "timestamps",
            "elapsed",
            "counter",
            "sample",
            "samples",
            "index",
            "seconds",
            "ms",
        ),
        *("event", "events", "marker", "markers", "trigger", "trig", "status", "annotation", "label"),
    )
)
# The same where names go on, such as "RESPimp", "Plethysmogram" and "Acceleration".
_RX_OTHER_STEM: Final = re.compile(
    r"resp|pleth|accel|gyro|magnet|spo2|sao2|oxim|photo|capno|timest|counter|heart.?rate"
)
_RX_ELECTRODES: Final = re.compile(
    r"(?:fp|[afcpote][a-z]{0,2})\d{0,2}[-:](?:[am]\d|[fcpot][a-z]?[z\d]\d?)", re.IGNORECASE
)


def plain_name(name: str) -> str:
    """Return a lead's name in our vocabulary if it is a vendor's way to say one of `KNOWN_LEADS`, else unchanged.

    A bare name keeps its case, as the file writes it.

    Examples
    --------
    >>> [plain_name(name) for name in ("ECG lead II", "Lead I", "MDC_ECG_LEAD_AVR", "V5-ECG", "DIII")]
    ['II', 'I', 'aVR', 'V5', 'III']
    >>> [plain_name(name) for name in ("EKG", "ECG1", "lead 1", "ii", "RESP")]
    ['EKG', 'ECG1', 'lead 1', 'ii', 'RESP']
    """
    stripped = name.strip()
    before = _RX_BEFORE.match(stripped)
    bare = stripped[before.end() :].strip() if before else stripped
    if bare.upper() not in _KNOWN and (after := _RX_AFTER.search(bare)) and after.end() == len(bare):
        bare = bare[: after.start()].strip()
    known = _KNOWN.get(bare.upper())
    return name if known is None or known.upper() == stripped.upper() else known


def is_known_lead(name: str) -> bool:
    """Tell whether a name says that the signal is an ECG, such as "II", "MLII", "ECG1" or "EKG"."""
    return not is_other_signal(name) and (plain_name(name).strip().upper() in _KNOWN or bool(_RX_ECG.search(name)))


def is_other_signal(name: str) -> bool:
    """Tell whether a name says that the signal is no ECG, such as "RESP", "Pleth", "ABP", "acc_x" or "timer".

    Examples
    --------
    >>> [is_other_signal(name) for name in ("RESP", "SpO2", "EEG Fpz-Cz", "II", "lead 2", "ECG1")]
    [True, True, True, False, False, False]
    """
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower() + " " + name.lower())
    stem = _RX_OTHER_STEM.search(name.lower())
    return stem is not None or any(word in _OTHER_WORDS for word in words) or bool(_RX_ELECTRODES.fullmatch(name))
