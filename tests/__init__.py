"""The tests; what several of them share is in `tests.helpers`, whose assertions say as much as those of the tests."""

import os

import pytest

pytest.register_assert_rewrite("tests.helpers")

if "PYTEST_XDIST_WORKER" in os.environ:  # a core for each process and what it starts; read when NumPy is imported
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
