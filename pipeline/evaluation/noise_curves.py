"""How many answers noise makes wrong, and how many beats are still answered, against the signal-to-noise ratio.

DS2 and the other half of svdb, with the second half of the noise records: nothing of either trained the detector.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from models.detectors import detectors_from
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import current_commit, now
from pipeline.analysis import BeatClassifier, analyse, load_classifier
from pipeline.config import DEFAULT, RECORDING_NETWORK, ROOT, Config
from pipeline.datasets.rhythm_references import read_rhythms
from pipeline.datasets.splits import DS2, training_half
from pipeline.evaluation.held_out_detectors import readers
from pipeline.evaluation.noise_answers import pairs, reference_beats
from pipeline.intake import read_path
from pipeline.labels import NOT_CLASSIFIED
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.find import breaks
from pipeline.rhythm.ventricular import NAME as WAVEFORM
from pipeline.rhythm.ventricular import find_ventricular
from pipeline.signal.leads import choose_leads
from pipeline.signal.noise import NoiseVerdicts, judge_noise
from pipeline.signal.r_peaks import detect_r_peaks, slopes
from pipeline.signal.reading import read_leads
from pipeline.synthesis.noise import NOISE_KINDS
from pipeline.synthesis.noise_mixtures import beginning, with_noise
from pipeline.types import Analysis, Episode, Recording

SNRS_DB: Final = (24.0, 18.0, 12.0, 6.0, 0.0, -6.0)
STRETCH_S: Final = (300.0, 150.0)  # start, after the learning period of EC57, and length
KEPT: Final = 0.95
CLEAN: Final = "clean"
SCORES: Final = ("classes wrong", "no ECG", "no rhythm either")
AROUND_WINDOWS: Final = 5  # 20 s: annotated noise lasts, and windows of four seconds flicker
TARGET: Final = ROOT / "docs" / "experiments" / "noise_curves.json"


@dataclass(frozen=True)
class Counted:
    """Beats of one recording under one condition.

    Attributes
    ----------
    beats : int
        Reference beats.
    answered : int
        Beats with a class.
    wrong : int
        Of these, those whose class is not the reference's, or that are no beat.
    changed : int
        Of these, those whose class is not the one given without noise, or that are no beat.
    """

    beats: int
    answered: int
    wrong: int
    changed: int

    def __add__(self, other: Counted) -> Counted:
        """Add the counts of another recording."""
        return Counted(
            self.beats + other.beats,
            self.answered + other.answered,
            self.wrong + other.wrong,
            self.changed + other.changed,
        )


def annotated_again(data_dir: Path, output: Path | None = None, *, config: Config = DEFAULT) -> Path:
    """Measure annotated noise anew, and write it into a file with the curves that it holds already.

    Parameters
    ----------
    data_dir : Path
        The folder of the databases.
    output : Path, optional
        The file; docs/experiments/noise_curves.json if None.
    config : Config, optional
        Settings of the pipeline.

    Returns
    -------
    Path
        The file.
    """
    target = output or TARGET
    written = json.loads(target.read_text("utf-8")) | {"vfdb": annotated_noise(data_dir, config)}
    write_json(target, written)
    return target


def noise_curves(
    data_dir: Path, output: Path | None = None, *, config: Config = DEFAULT, progress: Progress = no_progress
) -> Path:
    """Measure the noise curves of the default network and the ROC of annotated noise, and write them.

    Parameters
    ----------
    data_dir : Path
        The folder of the databases.
    output : Path, optional
        The file; docs/experiments/noise_curves.json if None.
    config : Config, optional
        Settings of the pipeline.
    progress : Progress, optional
        Called with what is being done.

    Returns
    -------
    Path
        The file.
    """
    classifier, curves = load_classifier(RECORDING_NETWORK, config), {}
    half = training_half(path.stem for path in (data_dir / "svdb").glob("*.hea"))
    others = sorted(path.stem for path in (data_dir / "svdb").glob("*.hea") if path.stem not in half)
    for database, records in (("mitdb", DS2), ("svdb", others)):
        total: dict[str, Counted] = {}
        for number, record in enumerate(records):
            progress(number / len(records), f"{database} {record} in noise")
            for name, counted in curve(read_path(data_dir / database / record), classifier, config).items():
                total[name] = total.get(name, Counted(0, 0, 0, 0)) + counted
        curves[database] = {name: _shares(counted, total[CLEAN]) for name, counted in total.items()}
    written = {
        "command": "python -m benchmarks.noise",
        "commit": current_commit(),
        "made": now(),
        "network": RECORDING_NETWORK,
        "curves": curves,
        "vfdb": annotated_noise(data_dir, config),
    }
    target = output or TARGET
    write_json(target, written)
    return target


def curve(recording: Recording, classifier: BeatClassifier, config: Config) -> dict[str, Counted]:
    """Count the answers for a stretch of one recording without noise, and with each noise at each ratio.

    Parameters
    ----------
    recording : Recording
        The recording, with reference beats.
    classifier : BeatClassifier
        The network.
    config : Config
        Settings of the pipeline.
    """
    start_s, seconds = STRETCH_S
    part = beginning(recording, seconds, start_s=start_s)
    leads = choose_leads(part.leads)
    clean = _answers(analyse(part, classifier, config, leads=leads))
    counts = {CLEAN: _counted(part, clean, clean, config)}
    for kind in NOISE_KINDS:
        for snr_db in SNRS_DB:
            noisy = with_noise(part, kind, snr_db, half=1)
            found = _answers(analyse(noisy, classifier, config, leads=leads))
            counts[f"{kind} {snr_db:g} dB"] = _counted(part, found, clean, config)
    return counts


def annotated_noise(data_dir: Path, config: Config) -> dict[str, Any]:
    """Return how well windows that were annotated as noise in vfdb are told from those with a rhythm.

    Parameters
    ----------
    data_dir : Path
        The folder of the databases.
    config : Config
        Settings of the pipeline.
    """
    paths = sorted(path.with_suffix("") for path in (data_dir / "vfdb").glob("*.hea"))
    trained = training_half(path.stem for path in paths)
    found = [_annotated(path, config) for path in paths]
    groups = {"held out": [f for p, f in zip(paths, found, strict=True) if p.stem not in trained], "all": found}
    return {name: _roc(*(np.concatenate(one) for one in zip(*parts, strict=True))) for name, parts in groups.items()}


def _answers(analysis: Analysis) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    known = np.array([status == "classified" for status in analysis.status], np.bool_)
    return analysis.time_s, np.where(known, np.array(analysis.symbol, "<U1"), NOT_CLASSIFIED)


def _counted(
    recording: Recording,
    found: tuple[NDArray[np.float64], NDArray[np.str_]],
    clean: tuple[NDArray[np.float64], NDArray[np.str_]],
    config: Config,
) -> Counted:
    time_s, symbol = reference_beats(recording)
    right, as_clean = np.zeros(found[0].size, np.bool_), np.zeros(found[0].size, np.bool_)
    reference, own = pairs(time_s, found[0], config)
    right[own] = found[1][own] == symbol[reference]
    before, own = pairs(clean[0], found[0], config)
    as_clean[own] = (found[1][own] == clean[1][before]) | ((clean[1][before] == NOT_CLASSIFIED) & right[own])
    answered = found[1] != NOT_CLASSIFIED
    return Counted(time_s.size, int(answered.sum()), int((answered & ~right).sum()), int((answered & ~as_clean).sum()))


def _shares(counted: Counted, clean: Counted) -> dict[str, float]:
    wrong = counted.wrong / max(1, counted.answered)
    return {
        "beats": counted.beats,
        "answered": round(counted.answered / counted.beats, 4),
        "wrong": round(wrong, 5),
        "wrong more than clean": round(wrong - clean.wrong / max(1, clean.answered), 5),
        "changed by noise": round(counted.changed / max(1, counted.answered), 5),
    }


def _annotated(path: Path, config: Config) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return of each window (n,) with one annotation whether it is noise, and its scores (n, 3)."""
    recording = read_path(path)
    chosen = readers(f"{path.parent.name}/{path.name}").places
    with detectors_from({name: place for name, place in chosen.items() if name == WAVEFORM}):
        verdicts, ventricular = _verdicts(recording, config)
    noise, known = np.zeros(verdicts.start_s.size, np.bool_), np.zeros(verdicts.start_s.size, np.bool_)
    for episode in read_rhythms(path, "vfdb").episodes:
        inside = (verdicts.start_s >= episode.start_s) & (verdicts.stop_s <= episode.stop_s)
        known |= inside
        noise |= inside & (episode.rhythm == "NOISE")
    named = np.zeros(verdicts.start_s.size, np.bool_)
    for one in ventricular:
        named |= (verdicts.start_s < one.stop_s) & (verdicts.stop_s > one.start_s)
    wrong = verdicts.wrong.astype(np.float64)
    no_rhythm = uniform_filter1d(np.where(named, 0.0, wrong), AROUND_WINDOWS, mode="nearest")
    return noise[known], np.stack([wrong, verdicts.no_ecg.astype(np.float64), no_rhythm], axis=1)[known]


