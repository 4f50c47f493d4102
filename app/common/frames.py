"""Tables whose numbers stay numbers, for sorting and downloads, while the screen shows them as words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.wording import UNDEFINED

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def written(frame: pd.DataFrame, words: Mapping[str, Callable[[Any], str]], *, nothing: str = UNDEFINED) -> Styler:
    """The table with the columns of `words` written by them, and `nothing` where there is no number."""
    return frame.style.format(dict(words), na_rep=nothing)
