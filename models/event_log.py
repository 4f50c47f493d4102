"""Event files for TensorBoard, which needs to be installed only to look at them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from models.runtime import tensorflow


def write_events(folder: Path, curves: Mapping[str, Sequence[float | None]]) -> Path:
    """Write curves as scalars of an event file, one step per epoch from 1 on; an earlier file is replaced.

    Parameters
    ----------
    folder : Path
        Folder of the file, which `tensorboard --logdir` reads.
    curves : mapping of str to sequence of float or None
        Values by measure and epoch; None where an epoch has none.

    Returns
    -------
    Path
        The file.
    """
    tf = tensorflow()
    from tensorflow.core.util.event_pb2 import Event  # part of TensorFlow; `tf.summary.scalar` needs TensorBoard

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    now = time.time()
    file = folder / f"events.out.tfevents.{int(now)}.heartvision"
    with tf.io.TFRecordWriter(str(file)) as records:
        records.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
        for measure, values in curves.items():
            for step, value in enumerate(values, 1):
                if value is not None:
                    event = Event(wall_time=now, step=step)
                    event.summary.value.add(tag=measure, simple_value=value)
                    records.write(event.SerializeToString())
    return file
