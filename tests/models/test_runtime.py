"""A GPU is used where there is one and nobody forbids it, and computes as a processor does."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from models import runtime
from models.networks import NETWORKS
from models.runtime import keras
from pipeline.config import ROOT


class Experimental:
    """Records what TensorFlow is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def set_memory_growth(self, gpu: object, grow: bool) -> None:
        self.asked.append(("growth", gpu, grow))

    def enable_tensor_float_32_execution(self, on: bool) -> None:
        self.asked.append(("tf32", on))


def fake(*gpus: str) -> SimpleNamespace:
    return SimpleNamespace(
        config=SimpleNamespace(list_physical_devices=lambda kind: list(gpus), experimental=Experimental())
    )


def test_every_gpu_takes_memory_as_it_needs_it_and_no_shortened_products() -> None:
    tf = fake("GPU:0", "GPU:1")
    assert runtime.prepare_gpus(tf) == ("GPU:0", "GPU:1")
    asked = tf.config.experimental.asked
    assert asked == [("growth", "GPU:0", True), ("growth", "GPU:1", True), ("tf32", False)]


def test_without_a_gpu_nothing_is_set() -> None:
    tf = fake()
    assert runtime.prepare_gpus(tf) == ()
    assert tf.config.experimental.asked == []


@pytest.mark.parametrize(
    ("value", "allowed"), [(None, True), ("1", True), ("0", False), ("off", False), ("False", False)]
)
def test_an_environment_variable_turns_the_gpu_off(value, allowed, monkeypatch) -> None:
    monkeypatch.delenv("HEARTVISION_GPU", raising=False)
    if value is not None:
        monkeypatch.setenv("HEARTVISION_GPU", value)
    assert runtime.gpu_allowed() is allowed


@pytest.mark.parametrize(
    ("value", "chosen", "seen"),
    [("0", None, "''"), ("0", "1", "''"), ("1", None, "None"), ("1", "1", "'1'"), (None, "0,1", "'0,1'")],
)
def test_tensorflow_is_shown_no_gpu_only_when_it_is_turned_off(value, chosen, seen, monkeypatch) -> None:
    for name, setting in (("HEARTVISION_GPU", value), ("CUDA_VISIBLE_DEVICES", chosen)):
        monkeypatch.delenv(name, raising=False)
        if setting is not None:
            monkeypatch.setenv(name, setting)
    script = (  # a package of that name in place of TensorFlow, which takes seconds
        "import os, sys, types\n"
        "fake = types.ModuleType('tensorflow')\n"
        "fake.config = types.SimpleNamespace(list_physical_devices=lambda kind: [])\n"
        "sys.modules['tensorflow'] = fake\n"
        "from models.runtime import tensorflow\n"
        "tensorflow(); print(repr(os.environ.get('CUDA_VISIBLE_DEVICES')))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == seen


def test_weights_of_a_gpu_are_float32(monkeypatch) -> None:
    monkeypatch.delenv("HEARTVISION_DTYPE", raising=False)
    monkeypatch.setattr(runtime, "graphics_processors", lambda: ("H200",))
    runtime.dtype_policy.cache_clear()
    try:
        assert runtime.dtype_policy() == "float32"
    finally:
        runtime.dtype_policy.cache_clear()


def answers_on(device: str) -> NDArray[np.float32]:
    """Return the answers of one network of random weights to the same pictures, computed on a device."""
    keras().utils.set_random_seed(5)
    pictures = np.random.default_rng(5).uniform(0, 255, (16, 64, 96, 3)).astype(np.float32)
    with runtime.tensorflow().device(device):
        return np.asarray(NETWORKS["cnn"].build((64, 96, 3), 5)(pictures, training=False))


def test_a_gpu_answers_as_a_processor_does() -> None:
    if not runtime.graphics_processors():
        pytest.skip("TensorFlow finds no GPU here")
    with runtime.float32_layers():
        assert answers_on("/GPU:0") == pytest.approx(answers_on("/CPU:0"), abs=1e-4)


def test_tensorflow_does_not_warn_that_the_networks_of_a_search_are_compiled():
    code = (
        "from models.runtime import tensorflow; import numpy as np; tf = tensorflow()\n"
        "for n in range(9): tf.function(lambda x: x + 1)(tf.constant(np.zeros(n + 1, np.float32)))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    assert "retracing" not in done.stderr
