"""How a strip is drawn: its gain, the filters on screen, and which leads stand in which order."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from pipeline.cases.strip_filters import StripFilters
from pipeline.types import Recording

AUTO, GAINS_MM_MV = "Fitting", (5.0, 10.0, 20.0)
MAINS = {0: "off", 50: "50 Hz", 60: "60 Hz"}

_UNFILTERED = StripFilters()


@dataclass(frozen=True)
class StripLook:
    """What a reader chose for the strip.

    Attributes
    ----------
    gain_mm_mv : float or None
        None for the largest standard gain that fits.
    filters : StripFilters
        Which are on.
    leads : tuple of str
        Which stand in which order; () for those that were analysed.
    """

    gain_mm_mv: float | None = None
    filters: StripFilters = _UNFILTERED
    leads: tuple[str, ...] = ()


_DEFAULT = StripLook()


def look(page: str) -> StripLook:
    """What is chosen on a page."""
    found = st.session_state.get(f"strip-look-{page}", _DEFAULT)
    return found if isinstance(found, StripLook) else _DEFAULT


def leads_of(page: str, recording: Recording, analysed: tuple[str, ...]) -> tuple[str, ...]:
    """The leads to draw: the chosen ones that this recording has, else the analysed ones."""
    chosen = tuple(lead for lead in look(page).leads if lead in recording.leads)
    return chosen or analysed


def choose(page: str, recording: Recording, analysed: tuple[str, ...]) -> None:
    """A popover with the choices; each takes effect at once."""
    now = look(page)

    def changed() -> None:
        state = st.session_state
        gain = state[f"strip-gain-{page}"]
        filters = StripFilters(
            bool(state[f"strip-baseline-{page}"]), int(state[f"strip-mains-{page}"]),
            bool(state[f"strip-muscle-{page}"]),
        )  # fmt: skip
        leads = tuple(state.get(f"strip-leads-{page}") or ())
        state[f"strip-look-{page}"] = StripLook(
            None if gain == AUTO else float(gain), filters, () if leads == analysed else leads
        )

    with st.popover("", icon=":material/tune:", type="tertiary", help="Gain, filters and leads of the strip"):
        st.segmented_control(
            "Gain", [AUTO, *GAINS_MM_MV], default=now.gain_mm_mv or AUTO, required=True, key=f"strip-gain-{page}",
            format_func=lambda value: value if value == AUTO else f"{value:g} mm/mV", on_change=changed,
        )  # fmt: skip
        st.toggle("Filter baseline wander", now.filters.baseline, key=f"strip-baseline-{page}", on_change=changed)
        st.segmented_control(
            "Filter mains", list(MAINS), default=now.filters.mains_hz, required=True, key=f"strip-mains-{page}",
            format_func=MAINS.__getitem__, on_change=changed,
        )  # fmt: skip
        st.toggle("Filter muscle", now.filters.muscle, key=f"strip-muscle-{page}", on_change=changed)
        if len(recording.leads) > 1:
            st.multiselect(
                "Leads, from top to bottom", recording.leads, list(leads_of(page, recording, analysed)),
                key=f"strip-leads-{page}", on_change=changed,
            )  # fmt: skip
        st.caption(
            "Filters change what is drawn, not what is analysed; they are named on the strip. The paper's speed goes "
            "with the window: 5 s at 50 mm/s, 10 s at 25, 20 s at 12.5; it stands below the strip."
        )
