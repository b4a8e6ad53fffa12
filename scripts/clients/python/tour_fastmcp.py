"""FastMCP's client, in both eras, over every transport it has, with its own OAuth.

usage: MCP_SERVER=… MCP_OPEN_URL=… [MCP_URL=…] python tour_fastmcp.py
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import mcp_types as types
from fastmcp import Client as Fast
from fastmcp.client.auth import OAuth
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport
from mcp.shared.auth import AuthorizationCodeResult

from tour import COMMAND, MCP_URL, OPEN_URL, SSE_URL, Asked, Client, Way, tour
from walker import walk


def plain(result: Any) -> Any:
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)


class FastMCP:
    """A client that is connected."""

    def __init__(self, client: Fast[Any]) -> None:
        self._client, self.revision = client, client.protocol_version or ""

    async def tools(self) -> list[dict[str, Any]]:
        return plain(await self._client.list_tools_mcp())["tools"]

    async def call(self, name: str, arguments: dict[str, Any], progress: Any = None) -> dict[str, Any]:
        return plain(await self._client.call_tool_mcp(name, arguments, progress_handler=progress))

    async def resources(self, cursor: str | None) -> dict[str, Any]:
        return plain(await self._client.list_resources_mcp(cursor=cursor))

    async def templates(self) -> list[dict[str, Any]]:
        return plain(await self._client.list_resource_templates_mcp())["resourceTemplates"]

    async def read(self, uri: str) -> dict[str, Any]:
        return plain(await self._client.read_resource_mcp(uri))

    async def prompts(self) -> list[dict[str, Any]]:
        return plain(await self._client.list_prompts_mcp())["prompts"]

    async def prompt(self, name: str, arguments: dict[str, str]) -> dict[str, Any]:
        return plain(await self._client.get_prompt_mcp(name, arguments))

    async def complete(self, prompt: str, argument: str, value: str) -> dict[str, Any]:
        reference = types.PromptReference(type="ref/prompt", name=prompt)
        return plain(await self._client.complete_mcp(reference, {"name": argument, "value": value}))

    async def session_only(self) -> None:
        assert await self._client.ping()
        await self._client.set_logging_level("info")
        await self._client.send_roots_list_changed()

    async def modern_only(self) -> None:
        """It has no words of its own for `subscriptions/listen`; listing again uses its cache."""
        assert await self.tools() == await self.tools()


class Person(OAuth):
    """FastMCP's OAuth with the form walker instead of a browser."""

    async def redirect_handler(self, authorization_url: str) -> None:
        self._came_back = await walk(authorization_url, f"http://localhost:{self.redirect_port}/callback")

    async def callback_handler(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**self._came_back)


@asynccontextmanager
async def connected(transport: Callable[[], Any], mode: str, asked: Asked) -> AsyncIterator[Client]:
    async def elicit(_message: str, _type: Any, _params: Any, _context: Any) -> dict[str, Any]:
        asked.forms += 1
        return {"name": "Ada Lovelace"}

    async def sample(_messages: Any, _params: Any, _context: Any) -> str:
        asked.samples += 1
        return "something"

    async def roots(_context: Any) -> list[str]:
        asked.roots += 1
        return ["file:///tmp"]

    handlers = {"elicitation_handler": elicit, "sampling_handler": sample, "roots": roots}
    async with Fast(transport(), mode=mode, **handlers) as client:
        yield FastMCP(client)


def way(name: str, mode: str, revision: str, transport: Callable[[], Any]) -> Way:
    def connect(asked: Asked) -> AbstractAsyncContextManager[Client]:
        return connected(transport, mode, asked)

    return Way(f"fastmcp {name}, {mode}", revision, connect)


def ways() -> list[Way]:
    modes = [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")]
    all_ways = [
        *(way("over stdio", *mode, lambda: StdioTransport(COMMAND[0], COMMAND[1:])) for mode in modes),
        *(way("over HTTP", *mode, lambda: StreamableHttpTransport(OPEN_URL)) for mode in modes),
        way("over HTTP+SSE", "legacy", "2025-11-25", lambda: SSETransport(SSE_URL)),
    ]
    if MCP_URL:
        all_ways.append(
            way("with OAuth", "auto", "2026-07-28", lambda: StreamableHttpTransport(MCP_URL, auth=Person()))
        )
    return all_ways


if __name__ == "__main__":
    sys.exit(asyncio.run(tour(ways())))
