"""How TensorFlow is started here: quiet, and in bfloat16 where the processor computes in it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any, Final

_IMPORTING: Final = RLock()  # two threads that import Keras at once each find half of it


@cache
def tensorflow() -> Any:
    """TensorFlow, imported once and on demand: it takes seconds, and most pages need none of it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    with _IMPORTING:
        import tensorflow as tf

    return tf


@cache
def keras() -> Any:
    """Keras on TensorFlow."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with _IMPORTING:
        tensorflow()
        import keras as keras_module

    return keras_module


@cache
def dtype_policy() -> str:
    """`mixed_bfloat16` on processors with AVX512-BF16 or AMX-BF16, where it is measured to be 2 x faster."""
    if forced := os.environ.get("HEARTVISION_DTYPE"):
        return forced
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "float32"
    return "mixed_bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"
