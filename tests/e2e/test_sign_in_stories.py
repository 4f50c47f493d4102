"""Who may enter: a real provider on loopback, a browser, and a raw websocket; signed out, as each role, by address."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime import memory_media_file_storage
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from pipeline.principal import LOCAL
from pipeline.review.decisions import Decision
from pipeline.store import reviews
from pipeline.store.access import accesses
from pipeline.store.database import database
from pipeline.store.studies import get_study
from tests.helpers.oidc import Provider, provider, write_secrets
from tests.helpers.review_study import at, study
from tests.helpers.server import Server, free_port
from tests.helpers.stories import settle

pytestmark = pytest.mark.browser
QUIET_S = 8.0
RECORD = "HolterForThoseInside"
ROLES = {
    "viewers": ["viewer"],
    "technicians": ["technician"],
    "readers": ["reader"],
    "signers": ["signer"],
    "admins": ["administrator"],
}
PEOPLE = {
    "vera": {"name": "Vera Wu", "groups": ["viewers"]},
    "tom": {"name": "Tom Ek", "groups": ["technicians"]},
    "anna": {"name": "Anna Müller", "groups": ["readers"]},
    "sia": {"name": "Sia Ng", "groups": ["signers"]},
    "alma": {"name": "Alma Roy", "groups": ["admins"]},
    "eve": {"name": "Eve", "groups": ["gardeners"]},
}


@dataclass(frozen=True)
class Hospital:
    """The app, its provider, and a study that was begun."""

    server: Server
    provider: Provider
    number: int
    token: str


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """The app behind a sign-in, with a home that this process shares."""
    with pytest.MonkeyPatch.context() as patch, provider(PEOPLE) as who:
        for variable in ("HEARTVISION_CACHE", "HEARTVISION_HOME"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable.lower())))
        patch.delenv("HEARTVISION_DATABASE_URL", raising=False)
        patch.delenv("HEARTVISION_SIGN_IN", raising=False)
        number = study(RECORD, "NNVNSNNUFN")
        reviews.decide(number, Decision("confirm", at(0)), reader="Anna Müller", expected_version=0)
        token = get_study(number).token
        folder, port = tmp_path_factory.mktemp("server"), free_port()
        file = write_secrets(folder / "secrets.toml", who.address, f"http://127.0.0.1:{port}", ROLES)
        started = Server(folder / "log.txt", options=[f"--secrets.files={file}"], port=port)
        yield Hospital(started, who, number, token)
        started.kill()
        database().engine.dispose()


@pytest.fixture
def page(browser: Browser, hospital: Hospital) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    yield opened
    context.close()


def come_in(page: Page, account: str) -> None:
    """From the door to the provider and back."""
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name=account).click()
    expect(page.get_by_text("Signed in as")).to_be_visible()
    settle(page)


def test_a_link_to_a_study_leads_through_the_door_to_the_study_and_out_again(page: Page, hospital: Hospital) -> None:
    address = f"{hospital.server.address}/study?study={hospital.token}"
    page.goto(address)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert RECORD not in page.content()
    come_in(page, "anna")
    expect(page.get_by_role("heading", name=RECORD)).to_be_visible()
    expect(page.get_by_text("Signed in as Anna Müller (anna) (reader)")).to_be_visible()  # the name was in use
    assert hospital.provider.asked[-1]["prompt"] == "login"
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(address)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert RECORD not in page.content()
    events = [entry.event for entry in accesses(LOCAL)]
    assert {"sign_in", "view", "sign_out"} <= set(events)


def test_a_number_is_no_address(page: Page, hospital: Hospital) -> None:
    page.goto(f"{hospital.server.address}/study?study={hospital.number}")
    come_in(page, "anna")
    expect(page.get_by_text("There is no study at this address")).to_be_visible()
    assert RECORD not in page.content()


def test_somebody_the_provider_knows_but_nobody_here_stays_outside(page: Page, hospital: Hospital) -> None:
    page.goto(f"{hospital.server.address}/worklist")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="eve").click()
    expect(page.get_by_text("have no role here")).to_be_visible()
    assert RECORD not in page.content()


@pytest.mark.parametrize(("account", "may"), [("vera", False), ("tom", False), ("alma", False), ("sia", True)])
def test_each_role_has_its_buttons_and_only_a_signer_signs(
    page: Page, hospital: Hospital, account: str, may: bool
) -> None:
    page.goto(f"{hospital.server.address}/study?study={hospital.token}")
    come_in(page, account)
    sign = page.get_by_role("button", name=re.compile("^Sign as"))
    expect(sign).to_be_visible()
    expect(sign).to_be_enabled() if may else expect(sign).to_be_disabled()


def test_a_signature_asks_for_a_fresh_sign_in_and_returns_to_the_study(page: Page, hospital: Hospital) -> None:
    hospital.provider.proved_ago_s = 3600
    page.goto(f"{hospital.server.address}/study?study={hospital.token}")
    come_in(page, "sia")
    expect(page.get_by_role("heading", name=RECORD)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Sign as"))).to_be_disabled()
    hospital.provider.proved_ago_s = 0
    page.get_by_role("button", name="Sign in again").click()
    page.get_by_role("link", name="sia").click()
    expect(page.get_by_role("heading", name=RECORD)).to_be_visible()
    sign = page.get_by_role("button", name=re.compile("^Sign as"))
    expect(sign).to_be_enabled()
    sign.click()
    expect(page.get_by_text("Signed and saved")).to_be_visible()
    assert reviews.standing(hospital.number, reader=LOCAL).state == "signed"


def _raw(address: str, query: str, cookie: str, token: str = "") -> bytes:
    """All that a websocket without a browser is sent when it asks for a page, until nothing comes for a while."""
    asked = BackMsg()
    asked.rerun_script.query_string = query
    asked.rerun_script.page_name = "study"
    found = b""
    protocols = [Subprotocol(name) for name in ("streamlit", token) if name]
    with connect(
        f"ws{address.removeprefix('http')}/_stcore/stream", subprotocols=protocols, origin=Origin(address),
        additional_headers={"Cookie": cookie} if cookie else {}, max_size=None,
    ) as socket:  # fmt: skip
        socket.send(asked.SerializeToString())
        with suppress(TimeoutError):
            while True:
                found += bytes(socket.recv(QUIET_S))
    return found


@pytest.mark.parametrize("cookie", ["", "_streamlit_user=eyJpc19sb2dnZWRfaW4iOiB0cnVlfQ.forged.forged"])
def test_a_websocket_without_a_sign_in_gets_the_door_and_no_data(hospital: Hospital, cookie: str) -> None:
    found = _raw(hospital.server.address, f"study={hospital.token}", cookie)
    assert b"Nobody is signed in here" in found
    assert RECORD.encode() not in found
    assert "Anna Müller".encode() not in found


def test_a_websocket_with_a_sign_in_gets_the_study(page: Page, hospital: Hospital) -> None:
    """What the raw websocket reads is what the page shows: else the test above could not fail."""
    page.goto(f"{hospital.server.address}/worklist")
    come_in(page, "vera")
    cookies = {str(one.get("name")): str(one.get("value")) for one in page.context.cookies()}
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    query = f"study={hospital.token}"
    assert RECORD.encode() in _raw(hospital.server.address, query, header, cookies["_streamlit_xsrf"])
    assert RECORD.encode() not in _raw(hospital.server.address, query, header), "the cookie of another page's request"


def test_what_was_taken_away_is_gone_from_its_address_once_its_reader_has_left(page: Page, hospital: Hospital) -> None:
    """While a page offers a file, its address is a secret of 256 bits; a click makes the file, and leaving ends it."""
    page.goto(f"{hospital.server.address}/study?study={hospital.token}")
    come_in(page, "anna")
    page.get_by_role("tab", name="Audit trail").click()
    with page.expect_download() as taken:
        page.locator(".st-key-audit-csv button").first.click()
    address = taken.value.url
    content = taken.value.path().read_bytes()
    assert RECORD not in address
    assert re.fullmatch(r".*/media/[0-9a-f]{64}\.csv", address)
    assert _status(address) == 200  # as the browser asked for it, which is why it must not be guessed
    original = memory_media_file_storage._calculate_file_id
    for name in (None, taken.value.suggested_filename):
        assert original(content, "text/csv", name) not in address
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    for _ in range(20):  # a file goes with the second look at files that no page shows
        if _status(address) == 404:
            break
        page.reload()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert _status(address) == 404


def _status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_what_answers_without_a_sign_in_tells_nothing_of_a_patient(hospital: Hospital) -> None:
    def get(path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"{hospital.server.address}{path}", timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    assert get("/_stcore/health") == (200, b"ok")
    for path in ("/_stcore/metrics", "/_stcore/host-config", "/", f"/study?study={hospital.token}"):
        assert RECORD.encode() not in get(path)[1]
    assert get(f"/media/{'0' * 56}.pdf")[0] == 404
    upload = urllib.request.Request(f"{hospital.server.address}/_stcore/upload_file/a/b", b"x", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(upload, timeout=10)
    refused.value.close()
    assert refused.value.code in (400, 403)
    assert json.loads(get("/_stcore/host-config")[1])
