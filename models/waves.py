"""The network that marks waves: for each sample of each lead, how likely it lies in a P wave, a QRS complex, a T wave.

A small U-Net (Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28) reads all leads of a recording at once, in any
number and order: each level also sees its own features averaged over the leads, so that a lead with a hidden P wave is
read with the help of the others. Keras trains it; numpy answers with it, from the weights alone, without TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.runtime import float32_layers, keras
from models.threads import single_threaded_blas

WEIGHTS: Final = Path(__file__).resolve().parent / "weights"
NAME: Final = "waves"
FS_HZ: Final = 250.0
WAVES: Final = ("P", "QRS", "T")
CHANNELS: Final = 2  # the lead in units of its QRS height, and where the R peaks are
WIDTHS: Final = (16, 24, 32, 32, 32, 40)  # features from 250 Hz down to 7.8 Hz
POOLED: Final = (0, 2, 4)  # levels whose features are also averaged over the leads
STEP: Final = 2 ** (len(WIDTHS) - 1)  # the number of samples is a multiple of this
FIRST_KERNEL, KERNEL, COARSE_KERNEL = 9, 5, 3
FINE_LEVELS: Final = 3  # of those with `KERNEL`
NORM_EPSILON: Final = 1e-3
GOLDEN_TOLERANCE: Final = 0.01  # of a probability

Weights = Mapping[str, NDArray[np.float32]]


class _Layers(Protocol):
    """Where the layers come from: Keras or trained weights; arrays are (batch, leads, samples, features)."""

    def conv(self, x: Any, filters: int, kernel: int, name: str) -> Any: ...

    def logits(self, x: Any) -> Any: ...

    def over_leads(self, x: Any) -> Any: ...

    def joined(self, first: Any, second: Any) -> Any: ...

    def halved(self, x: Any) -> Any: ...

    def doubled(self, x: Any) -> Any: ...


@dataclass(frozen=True)
class WavesManifest:
    """What travels with the network's weights.

    Attributes
    ----------
    name, title : str
        Its name, and what people call it.
    classes : tuple of str
        The waves, in the order of the probabilities.
    sha256 : str
        Of the weights file.
    parameters, size_bytes : int
        Number of trained numbers, and size of the weights file.
    trained_on : str
        The training data, in words.
    train_records, validation_records : tuple of str
        Records that it was trained on, and those of them that joined once settings had been chosen on them,
        DATABASE/RECORD.
    commit, command : str
        The code that made it, and how.
    seed : int
        Seed of the random generators.
    training_minutes : float
        Duration of the training.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    sha256: str
    parameters: int
    size_bytes: int
    trained_on: str
    train_records: tuple[str, ...]
    validation_records: tuple[str, ...]
    commit: str
    command: str
    seed: int
    training_minutes: float

    @property
    def version(self) -> str:
        """Short form of the weights' SHA-256."""
        return self.sha256[:12]


