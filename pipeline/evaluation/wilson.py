"""The 95 % interval of a share that was counted."""

from __future__ import annotations

from math import sqrt


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, 0..1.

    References
    ----------
    Wilson 1927, doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> wilson(5, 10)
    (0.2366, 0.7634)
    """
    if not n:
        return 0.0, 1.0
    z, p = 1.96, hits / n
    middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, round((middle - half) / (1 + z * z / n), 4)), round((middle + half) / (1 + z * z / n), 4)
