"""What Streamlit's server would do beyond answering: it is kept from asking the internet for this machine's address.

For each WebSocket of a foreign origin Streamlit asks checkip.amazonaws.com which address it has there, to compare the
origin with it: any web page that is open in the reader's browser could trigger that. Origins that are to be allowed are
named in `server.corsAllowedOrigins` instead.
"""

from __future__ import annotations

from streamlit import net_util


def stay_on_this_machine() -> None:
    """Answer "unknown" for the outer address from now on, without asking anybody."""
    net_util.get_external_ip = _unknown


def _unknown() -> None:
    return None
