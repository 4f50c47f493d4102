"""Filters of the strip: what they take away, what they leave where it was, and that gaps stay gaps."""

import numpy as np
import pytest

from pipeline.cases.strip_content import recorded_leads
from pipeline.cases.strip_filters import StripFilters, filtered_leads
from pipeline.types import Recording

FS, SECONDS = 500.0, 30.0


def made(*parts: np.ndarray) -> Recording:
    return Recording.from_array(np.sum(parts, axis=0), fs=FS, leads="II")


def wave(hz: float, size_mv: float = 0.5) -> np.ndarray:
    return size_mv * np.sin(2 * np.pi * hz * np.arange(round(SECONDS * FS)) / FS)


def drawn(recording: Recording, filters: StripFilters) -> np.ndarray:
    (lead,) = filtered_leads(recording, ("II",), 10.0, 20.0, filters)
    (exact,) = recorded_leads(recording, ("II",), 10.0, 20.0)
    assert np.array_equal(lead.time_s, exact.time_s)
    return lead.value_mv


@pytest.mark.parametrize(
    ("filters", "disturbance_hz"),
    [
        (StripFilters(baseline=True), 0.1), (StripFilters(mains_hz=50), 50.0), (StripFilters(mains_hz=60), 60.0),
        (StripFilters(muscle=True), 120.0),
    ],
)  # fmt: skip
def test_a_filter_takes_its_disturbance_away_and_leaves_the_rest_in_its_place(
    filters: StripFilters, disturbance_hz: float
) -> None:
    kept = wave(8.0)
    alone = drawn(made(kept, wave(disturbance_hz)), filters)
    assert np.abs(alone - kept[5000:10001]).max() < 0.04
    assert np.abs(drawn(made(kept), filters) - kept[5000:10001]).max() < 0.02


def test_without_a_filter_the_samples_are_those_of_the_recording() -> None:
    kept = wave(8.0)
    assert np.array_equal(drawn(made(kept), StripFilters()), kept[5000:10001].astype(np.float32))


def test_a_gap_stays_a_gap() -> None:
    kept = wave(8.0)
    kept[7000:7100] = np.nan
    found = drawn(made(kept), StripFilters(baseline=True, mains_hz=50, muscle=True))
    assert np.flatnonzero(np.isnan(found)).tolist() == list(range(2000, 2100))


def test_what_acts_is_named() -> None:
    every = StripFilters(baseline=True, mains_hz=50, muscle=True)
    assert every.words(250.0) == "filters: baseline 0.5 Hz, mains 50 Hz, muscle 35 Hz"
    assert every.words(100.0) == "filters: baseline 0.5 Hz, muscle 35 Hz"
    assert StripFilters().words(250.0) == ""
    assert not StripFilters()
