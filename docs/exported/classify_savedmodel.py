"""Classify a picture with a SavedModel: python classify_savedmodel.py MODEL PICTURE.png."""

import json
import sys

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps


def shares(old: int, new: int) -> np.ndarray:
    """How much each new row takes of each old one: by area if there are fewer, else of the two nearest."""
    at, step = np.arange(old), old / new
    edges = np.arange(new + 1)[:, None] * step
    if step >= 1:
        return np.clip(np.minimum(edges[1:], at + 1) - np.maximum(edges[:-1], at), 0, None) / step
    return np.clip(1 - abs(np.clip(edges[:-1] + (step - 1) / 2, 0, old - 1) - at), 0, None)


model, picture = sys.argv[1:]
facts = json.load(open(f"{model}.json", encoding="utf-8"))
image = ImageOps.exif_transpose(Image.open(picture)).convert("RGBA")
image = np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image))[..., :3]
scale = min(facts["input_shape"][0] / image.shape[0], facts["input_shape"][1] / image.shape[1])
down, across = (max(1, round(side * scale)) for side in image.shape[:2])
paper = np.full((1, *facts["input_shape"]), 255, np.float32)
top, left = (paper.shape[1] - down) // 2, (paper.shape[2] - across) // 2
rows, columns = shares(image.shape[0], down), shares(image.shape[1], across)
paper[0, top : top + down, left : left + across] = np.einsum(
    "ih,hwc,jw->ijc", rows, image, columns, optimize=True
).round()
network = tf.saved_model.load(model)
p = network.serve(paper).numpy()[0]
for name, value in zip(facts["classes"], p, strict=True):
    print(f"{name}\t{value:.4f}")
