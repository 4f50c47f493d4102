"""Predictions saved on disk are read back unchanged."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.evaluation.record_predictions import RecordPredictions, load_predictions, save_predictions


def make(record, n=7, m=5):
    rng = np.random.default_rng(n)
    return RecordPredictions(
        record=record,
        fs=360.0,
        n_samples=650_000,
        reference_sample=np.arange(m, dtype=np.int64) * 300,
        reference_symbol=tuple("NVA/j"[:m]),
        sample=np.arange(n, dtype=np.int64) * 300,
        p=rng.dirichlet(np.ones(5), n).astype(np.float32),
        has_p=rng.random(n) < 0.8,
    )


def test_records_come_back_in_order_and_unchanged(tmp_path):
    path = tmp_path / "deep" / "predictions.npz"
    written = [make("232"), make("100", n=0), make("9", m=0)]
    save_predictions(path, written)
    read = load_predictions(path)
    assert [item.record for item in read] == ["232", "100", "9"]
    for before, after in zip(written, read, strict=True):
        assert (after.fs, after.n_samples) == (before.fs, before.n_samples)
        assert after.reference_symbol == before.reference_symbol
        for field in ("reference_sample", "sample", "p", "has_p"):
            assert np.array_equal(getattr(before, field), getattr(after, field))
            assert getattr(before, field).dtype == getattr(after, field).dtype
            assert not getattr(after, field).flags.writeable
    assert [entry.name for entry in path.parent.iterdir()] == ["predictions.npz"]


@pytest.mark.parametrize("payload", [b"", b"PK\x03\x04 not a zip", b"records"])
def test_a_broken_file_is_refused_in_one_sentence(tmp_path, payload):
    path = tmp_path / "predictions.npz"
    path.write_bytes(payload)
    with pytest.raises(DataError, match=r"The predictions in 'predictions.npz' cannot be read; delete the file"):
        load_predictions(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError):
        load_predictions(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference_symbol": ("N",)}, "1 reference symbols were given for 5 beats"),
        ({"p": np.zeros((7, 4), np.float32)}, r"7 beats need p \(7, 5\)"),
        ({"has_p": np.zeros(3, bool)}, r"not \(7, 5\) and \(3,\)"),
    ],
)
def test_arrays_that_disagree_are_refused(changes, message):
    fields = {name: getattr(make("1"), name) for name in RecordPredictions.__dataclass_fields__}
    with pytest.raises(ValueError, match=message):
        RecordPredictions(**(fields | changes))
