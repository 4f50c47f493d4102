"""What comes before the network, on disk: filtered leads (memory-mapped), R peaks, quality, reasons."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pipeline._util.files import write_json
from pipeline.analysis import Prepared
from pipeline.config import DEFAULT, Config, cache_root
from pipeline.store.keys import prepared_key
from pipeline.store.results import restored
from pipeline.store.stored_files import BROKEN_NPZ, new_folder, read_json
from pipeline.types import Beats, Episode, Recording, read_only

_ARRAYS = ("r_peak", "sample", "rr_s", "template", "scale_mv", "agreed")
_OPTIONAL = ("offset", "noise")


def load_prepared(
    recording: Recording, config: Config = DEFAULT, leads: tuple[str, ...] | None = None
) -> Prepared | None:
    """Load what `prepare` returned for a recording; None if it is not stored.

    Parameters
    ----------
    recording : Recording
        The recording.
    config : Config, optional
        Settings of the pipeline.
    leads : tuple of str, optional
        The leads as requested (not those that were chosen).
    """
    folder = prepared_folder(recording.digest, config, leads)
    facts = read_json(folder / "facts.json")
    if facts is None:
        return None
    try:
        return _restored(recording, folder, facts)
    except BROKEN_NPZ:
        return None


def save_prepared(prepared: Prepared, config: Config = DEFAULT, leads: tuple[str, ...] | None = None) -> Prepared:
    """Store a prepared recording and return it with its leads mapped from disk instead of in memory.

    Parameters
    ----------
    prepared : Prepared
        A prepared recording.
    config : Config, optional
        Settings of the pipeline.
    leads : tuple of str, optional
        The leads as requested (not those that were chosen): part of the key.
    """
    target = prepared_folder(prepared.recording.digest, config, leads)
    if load_prepared(prepared.recording, config, leads) is None:
        shutil.rmtree(target, ignore_errors=True)
        _save(prepared, target)
    return load_prepared(prepared.recording, config, leads) or prepared


def _save(prepared: Prepared, target: Path) -> None:
    beats = prepared.beats
    reasons, which = np.unique(np.array(beats.reason, np.str_), return_inverse=True)
    arrays: dict[str, Any] = {name: getattr(beats, name) for name in _ARRAYS}
    arrays |= {name: value for name in _OPTIONAL if (value := getattr(beats, name)) is not None}
    with new_folder(target) as folder:
        np.save(folder / "signal.npy", beats.signal)
        np.savez(folder / "beats.npz", which=which.astype(np.int32), **arrays)
        write_json(
            folder / "facts.json",
            {
                "leads": prepared.leads,
                "notices": prepared.notices,
                "quality": asdict(prepared.quality),
                "fs": beats.fs,
                "mean_rr_s": beats.mean_rr_s,
                "reasons": reasons.tolist(),
                "segments": prepared.segments,
                "in_signal": [asdict(episode) for episode in prepared.in_signal],
            },
            private=True,
        )


def _restored(recording: Recording, folder: Path, facts: dict[str, Any]) -> Prepared:
    with (folder / "beats.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        names = (*_ARRAYS, *(name for name in _OPTIONAL if name in stored))
        arrays = {name: read_only(stored[name]) for name in names}
        which = stored["which"]
    leads = tuple(facts["leads"])
    beats = Beats(
        fs=float(facts["fs"]),
        signal=np.load(folder / "signal.npy", mmap_mode="r"),
        leads=leads,
        mean_rr_s=float(facts["mean_rr_s"]),
        reason=tuple(facts["reasons"][i] for i in which),
        **arrays,
    )
    segments = tuple((int(start), int(stop)) for start, stop in facts["segments"])
    in_signal = tuple(Episode(**episode) for episode in facts["in_signal"])
    return Prepared(recording, leads, restored(facts["quality"]), beats, tuple(facts["notices"]), segments, in_signal)


def prepared_folder(digest: str, config: Config, leads: tuple[str, ...] | None) -> Path:
    """Return the folder for what `prepare` returned, whether it exists or not; all of a recording lie side by side.

    Parameters
    ----------
    digest : str
        SHA-256 of the recording's bytes.
    config : Config
        Settings of the pipeline.
    leads : tuple of str or None
        The leads as requested (not those that were chosen).
    """
    return cache_root() / "prepared" / digest[:2] / digest / prepared_key(digest, config, leads)
