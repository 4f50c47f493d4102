"""EDF, BDF, ISHNE, MFER and Kardia files made from numbers, with whatever a test wants to be wrong in them."""

from __future__ import annotations

import binascii
import json
import struct
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Edf:
    """One signal of an EDF or BDF file: `digital` is (n_records, samples in a record)."""

    label: str
    digital: np.ndarray
    unit: str = "uV"
    physical: tuple[str, str] = ("-3276.8", "3276.7")
    steps: tuple[str, str] = ("-32768", "32767")


def tones(n_samples: int, *, seed: int = 0, size: int = 1000) -> np.ndarray:
    """Whole numbers that no two places share the order of: (n_samples,) int64."""
    rng = np.random.default_rng(seed)
    return np.round(size * np.sin(np.arange(n_samples) / 7.3 + seed) + rng.normal(0, size / 20, n_samples)).astype(int)


def edf_bytes(
    signals: list[Edf],
    *,
    record_s: str = "1",
    n_records: str | None = None,
    reserved: str = "",
    patient: str = "X X X X",
    recording: str = "Startdate X X X X",
    start: tuple[str, str] = ("02.03.24", "21.44.39"),
    bdf: bool = False,
    notes: list[bytes] | None = None,
) -> bytes:
    """An EDF (or BDF) file by the standard; `notes` are the annotations of each record."""
    width, mine = (3, "BDF Annotations") if bdf else (2, "EDF Annotations")
    records = len(signals[0].digital) if signals else len(notes or ())
    columns = [(s.label, s.unit, *s.physical, *s.steps, str(s.digital.shape[1])) for s in signals]
    if notes is not None:
        room = -(-max(map(len, notes)) // width)
        columns.append((mine, "", "-1", "1", "-32768", "32767", str(room)))
    version = b"\xffBIOSEMI" if bdf else b"0       "
    fixed = [(patient, 80), (recording, 80), *((text, 8) for text in start), (str(256 * (len(columns) + 1)), 8)]
    fixed += [(reserved, 44), (str(records) if n_records is None else n_records, 8), (record_s, 8)]
    fixed += [(str(len(columns)), 4)]
    header = version + b"".join(text.encode("latin-1").ljust(size)[:size] for text, size in fixed)
    for place, size in ((0, 16), (None, 80), (1, 8), (2, 8), (3, 8), (4, 8), (5, 8), (None, 80), (6, 8), (None, 32)):
        texts = ["" if place is None else column[place] for column in columns]
        header += b"".join(text.encode("latin-1").ljust(size)[:size] for text in texts)
    return header + b"".join(_record(signals, notes, i, width) for i in range(records))


def _record(signals: list[Edf], notes: list[bytes] | None, i: int, width: int) -> bytes:
    found = b"".join(packed(signal.digital[i], width) for signal in signals)
    if notes is not None:
        found += notes[i].ljust(width * -(-max(map(len, notes)) // width), b"\0")
    return found


def packed(values: np.ndarray, width: int) -> bytes:
    """Little-endian whole numbers of so many bytes."""
    return np.ascontiguousarray(values.astype("<i4")).view(np.uint8).reshape(-1, 4)[:, :width].tobytes()


def onset(seconds: float | str, *texts: str) -> bytes:
    """The annotation that says when a record begins, and others behind it."""
    return f"+{seconds}\x14\x14\0".encode() + b"".join(f"+{seconds}\x14{text}\x14\0".encode() for text in texts)


def ishne_bytes(
    steps: np.ndarray,
    *,
    codes: tuple[int, ...] = (6, 11),
    nv: tuple[int, ...] = (5000, 5000),
    fs: int = 250,
    checksum: int | None = None,
    stated: int | None = None,
    text: bytes = b"",
    n_leads: int | None = None,
    variable: int | None = None,
    pacemaker: int = 0,
) -> bytes:
    """An ISHNE Holter file by the standard, of steps (n_samples, n_leads)."""
    absent = [-9] * (12 - len(codes))
    stated = len(steps) if stated is None else stated
    header = struct.pack("<iiii", len(text) if variable is None else variable, stated, 522, 522 + len(text))
    header += struct.pack("<h40s40s20s", 1, b"Anna", "Österreich".encode("latin-1"), b"H-77")
    header += struct.pack("<2h3h3h3h3h", 2, 0, 4, 5, 1960, 2, 3, 2024, 2, 3, 2024, 21, 44, 39)
    header += struct.pack("<h", len(codes) if n_leads is None else n_leads)
    for row in (codes, (1,) * len(codes), nv):
        header += struct.pack("<12h", *row, *absent)
    header += struct.pack("<h40sh", pacemaker, b"digital", fs)
    header = header.ljust(512, b"\0") + text
    found = binascii.crc_hqx(header, 0xFFFF) if checksum is None else checksum
    return b"ISHNE1.0" + struct.pack("<H", found) + header + steps.astype("<i2").tobytes()


def tlv(tag: int, value: bytes, *, channel: int | None = None) -> bytes:
    """A definition of MFER."""
    size = bytes([len(value)]) if len(value) < 0x80 else b"\x84" + len(value).to_bytes(4, "big")
    return bytes([tag]) + (b"" if channel is None else bytes([channel])) + size + value


def mfer_bytes(leads: dict[str, np.ndarray], *, records: int = 1, extra: bytes = b"") -> bytes:
    """An MFER file of leads I, II, V1 or RESP in steps of 2 microvolts: the first ones at 250 Hz, RESP at 125 Hz."""
    codes = {"I": 1, "II": 2, "V1": 3, "RESP": 160}
    out = tlv(0x40, b"MFR Long-term ECG".ljust(32, b"\0")) + tlv(0x01, b"\x01") + tlv(0x08, struct.pack("<H", 2))
    out += tlv(0x17, b"Maker^Model 7") + tlv(0x82, b"4711") + tlv(0x84, b"\x02") + extra
    out += tlv(0x85, struct.pack("<H5B", 2024, 3, 2, 21, 44, 39)) + tlv(0x05, bytes([len(leads)]))
    for channel, (name, values) in enumerate(leads.items()):
        slow = name == "RESP"
        own = tlv(0x09, struct.pack("<H", codes[name])) + tlv(0x04, struct.pack("<I", len(values) // records))
        own += tlv(0x0A, b"\0") + tlv(0x0B, bytes([1, 0xFD, 8 if slow else 4]))
        own += tlv(0x0C, bytes([11 if slow else 0, 0xFA, 2]))
        out += tlv(0x3F, own, channel=channel)
    out += tlv(0x06, struct.pack("<H", records))
    parts = [values.reshape(records, -1) for values in leads.values()]
    wave = b"".join(part[i].astype("<i2").tobytes() for i in range(records) for part in parts)
    return out + tlv(0x1E, wave) + b"\x80"


def atc_block(name: bytes, content: bytes, *, off_by: int = 0) -> bytes:
    """A block of an ATC file with its checksum."""
    head = name + struct.pack("<I", len(content)) + content
    return head + struct.pack("<I", (sum(head) + off_by) % 2**32)


def atc_bytes(leads: dict[bytes, np.ndarray], *, fs: int = 300, nv: int = 500) -> bytes:
    """An ATC file of the Kardia recorder."""
    info = b"2024-03-02T21:44:39.000+01:00".ljust(180, b"\0") + b"kardia_mobile".ljust(84, b"\0")
    out = b"ALIVE\0\0\0" + struct.pack("<I", 4) + atc_block(b"info", info)
    out += atc_block(b"fmt ", struct.pack("<BHHBH", 1, fs, nv, 2, 0))
    out += b"".join(atc_block(name, values.astype("<i2").tobytes()) for name, values in leads.items())
    return out + atc_block(b"avg ", bytes(900))


def kardia_json(leads: dict[str, list[int]], **changed: object) -> bytes:
    """A recording as the Kardia interface gives it."""
    raw = {"frequency": 300, "mainsFrequency": 50, "amplitudeResolution": 500, "numLeads": len(leads), "samples": leads}
    whole = {
        "id": "x",
        "patientID": "H-77",
        "recordedAt": "2024-03-02T21:44:39Z",
        "duration": 30000,
        "heartRate": 71,
        "algorithmDetermination": "afib",
        "deviceInfo": {"hardwareType": "KardiaMobile 6L"},
        "qtMeasurement": {"qt": {"Value": 380}, "qtcb": {"Value": 410}},
        "data": {"raw": raw},
    }
    return json.dumps(whole | changed).encode()


def movesense_json(
    steps: np.ndarray, *, fs: float = 250.0, size: int = 16, lost: tuple[int, ...] = (), stream: str = "MeasECG"
) -> bytes:
    """The log of a Movesense sensor: packets of `size` samples with times of whole milliseconds, without the lost."""
    packets = [
        {
            stream: {
                "Timestamp": round(5000 + 1000 * i * size / fs),
                "Samples": steps[i * size : (i + 1) * size].tolist(),
            }
        }
        for i in range(len(steps) // size)
        if i not in lost
    ]
    clock = {"TimeDetailed": {"relativeTime": 4000, "utcTime": 1_709_415_878_000_000}}
    other = {"MeasAcc": {"Timestamp": 5000, "ArrayAcc": [{"x": 1, "y": 2, "z": 3}]}}
    return json.dumps({"Samples": [clock, other, *packets]}).encode()
