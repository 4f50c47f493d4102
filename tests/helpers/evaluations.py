"""Evaluations as training and evaluation leave them, and the page that shows them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from streamlit.testing.v1 import AppTest

from app.evaluation import whole_images
from models import registry
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
from pipeline.evaluation.faithfulness import Explained
from pipeline.evaluation.faithfulness_images import MAPS
from pipeline.evaluation.record_predictions import RecordPredictions

PAGE = ROOT / "app" / "evaluation" / "page.py"
SYMBOLS, CLASSES = "NAVFjQ", np.array([0, 1, 2, 3, 0, 4])
PROVENANCE = {"command": "python -m pipeline evaluate", "commit": "abc123", "data": "synthetic", "date": "2026-11-22"}


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
    calibrated = uncertainty.uncertainty(svdb, tested, database="svdb", below=0.6, noisy=noisy, halves=3)
    made = PROVENANCE | {"command": f"python -m pipeline evaluate --model {home.name} --uncertainty"}
    content["uncertainty"] = report.plain(calibrated | {"provenance": made})
    content["speed"] = {"beats_per_s": 1234.5, "beats": 1000, "cores": 2}
    run.write_json(path, content)
    estimate = {"value": 0.8, "low": 0.7, "high": 0.9}
    row = dict.fromkeys(stress.SHOWN, estimate)
    conditions = [
        {"name": c.name, "title": c.title, "noise": c.noise, "snr_db": c.snr_db, "overall": row, "without_232": row,
         "unclassified": 0.01}
        for c in stress.conditions()
    ]  # fmt: skip
    made = PROVENANCE | {"command": f"python -m pipeline evaluate --model {home.name} --stress"}
    content = {"schema": saved.STRESS_SCHEMA, "model": content["model"], "provenance": made, "beats": 3000}
    run.write_json(home / "stress.json", report.plain(content | {"conditions": conditions}))


def write_network(folder, name, *, skill=3.0, random_split=False, more=False):
    """A network's folder as training and evaluation leave it, without weights."""
    home = folder / name
    home.mkdir(parents=True)
    (home / "manifest.json").write_text("{}")
    found = list(predictions(skill))
    content = {
        "schema": saved.SCHEMA,
        "model": {"name": name, "title": f"Network {name}", "sha256": "0" * 64, "parameters": 14_000_000,
                  "size_bytes": 29_000_000, "validation_records": ["205", "207"]},
        "split": "ds2",
        "provenance": PROVENANCE,
        "random_split": None,
    }  # fmt: skip
    for kind in predict.KINDS:
        content[kind] = report.evaluate_predictions(found, kind=kind, resamples=50, left_out=PACED).to_json()
    tiles = [np.full((40, 60, 3), 17 * (i % 15), np.uint8) for i in range(len(content["reference"]["errors"]))]
    content["error_sheet"] = error_images.layout_json(error_images.write_sheet(tiles, home / "errors.png"))
    run.write_json(home / "evaluation.json", content)
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
    for kind in predict.KINDS:
        content[kind] = report.evaluate_predictions(list(predictions(1.5)), kind=kind, resamples=50).to_json()
    content["provenance"] = PROVENANCE | {"command": "python -m pipeline train --model cnn --without 201"}
    run.write_json(home / "evaluation-without-201.json", content)


def explained(home, reads="pictures"):
    """What `evaluate --explanations` leaves, of maps and answers at random."""
    rng, n, maps = np.random.default_rng(4), 40, MAPS if reads == "pictures" else faithfulness_beats.MAPS
    found = Explained(
        record=np.array(["100", "103", "105", "111"])[np.arange(n) % 4],
        answer=np.array(list("NSVF"))[np.arange(n) // 10],
        maps=rng.random((n, 14)), share=rng.random((n, 3)), area=np.full((n, 3), 0.1),
        p={name: rng.random((n, 2, 9)) for name in maps}, compared=np.ones(n, bool), again=lambda other, i: other,
    )  # fmt: skip
    names = ("held_out", "ds2") if reads == "pictures" else ("ds2",)
    sets = [{"name": name, "title": name, **explanations.measured(found)} for name in names]
    model = saved.read_evaluation(home / "evaluation.json")["model"]
    made = PROVENANCE | {"command": f"python -m pipeline evaluate --model {home.name} --explanations"}
    described = {
        "pictures": {"method": "HiResCAM", "part": "square of 16 pixels"},
        "beats": {"method": "occlusion of the signal", "part": "stretch of 64 ms"},
    }
    stages = [{"layer": "block5_conv3", "correlation": {"value": 0.1, "low": 0.0, "high": 0.2}}]
    told = {
        "schema": saved.EXPLANATIONS_SCHEMA, "model": {name: model[name] for name in ("name", "title", "sha256")},
        "provenance": made, "per_class": 10, "sets": sets, "reads": reads, **described[reads],
        "randomised": {"beats": 24, "stages": stages},
    }  # fmt: skip
    run.write_json(home / "explanations.json", report.plain(told))


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
