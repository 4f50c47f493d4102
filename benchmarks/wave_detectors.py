"""Detectors of waves to be compared: HeartVision's, and libraries that need not be installed."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from pipeline.analysis import analyse, load_classifier, prepare
from pipeline.config import RECORDING_NETWORK
from pipeline.datasets.wave_references import WAVE_NAMES, MarkedWaves, WaveName
from pipeline.measurements import Waves
from pipeline.types import FloatArray, Recording
from pipeline.waves.delineate import delineate, spans_without_p

Found = Mapping[WaveName, MarkedWaves]
Detector = Callable[[Recording], Sequence[Found]]  # one for each lead
OPENECG_FS_HZ: Final = 250
CODEC_FS_HZ: Final = 500
CODEC_CLASSES: Final[Mapping[WaveName, int]] = {"p": 1, "qrs": 2, "t": 3}
WINDOW_S: Final = 10.0  # that openecg reads at once
SHORTEST_S: Final = 0.02  # a shorter run of one class of its codec is no wave


@dataclass(frozen=True)
class Peer:
    """A library that may be missing: `start` makes its detector, or raises ImportError."""

    name: str
    start: Callable[[], Detector]


def ours(recording: Recording) -> Sequence[Found]:
    """Mark all leads together, at the beats that `prepare` finds."""
    return _of(delineate(recording.p_signal, recording.fs, recording.leads, _beats(recording)))


def ours_uncertain_too(recording: Recording) -> Sequence[Found]:
    """Mark all leads together, and give the marks as well whose place is uncertain."""
    beat_s = _beats(recording)
    return _of(delineate(recording.p_signal, recording.fs, recording.leads, beat_s, uncertain=True))


def ours_by_lead(recording: Recording) -> Sequence[Found]:
    """Mark each lead as if it were alone, at the same beats."""
    beat_s = _beats(recording)
    columns = [recording.p_signal[:, [i]] for i in range(len(recording.leads))]
    return [
        _of(delineate(column, recording.fs, (lead,), beat_s))[0]
        for column, lead in zip(columns, recording.leads, strict=True)
    ]


def ours_with_rhythm(recording: Recording) -> Sequence[Found]:
    """Mark all leads at the beats of an analysis, and no P wave in rhythms that it says have none."""
    result = analyse(recording, load_classifier(RECORDING_NETWORK))
    spans = spans_without_p(result.rhythm)
    return _of(delineate(recording.p_signal, recording.fs, recording.leads, result.time_s, without_p=spans))


def _beats(recording: Recording) -> NDArray[np.float64]:
    return np.asarray(prepare(recording).beats.sample / recording.fs, np.float64)


def _of(waves: Waves) -> list[Found]:
    found: list[Found] = []
    for i in range(len(waves.leads)):
        marks = waves.time_s[:, i].reshape(-1, 3, 3)
        some = np.isfinite(marks).any(axis=2)
        found.append({name: MarkedWaves(*marks[some[:, j], j].T) for j, name in enumerate(WAVE_NAMES)})
    return found


def _boundary() -> Detector:
    """Start openecg's TFLite delineator."""
    inference = importlib.import_module("openecg.deploy").Inference()

    def of_lead(lead: FloatArray, fs: float) -> Found:
        line = resample_poly(lead, OPENECG_FS_HZ, round(fs))
        rows: list[tuple[str, float, float]] = []
        size = round(WINDOW_S * OPENECG_FS_HZ)
        for start in range(0, line.size, size):
            (window,) = inference.predict(line[start : start + size])
            rows += [
                (b.name.lower(), (b.start + start) / OPENECG_FS_HZ, (b.end + start) / OPENECG_FS_HZ) for b in window
            ]
        return {name: _spans([row[1:] for row in rows if row[0] == name]) for name in WAVE_NAMES}

    return _each_lead(of_lead)


def _codec() -> Detector:
    """Start openecg's codec_v6 (ONNX)."""
    codec = importlib.import_module("openecg").load_codec_onnx(version="v6")

    def of_lead(lead: FloatArray, fs: float) -> Found:
        line = resample_poly(lead, CODEC_FS_HZ, round(fs))
        size = round(WINDOW_S * CODEC_FS_HZ)
        parts = [codec.encode(line[start : start + size], fs=CODEC_FS_HZ).frame for start in range(0, line.size, size)]
        frame = np.concatenate(parts)
        found: dict[WaveName, MarkedWaves] = {}
        for name, number in CODEC_CLASSES.items():
            edges = np.flatnonzero(np.diff(np.concatenate(([0], (frame == number).astype(np.int8), [0]))))
            spans = (edges.reshape(-1, 2) - [0, 1]) / CODEC_FS_HZ
            found[name] = _spans([(a, b) for a, b in spans if b - a >= SHORTEST_S])
        return found

    return _each_lead(of_lead)


def _neurokit(method: str) -> Detector:
    """Start NeuroKit2's `ecg_delineate` after its own cleaning and peaks."""
    library = importlib.import_module("neurokit2")

    def of_lead(lead: FloatArray, fs: float) -> Found:
        rate = round(fs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                clean = library.ecg_clean(lead, sampling_rate=rate)
                peaks = library.ecg_peaks(clean, sampling_rate=rate)[1]["ECG_R_Peaks"]
                waves = library.ecg_delineate(clean, peaks, sampling_rate=rate, method=method)[1]
            except (ValueError, IndexError, ZeroDivisionError):  # it fails on leads without a plain R wave
                return {name: _spans([]) for name in WAVE_NAMES}
        letters = {"p": "P", "qrs": "R", "t": "T"}
        return {
            name: _edges(waves[f"ECG_{letter}_Onsets"], waves[f"ECG_{letter}_Offsets"], rate)
            for name, letter in letters.items()
        }

    return _each_lead(of_lead)


PEERS: Final = (
    Peer("openecg 0.11, boundary", _boundary),
    Peer("openecg 0.11, codec_v6", _codec),
    Peer("NeuroKit2 0.3, prominence", lambda: _neurokit("prominence")),
    Peer("NeuroKit2 0.3, dwt", lambda: _neurokit("dwt")),
)


def _each_lead(of_lead: Callable[[FloatArray, float], Found]) -> Detector:
    return lambda recording: [of_lead(np.nan_to_num(lead), recording.fs) for lead in recording.p_signal.T]


def _spans(rows: Sequence[tuple[float, float]]) -> MarkedWaves:
    edges = np.array(rows, np.float64).reshape(-1, 2)
    return MarkedWaves(edges[:, 0], edges.mean(axis=1), edges[:, 1])


def _edges(on: Any, off: Any, rate: int) -> MarkedWaves:
    on_s, off_s = (np.asarray(at, np.float64) / rate for at in (on, off))
    some = np.isfinite(on_s) | np.isfinite(off_s)
    both = np.stack([on_s[some], off_s[some]])
    return MarkedWaves(both[0], np.nanmean(both, axis=0) if some.any() else both[0], both[1])
