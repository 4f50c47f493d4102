"""Good files made from numbers, and every hostile variant of them: written at test time, nothing binary in git.

`python tests/hostile/make_corpus.py DIR` writes the corpus to look at.
"""

from __future__ import annotations

import io
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import fpdf
import numpy as np
from PIL import Image

PATIENT = "John Smith MRN 123"
BEACON = "![x](http://evil.example/p.png)"
FS = 250
SECONDS = 30
N = FS * SECONDS

Files = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Case:
    """One upload. `outcome` is "refused", "read" or "either"; `says` must occur in the sentence or notices."""

    name: str
    files: Files
    outcome: str = "refused"
    says: str = ""
    kind: str = "recording"  # or "picture" or "csv"
    tags: tuple[str, ...] = field(default=())


# Good files ------------------------------------------------------------------------------------------------------


def ecg(n: int = N, fs: float = FS, *, lead: int = 0) -> np.ndarray:
    """A plain synthetic ECG (n,) int in units of 1/200 mV, 75 beats a minute."""
    phase = (np.arange(n) / fs) % 0.8 - 0.4
    waves = ((-0.16, 0.02, 0.15), (0.0, 0.01, 1.1 - 0.3 * lead), (0.035, 0.012, -0.25), (0.25, 0.05, 0.3))
    mv = sum(a * np.exp(-0.5 * ((phase - m) / s) ** 2) for m, s, a in waves)
    return np.round(200 * (mv + 0.05 * np.sin(np.arange(n) / fs))).astype(np.int64)


