"""The reference beats of records as a network reads them: contents of beat images, with class and record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline._util.progress import Progress, no_progress
from pipeline.analysis import prepare
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.features.beat_image_content import PictureContent, picture_content
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.types import IntArray, Recording


@dataclass(frozen=True, eq=False)
class LabelledBeats:
    """Contents of n pictures, their class as an index into `AAMI_CLASSES`, and the record that each comes from."""

    content: PictureContent
    label: IntArray
    record: NDArray[np.str_]

    def take(self, index: IntArray) -> LabelledBeats:
        """Return the beats at `index`."""
        return LabelledBeats(self.content.take(index), self.label[index], self.record[index])


def load_beats(
    records: Sequence[str],
    folder: Path,
    config: Config,
    *,
    swapped: bool = False,
    keep: Callable[[str, str], bool] = lambda record, aami: True,
    progress: Progress = no_progress,
) -> LabelledBeats:
    """Read the reference beats of records.

    Parameters
    ----------
    records : sequence of str
        Names of the records.
    folder : Path
        Where they are.
    config : Config
        Settings of the pipeline.
    swapped : bool, optional
        Whether the second lead takes the place of the first, so that a network sees other leads there.
    keep : callable, optional
        Tells which (record, AAMI class) to use.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Raises
    ------
    DataError
        If a record has no reference annotations.
    """
    parts = []
    for i, record in enumerate(records):
        progress(i / len(records), f"Reading record {record}")
        parts.append(_record_beats(record, folder, config, swapped, keep))
    return concatenated(parts)


def concatenated(parts: Sequence[LabelledBeats]) -> LabelledBeats:
    """Return all beats of several sets as one."""
    content = PictureContent(
        *(np.concatenate([getattr(p.content, f.name) for p in parts]) for f in fields(PictureContent))
    )
    return LabelledBeats(content, np.concatenate([p.label for p in parts]), np.concatenate([p.record for p in parts]))


def _record_beats(
    record: str, folder: Path, config: Config, swapped: bool, keep: Callable[[str, str], bool]
) -> LabelledBeats:
    recording = read_path(folder / f"{record}.hea", config=config)
    if recording.reference is None:
        raise DataError(f"Record {record!r} in {str(folder)!r} has no reference annotations (.atr).")
    return labelled(recording, config, swapped, keep)


def labelled(
    recording: Recording,
    config: Config,
    swapped: bool = False,
    keep: Callable[[str, str], bool] = lambda record, aami: True,
) -> LabelledBeats:
    """Return the reference beats of a recording that `keep` accepts and that can be read.

    Parameters
    ----------
    recording : Recording
        A recording with reference beats.
    config : Config
        Settings of the pipeline.
    swapped : bool, optional
        Whether the second lead takes the place of the first.
    keep : callable, optional
        Tells which (record, AAMI class) to use.
    """
    assert recording.reference is not None
    beats = prepare(recording, config, samples=recording.reference.sample).beats
    if swapped:
        beats = prepare(recording, config, leads=beats.leads[::-1], samples=recording.reference.sample).beats
    classes = [aami_class(symbol) or "Q" for symbol in recording.reference.symbol]
    index = np.flatnonzero(
        [keep(recording.name, c) and not reason for c, reason in zip(classes, beats.reason, strict=True)]
    )
    label = np.array([AAMI_CLASSES.index(classes[i]) for i in index], np.int64)
    return LabelledBeats(picture_content(beats, index, config.picture), label, np.full(index.size, recording.name))
