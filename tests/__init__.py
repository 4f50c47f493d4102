"""The tests; what several of them share is in `tests.helpers`, whose assertions say as much as those of the tests."""

import pytest

pytest.register_assert_rewrite("tests.helpers")
