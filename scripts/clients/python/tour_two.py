"""The second generation of the official Python client, in both eras, over every transport it has.

usage: MCP_SERVER=… MCP_OPEN_URL=… python tour_two.py
Its way with OAuth is in journey.py.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import mcp_types as types
from mcp import Client as Official
from mcp import StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from tour import COMMAND, OPEN_URL, SSE_URL, Asked, Client, Way, tour


def plain(result: Any) -> Any:
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)


class Two:
    """A client that is connected."""

    def __init__(self, client: Official) -> None:
        self._client, self.revision = client, client.protocol_version

    async def tools(self) -> list[dict[str, Any]]:
        return plain(await self._client.list_tools())["tools"]

    async def call(self, name: str, arguments: dict[str, Any], progress: Any = None) -> dict[str, Any]:
        return plain(await self._client.call_tool(name, arguments, progress_callback=progress))

    async def resources(self, cursor: str | None) -> dict[str, Any]:
        return plain(await self._client.list_resources(cursor=cursor))

    async def templates(self) -> list[dict[str, Any]]:
        return plain(await self._client.list_resource_templates())["resourceTemplates"]

    async def read(self, uri: str) -> dict[str, Any]:
        return plain(await self._client.read_resource(uri))

    async def prompts(self) -> list[dict[str, Any]]:
        return plain(await self._client.list_prompts())["prompts"]

    async def prompt(self, name: str, arguments: dict[str, str]) -> dict[str, Any]:
        return plain(await self._client.get_prompt(name, arguments))

    async def complete(self, prompt: str, argument: str, value: str) -> dict[str, Any]:
        reference = types.PromptReference(type="ref/prompt", name=prompt)
        return plain(await self._client.complete(reference, {"name": argument, "value": value}))

    async def session_only(self) -> None:
        await self._client.send_ping()
        await self._client.set_logging_level("info")
        uri = (await self.resources(None))["resources"][0]["uri"]
        await self._client.subscribe_resource(uri)
        await self._client.unsubscribe_resource(uri)
        await self._client.send_roots_list_changed()

    async def modern_only(self) -> None:
        uri = (await self.resources(None))["resources"][0]["uri"]
        async with self._client.listen(resource_subscriptions=[uri]) as subscription:
            assert subscription.honored.resource_subscriptions == [uri], subscription.honored


@asynccontextmanager
async def connected(transport: Callable[[], Any], mode: str, asked: Asked) -> AsyncIterator[Client]:
    async def elicit(_context: Any, _params: Any) -> types.ElicitResult:
        asked.forms += 1
        return types.ElicitResult(action="accept", content={"name": "Ada Lovelace"})

    async def sample(_context: Any, _params: Any) -> types.CreateMessageResult:
        asked.samples += 1
        content = types.TextContent(type="text", text="something")
        return types.CreateMessageResult(role="assistant", model="test", content=content)

    async def roots(_context: Any) -> types.ListRootsResult:
        asked.roots += 1
        return types.ListRootsResult(roots=[types.Root(uri="file:///tmp")])

    callbacks = {"elicitation_callback": elicit, "sampling_callback": sample, "list_roots_callback": roots}
    async with Official(transport(), mode=mode, **callbacks) as client:
        yield Two(client)


def way(name: str, mode: str, revision: str, transport: Callable[[], Any]) -> Way:
    def connect(asked: Asked) -> AbstractAsyncContextManager[Client]:
        return connected(transport, mode, asked)

    return Way(f"mcp 2.x {name}, {mode}", revision, connect)


def ways() -> list[Way]:
    command = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:])
    modes = [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")]
    return [
        *(way("over stdio", mode, revision, lambda: stdio_client(command)) for mode, revision in modes),
        *(way("over HTTP", mode, revision, lambda: streamable_http_client(OPEN_URL)) for mode, revision in modes),
        way("over HTTP+SSE", "legacy", "2025-11-25", lambda: sse_client(SSE_URL)),
    ]


if __name__ == "__main__":
    sys.exit(asyncio.run(tour(ways())))
