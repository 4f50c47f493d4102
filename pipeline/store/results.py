"""Finished analyses on disk, found again by the content that they were made from."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any

import numpy as np

from pipeline._util import typed_json
from pipeline._util.files import write_bytes
from pipeline.config import DEFAULT, Config, cache_root
from pipeline.errors import DataError
from pipeline.measurements import Measurements
from pipeline.store.keys import result_key
from pipeline.store.stored_files import BROKEN_NPZ
from pipeline.types import Analysis, Episode, Quality, QualitySegment, read_only

_ARRAYS = ("sample", "p", "has_p", "confidence")
_LATER = ("rr_s", "offset")  # arrays that an analysis of an earlier version lacks


def load_analysis(
    digest: str, identity: str, config: Config = DEFAULT, leads: tuple[str, ...] | None = None
) -> Analysis | None:
    """Load the stored analysis of a recording; None if there is none.

    A damaged file counts as none: it is made again and replaced.

    Parameters
    ----------
    digest : str
        SHA-256 of the recording's bytes.
    identity : str
        `Manifest.identity` of the network: its weights and calibration.
    config : Config, optional
        Settings of the pipeline.
    leads : tuple of str, optional
        The leads as requested (not those that were chosen).
    """
    path = _path(digest, identity, config, leads)
    try:
        with path.open("rb") as file:
            return read_analysis(file)
    except (*BROKEN_NPZ, DataError):
        return None


def save_analysis(
    analysis: Analysis, identity: str, config: Config = DEFAULT, leads: tuple[str, ...] | None = None
) -> Path:
    """Write an analysis; the file appears whole or not at all.

    Parameters
    ----------
    analysis : Analysis
        The analysis; its `model_version` tells of the weights only.
    identity : str
        `Manifest.identity` of the network: its weights and calibration.
    config : Config, optional
        Settings of the pipeline.
    leads : tuple of str, optional
        The leads as requested (not those that were chosen): part of the key.

    Returns
    -------
    Path
        The file.
    """
    path = _path(analysis.digest, identity, config, leads)
    content = io.BytesIO()
    write_analysis(content, analysis)
    return write_bytes(path, content.getvalue(), private=True)


def read_analysis(file: IO[bytes]) -> Analysis:
    """Read the analysis that `write_analysis` wrote; raises DataError or one of `BROKEN_NPZ` if it is damaged."""
    with np.load(file, allow_pickle=False) as stored:
        facts = json.loads(str(stored["facts"]))
        names = (*_ARRAYS, *(name for name in _LATER if name in stored))
        return _restored(facts, {name: read_only(stored[name]) for name in names})


def write_analysis(file: IO[bytes], analysis: Analysis) -> None:
    """Write an analysis as .npz; the same analysis gives the same bytes."""
    other = (*_ARRAYS, *_LATER, "quality", "rhythm", "measured")
    facts = {f.name: getattr(analysis, f.name) for f in fields(Analysis) if f.name not in other}
    facts["quality"] = asdict(analysis.quality)
    facts["rhythm"] = [asdict(episode) for episode in analysis.rhythm]
    if analysis.measured is not None:
        facts["measured"] = typed_json.to_json(analysis.measured)
    arrays = {name: value for name in (*_ARRAYS, *_LATER) if (value := getattr(analysis, name)) is not None}
    np.savez_compressed(file, facts=np.array(json.dumps(facts)), **arrays)


def _path(digest: str, identity: str, config: Config, leads: tuple[str, ...] | None) -> Path:
    return cache_root() / "analyses" / digest[:2] / digest / f"{result_key(digest, identity, config, leads)}.npz"


def restored(quality: dict[str, Any]) -> Quality:
    """Return the quality that was stored as plain values; earlier versions did not name leads."""
    segments = (
        QualitySegment(**{**segment, "leads": tuple(segment.get("leads", ()))}) for segment in quality["segments"]
    )
    return Quality(tuple(segments), quality["analysed_fraction"])


def _restored(facts: dict[str, Any], arrays: dict[str, Any]) -> Analysis:
    rhythm = tuple(Episode(**episode) for episode in facts.pop("rhythm", ()))
    raw = facts.pop("measured", None)
    measured = None if raw is None else typed_json.from_json(Measurements, raw)
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    return Analysis(
        **{**plain, "quality": restored(facts["quality"]), "rhythm": rhythm, "measured": measured, **arrays}
    )
