"""How TensorFlow is started here: quietly, on a GPU if there is one, in bfloat16 where the processor supports it."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from threading import RLock
from typing import Any, Final

_IMPORTING: Final = RLock()  # two threads that import Keras at once would each find half of it
_STDERR: Final = 2
_ITS_LOG: Final = re.compile(
    rb"[IWE]\d{4} \d\d:\d\d:|\d{4}-\d\d-\d\d .*: [IWE] |WARNING: All log messages before absl::"
)


@cache
def tensorflow() -> Any:
    """Import TensorFlow once and on demand: it takes seconds, and most pages do not need it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not gpu_allowed():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    with _IMPORTING, _without_its_log():
        import tensorflow as tf

        prepare_gpus(tf)
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3":
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # or it warns that each network of a search is compiled
    return tf


def gpu_allowed() -> bool:
    """Tell whether a GPU is used if there is one: always, but with HEARTVISION_GPU=0."""
    return os.environ.get("HEARTVISION_GPU", "1").lower() not in ("0", "off", "no", "false")


def prepare_gpus(tf: Any) -> tuple[Any, ...]:
    """Let TensorFlow take a GPU's memory as it needs it, and compute there as a processor does; return the GPUs.

    TensorFloat-32 is off: its products have three digits, and the answers must not depend on where they are computed.
    """
    found = tuple(tf.config.list_physical_devices("GPU"))
    for gpu in found:
        tf.config.experimental.set_memory_growth(gpu, True)
    if found:
        tf.config.experimental.enable_tensor_float_32_execution(False)
    return found


def repeatable() -> None:
    """Compute the same in every run of this process from here on, at some cost in speed on a GPU (set the seed)."""
    tensorflow().config.experimental.enable_op_determinism()


@contextmanager
def _without_its_log() -> Iterator[None]:
    """Keep what TensorFlow logs during its import from stderr, and pass on everything else a little later.

    Its first messages go straight to the file descriptor, whatever TF_CPP_MIN_LOG_LEVEL says. Set that below 3 to see
    them.
    """
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] != "3":
        yield
        return
    sys.stderr.flush()
    stderr = os.dup(_STDERR)
    with TemporaryFile() as said:
        os.dup2(said.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, _STDERR)
            os.close(stderr)
            said.seek(0)
            os.write(_STDERR, b"".join(line for line in said if not _ITS_LOG.match(line)))


@cache
def keras() -> Any:
    """Import Keras with the TensorFlow backend."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with _IMPORTING:
        tensorflow()
        import keras as keras_module

    return keras_module


@cache
def dtype_policy() -> str:
    """Return `mixed_bfloat16` on processors with AVX512-BF16 or AMX-BF16, where it was measured to be twice as fast.

    On a GPU it is `float32`; HEARTVISION_DTYPE forces another.
    """
    if forced := os.environ.get("HEARTVISION_DTYPE"):
        return forced
    if graphics_processors():
        return "float32"
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "float32"
    return "mixed_bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"


def graphics_processors() -> tuple[str, ...]:
    """Return the names of the graphics processors that TensorFlow uses."""
    config = tensorflow().config
    details = config.experimental.get_device_details
    return tuple(details(device).get("device_name", device.name) for device in config.list_physical_devices("GPU"))


@contextmanager
def float32_layers() -> Iterator[None]:
    """Build layers in float32: a policy of bfloat16 is of this machine and would travel with the file."""
    policy = keras().mixed_precision
    before = policy.global_policy()
    policy.set_global_policy("float32")
    try:
        yield
    finally:
        policy.set_global_policy(before)
