"""Recordings that hold no beat, analyses of them, and episodes of rhythm over beats."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.types import Analysis, Episode, Quality, QualitySegment, Recording, RhythmCode
from tests.helpers.review_study import analysed

FS = 250.0
MODEL = "rhythm_svdb"
WAVES = {"VFL": "VF", "ASYS": "", "NOISE": ""}  # rhythms without beats, each with its detail


def with_rhythm(classes: str, *spans: tuple[float, RhythmCode]) -> Analysis:
    """One beat per letter as in `analysed`; the rhythms last until the times given, the last one to the end."""
    analysis = analysed(classes)
    stops = [*(stop for stop, _ in spans[:-1]), analysis.duration_s]
    starts = [0.0, *stops[:-1]]
    found = (
        Episode(start, stop, code, "", 0.9, f"evidence of {code}")
        for start, stop, (_, code) in zip(starts, stops, spans, strict=True)
    )
    return replace(analysis, rhythm=tuple(found))


def beatless_of(analysis: Analysis, rhythm: Sequence[Episode]) -> Analysis:
    """The analysis as if no beat had been found."""
    return replace(
        analysis,
        sample=np.zeros(0, np.int64),
        p=np.zeros((0, 5), np.float32),
        has_p=np.zeros(0, np.bool_),
        confidence=np.zeros(0, np.float32),
        status=(),
        reason=(),
        rr_s=None if analysis.rr_s is None else np.zeros(0, np.float32),
        rhythm=tuple(rhythm),
    )


def beatless(code: RhythmCode, *, seconds: float = 40.0, leads: tuple[str, ...] = ("MLII", "V1")) -> Recording:
    """A recording that is all fibrillation (irregular waves), asystole (a flat line with a drift) or noise."""
    rng = np.random.default_rng(3)
    time_s = np.arange(round(seconds * FS)) / FS
    if code == "VFL":
        phase = 2 * np.pi * np.cumsum(5 + 0.6 * np.sin(2 * np.pi * 0.3 * time_s)) / FS
        lead = 0.5 * np.sin(phase) * (1 + 0.3 * np.sin(2 * np.pi * 0.17 * time_s))
    elif code == "ASYS":
        lead = 0.05 * np.sin(2 * np.pi * 0.2 * time_s)
    else:
        lead = rng.normal(0, 0.6, time_s.size)
    signal = np.stack([lead + rng.normal(0, 0.004, lead.size) for _ in leads], axis=1).astype(np.float32)
    digest = hashlib.sha256(signal.tobytes()).hexdigest()
    return Recording(f"beatless_{code}", FS, signal, leads, digest, (True,) * len(leads))


def read(recording: Recording, code: RhythmCode, *, leads: tuple[str, ...] = ("MLII",)) -> Analysis:
    """The analysis of such a recording: no beat, and one episode."""
    episode = Episode(0.0, recording.duration_s, code, WAVES[code], 0.93, "no QRS complex anywhere")
    verdict = "noisy" if code == "NOISE" else "good"
    base = replace(
        analysed(""),
        record=recording.name,
        digest=recording.digest,
        duration_s=recording.duration_s,
        leads=leads,
        model=MODEL,
        quality=Quality((QualitySegment(0.0, recording.duration_s, verdict, "", leads),), 1.0),
        rr_s=np.zeros(0, np.float32),
    )
    return beatless_of(base, (episode,))
