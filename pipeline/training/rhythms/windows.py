"""Windows of noise for training: what the classifier answers in mixtures, and rhythms that must not become noise."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import BeatClassifier
from pipeline.config import DEFAULT
from pipeline.datasets.rhythm_references import read_rhythms
from pipeline.errors import SignalError
from pipeline.evaluation.noise_answers import answers, expected_answers, judged
from pipeline.intake import read_path
from pipeline.labels import NOT_CLASSIFIED
from pipeline.signal.artefacts import mask_artefacts
from pipeline.signal.conditioning import condition
from pipeline.signal.leads import choose_leads
from pipeline.signal.noise_measures import MEASURES, WINDOW_S, NoiseWindows, noise_windows
from pipeline.signal.r_peaks import detect_r_peaks, slopes
from pipeline.synthesis.noise import NOISE_KINDS
from pipeline.synthesis.noise_mixtures import mixture, with_noise
from pipeline.training.r_peaks import flutter
from pipeline.types import FloatArray, Recording, read_only

MIXTURES: Final = 4  # per record, with all leads; one more with each lead alone
SNR_DB: Final = (-6.0, 24.0)
USUAL_BEATS: Final = 4.0  # in a window: the weight of one that has no reference beats
PAUSE_S: Final = (2.5, 20.0)
PAUSES: Final = 12
FLOOR_MV: Final = (0.003, 0.03)  # noise of an asystole


@dataclass(frozen=True, eq=False)
class Rows:
    """Windows with their measures and what is known of each.

    Attributes
    ----------
    measures : (n, n_measures) float32
        As `signal.noise_measures` gives them.
    wrong, right : (n,) float64
        How much speaks for either answer of the detector: beats.
    record, kind : (n,) str
        DATABASE/RECORD that it is from, and what was done to it.
    """

    measures: FloatArray
    wrong: NDArray[np.float64]
    right: NDArray[np.float64]
    record: NDArray[np.str_]
    kind: NDArray[np.str_]

    def only(self, rows: NDArray[np.bool_]) -> Rows:
        """Return the rows (n,) that are True."""
        return Rows(self.measures[rows], self.wrong[rows], self.right[rows], self.record[rows], self.kind[rows])


def joined(parts: Sequence[Rows]) -> Rows:
    """Return all rows of several parts."""
    return Rows(
        np.concatenate([part.measures for part in parts]),
        np.concatenate([part.wrong for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.record for part in parts]),
        np.concatenate([part.kind for part in parts]),
    )


def with_one_answer(windows: NoiseWindows, keep: NDArray[np.bool_], *, wrong: bool, record: str, kind: str) -> Rows:
    """Return windows that all have the same answer.

    Parameters
    ----------
    windows : NoiseWindows
        The windows.
    keep : (n,) bool
        Those that are used.
    wrong : bool
        Whether an answer there is wrong.
    record, kind : str
        As in `Rows`.
    """
    measures = windows.measures[keep & windows.inside]
    beats, n = np.full(len(measures), USUAL_BEATS), len(measures)
    zero = np.zeros(n)
    return Rows(measures, beats if wrong else zero, zero if wrong else beats, np.full(n, record), np.full(n, kind))


def mixed_rows(folder: Path, record: str, classifier: BeatClassifier) -> Rows:
    """Return the windows of one record with reference beats, clean and in many mixtures with noise.

    A beat speaks for "wrong" if the classifier answers and the class is not the one that it gives for the same beat
    without noise, if there is no beat, and if a beat is not found.

    Parameters
    ----------
    folder : Path
        The folder of its database.
    record : str
        Its name.
    classifier : BeatClassifier
        The network whose answers are judged.
    """
    name = f"{folder.name}/{record}"
    recording, rng = read_path(folder / record), np.random.default_rng(zlib.crc32(name.encode()))
    leads = choose_leads(recording.leads)
    clean = answers(recording, leads, classifier, DEFAULT)
    time_s, symbol = expected_answers(recording, clean, DEFAULT)
    parts = []
    for kind, noisy, chosen in _versions(recording, leads, rng):
        found = clean if kind == "clean" else answers(noisy, chosen, classifier, DEFAULT)
        judgement, start = judged(found, time_s, symbol, DEFAULT), found.windows.start_s

        def counted(times: NDArray[np.float64], start: NDArray[np.float64] = start) -> NDArray[np.float64]:
            at = np.clip(np.searchsorted(start, times, side="right") - 1, 0, start.size - 1)
            return np.bincount(at, minlength=start.size).astype(np.float64)

        wrong = counted(found.time_s[judgement.wrong])
        right = counted(found.time_s[found.symbol != NOT_CLASSIFIED]) - wrong
        keep = found.windows.inside & ~_fluttering(folder.name, record, start)
        all_of = Rows(
            found.windows.measures,
            wrong + counted(judgement.missed_s),
            right,
            np.full(start.size, name),
            np.full(start.size, kind),
        )
        parts.append(all_of.only(keep))
    return joined([*parts, _paused(recording, leads, rng, name)])


def rhythm_rows(folder: Path, record: str) -> Rows:
    """Return the windows of a record with annotated rhythms that hold one of them, but no fibrillation: all right.

    Parameters
    ----------
    folder : Path
        The folder of its database.
    record : str
        Its name.
    """
    recording = read_path(folder / record)
    episodes = read_rhythms(folder / record, folder.name).episodes
    parts = []
    for leads in (choose_leads(recording.leads), recording.leads[:1], recording.leads[1:]):
        windows = measured(recording, leads)
        keep = np.zeros(windows.start_s.size, np.bool_)
        for episode in episodes:
            if episode.rhythm not in ("NOISE", "VFL"):
                keep |= (windows.start_s >= episode.start_s) & (windows.start_s + WINDOW_S <= episode.stop_s)
        parts.append(with_one_answer(windows, keep, wrong=False, record=f"{folder.name}/{record}", kind="rhythm"))
    return joined(parts)


def measured(recording: Recording, leads: tuple[str, ...]) -> NoiseWindows:
    """Return the windows of some leads of a recording; none if it cannot be read."""
    masked, _ = mask_artefacts(recording, DEFAULT.signal)
    try:
        conditioned = condition(masked, leads, DEFAULT.signal)
    except SignalError:
        return NoiseWindows(np.zeros(0), np.zeros(0, np.bool_), np.zeros((0, len(MEASURES)), np.float32))
    steep = slopes(conditioned, DEFAULT.signal)
    return noise_windows(conditioned, detect_r_peaks(conditioned, DEFAULT.signal, lambda: steep), steep)


def _versions(
    recording: Recording, leads: tuple[str, ...], rng: np.random.Generator
) -> Iterator[tuple[str, Recording, tuple[str, ...]]]:
    yield "clean", recording, leads
    for _ in range(MIXTURES):
        yield "mixture", mixture(recording, rng, half=0), leads
    for kind in NOISE_KINDS:
        noisy = with_noise(recording, kind, rng.uniform(*SNR_DB), half=0, shift=int(rng.integers(10**6)))
        yield kind, noisy, leads
    yield "first lead", mixture(recording, rng, half=0), leads[:1]
    if len(leads) > 1:
        yield "second lead", mixture(recording, rng, half=0), leads[1:]


def _fluttering(database: str, record: str, start_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which windows (n,) touch ventricular flutter, which has no beats."""
    found = np.zeros(start_s.size, np.bool_)
    if (database, record) == ("mitdb", "207"):
        for start, stop in flutter(database, record):
            found |= (start_s + WINDOW_S > start / 360 - 1) & (start_s < stop / 360 + 1)
    return found


