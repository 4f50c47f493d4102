"""Uploaded recordings on disk, stored by content until they are deleted, with an overview at several resolutions.

A recording is a folder `home_root()/recordings/DI/DIGEST` with facts (JSON), the signal lead by lead (float32 .npy, so
that a lead or a window can be read alone), and per level the lowest and highest value of each bucket of samples.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline._util.files import write_json
from pipeline.config import home_root
from pipeline.errors import DataError
from pipeline.identity import DeviceReading
from pipeline.principal import LOCAL, Who, require
from pipeline.store.identities import load_identity
from pipeline.store.ledger import note_wanted
from pipeline.store.permits import permitted
from pipeline.store.stored_files import BROKEN_NPZ, make_home, new_folder, read_json, require_room
from pipeline.types import Annotations, FloatArray, Recording, read_only

BUCKETS: Final = (32, 256, 2048)  # in samples; at 250 Hz a bucket of the last level is 8 s
FORMAT: Final = 1
_WITH_LEVELS: Final = 1.1  # size on disk, with the overviews, as a multiple of the signal's
_RX_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, eq=False)
class Envelope:
    """A stretch of one lead as a band.

    Attributes
    ----------
    time_s : (m,) float64
        Starts of the buckets, seconds.
    low, high : (m,) float32
        Lowest and highest value of each, mV, NaN where all is gap.
    """

    time_s: NDArray[np.float64]
    low: FloatArray
    high: FloatArray


def save_recording(recording: Recording, *, reader: Who = "") -> Recording:
    """Store a recording, unless it is stored already, and return it as `load_recording` would, under its own name.

    Its signal is then memory-mapped from disk. Who was recorded and when is not stored here. A recording that comes
    under a second name is called by neither from then on: a name that one uploader gave is not shown to another.

    Raises
    ------
    DataError
        If the disk is full or cannot be written.
    """
    permitted(reader, "add")
    try:
        removal_note(recording.digest).unlink(missing_ok=True)  # it is wanted again, whatever was to be deleted
        if load_recording(recording.digest, reader=LOCAL) is None:
            require_room(home_root(), round(recording.p_signal.nbytes * _WITH_LEVELS))
            shutil.rmtree(_folder(recording.digest), ignore_errors=True)  # damaged, or of an older format
            _save(recording)
        else:
            (_folder(recording.digest) / "facts.json").touch()  # a deletion elsewhere that is older is none of this
        note_wanted(recording.digest)
    except OSError as error:
        raise DataError(f"The recording could not be kept on this machine: {error.strerror}.") from error
    kept = load_recording(recording.digest, reader=LOCAL)
    if kept is not None and kept.name not in (recording.name, neutral_name(recording.digest)):
        rename_recording(recording.digest, neutral_name(recording.digest))
    return replace(recording, identity=None) if kept is None else replace(kept, name=recording.name)


def neutral_name(digest: str) -> str:
    """Return a name that tells nothing of the patient."""
    return f"recording-{digest[:8]}"


def rename_recording(digest: str, name: str) -> None:
    """Give a stored recording another name, which is no use of it: its age stays. Raises DataError if it cannot."""
    folder = recording_folder(digest)
    facts = None if folder is None else read_json(folder / "facts.json")
    if folder is not None and facts is not None and facts.get("name") != name:
        file = folder / "facts.json"
        before = file.stat()
        write_json(file, {**facts, "name": name}, private=True)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def load_recording(digest: str, *, reader: Who = "") -> Recording | None:
    """Return the recording with this digest, its signal mapped read-only; None if it is not (or no longer) stored.

    Who was recorded and when is with it if that was kept, see `pipeline.store.identities`.
    """
    require(reader, "view")
    folder = recording_folder(digest)
    facts = None if folder is None else read_json(folder / "facts.json")
    if folder is None or facts is None or facts.get("format") != FORMAT or removal_note(digest).exists():
        return None
    try:
        return _restored(folder, facts)
    except BROKEN_NPZ:
        return None


def open_recording(digest: str, *, reader: Who = "") -> Recording:
    """Return the recording with this digest.

    Raises
    ------
    DataError
        If it is not (or no longer) stored.
    """
    asking = require(reader, "view")
    if asking.key:
        from pipeline.store.access import note_once  # SQLAlchemy is not for those who only look

        note_once(asking, "view", digest=digest)
    recording = load_recording(digest, reader=reader)
    if recording is None:
        raise DataError("This recording is not on this machine, or not any more; open its files again.")
    return recording


def is_stored(digest: str) -> bool:
    """Tell whether a recording is on this machine still: another session may have deleted it, or be about to."""
    folder = recording_folder(digest)
    return folder is not None and (folder / "facts.json").is_file() and not removal_note(digest).exists()


def removal_note(digest: str) -> Path:
    """Return the file that says that a recording is to be deleted; it is there until no copy is left."""
    return home_root() / "deletions" / f"{digest}.json"


def delete_recording(digest: str) -> None:
    """Delete a recording, if it is stored."""
    if folder := recording_folder(digest):
        shutil.rmtree(folder, ignore_errors=True)


def recording_folder(digest: str) -> Path | None:
    """Return the folder of a digest; None for anything else, because it may come from a URL that anyone can type."""
    return _folder(digest) if _RX_DIGEST.fullmatch(digest) else None


def envelope(recording: Recording, lead: str, start_s: float, stop_s: float, columns: int) -> Envelope:
    """Return the band between two times, from the coarsest level with a bucket for each column.

    Parameters
    ----------
    recording : Recording
        Stored or not; one that is not stored is read sample by sample.
    lead : str
        Name of the lead.
    start_s, stop_s : float
        Start and end, seconds.
    columns : int
        How many buckets the drawing can show; where a stretch has fewer than `BUCKETS[0]` samples for each, each sample
        is its own bucket.
    """
    start = max(0, int(start_s * recording.fs))
    stop = min(recording.n_samples, int(np.ceil(stop_s * recording.fs)))
    fitting = [size for size in BUCKETS if (stop - start) / size >= columns]
    column = recording.leads.index(lead)
    low, high, size = _level(recording, column, start, stop, fitting[-1] if fitting else 1)
    first = start // size
    return Envelope((first + np.arange(low.size)) * size / recording.fs, low, high)


def _level(recording: Recording, column: int, start: int, stop: int, size: int) -> tuple[FloatArray, FloatArray, int]:
    path = _folder(recording.digest) / f"buckets-{size}.npy"
    if size == 1 or not path.is_file():
        values = np.asarray(recording.p_signal[start:stop, column])
        return values, values, 1
    level = np.load(path, mmap_mode="r")[:, column, start // size : -(-stop // size)]
    return np.asarray(level[0]), np.asarray(level[1]), size


def _save(recording: Recording) -> None:
    make_home()
    with new_folder(_folder(recording.digest)) as folder:
        folder.chmod(0o700)
        _save_signal(folder / "signal.npy", recording.p_signal)
        if recording.reference is not None:
            np.save(folder / "reference.npy", recording.reference.sample)
        _save_levels(folder, recording.p_signal)
        write_json(folder / "facts.json", _facts(recording), private=True)


def _facts(recording: Recording) -> dict[str, Any]:
    reference = recording.reference
    return {
        "format": FORMAT,
        "name": recording.name,
        "fs": recording.fs,
        "leads": recording.leads,
        "calibrated": recording.calibrated,
        "notices": recording.notices,
        "age_years": recording.age_years,
        "sex": recording.sex,
        "device": None if recording.device is None else asdict(recording.device),
        "symbols": None if reference is None else reference.symbol,
        "ignored": 0 if reference is None else reference.ignored,
    }


def _save_signal(path: Path, p_signal: FloatArray) -> None:
    """Write the signal in lead-major order, so that one lead is one stretch of the file."""
    out = np.lib.format.open_memmap(path, "w+", np.float32, p_signal.shape, fortran_order=True)
    for column in range(p_signal.shape[1]):
        out[:, column] = p_signal[:, column]
    out.flush()


def _save_levels(folder: Path, p_signal: FloatArray) -> None:
    levels = [_buckets(p_signal.T, p_signal.T, BUCKETS[0])]
    for size, finer in zip(BUCKETS[1:], BUCKETS[:-1], strict=True):
        levels.append(_buckets(levels[-1][0], levels[-1][1], size // finer))
    for size, level in zip(BUCKETS, levels, strict=True):
        np.save(folder / f"buckets-{size}.npy", level)


def _buckets(low: FloatArray, high: FloatArray, size: int) -> FloatArray:
    """Return lowest and highest (2, n_leads, n_buckets) of every `size` values of (n_leads, n); NaN where all are."""
    edges = np.arange(0, low.shape[1], size)
    return np.stack(
        [
            np.stack([np.fmin.reduceat(lead, edges) for lead in low]),
            np.stack([np.fmax.reduceat(lead, edges) for lead in high]),
        ]
    )


def _restored(folder: Path, facts: dict[str, Any]) -> Recording:
    signal = np.load(folder / "signal.npy", mmap_mode="r")
    reference = None
    if facts["symbols"] is not None:
        sample = read_only(np.load(folder / "reference.npy"))
        reference = Annotations(sample, tuple(facts["symbols"]), int(facts["ignored"]))
    return Recording(
        name=str(facts["name"]),
        fs=float(facts["fs"]),
        p_signal=signal,
        leads=tuple(facts["leads"]),
        digest=folder.name,
        calibrated=tuple(facts["calibrated"]),
        reference=reference,
        notices=tuple(facts["notices"]),
        age_years=facts.get("age_years"),
        sex=facts.get("sex"),
        device=_device(facts.get("device")),
        identity=load_identity(folder.name, reader=LOCAL) or None,
    )


def _device(facts: dict[str, Any] | None) -> DeviceReading | None:
    if facts is None:
        return None
    measurements = tuple((str(name), float(value), str(unit)) for name, value, unit in facts["measurements"])
    return DeviceReading(str(facts["device"]), measurements, tuple(facts["statements"]))


def _folder(digest: str) -> Path:
    return home_root() / "recordings" / digest[:2] / digest
