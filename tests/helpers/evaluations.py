"""Evaluations as training and evaluation leave them, and the page that shows them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from streamlit.testing.v1 import AppTest

from app.evaluation import whole_images
from models import registry
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import to_json
from pipeline.config import ROOT
from pipeline.datasets.splits import DS2, PACED
from pipeline.evaluation import (
    error_images,
    explanations,
    faithfulness_beats,
    predict,
    report,
    run,
    saved,
    stress,
    uncertainty,
)
from pipeline.evaluation.evaluation_schema import Evaluation
from pipeline.evaluation.explanations_schema import Explanations, RandomStage, RandomWeights
from pipeline.evaluation.faithfulness import Explained
from pipeline.evaluation.faithfulness_images import MAPS
from pipeline.evaluation.record_predictions import RecordPredictions
from pipeline.evaluation.schema import Estimate, Speed
from pipeline.evaluation.stress_schema import StressedCondition, StressTest
from tests.helpers.results import GOOD, evaluated_model

PAGE = ROOT / "app" / "evaluation" / "page.py"
SYMBOLS, CLASSES = "NAVFjQ", np.array([0, 1, 2, 3, 0, 4])
PROVENANCE = Provenance("python -m pipeline evaluate", "abc123", "synthetic", "2026-11-22")


def predictions(skill, n=150):
    for record in DS2:
        rng = np.random.default_rng(int(record))
        at = np.sort(rng.choice(np.arange(100, 648_000, 200), n, replace=False)).astype(np.int64)
        kind = rng.choice(6, n, p=[0.83, 0.05, 0.08, 0.02, 0.01, 0.01])
        logits = rng.normal(0, 1.2, (n, 5))
        logits[np.arange(n), CLASSES[kind]] += skill
        p = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
        yield RecordPredictions(record, 360.0, 650_000, at, tuple(SYMBOLS[i] for i in kind), at, p, np.ones(n, bool))


def add_more(home, found):
    """Class sets and stress, as `evaluate --uncertainty` and `--stress` leave them."""
    path = home / "evaluation.json"
    content = saved.read_evaluation(path)
    svdb = [replace(item, record=str(800 + 22 * i + j)) for i in (0, 1) for j, item in enumerate(found)]
    tested = {"ds2": ("DS2", found)}
    noisy = {item.record: np.arange(item.sample.size) % 50 == 0 for item in (*svdb, *found)}
    made = replace(PROVENANCE, command=f"python -m pipeline evaluate --model {home.name} --uncertainty")
    calibrated = uncertainty.uncertainty(
        svdb, tested, database="svdb", below=0.6, noisy=noisy, provenance=made, halves=3
    )
    write_json(path, to_json(replace(content, uncertainty=calibrated, speed=Speed(1234.5, 1000, 2))))
    row = dict.fromkeys(stress.SHOWN, GOOD)
    conditions = tuple(
        StressedCondition(
            name=c.name, title=c.title, noise=c.noise, snr_db=c.snr_db, fs=c.fs, records=22, beats=3000,
            overall=row, without_232=row, unclassified=0.01,
        )
        for c in stress.conditions()
    )  # fmt: skip
    made = replace(PROVENANCE, command=f"python -m pipeline evaluate --model {home.name} --stress")
    test = StressTest(content.model.identity, made, DS2, {"N": 100}, 3000, conditions)
    write_json(home / "stress.json", to_json(test))


def write_network(folder, name, *, skill=3.0, random_split=False, more=False):
    """A network's folder as training and evaluation leave it, without weights."""
    home = folder / name
    home.mkdir(parents=True)
    (home / "manifest.json").write_text("{}")
    found = list(predictions(skill))
    reports = {
        kind: report.evaluate_predictions(found, kind=kind, resamples=50, left_out=PACED) for kind in predict.KINDS
    }
    tiles = [np.full((40, 60, 3), 17 * (i % 15), np.uint8) for i in range(len(reports["reference"].errors))]
    content = Evaluation(
        model=evaluated_model(name, validation_records=("205", "207"), abstain_below=0.05), split="ds2", seen=(),
        provenance=PROVENANCE, speed=None, random_split=None, uncertainty=None,
        error_sheet=error_images.write_sheet(tiles, home / "errors.png"), **reports,
    )  # fmt: skip
    write_json(home / "evaluation.json", to_json(content))
    if random_split:
        better = report.evaluate_predictions(list(predictions(skill + 3)), kind="reference", resamples=50)
        run.add_random_split(home / "evaluation.json", better)
    if more:
        add_more(home, found)
    history = {"epoch": [1, 2], "loss": [0.5, 0.3], "val_loss": [0.6, 0.5], "accuracy": [0.8, 0.9]}
    (home / "history.json").write_text(json.dumps(history))
    return home


def without_201(home):
    """What `train --without 201` leaves: the evaluation of a network that is a little worse."""
    content = saved.read_evaluation(home / "evaluation.json")
    reports = {
        kind: report.evaluate_predictions(list(predictions(1.5)), kind=kind, resamples=50) for kind in predict.KINDS
    }
    made = replace(PROVENANCE, command="python -m pipeline train --model cnn --without 201")
    write_json(home / "evaluation-without-201.json", to_json(replace(content, provenance=made, **reports)))


def explained(home, reads="pictures"):
    """What `evaluate --explanations` leaves, of random maps and answers."""
    rng, n, maps = np.random.default_rng(4), 40, MAPS if reads == "pictures" else faithfulness_beats.MAPS
    found = Explained(
        record=np.array(["100", "103", "105", "111"])[np.arange(n) % 4],
        answer=np.array(list("NSVF"))[np.arange(n) // 10],
        maps=rng.random((n, 14)), share=rng.random((n, 3)), area=np.full((n, 3), 0.1),
        p={name: rng.random((n, 2, 9)) for name in maps}, compared=np.ones(n, bool), again=lambda other, i: other,
    )  # fmt: skip
    names = ("held_out", "ds2") if reads == "pictures" else ("ds2",)
    method, part = {
        "pictures": ("HiResCAM", "square of 16 pixels"),
        "beats": ("occlusion of the signal", "stretch of 64 ms"),
    }[reads]
    stages = (RandomStage("block5_conv3", Estimate(0.1, 0.0, 0.2)),)
    told = Explanations(
        model=saved.read_evaluation(home / "evaluation.json").model.identity,
        provenance=replace(PROVENANCE, command=f"python -m pipeline evaluate --model {home.name} --explanations"),
        reads=reads, method=method, part=part, per_class=10,
        sets=tuple(explanations.explained_set(found, name, name) for name in names),
        randomised=RandomWeights(24, stages),
    )  # fmt: skip
    write_json(home / "explanations.json", to_json(told))


def opened(monkeypatch, folder, section=None, kind=None, network=None):
    monkeypatch.setattr(registry, "WEIGHTS", folder)
    monkeypatch.setattr(whole_images, "FOLDER", folder / "pages")
    page = AppTest.from_file(str(PAGE), default_timeout=20)
    if section:
        page.session_state["evaluation-section"] = section
    if kind:
        page.session_state["evaluation-kind"] = kind
    if network:
        page.session_state["evaluation-model"] = network
    page.run()
    assert not page.exception, page.exception
    return page


def charts_of(page):
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def said(page):
    kinds = (page.markdown, page.caption, page.info, page.warning, page.success)
    return "\n".join(element.value for kind in kinds for element in kind)
