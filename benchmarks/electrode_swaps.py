"""Signs of left arm and left leg exchanged; flat limb leads: `python -m benchmarks.electrode_swaps --write`.

Recordings of LUDB but its held-out records, and folds 1 to 8 of PTB-XL. With these two electrodes exchanged, lead I
becomes II and III turns over, which needs no second reading. Three ways: limits of P waves, models on the waves of the
limb leads, and limb leads foretold from chest leads, which the swap does not change; what is learnt reads only records
that it did not see (ten folds). Writes docs/experiments/electrode_swaps.json and the table in statements.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.gathered import Gathered, gathered, work_option
from benchmarks.statement_results import Swaps, SwapWay
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import rounded, to_json
from pipeline.analysis import analyse, load_classifier
from pipeline.config import RECORDING_NETWORK, ROOT
from pipeline.intake import read_path
from pipeline.twelve_leads.derived_leads import standard_name
from pipeline.twelve_leads.electrodes import FLAT_MV, OTHERS_MV
from pipeline.twelve_leads.facts import CHEST
from pipeline.twelve_leads.reading import read_measurements, read_waves
from pipeline.types import Recording
from pipeline.waves.shapes import LeadShape

REPORT: Final = ROOT / "docs" / "experiments" / "electrode_swaps.json"
PAGE: Final = ROOT / "docs" / "experiments" / "statements.md"
MARKS: Final = ("<!-- swaps:start -->", "<!-- swaps:end -->")
LIMITS_MV: Final = ((0.0, 0.03), (0.0, 0.07), (0.02, 0.05), (0.03, 0.05), (0.04, 0.07))  # P of I over II; of III, below
FALSE_AT: Final = (0.05, 0.01)  # shares of recordings that are called exchanged and are not
FOLDS: Final = 10
FLAT_EACH: Final = 7  # of the LUDB records: one in so many is made and read again
Numbers = NDArray[np.float64]


def _limbs(one: Gathered) -> Numbers:
    """Height, depth, areas and P and T (3, 7) of I, II and III."""
    return np.array([_waves(one.facts.shapes[lead]) for lead in ("I", "II", "III")])


def _waves(shape: LeadShape) -> list[float]:
    some = (shape.p_mv, shape.t_mv, shape.p_area, shape.qrs_area, shape.t_area)
    return [shape.r_mv, shape.depth_mv, *(value or 0.0 for value in some)]


def _areas(one: Gathered, leads: tuple[str, ...]) -> Numbers:
    shapes = [one.facts.shapes[lead] for lead in leads]
    return np.array([value or 0.0 for shape in shapes for value in (shape.p_area, shape.qrs_area, shape.t_area)])


def exchanged(limbs: Numbers) -> Numbers:
    """The waves of I, II and III with the electrodes of left arm and left leg exchanged."""
    one, two, three = limbs
    return np.array([two, one, [three[1], three[0], *-three[2:]]])


def _learnt(model: Any, usual: Numbers, other: Numbers) -> Numbers:
    """Scores (2, n) of recordings as they are and exchanged, each by a model that saw neither."""
    scores = np.zeros((2, len(usual)))
    for train, test in KFold(FOLDS, shuffle=True, random_state=0).split(usual):
        features = np.concatenate([usual[train], other[train]])
        model.fit(features, np.repeat([0, 1], len(train)))
        scores[:, test] = [model.predict_proba(part[test])[:, 1] for part in (usual, other)]
    return scores


def _foretold(chest: Numbers, usual: Numbers, other: Numbers) -> Numbers:
    """How much better (2, n) the exchanged limb leads fit what the chest leads foretell than those that were read."""
    scores = np.zeros((2, len(usual)))
    scale = usual.std(axis=0) + 1e-9
    for train, test in KFold(FOLDS, shuffle=True, random_state=0).split(usual):
        model = make_pipeline(StandardScaler(), Ridge(10.0)).fit(chest[train], usual[train])
        expected = model.predict(chest[test])
        away = [np.square((part[test] - expected) / scale).sum(axis=1) for part in (usual, other)]
        scores[:, test] = [away[0] - away[1], away[1] - away[0]]
    return scores


def _way(scores: Numbers) -> SwapWay:
    true = np.repeat([0, 1], scores.shape[1])
    found = {}
    for share in FALSE_AT:
        limit = np.quantile(scores[0], 1 - share)
        found[f"{share:g}"] = float(np.mean(scores[1] > limit))
    return SwapWay(float(roc_auc_score(true, scores.ravel())), found)


def ways(records: list[Gathered]) -> Mapping[str, SwapWay]:
    """The three ways, and the last two together."""
    limbs = np.array([_limbs(one) for one in records])
    turned = np.array([exchanged(one) for one in limbs])
    usual, other = limbs.reshape(len(limbs), -1), turned.reshape(len(limbs), -1)
    p = np.stack([part[:, 0, 2] - part[:, 1, 2] - part[:, 2, 2] for part in (limbs, turned)])
    chest = np.array([_areas(one, CHEST) for one in records])
    areas = [part[:, :, 4:].reshape(len(part), -1) for part in (limbs, turned)]
    logistic = _learnt(make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)), usual, other)
    trees = _learnt(ExtraTreesClassifier(400, min_samples_leaf=3, random_state=0), usual, other)
    foretold = _foretold(chest, *areas)
    both = sum(np.argsort(np.argsort(part.ravel())).reshape(part.shape) for part in (logistic, trees, foretold))
    return {
        "P wave of I, II and III": _way(p),
        "logistic regression on limb leads": _way(logistic),
        "trees on limb leads": _way(trees),
        "limb leads foretold from V1 to V6": _way(foretold),
        "the last three together": _way(np.asarray(both, np.float64)),
    }


def limits(records: list[Gathered]) -> Mapping[str, tuple[int, int]]:
    """How often limits of P waves call exchanged recordings so, and the others."""
    p = np.array([_limbs(one)[:, 2] for one in records])
    turned = p[:, [1, 0, 2]] * [1, 1, -1]
    found = {}
    for higher, deep in LIMITS_MV:
        both = [int(((q[:, 0] - q[:, 1] > higher) & (q[:, 2] <= -deep)).sum()) for q in (turned, p)]
        found[f"{higher:g}, {-deep:g}"] = (both[0], both[1])
    return found


def on_right_leg(recording: Recording) -> Recording:
    """The recording with the electrodes of right arm and right leg exchanged: the legs have one potential.

    The right arm's electrode reads what the left leg's does: I becomes -III, II is flat, III stays. Wilson's terminal,
    and with it the chest leads, move by a third of II.
    """
    place = {standard_name(lead): i for i, lead in enumerate(recording.leads)}
    old = recording.p_signal.astype(np.float64)
    three, two = old[:, place["III"]], old[:, place["II"]]
    new = {"I": -three, "II": np.zeros_like(two), "III": three, "aVR": three / 2, "aVL": -three, "aVF": three / 2}
    new |= {lead: old[:, place[lead]] - two / 3 for lead in CHEST}
    p_signal = old.copy()
    for lead, values in new.items():
        p_signal[:, place[lead]] = values
    rng = np.random.default_rng(0)
    p_signal[:, place["II"]] += rng.normal(0, 0.005, len(p_signal))  # noise, without which a lead counts as dead
    return replace(recording, p_signal=p_signal.astype(np.float32))


def flat(records: list[Gathered]) -> Mapping[str, int]:
    """Reads one LUDB recording in seven end to end, as it is and so made."""
    classifier = load_classifier(RECORDING_NETWORK)
    counts = {"made": 0, "said": 0, "said as they are": 0}
    for one in [one for one in records if one.stated.record.startswith("ludb/")][::FLAT_EACH]:
        whole = read_path(one.stated.header)
        for name, recording in (("said as they are", whole), ("said", on_right_leg(whole))):
            analysis = analyse(recording, classifier)
            found = read_measurements(recording, analysis, read_waves(recording, analysis)).statements
            counts[name] += any(said.code == "SWAP-RL" for said in found)
        counts["made"] += 1
    return counts


def table(found: Swaps) -> str:
    """Both tables of the page, and what is said of flat leads."""
    lines = ["| P in I higher than in II by, and in III at most, mV | said of exchanged | said of the others |"]
    lines += ["|---|--:|--:|", *(f"| {name} | {both[0]} | {both[1]} |" for name, both in found.limits.items()), ""]
    heads = " | ".join(f"found, {float(share):.0%} false" for share in map(str, FALSE_AT))
    lines += [f"| way | area under the ROC | {heads} |", f"|---|--:|{'--:|' * len(FALSE_AT)}"]
    for name, way in found.ways.items():
        cells = " | ".join(f"{value:.2f}" for value in way.found_at.values())
        lines.append(f"| {name} | {way.auc:.2f} | {cells} |")
    lines += ["", f"`{found.provenance.command}`, commit {found.provenance.commit}: {found.records} recordings.", ""]
    made = found.flat
    lines += [f"Right arm on right leg: said of {made['said']} of {made['made']} made so from LUDB, and of"]
    lines += [
        f"{made['said as they are']} of these as they are. Recordings with a limb lead below {FLAT_MV:g} mV while"
    ]
    lines += [f"the others exceed {OTHERS_MV:g}: {found.flat_limb_leads}.", ""]
    return "\n".join(["", *lines])


def _is_flat(one: Gathered) -> bool:
    swing = sorted(one.facts.shapes[lead].swing_mv for lead in ("I", "II", "III"))
    return swing[0] < FLAT_MV and swing[1] > OTHERS_MV


def main() -> None:
    """Prints the tables and, if asked to, writes both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the file and the table")
    work_option(parser)
    options = parser.parse_args()
    seen = [one for one in gathered(options.work) if one.choices and one.facts.has("I", "II", "III", *CHEST)]
    with_p = [one for one in seen if all(one.facts.shapes[lead].p_mv is not None for lead in ("I", "II", "III"))]
    made = Provenance(
        "python -m benchmarks.electrode_swaps --write", current_commit(), "PTB-XL (ptbxl), LUDB (ludb)", now()
    )
    found = rounded(
        Swaps(made, len(with_p), limits(with_p), ways(with_p), flat(seen), sum(_is_flat(one) for one in seen))
    )
    print(table(found))
    if options.write:
        write_json(REPORT, to_json(found))
        before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
        PAGE.write_text(f"{before}{MARKS[0]}\n{table(found)}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")


if __name__ == "__main__":
    main()
