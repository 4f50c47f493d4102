"""Movesense sensors: the JSON of their data logger and of the Showcase app, packets with a time each.

References
----------
Movesense: ECG API. One step of the sensor is 1 / (20 * 2**17) V.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.identity import DeviceReading, Identity
from pipeline.intake.formats.adapter import Decoded, build_recording, check_extent
from pipeline.types import FloatArray, Recording

MV_PER_STEP: Final = 1e3 / (20 * 2**17)
RATES_HZ: Final = (125, 128, 200, 250, 256, 500, 512)  # that the sensor has
_RATE_TOLERANCE: Final = 0.03  # times of packets are whole milliseconds
_BYTES_MAX: Final = 16 * 2**20  # an hour at 250 Hz, beside acceleration; objects of Python take 35 bytes for one
_FAR: Final = 2**53  # samples, more than any recording may have; a damaged time may say any number
_LOST: Final = 0.5  # of a packet: what a time is later than that is a gap
_FLOAT32_MAX: Final = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class _Packet:
    """Samples that were sent together, and when, in milliseconds of the sensor's clock."""

    at_ms: float
    samples: NDArray[np.float64]


def recognises(head: bytes) -> bool:
    """Tell whether a file is the JSON of a Movesense sensor by the keys of its first packets."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    stream = any(key in text for key in (b'"Meas', b'"TimeDetailed"', b'"ecg"', b'"Ecg"', b'"ECG"'))
    return text[:1] == b"{" and b'"Samples"' in text and stream


def read(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read the ECG of a Movesense JSON file.

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
        One lead in mV; packets that were lost are gaps at their places.

    Raises
    ------
    LimitError
        If a published limit, or 16 MiB, is exceeded.
    IntakeError
        If it holds no ECG, or times or samples are damaged.
    """
    if len(payload) > _BYTES_MAX:
        raise LimitError(f"The Movesense JSON has {len(payload):,} bytes, the limit is {_BYTES_MAX:,}.")
    try:
        whole = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise IntakeError("The Movesense JSON cannot be read; it is damaged or not complete.") from error
    entries = _entries(whole)
    packets, in_mv = _packets(entries)
    fs = _rate(packets)
    starts = _places(packets, fs)
    n_samples = int(starts[-1]) + len(packets[-1].samples)
    check_extent(n_samples, 1, fs, limits)
    signal = np.full((n_samples, 1), np.nan, np.float32)
    for start, packet in zip(starts.tolist(), packets, strict=True):
        signal[start : start + len(packet.samples), 0] = _float32(packet.samples * (1.0 if in_mv else MV_PER_STEP))
    lost = n_samples - sum(len(packet.samples) for packet in packets)
    decoded = Decoded(
        fs=fs,
        signal=signal,
        leads=["ECG"],
        identity=Identity(start=_start(entries, packets[0].at_ms)),
        device=DeviceReading(device="Movesense"),
        notices=(f"Packets of {lost / fs:.1f} s were lost; they are gaps at their places.",) if lost else (),
    )
    return build_recording(name, payload, decoded, tag="movesense", limits=limits)


def _entries(whole: object) -> list[dict[str, Any]]:
    """Return the list of packets of all sensors."""
    found = next((whole[key] for key in ("Samples", "data") if key in whole), None) if isinstance(whole, dict) else None
    if not isinstance(found, list):
        raise IntakeError("The Movesense JSON holds no list of packets.")
    return [entry for entry in found if isinstance(entry, dict)]


def _packets(entries: list[dict[str, Any]]) -> tuple[list[_Packet], bool]:
    """Return the packets of the ECG in the order of their times, and whether they are in mV already."""
    named = [(key, packet) for entry in entries for key, packet in entry.items() if "ecg" in key.lower()]
    if not named:
        raise IntakeError("The Movesense JSON holds no ECG; choose another log.")
    stream = named[0][0]
    packets = sorted(_parsed(packet for key, packet in named if key == stream), key=lambda packet: packet.at_ms)
    if len(packets) < 2:
        raise IntakeError("The Movesense JSON holds less than two packets of ECG, too few to tell the rate.")
    return packets, stream.lower().endswith("mv")


def _parsed(packets: Iterator[Any]) -> Iterator[_Packet]:
    for packet in packets:
        samples = packet.get("Samples") if isinstance(packet, dict) else None
        time = packet.get("Timestamp") if isinstance(packet, dict) else None
        if not (_is_number(time) and isinstance(samples, list) and samples and all(map(_is_number, samples))):
            raise IntakeError("A packet of the Movesense JSON has no time, or samples that are no numbers.")
        yield _Packet(float(time), np.array(samples, np.float64))


def _is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is a number that a float holds."""
    return isinstance(value, int | float) and abs(value) < _FLOAT32_MAX


def _rate(packets: list[_Packet]) -> float:
    """Return which of the sensor's rates the packets have, by the usual time between two of them."""
    apart_ms = np.diff([packet.at_ms for packet in packets])
    usual = float(np.median([len(packet.samples) for packet in packets]))
    # times are whole milliseconds: their mean over packets that follow each other tells more than one of them
    near = apart_ms[apart_ms < 1.5 * max(float(np.median(apart_ms)), 1.0)]
    mean_ms = float(near.mean()) if near.size else 0.0
    rate = 1000 * usual / mean_ms if mean_ms > 0 else math.inf
    best = min(RATES_HZ, key=lambda hz: abs(hz - rate))
    if abs(best - rate) > _RATE_TOLERANCE * best:
        raise IntakeError(f"The packets of the Movesense JSON come at {rate:g} Hz, which is no rate of the sensor.")
    return float(best)


def _places(packets: list[_Packet], fs: float) -> NDArray[np.int64]:
    """Return where each packet begins: behind the one before, or later if its time says that some were lost."""
    places, free, drift = [], 0, 0.0
    for packet in packets:
        at = (packet.at_ms - packets[0].at_ms) * fs / 1000
        late = at - free - drift
        if late > _LOST * len(packet.samples):
            free = min(free + round(late), _FAR)
        else:
            drift += 0.1 * late  # the sensor's clock and its samples part slowly
        places.append(free)
        free += len(packet.samples)
    return np.array(places, np.int64)


def _float32(values: NDArray[np.float64]) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):
        found: FloatArray = values.astype(np.float32)
        return found


def _start(entries: list[dict[str, Any]], first_ms: float) -> datetime | None:
    """Return the clock time of the first packet, where the log ties the sensor's clock to it."""
    times: dict[str, Any] = next(
        (entry["TimeDetailed"] for entry in entries if isinstance(entry.get("TimeDetailed"), dict)), {}
    )
    utc_us, relative_ms = times.get("utcTime"), times.get("relativeTime")
    if not _is_number(utc_us) or not _is_number(relative_ms):
        return None
    try:
        return datetime.fromtimestamp(utc_us / 1e6, UTC) + timedelta(milliseconds=first_ms - relative_ms)
    except (ValueError, OverflowError, OSError):
        return None
