"""Windows with and without an ECG, for the detector `unreadable`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.datasets.rhythm_references import read_rhythms, read_strip_labels
from pipeline.datasets.splits import DS1, PACED, training_half
from pipeline.intake import read_path
from pipeline.signal.leads import choose_leads
from pipeline.signal.noise_measures import WINDOW_S
from pipeline.synthesis.noise import NOISE_KINDS, Half, NoiseKind
from pipeline.synthesis.noise_mixtures import beginning, noise_at, with_noise
from pipeline.synthesis.non_ecg import KINDS, draw_fibrillation, draw_non_ecg
from pipeline.training.rhythms.windows import Rows, joined, measured, rhythm_rows, with_one_answer
from pipeline.types import FloatArray, Recording, read_only

RATES_HZ: Final = (128.0, 250.0, 360.0, 500.0)
DRAWN: Final = 8  # recordings of each kind at each rate
DRAWN_S: Final = 120.0
OTHER_SHARE: Final = 0.3  # of the second leads show something else
ECG_S: Final = 600.0
SOME_DB: Final = (3.0, 20.0)
DROWNED_DB: Final = (-22.0, -14.0)
_TRAINING: Final[Half] = 0
STRIP_FS_HZ, STRIP_HEADER, STRIP_GAIN = 300.0, 24, 1000.0  # of cinc2017: 16-bit samples after the head of a MAT file


def unreadable_rows(data_dir: Path) -> Rows:
    """Return windows without an ECG ("wrong"), and windows with one that is noisy, arrhythmic or still ("right").

    Parameters
    ----------
    data_dir : Path
        The folder of the databases.
    """
    rng = np.random.default_rng(0)
    return joined(
        [*_drawn(rng), *_noise_alone(rng), *_patients(data_dir, rng), *_rhythms(data_dir), *_strips(data_dir)]
    )


def strip(folder: Path, name: str) -> Recording:
    """Read a strip of cinc2017, whose headers state a checksum of 0."""
    samples = np.fromfile(folder / f"{name}.mat", "<i2", offset=STRIP_HEADER)
    return _recording(name, (samples[:, None] / STRIP_GAIN).astype(np.float32), STRIP_FS_HZ)


def _recording(name: str, p_signal: FloatArray, fs: float) -> Recording:
    leads = ("II", "V1")[: p_signal.shape[1]]
    return Recording(name, fs, read_only(p_signal), leads, "0" * 64, (True,) * len(leads))


def _rows(recording: Recording, leads: tuple[str, ...], *, none: bool, record: str, kind: str) -> Rows:
    windows = measured(recording, leads)
    keep = np.ones(windows.start_s.size, np.bool_)
    return with_one_answer(windows, keep, wrong=none, record=record, kind=kind)


def _drawn(rng: np.random.Generator) -> Iterator[Rows]:
    names = tuple(KINDS)
    for fs in RATES_HZ:
        for kind in names:
            for number in range(DRAWN):
                other = kind if rng.random() >= OTHER_SHARE else names[int(rng.integers(len(names)))]
                leads = [draw_non_ecg(one, round(DRAWN_S * fs), fs, rng) for one in (kind, other)[: 1 + number % 2]]
                made = _recording(kind, np.stack(leads, axis=1), fs)
                yield _rows(made, made.leads, none=True, record=f"drawn/{kind} {number}", kind=kind)
        for number in range(2 * DRAWN):
            leads = [draw_fibrillation(round(DRAWN_S * fs), fs, rng) for _ in range(1 + number % 2)]
            made = _recording("fibrillation", np.stack(leads, axis=1), fs)
            yield _rows(made, made.leads, none=False, record=f"drawn/fibrillation {number}", kind="drawn VFL")


def _noise_alone(rng: np.random.Generator) -> Iterator[Rows]:
    for kind in NOISE_KINDS:
        for fs in (128.0, 360.0):
            noise = noise_at(kind, 0, fs)
            for n_leads in (1, 2, 2):
                start = int(rng.integers(len(noise) - round(ECG_S * fs)))
                some = noise[start : start + round(ECG_S * fs), :n_leads] * np.float32(10 ** rng.uniform(-1, 0.5))
                made = _recording(kind, some, fs)
                yield _rows(made, made.leads, none=True, record=f"nstdb/{kind} {n_leads}", kind=f"{kind} alone")


def _patients(data_dir: Path, rng: np.random.Generator) -> Iterator[Rows]:
    half = training_half(path.stem for path in (data_dir / "svdb").glob("*.hea"))
    for database, records in (("mitdb", (*DS1, *PACED)), ("svdb", half)):
        for record in records:
            recording = beginning(read_path(data_dir / database / record), ECG_S)
            leads, name = choose_leads(recording.leads), f"{database}/{record}"
            some, drowned = (
                with_noise(
                    recording, _any(rng, kinds), rng.uniform(*db), half=_TRAINING, shift=int(rng.integers(10**6))
                )
                for kinds, db in ((NOISE_KINDS, SOME_DB), (NOISE_KINDS[:2], DROWNED_DB))
            )
            yield _rows(recording, leads, none=False, record=name, kind="ECG")
            yield _rows(recording, leads[1:] or leads, none=False, record=name, kind="second lead")
            yield _rows(some, leads, none=False, record=name, kind="ECG in noise")
            yield _rows(drowned, leads[: int(rng.integers(1, 3))], none=True, record=name, kind="drowned ECG")


def _any(rng: np.random.Generator, kinds: tuple[NoiseKind, ...]) -> NoiseKind:
    return kinds[int(rng.integers(len(kinds)))]


def _rhythms(data_dir: Path) -> Iterator[Rows]:
    """Yield the rhythms of half of vfdb, fibrillation with a greater weight, and its noise with a small one."""
    for record in training_half(path.stem for path in (data_dir / "vfdb").glob("*.hea")):
        path = data_dir / "vfdb" / record
        recording, name = read_path(path), f"vfdb/{record}"
        yield rhythm_rows(path.parent, record)
        for leads in (choose_leads(recording.leads), recording.leads[:1]):
            windows = measured(recording, leads)
            for rhythm in ("VFL", "ASYS"):
                keep = np.zeros(windows.start_s.size, np.bool_)
                for episode in read_rhythms(path, "vfdb").episodes:
                    if episode.rhythm == rhythm:
                        keep |= (windows.start_s >= episode.start_s) & (windows.start_s + WINDOW_S <= episode.stop_s)
                rows = with_one_answer(windows, keep, wrong=False, record=name, kind=rhythm)
                yield replace(rows, right=4 * rows.right)


def _strips(data_dir: Path) -> Iterator[Rows]:
    labels = read_strip_labels(data_dir / "cinc2017")
    for name in training_half(labels):
        none = labels[name] == "~"
        recording = strip(data_dir / "cinc2017", name)
        yield _rows(recording, recording.leads, none=none, record=f"cinc2017/{name}", kind=f"strip {labels[name]}")
