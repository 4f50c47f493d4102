"""The network over twelve leads: one computation in Keras and in numpy, verified weights, a manifest that says all."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from models.errors import ModelError
from models.registry import WEIGHTS
from models.superclasses import (
    GOLDEN_TOLERANCE,
    SUPERCLASSES,
    SuperclassNetwork,
    build,
    from_pytorch,
    golden_windows,
    load_superclasses,
    superclass_manifest,
    write_superclasses,
)
from pipeline import measurements
from tests.helpers.twelve_lead_ecg import NORMS, pytorch_weights


@pytest.fixture(scope="module")
def network():
    return load_superclasses()


@pytest.fixture
def copied(network, tmp_path):
    """The shipped network's files, written again."""
    weights = dict(np.load(WEIGHTS / "superclasses" / "weights.npz"))
    write_superclasses(weights, network.manifest, tmp_path)
    return tmp_path


def test_keras_and_numpy_answer_alike(network):
    windows = golden_windows(7)
    np.testing.assert_allclose(np.asarray(network.model(windows)), network.logits(windows), atol=1e-4)


def test_the_superclasses_are_those_of_a_diagnosis(network):
    assert network.manifest.classes == SUPERCLASSES == measurements.SUPERCLASSES


def test_batch_normalisation_folded_into_convolutions_changes_nothing():
    """A made network, answered layer by layer as PyTorch does, in its order of axes."""
    theirs = pytorch_weights()

    def normed(x, name):
        norm = NORMS[name]
        deviation = np.sqrt(theirs[f"{norm}.running_var"] + 1e-5)[:, None]
        scaled = (x - theirs[f"{norm}.running_mean"][:, None]) / deviation
        return scaled * theirs[f"{norm}.weight"][:, None] + theirs[f"{norm}.bias"][:, None]

    def convolved(x, name, stride):
        kernel = theirs[f"{name}.weight"]
        reach = kernel.shape[2] // 2
        padded = np.pad(x, ((0, 0), (reach, reach)))
        places = range(0, padded.shape[1] - kernel.shape[2] + 1, stride)
        seen = [np.tensordot(kernel, padded[:, place : place + kernel.shape[2]], 2) for place in places]
        return normed(np.stack(seen, axis=1), name)

    x = np.maximum(convolved(golden_windows(1)[0].T, "stem.0", 2), 0)
    padded = np.pad(x, ((0, 0), (1, 1)), constant_values=-np.inf)
    x = np.stack([padded[:, place : place + 3].max(1) for place in range(0, padded.shape[1] - 2, 2)], axis=1)
    inner = convolved(np.maximum(convolved(x, "blocks.0.conv1", 1), 0), "blocks.0.conv2", 1)
    x = np.maximum(inner + x, 0)
    inner = convolved(np.maximum(convolved(x, "blocks.1.conv1", 2), 0), "blocks.1.conv2", 1)
    x = np.maximum(inner + convolved(x, "blocks.1.shortcut.0", 2), 0)
    expected = theirs["head.weight"] @ x.mean(axis=1) + theirs["head.bias"]

    model, ours = build(), from_pytorch(theirs)
    for variable in model.weights:
        variable.assign(ours[variable.path])
    np.testing.assert_allclose(np.asarray(model(golden_windows(1)))[0], expected, rtol=2e-3, atol=2e-3)


def test_gradients_are_those_of_the_log_odds(network):
    windows, step = golden_windows(3), 0.02
    found = network.gradients(windows, "MI")[0]
    place = np.unravel_index(np.abs(found).argmax(), found.shape)
    around = np.repeat(windows[:1], 2, axis=0)
    around[0][place] -= step
    around[1][place] += step
    odds = network.log_odds(network.logits(around))[:, SUPERCLASSES.index("MI")]
    assert found[place] == pytest.approx((odds[1] - odds[0]) / (2 * step), rel=0.1)


def test_gradients_are_those_of_keras(network):
    import tensorflow as tf

    windows = golden_windows(11)
    for superclass, factors in zip(SUPERCLASSES, network.manifest.head, strict=True):
        values = tf.constant(windows)
        with tf.GradientTape() as tape:
            tape.watch(values)
            told = tf.reduce_sum(network.model(values) * tf.constant(factors, tf.float32))
        expected = np.asarray(tape.gradient(told, values))
        np.testing.assert_allclose(network.gradients(windows, superclass), expected, atol=1e-4 * np.abs(expected).max())


def test_the_activation_of_a_class_adds_up_to_its_log_odds(network):
    windows = golden_windows(5)
    for i, name in enumerate(SUPERCLASSES):
        added = network.class_activation(windows, name).mean(axis=1)
        constant = network.log_odds(network.logits(windows))[:, i] - added
        assert constant[0] == pytest.approx(constant[1], abs=1e-3)


def test_what_is_written_is_read_again(network, copied):
    again = load_superclasses(copied)
    shipped, written = (np.load(place / "superclasses" / "weights.npz") for place in (WEIGHTS, copied))
    assert {name: shipped[name].tobytes() for name in shipped} == {name: written[name].tobytes() for name in written}
    # the file around the weights, and so its hash, differs with the version of Python that wrote it
    assert replace(again.manifest, size_bytes=0, sha256="") == replace(network.manifest, size_bytes=0, sha256="")
    np.testing.assert_array_equal(again.logits(golden_windows(0)), network.logits(golden_windows(0)))


def test_damaged_weights_answer_nothing(copied):
    payload = bytearray((copied / "superclasses" / "weights.npz").read_bytes())
    payload[len(payload) // 2] ^= 1
    (copied / "superclasses" / "weights.npz").write_bytes(payload)
    with pytest.raises(ModelError, match="damaged"):
        load_superclasses(copied)


def test_a_manifest_with_another_head_fails_the_self_test(copied):
    file = copied / "superclasses" / "manifest.json"
    facts = json.loads(file.read_text())
    facts["head_bias"][1] += 20 * GOLDEN_TOLERANCE
    file.write_text(json.dumps(facts))
    with pytest.raises(ModelError, match="self-test"):
        load_superclasses(copied)


@pytest.mark.parametrize("missing", ["head", "sd_mv", "thresholds"])
def test_a_manifest_that_lacks_something_is_refused(copied, missing):
    file = copied / "superclasses" / "manifest.json"
    facts = json.loads(file.read_text())
    del facts[missing]
    file.write_text(json.dumps(facts))
    with pytest.raises(ModelError, match=missing):
        superclass_manifest(copied)


@pytest.mark.parametrize("shape", [(1, 299, 12), (1, 300, 8), (300, 12)])
def test_windows_of_another_shape_are_refused(network, shape):
    with pytest.raises(ModelError, match="windows"):
        network.logits(np.zeros(shape, np.float32))


def test_the_licence_of_the_authors_lies_beside_their_weights():
    folder = WEIGHTS / "superclasses"
    assert "Apache License" in (folder / "LICENSE").read_text()
    assert "909b3e8b40aa" in (folder / "NOTICE").read_text()
    assert "Apache-2.0" in superclass_manifest().origin


def test_made_networks_take_a_head_of_their_own(network):
    flat = replace(network.manifest, head=((0.0,) * 5,) * 5, head_bias=(0.0,) * 5)
    p = SuperclassNetwork(flat, dict(np.load(WEIGHTS / "superclasses" / "weights.npz"))).probabilities(np.ones(5))
    np.testing.assert_allclose(p, 0.5)
