"""The QT interval corrected for the heart rate, and when it cannot be.

References
----------
Rautaharju PM, Surawicz B, Gettes LS. AHA/ACCF/HRS recommendations for the standardization and interpretation of the
electrocardiogram, part IV: the ST segment, T and U waves, and the QT interval. 2009.
doi:10.1161/CIRCULATIONAHA.108.191096
Vandenberk B et al. Which QT correction formulae to use for QT monitoring? 2016. doi:10.1161/JAHA.116.003264 (Fridericia
and Framingham correct best).
"""

from __future__ import annotations

from typing import Final

USED: Final = "Fridericia"
RATE_MIN, RATE_MAX = 40.0, 120.0  # beats per minute outside which no formula holds
QRS_WIDE_MS: Final = 120.0  # from here on the QT interval holds the delay of the QRS


def corrected(qt_ms: float, rr_ms: float) -> dict[str, float]:
    """Return QTc by four formulas, milliseconds; none if the rate forbids it.

    Parameters
    ----------
    qt_ms, rr_ms : float
        QT and RR interval, milliseconds.

    Examples
    --------
    >>> {name: round(value) for name, value in corrected(400, 800).items()}
    {'Bazett': 447, 'Fridericia': 431, 'Framingham': 431, 'Hodges': 426}
    >>> corrected(300, 400)
    {}
    """
    rate, rr_s = 60_000 / rr_ms, rr_ms / 1000
    if not RATE_MIN <= rate <= RATE_MAX:
        return {}
    return {
        "Bazett": qt_ms / rr_s**0.5,
        "Fridericia": qt_ms / rr_s ** (1 / 3),
        "Framingham": qt_ms + 154 * (1 - rr_s),
        "Hodges": qt_ms + 1.75 * (rate - 60),
    }


def why_none(*, rhythm: str, qt_ms: float | None, rr_ms: float | None, qrs_ms: float | None) -> str:
    """Say in one sentence why there is no QTc; "" if there is one.

    Parameters
    ----------
    rhythm : str
        Name of a rhythm that forbids it, such as "atrial fibrillation"; "" if none does.
    qt_ms, rr_ms, qrs_ms : float or None
        The intervals, milliseconds; None where not measured.
    """
    if rhythm:
        return f"No QTc: the rhythm is {rhythm}."
    if qt_ms is None or rr_ms is None:
        return "No QTc: the end of the T wave is uncertain in most beats."
    rate = 60_000 / rr_ms
    if not RATE_MIN <= rate <= RATE_MAX:
        return f"No QTc: no formula holds at {rate:.0f} beats per minute, only from {RATE_MIN:g} to {RATE_MAX:g}."
    if qrs_ms is not None and qrs_ms >= QRS_WIDE_MS:
        return f"No QTc: the QRS lasts {qrs_ms:.0f} ms, and the QT interval holds that delay."
    return ""
