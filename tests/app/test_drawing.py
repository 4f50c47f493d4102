"""Charts, pictures and texts: what is drawn is what was measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.common import ecg_chart, overlays
from app.common.text import plain
from app.common.theme import DARK, LIGHT, Palette
from pipeline.signal.decimation import decimate
from pipeline.types import QualitySegment
from pipeline.wording import duration, percent


def lead(seconds: float = 10, fs: float = 360) -> ecg_chart.StripLead:
    time_s = np.arange(0, seconds, 1 / fs)
    return ecg_chart.StripLead("MLII", time_s, np.sin(2 * np.pi * time_s).astype(np.float32))


def marks() -> ecg_chart.BeatMarks:
    return ecg_chart.BeatMarks(np.array([7, 8]), np.array([2.0, 3.0]), ("N", "V"), ("beat 8", "beat 9"))


@given(st.integers(1, 50_000), st.integers(0, 2**31))
def test_decimation_keeps_the_extremes_and_the_order(samples: int, seed: int) -> None:
    value = np.random.default_rng(seed).normal(size=samples)
    time_s = np.arange(samples) / 250
    kept_time, kept = decimate(time_s, value, points=400)
    assert kept.size <= max(400, 0)
    assert kept.max() == value.max()
    assert kept.min() == value.min()
    assert (np.diff(kept_time) >= 0).all()


def test_decimation_keeps_gaps() -> None:
    value = np.ones(10_000)
    value[4000:6000] = np.nan
    time_s, kept = decimate(np.arange(10_000.0), value, points=200)
    inside = (time_s > 4100) & (time_s < 5900)
    assert np.isnan(kept[inside]).all()
    assert np.isfinite(kept[~inside & ((time_s < 3900) | (time_s > 6100))]).all()


@pytest.mark.parametrize(("window_s", "speed"), [(5.0, 50.0), (10.0, 25.0), (20.0, 12.5), (30.0, 10.0), (60.0, 5.0)])
def test_ecg_paper_has_square_millimetres_at_the_speed_of_its_window(window_s: float, speed: float) -> None:
    figure = ecg_chart.strip((lead(window_s),), marks(), LIGHT, start_s=0, window_s=window_s)
    x, y = figure.layout.xaxis, figure.layout.yaxis
    assert x.minor.dtick == pytest.approx(1 / speed)
    assert f"{speed:g} mm/s" in figure.layout.annotations[-1].text
    assert y.dtick == pytest.approx(5 * y.minor.dtick)
    px_per_mm = ecg_chart.PAPER_PX / ((x.range[1] - x.range[0]) * speed)
    height_mm = (y.range[1] - y.range[0]) / y.minor.dtick
    assert (figure.layout.height - 34 - ecg_chart.SCALES_PX) / height_mm == pytest.approx(px_per_mm, rel=0.01)


def test_a_narrow_screen_shows_the_same_seconds_at_a_slower_speed_and_a_chosen_gain_is_kept() -> None:
    narrow = ecg_chart.strip((lead(5.0),), marks(), LIGHT, start_s=0, window_s=5.0, paper_px=340)
    assert "25 mm/s" in narrow.layout.annotations[-1].text
    chosen = ecg_chart.strip(
        (lead(),), marks(), LIGHT, start_s=0, window_s=10.0, gain_mm_mv=5.0, filters="filters: muscle 35 Hz"
    )
    assert chosen.layout.annotations[-1].text == "25 mm/s · 5 mm/mV · filters: muscle 35 Hz"


def test_the_calibration_pulse_is_one_millivolt_high_and_one_large_square_wide() -> None:
    figure = ecg_chart.strip((lead(),), marks(), LIGHT, start_s=0, window_s=10)
    pulse = next(trace for trace in figure.data if trace.name == "1 mV")
    assert max(pulse.y) - min(pulse.y) == pytest.approx(1)
    high = np.array(pulse.x)[np.array(pulse.y) == max(pulse.y)]
    assert high.max() - high.min() == pytest.approx(0.2)


def test_an_uncalibrated_lead_has_no_pulse_and_says_so() -> None:
    bare = ecg_chart.StripLead("X", lead().time_s, lead().value_mv, calibrated=False)
    figure = ecg_chart.strip((bare,), marks(), LIGHT, start_s=0, window_s=10)
    assert all(trace.name != "1 mV" for trace in figure.data)
    texts = [annotation.text for annotation in figure.layout.annotations]
    assert any("uncalibrated" in text for text in texts)
    assert "25 mm/s" in texts  # and no mm/mV


def test_the_paper_says_its_scales_where_a_lead_has_one() -> None:
    bare = ecg_chart.StripLead("X", lead().time_s, lead().value_mv, calibrated=False)
    figure = ecg_chart.strip((bare, lead()), marks(), LIGHT, start_s=0, window_s=10)
    assert "25 mm/s · 10 mm/mV" in [annotation.text for annotation in figure.layout.annotations]


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("amplitude", [0.5, 400.0, 1e6])
def test_no_amplitude_makes_a_strip_or_a_beat_taller_than_its_room(amplitude: float, calibrated: bool) -> None:
    tall = ecg_chart.StripLead("X", lead().time_s, 1024 + amplitude * lead().value_mv, calibrated)
    figure = ecg_chart.strip((tall, lead()), marks(), LIGHT, start_s=0, window_s=10)
    assert figure.layout.height <= ecg_chart.STRIP_PX + 34
    beat = ecg_chart.beat_heat((tall, lead()), np.empty(0), np.empty(0), LIGHT)
    for drawn in (figure, beat):
        y = drawn.layout.yaxis
        assert (y.range[1] - y.range[0]) / y.minor.dtick < 200  # lines of a millimetre
        if not calibrated:
            assert y.minor.dtick == pytest.approx(0.1)  # counts that are no millivolts take nothing from others


def test_a_strip_of_nothing_but_a_gap_can_be_drawn() -> None:
    empty = ecg_chart.StripLead("MLII", lead().time_s, np.full(3600, np.nan, np.float32))
    gap = QualitySegment(0, 10, "gap", "nothing was recorded")
    none = ecg_chart.BeatMarks(np.empty(0, np.int64), np.empty(0), (), ())
    figure = ecg_chart.strip((empty,), none, LIGHT, start_s=0, window_s=10, quality=(gap,))
    assert any(annotation.text == "nothing was recorded" for annotation in figure.layout.annotations)


def test_lead_names_are_not_read_as_markup() -> None:
    foreign = ecg_chart.StripLead("<a href='http://x'>V1</a>", lead().time_s, lead().value_mv)
    figure = ecg_chart.strip((foreign,), marks(), LIGHT, start_s=0, window_s=10)
    texts = [annotation.text for annotation in figure.layout.annotations]
    assert "<b>&lt;a href=&#x27;http://x&#x27;&gt;V1&lt;/a&gt;</b>" in texts
    assert all("<a" not in text for text in texts)


def test_a_click_on_a_letter_tells_which_beat_it_was() -> None:
    figure = ecg_chart.strip((lead(),), marks(), LIGHT, start_s=0, window_s=10, selected=8)
    letters = next(trace for trace in figure.data if trace.name == "beats")
    assert list(letters.customdata) == [7, 8]
    assert list(letters.text) == ["N", "V"]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_letters_can_be_read_on_their_colours(colours: Palette) -> None:
    for name, fill in colours.classes.items():
        assert contrast(fill, colours.on_class) >= 4.5, name
    assert contrast(colours.trace, colours.paper) >= 10
    assert contrast(colours.classes["N"], colours.paper) >= 4.5


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio of two #rrggbb colours."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_enlarging_invents_no_colour() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    large = overlays.enlarged(picture, 3)
    assert large.shape == (12, 15, 3)
    assert (large[::3, ::3] == picture).all()


def test_no_heat_leaves_the_picture_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    assert (overlays.with_heat(picture, np.zeros((8, 10), np.float32)) == picture).all()


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.999, "> 99 %"), (0.001, "< 1 %"), (0.5, "50 %"), (float("nan"), "unknown")]
)
def test_no_probability_is_shown_as_certainty(fraction: float, text: str) -> None:
    assert percent(fraction) == text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(9.6, "10 s"), (119.7, "2 min 0 s"), (1805.56, "30 min 6 s"), (5399.9, "1 h 30 min"), (86_400.0, "24 h 0 min")],
)
def test_a_length_of_time_has_no_sixty_seconds(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.text())
def test_plain_text_leaves_no_markdown_punctuation_unescaped(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    for mark in "![](*_`<$:":
        assert shown.replace(f"\\{mark}", "").count(mark) == 0
