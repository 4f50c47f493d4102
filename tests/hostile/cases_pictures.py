"""Hostile pictures: files that are something else, bombs, and pictures that show no beat."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import cv2
import fpdf
import numpy as np
from PIL import Image

from tests.hostile.case import Case
from tests.hostile.make_corpus import (
    BEACON,
    PATIENT,
    _pdf,
    beat_curve,
    draw_beat,
    encoded,
    png_chunk,
    png_header,
    zipped,
)


def picture_cases() -> Iterator[Case]:
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
    yield picture("strip of many beats", encoded(_strip()), "either")  # the heads refuse it
    yield picture("flat line", encoded(_flat()), says="not an ECG beat picture")
    yield picture("grid only", encoded(_grid()), says="not an ECG beat picture")
    yield picture("circle", encoded(cv2.circle(np.full((200, 200, 3), 255, np.uint8), (100, 100), 80, (0, 0, 0), 2)))
    yield picture("tiny", encoded(np.zeros((3, 3, 3), np.uint8)), says="pixels")


def _locked_pdf() -> bytes:
    document = fpdf.FPDF()
    document.set_encryption(owner_password="owner", user_password=PATIENT)
    document.add_page()
    return bytes(document.output())


def _text_bomb(payload: bytes) -> bytes:
    bomb = b"Comment\0\0" + zlib.compress(bytes(30_000_000))
    return payload[:33] + png_chunk(b"zTXt", bomb) + payload[33:]


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
