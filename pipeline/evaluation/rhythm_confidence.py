"""How far the confidences of named rhythms come true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from pipeline.evaluation.rhythm_scores import HGEA, OTHER_VT, STATES, VF, common_pieces, state_numbers
from pipeline.types import Episode, FloatArray

CALIBRATION_BINS: Final = 10
# Rhythms of one code: readers name kinds of sinus rhythm N, and one code stands for fibrillation and flutter.
_CODES: Final = {VF: "VFL", OTHER_VT: "VT", HGEA: "N", "SBR": "N", "ST": "N"}
# Rhythms of one kind, whose names differ from reader to reader: sinus rhythm with a long P-R interval is called normal
# as well, tachycardia and flutter of the ventricles by each other's name, and so are those of the atria.
_KINDS: Final = {**_CODES, "BI": "N", VF: "VT", "VFL": "VT", "AFL": "AFIB"}


def confidence_bins(annotated: Sequence[Episode], named: Sequence[Episode]) -> FloatArray:
    """Add up how often stated confidences came true.

    Parameters
    ----------
    annotated, named : sequence of Episode
        In order, without overlap.

    Returns
    -------
    (CALIBRATION_BINS, 4) float64
        By stated confidence: seconds, seconds times confidence, seconds in which the annotated rhythm has the same
        code, and seconds in which it is of the same kind. Kinds of sinus rhythm have one code; first-degree block is
        of their kind, flutter is of that of fibrillation, and ventricular tachycardia of that of ventricular
        fibrillation. Time that nobody annotated does not count.
    """
    row, column, length = common_pieces(annotated, named)
    kept = (row < len(annotated)) & (column < len(named))
    row, column, length = row[kept], column[kept], length[kept]
    confidence = np.array([episode.confidence for episode in named])[column]
    truth, answer = state_numbers(annotated)[row], state_numbers(named)[column]
    at = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    sums = (length, length * confidence, length * _SAME_CODE[truth, answer], length * _SAME_KIND[truth, answer])
    return np.stack([np.bincount(at, weights=each, minlength=CALIBRATION_BINS) for each in sums], axis=1)


def calibration_error(bins: FloatArray) -> float | None:
    """Return the expected calibration error of kinds: the mean distance of stated and true shares, weighed by time.

    Parameters
    ----------
    bins : (n_bins, 4) float64
        Sums of `confidence_bins`.

    References
    ----------
    Naeini MP et al. AAAI 2015:2901-2907. doi:10.1609/aaai.v29i1.9602
    """
    seconds = float(bins[:, 0].sum())
    return float(np.abs(bins[:, 1] - bins[:, 3]).sum()) / seconds if seconds else None


def _same(names: Mapping[str, str]) -> FloatArray:
    """Return a matrix (n_states, n_states) that is 1 where an annotated and a named state count as the same."""
    shared = np.array([names.get(state, state) for state in STATES])
    return np.asarray(shared[:, None] == shared, np.float64)


_SAME_CODE: Final = _same(_CODES)
_SAME_KIND: Final = _same(_KINDS)
