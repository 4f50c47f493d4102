"""Where in time and lead a superclass comes from: several maps, of which the most faithful is shown.

How faithful each is was measured (`pipeline.evaluation.superclass_faithfulness`). A map is (n, 12) float32, at least 0,
over a stretch of scaled leads (n, 12) at 100 Hz, constant over a cell of `CELL` samples of one lead.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

import numpy as np

from models.superclasses import SuperclassNetwork
from pipeline.twelve_leads.superclass_input import window_starts, windows_of
from pipeline.types import FloatArray

CELL: Final = 10  # samples: 0.1 s, the width of a QRS
PATH: Final = 12  # steps from an empty recording to the given one (integrated gradients)
Heat = Callable[[FloatArray, str, SuperclassNetwork], FloatArray]


def gradient_times_input(values: FloatArray, superclass: str, network: SuperclassNetwork) -> FloatArray:
    """Multiply each value with the derivative of the log odds in it (Shrikumar 2016, arXiv:1605.01713).

    Parameters
    ----------
    values : (n, 12) float32
        A stretch of scaled leads.
    superclass : str
        What is explained.
    network : SuperclassNetwork
        Which answers.
    """
    windows = windows_of(values, network)
    return _in_cells(_joined(network.gradients(windows, superclass) * windows, len(values), network))


def integrated_gradients(values: FloatArray, superclass: str, network: SuperclassNetwork) -> FloatArray:
    """Average the derivative on the way from mean leads, 0, to the given ones (Sundararajan 2017, arXiv:1703.01365).

    Parameters
    ----------
    values : (n, 12) float32
        A stretch of scaled leads.
    superclass : str
        What is explained.
    network : SuperclassNetwork
        Which answers.
    """
    windows = windows_of(values, network)
    shares = (np.arange(PATH, dtype=np.float32) + 0.5) / PATH
    mean = np.mean([network.gradients(windows * share, superclass) for share in shares], axis=0)
    return _in_cells(_joined(np.asarray(mean * windows, np.float32), len(values), network))


def occlusion(values: FloatArray, superclass: str, network: SuperclassNetwork) -> FloatArray:
    """Return by how much the log odds fall when a cell and its neighbours in time are set to the mean of their lead.

    Parameters
    ----------
    values : (n, 12) float32
        A stretch of scaled leads.
    superclass : str
        What is explained.
    network : SuperclassNetwork
        Which answers.
    """
    starts, windows = window_starts(len(values), network), windows_of(values, network)
    factors = np.array(network.manifest.head[network.manifest.classes.index(superclass)], np.float32)
    whole, found = network.logits(windows) @ factors, np.zeros_like(values)
    for begin in range(0, len(values), CELL):
        low, high = begin - CELL // 2, begin + CELL + CELL // 2
        for k in (k for k, start in enumerate(starts) if start < high and low < start + windows.shape[1]):
            covered = np.repeat(windows[k : k + 1], values.shape[1], axis=0)
            for lead in range(values.shape[1]):
                covered[lead, max(0, low - starts[k]) : high - starts[k], lead] = 0
            found[begin : begin + CELL] += whole[k] - network.logits(covered) @ factors
    return np.maximum(found, 0)


def class_activation(values: FloatArray, superclass: str, network: SuperclassNetwork) -> FloatArray:
    """Return what each place in time adds, the same in all leads: the network has mixed them by then (Grad-CAM).

    Parameters
    ----------
    values : (n, 12) float32
        A stretch of scaled leads.
    superclass : str
        What is explained.
    network : SuperclassNetwork
        Which answers.
    """
    windows = windows_of(values, network)
    found = network.class_activation(windows, superclass)
    places = (np.arange(windows.shape[1]) * found.shape[1] / windows.shape[1]).astype(np.int64)
    return _in_cells(_joined(np.repeat(found[:, places, None], values.shape[1], axis=2), len(values), network))


def amplitude(values: FloatArray, superclass: str, network: SuperclassNetwork) -> FloatArray:
    """Return how large the signal is, whatever the superclass: what every map must beat.

    Parameters
    ----------
    values : (n, 12) float32
        A stretch of scaled leads.
    superclass : str
        Makes no difference.
    network : SuperclassNetwork
        Makes no difference.
    """
    return _in_cells(np.abs(values))


HEATS: Final = MappingProxyType[str, Heat](
    {
        "integrated gradients": integrated_gradients,
        "gradient x input": gradient_times_input,
        "occlusion": occlusion,
        "Grad-CAM": class_activation,
        "amplitude": amplitude,
    }
)
SHIPPED_HEAT: Final = "integrated gradients"


def _joined(maps: FloatArray, size: int, network: SuperclassNetwork) -> FloatArray:
    """Add up the maps (k, 300, 12) of overlapping windows."""
    out = np.zeros((size, maps.shape[2]), np.float32)
    for start, each in zip(window_starts(size, network), maps, strict=True):
        out[start : start + len(each)] += each
    return out


def _in_cells(values: FloatArray) -> FloatArray:
    """Give every sample the sum of its cell, 0 where that is negative: places that speak against it are not shown."""
    edges = np.arange(0, len(values), CELL)
    sums = np.add.reduceat(values, edges, axis=0)
    return np.asarray(np.maximum(np.repeat(sums, CELL, axis=0)[: len(values)], 0), np.float32)
