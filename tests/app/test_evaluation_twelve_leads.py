"""The part of the Evaluation page on twelve leads: its numbers are those of the file."""

from __future__ import annotations

import pytest

from app.common.theme import DARK
from app.evaluation import twelve_leads
from models.superclasses import SUPERCLASSES
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import to_json
from pipeline.evaluation.explanations_schema import BothWays, RemovalCurves
from pipeline.evaluation.schema import Estimate, ModelIdentity
from pipeline.evaluation.superclass_schema import (
    AtThreshold,
    ElsewhereScores,
    HeadScores,
    HeatTest,
    OtherDatabase,
    StatedBin,
    SuperclassEvaluation,
    SuperclassScores,
)
from pipeline.twelve_leads.superclass_heat import HEATS, SHIPPED_HEAT
from tests.helpers.evaluations import charts_of, opened, said, write_network


def near(value):
    return Estimate(value, value - 0.05, value + 0.02)


def superclass(i, name):
    called = AtThreshold(se=near(0.8 + i / 100), sp=near(0.9), ppv=near(0.7))
    return SuperclassScores(
        name=name, title=f"title of {name}", records=50 + i, auroc=near(0.9 + i / 100), ap=near(0.8), ece=near(0.06),
        threshold=0.2 + i / 10, balanced=called, specific=called,
        bins=(StatedBin(300, 0.05, 0.04), *(StatedBin(0, None, None),) * 3, StatedBin(134, 0.9, 0.85 + i / 100)),
    )  # fmt: skip


def evaluation():
    names = (*HEATS, "random")
    ways = {name: BothWays(near(0.2 + i / 10), near(0.8 - i / 10)) for i, name in enumerate(names)}
    return SuperclassEvaluation(
        model=ModelIdentity("superclasses", "ECGResNet", "ab" * 32),
        provenance=Provenance("python -m pipeline evaluate --model superclasses", "abc", "PTB-XL", "2026-11-30"),
        caution="The network may have seen some of these records.", records=434, patients=407, folds=9,
        auroc=near(0.931), ece=near(0.061), other_folds={"0": 0.92},
        on_pages=HeadScores(name="Pages", auroc=near(0.917), ece=near(0.072)),
        chosen_on=HeadScores(name="Fold 9", auroc=near(0.948), ece=near(0.083)),
        classes=tuple(superclass(i, name) for i, name in enumerate(SUPERCLASSES)),
        heads=(HeadScores(name="All five", auroc=near(0.931), ece=near(0.061)),),
        elsewhere=OtherDatabase(
            title="LUDB", records=140, auroc=near(0.79), ece=near(0.31),
            classes=(
                ElsewhereScores(
                    name="MI", records=20, auroc=near(0.87),
                    called=AtThreshold(se=near(0.9), sp=near(0.4), ppv=near(0.2)),
                ),
            ),
        ),
        heat=HeatTest(
            shipped=SHIPPED_HEAT, cell_s=0.1, records=60, areas=ways,
            better_than_random={name: each for name, each in ways.items() if name != "random"},
            curves={name: RemovalCurves((0.9, 0.5, 0.1), (0.1, 0.5, 0.9)) for name in names},
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    write_network(folder, "cnn")
    write_json(folder / "superclasses" / "evaluation.json", to_json(evaluation()))
    return folder


def test_without_a_file_the_page_says_what_to_run(monkeypatch, tmp_path):
    write_network(tmp_path, "cnn")
    assert "run `python -m pipeline evaluate --model superclasses`" in said(opened(monkeypatch, tmp_path))


def test_a_broken_file_is_named_in_one_sentence(monkeypatch, tmp_path):
    write_network(tmp_path, "cnn")
    (tmp_path / "superclasses").mkdir()
    (tmp_path / "superclasses" / "evaluation.json").write_text("[]")
    assert "evaluate \\-\\-model superclasses" in said(opened(monkeypatch, tmp_path))


def test_every_superclass_has_a_row_and_the_caution_stands_above(monkeypatch, weights):
    page = opened(monkeypatch, weights)
    rows = next(each.value for each in page.dataframe if "Superclass" in each.value.columns).set_index("Superclass")
    assert rows.loc["title of MI", "AUROC"] == "0.910 (0.860–0.930)"
    assert rows.loc["title of MI", "Called from"] == "30 %"
    assert rows.loc["title of HYP", "Sensitivity"].startswith("84.0 %")
    assert rows.loc["mean", "AUROC"].startswith("0.931")
    told = said(page)
    assert "may have seen some of these records" in told
    assert "434 recordings of 407 patients" in told
    assert "On a page of 3x4, which shows 2.5 s of each lead, they are 0.917" in told


def test_the_reliability_curve_is_that_of_the_chosen_superclass(monkeypatch, weights):
    page = opened(monkeypatch, weights)
    page.segmented_control(key="evaluation-superclass").set_value("CD").run()
    curves = [trace for chart in charts_of(page) for trace in chart["data"] if trace.get("name") == "recordings"]
    assert [trace["x"] for trace in curves] == [[0.05, 0.9]]
    assert [trace["y"] for trace in curves] == [[0.04, 0.88]]


def test_the_shown_map_is_named_and_compared_with_random(monkeypatch, weights):
    page = opened(monkeypatch, weights)
    rows = next(each.value for each in page.dataframe if "Map" in each.value.columns).set_index("Map")
    assert f"{SHIPPED_HEAT} (shown)" in rows.index
    assert len(rows) == len(HEATS) + 1
    assert (rows.loc["random"].filter(like="better") == "–").all()


def test_another_database_is_shown_with_the_caution_that_calibration_does_not_travel(monkeypatch, weights):
    page = opened(monkeypatch, weights)
    rows = next(each.value for each in page.dataframe if list(each.value.get("Superclass", [])) == ["MI"])
    assert rows.loc[0, "Specificity"].startswith("40.0 %")
    assert "LUDB, 140 recordings" in said(page)
    assert "**not** calibrated" in said(page)


def test_empty_bins_are_not_drawn():
    figure = twelve_leads.reliability((StatedBin(0, None, None), StatedBin(3, 0.5, 0.4)), "", DARK)
    assert list(figure.data[1].x) == [0.5]
    assert list(figure.data[1].customdata) == [3]
