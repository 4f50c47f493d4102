"""Recordings of AliveCor's Kardia devices: the ATC file of the recorder, and the JSON of its interface.

References
----------
AliveCor: ATC file format specification 1.7, 2021. https://github.com/alivecor/ATCpy
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.identity import DeviceReading, Identity
from pipeline.intake.formats.adapter import Decoded, build_recording, check_extent
from pipeline.types import Recording

_SIGNATURE: Final = b"ALIVE\0\0\0"
_BLOCKS_FROM: Final = 12  # after signature and version
_BLOCKS_MAX: Final = 1000
_FORMAT_16_BITS: Final = 1
_ATC_LEADS: Final = MappingProxyType(
    dict(
        zip(
            (b"ecg ", *(b"ecg%c" % number for number in b"23456789abc")),
            ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"),
            strict=True,
        )
    )
)
_JSON_LEADS: Final = MappingProxyType(
    {"leadI": "I", "leadII": "II", "leadIII": "III", "AVR": "aVR", "AVL": "aVL", "AVF": "aVF"}
)
_JSON_BYTES_MAX: Final = 16 * 2**20  # six leads of five minutes, raw and enhanced, are 7 MB
_QT_FIELDS: Final = (("qt", "QT"), ("rr", "RR"), ("qtcb", "QTcB"), ("qtcf", "QTcF"))


def recognises_atc(head: bytes) -> bool:
    """Tell whether a file is an ATC file by its signature."""
    return head[: len(_SIGNATURE)] == _SIGNATURE


def recognises_json(head: bytes) -> bool:
    """Tell whether a file is the JSON object of a Kardia recording by its first keys."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    own = (b'"recordedAt"', b'"algorithmDetermination"', b'"patientID"', b'"amplitudeResolution"', b'"leadI"')
    return text[:1] == b"{" and sum(key in text for key in own) >= 2


