"""Run as a script in a new process: an exported network's answers, with its format's runtime and nothing of ours.

python -P exported.py FORMAT FILE INPUTS.npy ANSWERS.npy
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")


def main() -> None:
    """Read, answer and write."""
    form, file, given, found = sys.argv[1:]
    np.save(found, LOADERS[form](file)(np.load(given)))


def _keras(file: str) -> Callable[[Any], Any]:
    import keras

    model = keras.saving.load_model(file, compile=False)
    return lambda inputs: model.predict(inputs, verbose=0)


def _h5(file: str) -> Callable[[Any], Any]:
    import h5py
    import keras

    with h5py.File(file) as stored:
        if "model_json" not in stored:
            return _keras(file)
        model = keras.models.model_from_json(stored["model_json"].asstr()[()])
        for number, variable in enumerate(model.variables):
            variable.assign(stored[f"variables/{number}"][()])
    return lambda inputs: model.predict(inputs, verbose=0)


def _savedmodel(file: str) -> Callable[[Any], Any]:
    import tensorflow as tf

    model = tf.saved_model.load(file)
    return lambda inputs: np.asarray(model.serve(inputs))


def _tflite(file: str) -> Callable[[Any], Any]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tensorflow.lite.python.interpreter import Interpreter

    model = Interpreter(model_path=file)
    place, answer = model.get_input_details()[0]["index"], model.get_output_details()[0]["index"]

    def run(inputs: Any) -> Any:
        model.resize_tensor_input(place, inputs.shape)
        model.allocate_tensors()
        model.set_tensor(place, inputs)
        model.invoke()
        return model.get_tensor(answer)

    return run


def _onnx(file: str) -> Callable[[Any], Any]:
    import onnxruntime

    model = onnxruntime.InferenceSession(file)
    return lambda inputs: model.run(None, {model.get_inputs()[0].name: inputs})[0]


LOADERS = {"keras": _keras, "h5": _h5, "savedmodel": _savedmodel, "tflite": _tflite, "onnx": _onnx}

if __name__ == "__main__":
    main()
