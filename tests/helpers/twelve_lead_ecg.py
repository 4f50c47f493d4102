"""A made twelve-lead ECG: P, QRS and T of a steady rhythm, each with its own size in each lead."""

from __future__ import annotations

import numpy as np

LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
WAVES = {"P": (-0.16, 0.025), "Q": (-0.025, 0.009), "R": (0.0, 0.011), "S": (0.027, 0.010), "T": (0.27, 0.05)}
SIZES_MV = {  # of P, Q, R, S, T
    "I": (0.08, -0.05, 0.6, -0.1, 0.2),
    "II": (0.12, -0.06, 1.0, -0.15, 0.3),
    "V1": (0.05, 0.0, 0.2, -0.9, -0.05),
    "V2": (0.06, 0.0, 0.5, -1.2, 0.4),
    "V3": (0.06, 0.0, 0.9, -0.8, 0.45),
    "V4": (0.07, -0.05, 1.4, -0.4, 0.45),
    "V5": (0.07, -0.08, 1.3, -0.2, 0.35),
    "V6": (0.07, -0.08, 1.0, -0.1, 0.25),
}


def made_ecg(seconds=10.0, fs=500.0, leads=LEADS, rr_s=0.85, seed=0):
    """Return (n, n_leads) float32, mV, with a little noise."""
    time = np.arange(round(seconds * fs)) / fs
    beats = np.arange(0.4, seconds, rr_s)
    shapes = {
        name: sum(np.exp(-(((time - beat - at) / width) ** 2) / 2) for beat in beats)
        for name, (at, width) in WAVES.items()
    }
    noise = np.random.default_rng(seed).normal(scale=0.004, size=(time.size, len(leads)))
    ecg = np.stack([sum(size * shapes[w] for w, size in zip(WAVES, SIZES_MV[lead], strict=True)) for lead in leads], 1)
    return np.asarray(ecg + noise, np.float32)