@dataclass(frozen=True, eq=False)
class WaveNetwork:
    """The trained network with its manifest; immutable, safe to share."""

    manifest: WavesManifest
    layers: _Trained

    def probabilities(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how likely each sample lies in each wave, (..., n_leads, n, 3).

        The mean of what the network says of each lead among the others and of each lead alone.

        Parameters
        ----------
        values : (..., n_leads, n, 2) float32
            As `pipeline.waves.inputs` makes them, of one recording or of several; `n` is a multiple of `STEP`.

        Raises
        ------
        ModelError
            If the shape is another.
        """
        if values.ndim < 3 or values.shape[-1] != CHANNELS or values.shape[-2] % STEP or not values.size:
            raise ModelError(f"The network {NAME!r} reads (n_leads, n, 2), n a multiple of {STEP}, not {values.shape}.")
        with single_threaded_blas():
            together = _likely(np.asarray(values, np.float32), self.layers)
            if values.shape[-3] == 1:
                return together
            alone = _likely(np.asarray(values[..., None, :, :], np.float32), self.layers)[..., 0, :, :]
        return np.asarray((together + alone) / 2, np.float32)


def build() -> Any:
    """Return an untrained Keras model from (batch, leads, samples, 2) to logits (batch, leads, samples, 3)."""
    with float32_layers():
        inputs = keras().layers.Input((None, None, CHANNELS), dtype="float32", name="leads")
        return keras().Model(inputs, _answer(inputs, _Trainable()), name=NAME)


def load_waves(folder: Path | None = None) -> WaveNetwork:
    """Load the network after checking its weights, and that it answers its own example as recorded; it is read once.

    Parameters
    ----------
    folder : Path, optional
        The folder that holds the folder "waves"; models/weights if None.

    Raises
    ------
    ModelError
        If there is none, or its files are damaged.
    """
    return _load((folder or WEIGHTS) / NAME)


def write_waves(model: Any, golden: NDArray[np.float32], facts: Mapping[str, Any], folder: Path | None = None) -> Path:
    """Write weights (float16), the golden example and the manifest of a trained model.

    Parameters
    ----------
    model : keras.Model
        As `build` returns it, trained.
    golden : (n_leads, n, 2) float32
        Input of the self-test.
    facts : mapping of str to Any
        The fields of `WavesManifest` that only the caller knows.
    folder : Path, optional
        Where to write; models/weights if None.

    Returns
    -------
    Path
        The folder written, `folder`/waves.
    """
    place = (folder or WEIGHTS) / NAME
    place.mkdir(parents=True, exist_ok=True)
    arrays = {name: array.astype(np.float16) for name, array in folded(model).items()}
    np.savez_compressed(place / "weights.npz", **arrays)  # type: ignore[arg-type]
    payload = (place / "weights.npz").read_bytes()
    known = WavesManifest(
        name=NAME,
        title="Wave marks",
        classes=WAVES,
        sha256=hashlib.sha256(payload).hexdigest(),
        parameters=sum(array.size for array in arrays.values()),
        size_bytes=len(payload),
        **facts,
    )
    answer = WaveNetwork(known, _Trained(_arrays(place / "weights.npz"))).probabilities(golden)
    np.savez_compressed(place / "golden.npz", leads=golden, answer=answer.astype(np.float16))
    temporary = place / "manifest.json.part"
    temporary.write_text(json.dumps(asdict(known), indent=1) + "\n", encoding="utf-8")
    temporary.replace(place / "manifest.json")
    _load.cache_clear()
    return place


def folded(model: Any) -> dict[str, NDArray[np.float32]]:
    """Return the convolutions of a Keras model with their normalisations in them: NAME/kernel and NAME/bias."""
    found = {}
    for layer in model.layers:
        if not layer.weights or layer.name.endswith("_norm"):
            continue
        kernel = np.asarray(layer.kernel, np.float32)[0]
        if layer.use_bias:
            bias = np.asarray(layer.bias, np.float32)
        else:
            gamma, beta, mean, variance = (
                np.asarray(w, np.float32) for w in model.get_layer(f"{layer.name}_norm").weights
            )
            scale = gamma / np.sqrt(variance + NORM_EPSILON)
            kernel, bias = kernel * scale, beta - mean * scale
        found[f"{layer.name}/kernel"], found[f"{layer.name}/bias"] = kernel, bias
    return found


def network_of(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return the function from (n_leads, n, 2) to probabilities that a Keras model makes, in numpy."""
    layers = _Trained(folded(model))
    return lambda values: _likely(values, layers)


@cache
def _load(place: Path) -> WaveNetwork:
    try:
        raw = json.loads((place / "manifest.json").read_text("utf-8"))
        facts = WavesManifest(**{f.name: _frozen(raw[f.name]) for f in fields(WavesManifest)})
        if hashlib.sha256((place / "weights.npz").read_bytes()).hexdigest() != facts.sha256:
            raise ModelError(f"The weights of network {NAME!r} are damaged: their SHA-256 differs.")
        network = WaveNetwork(facts, _Trained(_arrays(place / "weights.npz")))
        with np.load(place / "golden.npz", allow_pickle=False) as kept:
            worst = float(np.abs(network.probabilities(kept["leads"]) - kept["answer"]).max())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"Network {NAME!r} cannot be loaded: {error}.") from error
    if not worst <= GOLDEN_TOLERANCE:
        raise ModelError(f"Network {NAME!r} fails its self-test: probabilities differ by {worst:.3f}; it is not used.")
    return network


