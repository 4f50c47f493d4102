"""Results as the program makes them, for tests that need one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.evaluation.schema import Estimate, EvaluatedModel

GOOD = Estimate(0.8, 0.7, 0.9)


def evaluated_model(name: str = "rule", **changes: Any) -> EvaluatedModel:
    """What an evaluation states about a network that does not exist."""
    model = EvaluatedModel(
        name=name,
        title=f"Network {name}",
        classes=("N", "S", "V", "F", "Q"),
        input_shape=(64, 96, 3),
        preprocessing="pictures",
        sha256="0" * 64,
        parameters=14_000_000,
        size_bytes=29_000_000,
        logit_bias=(0.0,) * 5,
        temperature=1.0,
        threshold=0.5,
        picture_threshold=0.5,
        abstain_below=0.3,
        trained_on="nothing",
        train_records=(),
        validation_records=(),
        commit="abc123",
        command=f"python -m pipeline train --model {name}",
        seed=0,
        training_minutes=1.0,
        pictures_seen=1,
    )
    return replace(model, **changes)
