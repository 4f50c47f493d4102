"""Pictures of one beat: decoded once and the same in every mode, traced to a fraction of a pixel, or refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from pipeline.beat_images.tracing import read_beat_picture, trace_picture
from pipeline.config import Limits, data_root
from pipeline.errors import EcgError, LimitError
from pipeline.intake import count_pages, read_picture
from tests.hostile.make_corpus import draw_beat, encoded, png_header

PINK = {"ground": (255, 245, 245), "grid": (250, 190, 200)}
BEAT, COLUMNS, ROWS = draw_beat()
HEIGHT = float(np.ptp(ROWS))


SMALL = Limits(picture_pixels=1_000_000)
GOOD = {
    "PNG": encoded(BEAT[::4, ::4]),
    "palette": encoded(Image.fromarray(BEAT[::4, ::4]).convert("P"), transparency=0),
    "16 bit": encoded(Image.fromarray(BEAT[::4, ::4, 0].astype(np.uint16) * 257)),
    "JPEG": encoded(
        BEAT[::4, ::4], "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    ),
    "progressive JPEG": encoded(BEAT[::4, ::4], "JPEG", progressive=True),
    "CMYK": encoded(Image.fromarray(BEAT[::4, ::4]).convert("CMYK"), "JPEG"),
    "WebP": encoded(BEAT[::4, ::4], "WEBP"),
}


def _pixels(payload: bytes) -> np.ndarray:
    return read_picture(payload, "b").pixels


def _assert_follows(picture: np.ndarray, columns: np.ndarray, rows: np.ndarray, *, peak_px: float = 1.0) -> None:
    column, row, _ = trace_picture(picture)
    truth = np.interp(column, columns, rows)
    assert column[0] == pytest.approx(columns[0], abs=6)
    assert column[-1] == pytest.approx(columns[-1], abs=6)
    assert np.median(np.abs(row - truth)) < 0.5
    assert row.min() == pytest.approx(rows.min(), abs=peak_px)
    assert row.max() == pytest.approx(rows.max(), abs=peak_px)
    assert column[row < row.min() + 0.01].mean() == pytest.approx(columns[rows.argmin()], abs=1.5)


@pytest.mark.parametrize(
    "style",
    [
        {},
        {"ink": (31, 119, 180)},
        {"ink": (220, 20, 20)},
        {"ink": (230, 200, 0)},
        {"ink": (150, 150, 150)},
        {"thickness": 1},
        {"thickness": 6},
        PINK,
        {**PINK, "ink": (20, 30, 140)},
        {"ground": (255, 255, 255), "grid": (255, 120, 120), "thickness": 3},
        {"grid": (205, 205, 205)},
        {"ink": (80, 255, 120), "ground": (10, 10, 10)},
        {"ink": (80, 255, 120), "ground": (10, 12, 10), "grid": (40, 60, 40)},
        {"frame": (0, 0, 0)},
        {"frame": (0, 0, 0), "labels": True, "width": 640, "height": 480},
        {"frame": (0, 0, 0), "labels": True, "ink": (31, 119, 180), "width": 640, "height": 480},
        {"noise": 12.0},
        {"width": 96, "height": 64, "thickness": 1},
        {"width": 2400, "height": 1600, "thickness": 8},
    ],
    ids=str,
)
def test_a_drawn_beat_is_followed_whatever_its_style(style):
    picture, columns, rows = draw_beat(**style)
    scale = max(1.0, max(picture.shape) / 1000)
    _assert_follows(picture, columns, rows, peak_px=1.0 * scale)


@pytest.mark.parametrize("quality", [90, 60, 30])
@pytest.mark.parametrize("style", [{}, PINK], ids=["plain", "pink"])
def test_jpeg_keeps_the_trace(style, quality):
    picture, columns, rows = draw_beat(**style)
    _assert_follows(_pixels(encoded(picture, "JPEG", quality=quality)), columns, rows)


def test_the_value_is_the_trace_upwards_over_its_own_range():
    found = read_beat_picture("beat.png", encoded(BEAT))
    assert (found.value.min(), found.value.max()) == (0.0, 1.0)
    assert found.value.argmax() == found.row_px.argmin()
    assert found.column_px.shape == found.row_px.shape == found.value.shape
    np.testing.assert_array_equal(np.diff(found.column_px), 1.0)
    assert not found.picture.flags.writeable


def test_a_mirrored_picture_gives_the_mirrored_trace():
    column, row, _ = trace_picture(BEAT)
    mirrored_column, mirrored_row, _ = trace_picture(np.ascontiguousarray(BEAT[:, ::-1]))
    np.testing.assert_allclose(mirrored_row[::-1], row, atol=1e-6)
    np.testing.assert_allclose(BEAT.shape[1] - 1 - mirrored_column[::-1], column, atol=1e-6)


def test_an_inverted_beat_keeps_the_depth_of_its_peak():
    inverted = trace_picture(np.ascontiguousarray(BEAT[::-1]))[1]
    np.testing.assert_allclose(BEAT.shape[0] - 1 - inverted, trace_picture(BEAT)[1], atol=1e-6)


# Every mode that a PNG or JPEG can have shows the same picture


def _grey() -> np.ndarray:
    return np.asarray(Image.fromarray(BEAT).convert("L"))


def _alpha() -> Image.Image:
    """Black ink on nothing: what viewers show on white."""
    clear = np.zeros((*BEAT.shape[:2], 4), np.uint8)
    clear[..., 3] = 255 - _grey()
    return Image.fromarray(clear)


def _grey_alpha() -> Image.Image:
    return Image.merge("LA", [Image.new("L", BEAT.shape[1::-1], 0), Image.fromarray(255 - _grey())])


MODES = {
    "RGB": lambda: encoded(BEAT),
    "L": lambda: encoded(_grey()),
    "16 bit": lambda: encoded(Image.fromarray(_grey().astype(np.uint16) * 257)),
    "RGBA": lambda: encoded(_alpha()),
    "LA": lambda: encoded(_grey_alpha()),
    "palette": lambda: encoded(Image.fromarray(_grey()).convert("P")),
    "interlaced text": lambda: encoded(BEAT, pnginfo=_info()),
    "palette with transparency": lambda: encoded(_clear_palette(), transparency=255),
    "16 bit RGB": lambda: _deep(BEAT),
    "16 bit RGBA": lambda: _deep(np.concatenate([np.zeros_like(BEAT), 255 - _grey()[..., None]], axis=2)),
    "WebP": lambda: encoded(BEAT, "WEBP", lossless=True),
    "WebP with alpha": lambda: encoded(_alpha(), "WEBP", lossless=True, exact=True),
    "with ICC profile": lambda: encoded(BEAT, icc_profile=b"not a profile at all"),
}


def _clear_palette() -> Image.Image:
    """Greys by index, of which the last shows through."""
    return Image.fromarray(_grey()).convert("P")


def _deep(picture: np.ndarray) -> bytes:
    """A PNG with 16 bits per channel, which Pillow does not write."""
    order = [2, 1, 0, 3][: picture.shape[2]]
    return cv2.imencode(".png", picture[..., order].astype(np.uint16) * 257)[1].tobytes()


def _info() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Patient", "John Smith")
    return info


@pytest.mark.parametrize("mode", MODES)
def test_every_png_mode_decodes_to_the_same_pixels(mode):
    np.testing.assert_array_equal(_pixels(MODES[mode]()), BEAT)


def test_one_bit_pictures_are_read():
    bitmap = Image.fromarray(_grey()).convert("1", dither=Image.Dither.NONE)
    _assert_follows(_pixels(encoded(bitmap)), COLUMNS, ROWS, peak_px=1.5)


def test_cmyk_looks_like_rgb():
    cmyk = _pixels(encoded(Image.fromarray(BEAT).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(cmyk.astype(int) - BEAT).mean() < 3


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_files_look_the_same(kind):
    found = _pixels(encoded(BEAT, kind, quality=95))
    assert np.abs(found.astype(int) - BEAT).mean() < 3


def test_greys_in_a_jpeg_are_greys():
    found = _pixels(encoded(Image.fromarray(_grey()), "JPEG", quality=95))
    assert (np.ptp(found, axis=2) == 0).all()
    assert np.abs(found[..., 0].astype(int) - _grey()).mean() < 3


def test_a_page_of_a_pdf_is_drawn_as_a_viewer_shows_it():
    pages = [Image.fromarray(BEAT), Image.fromarray(255 - BEAT)]
    payload = encoded(pages[0], "PDF", resolution=200.0, save_all=True, append_images=pages[1:], quality=95)
    assert count_pages(payload) == 2
    for number, page in enumerate(pages):
        found = read_picture(payload, "scan.pdf", page=number)
        assert (found.kind, found.page, found.pages) == ("PDF", number, 2)
        assert found.pixels.shape == (*BEAT.shape[:2], 3)
        assert np.abs(found.pixels.astype(int) - np.asarray(page)).mean() < 4
        assert not found.pixels.flags.writeable


def test_a_page_that_is_not_there_is_named():
    payload = encoded(Image.fromarray(BEAT), "PDF")
    for page in (1, -2):
        with pytest.raises(EcgError, match=f"has 1 pages, page {page + 1} was asked for"):
            read_picture(payload, "scan.pdf", page=page)
    with pytest.raises(EcgError, match="page 3 was asked for"):
        read_picture(encoded(BEAT), "beat.png", page=2)


def test_the_name_is_a_label_and_the_content_decides_the_kind():
    found = read_picture(encoded(BEAT, "JPEG"), "../../etc/passwd.pdf")
    assert (found.name, found.kind, found.pages) == ("passwd", "JPEG", 1)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), kind=st.sampled_from(sorted(GOOD)))
def test_no_mutation_of_a_picture_raises_anything_but_the_project_s_error(data, kind):
    payload = bytearray(GOOD[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(len(payload) - 1, data.draw(st.sampled_from([40, 400, 10_000])))))
        payload[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    cut = data.draw(st.one_of(st.none(), st.integers(1, len(payload))))
    try:
        found = read_picture(bytes(payload[:cut]), "b.png", limits=SMALL)
    except EcgError:
        return
    assert found.pixels.dtype == np.uint8
    assert found.pixels.ndim == 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_s_orientation_is_undone(orientation):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose members that store what EXIF turns back
    stored = Image.fromarray(BEAT)
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(_pixels(encoded(stored, exif=exif)), BEAT)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_is_refused(kind):
    frames = [Image.fromarray(BEAT), Image.fromarray(255 - BEAT)]
    payload = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(EcgError, match="animation of 2 frames"):
        _pixels(payload)


def test_a_transparent_grey_level_is_white():
    grey = np.where(_grey() > 250, 7, _grey()).astype(np.uint8)
    np.testing.assert_array_equal(_pixels(encoded(Image.fromarray(grey), transparency=7))[0, 0], [255, 255, 255])


@pytest.mark.parametrize(("width", "height"), [(10_001, 10), (5_001, 5_000)])
def test_the_pixel_limit_is_checked_before_decoding(width, height):
    with pytest.raises(LimitError, match=f"{width} x {height} pixels"):
        _pixels(png_header(width, height))


def test_a_trace_of_two_colours_of_ink_and_a_title_is_still_the_trace():
    picture, columns, rows = draw_beat(640, 480, ink=(31, 119, 180), frame=(0, 0, 0), labels=True)
    cv2.putText(picture, "Beat 12", (280, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
    _assert_follows(picture, columns, rows)


# Public pictures


@pytest.mark.data
@pytest.mark.parametrize("folder", ["normal", "abnormal"])
def test_the_public_beat_pictures_are_read_with_their_peaks(folder):
    files = sorted((data_root() / "beat_images" / folder).glob("*.png"))[::5]
    refused, lost = 0, []
    for file in files:
        try:
            found = read_beat_picture(file.name, file.read_bytes())
        except EcgError:
            refused += 1
            continue
        inked = np.flatnonzero((found.picture[..., 0] < 128).any(axis=1))
        lost.append(max(found.row_px.min() - inked[0], inked[-1] - found.row_px.max()) / np.ptp(inked))
    assert refused <= 0.01 * len(files)
    assert np.percentile(lost, 99) < 0.02


@pytest.mark.data
@pytest.mark.parametrize("pattern", ["ecg_pages/*/*.*", "paper_ecg/photos/*.jpg", "paper_ecg/rendered/*.png"])
def test_pages_and_photos_of_pages_are_not_beat_pictures(pattern):
    files = sorted(data_root().glob(pattern))
    assert files
    for file in files[:: max(1, len(files) // 5)]:
        with pytest.raises(EcgError, match="not an ECG beat picture"):
            read_beat_picture(file.name, file.read_bytes())
