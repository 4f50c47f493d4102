"""`rhythm` again, for weights trained on patients of svdb as well; its own name keeps its scores separate."""

from __future__ import annotations

from dataclasses import replace

from models import rhythm

NETWORK = replace(
    rhythm.NETWORK,
    title="Rhythm network (MIT-BIH and SVDB)",
    place=91,
    also_trained_on="svdb",
)
