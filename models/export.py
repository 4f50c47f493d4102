"""Networks as files for other software: pictures in 0..255 in, calibrated probabilities out, nothing of ours inside.

Each format is written from one model in float32 that begins with the network's own scaling and ends with its prior,
temperature and softmax. Layers that Keras could not load without HeartVision are replaced by equal ones of its own.
"""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.networks import NETWORKS
from models.registry import Classifier
from models.runtime import float32_layers, keras, tensorflow

Array = NDArray[np.float32]

INPUTS: Final = 100  # on which a written file is compared with the network
TOLERANCE: Final = 1e-4  # of a probability, in float32 on both sides
OPSET: Final = 17  # of ONNX: read by every onnxruntime since 1.12 (2022)
PICTURE: Final = "picture"  # what the input of a network that reads pictures is called
SUFFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {"keras": ".keras", "h5": ".h5", "savedmodel": "", "tflite": ".tflite", "onnx": ".onnx"}
)
NEEDED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({"onnx": ("tf2onnx", "onnx", "onnxruntime")})
_RUN: Final = Path(__file__).with_name("exported.py")


def answering_model(classifier: Classifier) -> Any:
    """Return a Keras model from inputs as in `Classifier.predict`, in float32, to its probabilities.

    Raises
    ------
    ModelError
        If the steps before its first layer are no change of colours, so that no layer of Keras can stand for them.
    """
    manifest, layers = classifier.manifest, keras().layers
    plain = _in_float32(classifier)
    with float32_layers():
        body = _own_layers_replaced(_colours_as_layer(plain) if classifier.network.reads == "pictures" else plain)
        bias = [value / manifest.temperature for value in manifest.logit_bias]
        calibrated = layers.Rescaling(1 / manifest.temperature, offset=bias, name="calibrated")(body.output)
        answers = layers.Softmax(name="probabilities")(calibrated)
        return keras().Model(body.input, answers, name=classifier.name)


def write_exported(model: Any, form: str, path: Path) -> None:
    """Write what `answering_model` made.

    Parameters
    ----------
    model : keras.Model
        The model.
    form : str
        One of `SUFFIXES`.
    path : Path
        The file, or for "savedmodel" the folder.

    Raises
    ------
    ModelError
        If a package is missing, or this network cannot be written in this format.
    """
    require(form)
    if form in ("keras", "h5"):
        _require_loadable(model, form)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _quiet():
        _WRITERS[form](model, path)


