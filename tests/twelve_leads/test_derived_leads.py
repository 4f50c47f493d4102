"""The twelve standard leads: found in any case and order, the missing limb leads from I and II."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import SignalError
from pipeline.twelve_leads.derived_leads import (
    INDEPENDENT_LEADS,
    TWELVE_LEADS,
    has_independent_leads,
    standard_leads,
    standard_name,
)


@pytest.fixture
def eight():
    return np.random.default_rng(3).normal(size=(50, 8)).astype(np.float32)


def test_the_limb_leads_are_those_of_einthoven_and_goldberger(eight):
    found = standard_leads(eight, INDEPENDENT_LEADS)
    one, two = eight[:, 0], eight[:, 1]
    assert found.leads == TWELVE_LEADS
    assert found.complete
    assert found.derived == ("III", "aVR", "aVL", "aVF")
    np.testing.assert_allclose(found.p_signal[:, 2], two - one, atol=1e-6)
    np.testing.assert_allclose(found.p_signal[:, 3], -(one + two) / 2, atol=1e-6)
    np.testing.assert_allclose(found.p_signal[:, 4], one - two / 2, atol=1e-6)
    np.testing.assert_allclose(found.p_signal[:, 5], two - one / 2, atol=1e-6)
    np.testing.assert_array_equal(found.p_signal[:, 6:], eight[:, 2:])


def test_names_count_in_any_case_and_order(eight):
    shuffled = [7, 2, 0, 5, 1, 3, 6, 4]
    names = [INDEPENDENT_LEADS[i].lower() for i in shuffled]
    found = standard_leads(eight[:, shuffled], names)
    np.testing.assert_array_equal(found.p_signal, standard_leads(eight, INDEPENDENT_LEADS).p_signal)
    assert has_independent_leads(names)
    assert not has_independent_leads(names[1:])


def test_a_recorded_limb_lead_stays_as_it_is(eight):
    with_third = np.column_stack([eight, np.full(50, 9, np.float32)])
    found = standard_leads(with_third, (*INDEPENDENT_LEADS, "iii"))
    assert (found.p_signal[:, found.leads.index("III")] == 9).all()
    assert "III" not in found.derived


def test_leads_that_do_not_follow_are_left_out(eight):
    found = standard_leads(eight[:, :3], ("V1", "MLII", "I"))
    assert found.leads == ("I", "V1")
    assert found.derived == ()
    assert not found.complete


def test_what_was_not_recorded_in_the_first_lead_is_missing_in_all_that_follows(eight):
    eight[10:20, 0] = np.nan
    found = standard_leads(eight, INDEPENDENT_LEADS)
    assert np.isnan(found.p_signal[10:20, 2:6]).all()
    assert np.isfinite(found.p_signal[:, 1]).all()


def test_another_number_of_names_is_refused(eight):
    with pytest.raises(SignalError, match=r"9 names"):
        standard_leads(eight, (*INDEPENDENT_LEADS, "III"))


@pytest.mark.parametrize(("given", "name"), [("AVR", "aVR"), (" v6 ", "V6"), ("MLII", None), ("", None)])
def test_standard_names(given, name):
    assert standard_name(given) == name
