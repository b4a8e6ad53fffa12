"""The whole way of the official Python client, in both eras and over both transports.

From a 401 through registration, consent and login to tool calls.
usage: MCP_URL=http://localhost:3232/mcp python journey.py
"""

import asyncio
import os
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urljoin

import mcp_types as types
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from walker import walk

MCP_URL = os.environ.get("MCP_URL", "http://localhost:3232/mcp")
SSE_URL = urljoin(MCP_URL, "/sse")
REDIRECT_URI = "http://127.0.0.1:41790/callback"
TOOLS = {"echo", "add", "long-running-operation", "elicitation-request"}
ERAS = [
    ("legacy", MCP_URL, "legacy", "2025-11-25", "client_secret_post"),
    ("auto", MCP_URL, "auto", "2026-07-28", "none"),
    ("pinned", MCP_URL, "2026-07-28", "2026-07-28", "client_secret_basic"),
    ("over 2024-11-05", SSE_URL, "legacy", "2025-11-25", "none"),
]


class Tally:
    """One line per check, and a closing line with the numbers."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    async def check(self, name: str, run: Callable[[], Awaitable[None]]) -> bool:
        try:
            await run()
        except Exception:
            self.failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}")
            return False
        self.passed += 1
        print(f"ok      {name}")
        return True


class Memory:
    """What the client remembers of its authorization."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None
        self.registrations = 0

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client: OAuthClientInformationFull) -> None:
        self.registrations += 1
        self.client = client


class Person:
    """The user agent of one client: walks the forms when it is sent there."""

    def __init__(self) -> None:
        self.walks = 0
        self._callback: dict[str, str] = {}

    async def go(self, url: str) -> None:
        self.walks += 1
        self._callback = await walk(url, REDIRECT_URI)

    async def come_back(self) -> AuthorizationCodeResult:
        assert "error" not in self._callback, self._callback
        return AuthorizationCodeResult(**self._callback)


class Journey:
    """One client in one era."""

    def __init__(self, tally: Tally, name: str, url: str, mode: str, era: str, method: str) -> None:
        self._tally, self._name, self._url, self._mode, self._era = tally, name, url, mode, era
        self._memory, self._person = Memory(), Person()
        self._asked: list[types.ElicitRequestParams] = []
        metadata = OAuthClientMetadata(
            client_name=f"python journey {name}",
            redirect_uris=[REDIRECT_URI],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method=method,
        )
        self._provider = OAuthClientProvider(
            url, metadata, self._memory, self._person.go, self._person.come_back
        )

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        async with create_mcp_http_client(auth=self._provider) as http:
            if self._url == SSE_URL:
                over = sse_client(SSE_URL, auth=self._provider)
            else:
                over = streamable_http_client(MCP_URL, http_client=http)
            async with Client(over, mode=self._mode, elicitation_callback=self._answer) as client:
                yield client

    async def _answer(self, _context: object, params: types.ElicitRequestParams) -> types.ElicitResult:
        self._asked.append(params)
        return types.ElicitResult(action="accept", content={"name": "Ada Lovelace"})

    async def _step(self, name: str, run: Callable[[], Awaitable[None]]) -> bool:
        return await self._tally.check(f"{self._name}: {name}", run)

    async def walk(self) -> None:
        if await self._step("it is sent to log in, connects and calls tools", self._visit):
            await self._step("an old token is refreshed without a second login", self._again)

    async def _visit(self) -> None:
        async with self._connected() as client:
            assert client.protocol_version == self._era, client.protocol_version
            await self._step("it lists the tools", lambda: self._lists(client))
            assert (self._person.walks, self._memory.registrations) == (1, 1)
            assert self._memory.tokens and self._memory.tokens.refresh_token
            await self._step("echo", lambda: self._says(client, "echo", {"message": "grüße 👋"}, "Echo: grüße 👋"))
            await self._step("add", lambda: self._says(client, "add", {"a": 2, "b": 3}, "The sum of 2 and 3 is 5."))
            await self._step("long-running-operation tells how far it is", lambda: self._progress(client))
            await self._step("elicitation-request is answered by the handler", lambda: self._elicits(client))
            await self._step("wrong arguments and unknown tools are told apart", lambda: self._failures(client))

    async def _again(self) -> None:
        """This client refreshes before a request, when it knows that its token is too old."""
        old = self._memory.tokens
        assert old
        self._provider.context.token_expiry_time = 1.0
        async with self._connected() as client:
            await self._says(client, "echo", {"message": "again"}, "Echo: again")
        assert self._memory.tokens.access_token != old.access_token
        assert (self._person.walks, self._memory.registrations) == (1, 1)

    async def _lists(self, client: Client) -> None:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert TOOLS <= names, names

    async def _says(self, client: Client, tool: str, arguments: dict[str, object], expected: str) -> None:
        result = await client.call_tool(tool, arguments)
        assert _text(result) == expected, result

    async def _progress(self, client: Client) -> None:
        seen: list[float] = []

        async def note(progress: float, _total: float | None, _message: str | None) -> None:
            seen.append(progress)

        arguments = {"duration": 0.6, "steps": 3}
        result = await client.call_tool("long-running-operation", arguments, progress_callback=note)
        assert "completed" in _text(result), result
        assert seen == [1, 2, 3], seen

    async def _elicits(self, client: Client) -> None:
        result = await client.call_tool("elicitation-request", {})
        assert len(self._asked) == 1, self._asked
        assert "User provided the requested information" in _text(result), result
        assert "Ada Lovelace" in _text(result), result

    async def _failures(self, client: Client) -> None:
        for tool, arguments in (("add", {"a": "two", "b": 3}), ("no-such-tool", {})):
            try:
                result = await client.call_tool(tool, arguments)
            except Exception:
                continue
            assert result.is_error, result
        await self._says(client, "echo", {"message": "still here"}, "Echo: still here")


def _text(result: types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


async def main() -> int:
    tally = Tally()
    for era in ERAS:
        await Journey(tally, *era).walk()
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(__doc__)
        sys.exit(0)
    sys.exit(asyncio.run(main()))
