"""What noise_curves.json holds: answers in noise against the signal-to-noise ratio, and annotated noise found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.config import ROOT

NOISE_CURVES: Final = ROOT / "docs" / "experiments" / "noise_curves.json"
CLEAN: Final = "clean"
AGAIN: Final = "run `python -m benchmarks.noise` again"


@dataclass(frozen=True)
class AnsweredInNoise:
    """Beats of all records under one condition.

    Attributes
    ----------
    beats : int
        Reference beats.
    answered, wrong : float
        Share of them that gets a class, and share of these classes that is wrong.
    more_wrong : float
        How much larger the share of wrong ones is than without noise.
    changed : float
        Share of the given classes that are others than without noise.
    """

    beats: int
    answered: float
    wrong: float
    more_wrong: float = field(metadata={"key": "wrong more than clean"})
    changed: float = field(metadata={"key": "changed by noise"})


@dataclass(frozen=True)
class NoiseRoc:
    """How well a probability tells annotated noise: what is flagged where .95 of the rest is kept, and the ROC."""

    flagged: float = field(metadata={"key": "flagged at .95 of the rest kept"})
    points: tuple[tuple[float, float], ...] = field(metadata={"key": "false and true positives"})


@dataclass(frozen=True)
class AnnotatedNoise:
    """Windows annotated as noise against windows with a rhythm, told by three scores.

    Attributes
    ----------
    noisy, others : int
        Windows.
    wrong, no_ecg : NoiseRoc
        By the probability that classes are wrong, and that there is no ECG.
    no_rhythm : NoiseRoc or None
        By the first of these around a window, 0 where a ventricular rhythm is named; None in older files.
    """

    noisy: int = field(metadata={"key": "windows of noise"})
    others: int = field(metadata={"key": "other windows"})
    wrong: NoiseRoc = field(metadata={"key": "classes wrong"})
    no_ecg: NoiseRoc = field(metadata={"key": "no ECG"})
    no_rhythm: NoiseRoc | None = field(default=None, metadata={"key": "no rhythm either"})


@dataclass(frozen=True)
class NoiseCurves:
    """A noise_curves.json.

    Attributes
    ----------
    command, commit, made : str
        How, with which code, and when it was made.
    network : str
        The network that classified the beats.
    curves : mapping of str to mapping of str to AnsweredInNoise
        By database and condition: "clean", or a noise and its ratio, such as "em 12 dB".
    vfdb : mapping of str to AnnotatedNoise
        By the records: all, or those held out from the detector.
    """

    command: str
    commit: str
    made: str
    network: str
    curves: Mapping[str, Mapping[str, AnsweredInNoise]]
    vfdb: Mapping[str, AnnotatedNoise]
