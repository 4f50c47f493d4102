"""Two networks on the same patients: is one better, or is it chance? Needs NumPy only.

Beats of one patient are not independent, so the patient is the unit: differences are resampled by patient, and p comes
from exchanging the two networks patient by patient. McNemar's test over beats is computed too, to show what it would
claim.
"""

from __future__ import annotations

import zlib
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import erfc, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.evaluation import bootstrap, metrics
from pipeline.evaluation.metrics import Scores
from pipeline.evaluation.report_schema import RecordRow, Report

SWAPS: Final = 10_000
MEASURES: Final = (
    *("accuracy", "N_f1", "S_f1", "V_f1", "F_f1", "macro_f1", "veb_f1", "sveb_f1", "kappa", "j_kappa"),
    *("binary_balanced_accuracy", "binary_se", "binary_sp"),
)


@dataclass(frozen=True)
class MeasureDifference:
    """A measure of two networks and its difference; NaN where it is undefined.

    Attributes
    ----------
    measure : str
        Name of the measure.
    first, second : float
        Its value for each network.
    difference, low, high : float
        First minus second, with its 95 % interval.
    p : float
        Of no difference.
    """

    measure: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class McNemar:
    """Beats that only one of two networks classified correctly.

    `p_patients` takes the patient as the unit (Obuchowski); `p_beats` is the usual test, which treats beats as
    independent and therefore overstates significance by far.
    """

    only_first: int
    only_second: int
    p_patients: float
    p_beats: float


@dataclass(frozen=True)
class NetworkComparison:
    """The result of `compare_reports`; `mcnemar` is None for detected beats, whose rows are not the same for both."""

    records: tuple[str, ...]
    differences: tuple[MeasureDifference, ...]
    mcnemar: McNemar | None


def shared(first: Report, second: Report) -> tuple[Report, Report]:
    """Reduce two reports to the records that both have, keeping only what `compare_reports` needs."""
    both = {row.record for row in first.per_record} & {row.record for row in second.per_record}

    def cut(report: Report) -> Report:
        rows = tuple(row for row in report.per_record if row.record in both)
        return replace(report, records=tuple(row.record for row in rows), per_record=rows)

    return cut(first), cut(second)


def compare_reports(
    first: Report,
    second: Report,
    *,
    without: Sequence[str] = (),
    resamples: int = bootstrap.RESAMPLES,
    swaps: int = SWAPS,
    seed: int = 0,
) -> NetworkComparison:
    """Compare two reports (as in evaluation.json) of the same kind on the same records.

    Parameters
    ----------
    first, second : Report
        The reports.
    without : sequence of str, optional
        Records to leave out.
    resamples : int, optional
        Of the bootstrap over patients.
    swaps : int, optional
        Of the exchange test over patients.
    seed : int, optional
        Seed of the random generator; the same seed gives the same result.

    Raises
    ------
    DataError
        If the reports are of other records or beats, or no record is left.

    References
    ----------
    Efron & Tibshirani 1993, ch. 8 (paired bootstrap over clusters); Good 2005, Permutation, Parametric and Bootstrap
    Tests of Hypotheses, ch. 3 (exchange within pairs); Obuchowski 1998,
    doi:10.1002/(SICI)1097-0258(19980715)17:13<1495::AID-SIM863>3.0.CO;2-I (McNemar's test of clustered data).
    """
    rows = _rows(first, second, without)
    records = tuple(row.record for row, _ in rows)
    matrices = np.array([[pair[i].confusion for pair in rows] for i in (0, 1)], np.float64)
    matrices = matrices.reshape(2, len(rows), 6, 6)
    flags = np.array([[pair[i].binary for pair in rows] for i in (0, 1)], np.float64)
    units = bootstrap.patients(records)
    differences = _differences(matrices, flags, units, records, resamples, swaps, seed)
    same_beats = first.kind == second.kind == "reference"
    return NetworkComparison(records, differences, mcnemar(*_answers(rows), units=units) if same_beats else None)


def as_text(found: NetworkComparison) -> str:
    """Write a comparison as lines for a terminal."""
    lines = [f"{len(found.records)} records", f"{'':26}  first  second  difference (95 %)          p"]
    for row in found.differences:
        interval = f"{row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})"
        lines.append(f"{row.measure:26}  {row.first:.3f}  {row.second:.3f}  {interval:26} {row.p:.3f}")
    if found.mcnemar:
        test = found.mcnemar
        lines.append(f"Only the first right: {test.only_first} beats; only the second: {test.only_second}.")
        lines.append(f"McNemar, patients as units: p = {test.p_patients:.3f}.")
        lines.append(f"McNemar, beats taken for independent (they are not): p = {test.p_beats:.1g}.")
    return "\n".join(lines) + "\n"


