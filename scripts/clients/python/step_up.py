"""A tool that needs more than its caller may: the official Python client asks its user for more.

usage: MCP_URL=http://localhost:3232/mcp python step_up.py
CLIENT_ID names a public client that is known beforehand; without it each one registers itself.
The server offers the toolset diagnostics, whose tool print-env needs the scope mcp:diagnostics.
"""

import asyncio
import os
import sys
from urllib.parse import parse_qs, urlsplit

from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata

from journey import MCP_URL, REDIRECT_URI, Memory, Person, Tally


class Asked(Person):
    """A person who remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.scopes: list[set[str]] = []

    async def go(self, url: str) -> None:
        self.scopes.append(set(parse_qs(urlsplit(url).query)["scope"][0].split()))
        await super().go(url)


async def step_up(mode: str) -> None:
    person = Asked()
    metadata = OAuthClientMetadata(
        client_name=f"python step-up {mode}",
        redirect_uris=[REDIRECT_URI],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    memory = Memory()
    if known := os.environ.get("CLIENT_ID"):
        memory.client = OAuthClientInformationFull(client_id=known, **metadata.model_dump())
    provider = OAuthClientProvider(MCP_URL, metadata, memory, person.go, person.come_back)
    async with (
        create_mcp_http_client(auth=provider) as http,
        Client(streamable_http_client(MCP_URL, http_client=http), mode=mode) as client,
    ):
        # A stateless client logs in with its first request, and asks for more once in each.
        await client.list_tools()
        result = await client.call_tool("print-env", {})
    assert not result.is_error, result
    assert len(person.scopes) == 2, person.scopes
    assert "mcp:diagnostics" not in person.scopes[0], person.scopes
    assert {"mcp", "mcp:diagnostics"} <= person.scopes[1], person.scopes


async def main() -> int:
    tally = Tally()
    for mode in ("legacy", "2026-07-28"):
        await tally.check(f"python {mode}: a 403 becomes a wider scope and an answer", lambda: step_up(mode))
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
