"""The recorder's own measurements beside ours."""

from __future__ import annotations

from pipeline.identity import DeviceReading
from pipeline.measurements import Measurements, Spread
from pipeline.twelve_leads.recorder import compared, device_rows

DEVICE = DeviceReading(
    "Maker ECG-1",
    (
        *(("rate", 62.0, "1/min"), ("PR", 160.0, "ms"), ("QTc", 410.0, "ms"), ("QTcF", 405.0, "ms")),
        *(("QRS axis", 170.0, "deg"), ("T axis", 40.0, "deg")),
    ),
    ("Sinus rhythm",),
)
OURS = Measurements(
    intervals={"RR": Spread(1000.0, 990.0, 1010.0, 9), "PR": Spread(164.0, 160.0, 168.0, 9)},
    qtc_ms={"Bazett": 420.0, "Fridericia": 400.0},
    qtc_used="Bazett",
    axis_deg={"QRS": -175.0},
)


def test_each_value_stands_beside_ours_and_axes_differ_by_the_shorter_way() -> None:
    rows = {row.name: (row.ours, row.difference) for row in compared(DEVICE, OURS)}
    assert rows == {
        "rate": (60.0, -2.0), "PR": (164.0, 4.0), "QTc": (420.0, 10.0), "QTcF": (400.0, -5.0),
        "QRS axis": (-175.0, 15.0), "T axis": (None, None),
    }  # fmt: skip


def test_without_our_measurements_the_recorders_stand_alone() -> None:
    assert all(row.ours is None and row.difference is None for row in compared(DEVICE, None))


def test_json_has_both_values_and_the_statements_and_nothing_where_the_file_has_none() -> None:
    found = device_rows(DEVICE, OURS)["device"]
    assert found["device"] == "Maker ECG-1"
    assert found["statements"] == ["Sinus rhythm"]
    assert found["measurements"][1] == {"name": "PR", "value": 160.0, "unit": "ms", "ours": 164.0, "difference": 4.0}
    assert device_rows(None, OURS) == {}
