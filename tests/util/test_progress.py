"""What long work reports: one meaning of the share done, whatever the nesting."""

from __future__ import annotations

import ast

import pytest

from pipeline._util.progress import no_progress, part_of, stretch_of
from pipeline.config import ROOT


def _reports(make, *, done):
    seen = []
    report = make(lambda share, sentence: seen.append((share, sentence)))
    for share in done:
        report(share, "reading")
    return seen


def test_a_part_reports_its_own_stretch_of_the_whole():
    reported = _reports(lambda progress: part_of(progress, 1, 4), done=(0.0, 0.5, 1.0))
    assert reported == [(0.25, "reading"), (0.375, "reading"), (0.5, "reading")]


def test_the_parts_end_where_the_next_begins():
    for of in (3, 7, 10):
        for number in range(of - 1):
            (end,) = _reports(lambda progress, n=number, of=of: part_of(progress, n, of), done=(1.0,))
            (begin,) = _reports(lambda progress, n=number, of=of: part_of(progress, n + 1, of), done=(0.0,))
            assert end == begin


def test_a_stretch_ends_at_its_stop():
    assert [share for share, _ in _reports(lambda p: stretch_of(p, 0.9, 1), done=(0, 1))] == pytest.approx([0.9, 1])


def test_parts_of_a_stretch_stay_inside_it():
    inside = _reports(lambda progress: part_of(stretch_of(progress, 0.0, 0.5), 1, 2), done=(0.0, 1.0))
    assert [share for share, _ in inside] == [0.25, 0.5]


def test_progress_that_nobody_watches_says_nothing():
    assert no_progress(0.5, "reading") is None


def test_the_type_of_progress_has_one_definition():
    files = (ROOT / "pipeline").rglob("*.py")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in files
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "Progress"
    ]
    assert found == ["pipeline/_util/progress.py"]
