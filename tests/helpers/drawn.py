"""Pictures drawn for tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def beat_picture(path: Path) -> Path:
    """A black trace of a normal beat on white."""
    x = np.linspace(-0.3, 0.4, 200)
    waves = ((-0.17, 0.02, 0.12), (-0.025, 0.008, -0.1), (0.0, 0.01, 1.0), (0.03, 0.01, -0.2), (0.22, 0.04, 0.25))
    y = sum(height * np.exp(-(((x - at) / width) ** 2)) for at, width, height in waves)
    points = np.stack([np.linspace(10, 190, x.size), 120 - 90 * y], axis=1).round().astype(np.int32)
    canvas = np.full((160, 200, 3), 255, np.uint8)
    cv2.polylines(canvas, [points], False, (0, 0, 0), 2, cv2.LINE_AA)
    path.write_bytes(cv2.imencode(".png", canvas)[1].tobytes())
    return path
