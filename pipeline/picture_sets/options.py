"""How a set of pictures is made: style, size, window, label and split, and which of them go together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

from pipeline.config import DEFAULT
from pipeline.digitisation.layouts import LAYOUTS
from pipeline.errors import DataError

Style = Literal["model", "paper", "plain", "spectrogram", "scalogram", "gaf", "page"]
Label = Literal["beat", "rhythm", "normal-abnormal"]
Split = Literal["none", "ds1ds2", "patient"]

STYLES: Final[tuple[Style, ...]] = get_args(Style)
LABELS: Final[tuple[Label, ...]] = get_args(Label)
SPLITS: Final[tuple[Split, ...]] = get_args(Split)
SIDE_PX: Final = 224  # what most networks for photographs read
SIDES_PX: Final = (32, 2048)  # smallest and largest side of a picture, pixels
STRIP_PX: Final = (672, 224)  # of a rhythm strip as a curve: three times as wide as high
STRIP_HEIGHT_PX: Final = 200  # of a rhythm strip on paper: 50 mm, at ...
STRIP_PX_PER_S: Final = 100  # ... 4 pixels per mm
PX_PER_MM_MIN: Final = 2.0  # narrower, a millimetre of paper cannot be told from the line
PAGE_WIDTHS_PX: Final = (400, 4000)
STRIP_S: Final = 10.0  # of a rhythm strip and of a page: the length of a standard 12-lead ECG
STRIPS_S: Final = (2.0, 60.0)
WINDOWS_S: Final = (0.1, 5.0)  # least and greatest part of a beat's window on either side of R
# Seconds before and after R: a beat alone, as the networks see it; four large squares of paper, which hold one beat at
# usual rates; and more for frequencies, the lowest of which need a second to be told apart.
SHORT_S: Final = (DEFAULT.picture.beat_before_s, DEFAULT.picture.beat_after_s)
PAPER_S: Final = (0.3, 0.5)
LONG_S: Final = (0.4, 0.8)


@dataclass(frozen=True)
class PictureSetOptions:
    """How a set of pictures is made; `checked` fills in what depends on other options.

    Attributes
    ----------
    style : Style
        `model` is the picture that the networks see, `paper` ECG paper to scale, `plain` a black curve on white,
        `spectrogram`, `scalogram` and `gaf` the transforms of `pipeline.picture_sets.transforms`, and `page` a printed
        page of 12 leads.
    size_px : tuple of (int, int), optional
        Width and height, pixels. None is the style's own: 224 x 224, 96 x 64 for `model`, wider for
        strips that are curves, 8 pixels per mm for `page`.
    window_s : tuple of (float, float), optional
        Seconds before and after R; for strips and pages, 0 and their length. None is the style's own.
    label : Label, optional
        `beat` is the AAMI class, `rhythm` a code of `pipeline.rhythm_names`, `normal-abnormal` class N or another one.
        None is `rhythm` for pages, which show many beats, else `beat`.
    split : Split
        `ds1ds2` divides MIT-BIH as de Chazal did, `patient` whole patients at random, `none` not at all.
    random_split : bool
        Whether pictures are divided at random instead, those of one patient too.
    lead : str
        Which lead is drawn; "" is the one that the analysis reads first.
    layout : str
        How pages are laid out, a name of `pipeline.digitisation.layouts.LAYOUTS`.
    most : int
        At most this many pictures of each class from each record, spread over it; 0 is all.
    seed : int
        Of the divisions at random.
    """

    style: Style = "plain"
    size_px: tuple[int, int] | None = None
    window_s: tuple[float, float] | None = None
    label: Label | None = None
    split: Split = "none"
    random_split: bool = False
    lead: str = ""
    layout: str = "3x4+1"
    most: int = 0
    seed: int = 0

    @property
    def of_beats(self) -> bool:
        """Whether each picture shows one beat, rather than a stretch of the recording."""
        return self.style != "page" and (self.style == "model" or self.label != "rhythm")


def checked(options: PictureSetOptions) -> PictureSetOptions:
    """Return the options with every default filled in.

    Raises
    ------
    DataError
        If they do not go together, or a size or a window is out of bounds; one sentence.
    """
    label = options.label or ("rhythm" if options.style == "page" else "beat")
    found = PictureSetOptions(**{**vars(options), "label": label})
    if found.style == "page" and label == "beat":
        raise DataError("A page shows many beats and has no class of beat; choose the label rhythm or normal-abnormal.")
    if found.layout not in LAYOUTS:
        raise DataError(f"There is no layout {found.layout!r}; there are {', '.join(LAYOUTS)}.")
    if found.random_split and found.split == "ds1ds2":
        raise DataError("DS1 and DS2 are divided by patient, a random split is not; choose one of them.")
    if found.style == "page" and found.lead:
        raise DataError("A page shows all its leads; leave out the lead.")
    full = PictureSetOptions(**{**vars(found), "size_px": _size(found), "window_s": _window(found)})
    _check_scale(full)
    return full


def usual_window(style: Style) -> tuple[float, float]:
    """Return the seconds before and after R that pictures of beats show unless others are asked for."""
    return {"paper": PAPER_S, "spectrogram": LONG_S, "scalogram": LONG_S}.get(style, SHORT_S)


def _size(options: PictureSetOptions) -> tuple[int, int] | None:
    if options.size_px is None:
        return None if options.style == "page" else _own_size(options)
    low, high = PAGE_WIDTHS_PX if options.style == "page" else SIDES_PX
    if wrong := [side for side in options.size_px if not low <= side <= high]:
        raise DataError(f"A side of {wrong[0]} pixels is outside {low} to {high}.")
    if options.style == "page" and options.size_px[0] != options.size_px[1]:
        raise DataError("A page keeps the proportions of its paper; give one number, its width.")
    return options.size_px


def _own_size(options: PictureSetOptions) -> tuple[int, int]:
    if options.style == "model":
        return DEFAULT.picture.width_px, DEFAULT.picture.height_px
    if options.of_beats or options.style not in ("plain", "paper"):
        return SIDE_PX, SIDE_PX
    width = min(SIDES_PX[1], round(sum(_window(options)) * STRIP_PX_PER_S))
    return (width, STRIP_HEIGHT_PX) if options.style == "paper" else STRIP_PX


def _check_scale(options: PictureSetOptions) -> None:
    """Refuse paper on which a millimetre cannot be seen. Raises DataError."""
    if options.style != "paper" or options.size_px is None:
        return
    from pipeline.export.ecg_paper import SPEED_MM_S  # the PDF library, which the command line does not need to start

    length_mm = sum(options.window_s or (0.0, 0.0)) * SPEED_MM_S
    least = math.ceil(length_mm * PX_PER_MM_MIN)
    if options.size_px[0] < least:
        raise DataError(
            f"The window is {length_mm:g} mm of paper, for which {options.size_px[0]} pixels are too few; "
            f"give --size {least}x{STRIP_HEIGHT_PX} or more."
        )


def _window(options: PictureSetOptions) -> tuple[float, float]:
    if options.style == "model" and options.window_s not in (None, SHORT_S):
        raise DataError("The picture of style model has a window of its own, the one that networks see; leave it out.")
    if not options.of_beats:
        before, after = options.window_s or (0.0, STRIP_S)
        if not STRIPS_S[0] <= before + after <= STRIPS_S[1]:
            raise DataError(f"A strip of {before + after:g} s is outside {STRIPS_S[0]:g} to {STRIPS_S[1]:g} s.")
        return 0.0, before + after
    window = options.window_s or usual_window(options.style)
    if wrong := [part for part in window if not WINDOWS_S[0] <= part <= WINDOWS_S[1]]:
        low, high = WINDOWS_S
        raise DataError(f"A window that begins or ends {wrong[0]:g} s from R is outside {low:g} to {high:g} s.")
    return window
