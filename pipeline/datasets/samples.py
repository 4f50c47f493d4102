"""A sheet of real beat pictures, one row per AAMI class, and where each beat comes from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from pipeline.analysis import prepare
from pipeline.config import DEFAULT, SHIPPED, Config
from pipeline.errors import DataError, SignalError
from pipeline.features.beat_image import render_large
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.types import PictureArray, Recording

SHEET_PATH: Final = SHIPPED / "sample_beats.png"
INDEX_PATH: Final = SHIPPED / "sample_beats.json"
PER_CLASS: Final = 6
SCALE: Final = 3
MARGIN_PX: Final = 8
PAPER: Final = 255


@dataclass(frozen=True)
class SampleBeat:
    """One picture of the sheet.

    Attributes
    ----------
    dataset, record : str
        Where the beat comes from.
    sample : int
        Its R peak, an index into the recording.
    time_s : float
        The same in seconds.
    symbol, aami : str
        The reference's WFDB symbol, and its class.
    leads : tuple of str
        The leads in the picture.
    left_px, top_px, width_px, height_px : int
        Place and size of the picture in the sheet, from the top left corner.
    """

    dataset: str
    record: str
    sample: int
    time_s: float
    symbol: str
    aami: str
    leads: tuple[str, ...]
    left_px: int
    top_px: int
    width_px: int
    height_px: int


def sample_sheet(
    recordings: Iterable[tuple[str, Recording]], config: Config = DEFAULT, *, per_class: int = PER_CLASS
) -> tuple[PictureArray, tuple[SampleBeat, ...]]:
    """Draw `per_class` beats of each class, each from another record if there are enough.

    Parameters
    ----------
    recordings : iterable of (str, Recording)
        Name of the database, and an annotated recording.
    config : Config, optional
        Settings of the pipeline.
    per_class : int, optional
        Beats per row.

    Returns
    -------
    sheet : (height, width, 3) uint8
        RGB; one row per class in the order of `AAMI_CLASSES`.
    beats : tuple of SampleBeat
        What is shown, row by row.
    """
    candidates = _candidates(recordings, config)
    height, width = config.picture.height_px * SCALE, config.picture.width_px * SCALE
    step_x, step_y = width + MARGIN_PX, height + MARGIN_PX
    shape = (len(AAMI_CLASSES) * step_y + MARGIN_PX, per_class * step_x + MARGIN_PX, 3)
    sheet = np.full(shape, PAPER, np.uint8)
    shown = []
    for row, name in enumerate(AAMI_CLASSES):
        for column, (beat, picture) in enumerate(_spread(candidates[name], per_class)):
            top, left = MARGIN_PX + row * step_y, MARGIN_PX + column * step_x
            sheet[top : top + height, left : left + width] = picture
            shown.append(SampleBeat(**beat, left_px=left, top_px=top, width_px=width, height_px=height))
    return sheet, tuple(shown)


def write_samples(sheet: PictureArray, beats: tuple[SampleBeat, ...]) -> None:
    """Write the sheet as PNG, and its index."""
    coded = cv2.imencode(".png", sheet[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
    SHEET_PATH.write_bytes(coded.tobytes())
    rows = ",\n".join(json.dumps(asdict(beat), separators=(",", ":")) for beat in beats)
    INDEX_PATH.write_text(f"[\n{rows}\n]\n", encoding="utf-8", newline="\n")


def load_samples(index: Path = INDEX_PATH, sheet: Path = SHEET_PATH) -> tuple[PictureArray, tuple[SampleBeat, ...]]:
    """Read what `write_samples` wrote: the sheet (height, width, 3) uint8 RGB and its beats.

    Raises
    ------
    DataError
        If either file is missing or broken.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(index.read_text(encoding="utf-8"))
        beats = tuple(SampleBeat(**{**row, "leads": tuple(row["leads"])}) for row in rows)
        decoded = cv2.imdecode(np.frombuffer(sheet.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, ValueError, TypeError, KeyError, cv2.error) as error:
        raise DataError(f"{sheet.name} or its index is missing; run `python -m pipeline data --statistics`.") from error
    if decoded is None:
        raise DataError(f"{sheet.name} is not a picture; run `python -m pipeline data --statistics`.")
    return np.ascontiguousarray(decoded[..., ::-1]).astype(np.uint8), beats


def _candidates(
    recordings: Iterable[tuple[str, Recording]], config: Config
) -> dict[str, list[tuple[dict[str, Any], PictureArray]]]:
    """Select, per class and record, a few beats spread over its length, with their pictures."""
    found: dict[str, list[tuple[dict[str, Any], PictureArray]]] = defaultdict(list)
    for dataset, recording in recordings:
        if recording.reference is None:
            continue
        try:
            beats = prepare(recording, config, samples=recording.reference.sample).beats
        except SignalError:
            continue  # a record that the application refuses has no pictures
        symbols = recording.reference.symbol
        classes = np.array([aami_class(symbol) for symbol in symbols])
        usable = np.array([not reason for reason in beats.reason])
        for name in AAMI_CLASSES:
            at = np.flatnonzero((classes == name) & usable)
            for i in at[np.unique(np.linspace(0, at.size - 1, 4).round().astype(int)[1:3])] if at.size else ():
                beat = {
                    "dataset": dataset,
                    "record": recording.name,
                    "sample": int(beats.sample[i]),
                    "time_s": round(float(beats.sample[i]) / recording.fs, 2),
                    "symbol": symbols[i],
                    "aami": name,
                    "leads": beats.leads,
                }
                found[name].append((beat, render_large(beats, int(i), config.picture, scale=SCALE)))
    return found


def _spread(
    candidates: list[tuple[dict[str, Any], PictureArray]], wanted: int
) -> list[tuple[dict[str, Any], PictureArray]]:
    """Select candidates evenly, one per record first."""
    first = list({beat["record"]: (beat, picture) for beat, picture in reversed(candidates)}.values())[::-1]
    rest = [candidate for candidate in candidates if not any(candidate is chosen for chosen in first)]
    if len(first) < wanted:
        return (first + rest)[:wanted]
    return [first[i] for i in np.linspace(0, len(first) - 1, wanted).round().astype(int)]
