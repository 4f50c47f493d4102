"""What a network reads from a recording, block by block: pictures of beats, or rows of a sequence of beats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.features.beat_image import render_pictures
from pipeline.features.beat_sequence import frame, rows
from pipeline.types import Beats, IntArray


@dataclass(frozen=True, eq=False)
class Block:
    """What a network is given at once; its answers at `answer` (k,) belong to the beats at `beat` (k,)."""

    inputs: NDArray[Any]
    answer: IntArray
    beat: IntArray


Reader = Callable[[Beats, IntArray, Config], Iterator[Block]]


def blocks(beats: Beats, preprocessing: str, config: Config) -> Iterator[Block]:
    """Yield the blocks that cover every beat without a `reason`, in order.

    Parameters
    ----------
    beats : Beats
        The beats of one recording.
    preprocessing : str
        Hash of the preprocessing that the network was trained on.
    config : Config
        Settings of the pipeline.

    Raises
    ------
    KeyError
        If this configuration makes nothing under that hash.
    """
    readers: dict[str, Reader] = {config.preprocessing_id(): _pictures, config.sequence_id(): _sequence}
    usable = np.flatnonzero([not reason for reason in beats.reason])
    return readers[preprocessing](beats, usable, config)


def _pictures(beats: Beats, usable: IntArray, config: Config) -> Iterator[Block]:
    step = config.predict_batch * 4
    for start in range(0, usable.size, step):
        index = usable[start : start + step]
        yield Block(render_pictures(beats, index, config.picture), np.arange(index.size), index)


def _sequence(beats: Beats, usable: IntArray, config: Config) -> Iterator[Block]:
    """Yield rows of neighbouring beats; those at the edges of a block only give context to the others."""
    shared = frame(beats, config.sequence, config.signal)
    margin, step = config.sequence.margin_beats, config.sequence.block
    for start in range(0, len(beats), step):
        index = usable[np.searchsorted(usable, start) : np.searchsorted(usable, start + step)]
        if index.size:
            first, stop = max(0, start - margin), min(len(beats), start + step + margin)
            yield Block(rows(beats, np.arange(first, stop), shared, config.sequence), index - first, index)
