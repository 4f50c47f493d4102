"""How far confidences come true, against numbers worked out by hand."""

from __future__ import annotations

import pytest

from pipeline.evaluation.rhythm_confidence import calibration_error, confidence_bins
from pipeline.types import Episode

AF = (Episode(0, 40, "N"), Episode(40, 80, "AFIB"), Episode(80, 100, "N"))


def test_confidences_are_summed_by_bin():
    named = (Episode(0, 50, "N", confidence=0.95), Episode(50, 90, "AFIB", confidence=0.62), Episode(90, 100, "SBR"))
    bins = confidence_bins(AF, named)
    assert bins[6].tolist() == pytest.approx([40, 24.8, 30, 30])
    assert bins[9].tolist() == pytest.approx([60, 57.5, 50, 50])  # bradycardia is sinus rhythm too
    assert bins.sum() == pytest.approx(40 + 24.8 + 2 * 30 + 60 + 57.5 + 2 * 50)
    assert calibration_error(bins) == pytest.approx((abs(24.8 - 30) + abs(57.5 - 50)) / 100)


@pytest.mark.parametrize(
    ("annotated", "named", "code", "kind"),
    [
        (Episode(0, 10, "N"), Episode(0, 10, "BI"), 0, 10),
        (Episode(0, 10, "VT"), Episode(0, 10, "VFL", "VF"), 0, 10),
        (Episode(0, 10, "VFL", "VFL"), Episode(0, 10, "VFL", "VF"), 10, 10),
        (Episode(0, 10, "AFL"), Episode(0, 10, "AFIB"), 0, 10),
        (Episode(0, 10, "N"), Episode(0, 10, "BII"), 0, 0),
        (Episode(0, 10, "SVTA"), Episode(0, 10, "VT"), 0, 0),
        (Episode(0, 10, "N"), Episode(0, 10, "VFL", "VF"), 0, 0),
    ],
)
def test_readers_call_one_kind_by_several_names(annotated, named, code, kind):
    assert confidence_bins((annotated,), (named,))[9].tolist() == [10, 10, code, kind]


def test_nothing_annotated_has_no_calibration():
    assert calibration_error(confidence_bins((), AF)) is None
