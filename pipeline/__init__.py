"""HeartVision in Python: read a recording, classify its beats, see why.

The names in `__all__` are public and stay. Everything else may change from one version to the next. A name is imported
when it is first used, so `import pipeline` itself costs nothing; TensorFlow is imported when a network is loaded.

Examples
--------
>>> import pipeline as hv
>>> recording = hv.read_recording(hv.demo_path())
>>> result = hv.analyse(recording)
>>> result.counts()["V"]
87
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.registry import Classifier
    from pipeline.api import (
        analyse,
        available_models,
        delineate,
        demo_page_path,
        demo_path,
        digitise_page,
        explain_beat,
        load_model,
        read_recording,
        score,
    )
    from pipeline.errors import EcgError
    from pipeline.explain.heatmaps import BeatExplanation
    from pipeline.measurements import Waves
    from pipeline.rhythm.find import find_rhythms
    from pipeline.types import Analysis, Episode, Recording

__version__ = "0.2.0"

__all__ = [
    "Analysis",
    "BeatExplanation",
    "Classifier",
    "EcgError",
    "Episode",
    "Recording",
    "Waves",
    "analyse",
    "available_models",
    "delineate",
    "demo_page_path",
    "demo_path",
    "digitise_page",
    "explain_beat",
    "find_rhythms",
    "load_model",
    "read_recording",
    "score",
]

_HOMES = MappingProxyType(
    {
        "Analysis": "pipeline.types",
        "BeatExplanation": "pipeline.explain.heatmaps",
        "Classifier": "models.registry",
        "EcgError": "pipeline.errors",
        "Episode": "pipeline.types",
        "Recording": "pipeline.types",
        "Waves": "pipeline.measurements",
        "find_rhythms": "pipeline.rhythm.find",
    }
)


def __getattr__(name: str) -> object:
    """Return the public name from the module that owns it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES.get(name, "pipeline.api")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
