"""Records with stated superclasses, read for calibration and for scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.superclasses import SUPERCLASSES, SuperclassNetwork
from pipeline._util.progress import Progress, no_progress
from pipeline.datasets.superclass_references import StatedSuperclasses
from pipeline.digitisation.layouts import PageLayout
from pipeline.errors import DataError
from pipeline.intake import read_path
from pipeline.twelve_leads.derived_leads import standard_leads
from pipeline.twelve_leads.superclasses import window_logits
from pipeline.types import FloatArray


@dataclass(frozen=True, eq=False)
class SuperclassRecord:
    """A record as it was read: its reference, `p_signal_mv` (n, n_leads) float32, `leads` and `fs` in Hz."""

    reference: StatedSuperclasses
    p_signal_mv: FloatArray
    leads: tuple[str, ...]
    fs: float

    def logits(self, network: SuperclassNetwork) -> FloatArray:
        """Return the network's logits (k, 5) for its windows.

        Raises
        ------
        DataError
            If the network cannot read it.
        """
        if (found := window_logits(self.p_signal_mv, self.leads, self.fs, network)) is None:
            raise DataError(f"Record {self.reference.record!r} lacks a lead, or 3 s in which all were recorded.")
        return found

    def as_page(self, layout: PageLayout) -> SuperclassRecord:
        """Return what a page of this layout shows of it: each lead in its column's time only."""
        whole = standard_leads(self.p_signal_mv, self.leads)
        shown, width = np.full_like(whole.p_signal, np.nan), len(whole.p_signal) // len(layout.columns)
        for _, column, spanned, lead in layout.boxes():
            part = slice(column * width, (column + spanned) * width), whole.leads.index(lead)
            shown[part] = whole.p_signal[part]
        return replace(self, p_signal_mv=shown, leads=whole.leads)


def read_superclass_records(
    references: Sequence[StatedSuperclasses], *, progress: Progress = no_progress
) -> tuple[SuperclassRecord, ...]:
    """Read the signals of records.

    Parameters
    ----------
    references : sequence of StatedSuperclasses
        The records.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.
    """
    found = []
    for i, reference in enumerate(references):
        recording = read_path(reference.header)
        found.append(SuperclassRecord(reference, recording.p_signal, recording.leads, recording.fs))
        progress((i + 1) / len(references), f"Reading {reference.record}")
    return tuple(found)


def stated_of(records: Sequence[SuperclassRecord]) -> NDArray[np.bool_]:
    """Return which superclasses (n, 5) are stated of records."""
    return np.array([[name in each.reference.superclasses for name in SUPERCLASSES] for each in records])


def folds_of(records: Sequence[SuperclassRecord]) -> NDArray[np.int64]:
    """Return the fold (n,) of each record, PTB-XL's own: by patient, with the same share of each superclass."""
    return np.array([each.reference.fold for each in records], np.int64)
