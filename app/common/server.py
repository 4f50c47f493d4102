"""What Streamlit's server would do beyond answering, kept from it.

For each WebSocket of a foreign origin Streamlit asks checkip.amazonaws.com which address it has there, to compare the
origin with it: any web page that is open in the reader's browser could trigger that. Origins that are to be allowed are
named in `server.corsAllowedOrigins` instead.

Pictures and files that a page offers are served under `/media` without a sign-in, by a name that Streamlit makes of
their content alone: whoever has, or guesses, a file can find out that somebody looks at it. Here a secret of this
process is part of the name, and a file that is offered is made when it is asked for, not before.

After each click Streamlit can look for garbage, which makes the click wait: it is switched off, and done in between.
"""

from __future__ import annotations

import gc
import hashlib
import secrets
import threading
import time
from functools import partial
from typing import Final

from streamlit import net_util
from streamlit.runtime import memory_media_file_storage

from pipeline._util.memory import give_back

TIDY_S: Final = 60.0
_TIDYING: Final = "tidying"


def stay_on_this_machine() -> None:
    """Answer "unknown" for the outer address from now on, without asking anybody."""
    net_util.get_external_ip = _unknown


def hide_media() -> None:
    """Give what is served under `/media` names that nobody can guess, from now on; once in a process."""
    if not isinstance(memory_media_file_storage._calculate_file_id, partial):
        memory_media_file_storage._calculate_file_id = partial(_named, secrets.token_bytes(32))


def keep_tidy() -> None:
    """Free what closed sessions leave, once a minute in which something was done, from now on; once in a process.

    Python looks for garbage by the number of objects: a few that hold a recording each would wait for long. A look
    takes a third of a second, too much after each click.
    """
    if all(thread.name != _TIDYING for thread in threading.enumerate()):
        threading.Thread(target=_tidy_for_ever, name=_TIDYING, daemon=True).start()


def _tidy_for_ever() -> None:
    done = -1
    while True:
        time.sleep(TIDY_S)
        done = _tidied(done)


def _tidied(before: int) -> int:
    """Free what nothing leads to, if something was done since the look `before`; return the number of this one."""
    now = int(gc.get_stats()[0]["collections"])
    if now != before:
        gc.collect()
        give_back()
    return now


def _unknown() -> None:
    return None


def _named(secret: bytes, data: bytes, mimetype: str, filename: str | None = None) -> str:
    """Name a file: the same for the same content while the process runs, so that a browser need not fetch it again."""
    kind = f"{len(mimetype)} {mimetype} {filename}".encode()
    keyed = hashlib.blake2b(data, digest_size=32, key=secret, person=hashlib.sha256(kind).digest()[:16])
    return keyed.hexdigest()
