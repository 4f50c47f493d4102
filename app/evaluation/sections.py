"""The sections of the Evaluation page, by the name of their button."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from app.evaluation.confident_errors import show_errors
from app.evaluation.explanations import show_explanations
from app.evaluation.robustness import show_against, show_stress, show_uncertainty
from app.evaluation.scores import (
    show_calibration,
    show_classes,
    show_curves,
    show_random_split,
    show_records,
    show_summary,
    show_threshold,
    show_training,
)
from app.evaluation.shared import EvaluationView

SECTIONS: Final[Mapping[str, Callable[[EvaluationView], None]]] = MappingProxyType(
    {
        "Summary": show_summary,
        "Classes": show_classes,
        "Records": show_records,
        "ROC and PR": show_curves,
        "Threshold": show_threshold,
        "Calibration": show_calibration,
        "Uncertainty": show_uncertainty,
        "Noise and leads": show_stress,
        "Against another": show_against,
        "Errors": show_errors,
        "Explanations": show_explanations,
        "Training": show_training,
        "Random split": show_random_split,
    }
)
