"""The names of leads: the one vocabulary that vendors' names are brought to, and which names are no ECG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

# The names that this package knows, in the case in which they are printed: standard leads, right-sided and posterior
# ones, and the bipolar leads of monitors and Holter recorders.
KNOWN_LEADS: Final = (
    *("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"),
    *("V7", "V8", "V9", "V1R", "V2R", "V3R", "V4R", "V5R", "V6R"),
    *("MLI", "MLII", "MLIII", "ML2", "ML5", "MV1", "MV2", "MV5", "MCL1", "MCL6", "CM2", "CM5", "CC5"),
)
# What else leads are called. Einthoven's leads are differences of the arms' and the left leg's electrodes.
_ALSO: Final = MappingProxyType(
    {"DI": "I", "DII": "II", "DIII": "III", "-AVR": "-aVR", "LA-RA": "I", "LL-RA": "II", "LL-LA": "III"}
    | {"LF-RA": "II", "LF-LA": "III", "ЭКГ": "ECG", "心电图": "ECG", "心電図": "ECG", "心电": "ECG", "심전도": "ECG"}
)
_KNOWN: Final = MappingProxyType({name.upper(): name for name in KNOWN_LEADS} | _ALSO)
_RX_RECORDER: Final = re.compile(r"^Shimmer_\w{1,8}?_(?=\w)|(?:_(?:24BIT|16BIT|CAL|UNCAL|RAW))+$", re.IGNORECASE)
_RX_CHANNEL: Final = re.compile(r"^(?:CH(?:ANNEL|AN)?|KANAL)[ _.]*(\d{1,2})[ _.:/-]+(?=\D)", re.IGNORECASE)
_RX_BEFORE: Final = re.compile(
    r"(?:MDC_ECG_(?:ELEC_POTL|LEAD)_|(?:ECG|EKG|ЭКГ|LEADS?|ABLEITUNG|ABL|DERIVATION|DÉRIVATION|DERIVACIÓN|DERIVAZIONE"
    r"|DERIVAÇÃO|AFLEIDING|ODPROWADZENIE|AVLEDNING|ELVEZETÉS|SVOD|ОТВЕДЕНИЕ|导联|導聯|誘導)[ _.:/-]*)+",
    re.IGNORECASE,
)
_RX_AFTER: Final = re.compile(r"[ _.:/(-]*(?:ECG|EKG|LEAD)\)?", re.IGNORECASE)
_RX_ECG: Final = re.compile(r"ecg|ekg|electrocardio|elektrokardio|mdc_ecg|экг|心电|心電|심전도", re.IGNORECASE)
# What monitors, polysomnographs and wearables store beside an ECG. Each is a whole word of the name, digits aside.
_TIME_WORDS: Final = frozenset(
    (
        *("time", "timer", "clock", "date", "timestamp", "timestamps", "elapsed", "counter", "sample", "samples"),
        *("index", "seconds", "ms", "datetime", "idx", "nseq", "seq", "sequence", "millis", "micros", "ticks", "tick"),
        *("datum", "zeit", "uhrzeit", "zeitstempel", "heure", "temps", "tiempo", "hora", "fecha", "tempo", "epoch"),
        *("tijd", "tid", "czas", "čas", "cas", "aika", "zaman", "χρόνος", "idő"),
        *("unix", "frame", "packet", "rownum", "sec", "secs", "время", "дата", "时间", "時間", "시간"),
    )
)
_RX_TIME_NAME: Final = re.compile(r"t|n|s|#|no\.?|nr\.?|row|unnamed: ?\d+|t_\w+|.*timest.*|.*counter.*", re.IGNORECASE)
_EVENT_WORDS: Final = frozenset(
    (
        *("event", "events", "marker", "markers", "trigger", "trig", "status", "annotation", "annotations", "label"),
        *("peak", "peaks", "rpeak", "rpeaks", "onsets", "offsets", "phase", "loff", "lod"),
        *("labels", "note", "notes", "comment", "comments", "flag", "flags", "button", "quality", "state", "beat"),
    )
)
_RATE_WORDS: Final = frozenset(
    (
        *("hr", "heartrate", "bpm", "rr", "rri", "hrv", "ibi", "rate", "herzfrequenz", "pouls", "puls", "pulso"),
        *("polso", "пульс", "чсс", "心率", "心拍数", "심박수"),
    )
)
_RX_RATE: Final = re.compile(r"heart.?rate", re.IGNORECASE)
_OTHER_WORDS: Final = frozenset(
    (
        *("abp", "art", "pap", "cvp", "icp", "uap", "uvp", "rap", "lap", "bp", "nibp", "ibp", "pressure", "co", "etco"),
        *("air", "airflow", "flow", "nasal", "breath", "breathing", "thoracic", "impedance", "imp", "edr", "rsp"),
        *("ppg", "pulse", "pleth", "bcg", "scg", "pcg", "phono", "sound", "microphone", "snore", "bvp"),
        *("acc", "accx", "accy", "accz", "ax", "ay", "az", "gyr", "gyrx", "gyry", "gyrz", "gx", "gy", "gz"),
        *("mag", "magx", "magy", "magz", "motion", "position", "activity", "steps"),
        *(
            "eeg",
            "emg",
            "eog",
            "ecog",
            "erg",
            "eda",
            "gsr",
            "gsc",
            "icg",
            "skt",
            "scl",
            "scr",
            "egg",
            "fp",
            "fpz",
            "cz",
            "pz",
            "oz",
        ),
        *("atmung", "atem", "blutdruck", "pression", "presión", "presion", "pressione", "druck", "oddech"),
        *("ademhaling", "дыхание", "давление", "ускорение", "ээг", "呼吸", "血压", "血圧", "脉搏", "脈波", "体温"),
        *("加速度", "脑电", "호흡"),
        *("temp", "temperature", "light", "battery", "humidity", "altitude"),
    )
)
# The same where names go on, such as "RESPimp", "Plethysmogram" and "Acceleration".
_RX_OTHER_STEM: Final = re.compile(
    r"resp|pleth|accel|accél|aceler|beschleunig|gyro|magnet|spo2|sao2|oxim|photo|capno|timest|counter|heart.?rate"
    r"|sättigung|\bz0\b|\bdz/?dt\b|(?:lead|electrode)s?[ _.-]*off"
)
_RX_ELECTRODES: Final = re.compile(
    r"(?:fp|[afcpote][a-z]{0,2})\d{0,2}[-:](?:[am]\d|[fcpot][a-z]?[z\d]\d?)", re.IGNORECASE
)
_ELECTRODE: Final = r"(?:(?:fp|af|fc|ft|cp|tp|po|[fcpotam])(?:z|\d{1,2})|[rl][alf])"
_RX_ELECTRODE: Final = re.compile(rf"{_ELECTRODE}(?:[-:]{_ELECTRODE})?|(?:ecg|ekg)\d{{0,2}}", re.IGNORECASE)
# Where a signal is taken, and what is made of it, as names say it in brackets.
_PLACE_WORDS: Final = frozenset(
    (
        *("chest", "thorax", "thor", "abdomen", "abdominal", "abdo", "abd", "oral", "mouth", "finger", "ear", "wrist"),
        *("arm", "leg", "chin", "neck", "left", "right", "l", "r", "x", "y", "z", "sum", "raw", "ref", "filtered"),
        *("lead", "leads", "channel", "bipolar", "unipolar"),
    )
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
    >>> [plain_name(name) for name in ("ECG_LL-RA_24BIT", "CH1 ECG", "CH 2: V5", "ЭКГ", "SNUADC/ECG_II", "V1/V2")]
    ['II', 'ECG1', 'V5', 'ECG', 'II', 'V1/V2']
    """
    stripped = _RX_RECORDER.sub("", name.strip())
    if "/" in stripped:
        *others, last = stripped.split("/")
        if any(printed_name(part) in KNOWN_LEADS for part in others):
            if printed_name(last) in KNOWN_LEADS:  # names of two leads are none
                return name
        elif is_known_lead(last):  # a device before the lead
            return plain_name(last)
    if (channel := _RX_CHANNEL.match(stripped)) and is_known_lead(rest := stripped[channel.end() :]):
        return f"{rest}{channel.group(1)}" if rest.upper() in ("ECG", "EKG") else plain_name(rest)
    before = _RX_BEFORE.match(stripped)
    bare = stripped[before.end() :].strip() if before else stripped
    if bare.upper() not in _KNOWN and (after := _RX_AFTER.search(bare)) and after.end() == len(bare):
        bare = bare[: after.start()].strip()
    known = _KNOWN.get(bare.upper()) or _ALSO.get(stripped.upper())
    return name if known is None or known.upper() == stripped.upper() else known


