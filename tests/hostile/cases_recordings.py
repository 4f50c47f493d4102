"""Hostile recordings: headers, signals, annotations, pairs of files, tables."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import numpy as np

from tests.hostile.case import Case
from tests.hostile.make_corpus import (
    BEACON,
    FS,
    PATIENT,
    Files,
    N,
    annotations,
    draw_beat,
    encoded,
    note,
    record,
    table,
    zipped,
)


def _with_header(change: Callable[[bytes], bytes]) -> Files:
    files = record()
    files["r.hea"] = change(files["r.hea"])
    return list(files.items())


def _swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(header: bytes) -> bytes:
        assert old in header, old
        return header.replace(old, new)

    return change


def header_cases() -> Iterator[Case]:
    first = f"r 2 {FS} {N}".encode()
    for name, line, says in (
        ("fs missing", b"r 2", "sampling frequency"),
        ("fs zero", f"r 2 0 {N}".encode(), "sampling frequency"),
        ("fs negative", f"r 2 -360 {N}".encode(), "sampling frequency"),
        ("fs nan", f"r 2 nan {N}".encode(), "sampling frequency"),
        ("fs inf", f"r 2 1e999 {N}".encode(), "sampling frequency"),
        ("fs absurd", f"r 2 1e12 {N}".encode(), "sampling frequency"),
        ("fs 20", f"r 2 20 {N}".encode(), "20 Hz"),
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
    yield Case("sig_len zero", _with_header(_swap(first, f"r 2 {FS} 0".encode())), "read")  # it is not stated, too
    yield Case("sig_len missing", _with_header(_swap(first, f"r 2 {FS}".encode())), "read")
    cut = record()["r.dat"][:-3]
    short = [(name, cut if name == "r.dat" else payload) for name, payload in _with_header(_swap(first, b"r 2 250"))]
    yield Case("sig_len missing, file cut", short, "refused", "bytes")
    for name, line, says in (
        ("a segment of itself", b"r/1 2 250 7500\nr 7500", "single segment"),
        ("a segment with a path", b"r/1 2 250 7500\n../../etc/passwd 7500", "missing"),
        ("segments without end", f"r/{10**9 - 1} 2 250 7500\nr_1 7500".encode(), "limit is 4,096"),
        ("a gap of a century", b"r/1 2 250\n~ 788400000000", "no segment"),
    ):
        yield Case(name, [("r.hea", line), ("r.dat", record()["r.dat"])], "refused", says)
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


def signal_cases() -> Iterator[Case]:
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
    yield Case("one sample", list(one.items()), "read")
    missing = np.full((N, 2), -32768)
    yield Case("all samples missing", list(record(samples=missing).items()), "read")
    flat = np.zeros((N, 2), np.int64)
    yield Case("flat line", list(record(samples=flat).items()), "read")
    square = np.where(np.arange(N)[:, None] // 50 % 2, 2047, -2047) * np.ones((1, 2), np.int64)
    yield Case("saturated", list(record(fmt="212", samples=square).items()), "read")


def annotation_cases() -> Iterator[Case]:
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


def pairing_cases() -> Iterator[Case]:
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


def csv_cases() -> Iterator[Case]:
    good = table()
    lines = good.splitlines()

    def text(name: str, payload: bytes, outcome: str = "refused", says: str = "") -> Case:
        return Case(f"csv: {name}", [("r.csv", payload)], outcome, says, kind="csv")

    yield text("good", good, "read")
    yield text("empty", b"", says="empty")
    yield text("blank lines", b"\n\n\n", says="no row")
    yield text("header only", lines[0], says="no row")
    yield text("PNG", encoded(draw_beat()[0]), says="PNG")
    yield text("spreadsheet", zipped([("xl/workbook.xml", b"x" * 100)]), says="Excel workbook")
    yield text("UTF-16", good.decode().encode("utf-16"), "read")
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
