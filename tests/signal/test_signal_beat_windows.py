"""Windows around places in a lead, against the same done sample by sample."""

import numpy as np
import pytest

from pipeline.signal.beat_windows import heights_around


@pytest.mark.parametrize(("size", "reach"), [(5000, 15), (20, 15), (31, 15)])
def test_heights_are_those_of_each_window_and_beyond_the_ends_the_lead_is_zero(size, reach):
    lead = np.random.default_rng(0).normal(0.3, 1, size).astype(np.float32)
    at = np.arange(-3, size + 3) if size < 100 else np.array([0, 3, 14, 15, 16, *range(40, 4980), 4984, 4985, 4999])
    padded = np.pad(lead, reach + 4)
    expected = [np.ptp(padded[k + 4 : k + 4 + 2 * reach + 1]) for k in at.tolist()]
    assert heights_around(lead, at, reach).tolist() == pytest.approx(expected, abs=1e-6)
