"""Training of the network that marks waves, on LUDB and QTDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from models.waves import NAME, STEP, load_waves, write_waves
from models.waves_fit import Answer, Batch, fit_waves
from pipeline._util.files import write_json
from pipeline._util.fingerprint import fingerprint
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import current_commit
from pipeline.config import data_root, runs_root
from pipeline.datasets.wave_references import WaveRecords, ludb_records, qtdb_records
from pipeline.training.wave_examples import MarkedRecord, draw, read_marked, read_noises
from pipeline.types import FloatArray
from pipeline.waves.inputs import with_r_peaks

SEED: Final = 0
EPOCHS, STEPS = 25, 100
FINAL_EPOCHS, FINAL_RATE = 7, 1e-3  # on the validation records as well, once all choices are made
LEADS_IN_BATCH: Final = 32
LEADS: Final = (1, 2, 3, 4, 8, 12)  # that are read together, one of these numbers in each batch
SAMPLES: Final = 50 * STEP  # 6.4 s
QTDB_SHARE, FINAL_QTDB_SHARE = 0.15, 0.25  # of the examples
MARKS: Final = ("models.waves", "models.waves_fit", "pipeline.training.waves", "pipeline.training.wave_examples")
TRAINED_ON: Final = "LUDB (12 leads of 99 patients) and QTDB (2 leads of 19 patients), with changes and recorded noise"


def run(data_dir: Path | None = None, output_dir: Path | None = None, *, progress: Progress = no_progress) -> Path:
    """Train the network and write its weights, its manifest and its curves.

    Parameters
    ----------
    data_dir : Path, optional
        Folder of the databases; the configured one by default.
    output_dir : Path, optional
        Where the folder "waves" goes; models/weights by default.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    Path
        The folder of the network.
    """
    root = data_dir or data_root()
    parts = {"ludb": ludb_records(root / "ludb"), "qtdb": qtdb_records(root / "qtdb")}
    progress(0.0, "Reading the marked records")
    training = _read(root, parts, "training")
    validation = _read(root, parts, "validation")
    noises = read_noises(root)
    key = fingerprint(*MARKS, "pipeline.waves.inputs", facts=[one.name for one in training])
    checkpoint = runs_root() / f"train-{NAME}-{key}"
    model, history = fit_waves(
        lambda epoch: batches(training, noises, epoch, QTDB_SHARE),
        lambda answer: {"val_loss": validation_loss(answer, validation)},
        checkpoint,
        lambda done, said: progress(0.8 * done, said),
        epochs=EPOCHS,
        steps=STEPS,
        seed=SEED,
    )
    model, more = fit_waves(
        lambda epoch: batches([*training, *validation], noises, EPOCHS + epoch, FINAL_QTDB_SHARE),
        lambda answer: {},
        checkpoint.with_name(f"{checkpoint.name}-all"),
        lambda done, said: progress(0.8 + 0.2 * done, said),
        epochs=FINAL_EPOCHS,
        steps=STEPS,
        seed=SEED,
        start=model,
        learning_rate=FINAL_RATE,
    )
    facts = {
        "trained_on": TRAINED_ON,
        "train_records": tuple(one.name for one in (*training, *validation)),
        "validation_records": tuple(one.name for one in validation),
        "commit": current_commit(),
        "command": f"python -m pipeline train --model {NAME}",
        "seed": SEED,
        "training_minutes": round(sum(history["minutes"]) + sum(more["minutes"]), 2),
    }
    written = write_waves(model, _whole(validation[0])[:3, : 16 * STEP], facts, output_dir)
    load_waves(output_dir)
    write_json(written / "history.json", {"epoch": list(range(1, len(history["loss"]) + 1)), **history})
    return written


def batches(records: Sequence[MarkedRecord], noises: FloatArray, epoch: int, qtdb_share: float) -> Iterator[Batch]:
    """Yield the batches of an epoch, the same for the same epoch.

    Parameters
    ----------
    records : sequence of MarkedRecord
        Records of LUDB and QTDB.
    noises : (k, m) float32
        Recorded noise.
    epoch : int
        Which.
    qtdb_share : float
        Share of the examples that are of QTDB.
    """
    rng = np.random.default_rng([SEED, epoch])
    by_database = [[one for one in records if one.name.startswith(name)] for name in ("ludb", "qtdb")]
    for _ in range(STEPS):
        n_leads = int(rng.choice(LEADS))
        rows = []
        for _ in range(max(1, LEADS_IN_BATCH // n_leads)):
            group = by_database[int(rng.random() < qtdb_share)] or records
            rows.append(draw(group[int(rng.integers(len(group)))], n_leads, SAMPLES, noises, rng))
        values, inside, known = (np.stack(each) for each in zip(*rows, strict=True))
        yield values, inside, known


def validation_loss(answer: Answer, records: Sequence[MarkedRecord]) -> float:
    """Return the mean binary cross-entropy of what is known of whole records, each record counting as much."""
    losses = []
    for record in records:
        values = _whole(record)
        p = np.clip(answer(values), 1e-6, 1 - 1e-6)[:, : record.inside.shape[1]]
        entropy = -(record.inside * np.log(p) + (1 - record.inside) * np.log(1 - p))
        losses.append(float((entropy * record.known).sum() / record.known.sum()))
    return float(np.mean(losses))


def _whole(record: MarkedRecord) -> FloatArray:
    n = -(-record.lines.shape[1] // STEP) * STEP
    missing = np.zeros((len(record.lines), n), np.bool_)
    return with_r_peaks(record.lines, missing, record.r_peak_s).values


def _read(root: Path, parts: dict[str, WaveRecords], part: str) -> list[MarkedRecord]:
    return [read_marked(root, name, record) for name, records in parts.items() for record in getattr(records, part)]
