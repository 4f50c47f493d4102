"""The one loader of untrusted pictures: limits from the header, then Pillow, then plain RGB."""

from __future__ import annotations

import io
import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.config import DEFAULT, Limits
from pipeline.domain import PictureArray
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import foreign_kind, require_size

_FORMATS: Final = ("PNG", "JPEG")
_GREY_16: Final = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_LIBRARY_ERRORS: Final = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    ArithmeticError,
    SyntaxError,  # Pillow's for broken PNG chunks
    EOFError,
    MemoryError,
    Warning,  # warnings are errors while a picture is decoded
)


def load_picture(payload: bytes, *, limits: Limits = DEFAULT.limits) -> PictureArray:
    """Decode a PNG or JPEG picture.

    Parameters
    ----------
    payload : bytes
        The file. Its size and its pixels are checked before anything is decoded.

    Returns
    -------
    (height, width, 3) uint8
        RGB as a viewer would show it on white: turned as EXIF says, 16 bit scaled to 8, transparency over white,
        CMYK and palettes converted, first frame only, colour profiles ignored.

    Raises
    ------
    LimitError
        If bytes, pixels or a side exceed a published limit.
    IntakeError
        If it is no PNG or JPEG, or is damaged.
    """
    require_size(payload, limits.picture_bytes, "The picture")
    kind = foreign_kind(payload)
    if kind not in ("a PNG picture", "a JPEG picture"):
        raise IntakeError(f"The picture is {kind or 'not an image'} by its content; use PNG or JPEG.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with Image.open(io.BytesIO(payload), formats=_FORMATS) as image:
                _check_pixels(image, limits)
                image.load()
                return _as_rgb(image)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise LimitError(
                f"The picture has more than {limits.picture_pixels:,} pixels, which is the limit; make it smaller."
            ) from error
        except (UnidentifiedImageError, *_LIBRARY_ERRORS) as error:
            raise IntakeError("The picture is damaged and cannot be decoded; save it again as PNG.") from error


def _check_pixels(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    if max(width, height) > limits.picture_side_px or width * height > limits.picture_pixels:
        raise LimitError(
            f"The picture has {width} x {height} pixels, the limit is {limits.picture_side_px} per side and "
            f"{limits.picture_pixels:,} in all; make it smaller."
        )


def _as_rgb(image: Image.Image) -> PictureArray:
    image = ImageOps.exif_transpose(image)
    if image.mode in _GREY_16:
        return np.repeat(_scaled(np.asarray(image), image.info.get("transparency"))[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    return np.array(image.convert("RGB"))


def _scaled(values: NDArray[np.generic], transparent: object) -> PictureArray:
    """16-bit greys as 8 bits; the one grey that a PNG may declare transparent becomes white."""
    wide = values.astype(np.int64)
    grey = np.clip((wide + 128) // 257, 0, 255).astype(np.uint8)
    if isinstance(transparent, int):
        grey[wide == transparent] = 255
    return grey