def read_atc(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read an ATC file.

    Parameters
    ----------
    name : str
        Untrusted name; a label only.
    payload : bytes
        The file.
    limits : Limits
        Limits of the intake.

    Returns
    -------
    Recording
        All leads in mV, as recorded; average beats and the recorder's marks are not used.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If a block is damaged or there is no signal.
    """
    blocks = dict(_blocks(payload))
    form = blocks.get(b"fmt ", b"")
    leads = [block for block in _ATC_LEADS if blocks.get(block)]
    if len(form) < 6 or not leads:
        raise IntakeError("The ATC file holds no signal, or does not say how it is stored.")
    kind, fs, nv = struct.unpack_from("<BHH", form)
    if kind != _FORMAT_16_BITS or nv == 0:
        raise IntakeError(f"The ATC file stores samples in format {kind} with steps of {nv} nV, which is not read.")
    n_samples = max(len(blocks[lead]) // 2 for lead in leads)
    check_extent(n_samples, len(leads), fs, limits)
    signal = np.full((n_samples, len(leads)), np.nan, np.float32)
    for column, lead in enumerate(leads):
        steps: NDArray[np.int16] = np.frombuffer(blocks[lead], "<i2", len(blocks[lead]) // 2)
        signal[: len(steps), column] = steps * (nv * 1e-6)
    info = blocks.get(b"info", b"")
    decoded = Decoded(
        fs=float(fs),
        signal=signal,
        leads=[_ATC_LEADS[lead] for lead in leads],
        identity=Identity(start=_time(_text(info, 0, 32))),
        device=DeviceReading(device=f"AliveCor {_text(info, 180, 32)}".strip()),
    )
    return build_recording(name, payload, decoded, tag="atc", limits=limits)


def _blocks(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each block; the checksum after it is the sum of the bytes of all three parts."""
    at, number = _BLOCKS_FROM, 0
    while at + 12 <= len(payload):
        number += 1
        if number > _BLOCKS_MAX:
            raise LimitError(f"The ATC file has more than {_BLOCKS_MAX} blocks.")
        length = int.from_bytes(payload[at + 4 : at + 8], "little")
        stop = at + 8 + length
        if stop + 4 > len(payload):
            raise IntakeError(f"Block {number} of the ATC file ends outside the file; it is not complete.")
        total = int(np.frombuffer(payload, np.uint8, 8 + length, at).sum(dtype=np.uint64)) & 0xFFFFFFFF
        if total != int.from_bytes(payload[stop : stop + 4], "little"):
            raise IntakeError(f"The checksum of block {number} of the ATC file does not fit; the file is damaged.")
        yield payload[at : at + 4], payload[at + 8 : stop]
        at = stop + 4


def read_json(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read the JSON object of a Kardia recording: its raw signal, not the one that AliveCor filtered.

    Parameters
    ----------
    name : str
        Untrusted name; a label only.
    payload : bytes
        The file.
    limits : Limits
        Limits of the intake.

    Returns
    -------
    Recording
        All leads in mV; not calibrated if no resolution is stated. AliveCor's own result is the device's statement.

    Raises
    ------
    LimitError
        If a published limit, or 16 MiB, is exceeded.
    IntakeError
        If it is no such object, or a lead is no list of numbers.
    """
    if len(payload) > _JSON_BYTES_MAX:
        raise LimitError(f"The Kardia JSON has {len(payload):,} bytes, the limit is {_JSON_BYTES_MAX:,}.")
    try:
        whole = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise IntakeError("The Kardia JSON cannot be read; it is damaged or not complete.") from error
    raw = _object(_object(_object({"": whole}, ""), "data"), "raw")
    samples = _object(raw, "samples")
    fs, nv = _number(raw, "frequency"), _number(raw, "amplitudeResolution")
    if fs is None or not samples:
        raise IntakeError("The Kardia JSON states no sampling frequency, or holds no samples.")
    columns = [_steps(values) for values in samples.values()]
    check_extent(max(map(len, columns)), len(columns), fs, limits)
    signal = np.full((max(map(len, columns)), len(columns)), np.nan, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for column, values in enumerate(columns):
            signal[: len(values), column] = values * (nv * 1e-6 if nv else 1.0)
    decoded = Decoded(
        fs=fs,
        signal=signal,
        leads=[_JSON_LEADS.get(key, key) for key in samples],
        calibrated=[nv is not None and nv > 0] * len(columns),
        identity=Identity(patient_id=_word(whole, "patientID"), start=_time(_word(whole, "recordedAt"))),
        device=_device(whole),
        notices=() if nv else ("Not calibrated, because the Kardia JSON states no amplitude resolution.",),
    )
    return build_recording(name, payload, decoded, tag="kardia", limits=limits)


def _object(within: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the object under a key. Raises IntakeError if there is none."""
    found = within.get(key)
    if not isinstance(found, dict):
        raise IntakeError("The Kardia JSON holds no raw signal (data.raw.samples), so there is nothing to read.")
    return found


def _steps(values: object) -> NDArray[np.float64]:
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        raise IntakeError("A lead of the Kardia JSON is no list of numbers.")
    try:
        return np.array(values, np.float64)
    except OverflowError as error:
        raise IntakeError("A lead of the Kardia JSON holds numbers that are too large.") from error


def _number(within: Mapping[str, Any], key: str) -> float | None:
    value = within.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _word(within: Mapping[str, Any], key: str) -> str:
    value = within.get(key)
    return value.strip()[:200] if isinstance(value, str) else ""


def _device(whole: Mapping[str, Any]) -> DeviceReading:
    info, qt = whole.get("deviceInfo"), whole.get("qtMeasurement")
    model = _word(info, "hardwareType") if isinstance(info, dict) else ""
    rate, said = _number(whole, "heartRate"), _word(whole, "algorithmDetermination")
    measured = [] if rate is None else [("rate", rate, "1/min")]
    for key, ours in _QT_FIELDS:
        entry = qt.get(key) if isinstance(qt, dict) else None
        value = _number(entry if isinstance(entry, dict) else {"Value": entry}, "Value")
        measured += [] if value is None else [(ours, value, "ms")]
    return DeviceReading(f"AliveCor {model}".strip(), tuple(measured), (said,) if said else ())


def _text(info: bytes, start: int, size: int) -> str:
    return info[start : start + size].split(b"\0")[0].decode("utf-8", "replace").strip()


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
