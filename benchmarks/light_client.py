"""A browser tab without a browser: it speaks Streamlit's websocket protocol, and keeps what the page consists of.

It sends what Streamlit's own front end sends - the page, its address, buttons and their fragments, the hashes of what
it has stored - and runs again by itself what asks for that. Nothing is drawn: its times are those of the server and of
the way to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

WAIT_S: Final = 180.0
EARLY: Final = ForwardMsg.FINISHED_EARLY_FOR_RERUN
FRAGMENT: Final = ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
LARGEST: Final = 2**28  # bytes of a message


@dataclass
class Part:
    """An element of the page: what it is, the fragment that it belongs to, and the run that drew it."""

    element: Any
    fragment: str
    run: int


@dataclass
class Tab:
    """A session: `open` it, `press` its buttons, `switch` its pages, `wait` for what comes by itself."""

    address: str
    reader: str = ""
    parts: dict[tuple[int, ...], Part] = field(default_factory=dict)
    received: int = 0
    runs: int = 0
    query: str = ""
    page: str = ""
    _pages: dict[str, str] = field(default_factory=dict)
    _stored: dict[str, bytes] = field(default_factory=dict)
    _again: dict[str, tuple[float, float]] = field(default_factory=dict)  # fragment: seconds, when next
    _drawn: set[str] = field(default_factory=set)  # fragments of this run
    _rests: bool = True
    _socket: ClientConnection | None = None

    def open(self, path: str = "", query: str = "") -> None:
        """Open a page by its address."""
        host = urlsplit(self.address)
        cookie = {"Cookie": f"heartvision_reader={quote(self.reader)}"} if self.reader else {}
        self._socket = connect(
            f"ws://{host.netloc}/_stcore/stream", subprotocols=["streamlit"], max_size=LARGEST,  # type: ignore[list-item]
            additional_headers=cookie, origin=self.address, open_timeout=WAIT_S, ping_timeout=WAIT_S,  # type: ignore[arg-type]
        )  # fmt: skip
        self.query = query
        self._send(page_name=path)
        self._until_rest()

    def close(self) -> None:
        """Close the tab."""
        if self._socket is not None:
            self._socket.close()

    def switch(self, title: str) -> None:
        """Press a page of the navigation."""
        self.query, self.page = "", self._pages[title]
        self._send()
        self._until_rest()

    def press(self, key: str) -> None:
        """Press the first button whose id has this in it."""
        part = next(
            part for part in self.parts.values()
            if part.element.WhichOneof("type") == "button" and key in part.element.button.id
            and not part.element.button.disabled
        )  # fmt: skip
        self._send(part.fragment, WidgetState(id=part.element.button.id, trigger_value=True))
        self._until_rest()

    def can_press(self, key: str) -> bool:
        """Tell whether there is such a button."""
        buttons = (p.element.button for p in self.parts.values() if p.element.WhichOneof("type") == "button")
        return any(key in button.id and not button.disabled for button in buttons)

    def wait(self, is_there: Callable[[Tab], bool], seconds: float = WAIT_S) -> bool:
        """Run again by itself what asks for it, until something is there; whether it came."""
        deadline = time.monotonic() + seconds
        while not is_there(self):
            due = min((when for _, when in self._again.values()), default=deadline)
            if time.monotonic() > deadline:
                return False
            if (pause := due - time.monotonic()) > 0:
                self._receive(min(pause, 1.0))
                continue
            for name, (every, when) in list(self._again.items()):
                if when <= time.monotonic() and name in self._again:
                    self._again[name] = every, time.monotonic() + every
                    self._send(name, by_itself=True)
                    self._until_rest()
        return True

    @property
    def text(self) -> str:
        """What the page says: the text of its elements."""
        return "\n".join(_text(part.element) for part in self.parts.values())

    @property
    def failed(self) -> str:
        """The exception that the page shows, or ""."""
        shown = (p.element.exception for p in self.parts.values() if p.element.WhichOneof("type") == "exception")
        return next((f"{each.type}: {each.message}" for each in shown), "")

    def _send(self, fragment: str = "", widget: WidgetState | None = None, *, page_name: str = "",
              by_itself: bool = False) -> None:  # fmt: skip
        assert self._socket is not None
        state = ClientState(
            query_string=self.query, page_script_hash=self.page, page_name=page_name, fragment_id=fragment,
            is_auto_rerun=by_itself, cached_message_hashes=list(self._stored),
        )  # fmt: skip
        state.context_info.timezone, state.context_info.locale = "UTC", "en-GB"
        state.context_info.url = f"{self.address}/?{self.query}"
        if widget is not None:
            state.widget_states.widgets.append(widget)
        self._socket.send(BackMsg(rerun_script=state).SerializeToString())
        self._rests = False

    def _until_rest(self) -> None:
        deadline = time.monotonic() + WAIT_S
        while not self._rests:
            if time.monotonic() > deadline:
                raise TimeoutError(f"The page does not rest: {self.text[:200]!r}")
            self._receive(1.0)

    def _receive(self, seconds: float) -> None:
        assert self._socket is not None
        try:
            payload = self._socket.recv(seconds)
        except TimeoutError:
            return
        assert isinstance(payload, bytes)
        self.received += len(payload)
        self._take(ForwardMsg.FromString(payload), payload)

    def _take(self, message: ForwardMsg, payload: bytes) -> None:
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            place = message.metadata
            message = ForwardMsg.FromString(self._stored[message.ref_hash])
            message.metadata.CopyFrom(place)
            kind = message.WhichOneof("type")
        elif message.metadata.cacheable:
            self._stored[message.hash] = payload
        if kind == "new_session":
            self.runs, self._drawn = self.runs + 1, set()
            self.page = message.new_session.page_script_hash or self.page
        elif kind == "navigation":
            self._pages = {page.page_name: page.page_script_hash for page in message.navigation.app_pages}
            self.page = message.navigation.page_script_hash or self.page
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "auto_rerun":
            every = message.auto_rerun.interval
            self._again[message.auto_rerun.fragment_id] = every, time.monotonic() + every
        elif kind == "stop_auto_rerun":
            for name in message.stop_auto_rerun.fragment_ids:
                self._again.pop(name, None)
        elif kind == "delta":
            self._draw(message)
        elif kind == "script_finished":
            self._finished(message.script_finished)

    def _draw(self, message: ForwardMsg) -> None:
        where, delta = tuple(message.metadata.delta_path), message.delta
        if delta.WhichOneof("type") == "new_element":
            self.parts[where] = Part(delta.new_element, delta.fragment_id, self.runs)
        elif delta.WhichOneof("type") == "add_block":
            self.parts.pop(where, None)
        self._drawn.add(delta.fragment_id)

    def _finished(self, status: int) -> None:
        """What the run that ends did not draw again is gone; a run of a fragment leaves what is of others."""
        self._rests = status != EARLY
        if status == EARLY:
            return
        whole = status != FRAGMENT
        self.parts = {
            where: part for where, part in self.parts.items()
            if part.run == self.runs or not (whole or part.fragment in self._drawn)
        }  # fmt: skip
        alive = {part.fragment for part in self.parts.values()}
        self._again = {name: when for name, when in self._again.items() if name in alive}


def _text(element: Any) -> str:
    kind = element.WhichOneof("type")
    inner = getattr(element, kind) if kind else None
    found = [getattr(inner, name, "") for name in ("body", "label", "value")] if inner is not None else []
    return " ".join(each for each in found if isinstance(each, str))
