"""Pictures of single beats without a stated source (`beat_images/`): which recorded beat each of them shows.

The pictures come in folders called normal and abnormal. Each is compared with every annotated beat of the MIT-BIH
Arrhythmia Database over the window that it shows; the annotation of the best match is the picture's true label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.intake import read_path
from pipeline.types import FloatArray, IntArray

WINDOWS: Final = ((91, 90), (90, 89), (92, 91))  # samples at 360 Hz before and after R, as found by search
POINTS: Final = 160
SURE_R, SURE_RATIO = 0.99, 1.5  # correlation, and how much nearer than the nearest beat of any other record


@dataclass(frozen=True, eq=False)
class RecordedBeats:
    """The nearest recorded beat of each of n pictures.

    Attributes
    ----------
    record, symbol : (n,) str
        Record and annotation of the beat.
    sample : (n,) int64
        Its index into the record.
    r : (n,) float32
        Correlation with it.
    sure : (n,) bool
        Where it is so near, and the next record so far, that it can be no other.
    """

    record: NDArray[np.str_]
    sample: IntArray
    symbol: NDArray[np.str_]
    r: FloatArray
    sure: NDArray[np.bool_]


def find_recorded_beats(values: Sequence[FloatArray], folder: Path, config: Config) -> RecordedBeats:
    """Find the beats that traces show among all of the records in a folder.

    Parameters
    ----------
    values : sequence of (m,) float32
        The traces; their lengths may differ.
    folder : Path
        WFDB records with reference annotations.
    config : Config
        Its intake limits apply.
    """
    places = np.linspace(0, 1, POINTS)
    wanted = _standard(np.stack([np.interp(places, np.linspace(0, 1, len(v)), v) for v in values])).T
    records = sorted(path.stem for path in folder.glob("*.hea"))
    found = [_best_of_record(record, folder, wanted, config) for record in records]
    r = np.stack([part[0] for part in found])
    order, column = np.argsort(-r, axis=0), np.arange(wanted.shape[1])
    first, second = r[order[0], column], r[order[1], column]
    ratio = np.sqrt(np.maximum(1 - second, 0) / np.maximum(1 - first, 1e-9))
    sample = np.stack([part[1] for part in found])[order[0], column]
    symbol = np.stack([part[2] for part in found])[order[0], column]
    return RecordedBeats(np.array(records)[order[0]], sample, symbol, first, (first >= SURE_R) & (ratio >= SURE_RATIO))


def _best_of_record(
    record: str, folder: Path, wanted: FloatArray, config: Config
) -> tuple[FloatArray, IntArray, NDArray[np.str_]]:
    """Return the highest correlation (n,) with a beat of the record, that beat's sample (n,) and its symbol (n,)."""
    recording = read_path(folder / f"{record}.hea", config=config)
    assert recording.reference is not None
    reach = max(max(window) for window in WINDOWS) + 2
    inside = (recording.reference.sample > reach) & (recording.reference.sample + reach < recording.n_samples)
    samples, symbols = recording.reference.sample[inside], np.array(recording.reference.symbol)[inside]
    best = np.full(wanted.shape[1], -1.0, np.float32)
    where = np.zeros(wanted.shape[1], np.int64)
    for lead in np.nan_to_num(recording.p_signal).T:
        for before, after in WINDOWS:
            r = _windows(lead, samples, before, after) @ wanted
            nearest = r.argmax(axis=0)
            value = r[nearest, np.arange(r.shape[1])]
            where = np.where(value > best, nearest, where)
            best = np.maximum(best, value)
    return best, samples[where], symbols[where]


def _windows(lead: FloatArray, samples: IntArray, before: int, after: int) -> FloatArray:
    offset = np.linspace(-before, after, POINTS)
    left = np.floor(offset).astype(np.int64)
    share = (offset - left).astype(np.float32)
    at = samples[:, None] + left
    return _standard(lead[at] * (1 - share) + lead[at + 1] * share)


def _standard(values: NDArray[np.floating]) -> FloatArray:
    """Scale rows to mean 0 and length 1, so that their product is the correlation."""
    centred = values - values.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9), np.float32)
