"""An OpenID Connect provider on loopback: discovery, a page to choose who one is, codes, signed tokens, keys."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "heartvision", "a-secret-that-only-the-two-servers-know"


class Provider:
    """The provider: who there is, by account, and when they proved it last.

    `accounts` are claims by account name; `proved_ago_s` is how long ago whoever signs in typed a password.
    """

    def __init__(self, accounts: dict[str, dict[str, Any]]) -> None:
        self.accounts, self.proved_ago_s = accounts, 0.0
        self.key = RSAKey.generate_key(2048, parameters={"kid": "1", "use": "sig", "alg": "RS256"})
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def chosen(self, account: str, asked: dict[str, str]) -> str:
        """Where the browser goes once somebody has said who they are."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = {**asked, "account": account}
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str], basic: str) -> dict[str, Any] | None:
        """The signed token for a code; None if client, code or verifier are wrong."""
        asked = self.codes.pop(form.get("code", ""), None)
        client = base64.b64decode(basic.removeprefix("Basic ")).decode() if basic else ""
        verifier = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or client != f"{CLIENT}:{SECRET}":
            return None
        if asked.get("code_challenge") != verifier.decode().rstrip("="):
            return None
        now = int(time.time())
        claims = {
            "iss": self.address,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "auth_time": now - int(self.proved_ago_s),
            "nonce": asked["nonce"],
            "sub": asked["account"],
            **self.accounts[asked["account"]],
        }
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        return {"access_token": secrets.token_urlsafe(8), "token_type": "Bearer", "expires_in": 300, "id_token": signed}


@contextmanager
def provider(accounts: dict[str, dict[str, Any]]) -> Iterator[Provider]:
    found = Provider(accounts)
    try:
        yield found
    finally:
        found.close()


def write_secrets(path: Path, address: str, app: str, roles: dict[str, list[str]]) -> Path:
    """The secrets of an app at `app` whose people sign in at the provider's `address`."""
    table = "\n".join(f"{json.dumps(group)} = {json.dumps(held)}" for group, held in roles.items())
    path.write_text(
        f'[auth]\nredirect_uri = "{app}/oauth2callback"\ncookie_secret = "{secrets.token_hex(32)}"\n'
        f'client_id = "{CLIENT}"\nclient_secret = "{SECRET}"\n'
        f'server_metadata_url = "{address}/.well-known/openid-configuration"\n'
        'client_kwargs = { scope = "openid profile email", prompt = "login" }\n\n'
        f'[heartvision]\nroles_claim = "groups"\n\n[heartvision.roles]\n{table}\n'
    )
    return path


def _handler(owner: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers for `owner`."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = dict(parse_qsl(parts.query))
            if parts.path == "/.well-known/openid-configuration":
                self._json(owner.discovery())
            elif parts.path == "/jwks":
                self._json({"keys": [owner.key.as_dict(private=False)]})
            elif parts.path == "/authorize" and "account" not in asked:
                owner.asked.append(asked)
                links = "".join(
                    f'<p><a href="/authorize?{html.escape(urlencode({**asked, "account": name}))}">{name}</a></p>'
                    for name in owner.accounts
                )
                self._send(200, "text/html", f"<h1>Who are you?</h1>{links}".encode())
            elif parts.path == "/authorize":
                account = asked.pop("account")
                self.send_response(302)
                self.send_header("Location", owner.chosen(account, asked))
                self.end_headers()
            else:
                self._send(404, "text/plain", b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            found = owner.token(form, self.headers.get("Authorization", ""))
            if found is None:
                self._send(400, "application/json", b'{"error": "invalid_grant"}')
            else:
                self._json(found)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

        def _json(self, content: dict[str, Any]) -> None:
            self._send(200, "application/json", json.dumps(content).encode())

        def _send(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
