"""What the manifest of every detector says of its training."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from pipeline._util.provenance import current_commit


def training_facts(
    name: str,
    trained_on: str,
    records: Iterable[str],
    *,
    started: float,
    seed: int,
    temperature: float = 1.0,
    bias: tuple[float, ...] = (0.0, 0.0),
) -> dict[str, Any]:
    """Return the facts that `models.detectors.write_detector` wants.

    Parameters
    ----------
    name : str
        What `train --model` calls the training.
    trained_on : str
        The training data, in words.
    records : iterable of str
        Records that were trained on, DATABASE/RECORD.
    started : float
        When the training began, by `time.monotonic`, seconds.
    seed : int
        Seed of the random generators.
    temperature, bias : float, tuple of float, optional
        Of the calibration, as in `models.detectors.DetectorManifest`; none by default.
    """
    return {
        "temperature": temperature,
        "bias": bias,
        "trained_on": trained_on,
        "train_records": tuple(records),
        "commit": current_commit(),
        "command": f"python -m pipeline train --model {name}",
        "seed": seed,
        "training_minutes": round((time.monotonic() - started) / 60, 2),
    }
