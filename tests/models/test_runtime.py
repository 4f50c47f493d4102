"""A GPU is used where there is one and nobody forbids it, and computes as a processor does."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from models import runtime
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


@pytest.mark.parametrize(("value", "seen"), [("0", "''"), ("1", "None")])
def test_tensorflow_is_shown_no_gpu_only_when_it_is_turned_off(value, seen, monkeypatch) -> None:
    monkeypatch.setenv("HEARTVISION_GPU", value)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
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


def test_tensorflow_does_not_warn_that_the_networks_of_a_search_are_compiled():
    code = (
        "from models.runtime import tensorflow; import numpy as np; tf = tensorflow()\n"
        "for n in range(9): tf.function(lambda x: x + 1)(tf.constant(np.zeros(n + 1, np.float32)))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    assert "retracing" not in done.stderr
