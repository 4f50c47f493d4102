"""The network over twelve leads: five diagnostic superclasses of PTB-XL from windows of 3 s, with its calibration.

ECGResNet by I. Aljosevic, D. Polito and A. Lkikm (Apache-2.0; `LICENSE` and `NOTICE` beside the weights), its batch
normalisation folded into the convolutions. `build` makes it in Keras; numpy answers with it and differentiates it
(`models.superclass_arrays`), without the seconds that TensorFlow's import takes. Both give the same.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.network import Weights
from models.runtime import float32_layers, keras
from models.superclass_arrays import BLOCK_STRIDES, STEM_STRIDE, features, gradients

NAME: Final = "superclasses"
WEIGHTS: Final = Path(__file__).resolve().parent / "weights"
SUPERCLASSES: Final = ("NORM", "MI", "STTC", "CD", "HYP")
WINDOW: Final = 300  # samples of an input, at 100 Hz
LEADS: Final = 12
GOLDEN_TOLERANCE: Final = 1e-3  # of a probability; float32 everywhere
STEM_FILTERS, STEM_KERNEL = 64, 15
BLOCK_FILTERS: Final = (64, 128)
KERNEL: Final = 7  # of the blocks

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class SuperclassManifest:
    """What travels with the network: how its input is made, how its logits become probabilities, where it comes from.

    Attributes
    ----------
    name, title : str
        The network's name, and what people call it.
    classes : tuple of str
        The superclasses, in the order of the probabilities.
    leads : tuple of str
        The leads, in the order of the input's columns.
    fs_hz : float
        Sampling frequency of the input.
    band_hz : tuple of float
        Edges of the band-pass filter, Hz.
    filter_order : int
        Its order; it is applied forwards and backwards.
    window_s, step_s : float
        Length of a window, and from one to the next.
    mean_mv, sd_mv : tuple of float
        Of each lead over all filtered records of `calibrated_on`: subtracted, then divided by.
    head : tuple of tuple of float
        Per superclass the factors of the five mean logits in its log odds.
    head_bias : tuple of float
        Per superclass what is added to them.
    thresholds : tuple of float
        Per superclass the probability from which it is said.
    sha256 : str
        Of the weights file.
    parameters, size_bytes : int
        Number of weights, and size of the file.
    origin : str
        Where the weights come from, and their licence.
    trained_on : str
        The training data, in words.
    calibrated_on : tuple of str
        Records that scaling, head and thresholds come from, DATABASE/RECORD.
    commit, command : str
        The code that made it, and how.
    seed : int
        Seed of the random generators.
    training_minutes : float
        Duration of the calibration.
    golden : tuple of tuple of float
        Probabilities for the stored windows of the self-test.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    leads: tuple[str, ...]
    fs_hz: float
    band_hz: tuple[float, ...]
    filter_order: int
    window_s: float
    step_s: float
    mean_mv: tuple[float, ...]
    sd_mv: tuple[float, ...]
    head: tuple[tuple[float, ...], ...]
    head_bias: tuple[float, ...]
    thresholds: tuple[float, ...]
    sha256: str
    parameters: int
    size_bytes: int
    origin: str
    trained_on: str
    calibrated_on: tuple[str, ...]
    commit: str
    command: str
    seed: int
    training_minutes: float
    golden: tuple[tuple[float, ...], ...]

    @property
    def version(self) -> str:
        """Short form of the weights' SHA-256."""
        return self.sha256[:12]


