"""The main figures of the superclasses as lines for the terminal."""

from __future__ import annotations

from pipeline.evaluation.schema import Estimate
from pipeline.evaluation.superclass_schema import SuperclassEvaluation


def superclass_lines(found: SuperclassEvaluation) -> tuple[str, ...]:
    """Return the mean and each superclass, then how faithful the shown map is."""
    heat, shown = found.heat, found.heat.areas[found.heat.shipped]
    return (
        f"{found.records} records of {found.patients} patients in {found.folds} folds: "
        f"AUROC {_told(found.auroc)}, calibration error {_told(found.ece)}",
        *(
            f"  {each.name:4} of {each.records:3}: AUROC {_told(each.auroc)}, calibration error {_told(each.ece)}, "
            f"Se {_told(each.balanced.se)}, Sp {_told(each.balanced.sp)}, PPV {_told(each.balanced.ppv)}"
            for each in found.classes
        ),
        *(
            [f"{found.elsewhere.title}, {found.elsewhere.records} records: AUROC {_told(found.elsewhere.auroc)}"]
            if found.elsewhere
            else []
        ),
        f"Maps by {heat.shipped}, {heat.records} records: deletion {_told(shown.deletion)}, "
        f"insertion {_told(shown.insertion)}",
        found.caution,
    )


def _told(estimate: Estimate) -> str:
    value, low, high = (
        f"{x:.3f}" if x is not None else "undefined" for x in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} [{low}, {high}]"
