"""The median of `pipeline/signal/median.py` is that of numpy."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.signal.median import median

SIZES: dict[Literal[32, 64], float] = {32: 2.0**60, 64: 2.0**500}


@pytest.mark.parametrize("width", SIZES)
@given(data=st.data())
def test_it_is_the_median_of_numpy_to_the_last_bit(width: Literal[32, 64], data: st.DataObject) -> None:
    some = st.floats(-SIZES[width], SIZES[width], width=width) | st.just(np.nan)
    shape = arrays.array_shapes(min_dims=1, max_dims=3, max_side=12)
    values = data.draw(arrays.arrays(np.dtype(f"float{width}"), shape, elements=some))
    axis = data.draw(st.integers(-values.ndim, values.ndim - 1))
    found, expected = median(values, axis), np.median(values, axis=axis)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected, equal_nan=True)


def test_of_nothing_it_is_nan() -> None:
    with pytest.warns(RuntimeWarning):
        assert np.isnan(median(np.zeros(0)))


@pytest.mark.parametrize("width", SIZES)
def test_of_many_values_too(width: int) -> None:
    values = np.random.default_rng(0).normal(size=(3, 10_001)).astype(f"float{width}")
    for n in (10_000, 10_001):
        assert np.array_equal(median(values[:, :n]), np.median(values[:, :n], axis=1))
