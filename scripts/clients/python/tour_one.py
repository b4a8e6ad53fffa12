"""The first generation of the official Python client: sessions, over every transport it has.

usage: MCP_SERVER=… MCP_OPEN_URL=… [MCP_URL=…] python tour_one.py
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from mcp import ClientSession, StdioServerParameters, types
from mcp.client.auth import OAuthClientProvider
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from mcp.shared.auth import OAuthClientMetadata
from pydantic import AnyUrl

from tour import COMMAND, MCP_URL, OPEN_URL, REDIRECT_URI, SSE_URL, Asked, Client, Memory, Way, tour
from walker import walk


def plain(result: Any) -> Any:
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)


class One:
    """A session."""

    def __init__(self, session: ClientSession, revision: str) -> None:
        self._session, self.revision = session, revision

    async def tools(self) -> list[dict[str, Any]]:
        return plain(await self._session.list_tools())["tools"]

    async def call(self, name: str, arguments: dict[str, Any], progress: Any = None) -> dict[str, Any]:
        return plain(await self._session.call_tool(name, arguments, progress_callback=progress))

    async def resources(self, cursor: str | None) -> dict[str, Any]:
        return plain(await self._session.list_resources(cursor))

    async def templates(self) -> list[dict[str, Any]]:
        return plain(await self._session.list_resource_templates())["resourceTemplates"]

    async def read(self, uri: str) -> dict[str, Any]:
        return plain(await self._session.read_resource(AnyUrl(uri)))

    async def prompts(self) -> list[dict[str, Any]]:
        return plain(await self._session.list_prompts())["prompts"]

    async def prompt(self, name: str, arguments: dict[str, str]) -> dict[str, Any]:
        return plain(await self._session.get_prompt(name, arguments))

    async def complete(self, prompt: str, argument: str, value: str) -> dict[str, Any]:
        reference = types.PromptReference(type="ref/prompt", name=prompt)
        return plain(await self._session.complete(reference, {"name": argument, "value": value}))

    async def session_only(self) -> None:
        await self._session.send_ping()
        await self._session.set_logging_level("info")
        uri = (await self.resources(None))["resources"][0]["uri"]
        await self._session.subscribe_resource(AnyUrl(uri))
        await self._session.unsubscribe_resource(AnyUrl(uri))
        await self._session.send_roots_list_changed()

    async def modern_only(self) -> None:
        raise AssertionError("this client opens sessions only")


@asynccontextmanager
async def session(streams: tuple[Any, ...], revision: str, asked: Asked) -> AsyncIterator[Client]:
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

    # The client offers the newest revision that it knows. A setting for it does not exist.
    types.LATEST_PROTOCOL_VERSION = revision
    callbacks = {"elicitation_callback": elicit, "sampling_callback": sample, "list_roots_callback": roots}
    async with ClientSession(streams[0], streams[1], **callbacks) as opened:
        result = await opened.initialize()
        yield One(opened, result.protocolVersion)


def way(name: str, revision: str, transport: Any) -> Way:
    def connect(asked: Asked) -> AbstractAsyncContextManager[Client]:
        return connected(transport, revision, asked)

    return Way(f"mcp 1.x {name} {revision}", revision, connect, has_forms=revision >= "2025-06-18")


@asynccontextmanager
async def connected(transport: Any, revision: str, asked: Asked) -> AsyncIterator[Client]:
    async with transport() as streams, session(streams, revision, asked) as client:
        yield client


def provider() -> OAuthClientProvider:
    came_back: dict[str, str] = {}

    async def go(url: str) -> None:
        came_back.update(await walk(url, REDIRECT_URI))

    async def come_back() -> tuple[str, str | None]:
        return came_back["code"], came_back["state"]

    metadata = OAuthClientMetadata(client_name="mcp 1.x", redirect_uris=[AnyUrl(REDIRECT_URI)])
    assert MCP_URL
    return OAuthClientProvider(MCP_URL, metadata, Memory(), go, come_back)


def ways() -> list[Way]:
    revisions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
    command = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:])
    all_ways = [way("over stdio", revision, lambda: stdio_client(command)) for revision in revisions]
    all_ways += [way("over HTTP", revision, lambda: streamablehttp_client(OPEN_URL)) for revision in revisions]
    all_ways += [way("over HTTP+SSE", revision, lambda: sse_client(SSE_URL)) for revision in ("2024-11-05", "2025-06-18")]
    if MCP_URL:
        all_ways.append(way("with OAuth", "2025-11-25", lambda: streamablehttp_client(MCP_URL, auth=provider())))
    return all_ways


if __name__ == "__main__":
    sys.exit(asyncio.run(tour(ways())))