def _paused(recording: Recording, leads: tuple[str, ...], rng: np.random.Generator, name: str) -> Rows:
    """Return the windows that touch pauses put between beats: no noise, however empty they are."""
    assert recording.reference is not None
    fs, beats = recording.fs, recording.reference.sample
    some = np.sort(rng.choice(np.flatnonzero(np.diff(beats) > 0.6 * fs), PAUSES, replace=False))
    pieces, spans, start, shift = [], [], 0, 0
    for beat in some.tolist():
        at = int(beats[beat] + 0.6 * (beats[beat + 1] - beats[beat]))
        length = round(rng.uniform(*PAUSE_S) * fs)
        level = recording.p_signal[at - round(0.02 * fs) : at + 1].mean(axis=0)
        noise = rng.uniform(*FLOOR_MV) * rng.normal(size=(length, len(recording.leads)))
        pieces += [recording.p_signal[start:at], (level + noise).astype(np.float32)]
        spans.append(((at + shift) / fs, (at + shift + length) / fs))
        start, shift = at, shift + length
    p_signal = np.concatenate([*pieces, recording.p_signal[start:]])
    windows = measured(replace(recording, p_signal=read_only(p_signal), reference=None), leads)
    keep = np.zeros(windows.start_s.size, np.bool_)
    for first, last in spans:
        keep |= (windows.start_s + WINDOW_S > first) & (windows.start_s < last)
    return with_one_answer(windows, keep, wrong=False, record=name, kind="pause")
