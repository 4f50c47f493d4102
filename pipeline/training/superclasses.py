"""Training of `superclasses`: the authors' weights as they are; scaling, linear head and thresholds from PTB-XL.

The network itself is not trained again: a few hundred records cannot improve what 17 000 made. What they can do is fix
the scaling of the leads, which its authors did not publish, and make its probabilities come true.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from models.superclasses import (
    NAME,
    SUPERCLASSES,
    WEIGHTS,
    SuperclassManifest,
    SuperclassNetwork,
    from_pytorch,
    write_superclasses,
)
from pipeline._util.progress import Progress, no_progress, stretch_of
from pipeline._util.provenance import current_commit
from pipeline.config import data_root
from pipeline.datasets.superclass_references import read_superclass_references
from pipeline.errors import DataError
from pipeline.evaluation.superclass_head import balanced_thresholds, fit_head, out_of_fold
from pipeline.evaluation.superclass_records import SuperclassRecord, folds_of, read_superclass_records, stated_of
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.superclass_input import readable_stretches
from pipeline.types import FloatArray

BASE: Final = "ecgresnet_ptbxl_relu.npz"  # in HEARTVISION_DATA/weights
ORIGIN: Final = (
    "ECGResNet with ReLU, best_resnet_act_relu.pt of https://github.com/iskoo-14/ecgresnet-ptbxl at "
    "909b3e8b40aa, Apache-2.0; batch normalisation folded into the convolutions"
)
TRAINED_ON: Final = (
    "PTB-XL 1.0.1, folds 1-8, by its authors, who chose its settings on fold 9; scaling, head and thresholds from the "
    "records of folds 1-9 in `calibrated_on`"
)
SEED: Final = 0


def run(data_dir: Path | None, output_dir: Path | None, *, progress: Progress = no_progress) -> Path:
    """Make scaling, head and thresholds from PTB-XL, and write them with the authors' weights.

    Parameters
    ----------
    data_dir : Path or None
        The public databases, with ptbxl/ and weights/; `data_root()` if None.
    output_dir : Path or None
        Where the folder of the network's name goes; models/weights if None.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    Path
        The folder written.

    Raises
    ------
    DataError
        If PTB-XL or the authors' weights are not there.
    """
    started, data = time.monotonic(), data_dir or data_root()
    weights = _base(data / "weights" / BASE)
    references = read_superclass_references(data / "ptbxl")
    records = read_superclass_records(references, progress=stretch_of(progress, 0, 0.5))
    draft = _draft(tuple(each.reference.record for each in records))
    scaled = _with_scaling(records, SuperclassNetwork(draft, weights))
    progress(0.6, "Reading the records with the network")
    facts = _with_head(records, SuperclassNetwork(scaled, weights))
    minutes = round((time.monotonic() - started) / 60, 2)
    return write_superclasses(weights, replace(facts, training_minutes=minutes), output_dir or WEIGHTS)


def _base(path: Path) -> dict[str, FloatArray]:
    try:
        with np.load(path, allow_pickle=False) as kept:
            return from_pytorch({name: kept[name] for name in kept.files})
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"The authors' weights {path.name!r} cannot be read from {str(path.parent)!r}.") from error


def _draft(records: tuple[str, ...]) -> SuperclassManifest:
    """Return a manifest without scaling and head: leads in mV, logits as they are."""
    classes = len(SUPERCLASSES)
    return SuperclassManifest(
        name=NAME,
        title="ECGResNet, five superclasses",
        classes=SUPERCLASSES,
        leads=TWELVE_LEADS,
        fs_hz=100.0,
        band_hz=(0.5, 40.0),
        filter_order=4,
        window_s=3.0,
        step_s=1.5,
        mean_mv=(0.0,) * len(TWELVE_LEADS),
        sd_mv=(1.0,) * len(TWELVE_LEADS),
        head=tuple(tuple(row) for row in np.eye(classes).tolist()),
        head_bias=(0.0,) * classes,
        thresholds=(0.5,) * classes,
        sha256="",
        parameters=0,
        size_bytes=0,
        origin=ORIGIN,
        trained_on=TRAINED_ON,
        calibrated_on=records,
        commit=current_commit(),
        command=f"python -m pipeline train --model {NAME}",
        seed=SEED,
        training_minutes=0.0,
        golden=(),
    )


def _with_scaling(records: Sequence[SuperclassRecord], draft: SuperclassNetwork) -> SuperclassManifest:
    """Take mean and standard deviation of each filtered lead over all records together, as the authors did."""
    read = (readable_stretches(each.p_signal_mv, each.leads, each.fs, draft) for each in records)
    filtered = np.concatenate([stretch.values for stretches in read for stretch in stretches]).astype(np.float64)
    return replace(
        draft.manifest,
        mean_mv=tuple(round(float(value), 6) for value in filtered.mean(axis=0)),
        sd_mv=tuple(round(float(value), 6) for value in filtered.std(axis=0)),
    )


def _with_head(records: Sequence[SuperclassRecord], network: SuperclassNetwork) -> SuperclassManifest:
    """Fit the head on all records, and choose thresholds on what heads say that were fitted without the patient."""
    logits, stated = np.stack([each.logits(network).mean(axis=0) for each in records]), stated_of(records)
    head, p = fit_head(logits, stated), out_of_fold(logits, stated, folds_of(records))
    return replace(
        network.manifest,
        head=tuple(tuple(round(value, 5) for value in row) for row in head.factors.tolist()),
        head_bias=tuple(round(value, 5) for value in head.bias.tolist()),
        thresholds=tuple(round(value, 2) for value in balanced_thresholds(p, stated).tolist()),
    )
