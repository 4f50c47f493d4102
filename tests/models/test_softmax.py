"""Probabilities from logits: sums, extremes, precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from models.softmax import log_softmax, softmax

LOGITS = st.lists(st.lists(st.floats(-300, 300), min_size=5, max_size=5), min_size=1, max_size=6).map(np.array)


@given(LOGITS, st.floats(0.05, 20))
def test_it_is_scipys_softmax_of_the_divided_logits(logits, temperature):
    expected = special.softmax(logits / temperature, axis=-1)
    np.testing.assert_allclose(softmax(logits, temperature=temperature), expected, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(log_softmax(logits), special.log_softmax(logits, axis=-1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_answers_in_the_precision_that_is_asked_for(dtype):
    logits = np.array([[1e4, 0.0, -1e4]])
    for found in (softmax(logits, temperature=np.float64(0.7), dtype=dtype), log_softmax(logits, dtype=dtype)):
        assert found.dtype == dtype
        assert np.isfinite(found).all()


def test_logits_are_left_alone():
    logits = np.array([[1.0, 2.0]])
    softmax(logits, temperature=2.0)
    assert logits.tolist() == [[1.0, 2.0]]


def test_no_rows_give_no_rows():
    assert softmax(np.zeros((0, 5))).shape == (0, 5)
