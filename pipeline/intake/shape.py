"""What a signal without a name is, by its shape: a pulse wave is no ECG, and is said to be none."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pipeline.errors import IntakeError
from pipeline.intake.content import unique_leads
from pipeline.signal.lead_names import is_known_lead, is_other_signal
from pipeline.signal.pulse_wave import looks_like_pulse_wave
from pipeline.types import Recording

PULSE_WAVE: Final = "pulse wave"  # a name that `is_other_signal` knows: such a lead is analysed only on request


def named_by_shape(recording: Recording) -> Recording:
    """Call a lead "pulse wave" whose name does not say what it is, and whose shape does.

    Raises
    ------
    IntakeError
        If no lead is left that may be an ECG.
    """
    names = list(recording.leads)
    for k, name in enumerate(recording.leads):
        known = is_known_lead(name) or is_other_signal(name)
        if not known and looks_like_pulse_wave(recording.p_signal[:, k], recording.fs):
            names[k] = PULSE_WAVE
    changed = [own for own, new in zip(recording.leads, names, strict=True) if own != new]
    if not changed:
        return recording
    if all(map(is_other_signal, names)):
        raise IntakeError(
            f"The signal {changed[0]!r} is a pulse wave by its shape, not an ECG; if it is one, name it in the file as "
            "a lead, or choose its column (--column)."
        )
    notices = (f"The signal {name!r} is a pulse wave by its shape, not an ECG." for name in changed)
    return replace(recording, leads=unique_leads(names), notices=(*recording.notices, *notices))