def require(form: str) -> None:
    """Check that what a format needs is installed.

    Raises
    ------
    ModelError
        If it is not, with the command that installs it.
    """
    missing = [name for name in NEEDED.get(form, ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelError(
            f"The format {form!r} needs {' and '.join(missing)}, not installed here: run "
            f"`pip install 'heartvision[{form}]'` or `pip install {' '.join(NEEDED[form])}`."
        )


def sample_inputs(classifier: Classifier, golden: NDArray[Any], count: int = INPUTS) -> Array:
    """Return inputs to compare on: those of the self-test, shifted, made lighter or darker, and noisy.

    Parameters
    ----------
    classifier : Classifier
        The network.
    golden : (k, ...) uint8 or float32
        The inputs of its self-test.
    count : int, optional
        How many.

    Returns
    -------
    (count, height, width, 3) float32 whole numbers in 0..255, or (1, count, row) float32
    """
    rng = np.random.default_rng(0)
    base: Array = np.resize(golden, (count, *golden.shape[1:])).astype(np.float32)
    if classifier.network.reads == "beats":
        return np.asarray((base + rng.normal(0, 0.01, base.shape))[None], np.float32)
    for i, picture in enumerate(base):
        moved = np.roll(picture, rng.integers(-8, 9, 2), axis=(0, 1))
        base[i] = moved * rng.uniform(0.7, 1.0) + rng.normal(0, 10 * (i % 4), picture.shape)
    return np.asarray(np.clip(base, 0, 255).round(), np.float32)


def expected(classifier: Classifier, inputs: Array) -> Array:
    """Return the probabilities (count, k) of the network itself for `sample_inputs`, computed in float32."""
    plain, whole = _in_float32(classifier), classifier.network.reads == "beats"
    return Classifier(classifier.manifest, plain).predict(inputs[0] if whole else inputs.astype(np.uint8))


def answers_in_fresh_process(form: str, path: Path, inputs: Array) -> Array:
    """Return the probabilities (count, k) that a new Python, with the format's runtime alone, reads from a file.

    Parameters
    ----------
    form : str
        The format.
    path : Path
        The file or folder.
    inputs : (count, height, width, 3) or (1, count, row) float32
        The inputs.

    Raises
    ------
    ModelError
        If it cannot be loaded there.
    """
    with tempfile.TemporaryDirectory(prefix="heartvision-") as folder:
        given, found = Path(folder) / "inputs.npy", Path(folder) / "answers.npy"
        np.save(given, inputs)
        done = subprocess.run(
            [sys.executable, "-P", str(_RUN), form, str(path.resolve()), str(given), str(found)],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )
        if done.returncode or not found.exists():
            last = (done.stderr.strip().splitlines() or ["no word"])[-1][:160]
            raise ModelError(f"As {form}, the network does not load in a new process, so nothing is kept: {last}")
        answers = np.load(found)
        return np.asarray(answers, np.float32).reshape(-1, answers.shape[-1])


def _in_float32(classifier: Classifier) -> Any:
    """Build the network again in float32.

    Its weights come first: where they are read from files, the network that is built for them sets the policy of this
    machine.
    """
    weights, manifest = classifier.model.get_weights(), classifier.manifest
    with float32_layers():
        plain = NETWORKS[classifier.name].build(manifest.input_shape, len(manifest.classes))
    plain.set_weights(weights)
    return plain


def _colours_as_layer(model: Any) -> Any:
    """Replace operations between input and first layer by a 1 x 1 convolution, which every format knows."""
    if not _operations(model):
        return model
    first = next(layer for layer in model.layers if not isinstance(layer, keras().layers.InputLayer))
    front, body = keras().Model(model.input, first.input), keras().Model(first.input, model.output)
    corners = np.zeros((1, *model.input_shape[1:]), np.float32)
    corners[0, 0, 1:4] = np.eye(3)
    found = np.asarray(front(corners))[0, 0]
    offset, matrix = found[0], found[1:4] - found[0]
    inputs = keras().layers.Input(model.input_shape[1:], name=PICTURE)
    colours = keras().layers.Conv2D(3, 1, name="colours")
    outputs = body(colours(inputs))
    colours.set_weights([matrix[None, None], offset])
    random = np.asarray(np.random.default_rng(0).uniform(0, 255, corners.shape), np.float32)
    if not np.allclose(np.asarray(colours(random)), np.asarray(front(random)), atol=1e-3):
        raise ModelError(f"Network {model.name!r} begins with more than a change of colours; it cannot be exported.")
    return keras().Model(inputs, outputs, name=model.name)


def _own_layers_replaced(model: Any) -> Any:
    """Replace layers of ours that state an equal one of Keras's by it (`native`)."""
    own = {layer.name: layer for layer in model.layers if hasattr(layer, "native")}
    if not own:
        return model
    natives = {name: layer.native() for name, layer in own.items()}
    clone = keras().models.clone_model(
        model,
        clone_function=lambda layer: (
            natives[layer.name][0] if layer.name in natives else layer.__class__.from_config(layer.get_config())
        ),
    )
    for layer in clone.layers:
        known = natives[layer.name][1] if layer.name in natives else model.get_layer(layer.name).get_weights()
        layer.set_weights(known)
    return clone


def _operations(model: Any) -> list[Any]:
    """Return the steps of a model that are no layers."""
    return [step for step in model.operations if not isinstance(step, keras().layers.Layer)]


def _require_loadable(model: Any, form: str) -> None:
    inside = list(_layers(model))
    steps = [step for part in (model, *inside) if isinstance(part, keras().Model) for step in _operations(part)]
    own = sorted({type(step).__name__ for step in (*inside, *steps) if not _of_keras(step)})
    functions = sorted({name for layer in inside if (name := _unknown_activation(layer))})
    if own or functions:
        what = f"steps of its own ({', '.join(own)})" if own else f"the activation {', '.join(functions)}"
        raise ModelError(
            f"Network {model.name!r} has {what}, which Keras cannot load from a {form} file without HeartVision; "
            "use --format savedmodel."
        )


def _of_keras(step: Any) -> bool:
    return type(step).__module__.split(".")[0] == "keras"


def _layers(model: Any) -> Iterator[Any]:
    """Yield the layers of a model and of the models in it."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras().Model):
            yield from _layers(layer)


def _unknown_activation(layer: Any) -> str:
    """Return the name of a layer's activation if Keras does not find it by its name again; else ""."""
    function = getattr(layer, "activation", None)
    if isinstance(function, keras().Operation):
        return "" if _of_keras(function) else type(function).__name__
    name = str(getattr(function, "__name__", ""))
    try:
        return "" if function is None or keras().activations.get(name) is function else name
    except ValueError:
        return name


def _save(model: Any, path: Path) -> None:
    model.save(path)


def _save_h5(model: Any, path: Path) -> None:
    """Write an h5 file: Keras's own, or where it has no place for steps that are no layers, what builds the model.

    `models.exported` reads both: "model_json" is what `keras.models.model_from_json` takes, and "variables" holds the
    arrays of the model's variables in their order.
    """
    if not any(_operations(part) for part in (model, *_layers(model)) if isinstance(part, keras().Model)):
        _save(model, path)
        return
    with h5py.File(path, "w") as file:
        file["model_json"] = model.to_json()
        for number, variable in enumerate(model.variables):
            file[f"variables/{number}"] = np.asarray(variable)


def _save_graph(model: Any, path: Path) -> None:
    model.export(path, format="tf_saved_model", verbose=False)


def _save_tflite(model: Any, path: Path) -> None:
    tf = tensorflow()
    with tempfile.TemporaryDirectory(prefix="heartvision-") as folder:
        _save_graph(model, Path(folder) / "graph")
        converter = tf.lite.TFLiteConverter.from_saved_model(f"{folder}/graph")
        try:
            path.write_bytes(converter.convert())
        except Exception as error:  # the converter raises classes of its own
            raise ModelError(
                f"Network {model.name!r} has steps that TensorFlow Lite does not know; use --format savedmodel."
            ) from error


def _save_onnx(model: Any, path: Path) -> None:
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    tf = tensorflow()
    given = tf.TensorSpec(model.input.shape, tf.float32, name=PICTURE if len(model.input.shape) == 4 else "beats")
    run = tf.function(lambda x: tf.identity(model(x, training=False), name="probabilities"), input_signature=[given])
    frozen = convert_variables_to_constants_v2(run.get_concrete_function())
    graph = _without_erfc(frozen.graph.as_graph_def())
    ends = [frozen.inputs[0].name], [frozen.outputs[0].name]
    with _numpy_of_tf2onnx():
        import tf2onnx

        written, _ = tf2onnx.convert.from_graph_def(
            graph, name=model.name, input_names=ends[0], output_names=ends[1], opset=OPSET
        )
    path.write_bytes(written.SerializeToString())


def _without_erfc(graph: Any) -> Any:
    """Write erfc(x), which ONNX does not know, as 1 - erf(x)."""
    tf = tensorflow()
    for node in [each for each in graph.node if each.op == "Erfc"]:
        name, kind = node.name, node.attr["T"].type
        erf, one = graph.node.add(), graph.node.add()
        erf.CopyFrom(node)
        erf.op, erf.name = "Erf", f"{name}/erf"
        one.op, one.name = "Const", f"{name}/one"
        one.attr["dtype"].type = kind
        one.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(1.0, dtype=kind))
        node.op, node.input[:] = "Sub", [one.name, erf.name]
    return graph


@contextmanager
def _numpy_of_tf2onnx() -> Iterator[None]:
    """Give NumPy, while tf2onnx works, the names that it uses and NumPy 1.24 took away."""
    gone = {name: kind for name, kind in (("object", object), ("bool", bool)) if name not in vars(np)}
    for name, kind in gone.items():
        setattr(np, name, kind)
    try:
        yield
    finally:
        for name in gone:
            delattr(np, name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep advice on old formats and functions, which is none for the user, out of stderr."""
    logs = [logging.getLogger(name) for name in ("tensorflow", "absl", "tf2onnx")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


_WRITERS: Final[Mapping[str, Callable[[Any, Path], None]]] = MappingProxyType(
    {"keras": _save, "h5": _save_h5, "savedmodel": _save_graph, "tflite": _save_tflite, "onnx": _save_onnx}
)
