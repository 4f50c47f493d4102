"""Leads that a page shows one after the other are brought in step, and answer as leads that were recorded together."""

from __future__ import annotations

import numpy as np
import pytest

from models.superclasses import SUPERCLASSES, superclass_manifest
from pipeline.digitisation.layouts import LAYOUTS
from pipeline.twelve_leads.derived_leads import INDEPENDENT_LEADS, TWELVE_LEADS, standard_leads
from pipeline.twelve_leads.leads_in_turn import in_step
from pipeline.twelve_leads.superclasses import read_superclasses, superclass_heat
from tests.helpers.twelve_lead_ecg import LEADS, made_ecg

FS = 500.0


def page(layout, ecg, fs=FS):
    """Twelve leads, each only where its column stands; the lead of a strip everywhere."""
    whole, shown = standard_leads(ecg, LEADS).p_signal, LAYOUTS[layout]
    out, width = np.full_like(whole, np.nan), len(whole) // len(shown.columns)
    for _, column, spanned, lead in shown.boxes():
        i = TWELVE_LEADS.index(lead)
        out[column * width : (column + spanned) * width, i] = whole[column * width : (column + spanned) * width, i]
    return out


@pytest.fixture(scope="module")
def ecg():
    return made_ecg()


@pytest.mark.parametrize("layout", ["3x4", "3x4+1", "3x4+3", "4x3", "6x2", "6x2+1"])
def test_a_page_answers_like_the_recording_that_it_shows(ecg, layout):
    whole, shown = read_superclasses(ecg, LEADS, FS), read_superclasses(page(layout, ecg), TWELVE_LEADS, FS)
    assert max(abs(whole[name] - shown[name]) for name in SUPERCLASSES) < 0.12


def test_beats_of_all_leads_stand_side_by_side(ecg):
    eight, source = in_step(standard_leads(page("3x4", ecg), TWELVE_LEADS), FS, superclass_manifest())
    assert eight.shape == source.shape
    peaks = np.abs(eight[:85]).argmax(axis=0)  # the first cycle
    assert np.ptp(peaks) <= 4  # R in some leads, S in others
    for i, name in enumerate(INDEPENDENT_LEADS):
        column = TWELVE_LEADS.index(name) // 3
        assert source[:, i].min() >= 250 * column
        assert source[:, i].max() < 250 * (column + 1)


@pytest.mark.parametrize("rr_s", [0.5, 0.7, 1.0, 1.3])
def test_the_cycle_is_that_of_the_rhythm(rr_s):
    _, source = in_step(standard_leads(page("6x2", made_ecg(rr_s=rr_s)), TWELVE_LEADS), FS, superclass_manifest())
    jumps = np.flatnonzero(np.diff(source[:, 0]) != 1)
    cycle = len(source) / round(len(source) / (100 * rr_s))
    assert cycle == pytest.approx(100 * rr_s, abs=2)
    assert all((jump + 1) % round(cycle) == 0 for jump in jumps)


def test_a_lead_that_the_page_does_not_show_leaves_no_answer(ecg):
    shown = page("3x4", ecg)
    shown[:, TWELVE_LEADS.index("V5")] = np.nan
    assert read_superclasses(shown, TWELVE_LEADS, FS) is None


def test_a_column_without_a_whole_beat_leaves_no_answer():
    assert read_superclasses(page("3x4", made_ecg(rr_s=3.3)), TWELVE_LEADS, FS) is None


def test_a_recording_longer_than_a_page_is_not_taken_for_one():
    long = page("3x4", made_ecg(seconds=80.0))
    assert in_step(standard_leads(long, TWELVE_LEADS), FS, superclass_manifest()) is None


def test_the_map_of_a_page_lies_where_each_lead_is_drawn(ecg):
    heat = superclass_heat(page("3x4", ecg), TWELVE_LEADS, FS, "NORM")
    assert heat.shape == (1000, 12)
    for name in INDEPENDENT_LEADS:
        column, i = TWELVE_LEADS.index(name) // 3, TWELVE_LEADS.index(name)
        outside = np.delete(heat[:, i], np.s_[250 * column : 250 * (column + 1)])
        assert (outside == 0).all(), name
    assert heat.max() == 1
