"""What comes before the network is stored exactly, per question, and mapped."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.analysis import Prepared, prepare
from pipeline.config import DEFAULT, cache_root
from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.store.prepared import load_prepared, save_prepared
from pipeline.types import Beats


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    found = prepare(read_path(demo_path()))
    reason = ("cut off", *found.beats.reason[1:])
    return replace(found, beats=replace(found.beats, reason=reason))


@pytest.fixture(autouse=True)
def stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prepared: Prepared) -> Prepared:
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path))
    return save_prepared(prepared)


def test_all_comes_back_exactly(prepared: Prepared, stored: Prepared) -> None:
    assert (stored.leads, stored.quality, stored.notices) == (prepared.leads, prepared.quality, prepared.notices)
    for field in fields(Beats):
        first, second = getattr(prepared.beats, field.name), getattr(stored.beats, field.name)
        assert np.array_equal(first, second, equal_nan=True) if isinstance(first, np.ndarray) else first == second


def test_the_leads_are_mapped_and_read_only(stored: Prepared) -> None:
    assert isinstance(stored.beats.signal, np.memmap)
    assert not any(getattr(stored.beats, name).flags.writeable for name in ("signal", "r_peak", "rr_s"))


def test_another_question_finds_nothing(prepared: Prepared) -> None:
    other = replace(DEFAULT, signal=replace(DEFAULT.signal, highpass_hz=0.4))
    assert load_prepared(prepared.recording, other) is None
    assert load_prepared(prepared.recording, DEFAULT, ("V1",)) is None
    assert load_prepared(replace(prepared.recording, digest="other")) is None


@pytest.mark.parametrize("damage", ["signal.npy", "beats.npz", "facts.json"])
def test_what_is_damaged_counts_as_none_and_is_stored_anew(prepared: Prepared, damage: str) -> None:
    (path,) = (cache_root() / "prepared").glob(f"*/*/*/{damage}")
    path.write_bytes(path.read_bytes()[:90])
    assert load_prepared(prepared.recording) is None
    assert np.array_equal(save_prepared(prepared).beats.r_peak, prepared.beats.r_peak)
