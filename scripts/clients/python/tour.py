"""What a Python client does with everything that is offered, whichever client it is.

A client is wrapped so that it gives results as plain JSON; `tour_*.py` have one wrapper each.
"""

import asyncio
import os
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urljoin

OPEN_URL = os.environ["MCP_OPEN_URL"]
"""A server without authorization."""
SSE_URL = urljoin(OPEN_URL, "/sse")
"""The same over the transport of 2024-11-05."""
COMMAND = [os.environ["MCP_SERVER"], "stdio"]
"""The same over standard input and output."""
MCP_URL = os.environ.get("MCP_URL")
"""A server with authorization."""
REDIRECT_URI = "http://127.0.0.1:41794/callback"
"""Nobody listens here: the form walker stops at the redirect."""

PATIENCE = 60
"""The most seconds that a step may take."""
LEFT_OUT = {"url-elicitation", "simulate-research-query"}
"""Send people to a page, or run as a task: matters of their own."""
ARGUMENTS: dict[str, dict[str, Any]] = {
    "echo": {"message": "hi"},
    "add": {"a": 2, "b": 3},
    "long-running-operation": {"duration": 0.1, "steps": 2},
    "annotated-message": {"messageType": "success"},
    "get-structured-content": {"location": "New York"},
    "get-resource-reference": {"resourceType": "Text", "resourceId": 1},
    "sampling-request": {"prompt": "Say something"},
    "calculate": {"op": "add", "a": 2, "b": 3},
    "batch_calculate": {"calculations": [{"op": "add", "a": 1, "b": 2}]},
    "advanced_calculate": {"operation": "factorial", "value": 5},
}


class Client(Protocol):
    """A client that is connected."""

    revision: str

    async def tools(self) -> list[dict[str, Any]]: ...
    async def call(self, name: str, arguments: dict[str, Any], progress: Any = None) -> dict[str, Any]: ...
    async def resources(self, cursor: str | None) -> dict[str, Any]: ...
    async def templates(self) -> list[dict[str, Any]]: ...
    async def read(self, uri: str) -> dict[str, Any]: ...
    async def prompts(self) -> list[dict[str, Any]]: ...
    async def prompt(self, name: str, arguments: dict[str, str]) -> dict[str, Any]: ...
    async def complete(self, prompt: str, argument: str, value: str) -> dict[str, Any]: ...
    async def session_only(self) -> None:
        """What sessions have and 2026-07-28 has not: ping, a log level, subscriptions by request."""

    async def modern_only(self) -> None:
        """What came with 2026-07-28."""


@dataclass
class Asked:
    """What the server has asked of the client."""

    forms: int = 0
    samples: int = 0
    roots: int = 0


@dataclass
class Way:
    """A transport and a revision over it."""

    name: str
    revision: str
    connect: Callable[[Asked], AbstractAsyncContextManager[Client]]
    has_forms: bool = True


@dataclass
class Tally:
    """One line per step, and a closing line with the numbers."""

    passed: int = 0
    failed: int = 0
    way: str = field(default="")

    async def step(self, name: str, run: Callable[[], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await run()
        except Exception:
            self.failed += 1
            print(f"FAILED  {self.way}: {name}\n{traceback.format_exc()}")
            return False
        self.passed += 1
        print(f"ok      {self.way}: {name}", flush=True)
        return True


async def tour(ways: list[Way]) -> int:
    """Goes every way; the status to exit with."""
    tally = Tally()
    for way in ways:
        tally.way = way.name
        await tally.step("it comes and goes", lambda way=way: _visit(tally, way))
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 0 if tally.passed and not tally.failed else 1


async def _visit(tally: Tally, way: Way) -> None:
    asked = Asked()
    async with way.connect(asked) as client:
        assert client.revision == way.revision, client.revision
        tools = await client.tools()
        for tool in tools:
            if tool["name"] not in LEFT_OUT:
                await tally.step(f"it calls {tool['name']}", lambda name=tool["name"]: _calls(client, name, way))
        await tally.step("it was asked what it can be asked", lambda: _asked(asked, way))
        await tally.step("it is told of progress", lambda: _progress(client))
        await tally.step("it tells failures apart", lambda: _failures(client))
        await tally.step("it turns the pages of resources and reads", lambda: _resources(client))
        await tally.step("it gets prompts and completes arguments", lambda: _prompts(client))
        if way.revision == "2026-07-28":
            await tally.step("it does what is new", client.modern_only)
        else:
            await tally.step("it does what only sessions have", client.session_only)


async def _calls(client: Client, name: str, way: Way) -> None:
    result = await client.call(name, ARGUMENTS.get(name, {}))
    # A revision without forms has nobody to ask.
    assert bool(result.get("isError")) == (name == "elicitation-request" and not way.has_forms), result
    assert result["content"], result


async def _asked(asked: Asked, way: Way) -> None:
    assert asked.samples >= 1 and asked.roots >= 1, asked
    assert (asked.forms >= 1) == way.has_forms, asked


async def _progress(client: Client) -> None:
    seen: list[float] = []

    async def note(progress: float, _total: float | None, _message: str | None) -> None:
        seen.append(progress)

    result = await client.call("long-running-operation", {"duration": 0.6, "steps": 3}, note)
    assert "completed" in result["content"][0]["text"], result
    for _ in range(100):
        if len(seen) == 3:
            break
        await asyncio.sleep(0.02)
    assert seen == [1, 2, 3], seen


async def _failures(client: Client) -> None:
    for tool, arguments in (("add", {"a": "two", "b": 3}), ("no-such-tool", {})):
        try:
            result = await client.call(tool, arguments)
        except Exception:
            continue
        assert result.get("isError"), result
    result = await client.call("echo", {"message": "still here"})
    assert result["content"][0]["text"] == "Echo: still here", result


async def _resources(client: Client) -> None:
    uris = [resource["uri"] async for resource in _pages(client)]
    assert len(uris) > 100, len(uris)
    for uri in [*uris[:2], *uris[-3:]]:
        contents = (await client.read(uri))["contents"]
        assert contents[0].get("text") is not None or contents[0]["blob"], uri
    assert await client.templates()


async def _pages(client: Client) -> AsyncIterator[dict[str, Any]]:
    cursor = None
    while True:
        page = await client.resources(cursor)
        for resource in page["resources"]:
            yield resource
        cursor = page.get("nextCursor")
        if cursor is None:
            return


async def _prompts(client: Client) -> None:
    prompts = await client.prompts()
    assert len(prompts) >= 5, prompts
    simple = [each for each in prompts if not any(arg.get("required") for arg in each.get("arguments") or [])]
    for prompt in simple:
        assert (await client.prompt(prompt["name"], {}))["messages"], prompt
    completion = await client.complete("completable-prompt", "department", "e")
    assert completion["completion"]["values"], completion


class Memory:
    """What a client remembers of its authorization."""

    def __init__(self) -> None:
        self.tokens: Any = None
        self.client: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client: Any) -> None:
        self.client = client
