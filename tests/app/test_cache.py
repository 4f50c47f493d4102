"""What the server caches for all sessions."""

from streamlit.runtime.scriptrunner import script_runner
from tensorflow.python.eager.context import Context

from app.common import cache


def test_a_finished_run_leaves_the_compiled_networks_as_they_are(monkeypatch):
    cleared = []
    monkeypatch.setattr(Context, "clear_kernel_cache", lambda context: cleared.append(context))
    cache.classifier("cnn")
    script_runner._clean_problem_modules()
    assert not cleared
