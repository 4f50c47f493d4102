"""The one loader of untrusted pictures: limits from the header, then Pillow or PDFium, then plain RGB."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pipeline.config import DEFAULT, Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import file_stem, foreign_kind, require_size, safe_name, second_kind
from pipeline.intake.pdf_reader import count_pdf_pages, read_pdf_page
from pipeline.types import PictureArray, RgbPicture, read_only

_KINDS: Final = (
    ("a PNG picture", "PNG"),
    ("a JPEG picture", "JPEG"),
    ("a WebP picture", "WebP"),
    ("a PDF document", "PDF"),
)
_GREY_16: Final = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_ORIENTATION: Final = 0x0112  # EXIF
_TURNS: Final = (
    None,
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.ROTATE_180,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)  # what undoes each orientation, 1 first
_SCANS_MAX: Final = 100  # of a progressive JPEG: each scan is decoded over the whole picture
_LIBRARY_ERRORS: Final = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    OverflowError,
    ArithmeticError,
    RuntimeError,
    SyntaxError,  # Pillow's for broken PNG chunks
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Warning,  # warnings are errors while a picture is decoded
)


def read_picture(payload: bytes, name: str, *, page: int = 0, limits: Limits = DEFAULT.limits) -> RgbPicture:
    """Decode an untrusted PNG, JPEG or WebP picture, or a page of a PDF document; the content decides the kind.

    Parameters
    ----------
    payload : bytes
        The file. Its size and its pixels are checked before anything is decoded.
    name : str
        Untrusted file name; used as a label only.
    page : int, optional
        Which page of a PDF document, from 0; pictures have page 0 only.
    limits : Limits, optional
        Limits of the intake.

    Returns
    -------
    RgbPicture
        RGB as a viewer would show it on white: EXIF orientation applied, 16 bit scaled to 8, transparency over white,
        CMYK and palettes converted, colour profiles ignored; PDF pages drawn at `limits.pdf_dpi`.

    Raises
    ------
    LimitError
        If bytes, pixels, a side, pages or the time for a PDF exceed a published limit.
    IntakeError
        If it is of no such kind, damaged, protected, animated, or also something other than a picture.
    """
    kind = _checked_kind(payload, limits)
    if kind == "PDF":
        pixels, pages = read_pdf_page(payload, page, limits=limits)
    elif page == 0:
        pixels, pages = _decoded(payload, kind, limits), 1
    else:
        raise IntakeError(f"The picture has 1 page, page {page + 1} was asked for; choose the first.")
    label = safe_name(file_stem(name), default="picture")
    return RgbPicture(label, hashlib.sha256(payload).hexdigest(), read_only(pixels), kind, page, pages)


def count_pages(payload: bytes, *, limits: Limits = DEFAULT.limits) -> int:
    """Count the pages that `read_picture` can read: those of a PDF document, 1 for any other kind.

    Raises
    ------
    LimitError, IntakeError
        As `read_picture`; pictures other than PDF are checked but not decoded.
    """
    return count_pdf_pages(payload, limits=limits) if _checked_kind(payload, limits) == "PDF" else 1


def _checked_kind(payload: bytes, limits: Limits) -> str:
    require_size(payload, limits.picture_bytes, "The picture")
    found = foreign_kind(payload)
    kind = dict(_KINDS).get(found or "")
    if kind is None:
        raise IntakeError(f"The picture is {found or 'not an image'} by its content; use PNG or JPEG, WebP or PDF.")
    if (second := second_kind(payload, page=kind == "PDF")) is not None:
        raise IntakeError(f"The picture is {found} and {second} at once; save it again as PNG.")
    return kind


def _decoded(payload: bytes, kind: str, limits: Limits) -> PictureArray:
    if kind == "JPEG" and payload.count(b"\xff\xda") > _SCANS_MAX:
        raise LimitError(f"The picture has more than {_SCANS_MAX} scans, which is the limit; save it again as PNG.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with Image.open(io.BytesIO(payload), formats=(kind.upper(),)) as image:
                _check_pixels(image, limits)
                _check_frames(image, kind)
                image.load()
                return _as_rgb(image)
        except IntakeError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise LimitError(
                f"The picture has more than {limits.picture_pixels:,} pixels, which is the limit; make it smaller."
            ) from error
        except _LIBRARY_ERRORS as error:
            raise IntakeError("The picture is damaged and cannot be decoded; save it again as PNG.") from error


def _check_pixels(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    if max(width, height) > limits.picture_side_px or width * height > limits.picture_pixels:
        raise LimitError(
            f"The picture has {width} x {height} pixels, the limit is {limits.picture_side_px} per side and "
            f"{limits.picture_pixels:,} in all; make it smaller."
        )
    if min(width, height) < 1:
        raise IntakeError(f"The picture has {width} x {height} pixels, at least 1 per side is needed; save it again.")


def _check_frames(image: Image.Image, kind: str) -> None:
    """Refuse animations; a phone's depth map or second exposure in a JPEG file is not one."""
    frames = getattr(image, "n_frames", 1)
    if kind != "JPEG" and frames > 1:
        raise IntakeError(f"The picture is an animation of {frames} frames, 1 is allowed; save one of them as PNG.")


def _as_rgb(image: Image.Image) -> PictureArray:
    if (turn := _turn(image)) is not None:
        image = image.transpose(turn)
    if image.mode in _GREY_16:
        return np.repeat(_scaled(np.asarray(image), image.info.get("transparency"))[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(background, image)
    return np.array(image.convert("RGB"))


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return what undoes the camera's orientation; None if the file does not state a valid one."""
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except _LIBRARY_ERRORS:
        return None
    if not isinstance(orientation, int) or not 1 <= orientation <= len(_TURNS):
        return None
    return _TURNS[orientation - 1]


def _scaled(values: NDArray[np.generic], transparent: object) -> PictureArray:
    """Scale 16-bit greys to 8 bits; the one grey that a PNG may declare transparent becomes white."""
    wide = values.astype(np.int64)
    grey = np.clip((wide + 128) // 257, 0, 255).astype(np.uint8)
    if isinstance(transparent, int):
        grey[wide == transparent] = 255
    return grey
