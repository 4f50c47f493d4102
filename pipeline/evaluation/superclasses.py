"""Scores of the superclasses of twelve leads on PTB-XL, every record read by a head fitted without its patient."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.superclasses import NAME, SUPERCLASSES, WEIGHTS, SuperclassNetwork, load_superclasses
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress, stretch_of
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import rounded, to_json
from pipeline.datasets.superclass_references import LUDB_TABLE, read_ludb_superclasses, read_superclass_references
from pipeline.digitisation.layouts import LAYOUTS
from pipeline.evaluation import bootstrap
from pipeline.evaluation.calibration import error_of_sums, reliability_of_sums, reliability_sums
from pipeline.evaluation.metrics import ranking_scores
from pipeline.evaluation.schema import Estimate, ModelIdentity
from pipeline.evaluation.superclass_faithfulness import heat_test
from pipeline.evaluation.superclass_head import (
    SEEDS,
    Array,
    Flags,
    balanced_thresholds,
    called_out_of_fold,
    fit_alone,
    fit_head,
    out_of_fold,
    patient_folds,
    specific_thresholds,
)
from pipeline.evaluation.superclass_records import SuperclassRecord, folds_of, read_superclass_records, stated_of
from pipeline.evaluation.superclass_schema import (
    AtThreshold,
    ElsewhereScores,
    HeadScores,
    OtherDatabase,
    StatedBin,
    SuperclassEvaluation,
    SuperclassScores,
)
from pipeline.twelve_leads.superclasses import SUPERCLASS_NAMES

BINS: Final = 5
CHOSEN_FOLD: Final = 9
PAGE: Final = "3x4"  # the layout that shows least of each lead
CAUTION: Final = (
    "The network may have seen some of these records: its authors trained it on folds 1-8 of PTB-XL. Its head and "
    "thresholds have not seen the patient that they are scored on."
)


def evaluate_superclasses(
    data_dir: Path, output: Path | None = None, *, weights: Path = WEIGHTS, progress: Progress = no_progress
) -> Path:
    """Score the superclasses on PTB-XL and measure their maps.

    Parameters
    ----------
    data_dir : Path
        The folder of ptbxl/, and of ludb/ if there is one.
    output : Path, optional
        The file; beside the weights if None.
    weights : Path, optional
        The folder with the network's folder.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If PTB-XL is not in `data_dir`.
    ModelError
        If the network cannot be loaded.
    """
    network = load_superclasses(weights)
    references = read_superclass_references(data_dir / "ptbxl")
    records = read_superclass_records(references, progress=stretch_of(progress, 0, 0.1))
    progress(0.1, "Reading the records with the network")
    elsewhere = score_elsewhere(data_dir / "ludb", network)
    found = _evaluation(records, network, elsewhere, stretch_of(progress, 0.2, 1))
    target = output or weights / NAME / "evaluation.json"
    write_json(target, to_json(rounded(found)))
    return target


def _evaluation(
    records: Sequence[SuperclassRecord],
    network: SuperclassNetwork,
    elsewhere: OtherDatabase | None,
    progress: Progress,
) -> SuperclassEvaluation:
    logits = [record.logits(network).astype(np.float64) for record in records]
    mean = np.stack([each.mean(axis=0) for each in logits])
    most = np.stack([each.max(axis=0) for each in logits])
    stated, patients = stated_of(records), [f"ptbxl/{record.reference.patient}" for record in records]
    fold = folds_of(records)
    scored, p = _Scored(stated, patients, fold), out_of_fold(mean, stated, fold)
    facts, chosen_on = network.manifest, fold == CHOSEN_FOLD
    return SuperclassEvaluation(
        model=ModelIdentity(facts.name, facts.title, facts.sha256),
        provenance=Provenance(
            f"python -m pipeline evaluate --model {NAME}", current_commit(), "PTB-XL 1.0.3, 100 Hz, folds 1-9", now()
        ),
        caution=CAUTION,
        records=len(records),
        patients=len(set(patients)),
        folds=len(set(fold.tolist())),
        auroc=scored.mean_auroc(p),
        ece=scored.mean_ece(p),
        other_folds={
            str(seed): float(scored.aurocs(out_of_fold(mean, stated, patient_folds(patients, seed))).mean())
            for seed in SEEDS
        },
        on_pages=scored.head(
            f"Pages of {PAGE}, the head of whole recordings",
            out_of_fold(mean, stated, fold, read=_page_logits(records, network)),
        ),
        chosen_on=scored.part(chosen_on).head(f"Records of fold {CHOSEN_FOLD} alone", p[chosen_on]),
        classes=tuple(scored.superclass(i, p, facts.thresholds[i]) for i in range(len(SUPERCLASSES))),
        heads=tuple(
            scored.head(title, out_of_fold(inputs, stated, fold, fit=fit))
            for title, inputs, fit in (
                ("All five mean logits", mean, fit_head),
                ("Each superclass from its own mean logit", mean, fit_alone),
                ("Each superclass from the maximum of its logit over windows, as its authors do", most, fit_alone),
                ("All five, mean and maximum", np.hstack([mean, most]), fit_head),
            )
        ),
        elsewhere=elsewhere,
        heat=heat_test(records, network, progress=progress),
    )


def score_elsewhere(folder: Path, network: SuperclassNetwork) -> OtherDatabase | None:
    """Score the shipped probabilities and thresholds on LUDB; None if it is not there."""
    if not (folder / LUDB_TABLE).is_file():
        return None
    records = read_superclass_records(read_ludb_superclasses(folder))
    stated, thresholds = stated_of(records), np.array(network.manifest.thresholds)
    p = network.probabilities(np.stack([each.logits(network).mean(axis=0) for each in records])).astype(np.float64)
    scored = _Scored(stated, [each.reference.record for each in records], np.zeros(len(records), np.int64))
    return OtherDatabase(
        title="Lobachevsky University Database 1.0.1",
        records=len(records),
        auroc=scored.mean_auroc(p),
        ece=scored.mean_ece(p),
        classes=tuple(
            ElsewhereScores(
                name=name,
                records=int(stated[:, i].sum()),
                auroc=scored.auroc(i, p),
                called=scored.at(i, p[:, i] >= thresholds[i]),
            )
            for i, name in enumerate(SUPERCLASSES)
        ),
    )


def _page_logits(records: Sequence[SuperclassRecord], network: SuperclassNetwork) -> Array:
    """Return the mean logits (n, 5) of the records as pages show them."""
    pages = (record.as_page(LAYOUTS[PAGE]) for record in records)
    return np.stack([page.logits(network).mean(axis=0).astype(np.float64) for page in pages])


class _Scored:
    """Measures of records with stated superclasses (n, 5), with intervals from drawing patients anew."""

    def __init__(self, stated: Flags, patients: Sequence[str], fold: NDArray[np.int64]) -> None:
        self._stated, self._patients, self._fold = stated, patients, fold
        self._weights = bootstrap.patient_weights(patients)

    def part(self, mask: NDArray[np.bool_]) -> _Scored:
        """Return the measures of some of the records."""
        patients = [name for name, kept in zip(self._patients, mask, strict=True) if kept]
        return _Scored(self._stated[mask], patients, self._fold[mask])

    def aurocs(self, p: Array) -> Array:
        """Return the AUROC of each superclass (5,)."""
        return np.array([ranking_scores(own, p[:, i])[0] for i, own in enumerate(self._stated.T)])

    def mean_auroc(self, p: Array) -> Estimate:
        """Return the mean AUROC of the superclasses."""
        drawn = [self._ranked(i, p)["binary_auc"] for i in range(p.shape[1])]
        return _estimate(float(self.aurocs(p).mean()), np.mean(drawn, axis=0))

    def mean_ece(self, p: Array) -> Estimate:
        """Return the mean over the superclasses of the calibration error in five bins."""
        sums = np.stack([self._binned(i, p) for i in range(p.shape[1])], axis=1)  # (n, 5, bins, 3)
        return _estimate(
            float(error_of_sums(sums.sum(axis=0)).mean()),
            error_of_sums(bootstrap.resample(sums, self._weights)).mean(axis=1),
        )

    def head(self, name: str, p: Array) -> HeadScores:
        """Return the means of one way to make probabilities."""
        return HeadScores(name=name, auroc=self.mean_auroc(p), ece=self.mean_ece(p))

    def superclass(self, i: int, p: Array, threshold: float) -> SuperclassScores:
        """Return all that is stated of one superclass."""
        ranked, sums = self._ranked(i, p), self._binned(i, p)
        ap = ranking_scores(self._stated[:, i], p[:, i])[1]
        bins = reliability_of_sums(sums.sum(axis=0))
        return SuperclassScores(
            name=SUPERCLASSES[i],
            title=SUPERCLASS_NAMES[SUPERCLASSES[i]],
            records=int(self._stated[:, i].sum()),
            auroc=self.auroc(i, p),
            ap=_estimate(ap, ranked["binary_ap"]),
            ece=_estimate(
                float(error_of_sums(sums.sum(axis=0))), error_of_sums(bootstrap.resample(sums, self._weights))
            ),
            threshold=threshold,
            balanced=self.at(i, called_out_of_fold(p, self._stated, self._fold, balanced_thresholds)[:, i]),
            specific=self.at(i, called_out_of_fold(p, self._stated, self._fold, specific_thresholds)[:, i]),
            bins=tuple(
                StatedBin(int(n), *((float(said), float(seen)) if n else (None, None)))
                for n, said, seen in zip(bins.count, bins.stated, bins.observed, strict=True)
            ),
        )

    def auroc(self, i: int, p: Array) -> Estimate:
        """Return the AUROC of one superclass."""
        return _estimate(float(self.aurocs(p)[i]), self._ranked(i, p)["binary_auc"])

    def at(self, i: int, called: Flags) -> AtThreshold:
        """Return what it is worth that a superclass is called of some records (n,)."""
        own = self._stated[:, i]
        return AtThreshold(
            se=self._share(called & own, own),
            sp=self._share(~called & ~own, ~own),
            ppv=self._share(called & own, called),
        )

    def _share(self, part: Flags, of: Flags) -> Estimate:
        counts = self._weights @ np.stack([part, of], axis=1).astype(np.float64)
        drawn = counts[:, 0] / np.where(counts[:, 1] > 0, counts[:, 1], np.nan)
        return _estimate(float(part.sum() / max(int(of.sum()), 1)), drawn)

    def _ranked(self, i: int, p: Array) -> dict[str, Array]:
        return bootstrap.ranking_resamples(
            [each[None] for each in self._stated[:, i]], [each[None] for each in p[:, i]], self._weights
        )

    def _binned(self, i: int, p: Array) -> Array:
        return np.stack([reliability_sums(p[[k], i], self._stated[[k], i], bins=BINS) for k in range(len(p))])


def _estimate(value: float, drawn: Array) -> Estimate:
    return Estimate(value, *bootstrap.intervals({"": drawn})[""])
