"""Draws the words that ECG pages carry, in several typefaces: `python -m pipeline.digitisation.glyphs`.

Writes glyphs.npz beside this file: arrays `TYPEFACE/WORD` (h, w) uint8, ink 255. Typefaces starting with "held" serve
the test pages of `pipeline.synthesis.ecg_pages` and are never templates of the reader.
Fonts: DejaVu (Bitstream Vera licence), Liberation
(SIL OFL 1.1), STIX and Computer Modern as shipped with matplotlib (free licences).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont  # noqa: TID251 - it draws, and decodes nothing

from pipeline.digitisation.phrases import GLYPHS, LETTERS, NUMBERS, SINGLE_LEADS, UNITS
from pipeline.digitisation.words import CUT_OFF, LEAD_NAMES

OTHERS = ("ID 4711", "HR 72", "0.05-40 Hz", "Sinus rhythm")
PHRASES = (*UNITS, *(number for numbers in NUMBERS.values() for number in numbers), *SINGLE_LEADS)
WORDS = dict.fromkeys((*LEAD_NAMES, *CUT_OFF, *PHRASES, *LETTERS, *OTHERS))
HEIGHT_PX = 48
DEJAVU, LIBERATION = Path("/usr/share/fonts/truetype/dejavu"), Path("/usr/share/fonts/truetype/liberation")
FACES = {
    "sans": DEJAVU / "DejaVuSans.ttf",
    "mono-bold": DEJAVU / "DejaVuSansMono-Bold.ttf",
    "serif-wide": DEJAVU / "DejaVuSerif.ttf",
    "times": LIBERATION / "LiberationSerif-Regular.ttf",
    "times-bold": LIBERATION / "LiberationSerif-Bold.ttf",
    "helvetica": LIBERATION / "LiberationSans-Regular.ttf",
    "helvetica-bold": LIBERATION / "LiberationSans-Bold.ttf",
    "courier": LIBERATION / "LiberationMono-Regular.ttf",
    "held-narrow": LIBERATION / "LiberationSansNarrow-Regular.ttf",
    "held-condensed": DEJAVU / "DejaVuSansCondensed-Bold.ttf",
    "held-mono": LIBERATION / "LiberationMono-Bold.ttf",
    "held-serif": DEJAVU / "DejaVuSerifCondensed.ttf",
}


def glyph(word: str, face: Path) -> NDArray[np.uint8]:
    """One word, cropped to its ink."""
    font = ImageFont.truetype(str(face), HEIGHT_PX)
    image = Image.new("L", (HEIGHT_PX * (len(word) + 2), 2 * HEIGHT_PX))
    ImageDraw.Draw(image).text((HEIGHT_PX // 2, HEIGHT_PX // 4), word, fill=255, font=font)
    return np.asarray(image.crop(image.getbbox()))


if __name__ == "__main__":
    arrays: dict[str, Any] = {
        f"{name}/{word.replace('/', '|')}": glyph(word, face) for name, face in FACES.items() for word in WORDS
    }
    np.savez_compressed(GLYPHS, **arrays)
    sys.stdout.write(f"{GLYPHS}: {len(arrays)} words, {GLYPHS.stat().st_size:,} bytes\n")
