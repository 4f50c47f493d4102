"""A stored analysis that was damaged on disk counts as none and never breaks the page."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.store.results import load_analysis, save_analysis
from pipeline.types import Analysis, Quality, QualitySegment


def analysis(n: int = 50) -> Analysis:
    p = np.tile(np.array([0.6, 0.1, 0.1, 0.1, 0.1], np.float32), (n, 1))
    return Analysis(
        record="x",
        digest="d",
        fs=360.0,
        duration_s=60.0,
        leads=("II",),
        model="m",
        model_version="v",
        version="0",
        quality=Quality((QualitySegment(0.0, 60.0, "good", ""),), 1.0),
        sample=np.arange(n, dtype=np.int64) * 300,
        p=p,
        has_p=np.ones(n, np.bool_),
        confidence=p.max(axis=1),
        status=("classified",) * n,
        reason=("",) * n,
        notices=(),
        threshold=0.5,
    )


def test_flipped_and_missing_bytes_give_the_same_analysis_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path))
    original = analysis()
    path = save_analysis(original, "v")
    payload = path.read_bytes()
    assert load_analysis("d", "v") is not None
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(payload)
        damaged[int(rng.integers(len(damaged)))] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged[: int(rng.integers(1, len(damaged) + 1))] if rng.random() < 0.3 else damaged)
        found = load_analysis("d", "v")
        refused += found is None
        assert found is None or np.array_equal(found.p, original.p)
    assert refused > 100


def test_a_result_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path))
    with pytest.raises(TypeError):
        save_analysis(replace(analysis(), notices=(object(),)), "v")  # type: ignore[arg-type]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="could not be written"):
        save_analysis(analysis(), "v")