class SuperclassNetwork:
    """The verified network with its manifest; immutable, safe to share."""

    def __init__(self, manifest: SuperclassManifest, weights: Weights) -> None:
        self.manifest = manifest
        self._weights = weights
        self._head = np.array(manifest.head, np.float32)
        self._bias = np.array(manifest.head_bias, np.float32)

    @cached_property
    def model(self) -> Any:
        """The network in Keras, built when it is first asked for."""
        model = build()
        for variable in model.weights:
            variable.assign(self._weights[variable.path])
        return model

    def scaled(self, filtered_mv: FloatArray) -> FloatArray:
        """Return filtered leads (..., 12), mV, minus the mean of their lead and divided by its standard deviation."""
        mean, sd = (np.array(values, np.float32) for values in (self.manifest.mean_mv, self.manifest.sd_mv))
        return np.asarray((filtered_mv - mean) / sd, np.float32)

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return the raw output (n, 5) for scaled windows (n, 300, 12).

        Raises
        ------
        ModelError
            If the windows have another shape.
        """
        _check(windows)
        pooled = features(self._weights, windows).mean(axis=1)
        return np.asarray(pooled @ self._weights["head/kernel"] + self._weights["head/bias"], np.float32)

    def class_activation(self, windows: FloatArray, superclass: str) -> FloatArray:
        """Return how much each of 38 places in time (n, 38) adds to a superclass's log odds in windows (n, 300, 12).

        The head is linear over averaged features, so this is Grad-CAM before its rectification (Zhou 2016,
        doi:10.1109/CVPR.2016.319; Selvaraju 2017, doi:10.1109/ICCV.2017.74).
        """
        _check(windows)
        factors = self._weights["head/kernel"] @ self._head[self.manifest.classes.index(superclass)]
        return np.asarray(features(self._weights, windows) @ factors, np.float32)

    def log_odds(self, mean_logits: FloatArray) -> FloatArray:
        """Return calibrated log odds (..., 5) of logits (..., 5) that were averaged over a recording's windows."""
        return np.asarray(mean_logits @ self._head.T + self._bias, np.float32)

    def probabilities(self, mean_logits: FloatArray) -> FloatArray:
        """Return calibrated probabilities (..., 5) of logits (..., 5) that were averaged over a recording's windows.

        The superclasses do not exclude each other: they need not sum to 1.
        """
        return np.asarray(1 / (1 + np.exp(-self.log_odds(mean_logits).astype(np.float64))), np.float32)

    def gradients(self, windows: FloatArray, superclass: str) -> FloatArray:
        """Return the derivative (n, 300, 12) of a superclass's log odds in each value of scaled windows."""
        _check(windows)
        return gradients(self._weights, windows, self._head[self.manifest.classes.index(superclass)])


def build() -> Any:
    """Return the untrained network in Keras: windows (n, 300, 12) to logits (n, 5)."""
    with float32_layers():
        return _built()


def _built() -> Any:
    layers = keras().layers
    inputs = keras().Input((WINDOW, LEADS), name="signal")
    x = _keras_conv(inputs, "stem", STEM_FILTERS, STEM_KERNEL, STEM_STRIDE)
    x = layers.ZeroPadding1D(1)(layers.ReLU()(x))
    x = layers.MaxPooling1D(3, 2)(x)
    for i, (filters, stride) in enumerate(zip(BLOCK_FILTERS, BLOCK_STRIDES, strict=True), start=1):
        inner = layers.ReLU()(_keras_conv(x, f"block{i}_conv1", filters, KERNEL, stride))
        inner = _keras_conv(inner, f"block{i}_conv2", filters, KERNEL, 1)
        beside = _keras_conv(x, f"block{i}_shortcut", filters, 1, stride) if stride > 1 else x
        x = layers.ReLU(name=f"block{i}")(inner + beside)
    x = layers.GlobalAveragePooling1D()(x)
    return keras().Model(inputs, layers.Dense(len(SUPERCLASSES), dtype="float32", name="head")(x), name=NAME)