def mcnemar(
    first_right: Sequence[NDArray[np.bool_]], second_right: Sequence[NDArray[np.bool_]], *, units: NDArray[np.int64]
) -> McNemar:
    """Test whether one network is right more often than the other (McNemar).

    Parameters
    ----------
    first_right, second_right : sequence of (n,) bool
        Per record: whether each network was right about each beat.
    units : (n_records,) int64
        Number of each record's patient.
    """
    only_first = np.array([np.sum(a & ~b) for a, b in zip(first_right, second_right, strict=True)])
    only_second = np.array([np.sum(b & ~a) for a, b in zip(first_right, second_right, strict=True)])
    beats = np.bincount(units, [a.size for a in first_right]).astype(np.float64)
    gained = np.bincount(units, only_first - only_second).astype(np.float64)
    b, c = int(only_first.sum()), int(only_second.sum())
    return McNemar(b, c, clustered_p(gained, beats), _two_sided(abs(b - c) / sqrt(b + c)) if b + c else 1.0)


def clustered_p(gained: NDArray[np.float64], beats: NDArray[np.float64]) -> float:
    """Return Obuchowski's p from each patient's surplus of right beats (k,) among its beats (k,); NaN if only one."""
    k = gained.size
    if k < 2:
        return float("nan")
    if not gained.any():
        return 1.0
    mean = gained.sum() / beats.sum()
    variance = k / (k - 1) * np.sum((gained - mean * beats) ** 2)
    return _two_sided(abs(float(gained.sum())) / sqrt(float(variance))) if variance > 0 else 0.0


def _differences(
    matrices: NDArray[np.float64],
    flags: NDArray[np.float64],
    units: NDArray[np.int64],
    records: Sequence[str],
    resamples: int,
    swaps: int,
    seed: int,
) -> tuple[MeasureDifference, ...]:
    """Compute the differences from `matrices` (2, n, 6, 6) and `flags` (2, n, 4) of both networks."""
    weights = bootstrap.patient_weights(records, resamples=resamples, seed=seed)
    value = [_scores(matrices[i].sum(axis=0), flags[i].sum(axis=0)) for i in (0, 1)]
    drawn = [_scores(bootstrap.resample(matrices[i], weights), bootstrap.resample(flags[i], weights)) for i in (0, 1)]
    around = bootstrap.intervals({m: drawn[0][m] - drawn[1][m] for m in MEASURES})
    p = _exchanged_p(matrices, flags, units, swaps, seed)
    return tuple(
        MeasureDifference(m, float(value[0][m]), float(value[1][m]), float(value[0][m] - value[1][m]), *around[m], p[m])
        for m in MEASURES
    )


def _exchanged_p(
    matrices: NDArray[np.float64], flags: NDArray[np.float64], units: NDArray[np.int64], swaps: int, seed: int
) -> dict[str, float]:
    """Return how often a random exchange of the networks, patient by patient, differs as much as they do (plus one)."""
    chosen = np.random.default_rng(seed).random((swaps + 1, int(units.max()) + 1)) < 0.5
    chosen[0] = False  # as observed
    swap = chosen[:, units].astype(np.float64)
    scores = []
    for mine, other in ((0, 1), (1, 0)):
        exchanged = [
            bootstrap.resample(c[mine], 1 - swap) + bootstrap.resample(c[other], swap) for c in (matrices, flags)
        ]
        scores.append(_scores(*exchanged))
    return {m: _extreme(np.abs(scores[0][m] - scores[1][m])) for m in MEASURES}


def _extreme(differences: NDArray[np.float64]) -> float:
    if not np.isfinite(differences[0]):
        return float("nan")
    return float(np.mean(np.nan_to_num(differences) >= differences[0] - 1e-12))


def _scores(matrix: NDArray[np.float64], flags: NDArray[np.float64]) -> Scores:
    return metrics.all_scores(matrix) | metrics.binary_scores(flags)


def _rows(first: Report, second: Report, without: Sequence[str]) -> list[tuple[RecordRow, RecordRow]]:
    if first.kind != second.kind or first.records != second.records:
        raise DataError("The two networks were not evaluated on the same records; run `python -m pipeline evaluate`.")
    rows = zip(first.per_record, second.per_record, strict=True)
    kept = [(a, b) for a, b in rows if a.record not in without]
    if not kept:
        raise DataError("The two networks have no record to be compared on.")
    return kept


def _answers(rows: Sequence[tuple[RecordRow, RecordRow]]) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
    right: tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]] = ([], [])
    for pair in rows:
        cells = [np.frombuffer(zlib.decompress(b64decode(row.answers)), np.uint8) for row in pair]
        if not np.array_equal(cells[0] // 6, cells[1] // 6):
            raise DataError(f"Record {pair[0].record!r} does not have the same reference beats in both evaluations.")
        for found, cell in zip(right, cells, strict=True):
            found.append(cell // 6 == cell % 6)
    return right


def _two_sided(z: float) -> float:
    """Return the two-sided p of a standard normal deviate."""
    return float(erfc(z / sqrt(2)))
