"""A drawing on white becomes one on dark, with the same hues and as much contrast."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from app.common import theme


def test_on_the_light_theme_a_picture_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theme, "is_dark", lambda: False)
    picture = np.full((2, 3, 3), 200, np.uint8)
    assert theme.on_theme(picture) is picture


@pytest.mark.parametrize(
    ("colour", "dark"),
    [((255, 255, 255), (0, 0, 0)), ((0, 0, 0), (255, 255, 255)), ((230, 40, 40), (215, 25, 25)),
     ((20, 60, 120), (135, 175, 235))],
)  # fmt: skip
def test_on_the_dark_theme_lightness_turns_and_the_hue_stays(monkeypatch, colour, dark) -> None:
    monkeypatch.setattr(theme, "is_dark", lambda: True)
    found = theme.on_theme(np.array([[colour]], np.uint8))[0, 0]
    assert tuple(found.tolist()) == dark
    before, after = (colorsys.rgb_to_hls(*(np.array(each) / 255)) for each in (colour, dark))
    assert after[1] == pytest.approx(1 - before[1], abs=1e-6)
    if colour not in ((255, 255, 255), (0, 0, 0)):
        assert after[0] == pytest.approx(before[0], abs=1e-6)


def test_a_grey_picture_turns_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theme, "is_dark", lambda: True)
    assert theme.on_theme(np.array([[0, 255]], np.uint8)).tolist() == [[255, 0]]
