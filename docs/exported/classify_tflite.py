"""Classify a picture with a TensorFlow Lite file: python classify_tflite.py MODEL.tflite PICTURE.png."""

import json
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter  # or tensorflow.lite.python.interpreter
from PIL import Image, ImageOps


def shares(old, size, scale):
    """How much each of `size` new rows takes of each old one: by area to shrink, of the two nearest to enlarge."""
    new, at = max(1, round(old * scale)), np.arange(old)
    width, row = max(old / new, 1), np.arange(size)[:, None] - (size - new) // 2
    start = np.clip((row + 0.5) * old / new - width / 2, 0, old - width)
    overlap = np.minimum(start + width, at + 1) - np.maximum(start, at)
    return np.clip(overlap, 0, None) / width * ((row >= 0) & (row < new))


model, picture = sys.argv[1:]
facts, image = json.load(open(f"{model}.json", encoding="utf-8")), ImageOps.exif_transpose(Image.open(picture))
if image.mode[0] == "I":  # grey of 16 bit
    white, grey = image.info.get("transparency"), np.asarray(image, np.int64)
    image = Image.fromarray(np.where(grey == white, 255, (grey + 128) // 257).clip(0, 255).astype(np.uint8))
image = np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")))[..., :3]
scale = min(new / old for new, old in zip(facts["input_shape"][:2], image.shape[:2], strict=True))
rows, columns = (shares(image.shape[side], facts["input_shape"][side], scale) for side in (0, 1))
paper = (255 - np.einsum("ih,hwc,jw->ijc", rows, 255.0 - image, columns, optimize=True)).round()
run = Interpreter(model_path=model).get_signature_runner()
((p,),) = run(**dict.fromkeys(run.get_input_details(), paper[None].astype(np.float32))).values()
print(*(f"{name}\t{value:.4f}" for name, value in zip(facts["classes"], p, strict=True)), sep="\n")