def printed_name(name: str) -> str:
    """Return a lead's name as it stands on an ECG, whatever the case in which the file writes it.

    Examples
    --------
    >>> [printed_name(name) for name in ("ii", "avr", "ECG lead V1", "ECG1", "RESP")]
    ['II', 'aVR', 'V1', 'ECG1', 'RESP']
    """
    plain = plain_name(name)
    return _KNOWN.get(plain.strip().upper(), plain)


def standard_limbs(names: Sequence[str]) -> list[str]:
    """Return the names with I, II and III for D1, D2 and D3, as Latin countries call them, beside an augmented lead.

    Examples
    --------
    >>> standard_limbs(["D1", "D2", "aVR"]), standard_limbs(["D1", "D2"])
    (['I', 'II', 'aVR'], ['D1', 'D2'])
    """
    if not any(name.upper() in ("AVR", "AVL", "AVF") for name in names):
        return list(names)
    return ["I" * int(name[1]) if re.fullmatch("[Dd][123]", name) else name for name in names]


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
    words = _words(name)
    stem = _RX_OTHER_STEM.search(name.lower())
    listed = words & (_OTHER_WORDS | _TIME_WORDS | _EVENT_WORDS | _RATE_WORDS)
    return stem is not None or bool(listed) or bool(_RX_ELECTRODES.fullmatch(name))


