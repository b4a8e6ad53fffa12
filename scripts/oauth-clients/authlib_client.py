"""PyPI Authlib: discovery, registration, login, refresh, introspection, revocation, own rights.

usage: ISSUER=… RESOURCE=… python authlib_client.py
"""

import asyncio
import os
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6749.errors import MismatchingStateException
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc.jwk import ECKey

sys.path.insert(0, str(Path(__file__).parent.parent / "clients" / "python"))
from walker import walk  # noqa: E402

ISSUER, RESOURCE = os.environ["ISSUER"], os.environ["RESOURCE"]
REDIRECT_URI = "http://127.0.0.1:41793/callback"
# Authlib wants https for requests; this one is on loopback.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"


class Tally:
    """One line per check, and a closing line with the numbers."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def check(self, name: str, run: Callable[..., None], *arguments: object) -> None:
        try:
            run(*arguments)
        except Exception:
            self.failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}")
        else:
            self.passed += 1
            print(f"ok      {name}")


def document(kind: type[AuthorizationServerMetadata], suffix: str | None = None) -> AuthorizationServerMetadata:
    """A metadata document that Authlib takes for valid."""
    url = get_well_known_url(ISSUER, external=True, **({"suffix": suffix} if suffix else {}))
    read = kind(requests.get(url, timeout=10).json())
    assert read["issuer"] == ISSUER
    read.validate()
    return read


def discover() -> None:
    plain = document(AuthorizationServerMetadata)
    openid = document(OpenIDProviderMetadata, "openid-configuration")
    assert plain["token_endpoint"] == openid["token_endpoint"]
    assert plain["code_challenge_methods_supported"] == ["S256"]
    assert plain["authorization_response_iss_parameter_supported"] is True


def session(method: str) -> OAuth2Session:
    """A client that has just registered."""
    metadata = {
        "client_name": f"Authlib, {method}",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
    }
    answer = requests.post(f"{ISSUER}/register", json=metadata, timeout=10)
    assert answer.status_code == 201, answer.text
    client = answer.json()
    return OAuth2Session(
        client["client_id"],
        client.get("client_secret"),
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256",
        scope="mcp",
    )


def log_in(client: OAuth2Session) -> dict[str, object]:
    verifier = secrets.token_urlsafe(48)
    url, state = client.create_authorization_url(f"{ISSUER}/authorize", code_verifier=verifier, resource=RESOURCE)
    callback = asyncio.run(walk(url, REDIRECT_URI))
    assert callback["iss"] == ISSUER, callback
    back = f"{REDIRECT_URI}?{urlencode(callback)}"
    assert parse_qs(urlsplit(url).query)["state"] == [callback["state"]]
    return client.fetch_token(
        f"{ISSUER}/token", authorization_response=back, state=state, code_verifier=verifier, resource=RESOURCE
    )


def introspect(token: str) -> dict[str, object]:
    server = OAuth2Session("mcp-server", os.environ["MCP_AUTH_CLIENT_SECRET"])
    answer = server.introspect_token(f"{ISSUER}/introspect", token=token)
    assert answer.status_code == 200, answer.text
    return answer.json()


def journey(method: str) -> None:
    client = session(method)
    first = log_in(client)
    told = introspect(first["access_token"])
    assert told["active"] is True and told["aud"] == RESOURCE, told
    assert told["client_id"] == client.client_id, told
    second = client.refresh_token(f"{ISSUER}/token", refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    answer = client.revoke_token(f"{ISSUER}/revoke", token=second["refresh_token"])
    assert answer.status_code == 200, answer.text
    assert introspect(second["access_token"]) == {"active": False}
    try:
        client.refresh_token(f"{ISSUER}/token", refresh_token=second["refresh_token"])
    except OAuthError as error:
        assert error.error == "invalid_grant", error
    else:
        raise AssertionError("a revoked token was refreshed")


def wrong_state() -> None:
    client = session("none")
    verifier = secrets.token_urlsafe(48)
    url, _ = client.create_authorization_url(f"{ISSUER}/authorize", code_verifier=verifier)
    back = f"{REDIRECT_URI}?{urlencode(asyncio.run(walk(url, REDIRECT_URI)))}"
    try:
        client.fetch_token(f"{ISSUER}/token", authorization_response=back, state="other", code_verifier=verifier)
    except MismatchingStateException:
        pass
    else:
        raise AssertionError("another state was taken")


def itself(name: str, secret: object, method: object) -> None:
    client = OAuth2Session(name, secret, token_endpoint_auth_method=method, scope="mcp")
    token = client.fetch_token(f"{ISSUER}/token", grant_type="client_credentials", resource=RESOURCE)
    assert "refresh_token" not in token
    told = introspect(token["access_token"])
    assert (told["active"], told["sub"]) == (True, name), told


def main() -> int:
    tally = Tally()
    tally.check("both metadata documents are valid and agree", discover)
    for method in ("none", "client_secret_basic", "client_secret_post"):
        tally.check(f"{method}: register, log in, refresh, revoke", journey, method)
    tally.check("another state is noticed", wrong_state)
    secret = os.environ["BY_SECRET"]
    tally.check("client_credentials with a secret", itself, "by-secret", secret, "client_secret_post")
    key = ECKey.import_key(Path(os.environ["BY_KEY_FILE"]).read_text())
    # By itself Authlib makes assertions for an hour; the server takes those of five minutes.
    soon = {"exp": int(time.time()) + 60}
    assertion = PrivateKeyJWT(f"{ISSUER}/token", claims=soon, alg="ES256")
    tally.check("client_credentials with a key", itself, "by-key", key, assertion)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 0 if tally.passed and not tally.failed else 1


sys.exit(main())
