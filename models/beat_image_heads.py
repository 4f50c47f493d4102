"""The heads for uploaded pictures of one beat: whether it is a beat, and its class, from its trace and a network.

They are boosted trees over measures of the trace. Those for classes are averaged with a picture network; both are
stored beside that network's weights and are valid only with them. See ADR 0012.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.boosted_trees import BoostedTrees, boosted_trees
from models.errors import ModelError
from models.registry import WEIGHTS
from models.softmax import log_softmax
from models.trace_measures import POINTS, shape_measures

Array = NDArray[np.float32]

PICTURE_NETWORK: Final = "vgg16"  # the network that the bundled heads are made for
_FILE, _MANIFEST = "pictures.npz", "pictures.json"


@dataclass(frozen=True)
class PictureManifest:
    """What the head was made from and how to read it.

    Attributes
    ----------
    network, network_sha256 : str
        The picture network and its weights that the head is made for.
    sha256 : str
        Of the head's own arrays.
    classes : tuple of str
        Classes, in the order of the probabilities.
    accept_from : float
        Least score of a beat.
    network_share : float
        Weight of the picture network's logits beside the trace's.
    temperature : float
        Calibrates the logits.
    threshold : float
        On 1 - p(N), for an abnormal beat.
    command, commit, seed : str
        How it was trained.
    train_records, validation_records : tuple of str
        Records that it was trained and validated on.
    beat_pictures, other_pictures, traces : int
        How many of each it was trained on.
    held_out : dict of str to float
        What was measured on held-out patients and kinds of pictures during development.
    minutes : float
        Duration of the training.
    """

    network: str
    network_sha256: str
    sha256: str
    classes: tuple[str, ...]
    accept_from: float
    network_share: float
    temperature: float
    threshold: float
    command: str
    commit: str
    seed: int
    train_records: tuple[str, ...]
    validation_records: tuple[str, ...]
    beat_pictures: int
    other_pictures: int
    traces: int
    held_out: dict[str, float]
    minutes: float

    @property
    def version(self) -> str:
        """Short form of the head's SHA-256."""
        return self.sha256[:12]


@dataclass(frozen=True, eq=False)
class PictureHead:
    """A verified head; immutable and safe to share. Several sets of boosted trees are averaged."""

    manifest: PictureManifest
    beat: tuple[BoostedTrees, ...]
    trace: tuple[BoostedTrees, ...]

    def beat_scores(self, values: Sequence[Array], findings: Array) -> Array:
        """Return the probability (n,) that each trace (m,) in 0..1, with its `findings` (n, 7), is one beat."""
        return beat_scores(self.beat, traces(values), findings)

    def probabilities(self, values: Sequence[Array], network_logits: Array) -> Array:
        """Return calibrated probabilities (n, 5) from traces and from the network's logits (n, 5) of their pictures."""
        logits = blended(trace_logits(self.trace, traces(values)), network_logits, self.manifest.network_share)
        return np.asarray(np.exp(log_softmax(logits / self.manifest.temperature, dtype=np.float32)))


def beat_scores(beat: Sequence[BoostedTrees], rows: Array, findings: Array) -> Array:
    """Return the beat head's probabilities (n,) for traces.

    Parameters
    ----------
    beat : sequence of BoostedTrees
        The head's members, which are averaged.
    rows : (n, POINTS) float32
        Traces in 0..1.
    findings : (n, 7) float32
        How they were found; see `BeatTrace`.
    """
    measures = beat_measures(rows, findings)
    return _sigmoid(np.mean([member(measures)[:, 0] for member in beat], axis=0))


def trace_logits(trace: Sequence[BoostedTrees], rows: Array) -> Array:
    """Return the trace head's log probabilities (n, 5) for traces (n, `POINTS`)."""
    measures = shape_measures(rows)
    return log_softmax(np.mean([member(measures) for member in trace], axis=0), dtype=np.float32)


