"""Pictures of the beats that a network got wrong with confidence: drawn live, or stored as one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline._util.files import write_bytes
from pipeline.analysis import prepare
from pipeline.config import DEFAULT, Config
from pipeline.errors import DataError, EcgError
from pipeline.evaluation.report_schema import WrongBeat
from pipeline.evaluation.schema import SheetLayout
from pipeline.features.beat_image import render_large
from pipeline.intake import read_path
from pipeline.types import PictureArray

SHEET_BYTES = 300 * 1024
SHEET_COLUMNS = 4
SHEET_SCALE = 4


def error_pictures(
    errors: Sequence[WrongBeat],
    data_dir: Path,
    config: Config = DEFAULT,
    *,
    scale: int = SHEET_SCALE,
    dark: bool = False,
) -> list[PictureArray]:
    """Draw each error of a "reference" report; each record is read once.

    Parameters
    ----------
    errors : Sequence[Mapping[str, Any]]
        The errors, as in evaluation.json.
    data_dir : Path
        The folder of the records.
    config : Config, optional
        Settings of the pipeline.
    scale : int, optional
        How many times as large as the network's picture.
    dark : bool, optional
        Whether it is drawn on black.

    Returns
    -------
    list of (h, w, 3) uint8
        RGB, one per error.

    Raises
    ------
    DataError
        If a record is missing or cannot be read, or has no reference beat at an error's sample.
    """
    pictures: dict[tuple[str, int], PictureArray] = {}
    for record in dict.fromkeys(error.record for error in errors):
        samples = [error.sample for error in errors if error.record == record]
        drawn = _draw_record(data_dir / record, samples, config, scale=scale, dark=dark)
        pictures |= {(record, sample): picture for sample, picture in zip(samples, drawn, strict=True)}
    return [pictures[error.record, error.sample] for error in errors]


def write_sheet(
    pictures: Sequence[PictureArray], path: Path, *, columns: int = SHEET_COLUMNS, max_bytes: int = SHEET_BYTES
) -> SheetLayout:
    """Write the pictures as one PNG, made smaller until it fits.

    Parameters
    ----------
    pictures : sequence of (h, w, 3) uint8
        RGB, all of the same size.
    path : Path
        The file.
    columns : int, optional
        Tiles per row.
    max_bytes : int, optional
        Largest size of the file.

    Raises
    ------
    ValueError
        If there is no picture.
    DataError
        If it cannot be written.
    """
    if not pictures:
        raise ValueError("A sheet needs at least one picture.")
    tiles = list(pictures)
    while len(payload := _encode(_grid(tiles, columns))) > max_bytes and min(tiles[0].shape[:2]) > 32:
        tiles = [_shrink(tile) for tile in tiles]
    write_bytes(path, payload)
    height, width = tiles[0].shape[:2]
    return SheetLayout(path.name, columns, int(width), int(height), len(tiles))


def read_sheet(path: Path, layout: SheetLayout) -> list[PictureArray]:
    """Return the tiles (h, w, 3) RGB of a sheet that `write_sheet` wrote; `layout` as in evaluation.json.

    Raises
    ------
    DataError
        If the file is missing or does not fit the layout.
    """
    payload = path.read_bytes() if path.is_file() else b""
    sheet = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR) if payload else None
    width, height = layout.width_px, layout.height_px
    columns, count = layout.columns, layout.count
    rows = -(-count // columns)
    if sheet is None or sheet.shape != (rows * height, columns * width, 3):
        raise DataError(
            f"{path.name} is missing or does not fit evaluation.json; run `python -m pipeline evaluate` again."
        )
    rgb: NDArray[np.uint8] = sheet[..., ::-1]
    cells = rgb.reshape(rows, height, columns, width, 3).swapaxes(1, 2).reshape(-1, height, width, 3)
    return [np.ascontiguousarray(cell) for cell in cells[:count]]


def _draw_record(path: Path, samples: list[int], config: Config, *, scale: int, dark: bool) -> list[PictureArray]:
    try:
        recording = read_path(path, config=config)
        if recording.reference is None:
            raise DataError(f"Record {path.name!r} has no reference annotations (.atr) beside it.")
        beats = prepare(recording, config, samples=recording.reference.sample).beats
    except DataError:
        raise
    except EcgError as error:
        raise DataError(f"Record {path.name!r} cannot be drawn: {error}") from error
    position = np.searchsorted(beats.sample, samples)
    found = beats.sample[np.minimum(position, len(beats) - 1)]
    if not np.array_equal(found, samples):
        raise DataError(f"Record {path.name!r} has no reference beat at one of the samples {samples!r}.")
    return [render_large(beats, int(i), config.picture, scale=scale, dark=dark) for i in position]


def _grid(tiles: Sequence[PictureArray], columns: int) -> PictureArray:
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    cells = np.full((rows * columns, height, width, 3), 255, np.uint8)
    cells[: len(tiles)] = np.stack(tiles)
    return cells.reshape(rows, columns, height, width, 3).swapaxes(1, 2).reshape(rows * height, columns * width, 3)


def _shrink(tile: PictureArray) -> PictureArray:
    height, width = (int(side * 0.85) for side in tile.shape[:2])
    return np.asarray(cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _encode(sheet: PictureArray) -> bytes:
    quantised = (sheet // 16 * 17).astype(np.uint8)  # 16 levels per colour: half the size, no visible loss
    _, payload = cv2.imencode(".png", quantised[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return bytes(payload)
