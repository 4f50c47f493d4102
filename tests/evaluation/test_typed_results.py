"""Every stored file of results is read as its dataclass, and written again as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, nan
from typing import ClassVar, Literal

import pytest

from benchmarks.results import (
    Digitisation,
    Exports,
    LearntStatements,
    Lengths,
    LiveBenchmark,
    LiveChoices,
    PageOutcomes,
    Recipes,
    Resolution,
    ReviewSpeed,
    RhythmDay,
    RPeaks,
    Scheduling,
    TwelveLeadReading,
    WaveBenchmark,
)
from benchmarks.scale_results import Cascade, Peers, Roofline, Sessions, Soak
from benchmarks.statement_results import Elevation, Swaps
from pipeline._util.files import write_json
from pipeline._util.typed_json import from_json, read_as, rounded, to_json
from pipeline.beat_images.schema import PicturesEvaluation
from pipeline.config import ROOT
from pipeline.errors import DataError
from pipeline.evaluation.evaluation_schema import Evaluation
from pipeline.evaluation.explanations_schema import Explanations
from pipeline.evaluation.noise_schema import NoiseCurves
from pipeline.evaluation.rhythm_schema import RhythmEvaluation
from pipeline.evaluation.schema import Column
from pipeline.evaluation.statement_schema import StatementsEvaluation
from pipeline.evaluation.stress_schema import StressTest
from pipeline.evaluation.superclass_schema import SuperclassEvaluation
from pipeline.page_classifier.schema import PageEvaluation
from pipeline.training.schema import CrossValidation, SettingsSearch

KINDS = {
    "models/weights/*/evaluation*.json": Evaluation,
    "models/weights/*/stress.json": StressTest,
    "models/weights/*/explanations.json": Explanations,
    "models/weights/pages/page/evaluation.json": PageEvaluation,
    "models/weights/*/pictures-evaluation.json": PicturesEvaluation,
    "models/weights/*/scores.json": CrossValidation,
    "docs/experiments/rhythm*_recipe.json": CrossValidation,
    "docs/experiments/tuning.json": SettingsSearch,
    "docs/experiments/recipes.json": Recipes,
    "docs/experiments/resolution.json": Resolution,
    "docs/experiments/digitise.json": Digitisation,
    "docs/experiments/page_outcomes.json": PageOutcomes,
    "docs/experiments/exports.json": Exports,
    "docs/experiments/live.json": LiveBenchmark,
    "docs/experiments/live_choices.json": LiveChoices,
    "docs/experiments/r_peaks.json": RPeaks,
    "docs/experiments/review_speed.json": ReviewSpeed,
    "docs/experiments/rhythm_day.json": RhythmDay,
    "docs/experiments/statements.json": LearntStatements,
    "docs/experiments/st_elevation.json": Elevation,
    "docs/experiments/electrode_swaps.json": Swaps,
    "docs/experiments/twelve_lead_reading.json": TwelveLeadReading,
    "docs/experiments/scheduling.json": Scheduling,
    "docs/experiments/stages.json": Lengths,
    "docs/experiments/cascade.json": Cascade,
    "docs/experiments/peers.json": Peers,
    "docs/experiments/roofline.json": Roofline,
    "docs/experiments/sessions.json": Sessions,
    "docs/experiments/soak.json": Soak,
    "docs/experiments/noise_curves.json": NoiseCurves,
    "docs/experiments/waves.json": WaveBenchmark,
    "models/weights/rhythm_episodes/rhythm.json": RhythmEvaluation,
    "models/weights/superclasses/evaluation.json": SuperclassEvaluation,
    "models/weights/statements/statements.json": StatementsEvaluation,
    "models/weights/**/history.json": dict[str, Column],
}
TABLES = {  # figures of experiments, which documents quote and no code reads
    f"docs/experiments/{name}.json"
    for name in (
        *(
            "af",
            "asystole",
            "av_block",
            "beat_pictures",
            "conduction",
            "flutter",
            "folder_cnn",
            "formats",
            "fusion",
            "paced",
            "quality",
        ),
        *("brief_waves", "held_out_fibrillation", "sampling", "waveform"),
    )
}
OTHER_ORDER = ("models/weights/pages/page/evaluation.json",)  # its provenance has the date before the data
FILES = {str(path.relative_to(ROOT)): kind for pattern, kind in KINDS.items() for path in sorted(ROOT.glob(pattern))}


def test_no_stored_file_of_results_is_left_out():
    stored = {
        str(path.relative_to(ROOT))
        for pattern in ("models/weights/**/*.json", "docs/**/*.json")
        for path in ROOT.glob(pattern)
        if path.name not in ("manifest.json", "pictures.json")  # of networks: read by `models`
    }
    assert stored == set(FILES) | TABLES


@pytest.mark.parametrize("name", FILES)
def test_a_stored_file_is_read_whole_and_written_as_it_is(name, tmp_path):
    kind, path = FILES[name], ROOT / name
    text = path.read_text(encoding="utf-8")
    found = read_as(kind, path, again="")
    assert from_json(kind, to_json(found)) == found
    written = write_json(tmp_path / "again.json", to_json(found)).read_text(encoding="utf-8")
    if name in OTHER_ORDER:
        assert json.loads(text) == json.loads(written)
    else:
        assert text in (written, json.dumps(to_json(found), indent=1) + "\n")


@dataclass(frozen=True)
class Inner:
    size: float
    name: str = field(metadata={"key": "class"})


@dataclass(frozen=True)
class Outer:
    SCHEMA: ClassVar[str] = "test/1"

    inner: tuple[Inner, ...]
    pair: tuple[int, str]
    by_name: Mapping[str, Inner | None]
    way: Literal["there", "back"]
    noted: str | None = None


OUTER = Outer((Inner(1.5, "a"),), (1, "b"), {"c": None, "d": Inner(2, "e")}, "there")
RAW = {
    "schema": "test/1",
    "inner": [{"size": 1.5, "class": "a"}],
    "pair": [1, "b"],
    "by_name": {"c": None, "d": {"size": 2, "class": "e"}},
    "way": "there",
}


def test_a_field_has_its_own_name_in_the_file_and_is_left_out_while_it_has_its_default():
    assert to_json(OUTER) == RAW
    assert list(to_json(OUTER)) == list(RAW)
    assert from_json(Outer, RAW) == OUTER
    assert from_json(Outer, RAW | {"noted": "f"}).noted == "f"
    assert to_json(from_json(Outer, RAW | {"noted": "f"})) == RAW | {"noted": "f"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": "test/2"}, "is of another version: it has the schema 'test/2', not 'test/1'"),
        ({"pair": [1]}, r"should have a list of 2 at pair, not \[1\]"),
        ({"pair": ["b", 1]}, r"should have a whole number at pair\[0\], not 'b'"),
        ({"by_name": {"c": {"size": 1.0}}}, "lacks by_name.c.class"),
        ({"inner": [{"size": "x" * 99, "class": "a"}]}, r"should have a number at inner\[0\].size, not 'xxx"),
        ({"way": "up"}, "should have one of 'there', 'back' at way, not 'up'"),
        ({"more": 1}, "has more, which is not known"),
    ],
)
def test_what_does_not_fit_is_one_sentence_with_the_place(change, told):
    with pytest.raises(DataError, match=f"^x.json {told}.*; do it again\\.$"):
        from_json(Outer, RAW | change, what="x.json", again="do it again")


def test_rounding_leaves_five_digits_and_makes_nothing_of_what_is_no_number():
    assert rounded(Inner(0.123456789, "a")) == Inner(0.12346, "a")
    assert rounded({"a": (nan, inf, 1, None, "b", True)}) == {"a": (None, None, 1, None, "b", True)}