def _verdicts(recording: Recording, config: Config) -> tuple[NoiseVerdicts, list[Episode]]:
    """Return what the detectors of noise say, and the ventricular rhythms that the waveform shows."""
    read = read_leads(recording, config.signal)
    steep = slopes(read.conditioned, config.signal)
    r_peak = detect_r_peaks(read.conditioned, config.signal, lambda: steep)
    verdicts = judge_noise(read.conditioned, r_peak, steep, doubtful=config.signal.noisy_from)
    n, time_s = r_peak.size, r_peak / read.conditioned.fs
    context = RhythmContext(
        recording.duration_s, time_s, np.full(n, "Q"), np.zeros(n, np.bool_), np.zeros(n, np.float32),
        breaks(time_s, read.conditioned), conditioned=read.conditioned,
    )  # fmt: skip
    return verdicts, find_ventricular(context)


def _roc(noise: NDArray[np.bool_], scores: NDArray[np.float64]) -> dict[str, Any]:
    """Return the ROC of each score (n, 3), and the share of noise flagged where `KEPT` of the rest is kept."""
    found: dict[str, Any] = {"windows of noise": int(noise.sum()), "other windows": int((~noise).sum())}
    for name, score in zip(SCORES, scores.T, strict=True):
        limits = np.quantile(score[~noise], np.linspace(0, 1, 41))
        points = [[round(float(np.mean(score[one] > limit)), 4) for one in (~noise, noise)] for limit in limits]
        flagged = float(np.mean(score[noise] > np.quantile(score[~noise], KEPT))) if noise.any() else 0.0
        found[name] = {"flagged at .95 of the rest kept": round(flagged, 4), "false and true positives": points}
    return found


