"""Fibrillation and flutter of 4 to 8 s within other rhythms, and noise as short: `python -m benchmarks.brief_waves`.

Waves of vfdb and of 207, and made ones, are laid into a minute of records of DS1, and read by a detector of waveforms
that was not trained on those waves (`runs/rhythms`, from `train --model waveform`). Noise of nstdb, up to 2.5 times as
high as the QRS, is laid in alike: nothing there may be named. `--write` saves what is found, with and without asking
what each second says alone, in docs/experiments/brief_waves.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from models.detectors import detectors_from
from pipeline._util.files import write_json
from pipeline._util.provenance import current_commit
from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.datasets.rhythm_references import read_rhythms
from pipeline.evaluation.held_out_detectors import readers
from pipeline.intake import read_path
from pipeline.rhythm.usual_beats import KnownBeats
from pipeline.rhythm.ventricular import (
    VentricularSeconds,
    confirmed_states,
    ventricular_episodes,
    waveform_probabilities,
)
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.signal.reading import read_leads
from pipeline.signal.standing_out import standing_out
from pipeline.synthesis.noise import NOISE_KINDS, half_of, read_noise
from pipeline.synthesis.non_ecg import draw_fibrillation
from pipeline.types import FloatArray, Recording

REPORT: Final = ROOT / "docs" / "experiments" / "brief_waves.json"
AROUND: Final = ("101", "112", "114", "115", "118", "119", "122", "124", "209", "220", "223", "230")
WAVES: Final = ("vfdb/418", "vfdb/422", "vfdb/430", "mitdb/207")
MADE: Final = "made"
COUNT: Final = 20  # recordings of each source
SECONDS: Final = 60.0
LASTS_S: Final = (4.0, 8.0)
BESIDE_S: Final = 3.0  # an episode that begins earlier or ends later is elsewhere
HEIGHTS: Final = (0.4, 2.5)  # of noise, against the QRS
FADE_S: Final = 0.15


def main() -> None:
    """Count, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/experiments/brief_waves.json")
    write = parser.parse_args().write
    report: dict[str, Any] = {"command": "python -m benchmarks.brief_waves --write", "commit": current_commit()}
    for number, source in enumerate((*WAVES, MADE, *NOISE_KINDS)):
        report[source] = _counted(source, np.random.default_rng(number))
        print(source, report[source])
    if write:
        write_json(REPORT, report)


def _counted(source: str, rng: np.random.Generator) -> dict[str, int]:
    """Count the recordings of a source in which something ventricular is found there, and elsewhere."""
    counts = dict.fromkeys(("recordings", "found", "elsewhere", "found by all around", "elsewhere by all around"), 0)
    with detectors_from(readers(source).places if source in WAVES else {}):
        for recording, start_s, stop_s in _recordings(source, rng):
            counts["recordings"] += 1
            for suffix, spans in zip(("", " by all around"), _found(recording), strict=True):
                inside = [a < stop_s and start_s < b for a, b in spans]
                beyond = [a < start_s - BESIDE_S or b > stop_s + BESIDE_S for a, b in spans]
                counts[f"found{suffix}"] += any(inside)
                counts[f"elsewhere{suffix}"] += any(beyond)
    return counts


def _found(recording: Recording) -> Iterator[list[tuple[float, float]]]:
    """Yield what is ventricular, from second to second, as it is read, and without asking any second alone."""
    conditioned = read_leads(recording, DEFAULT.signal).conditioned
    r_peak = detect_r_peaks(conditioned, DEFAULT.signal)
    time_s = r_peak[standing_out(conditioned, r_peak)] / conditioned.fs
    known = KnownBeats(conditioned.signal, conditioned.fs, time_s)
    seconds = waveform_probabilities(conditioned)
    for shown in (seconds, _all_around(seconds)):
        episodes = ventricular_episodes(shown, recording.duration_s, confirmed_states(shown, known))
        yield [(one.start_s, one.stop_s) for one in episodes]


def _all_around(seconds: VentricularSeconds) -> VentricularSeconds:
    return replace(seconds, brief=np.zeros_like(seconds.brief))


def _recordings(source: str, rng: np.random.Generator) -> Iterator[tuple[Recording, float, float]]:
    """Yield recordings of a minute, and from when to when, in seconds, the waves of the source are in them."""
    for _ in range(COUNT):
        around = _cut(read_path(data_root() / "mitdb" / f"{rng.choice(AROUND)}.hea"), rng.uniform(30, 1600), SECONDS)
        lasts_s, start_s = float(rng.uniform(*LASTS_S)), float(rng.uniform(15, 40))
        waves = _waves(source, round(lasts_s * around.fs), around, rng)
        first, fade = round(start_s * around.fs), FADE_S * around.fs
        up = np.minimum(1.0, (np.arange(len(waves)) + 1) / fade)[:, None]
        share = np.minimum(up, up[::-1])
        p_signal = around.p_signal.copy()
        inside = slice(first, first + len(waves))
        kept = p_signal[inside] * (1 if source in NOISE_KINDS else 1 - share)
        p_signal[inside] = kept + share * waves
        yield replace(around, p_signal=p_signal, reference=None, digest=""), start_s, start_s + lasts_s


def _waves(source: str, size: int, around: Recording, rng: np.random.Generator) -> FloatArray:
    """Return waves (size, n_leads), mV: for noise, as high as a share of the QRS around."""
    leads, fs = around.p_signal.shape[1], around.fs
    if source == MADE:
        return np.stack([draw_fibrillation(size, fs, rng)] * leads, axis=1)
    if source in NOISE_KINDS:
        noise = half_of(read_noise(data_root() / "nstdb", source), 0)
        piece = _centred(_cut(noise, rng.uniform(0, noise.duration_s - 10), size / fs).p_signal[:size, :leads])
        height = np.ptp(np.quantile(around.p_signal, (0.005, 0.995), axis=0), axis=0)
        return np.asarray(piece * height * rng.uniform(*HEIGHTS) / np.ptp(piece, axis=0), np.float32)
    episodes = read_rhythms(data_root() / source, source.split("/")[0]).episodes
    long = [one for one in episodes if one.rhythm == "VFL" and one.seconds > size / fs + 1]
    chosen = long[int(rng.integers(len(long)))]
    recording = read_path(data_root() / f"{source}.hea")
    piece = _cut(recording, rng.uniform(chosen.start_s, chosen.stop_s - size / fs - 0.5), size / fs + 0.5).p_signal
    at = np.arange(size) * recording.fs / fs
    resampled = [np.interp(at, np.arange(len(piece)), lead) for lead in piece.T]
    return _centred(np.stack(resampled, axis=1).astype(np.float32))


def _centred(waves: FloatArray) -> FloatArray:
    return np.asarray(waves - np.median(waves, axis=0), np.float32)


def _cut(recording: Recording, start_s: float, seconds: float) -> Recording:
    first = round(start_s * recording.fs)
    return replace(recording, p_signal=recording.p_signal[first : first + round(seconds * recording.fs)])


if __name__ == "__main__":
    main()