def pack(samples: np.ndarray, fmt: str) -> bytes:
    """Samples (n, n_leads) as a WFDB signal file, written from the format's definition (signal(5))."""
    flat = np.asarray(samples, np.int64).ravel()
    if fmt == "16":
        return flat.astype("<i2").tobytes()
    if fmt == "61":
        return flat.astype(">i2").tobytes()
    if fmt == "32":
        return flat.astype("<i4").tobytes()
    if fmt == "80":
        return (flat + 128).astype(np.uint8).tobytes()
    if fmt == "160":
        return (flat + 32768).astype("<u2").tobytes()
    if fmt == "24":
        return flat.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    if fmt == "212":
        even = np.append(flat, 0) if flat.size % 2 else flat
        first, second = even[0::2] & 0xFFF, even[1::2] & 0xFFF
        packed = np.stack([first & 0xFF, (first >> 8) | ((second >> 8) << 4), second & 0xFF], axis=1)
        return packed.astype(np.uint8).tobytes()[: -(-3 * flat.size // 2)]
    if fmt in ("310", "311"):
        first, second, third = np.append(flat, np.zeros(-flat.size % 3, np.int64)).reshape(-1, 3).T & 0x3FF
        if fmt == "310":
            words = (first << 1) | ((third & 0x1F) << 11) | (second << 17) | ((third >> 5) << 27)
        else:
            words = first | (second << 10) | (third << 20)
        size = 4 * (flat.size // 3) + (0, 2, 4 if fmt == "310" else 3)[flat.size % 3]
        return words.astype("<u4").tobytes()[:size]
    raise ValueError(fmt)


def checksum(values: np.ndarray) -> int:
    """WFDB's 16-bit checksum of one lead."""
    return (int(values.sum()) + 2**15) % 2**16 - 2**15


def signal_line(values: np.ndarray, *, file: str, fmt: str, gain: str = "200/mV", lead: str = "MLII") -> str:
    return f"{file} {fmt} {gain} 12 0 {values[0]} {checksum(values)} 0 {lead}"


def record(
    name: str = "r", *, fmt: str = "16", fs: str = str(FS), gain: str = "200/mV", samples: np.ndarray | None = None
) -> dict[str, bytes]:
    """A good record of two leads: {"r.hea": ..., "r.dat": ..., "r.atr": ...}."""
    if samples is None:
        samples = np.stack([ecg(), ecg(lead=1)], axis=1)
    if fmt == "80":
        samples = samples // 4
    lines = [f"{name} {samples.shape[1]} {fs} {samples.shape[0]}"]
    for i, lead in zip(range(samples.shape[1]), ("MLII", "V5", "V1"), strict=False):
        lines.append(signal_line(samples[:, i], file=f"{name}.dat", fmt=fmt, gain=gain, lead=lead))
    lines.append(f"# {PATIENT} {BEACON}")
    return {
        f"{name}.hea": ("\n".join(lines) + "\n").encode(),
        f"{name}.dat": pack(samples, fmt),
        f"{name}.atr": annotations(),
    }


def annotations(beats: list[tuple[int, int]] | None = None, *, end: bytes = b"\0\0") -> bytes:
    """An annotation file of (sample, code); by default one N (code 1) per beat of `ecg`."""
    if beats is None:
        beats = [(round((0.4 + 0.8 * i) * FS), 1) for i in range(int((SECONDS - 1) / 0.8))]
    words, last = [], 0
    for sample, code in beats:
        step = sample - last
        if not 0 <= step < 1024:
            words += [59 << 10, (step >> 16) & 0xFFFF, step & 0xFFFF]
            step = 0
        words.append(code << 10 | step)
        last = sample
    return struct.pack(f"<{len(words)}H", *words) + end


def note(text: bytes) -> bytes:
    """A NOTE annotation at sample 0 with an auxiliary text."""
    padded = text + b"\0" * (len(text) % 2)
    return struct.pack("<HH", 22 << 10, 63 << 10 | len(text)) + padded


def table(*, rows: int = N, delimiter: str = ",", decimal: str = ".", header: str | None = "MLII,V5") -> bytes:
    """A good CSV of two leads in mV."""
    first, second = ecg(rows) / 200, ecg(rows, lead=1) / 200
    lines = [] if header is None else [header.replace(",", delimiter)]
    lines += [
        f"{a:.4f}{delimiter}{b:.4f}".replace(".", decimal) for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]
    return ("\n".join(lines) + "\n").encode()


def beat_curve(n: int) -> np.ndarray:
    """One beat (n,), upwards, R = about 1."""
    t = np.linspace(-0.35, 0.45, n)
    waves = ((-0.16, 0.02, 0.15), (-0.02, 0.008, -0.12), (0, 0.009, 1.0), (0.03, 0.01, -0.25), (0.22, 0.05, 0.28))
    return np.asarray(sum(a * np.exp(-0.5 * ((t - m) / s) ** 2) for m, s, a in waves))


def draw_beat(
    width: int = 400,
    height: int = 300,
    *,
    ink: tuple[int, int, int] = (0, 0, 0),
    ground: tuple[int, int, int] = (255, 255, 255),
    thickness: int = 2,
    grid: tuple[int, int, int] | None = None,
    frame: tuple[int, int, int] | None = None,
    labels: bool = False,
    noise: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A drawn beat (height, width, 3) and its true columns and rows."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = ground
    if grid is not None:
        for x in range(0, width, 10):
            cv2.line(picture, (x, 0), (x, height), grid, 1 + (x % 50 == 0))
        for y in range(0, height, 10):
            cv2.line(picture, (0, y), (width, y), grid, 1 + (y % 50 == 0))
    left, top = width // 10, height // 10
    if frame is not None:
        cv2.rectangle(picture, (left - 6, top - 6), (width - left + 6, height - top + 6), frame, 1)
    if labels:
        for i in range(6):
            x = left + i * (width - 2 * left) // 5
            cv2.putText(
                picture, f"0.{i}", (x - 8, height - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (0, 0, 0), 1, cv2.LINE_AA
            )
    curve = beat_curve(4 * width)
    columns = np.linspace(left, width - 1 - left, curve.size)
    rows = top + (curve.max() - curve) / np.ptp(curve) * (height - 1 - 2 * top)
    points = np.round(np.stack([columns, rows], axis=1) * 16).astype(np.int32)
    cv2.polylines(picture, [points], False, ink, thickness, cv2.LINE_AA, 4)
    if noise:
        noisy = picture + np.random.default_rng(0).normal(0, noise, picture.shape)
        picture = np.clip(noisy, 0, 255).astype(np.uint8)
    return picture, columns, rows


def encoded(picture: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """A picture as PNG or JPEG bytes."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def zipped(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, payload in files:
            archive.writestr(zipfile.ZipInfo(name), payload, compress_type=method)
    return buffer.getvalue()


# Hostile files ---------------------------------------------------------------------------------------------------


def cases() -> Iterator[Case]:
    """Every hostile upload of HOSTILE.md that intake can meet."""
    yield from _header_cases()
    yield from _signal_cases()
    yield from _annotation_cases()
    yield from _pairing_cases()
    yield from _csv_cases()
    yield from _zip_cases()
    yield from _picture_cases()


def _with_header(change: Callable[[bytes], bytes]) -> Files:
    files = record()
    files["r.hea"] = change(files["r.hea"])
    return list(files.items())


def _swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(header: bytes) -> bytes:
        assert old in header, old
        return header.replace(old, new)

    return change


def _header_cases() -> Iterator[Case]:
    first = f"r 2 {FS} {N}".encode()
    for name, line, says in (
        ("fs missing", b"r 2", "sampling frequency"),
        ("fs zero", f"r 2 0 {N}".encode(), "sampling frequency"),
        ("fs negative", f"r 2 -360 {N}".encode(), "sampling frequency"),
        ("fs nan", f"r 2 nan {N}".encode(), "sampling frequency"),
        ("fs inf", f"r 2 1e999 {N}".encode(), "sampling frequency"),
        ("fs absurd", f"r 2 1e12 {N}".encode(), "sampling frequency"),
        ("fs 20", f"r 2 20 {N}".encode(), "20 Hz"),
        ("sig_len missing", f"r 2 {FS}".encode(), "number of samples"),
        ("sig_len zero", f"r 2 {FS} 0".encode(), "0 samples"),
        ("sig_len 1e12", f"r 2 {FS} 1000000000000".encode(), "hours"),
        ("sig_len endless", f"r 2 {FS} {'9' * 5000}".encode(), "number of samples"),
        ("sig_len negative", f"r 2 {FS} -5".encode(), "number of samples"),
        ("multi-segment", f"r/3 2 {FS} {N}".encode(), "multi-segment"),
        ("lists itself as segment", f"r/1 2 {FS} {N}\nr {N}".encode(), "multi-segment"),
        ("no leads", f"r 0 {FS} {N}".encode(), "no leads"),
        ("three leads announced", f"r 3 {FS} {N}".encode(), "3 leads"),
        ("one lead announced", f"r 1 {FS} {N}".encode(), "1 leads"),
        ("1000 leads announced", f"r 1000 {FS} {N}".encode(), "limit is 16"),
    ):
        yield Case(name, _with_header(_swap(first, line)), "refused", says)
    yield Case("bad date", _with_header(_swap(first, first + b" 25:61:00 45/13/2020")), "read")
    line = record()["r.hea"].splitlines()[1]
    yield Case("1000 signal lines", _with_header(lambda h: first + b"\n" + (line + b"\n") * 600), "refused")
    yield Case(
        "20000 signal lines", _with_header(lambda h: first + b"\n" + (line + b"\n") * 20_000), "refused", "bytes"
    )
    for gain, says in (
        ("-200/mV", "gain"), ("nan/mV", "gain"), ("inf/mV", "gain"), ("1e400/mV", "gain"), ("1e-320/mV", "gain"),
        ("1e-999/mV", "gain"), ("200(99999999999999999999)/mV", "gain"), ("200(9999999999999)/mV", "baseline"),
        ("200/furlong", "V, mV"), ("200/mV;rm", "V, mV"),
    ):  # fmt: skip
        yield Case(f"gain {gain}", list(record(gain=gain).items()), "refused", says)
    for gain in ("0", "0/mV", "0.0e5"):
        yield Case(f"gain {gain}", list(record(gain=gain).items()), "read", "Not calibrated")
    for text, says in (
        ("16:1000000000", "skew"), ("16:-1", "skew"), ("16x4", "samples per frame"), ("16+999999999999", "byte"),
        ("16+2", "bytes"), ("8", "format"), ("508", "format"), ("0", "format"), ("1600", "format"),
    ):  # fmt: skip
        yield Case(f"format {text}", _with_header(_swap(b" 16 ", f" {text} ".encode())), "refused", says)
    for file in (b"../../etc/passwd", b"/etc/passwd", b"http://127.0.0.1:9/x", b"simplecache::http://x/y", b"~", b"-"):
        label = file.decode()
        yield Case(f"signal file {label}", _with_header(_swap(b"r.dat", file)), "refused", "signal file")
    yield Case("NUL bytes", _with_header(lambda h: h.replace(b" ", b"\0", 1)), "refused")
    yield Case("comments only", _with_header(lambda h: f"# {PATIENT}\n".encode()), "refused")
    yield Case("two files, again the first", _with_header(_again), "refused", "together")
    yield Case("hostile lead name", _with_header(_swap(b"MLII", f"<b>{PATIENT}</b>".encode())), "read")
    yield Case("CRLF and BOM", _with_header(lambda h: b"\xef\xbb\xbf" + h.replace(b"\n", b"\r\n")), "read")
    yield Case("Latin-1 micro sign", list(_microvolts(b"\xb5V").items()), "read")
    yield Case("UTF-8 micro sign", list(_microvolts("µV".encode()).items()), "read")


def _again(header: bytes) -> bytes:
    lines = header.splitlines()
    other = lines[1].replace(b"r.dat", b"q.dat")
    return b"\n".join([lines[0].replace(b" 2 ", b" 3 "), lines[1], other, lines[1]])


def _microvolts(unit: bytes) -> dict[str, bytes]:
    files = record(gain="0.2/@")
    files["r.hea"] = files["r.hea"].replace(b"@", unit)
    return files


def _signal_cases() -> Iterator[Case]:
    good = record()
    dat = good["r.dat"]

    def variant(payload: bytes, outcome: str = "refused", says: str = "", name: str = "") -> Case:
        return Case(name, list({**good, "r.dat": payload}.items()), outcome, says)

    yield variant(b"", says="bytes", name="empty signal file")
    yield variant(dat[: len(dat) // 2], says="bytes", name="truncated")
    yield variant(dat[:-1], says="bytes", name="odd bytes")
    yield variant(dat + b"\0\0\0\0", says="bytes", name="too long")
    yield variant(encoded(draw_beat()[0]), says="PNG", name="PNG renamed .dat")
    yield variant(b"%PDF-1.7 " + bytes(len(dat) - 9), says="", name="PDF of the right size")
    yield variant(dat[:400] + b"\x01\x02" + dat[402:], says="checksum", name="wrong checksum")
    yield variant(b"\x05\x00" + dat[2:], says="begins with", name="wrong initial value")
    wide = record(fmt="16")
    header = wide["r.hea"].replace(b" 16 ", b" 212 ")
    yield Case("format 16 read as 212", list({**wide, "r.hea": header}.items()), "refused")
    one = record(samples=np.array([[5, 6]]))
    yield Case("one sample", list(one.items()), "read", tags=("too short",))
    missing = np.full((N, 2), -32768)
    yield Case("all samples missing", list(record(samples=missing).items()), "read")
    flat = np.zeros((N, 2), np.int64)
    yield Case("flat line", list(record(samples=flat).items()), "read")
    square = np.where(np.arange(N)[:, None] // 50 % 2, 2047, -2047) * np.ones((1, 2), np.int64)
    yield Case("saturated", list(record(fmt="212", samples=square).items()), "read")


def _annotation_cases() -> Iterator[Case]:
    good = record()

    def variant(name: str, payload: bytes, says: str) -> Case:
        return Case(f"atr: {name}", list({**good, "r.atr": payload}.items()), "read", says)

    not_used = "was not used"
    yield variant("empty", b"", not_used)
    yield variant("PNG", encoded(draw_beat()[0]), not_used)
    yield variant("text", f"{PATIENT} {BEACON} ".encode() * 20, not_used)
    yield variant("odd", annotations() + b"\0", not_used)
    yield variant("cut", annotations()[:-2], not_used)
    yield variant("cut inside a skip", struct.pack("<HH", 59 << 10, 0), not_used)
    yield variant("sample -85", annotations([(100, 1), (-85, 1)]), not_used)
    yield variant("sample 2147483652", annotations([(2**31 - 1, 1), (2**31 + 4, 1)]), not_used)
    yield variant("of a longer recording", annotations([(100, 1), (N * 3, 1)]), not_used)
    yield variant("not in order", annotations([(1000, 1), (500, 1)]), not_used)
    yield variant("unknown code", annotations([(100, 1), (200, 55)]), not_used)
    yield variant("goes on after the end", annotations() + annotations(), not_used)
    yield variant("note longer than the file", struct.pack("<HH", 1 << 10, 63 << 10 | 250) + b"ab\0\0", not_used)
    yield variant("made at 360 Hz", note(b"## time resolution: 360") + annotations(), not_used)
    yield variant("note with HTML", note(b"<img onerror=alert(1)>") + annotations(), "")


def _pairing_cases() -> Iterator[Case]:
    good = record()
    hea, dat, atr = (good[f"r.{ending}"] for ending in ("hea", "dat", "atr"))
    yield Case("nothing", [], "refused", "No file")
    yield Case("header alone", [("r.hea", hea)], "refused", "'r.dat'")
    yield Case("signal alone", [("r.dat", dat)], "refused", "'r.hea'")
    yield Case("annotations alone", [("r.atr", atr)], "refused", "'r.hea'")
    yield Case("header twice", [("r.hea", hea), ("r.hea", hea), ("r.dat", dat)], "refused", "'r.hea'")
    yield Case("PNG called .hea", [("r.hea", encoded(draw_beat()[0])), ("r.dat", dat)], "refused", "PNG")
    yield Case("web page called .dat", [("r.hea", hea), ("r.dat", b"<html>")], "refused", "web page")
    yield Case("unknown file", [("r.hea", hea), ("r.dat", dat), ("x.exe", b"MZ\x90\0")], "refused")
    yield Case("foreign annotator name", [("r.hea", hea), ("r.dat", dat), ("q.atr", atr)], "refused", ".atr")
    for name in (
        f"{BEACON}.hea",
        f"../../../{PATIENT}.hea",
        "<script>alert(1)</script>.hea",
        "http://x/y.hea",
        "a\0b.hea",
    ):
        yield Case(f"name {name!r}", [(name, hea), ("r.dat", dat)], "read")
        yield Case(f"bad file called {name!r}", [(name, b"\x89PNG\r\n\x1a\n")], "refused")
    yield Case("long name", [("x" * 5000 + ".hea", hea), ("r.dat", dat)], "read")


def _csv_cases() -> Iterator[Case]:
    good = table()
    lines = good.splitlines()

    def text(name: str, payload: bytes, outcome: str = "refused", says: str = "") -> Case:
        return Case(f"csv: {name}", [("r.csv", payload)], outcome, says, kind="csv")

    yield text("good", good, "read")
    yield text("empty", b"", says="empty")
    yield text("blank lines", b"\n\n\n", says="no row")
    yield text("header only", lines[0], says="no row")
    yield text("PNG", encoded(draw_beat()[0]), says="PNG")
    yield text("spreadsheet", zipped([("xl/workbook.xml", b"x" * 100)]), says="ZIP")
    yield text("UTF-16", good.decode().encode("utf-16"), says="UTF-8")
    yield text("text in row 101", b"\n".join([*lines[:100], b"0.1,abc", *lines[101:]]), says="Row 101")
    yield text("formula", b"\n".join([*lines[:100], b"0.1,=1+1", *lines[101:]]), says="Row 101")
    yield text("patient in a cell", b"\n".join([*lines[:50], PATIENT.encode() + b",0", *lines[51:]]), says="Row 51")
    yield text("too many cells", b"\n".join([*lines[:100], b"0.1,0.2,0.3", *lines[101:]]), says="Row 101")
    yield text("too few cells", b"\n".join([*lines[:100], b"0.1", *lines[101:]]), says="Row 101")
    yield text("infinite", b"\n".join([*lines[:100], b"0.1,1e400", *lines[101:]]), says="Row 101")
    yield text("inf", b"\n".join([*lines[:100], b"inf,0.1", *lines[101:]]), says="Row 101")
    yield text("open quote", b"\n".join([*lines[:100], b'"0.1,0.2', *lines[101:]]))
    yield text("1000 columns", b"\n".join([b",".join([b"1"] * 1000)] * 20), says="columns")
    yield text("one endless line", b"1," * 500_000)
    yield text("hostile names", good.replace(b"MLII,V5", f"{PATIENT},{BEACON}".encode(), 1), "read")
    yield text("gaps", b"\n".join([*lines[:100], b",", b"NaN,0.1", *lines[102:]]), "read")


def _zip_cases() -> Iterator[Case]:
    good = list(record().items())

    def archive(name: str, payload: bytes, outcome: str = "refused", says: str = "") -> Case:
        return Case(f"zip: {name}", [("r.zip", payload)], outcome, says)

    yield archive("good", zipped(good), "read")
    yield archive("in a folder", zipped([(f"study/{name}", payload) for name, payload in good]), "read")
    yield archive("empty", zipped([]), says="empty")
    yield archive("cut", zipped(good)[:-30])
    yield archive("damaged", bytes(b ^ 0xFF if i == 2000 else b for i, b in enumerate(zipped(good))))
    yield archive("bomb", zipped([("r.dat", bytes(50_000_000))]), says="times")
    yield archive("traversal", zipped([("../../r.hea", b"x"), *good]), says="outside")
    yield archive("absolute", zipped([("/etc/r.hea", b"x")]), says="outside")
    yield archive("drive", zipped([("C:\\r.hea", b"x")]), says="outside")
    yield archive("nested", zipped([("r.zip", zipped(good))]), says="archive")
    yield archive("nested under another name", zipped([("r.dat", zipped(good))]), says="archive")
    yield archive("many members", zipped([(f"{i}.hea", b"x") for i in range(21)]), says="21 members")
    yield archive("100000 members", _many_members(100_000), says="members")
    yield archive("100000 members in a ZIP64 directory", _hidden_members(100_000), says="ZIP64")
    yield archive("link", _with_attributes(good, 0o120777 << 16), says="link")
    yield archive("device", _with_attributes(good, 0o060666 << 16), says="link")
    yield archive("encrypted", _encrypted(zipped(good)), says="encrypted")
    yield archive("lies about its size", _lying(good))
    yield archive("not an archive", b"hello world, no archive here", says="not a ZIP")
    duplicate = zipped([("r.hea", good[0][1]), ("R.HEA", b"other"), *good[1:]])
    yield archive("duplicate", duplicate, says="same name")
    yield archive("same name in two folders", zipped([("a/r.hea", good[0][1]), ("b/r.hea", b"x")]), says="'r.hea'")
    yield archive("PNG inside", zipped([("r.hea", good[0][1]), ("r.dat", b"\x89PNG\r\n\x1a\n" + bytes(100))]))


def _many_members(count: int) -> bytes:
    """An archive whose directory announces `count` members that all are one file."""
    local, entry = _empty_member(b"r.hea")
    directory = entry * count
    return local + directory + _end(count % 65536, len(directory), len(local))


def _hidden_members(count: int) -> bytes:
    """An archive that announces one member, and `count` in the ZIP64 record, which Python believes."""
    local = _empty_member(b"000000")[0]
    directory = b"".join(_empty_member(b"%06d" % i)[1] for i in range(count))
    record64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), len(local))
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(local) + len(directory), 1)
    return local + directory + record64 + locator + _end(1, 52, len(local))


def _empty_member(name: bytes) -> tuple[bytes, bytes]:
    """An empty file as it stands in an archive, and its entry in the directory."""
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0) + name
    return local, entry


def _end(members: int, size: int, offset: int) -> bytes:
    """The record at an archive's end: how many members, and where and how large their directory is."""
    return struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, members, members, size, offset, 0)


def _with_attributes(files: Files, attributes: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, payload in files:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, attributes
            archive.writestr(info, payload)
    return buffer.getvalue()


def _encrypted(payload: bytes) -> bytes:
    """The archive with the encryption flag set everywhere."""
    changed = bytearray(payload)
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(magic)
        while at >= 0:
            changed[at + offset] |= 1
            at = changed.find(magic, at + 4)
    return bytes(changed)


def _lying(files: Files) -> bytes:
    """The archive with every declared size in the directory cut to 10 bytes."""
    changed = bytearray(zipped(files))
    at = changed.find(b"PK\x01\x02")
    while at >= 0:
        changed[at + 24 : at + 28] = struct.pack("<I", 10)
        at = changed.find(b"PK\x01\x02", at + 4)
    return bytes(changed)


def _picture_cases() -> Iterator[Case]:
    beat = draw_beat()[0]

    def picture(name: str, payload: bytes, outcome: str = "refused", says: str = "", file: str = "b.png") -> Case:
        return Case(f"picture: {name}", [(file, payload)], outcome, says, kind="picture")

    yield picture("good", encoded(beat), "read")
    yield picture("named to track", encoded(beat), "read", file=f"../../{BEACON}.png")
    yield picture("empty", b"", says="empty")
    yield picture("text", PATIENT.encode() * 10, says="PNG or JPEG")
    yield picture("SVG", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", says="SVG")
    yield picture("GIF", encoded(Image.fromarray(beat).convert("P"), "GIF"), says="GIF")
    yield picture("EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) run", says="PNG or JPEG")
    yield picture("script called PNG", b"<script>alert(1)</script>", says="web page")
    yield picture("cut", encoded(beat)[:700], says="damaged")
    yield picture("signature only", b"\x89PNG\r\n\x1a\n", says="damaged")
    yield picture("20 000 x 20 000", png_header(20_000, 20_000), says="limit")
    yield picture("9 000 x 9 000", png_header(9_000, 9_000), says="9000 x 9000")
    yield picture("2 000 000 000 wide", png_header(2_000_000_000, 1), says="")
    yield picture("0 x 0", png_header(0, 0))
    yield picture("TIFF", encoded(beat, "TIFF"), says="TIFF")
    yield picture("BMP", encoded(beat, "BMP"), says="BMP")
    yield picture("animation", encoded(Image.fromarray(beat), save_all=True,
                                       append_images=[Image.fromarray(255 - beat)]), says="animation of 2")  # fmt: skip
    yield picture("PNG and ZIP", encoded(beat) + zipped([("a.txt", b"hello")]), says="a ZIP archive at once")
    yield picture("PNG and HTML", encoded(beat) + b"<script>alert(1)</script>", says="a web page at once")
    yield picture("JPEG of many scans", encoded(beat, "JPEG") + b"\xff\xda" * 200, says="scans")
    yield picture("PDF cut", _pdf(beat)[:900], "either", file="b.pdf")
    yield picture("PDF of nothing", b"%PDF-1.7\n%%EOF", says="damaged", file="b.pdf")
    yield picture("PDF with a password", _locked_pdf(), says="password", file="b.pdf")
    yield picture("PDF of 60 pages", _pdf(beat[::8, ::8], pages=60), says="60 pages, the limit is 50", file="b.pdf")
    yield picture("PDF of a huge page", _pdf(beat[::8, ::8], resolution=0.01), says="no usable size", file="b.pdf")
    yield picture("PDF good", _pdf(beat), "read", file="b.pdf")
    yield picture("text chunk bomb", _text_bomb(encoded(beat)), "either")
    yield picture("blank", encoded(np.full((200, 200, 3), 255, np.uint8)), says="blank")
    yield picture("black", encoded(np.zeros((200, 200, 3), np.uint8)), says="blank")
    rng = np.random.default_rng(0)
    yield picture("noise", encoded(rng.integers(0, 256, (200, 200, 3), np.uint8)), says="plain ground")
    shade = np.repeat(np.linspace(0, 255, 300).astype(np.uint8)[None, :, None], 200, axis=0).repeat(3, axis=2)
    yield picture("gradient", encoded(shade), says="not an ECG beat picture")
    yield picture("photo", encoded(_photo(rng), "JPEG"), says="not an ECG beat picture")
    yield picture("text page", encoded(_text_page()), says="not an ECG beat picture")
    yield picture("12-lead page", encoded(_page()), says="not an ECG beat picture")
    yield picture("two traces", encoded(_two_traces()), says="not an ECG beat picture")
    yield picture("strip of many beats", encoded(_strip()), says="tall peaks")
    yield picture("flat line", encoded(_flat()), says="not an ECG beat picture")
    yield picture("grid only", encoded(_grid()), says="not an ECG beat picture")
    yield picture("circle", encoded(cv2.circle(np.full((200, 200, 3), 255, np.uint8), (100, 100), 80, (0, 0, 0), 2)))
    yield picture("tiny", encoded(np.zeros((3, 3, 3), np.uint8)), says="pixels")


def _pdf(picture: np.ndarray, *, pages: int = 1, resolution: float = 100.0) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(picture))
    return encoded(image, "PDF", resolution=resolution, save_all=True, append_images=[image] * (pages - 1))


def _locked_pdf() -> bytes:
    document = fpdf.FPDF()
    document.set_encryption(owner_password="owner", user_password=PATIENT)
    document.add_page()
    return bytes(document.output())


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds almost nothing."""
    ihdr = struct.pack(">II5B", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", ihdr)
        + _chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _text_bomb(payload: bytes) -> bytes:
    bomb = b"Comment\0\0" + zlib.compress(bytes(30_000_000))
    return payload[:33] + _chunk(b"zTXt", bomb) + payload[33:]


def _photo(rng: np.random.Generator) -> np.ndarray:
    small = rng.integers(0, 256, (12, 16, 3), np.uint8)
    return np.asarray(cv2.resize(small, (640, 480), interpolation=cv2.INTER_CUBIC))


def _text_page() -> np.ndarray:
    page = np.full((600, 450, 3), 255, np.uint8)
    for i in range(20):
        cv2.putText(
            page, "The quick brown fox jumps over", (10, 30 + 28 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 1
        )
    return page


def _beats_line(picture: np.ndarray, beats: int, top: int, height: int) -> None:
    curve = np.tile(beat_curve(200), beats)
    columns = np.linspace(10, picture.shape[1] - 10, curve.size)
    rows = top + (curve.max() - curve) / np.ptp(curve) * height
    points = np.round(np.stack([columns, rows], axis=1) * 16).astype(np.int32)
    cv2.polylines(picture, [points], False, (0, 0, 0), 1, cv2.LINE_AA, 4)


def _page() -> np.ndarray:
    page = np.full((600, 900, 3), 255, np.uint8)
    for row in range(6):
        _beats_line(page, 10, 20 + 95 * row, 70)
    return page


def _two_traces() -> np.ndarray:
    picture = np.full((300, 300, 3), 255, np.uint8)
    _beats_line(picture, 1, 20, 100)
    _beats_line(picture, 1, 170, 100)
    return picture


def _strip() -> np.ndarray:
    picture = np.full((200, 1000, 3), 255, np.uint8)
    _beats_line(picture, 8, 20, 150)
    return picture


def _flat() -> np.ndarray:
    return np.asarray(cv2.line(np.full((200, 300, 3), 255, np.uint8), (20, 100), (280, 102), (0, 0, 0), 2))


def _grid() -> np.ndarray:
    picture = np.full((200, 300, 3), 255, np.uint8)
    picture[::20] = picture[:, ::20] = (230, 120, 130)
    return picture


if __name__ == "__main__":
    for case in cases():
        folder = Path(sys.argv[1]) / "".join(c if c.isalnum() else "_" for c in case.name)[:60]
        folder.mkdir(parents=True, exist_ok=True)
        for i, (_, content) in enumerate(case.files):
            (folder / f"{i}.bin").write_bytes(content)