def blended(of_trace: Array, of_network: Array, network_share: float) -> Array:
    """Combine both votes into one.

    Parameters
    ----------
    of_trace : (n, 5) float32
        Log probabilities of the trace head.
    of_network : (n, 5) float32
        Logits of the picture network.
    network_share : float
        Weight of the network, 0..1.

    Returns
    -------
    (n, 5) float32
        Weighted mean of the log probabilities.
    """
    return np.asarray(
        (1 - network_share) * of_trace + network_share * log_softmax(of_network, dtype=np.float32), np.float32
    )


def traces(values: Sequence[NDArray[Any]]) -> Array:
    """Resample `values` (m,) to traces (n, `POINTS`) at equally spaced places."""
    places = [np.linspace(0, len(value) - 1, POINTS) for value in values]
    return np.stack([np.interp(x, np.arange(len(v)), v) for x, v in zip(places, values, strict=True)]).astype(
        np.float32
    )


def beat_measures(rows: Array, findings: Array) -> Array:
    """Return what the beat head reads of traces (n, `POINTS`): measures of their shape, and `findings` (n, 7)."""
    return np.concatenate([shape_measures(rows), findings], axis=1).astype(np.float32)


def load_head(name: str = PICTURE_NETWORK, folder: Path = WEIGHTS) -> PictureHead:
    """Load the head that belongs to a network.

    Raises
    ------
    ModelError
        If there is none, it is damaged, or it was made for other weights of that network.
    """
    facts, file = head_manifest(name, folder), folder / name / _FILE
    if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != facts.sha256:
        raise ModelError(f"The picture head of network {name!r} is damaged or missing: its SHA-256 differs.")
    with np.load(file, allow_pickle=False) as arrays:
        return PictureHead(facts, _ensembles(arrays, "beat"), _ensembles(arrays, "trace"))


def head_manifest(name: str = PICTURE_NETWORK, folder: Path = WEIGHTS) -> PictureManifest:
    """Read the manifest of the head that belongs to a network.

    Raises
    ------
    ModelError
        If there is none, it or the network's manifest lacks a field, or the network has other weights now.
    """
    try:
        raw = json.loads((folder / name / _MANIFEST).read_text("utf-8"))
        standing_on = json.loads((folder / name / "manifest.json").read_text("utf-8"))["sha256"]
        known: dict[str, Any] = {f.name: tuple(raw[f.name]) if isinstance(raw[f.name], list) else raw[f.name]
                 for f in fields(PictureManifest)}  # fmt: skip
        facts = PictureManifest(**known)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"The picture head of network {name!r} cannot be read; "
            "run `python -m pipeline train --model pictures --ship`."
        ) from error
    if facts.network_sha256 != standing_on:
        raise ModelError(
            f"The picture head was made for other weights of network {name!r}; "
            "run `python -m pipeline train --model pictures --ship`."
        )
    return facts


def write_head(
    facts: dict[str, Any], beat: Sequence[BoostedTrees], trace: Sequence[BoostedTrees], folder: Path
) -> Path:
    """Write the arrays and the manifest of a head into `folder`/NETWORK.

    Parameters
    ----------
    facts : dict of str to Any
        Fields of `PictureManifest`, except the SHA-256.
    beat : sequence of BoostedTrees
        Members of the beat head.
    trace : sequence of BoostedTrees
        Members of the trace head.
    folder : Path
        Where the weights of networks are.

    Returns
    -------
    Path
        The manifest.
    """
    target = folder / str(facts["network"])
    target.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {
        f"{name}/{i}/{key}": array
        for name, members in (("beat", beat), ("trace", trace))
        for i, member in enumerate(members)
        for key, array in member.arrays().items()
    }
    np.savez_compressed(target / _FILE, **arrays)
    content = {**facts, "sha256": hashlib.sha256((target / _FILE).read_bytes()).hexdigest()}
    (target / _MANIFEST).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return target / _MANIFEST


def _ensembles(arrays: Any, name: str) -> tuple[BoostedTrees, ...]:
    members: list[BoostedTrees] = []
    while keys := [key for key in arrays if key.startswith(start := f"{name}/{len(members)}/")]:
        members.append(boosted_trees({key.removeprefix(start): arrays[key] for key in keys}))
    return tuple(members)


def _sigmoid(logits: NDArray[Any]) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), np.float32)
