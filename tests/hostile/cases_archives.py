"""Hostile archives: bombs, traversal, links, archives in archives, directories that lie."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator

from tests.hostile.case import Case
from tests.hostile.make_corpus import Files, record, zipped


def zip_cases() -> Iterator[Case]:
    good = list(record().items())

    def archive(name: str, payload: bytes, outcome: str = "refused", says: str = "") -> Case:
        return Case(f"zip: {name}", [("r.zip", payload)], outcome, says)

    yield archive("good", zipped(good), "read")
    yield archive("in a folder", zipped([(f"study/{name}", payload) for name, payload in good]), "read")
    yield archive("empty", zipped([]), says="empty")
    local, entry = _empty_member(b"")
    nameless = local + entry + _end(1, len(entry), len(local))
    yield archive("a member without a name", nameless, says="outside")
    yield archive("cut", zipped(good)[:-30])
    yield archive("damaged", bytes(b ^ 0xFF if i == 2000 else b for i, b in enumerate(zipped(good))))
    yield archive("bomb", zipped([("r.dat", bytes(50_000_000))]), says="times")
    yield archive("traversal", zipped([("../../r.hea", b"x"), *good]), says="outside")
    yield archive("absolute", zipped([("/etc/r.hea", b"x")]), says="outside")
    yield archive("drive", zipped([("C:\\r.hea", b"x")]), says="outside")
    yield archive("nested", zipped([("r.zip", zipped(good))]), says="archive")
    yield archive("nested under another name", zipped([("r.dat", zipped(good))]), says="archive")
    yield archive("many members", zipped([(f"{i}.hea", b"x") for i in range(501)]), says="501 members")
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