def _arrays(file: Path) -> Weights:
    with np.load(file, allow_pickle=False) as kept:
        return {name: kept[name].astype(np.float32) for name in kept.files}


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _answer(x: Any, layers: _Layers) -> Any:
    """Return logits of the three waves, (..., leads, samples, 3)."""
    known = []
    for level, width in enumerate(WIDTHS):
        x = layers.conv(
            layers.halved(x) if level else x, width, _kernel(level) if level else FIRST_KERNEL, f"down{level}"
        )
        x = layers.joined(x, layers.over_leads(x)) if level in POOLED else x
        known.append(x)
    for level in reversed(range(len(WIDTHS) - 1)):
        x = layers.conv(layers.joined(layers.doubled(x), known[level]), WIDTHS[level], _kernel(level), f"up{level}")
    return layers.logits(x)


def _likely(values: NDArray[np.float32], layers: _Trained) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-np.clip(_answer([values], layers), -30, 30))), np.float32)


def _kernel(level: int) -> int:
    return KERNEL if level < FINE_LEVELS else COARSE_KERNEL


@dataclass(frozen=True)
class _Trainable:
    """Keras layers."""

    def conv(self, x: Any, filters: int, kernel: int, name: str) -> Any:
        layers = keras().layers
        x = layers.Conv2D(filters, (1, kernel), padding="same", use_bias=False, name=name)(x)
        return layers.Activation("relu")(layers.BatchNormalization(epsilon=NORM_EPSILON, name=f"{name}_norm")(x))

    def logits(self, x: Any) -> Any:
        return keras().layers.Conv2D(len(WAVES), 1, name="logits")(x)

    def over_leads(self, x: Any) -> Any:
        ops = keras().ops
        return ops.zeros_like(x) + ops.mean(x, axis=1, keepdims=True)

    def joined(self, first: Any, second: Any) -> Any:
        return keras().ops.concatenate([first, second], axis=-1)

    def halved(self, x: Any) -> Any:
        return keras().ops.concatenate([x[:, :, ::2], x[:, :, 1::2]], axis=-1)

    def doubled(self, x: Any) -> Any:
        return keras().ops.repeat(x, 2, axis=2)


@dataclass(frozen=True)
class _Trained:
    """What these layers compute once they are trained, in numpy.

    Features are lists of parts (..., leads, samples, features), joined in thought; a part with one lead stands for all.
    """

    weights: Weights

    def conv(self, x: Any, filters: int, kernel: int, name: str) -> Any:
        total = self._sum(x, kernel, name)
        return [np.maximum(total, 0, out=total)]

    def logits(self, x: Any) -> Any:
        return self._sum(x, 1, "logits")

    def over_leads(self, x: Any) -> Any:
        return [x[0].mean(axis=-3, keepdims=True)]

    def joined(self, first: Any, second: Any) -> Any:
        return [*first, *second]

    def halved(self, x: Any) -> Any:
        return [part[..., first::2, :] for first in (0, 1) for part in x]

    def doubled(self, x: Any) -> Any:
        return [np.repeat(part, 2, axis=-2) for part in x]

    def _sum(self, x: Any, kernel: int, name: str) -> NDArray[np.float32]:
        weights, first = self.weights[f"{name}/kernel"], 0
        total: NDArray[np.float32] | None = None
        for part in x:
            width = part.shape[-1]
            own = _convolved(part, weights[:, first : first + width])
            if total is None:
                total = own
                total += self.weights[f"{name}/bias"]
            else:
                total = np.add(total, own, out=total) if total.shape[:-1] == part.shape[:-1] else total + own
            first += width
        return np.asarray(total, np.float32)


def _convolved(x: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the convolution of (..., samples, features) with (kernel, features, filters), 0 beyond both ends."""
    kernel, n, beyond = len(weights), x.shape[-2], len(weights) // 2
    padded = np.zeros((*x.shape[:-2], n + 2 * beyond, x.shape[-1]), np.float32)
    padded[..., beyond : beyond + n, :] = x
    total = np.matmul(padded[..., :n, :], weights[0])
    own = np.empty_like(total)
    for j in range(1, kernel):
        total += np.matmul(padded[..., j : j + n, :], weights[j], out=own)
    return np.asarray(total, np.float32)
