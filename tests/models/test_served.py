"""Networks that numpy serves: the answers of the Keras model that was trained, without TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from models import operations, registry
from models.networks import NETWORKS
from models.registry import Classifier
from models.runtime import keras
from pipeline.analysis import prepare
from pipeline.config import DEFAULT, ROOT
from pipeline.datasets import demo_path
from pipeline.features.network_inputs import blocks
from pipeline.intake import read_path

TOLERANCE = 1e-4  # of a probability, as docs/adr/0016 promises
SERVED = tuple(name for name in registry.available() if NETWORKS[name].served is not None)


@pytest.fixture(scope="module")
def demo() -> np.ndarray:
    """The rows of every beat of the demo recording, which has one lead."""
    found = list(blocks(prepare(read_path(demo_path())).beats, DEFAULT.sequence_id(), DEFAULT))
    return np.concatenate([block.inputs for block in found])


@pytest.fixture(scope="module", params=SERVED)
def both(request: pytest.FixtureRequest) -> tuple[Classifier, Classifier]:
    """A network as it is served, and as Keras computes it."""
    served = registry.load(request.param)
    return served, Classifier(served.manifest, served.model)


def two_leads(rows: np.ndarray) -> np.ndarray:
    """The same rows with the slope of the first lead on the second."""
    found = rows.copy()
    for at in (0, 2 * DEFAULT.sequence.points):
        lead = found[:, at : at + 2 * DEFAULT.sequence.points].reshape(len(rows), -1, 2)
        lead[..., 1] = 3 * np.gradient(lead[..., 0], axis=1)
    return found


def assert_alike(both: tuple[Classifier, Classifier], rows: np.ndarray) -> None:
    found, expected = (network.predict(rows) for network in both)
    assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    assert np.abs(found - expected).max() < TOLERANCE


def test_the_networks_over_beats_are_served() -> None:
    assert {name for name, network in NETWORKS.items() if network.reads == "beats"} == set(SERVED)


def test_golden_beats_get_the_answers_of_keras(both: tuple[Classifier, Classifier]) -> None:
    with np.load(registry.WEIGHTS / both[0].name / "golden.npz") as golden:
        assert_alike(both, golden["pictures"])


def test_a_whole_recording_gets_the_answers_of_keras(both: tuple[Classifier, Classifier], demo: np.ndarray) -> None:
    assert len(demo) == 503
    assert_alike(both, demo)


def test_two_leads_get_the_answers_of_keras(both: tuple[Classifier, Classifier], demo: np.ndarray) -> None:
    assert_alike(both, two_leads(demo))


@pytest.mark.parametrize("beats", [1, 2, 9, 40])
def test_a_few_beats_get_the_answers_of_keras(
    both: tuple[Classifier, Classifier], demo: np.ndarray, beats: int
) -> None:
    assert_alike(both, demo[:beats])


def test_another_weight_is_another_answer(demo: np.ndarray) -> None:
    """The comparison above would see a layer that is left out, or read from the wrong member."""
    weights = dict(registry._arrays(registry.WEIGHTS / SERVED[0] / "weights.npz"))
    as_it_is, other = registry.load(SERVED[0]).predict(demo), dict(weights)
    other["member3_far4/kernel"] = weights["member4_far4/kernel"]
    changed = Classifier(registry.manifest(SERVED[0]), weights=other).predict(demo)
    assert np.abs(changed - as_it_is).max() > 10 * TOLERANCE


def test_the_same_beats_get_the_same_answers_bit_for_bit(both: tuple[Classifier, Classifier], demo: np.ndarray) -> None:
    """Whichever thread comes first: a resumed analysis equals an uninterrupted one."""
    first = both[0].logits(demo)
    assert all(np.array_equal(both[0].logits(demo), first) for _ in range(3))


@pytest.mark.parametrize("reach", [2, 24, 200])
def test_means_over_neighbours_are_rounded_as_tensorflow_rounds_them(reach: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 90, 5)).astype(np.float32)
    x[..., 0] = 0.5 * np.log(np.float32(0.05))  # what is measured of a missing lead
    expected = np.asarray(operations.mean_near(keras().ops.convert_to_tensor(x), reach))
    assert np.array_equal(operations.mean_near(x, reach), expected)


@pytest.mark.parametrize("by", [-16, -1, 1, 16, 100, -100])
def test_shifted_beats_are_those_of_keras(by: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 120, 3)).astype(np.float32)
    expected = np.asarray(operations.shifted(keras().ops.convert_to_tensor(x), by))
    assert np.array_equal(operations.shifted(x, by), expected)


def test_serving_imports_no_tensorflow() -> None:
    script = (
        "import sys; import numpy as np; from models import registry\n"
        f"for name in {SERVED!r}:\n"
        "    network = registry.load(name)\n"
        "    assert network.predict(np.zeros((70, *network.manifest.input_shape), np.float32)).shape == (70, 5)\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
