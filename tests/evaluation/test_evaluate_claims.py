"""Sentences about heatmaps: what the numbers say, of what was looked at, and nothing where nothing was measured."""

from __future__ import annotations

import pytest

from pipeline._util.provenance import Provenance
from pipeline.evaluation.claims import supported_statements
from pipeline.evaluation.explanations_schema import (
    AnswerHeat,
    BothWays,
    ExplainedSet,
    Explanations,
    HeatShare,
    RandomStage,
    RandomWeights,
)
from pipeline.evaluation.schema import UNDEFINED_ESTIMATE, Estimate
from tests.helpers.results import evaluated_model

NOTHING = UNDEFINED_ESTIMATE


def content(correlation, *, reads="pictures", ratio=NOTHING):
    places = {"qrs": HeatShare(share=Estimate(0.4, 0.3, 0.5), area=0.1, ratio=ratio)}
    drawn = ExplainedSet(
        name="ds2", title="DS2", records=("100",), beats=10, blank=2, compared=8, faithfulness={},
        against={"random": BothWays(NOTHING, NOTHING)}, curves={}, answers=(AnswerHeat("V", 10, 2, places),),
    )  # fmt: skip
    return Explanations(
        model=evaluated_model().identity, provenance=Provenance("a test", "", "", ""), reads=reads, method="HiResCAM",
        per_class=10, sets=(drawn,), randomised=RandomWeights(8, (RandomStage("conv1", correlation),)),
    )  # fmt: skip


@pytest.mark.parametrize(("reads", "seen"), [("pictures", "picture"), ("beats", "signal")])
def test_a_map_that_outlives_the_weights_is_one_of_what_the_network_looked_at(reads, seen):
    found = supported_statements(content(Estimate(0.8, 0.7, 0.9), reads=reads))
    assert f"much of a map comes from the {seen} itself" in found[-1]


@pytest.mark.parametrize(("low", "high"), [(0.3, 0.6), (None, None)])
def test_maps_whose_interval_does_not_say_which_side_they_are_on_are_undecided(low, high):
    found = supported_statements(content(Estimate(0.45, low, high)))
    assert found[-1].endswith(
        "0.45 with the real ones: whether they depend more on what the network learnt or not is undecided."
    )


def test_maps_that_random_weights_do_not_give_depend_on_what_was_learnt():
    found = supported_statements(content(Estimate(0.2, 0.1, 0.3)))
    assert found[-1].endswith("they depend on what the network learnt.")


def test_where_no_map_shows_anything_nothing_is_claimed():
    faithful, where, sane = supported_statements(content(NOTHING))
    assert "neither better nor worse (undecided)" in faithful
    assert where == "**Where:** on no part that was measured does more heat lie than on its share of the whole."
    assert sane == "**Weights:** no map shows anything, so none could be compared with those of random weights."


@pytest.mark.parametrize(("low", "is_told"), [(1.2, True), (0.9, False)])
def test_heat_gathers_where_its_interval_is_above_chance(low, is_told):
    told = supported_statements(content(NOTHING, ratio=Estimate(4.0, low, 6.0)))[1]
    assert ("for V on QRS (40 % of it, 4.0 times its share)" in told) == is_told
