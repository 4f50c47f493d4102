"""Small recordings written as files, and a classifier by rule that reads them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import wfdb

from pipeline.config import DEFAULT

FS = 360


@dataclass
class WidthRule:
    """A classifier by rule: much ink in the beat panel means a wide beat. It counts how often it was asked."""

    name: str = "rule"
    version: str = "1"
    threshold: float = 0.5
    abstain_below: float = 0.0
    asked: int = 0
    classes: tuple[str, ...] = ("N", "S", "V", "F", "Q")
    preprocessing: str = DEFAULT.preprocessing_id()

    def predict(self, pictures):
        self.asked += len(pictures)
        ink = pictures[:, : DEFAULT.picture.beat_height_px, :, 0].mean(axis=(1, 2))
        wide = 1 / (1 + np.exp(-(ink - np.median(ink)) / 2))
        p = np.full((len(pictures), 5), 0.01, np.float32)
        p[:, 0], p[:, 2] = 0.97 * (1 - wide), 0.97 * wide
        return p / p.sum(axis=1, keepdims=True)


def write_record(folder, name, *, seconds=70, seed=0, flat=False, annotated=True):
    """A recording with narrow beats and, every fifth, a wide one."""
    rng = np.random.default_rng(seed)
    at = (np.arange(1, seconds - 1) * FS + rng.integers(-20, 20, seconds - 2)).astype(np.int64)
    time = np.arange(seconds * FS)
    signal = rng.normal(0, 0.01, time.size)
    symbols = ["V" if i % 5 == 4 else "N" for i in range(at.size)]
    for sample, symbol in zip(at, symbols, strict=True):
        width, height = (18, 1.6) if symbol == "V" else (6, 1.0)
        signal += height * np.exp(-(((time - sample) / width) ** 2))
        signal += 0.2 * np.exp(-(((time - sample - 100) / 25) ** 2))
    signal = np.zeros_like(signal) if flat else signal
    both = np.stack([signal, 0.5 * signal], axis=1)
    with warnings.catch_warnings():  # wfdb 4.3 writes headers in a way that pandas 3.1 calls deprecated
        warnings.simplefilter("ignore")
        wfdb.wrsamp(name, FS, ["mV", "mV"], ["MLII", "V1"], p_signal=both, fmt=["16", "16"], adc_gain=[200, 200],
                    baseline=[0, 0], write_dir=str(folder))  # fmt: skip
        if annotated:
            wfdb.wrann(name, "atr", at, symbols, write_dir=str(folder))
