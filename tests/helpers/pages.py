"""Pages run by Streamlit's AppTest."""

from __future__ import annotations

import time

from streamlit.testing.v1 import AppTest


def settled(page: AppTest, *, within_s: float = 600.0) -> AppTest:
    """The page as it is when the worker has answered; a browser would look again by itself."""
    deadline = time.monotonic() + within_s
    while page.session_state["heartvision"].asked is not None:
        assert time.monotonic() < deadline, [element.value for element in (*page.error, *page.info)]
        time.sleep(0.1)  # the worker needs the core
        page.run()
    return page