def _keras_conv(x: Any, name: str, filters: int, kernel: int, stride: int) -> Any:
    layers = keras().layers
    padded = layers.ZeroPadding1D(kernel // 2)(x) if kernel > 1 else x
    return layers.Conv1D(filters, kernel, strides=stride, dtype="float32", name=name)(padded)


def _check(windows: FloatArray) -> None:
    if windows.dtype != np.float32 or windows.shape[1:] != (WINDOW, LEADS):
        raise ModelError(
            f"Network {NAME!r} reads float32 windows of {(WINDOW, LEADS)}, not {windows.dtype} {windows.shape[1:]}."
        )


def from_pytorch(arrays: Weights) -> dict[str, FloatArray]:
    """Return the authors' weights by our paths, each batch normalisation folded into the convolution before it.

    Parameters
    ----------
    arrays : mapping of str to float32 array
        As PyTorch names and orders them: kernels (out, in, k).

    Raises
    ------
    KeyError
        If one is missing.
    """
    ours = _folded(arrays, "stem", "stem.0", "stem.1")
    for i, stride in enumerate(BLOCK_STRIDES, start=1):
        theirs = f"blocks.{i - 1}"
        for part in (1, 2):
            ours |= _folded(arrays, f"block{i}_conv{part}", f"{theirs}.conv{part}", f"{theirs}.bn{part}")
        if stride > 1:
            ours |= _folded(arrays, f"block{i}_shortcut", f"{theirs}.shortcut.0", f"{theirs}.shortcut.1")
    return ours | {"head/kernel": arrays["head.weight"].T.copy(), "head/bias": arrays["head.bias"]}


def _folded(arrays: Weights, name: str, conv: str, norm: str) -> dict[str, FloatArray]:
    factor = arrays[f"{norm}.weight"] / np.sqrt(arrays[f"{norm}.running_var"] + 1e-5)  # PyTorch's epsilon
    kernel = arrays[f"{conv}.weight"].transpose(2, 1, 0) * factor
    bias = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * factor
    return {f"{name}/kernel": kernel.astype(np.float32), f"{name}/bias": bias.astype(np.float32)}


def golden_windows(seed: int) -> FloatArray:
    """Return windows (2, 300, 12) of smoothed noise, as high as a scaled ECG, for the self-test."""
    noise = np.random.default_rng(seed).normal(size=(2, WINDOW + 8, LEADS))
    smooth = np.lib.stride_tricks.sliding_window_view(noise, 9, axis=1).mean(-1)
    return np.asarray(smooth / smooth.std(), np.float32)


def load_superclasses(folder: Path = WEIGHTS) -> SuperclassNetwork:
    """Load the network after checking its weights against their SHA-256 and its golden predictions; it is read once.

    Raises
    ------
    ModelError
        If its files are missing, damaged or disagree.
    """
    return _load(folder / NAME)


def superclass_manifest(folder: Path = WEIGHTS) -> SuperclassManifest:
    """Read what the network's manifest says, without its weights.

    Raises
    ------
    ModelError
        If there is none, or it lacks something.
    """
    try:
        raw = json.loads((folder / NAME / "manifest.json").read_text("utf-8"))
        return SuperclassManifest(**{f.name: _frozen(raw[f.name]) for f in fields(SuperclassManifest)})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"The manifest of network {NAME!r} cannot be read: {error}.") from error


def write_superclasses(weights: Weights, facts: SuperclassManifest, folder: Path = WEIGHTS) -> Path:
    """Write weights, golden windows and manifest.

    Parameters
    ----------
    weights : mapping of str to float32 array
        By the paths that `build` gives them.
    facts : SuperclassManifest
        Its `sha256`, `parameters`, `size_bytes` and `golden` are replaced by those of what is written.
    folder : Path, optional
        Where the folder of the network's name goes; models/weights by default.

    Returns
    -------
    Path
        The folder written.
    """
    place = folder / NAME
    place.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(place / "weights.npz", **weights)  # type: ignore[arg-type]
    windows = golden_windows(facts.seed)
    np.savez_compressed(place / "golden.npz", windows=windows)
    payload = (place / "weights.npz").read_bytes()
    network = SuperclassNetwork(facts, weights)
    known = replace(
        facts,
        sha256=hashlib.sha256(payload).hexdigest(),
        parameters=sum(array.size for array in weights.values()),
        size_bytes=len(payload),
        golden=tuple(tuple(round(float(p), 5) for p in row) for row in network.probabilities(network.logits(windows))),
    )
    temporary = place / "manifest.json.part"
    temporary.write_text(json.dumps(asdict(known), indent=1) + "\n", encoding="utf-8")
    temporary.replace(place / "manifest.json")
    _load.cache_clear()
    return place


@cache
def _load(place: Path) -> SuperclassNetwork:
    facts = superclass_manifest(place.parent)
    try:
        if hashlib.sha256((place / "weights.npz").read_bytes()).hexdigest() != facts.sha256:
            raise ModelError(f"The weights of network {NAME!r} are damaged: their SHA-256 differs.")
        network = SuperclassNetwork(facts, _arrays(place / "weights.npz"))
        found = network.probabilities(network.logits(_arrays(place / "golden.npz")["windows"]))
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"Network {NAME!r} cannot be put together from its files: {error}.") from error
    if not (worst := float(np.abs(found - np.array(facts.golden)).max())) <= GOLDEN_TOLERANCE:
        raise ModelError(f"Network {NAME!r} fails its self-test: probabilities differ by {worst:.3f}; it is not used.")
    return network


def _arrays(file: Path) -> dict[str, FloatArray]:
    with np.load(file, allow_pickle=False) as kept:
        return {name: kept[name] for name in kept.files}


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
