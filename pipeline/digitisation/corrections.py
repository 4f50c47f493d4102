"""What a user states of a page by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Corrections:
    """What the user states by hand; None means as found.

    Attributes
    ----------
    corners : tuple[tuple[float, float], ...]
        Corners (x, y) of the paper in pixels of the picture, clockwise from top left.
    px_per_mm : tuple[float, float]
        Across and down, in pixels of the picture, or of the squared paper where corners are given.
    quarter_turns : int
        Anticlockwise.
    speed : float
        Paper speed, mm/s.
    gain : float
        mm/mV.
    chest_gain : float
        mm/mV of V1 to V6, where they are drawn with another gain than the limb leads.
    layout : str
        One of `layouts.layout_names`.
    lanes : tuple of float
        Rows of the traces' baselines, pixels of the sheet.
    span : tuple[int, int]
        First and last column of the traces, pixels of the sheet.
    joints : tuple of int
        Columns where one column of leads ends and the next begins, pixels of the sheet.
    names : tuple[tuple[int, str], ...]
        A lead name for the n-th box of the layout; for a page of one lead, its name.
    leads : tuple of str
        Names of the leads that a layout leaves open: of a page of one lead, of the rows of 3x1, of strips.
    """

    corners: tuple[tuple[float, float], ...] | None = None
    px_per_mm: tuple[float, float] | None = None
    quarter_turns: int | None = None
    speed: float | None = None
    gain: float | None = None
    layout: str | None = None
    lanes: tuple[float, ...] | None = None
    span: tuple[int, int] | None = None
    joints: tuple[int, ...] | None = None
    names: tuple[tuple[int, str], ...] = ()
    chest_gain: float | None = None
    leads: tuple[str, ...] = ()
