"""The pictures of what was cut out of a recording, in any style, and a few of them to look at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.beat_images.own_picture import model_geometry
from pipeline.config import DEFAULT
from pipeline.errors import SignalError
from pipeline.features.beat_image import draw
from pipeline.features.beat_image_content import picture_content
from pipeline.picture_sets import drawing, pages
from pipeline.picture_sets.labelling import Cuts, Load, cut
from pipeline.picture_sets.options import PictureSetOptions, checked
from pipeline.picture_sets.sources import Source
from pipeline.picture_sets.transforms import MARGIN_S
from pipeline.signal.beat_windows import gather
from pipeline.synthesis.ecg_pages import PageStyle
from pipeline.types import FloatArray, IntArray, PictureArray

APART_S: Final = 0.1  # a curve of a beat ends so far from its neighbours' R peaks: a wide QRS begins there
CURVES: Final = ("plain", "paper")
MEASURED: Final = 5000  # stretches of a recording, evenly spaced, are enough to choose its gain


@dataclass(frozen=True, eq=False)
class Drawer:
    """Draws what was cut out of one recording.

    Attributes
    ----------
    cuts : Cuts
        What is drawn.
    options : PictureSetOptions
        Checked options.
    gain : float, optional
        mm/mV, of pictures on paper.
    leads : mapping of str to (n,) float32, optional
        Of pages: the filtered leads.
    """

    cuts: Cuts
    options: PictureSetOptions
    gain: float | None = None
    leads: dict[str, FloatArray] | None = None

    @property
    def shown(self) -> str:
        """Names of the leads in the pictures."""
        if self.leads is not None:
            return " ".join(self.leads)
        return " ".join(self.cuts.prepared.leads if self.options.style == "model" else self.cuts.prepared.leads[:1])

    def spans_s(self) -> tuple[float, float]:
        """Return what is shown of each beat or strip: seconds from its place to the start, and to the stop."""
        if self.options.style == "model":
            return -DEFAULT.picture.strip_half_s, DEFAULT.picture.strip_half_s
        before, after = self.options.window_s or (0.0, 0.0)
        return -before, after

    def shown_s(self) -> NDArray[np.float64]:
        """Return the same for each picture (n, 2): a curve of a beat ends before its neighbours."""
        if self.options.style in CURVES and self.options.of_beats:
            return np.array(self.spans_s()) + _cut_short(self.cuts, self.options) / self.cuts.prepared.beats.fs
        return np.tile(self.spans_s(), (len(self.cuts), 1))

    def draw(self, index: IntArray) -> Sequence[PictureArray]:
        """Draw those at `index`: (h, w) grey or (h, w, 3) RGB, uint8, one each."""
        options, beats = self.options, self.cuts.prepared.beats
        if self.leads is not None:
            style = PageStyle(layout=options.layout, seconds=self.spans_s()[1])
            width = options.size_px[0] if options.size_px else 0
            at = self.cuts.sample[index]
            return pages.draw_pages(self.leads, self.cuts.prepared.recording.fs, at, style, self.gain or 0.0, width)
        size = options.size_px or (0, 0)
        if options.style == "model":
            geometry = model_geometry(size)
            return list(draw(picture_content(beats, self.cuts.beat[index], geometry), geometry))
        margin = round(MARGIN_S * beats.fs) if options.style in ("spectrogram", "scalogram") else 0
        signal = stretches(self.cuts, options, index, margin)
        if options.style in CURVES:
            signal = _without_neighbours(self.cuts, options, index, signal)
        if options.style == "plain":
            return list(drawing.draw_plain(signal, size))
        if options.style == "paper":
            return list(drawing.draw_on_paper(signal * beats.scale_mv[0], beats.fs, size, self.gain or 1.0))
        return list(drawing.draw_transform(options.style, signal, beats.fs, margin, size))


@dataclass(frozen=True, eq=False)
class Example:
    """A picture to look at before a set is made.

    Attributes
    ----------
    picture : (h, w) or (h, w, 3) uint8
        Grey or RGB.
    label : str
        Its class.
    time_s : float
        Where its beat is, or its strip begins, seconds.
    predicted : bool
        Whether a network labelled it.
    confidence : float
        Of a predicted label, 0..1.
    gain : float, optional
        mm/mV, of a picture on paper.
    """

    picture: PictureArray
    label: str
    time_s: float
    predicted: bool
    confidence: float
    gain: float | None


def drawer_for(cuts: Cuts, options: PictureSetOptions) -> Drawer:
    """Return what draws the cuts of a recording; the gain of its paper is chosen once for all of them.

    Parameters
    ----------
    cuts : Cuts
        What was cut out.
    options : PictureSetOptions
        Checked options.

    Raises
    ------
    SignalError
        If it is to be drawn to scale, and a lead is missing or has no gain.
    """
    prepared = cuts.prepared
    if options.style == "page":
        leads = pages.page_leads(prepared.recording, options.layout)
        span = round((options.window_s or (0.0, 0.0))[1] * prepared.recording.fs)
        return Drawer(cuts, options, pages.gain_for(leads, cuts.sample, span, options.layout), leads=leads)
    if options.style != "paper" or not len(cuts):
        return Drawer(cuts, options)
    first = prepared.leads[0]
    if not prepared.recording.calibrated[prepared.recording.leads.index(first)]:
        raise SignalError(f"Lead {first} has no gain, so that it cannot be drawn to scale; choose another style.")
    some = np.arange(0, len(cuts), max(1, len(cuts) // MEASURED))
    mv = _without_neighbours(cuts, options, some, stretches(cuts, options, some)) * prepared.beats.scale_mv[0]
    return Drawer(cuts, options, drawing.gain_for(mv, prepared.beats.fs, options.size_px or (1, 1)))


def stretches(cuts: Cuts, options: PictureSetOptions, index: IntArray, margin: int = 0) -> FloatArray:
    """Return the stretches (n, m) of the first lead that pictures show, in usual QRS heights.

    Parameters
    ----------
    cuts : Cuts
        What was cut out.
    options : PictureSetOptions
        Checked options; their window is used.
    index : (n,) int64
        Which.
    margin : int, optional
        Samples more at each end.
    """
    beats, (before, after) = cuts.prepared.beats, options.window_s or (0.0, 0.0)
    first, last = -round(before * beats.fs), round(after * beats.fs)
    offsets = np.arange(first - margin, last + margin + (1 if before else 0), dtype=np.int64)
    return gather(beats.signal[:, 0], cuts.at[index][:, None] + offsets)


def _cut_short(cuts: Cuts, options: PictureSetOptions) -> IntArray:
    """Return the samples (n, 2) by which the curves of beats begin later, >= 0, and end earlier, <= 0.

    A picture of one beat shows no other: in a fast rhythm the window reaches into the QRS complexes beside it.
    """
    beats, (before, after) = cuts.prepared.beats, options.window_s or (0.0, 0.0)
    first, last, apart = -round(before * beats.fs), round(after * beats.fs), round(APART_S * beats.fs)
    r_peak = np.concatenate([[np.iinfo(np.int32).min], beats.r_peak, [np.iinfo(np.int32).max]])
    begins = np.clip(r_peak[cuts.beat] + apart - cuts.at, first, -apart)
    ends = np.clip(r_peak[cuts.beat + 2] - apart - cuts.at, apart, last)
    return np.stack([begins - first, ends - last], axis=1).astype(np.int64)


def _without_neighbours(cuts: Cuts, options: PictureSetOptions, index: IntArray, signal: FloatArray) -> FloatArray:
    """Return stretches (n, m) with NaN where the curves of beats are not drawn; those of strips are drawn whole."""
    if not options.of_beats:
        return signal
    late, early = _cut_short(cuts.take(index), options).T[..., None]
    at = np.arange(signal.shape[1])
    return np.where((at < late) | (at >= signal.shape[1] + early), np.float32(np.nan), signal)


def examples(source: Source, options: PictureSetOptions, load: Load, *, count: int = 8) -> list[Example]:
    """Draw a few pictures of a recording, of each class in turn.

    Parameters
    ----------
    source : Source
        The recording.
    options : PictureSetOptions
        How the set would be made.
    load : callable
        Returns the network that predicts labels where there is no reference.
    count : int, optional
        How many at most.

    Raises
    ------
    DataError, IntakeError, SignalError, ModelError
        As in `make_picture_set`.
    """
    options = checked(options)
    cuts = cut(source, options, load)
    chosen, drawer = _of_each_class(cuts, count), drawer_for(cuts, options)
    return [
        Example(
            picture,
            str(cuts.label[i]),
            float(cuts.sample[i]) / cuts.prepared.recording.fs,
            bool(cuts.model),
            float(cuts.confidence[i]),
            drawer.gain,
        )
        for i, picture in zip(chosen, drawer.draw(chosen), strict=True)
    ]


def _of_each_class(cuts: Cuts, count: int) -> IntArray:
    """Return `count` positions at most: one of each class, then a second one, and so on, spread over the recording."""
    own = [np.flatnonzero(cuts.label == name) for name in np.unique(cuts.label)]
    share = np.linspace(0, 1, count + 2)[1:-1]
    rounds = [int(found[round(float(at) * (found.size - 1))]) for at in share for found in own]
    return np.sort(np.array(list(dict.fromkeys(rounds))[:count], np.int64))
