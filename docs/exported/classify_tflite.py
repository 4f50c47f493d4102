"""Classify a picture with a TensorFlow Lite file: python classify_tflite.py MODEL.tflite PICTURE.png."""

import json
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from cv2 import INTER_AREA, INTER_LINEAR, resize
from PIL import Image, ImageOps

model, picture = sys.argv[1:]
facts, image = json.load(open(f"{model}.json", encoding="utf-8")), ImageOps.exif_transpose(Image.open(picture))
if image.mode[0] == "I":  # grey of 16 bit
    white, grey = image.info.get("transparency"), np.asarray(image, np.int64)
    image = Image.fromarray(np.where(grey == white, 255, (grey + 128) // 257).clip(0, 255).astype(np.uint8))
image = np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")))[..., :3]
scale = min(new / old for new, old in zip(facts["input_shape"][:2], image.shape[:2], strict=True))
h, w = (max(1, round(old * scale)) for old in image.shape[:2])
paper = np.full(facts["input_shape"], 255, np.float32)
y, x = (paper.shape[0] - h) // 2, (paper.shape[1] - w) // 2
paper[y : y + h, x : x + w] = resize(image, (w, h), interpolation=INTER_AREA if scale < 1 else INTER_LINEAR)
((p,),) = (f := Interpreter(model).get_signature_runner())(**dict.fromkeys(f.get_input_details(), paper[None])).values()
print(*(f"{name}\t{value:.4f}" for name, value in zip(facts["classes"], p, strict=True)), sep="\n")