def missed_targets(
    written: dict[str, Any],
    *,
    wrong_max: float,
    answered: Sequence[float],
    clean_min: float = 0.0,
    flagged_min: float = 0.0,
) -> list[str]:
    """Return in words what of the curves lies beyond the targets.

    Parameters
    ----------
    written : dict
        What `noise_curves` wrote.
    wrong_max : float
        How much larger the share of wrong answers may be than without noise.
    answered : sequence of float
        The least share answered at the first ratios of `SNRS_DB`.
    clean_min : float, optional
        The least share answered without noise, unsure classes and noise together.
    flagged_min : float, optional
        The least share of the noise annotated in held-out records of vfdb that is flagged.
    """
    missed = []
    for database, conditions in written["curves"].items():
        if conditions[CLEAN]["answered"] < clean_min:
            missed.append(f"{database}, clean: {conditions[CLEAN]['answered']:.3f} answered")
        for name, shares in conditions.items():
            if name != CLEAN and shares["wrong more than clean"] > wrong_max:
                missed.append(f"{database}, {name}: {shares['wrong more than clean']:+.3f} wrong")
        for snr_db, least in zip(SNRS_DB, answered, strict=False):
            own = [conditions[f"{kind} {snr_db:g} dB"] for kind in NOISE_KINDS]
            share = sum(one["answered"] * one["beats"] for one in own) / sum(one["beats"] for one in own)
            if share < least:
                missed.append(f"{database}, {snr_db:g} dB: {share:.3f} answered")
    flagged = written["vfdb"]["held out"][SCORES[-1]]["flagged at .95 of the rest kept"] if flagged_min else 1.0
    return missed if flagged >= flagged_min else [*missed, f"vfdb, annotated noise: {flagged:.3f} flagged"]
