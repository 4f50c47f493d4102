"""Networks as files: the model that is written answers as the network does, with layers of Keras's own only."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from models import export, exported, registry
from models.errors import ModelError
from models.networks import NETWORKS
from models.registry import Classifier
from models.runtime import keras, tensorflow
from models.softmax import softmax

SHAPE = (64, 64, 3)


def untrained(name, shape=SHAPE, classes=("a", "b", "c")):
    """A network with random weights, a prior and a temperature."""
    keras().utils.set_random_seed(0)
    keras().mixed_precision.set_global_policy("float32")
    model = NETWORKS[name].build(shape, len(classes))
    facts = replace(
        registry.manifest("cnn"), name=name, input_shape=shape, classes=classes,
        logit_bias=tuple(0.5 * i for i in range(len(classes))), temperature=1.7,
    )  # fmt: skip
    return Classifier(facts, model)


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (3, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize("name", ["cnn", "vgg16", "resnet50", "vit"])
def test_the_written_model_answers_as_the_network_and_ends_with_prior_temperature_and_softmax(name, pictures):
    classifier = untrained(name)
    found = np.asarray(export.answering_model(classifier)(pictures))
    bias = np.array(classifier.manifest.logit_bias, np.float32)
    logits = np.asarray(classifier.model(pictures, training=False)) + bias
    np.testing.assert_allclose(found, softmax(logits, temperature=1.7), atol=1e-5)
    np.testing.assert_allclose(found, classifier.predict(pictures.astype(np.uint8)), atol=1e-5)


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "vit"])
@pytest.mark.parametrize("form", ["keras", "h5"])
def test_no_layer_of_ours_is_left(name, form, pictures, tmp_path):
    """Steps before the first layer become one of Keras's, and so does the transformer's own layer."""
    model = export.answering_model(untrained(name))
    assert all(type(layer).__module__.startswith("keras") for layer in model.layers)
    path = tmp_path / f"n.{form}"
    export.write_exported(model, form, path)
    again = keras().saving.load_model(path, compile=False)
    np.testing.assert_allclose(np.asarray(again(pictures)), np.asarray(model(pictures)), atol=1e-6)


def with_step(step):
    layers = keras().layers
    inputs = layers.Input(SHAPE, name="picture")
    return keras().Model(inputs, layers.Dense(2)(step(layers.Flatten()(inputs))), name="odd")


def test_steps_of_keras_that_are_no_layers_are_written_where_it_loads_them_again(pictures, tmp_path):
    model = with_step(keras().ops.square)
    export.write_exported(model, "keras", tmp_path / "n.keras")
    again = keras().saving.load_model(tmp_path / "n.keras", compile=False)
    np.testing.assert_array_equal(np.asarray(again(pictures)), np.asarray(model(pictures)))


def test_steps_that_are_no_layers_have_a_place_in_an_h5_file_too(pictures, tmp_path):
    model = with_step(keras().ops.square)
    export.write_exported(model, "h5", tmp_path / "n.h5")
    found = exported.LOADERS["h5"](str(tmp_path / "n.h5"))(pictures)
    np.testing.assert_allclose(found, np.asarray(model(pictures)), rtol=1e-6)


def test_a_network_with_steps_that_keras_cannot_load_is_refused_in_one_sentence(tmp_path):
    class Doubled(keras().Operation):
        def call(self, x):
            return 2 * x

        def compute_output_spec(self, x):
            return keras().KerasTensor(x.shape, x.dtype)

    for odd in (with_step(Doubled()), with_step(keras().layers.Activation(Doubled()))):
        with pytest.raises(ModelError, match=r"'odd' has .*Doubled.*--format savedmodel"):
            export.write_exported(odd, "keras", tmp_path / "odd.keras")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["keras", "h5"])
def test_the_square_root_of_the_page_network_loads_again(form, pictures, tmp_path):
    model = export.answering_model(untrained("page"))
    export.write_exported(model, form, tmp_path / f"n.{form}")
    again = keras().saving.load_model(tmp_path / f"n.{form}", compile=False)
    np.testing.assert_allclose(np.asarray(again(pictures)), np.asarray(model(pictures)), atol=1e-6)


@pytest.fixture(scope="module")
def rhythm():
    """The network that answers by default, as on a processor with bfloat16, and the inputs of its self-test."""
    classifier = registry.load("rhythm_svdb")
    with np.load(registry.WEIGHTS / "rhythm_svdb" / "golden.npz", allow_pickle=False) as arrays:
        yield classifier, arrays["pictures"]
    keras().mixed_precision.set_global_policy("float32")


def test_the_network_over_beats_is_written_in_float32_whatever_the_processor(rhythm, monkeypatch, tmp_path):
    classifier, rows = rhythm
    monkeypatch.setattr(registry, "dtype_policy", lambda: "mixed_bfloat16")
    model = export.answering_model(classifier)
    assert {str(variable.dtype) for variable in model.weights} == {"float32"}
    found = np.asarray(model(rows[None]))[0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, classifier.predict(rows), atol=export.TOLERANCE)
    export.write_exported(model, "keras", tmp_path / "n.keras")
    again = keras().saving.load_model(tmp_path / "n.keras", compile=False)
    np.testing.assert_allclose(np.asarray(again(rows[None]))[0], found, atol=1e-6)


def test_trees_of_steps_that_keras_has_answer_as_ours(rhythm):
    classifier, rows = rhythm
    ours = classifier.model.get_layer("trees")
    equal, weights = ours.native()
    equal.set_weights(weights)
    assert all(type(step).__module__.startswith("keras") for step in equal.operations)
    found, expected = np.asarray(equal(rows[None])), np.asarray(ours(rows[None]))
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_start_that_is_no_change_of_colours_is_refused():
    layers = keras().layers
    inputs = layers.Input(SHAPE, name="picture")
    squared = keras().ops.square(inputs)
    odd = keras().Model(inputs, layers.Dense(3)(layers.Flatten()(squared)), name="odd")
    with pytest.raises(ModelError, match="more than a change of colours"):
        export._colours_as_layer(odd)


def test_erfc_becomes_one_minus_erf():
    tf = tensorflow()
    run = tf.function(lambda x: tf.math.erfc(x) * 2.0, input_signature=[tf.TensorSpec((3,), tf.float32, name="x")])
    concrete = run.get_concrete_function()
    graph = export._without_erfc(concrete.graph.as_graph_def())
    assert "Erfc" not in {node.op for node in graph.node}
    names = [concrete.inputs[0].name, concrete.outputs[0].name]
    again = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), []).prune(*names)
    x = tf.constant([-1.0, 0.0, 0.7])
    np.testing.assert_allclose(again(x), run(x), atol=1e-6)


@pytest.mark.parametrize("missing", ["tf2onnx", "onnxruntime"])
def test_a_missing_package_is_one_sentence_with_the_command(missing, monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name) or object())
    with pytest.raises(
        ModelError, match=rf"needs {missing}, not installed here: run `pip install .heartvision\[onnx\].`"
    ):
        export.require("onnx")
    export.require("tflite")


def test_the_inputs_of_the_comparison_are_many_and_differ():
    golden = np.random.default_rng(1).integers(0, 256, (4, *SHAPE)).astype(np.uint8)
    found = export.sample_inputs(untrained("cnn"), golden)
    assert found.shape == (100, *SHAPE)
    assert len({one.tobytes() for one in found}) == 100
    assert found.min() >= 0
    assert found.max() <= 255
    assert np.array_equal(found, found.round())
