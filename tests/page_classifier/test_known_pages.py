"""A training page of the page network is recognised when it is smaller and compressed again; other pages are not."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.config import data_root
from pipeline.page_classifier.known_pages import is_known
from pipeline.page_classifier.reading import page_beats

pytestmark = pytest.mark.data


@pytest.mark.parametrize("name", ["normal/Normal_1.jpg", "abnormal_heartbeat/HB_10.jpg"])
def test_a_training_page_is_known_at_another_size_and_quality(name: str) -> None:
    page = Image.open(data_root() / "ecg_pages" / name).convert("RGB")
    smaller = page.resize((round(page.width * 0.8), round(page.height * 0.8)), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    smaller.save(content, "JPEG", quality=70)
    assert is_known(page_beats(np.asarray(Image.open(content).convert("RGB"))))


def test_beats_that_are_turned_over_are_no_training_page() -> None:
    page = np.asarray(Image.open(data_root() / "ecg_pages" / "normal" / "Normal_1.jpg").convert("RGB"))
    beats = page_beats(page)
    assert is_known(beats)
    turned = type(beats)(beats.r_px, tuple(-lead[:, ::-1] for lead in beats.beats), beats.rhythm)
    assert not is_known(turned)
