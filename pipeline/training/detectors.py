"""The detectors that `train` can train, and where."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, cast

from pipeline._util.progress import Progress

DETECTORS: Final = MappingProxyType(
    {
        "quality": "pipeline.training.rhythms.quality",
        "waveform": "pipeline.training.rhythms.waveform",
        "af": "pipeline.training.rhythms.af",
        "paced": "pipeline.training.rhythms.paced",
        "av_block": "pipeline.training.rhythms.av_block",
        "sampling": "pipeline.training.rhythms.sampling",
        "superclasses": "pipeline.training.superclasses",
        "waves": "pipeline.training.waves",
    }
)


class _Run(Protocol):
    def __call__(self, data_dir: Path | None, output_dir: Path | None, *, progress: Progress) -> Path: ...


def train_detector(name: str, data_dir: Path | None, output_dir: Path | None, *, progress: Progress) -> Path:
    """Train a detector and write its weights, its manifest and its held-out scores.

    Parameters
    ----------
    name : str
        One of `DETECTORS`.
    data_dir : Path or None
        The public databases; `data_root()` if None.
    output_dir : Path or None
        Where the folder NAME goes; models/weights if None.
    progress : callable
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    Path
        The folder written.
    """
    run = cast("_Run", import_module(DETECTORS[name]).run)
    return run(data_dir, output_dir, progress=progress)
