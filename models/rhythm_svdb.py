"""`rhythm` once more, for weights that patients of svdb have taught as well: its own name, so its scores stay apart."""

from __future__ import annotations

from dataclasses import replace

from models import rhythm

NETWORK = replace(
    rhythm.NETWORK,
    title="Rhythm network (MIT-BIH and SVDB)",
    place=91,
    taught_by="svdb",
)
