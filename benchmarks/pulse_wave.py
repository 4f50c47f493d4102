"""How well an ECG and a pulse wave are told apart by shape: every lead of every database at hand, and made pulse waves.

Usage: python -m benchmarks.pulse_wave
"""

from __future__ import annotations

import sys

import numpy as np

from pipeline.config import data_root
from pipeline.errors import EcgError
from pipeline.intake.uploads import read_path
from pipeline.signal.pulse_wave import looks_like_pulse_wave
from pipeline.types import FloatArray

_MADE = 300


def made_pulse_wave(fs: float, rng: np.random.Generator, *, seconds: float = 30.0, noise: float = 0.0) -> FloatArray:
    """Make a photoplethysmogram (n,) float32: a systolic and a dicrotic wave a beat, breathing, and white noise.

    Parameters
    ----------
    fs : float
        Sampling frequency, Hz.
    rng : numpy.random.Generator
        Draws rate, shape and variability.
    seconds : float
        How long.
    noise : float
        Standard deviation of the noise; the systolic wave is 1.
    """
    t = np.arange(round(seconds * fs)) / fs
    wave, beat_s, rr_s = np.zeros(t.size), 0.3, 60.0 / rng.uniform(45, 150)
    width_s, notch = rng.uniform(0.06, 0.12), rng.uniform(0.1, 0.6)
    while beat_s < seconds:
        for height, delay_s, spread_s in ((1.0, 0.18, width_s), (notch, 0.45, 0.10)):
            wave += height * np.exp(-0.5 * ((t - beat_s - delay_s) / spread_s) ** 2)
        beat_s += rr_s * (1 + rng.normal(0, 0.03))
    wave += rng.uniform(0, 1) * np.sin(2 * np.pi * 0.2 * t) + noise * rng.normal(size=t.size)
    return wave.astype(np.float32)


def main() -> None:
    """Print one line a database, and one for each amount of noise."""
    for folder in sorted(path for path in data_root().iterdir() if path.is_dir()):
        records = leads = 0
        taken: list[str] = []
        for header in sorted(folder.rglob("*.hea")):
            try:
                recording = read_path(header)
            except EcgError:
                continue
            records += 1
            for k, name in enumerate(recording.leads):
                leads += 1
                if looks_like_pulse_wave(recording.p_signal[:, k], recording.fs):
                    taken.append(f"{header.stem} {name}")
        if records:
            sys.stdout.write(f"{folder.name}: {records} records, {leads} leads, {len(taken)} taken for a pulse wave\n")
            sys.stdout.writelines(f"  {name}\n" for name in taken)
    rng = np.random.default_rng(0)
    for noise in (0.0, 0.005, 0.01, 0.02, 0.05):
        rates = rng.choice([50.0, 64.0, 100.0, 125.0, 250.0, 500.0], _MADE)
        found = sum(looks_like_pulse_wave(made_pulse_wave(fs, rng, noise=noise), fs) for fs in rates.tolist())
        sys.stdout.write(f"made pulse waves, noise {noise:g} of the wave: {found} of {_MADE} found\n")


if __name__ == "__main__":
    main()