def is_lead_word(word: str) -> bool:
    """Tell whether a single word is one that leads' names are built of, and no one's name: not even by its stem.

    Examples
    --------
    >>> [is_lead_word(word) for word in ("C4-A1", "RA", "V5", "ECG", "Resp", "sum", "Respighi", "Smith", "1954")]
    [True, True, True, True, True, True, False, False, False]
    """
    listed = _OTHER_WORDS | _RATE_WORDS | _TIME_WORDS | _EVENT_WORDS | _PLACE_WORDS | {"resp", "ecg", "ekg"}
    lead = printed_name(word) in KNOWN_LEADS or _RX_ELECTRODE.fullmatch(word) or _RX_ELECTRODES.fullmatch(word)
    return bool(lead) or word.lower() in listed


def is_time(name: str) -> bool:
    """Tell whether a name is that of a clock, a counter or a row number, in a table.

    Examples
    --------
    >>> [is_time(name) for name in ("Time (s)", "timestamp_ms", "nSeq", "t", "#", "Uhrzeit", "II", "temp")]
    [True, True, True, True, True, True, False, False]
    """
    return bool(_words(name) & _TIME_WORDS) or _RX_TIME_NAME.fullmatch(name.strip()) is not None


def is_event(name: str) -> bool:
    """Tell whether a name is that of marks, remarks or a status, not of a signal."""
    return bool(_words(name) & _EVENT_WORDS)


def is_rate(name: str) -> bool:
    """Tell whether a name is that of a heart rate or of intervals between beats."""
    return bool(_words(name) & _RATE_WORDS) or _RX_RATE.search(name) is not None


def _words(name: str) -> set[str]:
    """Return the words of a name in lower case, letters of any script, also of such as "accX"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    return set(re.findall(r"[^\W\d_]+", f"{apart} {name.lower()}"))
