"""How TensorFlow is started here: quietly, and in bfloat16 where the processor supports it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any, Final

_IMPORTING: Final = RLock()  # two threads that import Keras at once would each find half of it


@cache
def tensorflow() -> Any:
    """Import TensorFlow once and on demand: it takes seconds, and most pages do not need it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    with _IMPORTING:
        import tensorflow as tf

    return tf


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
    """Return `mixed_bfloat16` on processors with AVX512-BF16 or AMX-BF16, where it was measured to be twice as fast."""
    if forced := os.environ.get("HEARTVISION_DTYPE"):
        return forced
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "float32"
    return "mixed_bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"
