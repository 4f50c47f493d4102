"""The only way to load networks: weights are verified before they answer anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.fit import forward_of
from models.network import Network, Weights
from models.networks import NETWORKS
from models.runtime import dtype_policy, keras
from models.softmax import softmax

WEIGHTS: Final = Path(__file__).resolve().parent / "weights"
DECIDING: Final = (  # what in a manifest decides on an answer
    *("name", "sha256", "classes", "input_shape", "preprocessing", "logit_bias", "temperature"),
    *("threshold", "picture_threshold", "abstain_below"),
)
_SEAL: Final = "seal"  # of a manifest's DECIDING fields; those that earlier versions wrote have none
GOLDEN_TOLERANCE: Final = 0.06  # of a probability: bfloat16 and float32 processors differ by up to 0.03


@dataclass(frozen=True)
class Manifest:
    """What travels with weights: their identity, what they were trained on and how to read their answers.

    Attributes
    ----------
    name, title : str
        The network's name, and what people call it.
    classes : tuple of str
        The classes, in the order of the logits.
    input_shape : tuple of int
        Shape of one input, without the batch.
    preprocessing : str
        Id of the settings that shape the input.
    sha256 : str
        Of the weights file.
    parameters, size_bytes : int
        Number of weights, and size of the file.
    logit_bias : tuple of float
        Added to the logits, restores the natural prior of the classes.
    temperature : float
        Divides the logits, calibrates the probabilities.
    threshold, picture_threshold : float
        On 1 - p(N): from there on a beat of a recording, or of an uploaded picture, is abnormal.
    abstain_below : float
        A beat with less confidence is unclassified.
    trained_on : str
        The training data, in words.
    train_records, validation_records : tuple of str
        Records that it was trained on, and held-out records that chose the epoch and the calibration.
    commit, command : str
        The code that made it, and how.
    seed : int
        Seed of the random generators.
    training_minutes : float
        Duration of the training.
    pictures_seen : int
        Inputs in all epochs together.
    golden : tuple of tuple of float
        Probabilities for the stored inputs of the self-test.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    preprocessing: str
    sha256: str
    parameters: int
    size_bytes: int
    logit_bias: tuple[float, ...]
    temperature: float
    threshold: float
    picture_threshold: float
    abstain_below: float
    trained_on: str
    train_records: tuple[str, ...]
    validation_records: tuple[str, ...]
    commit: str
    command: str
    seed: int
    training_minutes: float
    pictures_seen: int
    golden: tuple[tuple[float, ...], ...]

    @property
    def version(self) -> str:
        """Short form of the weights' SHA-256."""
        return self.sha256[:12]

    @property
    def seal(self) -> str:
        """SHA-256 of all that decides on an answer besides code: weights, calibration and thresholds."""
        text = json.dumps({name: getattr(self, name) for name in DECIDING}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def identity(self) -> str:
        """Short form of the seal, 12 hex digits."""
        return self.seal[:12]


class Classifier:
    """A verified network that turns pictures, or beats in their order, into calibrated probabilities.

    Immutable; safe to share. It answers with a Keras model, or with the weights alone if its `Network.served` can.
    """

    def __init__(self, manifest: Manifest, model: Any | None = None, *, weights: Weights | None = None) -> None:
        self.manifest = manifest
        self._bias = np.array(manifest.logit_bias, np.float32)
        if model is None and weights is not None and self.network.served is not None:
            self._model: Callable[[], Any] = partial(_built, manifest, weights)
            self._logits = self.network.served(weights, len(manifest.classes))
        else:
            built = model if weights is None else _built(manifest, weights)
            self._model = lambda: built
            self._logits = forward_of(manifest.name)(built)

    @cached_property
    def model(self) -> Any:
        """The network in Keras; where the weights alone answer, it is built when it is first asked for."""
        return self._model()

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """Version of its weights."""
        return self.manifest.version

    @property
    def classes(self) -> tuple[str, ...]:
        """Its classes, in the order of its probabilities."""
        return self.manifest.classes

    @property
    def preprocessing(self) -> str:
        """Hash of the preprocessing that it was trained on."""
        return self.manifest.preprocessing

    @property
    def threshold(self) -> float:
        """1 - p(N) from which a beat is called abnormal."""
        return self.manifest.threshold

    @property
    def abstain_below(self) -> float:
        """Confidence below which a beat stays unclassified."""
        return self.manifest.abstain_below

    @cached_property
    def network(self) -> Network:
        """How this network is made."""
        return NETWORKS[self.name]

    def logits(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Return the raw network output (n, 5), before prior and temperature."""
        self._check(inputs)
        return np.asarray(self._logits(inputs), np.float32)

    def predict(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Return calibrated probabilities (n, 5), in the order of `manifest.classes`, for beats of a recording.

        Parameters
        ----------
        inputs : (n, height, width, 3) uint8, or (n, row) float32
            Pictures as `pipeline.features.beat_image.render_pictures` draws them, or for a network that reads beats,
            their rows of `pipeline.features.beat_sequence`, in order: each answer depends on the neighbours too.
        """
        return softmax(self.logits(inputs) + self._bias, temperature=self.manifest.temperature, dtype=np.float32)

    def predict_uploads(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities (n, 5) for uploaded pictures of single beats.

        They come without rhythm and not from one long recording, so the class frequencies seen in training are the
        prior.

        Raises
        ------
        ModelError
            If the network reads whole recordings, not pictures.
        """
        if self.network.reads != "pictures":
            raise ModelError(f"Network {self.name!r} reads whole recordings, not pictures; choose another network.")
        return softmax(self.logits(pictures), temperature=self.manifest.temperature, dtype=np.float32)

    def _check(self, inputs: NDArray[Any]) -> None:
        expected, reads = self.manifest.input_shape, self.network.reads
        dtype = np.dtype(np.uint8 if reads == "pictures" else np.float32)
        if inputs.dtype != dtype or inputs.shape[1:] != expected:
            raise ModelError(
                f"Network {self.name!r} reads {dtype} {reads} of {expected}, not {inputs.dtype} {inputs.shape[1:]}."
            )


def available(folder: Path = WEIGHTS) -> tuple[str, ...]:
    """Return the names of the networks that have weights, in the order of `NETWORKS`."""
    return tuple(name for name in NETWORKS if (folder / name / "manifest.json").exists())


def manifest(name: str, folder: Path = WEIGHTS) -> Manifest:
    """Read the manifest of a network.

    Raises
    ------
    ModelError
        If there is none, it lacks a field, or what decides on answers was changed after it was written.
    """
    file = folder / name / "manifest.json"
    if name not in NETWORKS or not file.exists():
        raise ModelError(f"There is no trained network {name!r}; there are {', '.join(available(folder)) or 'none'}.")
    try:
        raw = json.loads(file.read_text("utf-8"))
        found = Manifest(**{f.name: _frozen(raw[f.name]) for f in fields(Manifest)})
        if raw.get(_SEAL, found.seal) != found.seal:
            raise ModelError(f"The manifest of network {name!r} was changed after it was written: it is not used.")
        return found
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"The manifest of network {name!r} cannot be read: {error}.") from error


def load(name: str, folder: Path = WEIGHTS) -> Classifier:
    """Load a network after checking its weights, their number of classes and its golden predictions.

    `pipeline.analysis` checks whether its classes and preprocessing are those of the caller.

    Raises
    ------
    ModelError
        If anything differs from the manifest: nothing is classified then.
    """
    facts = manifest(name, folder)
    weights = folder / name / "weights.npz"
    if not weights.exists() or hashlib.sha256(weights.read_bytes()).hexdigest() != facts.sha256:
        raise ModelError(f"The weights of network {name!r} are damaged or missing: their SHA-256 differs.")
    try:
        classifier = Classifier(facts, weights=_arrays(weights))
        _self_test(classifier, folder / name / "golden.npz")
    except (OSError, KeyError, ValueError) as error:  # of another structure, or without its golden inputs
        raise ModelError(f"Network {name!r} cannot be put together from its files: {error}.") from error
    return classifier


def write(
    name: str,
    model: Any,
    history: dict[str, list[float]],
    golden: NDArray[Any],
    facts: dict[str, Any],
    output_dir: Path | None,
) -> Path:
    """Write weights (float16), golden inputs, training curves and the manifest of a trained model.

    Parameters
    ----------
    name : str
        Name of the network.
    model : keras.Model
        The trained model; its weights are rounded to float16.
    history : dict[str, list[float]]
        Curves by epoch.
    golden : (k, height, width, 3) uint8, or (k, row) float32
        Inputs of the self-test.
    facts : dict of str to Any
        Fields of `Manifest` that only the caller knows.
    output_dir : Path or None
        Where to write; models/weights if None.

    Returns
    -------
    Path
        The folder written, `output_dir`/NAME.
    """
    folder = (output_dir or WEIGHTS) / name
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {variable.path: np.asarray(variable).astype(np.float16) for variable in model.weights}
    np.savez_compressed(folder / "weights.npz", **arrays)
    np.savez_compressed(folder / "golden.npz", pictures=golden)
    _assign(model, _arrays(folder / "weights.npz"))
    payload = (folder / "weights.npz").read_bytes()
    known = Manifest(
        name=name,
        title=NETWORKS[name].title,
        input_shape=tuple(size for size in model.input_shape[1:] if size is not None),
        sha256=hashlib.sha256(payload).hexdigest(),
        parameters=int(model.count_params()),
        size_bytes=len(payload),
        golden=(),
        **facts,
    )
    answers = Classifier(known, model).predict(golden)
    rounded = [[round(float(value), 4) for value in row] for row in answers]
    _write_json(folder / "manifest.json", asdict(known) | {"golden": rounded, _SEAL: known.seal})
    _write_json(folder / "history.json", {"epoch": list(range(1, len(history["loss"]) + 1)), **history})
    return folder


def _built(facts: Manifest, weights: Weights) -> Any:
    keras().mixed_precision.set_global_policy(dtype_policy())
    model = NETWORKS[facts.name].build(facts.input_shape, len(facts.classes))
    _assign(model, weights)
    return model


def _assign(model: Any, weights: Weights) -> None:
    for variable in model.weights:
        variable.assign(weights[variable.path])


def _arrays(file: Path) -> Weights:
    """Read the weights in a file, float32, and check that they are finite."""
    with np.load(file, allow_pickle=False) as kept:
        arrays = {path: kept[path].astype(np.float32) for path in kept.files}
    for path, values in arrays.items():
        if not np.isfinite(values).all():
            raise ModelError(f"The weights {path!r} are not finite.")
        values.flags.writeable = False
    return MappingProxyType(arrays)


def _self_test(classifier: Classifier, golden: Path) -> None:
    with np.load(golden, allow_pickle=False) as arrays:
        found = classifier.predict(arrays["pictures"])
    worst = float(np.abs(found - np.array(classifier.manifest.golden)).max())
    if not worst <= GOLDEN_TOLERANCE:
        raise ModelError(
            f"Network {classifier.name!r} fails its self-test: probabilities differ by {worst:.3f}, "
            f"over {GOLDEN_TOLERANCE}; it is not used."
        )


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _write_json(path: Path, value: Any) -> None:
    temporary = path.with_suffix(".json.part")
    temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
