"""PyPI canaille as an authorization server that nobody here wrote, in memory.

usage: python canaille.py PORT
Secrets have letters and hyphens only: it does not decode what RFC 6749 section 2.3.1 encodes.
Its audiences are clients: what `agent` gets is for `mcp-server` too, what `stranger` gets is not.
"""

import secrets
import sys
from pathlib import Path
from wsgiref.simple_server import make_server

# This file has the name of the package, and its directory must not come first.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]

from canaille import create_app  # noqa: E402
from canaille.app import models  # noqa: E402
from canaille.backends import Backend  # noqa: E402
from joserfc.jwk import RSAKey  # noqa: E402


def client(name: str) -> models.Client:
    made = models.Client(
        client_id=name,
        client_secret=f"secret-of-{name}",
        client_name=name,
        client_uri="https://client.example",
        contacts=["contact@client.example"],
        redirect_uris=["https://client.example/callback"],
        grant_types=["client_credentials", "password"],
        response_types=["code"],
        token_endpoint_auth_method="client_secret_basic",
        scope=["openid", "profile", "mcp"],
    )
    Backend.instance.save(made)
    return made


def people_and_clients() -> None:
    alice = models.User(
        user_name="alice", formatted_name="Alice", family_name="Liddell", password="wonderland"
    )
    Backend.instance.save(alice)
    resource, agent, stranger = client("mcp-server"), client("agent"), client("stranger")
    agent.audience, stranger.audience = [agent, resource], [stranger]
    for each in (agent, stranger):
        Backend.instance.save(each)
        Backend.instance.save(
            models.Consent(consent_id=each.client_id, client=each, subject=alice, scope=["openid", "profile", "mcp"])
        )


def main(port: int) -> None:
    key = RSAKey.generate_key(2048, auto_kid=True)
    app = create_app(
        {
            "SECRET_KEY": secrets.token_hex(),
            "SERVER_NAME": f"localhost:{port}",
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory"},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
        }
    )
    with app.app_context(), Backend.instance.session():
        people_and_clients()
    make_server("127.0.0.1", port, app).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
