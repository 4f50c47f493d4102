"""The printed page: A4, fonts, colours, header and footer of every page."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Final, Literal

from fpdf import FPDF, ViewerPreferences
from fpdf.enums import PageOrientation
from fpdf.fonts import TTFFont

from pipeline.export.printable_text import CJK, FONTS, MAIN, needs_shaping, other_fonts, printable
from pipeline.review.beats_in_force import REJECTED, UNCLASSIFIED
from pipeline.rhythm_names import rhythm_name
from pipeline.types import Episode, RhythmCode
from pipeline.wording import RESEARCH_USE

Colour = tuple[int, int, int]
Align = Literal["L", "C", "R"]

WIDTH_MM: Final = 210.0
HEIGHT_MM: Final = 297.0
LEFT_MM: Final = 12.5
RIGHT_MM: Final = WIDTH_MM - LEFT_MM
INNER_MM: Final = RIGHT_MM - LEFT_MM  # 185 mm: 37 squares of 5 mm
TOP_MM: Final = 20.0
BOTTOM_MM: Final = HEIGHT_MM - 20.0

INK: Final[Colour] = (23, 33, 43)
MUTED: Final[Colour] = (92, 104, 115)
RULE: Final[Colour] = (208, 214, 219)
PANEL: Final[Colour] = (244, 246, 248)
ACCENT: Final[Colour] = (11, 92, 138)
ALARM: Final[Colour] = (176, 32, 32)
SETTLED: Final[Colour] = (0, 116, 90)
WHITE: Final[Colour] = (255, 255, 255)
CLASS_COLOURS: Final = MappingProxyType(
    {
        "N": (92, 104, 115),
        "S": (0, 103, 168),
        "V": (184, 74, 0),
        "F": (155, 56, 120),
        "Q": (0, 116, 90),
        UNCLASSIFIED: (122, 106, 0),
        REJECTED: (120, 120, 120),
    }
)
# Fill and ink of a band of rhythm; families of rhythms share a hue, every stretch with room has its name as well.
RHYTHM_COLOURS: Final[Mapping[RhythmCode, tuple[Colour, Colour]]] = MappingProxyType(
    {
        **{"VFL": ((166, 15, 32), (255, 255, 255)), "ASYS": ((23, 33, 43), (255, 255, 255))},
        **{"VT": ((184, 74, 0), (255, 255, 255)), "IVR": ((138, 90, 0), (255, 255, 255))},
        **{"BIII": ((107, 17, 80), (255, 255, 255)), "BII": ((155, 56, 120), (255, 255, 255))},
        **{"BI": ((235, 198, 221), (23, 33, 43)), "AFIB": ((0, 103, 168), (255, 255, 255))},
        **{"AFL": ((47, 75, 155), (255, 255, 255)), "SVTA": ((90, 61, 153), (255, 255, 255))},
        **{"NOD": ((110, 90, 160), (255, 255, 255)), "P": ((0, 116, 90), (255, 255, 255))},
        **{"B": ((240, 178, 122), (23, 33, 43)), "T": ((247, 211, 170), (23, 33, 43))},
        **{"SBR": ((188, 211, 230), (23, 33, 43)), "ST": ((236, 222, 170), (23, 33, 43))},
        **{"NOISE": ((178, 184, 190), (23, 33, 43)), "N": ((225, 230, 234), (23, 33, 43))},
    }
)
LETTERS: Final = MappingProxyType({UNCLASSIFIED: "?", REJECTED: "×"})  # the others stand for themselves

_POINT_MM: Final = 25.4 / 72
_CELL_BASELINE: Final = 0.8  # share of the height of a cell as high as its letters, from its upper edge


class ReportSheet(FPDF):
    """An A4 document in millimetres.

    `heading` stands at the top of each page, `state` in its corner, `origin` at the bottom; `settled` is True once the
    study is signed.
    """

    def __init__(self, *, title: str, heading: str, state: str, origin: str, created: datetime, settled: bool) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self.add_font(MAIN, "", FONTS / f"{MAIN}.ttf")
        self.add_font(MAIN, "B", FONTS / f"{MAIN}-Bold.ttf")
        self.set_auto_page_break(False)
        self.set_creation_date(created)
        self.set_title(self.clean(title))
        self.set_lang("en")
        self.set_creator("HeartVision")
        self.viewer_preferences = ViewerPreferences(print_scaling="None", display_doc_title=True)
        self._heading, self._state, self._origin = heading, state, origin
        self._state_colour = SETTLED if settled else ALARM

    def header(self) -> None:
        """Draw the name of the document on the left and its state on the right."""
        self.say(LEFT_MM, 12, "HeartVision", 8, bold=True, colour=ACCENT)
        self.say(LEFT_MM + 23, 12, self.fit(self._heading, 100, 8), 8, colour=MUTED)
        right, _ = self._edges()
        state = self.fit(self._state, 60, 8, bold=True)
        self.say(right, 12, state, 8, bold=True, colour=self._state_colour, align="R")
        self.rule(15, stop=right)

    def footer(self) -> None:
        """Draw the notice, the page number, and where the content came from."""
        right, bottom = self._edges()
        self.rule(bottom - 15, stop=right)
        self.say(LEFT_MM, bottom - 11, RESEARCH_USE, 7, bold=True)
        self.say(LEFT_MM, bottom - 7, self.fit(self._origin, INNER_MM, 6.5), 6.5, colour=MUTED)
        self.set_xy(right - 22, bottom - 14)
        self.cell(22, 4, f"Page {self.page_no()} of {{nb}}")  # only cells know the number of pages

    def _edges(self) -> tuple[float, float]:
        """Return the right margin and the lower edge of the page that is open, upright or in landscape, mm."""
        return (
            (RIGHT_MM, HEIGHT_MM)
            if self.cur_orientation == PageOrientation.PORTRAIT
            else (HEIGHT_MM - LEFT_MM, WIDTH_MM)
        )

    def clean(self, text: str) -> str:
        """Return `text` as the fonts can show it."""
        known = self._glyphs(MAIN)
        return printable(text, known, *map(self._glyphs, self._others(text)))

    def _others(self, text: str) -> tuple[str, ...]:
        known = self._glyphs(MAIN)
        return other_fonts("".join(c for c in text if ord(c) not in known))

    def _glyphs(self, name: str) -> Container[int]:
        """Return the code points of a font; fonts other than the first are loaded on demand."""
        if name.lower() not in self.fonts:
            for style in ("", "B"):  # they have one weight
                self.add_font(name, style, FONTS / f"{name}.ttf")
        font = self.fonts[name.lower()]
        return font.cmap if isinstance(font, TTFFont) else ()

    @contextmanager
    def _shaping(self, text: str) -> Iterator[bool]:
        """Tell whether the text must be shaped; meanwhile its letters come from whichever font has them."""
        if not needs_shaping(text):
            yield False
            return
        self.set_fallback_fonts(list(self._others(text)), exact_match=False)
        self.set_text_shaping(True)
        try:
            yield True
        finally:
            self.set_text_shaping(False)
            self.set_fallback_fonts([])

    def _runs(self, clean: str) -> Iterator[tuple[str, str]]:
        """Yield the text in pieces, each with the font that has its glyphs."""
        known = self._glyphs(MAIN)
        for own, piece in groupby(clean, key=lambda c: ord(c) in known):
            yield MAIN if own else CJK, "".join(piece)

    def say(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        bold: bool = False,
        colour: Colour = INK,
        align: Align = "L",
    ) -> None:
        """Write one line of text.

        Parameters
        ----------
        x : float
            Left edge, middle or right edge, by `align`, mm.
        y : float
            Baseline, mm.
        text : str
            The text; see `clean`.
        size : float
            Font size, points.
        bold : bool, optional
            Whether it is bold.
        colour : Colour, optional
            RGB, 0..255.
        align : Align, optional
            What `x` refers to.
        """
        clean = self.clean(text)
        width = self.width_of(clean, size, bold=bold)
        self.set_text_color(*colour)
        left = x - {"L": 0.0, "C": width / 2, "R": width}[align]
        with self._shaping(clean) as shaped:
            if shaped:
                self.set_font(MAIN, "B" if bold else "", size)
                self.set_xy(left - self.c_margin, y - _CELL_BASELINE * self.font_size)
                self.cell(width + 2 * self.c_margin, self.font_size, clean)
                return
        for font, piece in self._runs(clean):
            self.set_font(font, "B" if bold else "", size)
            self.text(left, y, piece)
            left += self.get_string_width(piece)

    @contextmanager
    def rect_clip(self, x: float, y: float, w: float, h: float) -> Iterator[None]:
        """Clip what is drawn to a rectangle; what is written after it has its own font again.

        Parameters
        ----------
        x, y : float
            Upper left corner, mm.
        w, h : float
            Size, mm.

        Notes
        -----
        The end of a clip gives a PDF the font that it had before it. `FPDF.rect_clip` knows nothing of that: letters
        after it would be drawn with the glyphs of another font.
        """
        with self.local_context(), super().rect_clip(x, y, w, h):
            yield

    def width_of(self, text: str, size: float, *, bold: bool = False) -> float:
        """Return the width of a text.

        Parameters
        ----------
        text : str
            The text.
        size : float
            Font size, points.
        bold : bool, optional
            Whether it is bold.

        Returns
        -------
        float
            mm.
        """
        with self._shaping(text) as shaped:
            if shaped:
                self.set_font(MAIN, "B" if bold else "", size)
                return float(self.get_string_width(text))
        width = 0.0
        for font, piece in self._runs(text):
            self.set_font(font, "B" if bold else "", size)
            width += self.get_string_width(piece)
        return width

    def fit(self, text: str, width: float, size: float, *, bold: bool = False) -> str:
        """Shorten a text with an ellipsis if it is too wide.

        Parameters
        ----------
        text : str
            The text.
        width : float
            Space, mm.
        size : float
            Font size, points.
        bold : bool, optional
            Whether it is bold.
        """
        clean = self.clean(text)
        if self.width_of(clean, size, bold=bold) <= width:
            return clean
        while clean and self.width_of(f"{clean}…", size, bold=bold) > width:
            clean = clean[:-1]
        return f"{clean.rstrip()}…"

    def wrap(self, text: str, width: float, size: float) -> list[str]:
        """Break a text into lines.

        Parameters
        ----------
        text : str
            The text.
        width : float
            Space, mm.
        size : float
            Font size, points.
        """
        lines = [""]
        for word in self.clean(text).split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.width_of(longer, size) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        return [self.fit(line, width, size) for line in lines]

    def rule(self, y: float, x: float = LEFT_MM, stop: float = RIGHT_MM) -> None:
        """Draw a fine horizontal line.

        Parameters
        ----------
        y : float
            Height, mm.
        x, stop : float, optional
            Left and right end, mm.
        """
        self.set_draw_color(*RULE)
        self.set_line_width(0.2)
        self.line(x, y, stop, y)

    def panel(self, x: float, y: float, width: float, height: float, colour: Colour = PANEL) -> None:
        """Draw a filled rectangle.

        Parameters
        ----------
        x, y : float
            Top left corner, mm.
        width, height : float
            Size, mm.
        colour : Colour, optional
            RGB, 0..255.
        """
        self.set_fill_color(*colour)
        self.rect(x, y, width, height, "F")

    def rhythm(self, x: float, y: float, width: float, height: float, episode: Episode) -> None:
        """Draw an episode of rhythm as a band, with its name if there is room.

        Parameters
        ----------
        x, y : float
            Top left corner, mm.
        width, height : float
            Size, mm.
        episode : Episode
            The episode.
        """
        fill, ink = RHYTHM_COLOURS[episode.rhythm]
        self.panel(x, y, width, height, fill)
        size, name = 0.62 * height / _POINT_MM, rhythm_name(episode).short
        if self.width_of(name, size) < width - 1:
            self.say(x + width / 2, y + 0.72 * height, name, size, colour=ink, align="C")

    def badge(self, x: float, y: float, letter: str, size: float, *, boxed: bool) -> None:
        """Write the letter of a class; in a filled box if a person decided it.

        Parameters
        ----------
        x : float
            Middle of the letter, mm.
        y : float
            Baseline, mm.
        letter : str
            The class.
        size : float
            Font size, points.
        boxed : bool
            Whether it stands in a filled box.
        """
        colour = CLASS_COLOURS[letter]
        shown = LETTERS.get(letter, letter)
        if boxed:
            height = size * _POINT_MM
            self.set_fill_color(*colour)
            self.rect(x - height * 0.55, y - height * 0.92, height * 1.1, height * 1.12, "F")
        self.say(x, y, shown, size, bold=True, colour=WHITE if boxed else colour, align="C")
