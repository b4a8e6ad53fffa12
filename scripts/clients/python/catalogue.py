"""The whole catalogue, walked by the official Python client over every way that needs no login.

The calls are those of `recorded.json`, which the TypeScript clients make as well: each answer is held
against what the originals answered, and at the end nothing that is listed was left out but what
`tasks_one.py` calls.

usage: MCP_SERVER=target/debug/mcp-server MCP_OPEN_URL=http://localhost:3232/mcp python catalogue.py
"""

import asyncio
import json
import logging
import os
import sys
from typing import Any
from urllib.parse import urljoin

import mcp_types as types
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client

from checks import report
from recorded import CALLS, TASKS, differs

SERVER = StdioServerParameters(
    command=os.environ.get("MCP_SERVER", "target/debug/mcp-server"),
    args=["stdio"],
    env={"MCP_TOOLSETS": "everything,calculator,apps,fetch"},
)
OPEN_URL = os.environ.get("MCP_OPEN_URL")

BY_OTHER_MEANS = {
    "calculator://history/{calculationId}",
    "calculator://histories/{history}",
    "calculator://histories/{history}/{calculationId}",
    "demo://resource/session/{name}",
    "session://info/{sessionId}",
}
"""What only a caller can know."""
AS_TASKS = {task["params"]["name"] for task in TASKS}
"""This generation of the client has no tasks; the first has, and calls these in `tasks_one.py`."""

WAYS: dict[str, Any] = {
    "over stdio, with a session": lambda: (stdio_client(SERVER, errlog=open(os.devnull, "w")), "legacy"),
    "over stdio": lambda: (stdio_client(SERVER, errlog=open(os.devnull, "w")), "auto"),
}
if OPEN_URL:
    WAYS["over 2024-11-05"] = lambda: (sse_client(urljoin(OPEN_URL, "/sse")), "legacy")
    WAYS["over streamable http, with a session"] = lambda: (OPEN_URL, "legacy")
    WAYS["over streamable http"] = lambda: (OPEN_URL, "auto")


async def _elicit(_context: object, params: types.ElicitRequestParams) -> types.ElicitResult:
    is_form = isinstance(params, types.ElicitRequestFormParams)
    return types.ElicitResult(action="accept", content={"name": "Ada"} if is_form else None)


async def _sample(_context: object, _params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    content = types.TextContent(type="text", text="stub reply")
    return types.CreateMessageResult(role="assistant", model="stub", content=content, stop_reason="endTurn")


async def _roots(_context: object) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri="file:///tmp/demo", name="Demo")])


async def _answer(client: Client, method: str, params: dict[str, Any]) -> Any:
    match method:
        case "tools/call":
            return await client.call_tool(params["name"], params["arguments"])
        case "prompts/get":
            return await client.get_prompt(params["name"], params["arguments"])
        case "resources/read":
            return await client.read_resource(params["uri"])
        case "completion/complete":
            ref = params["ref"]
            kind = types.PromptReference if "name" in ref else types.ResourceTemplateReference
            context = params.get("context", {}).get("arguments")
            return await client.complete(kind.model_validate(ref), params["argument"], context)
    raise AssertionError(method)


async def _history(client: Client) -> None:
    """What was calculated is found under the id that the result tells, with a name or without."""
    made = (await client.call_tool("calculate", {"a": 20, "b": 22, "op": "add"})).structured_content
    read = await client.read_resource(f"calculator://history/{made['id']}")
    assert json.loads(read.contents[0].text)["result"] == 42
    named = await client.call_tool("calculate", {"a": 6, "b": 7, "op": "multiply", "history": "clients"})
    read = await client.read_resource(f"calculator://histories/clients/{named.structured_content['id']}")
    assert json.loads(read.contents[0].text)["result"] == 42
    whole = await client.read_resource("calculator://histories/clients")
    assert json.loads(whole.contents[0].text)[0]["id"] == named.structured_content["id"]
    ref = types.ResourceTemplateReference(uri="calculator://histories/{history}")
    assert (await client.complete(ref, {"name": "history", "value": "cli"})).completion.values == ["clients"]


async def _own(client: Client, offered: set[str], has_session: bool) -> None:
    """A file that a call has made is read where its result says, and a session tells of itself."""
    made = [call for call in CALLS if call["covers"] == "gzip-file-as-resource" and call["covers"] in offered]
    for call in made:
        file = call["expect"]["content"][0]["resource"]
        read = (await client.read_resource(file["uri"])).contents[0]
        assert read.blob == file["blob"], read
    page = await client.list_resources()
    listed = [str(one.uri) for one in page.resources]
    while page.next_cursor:
        page = await client.list_resources(cursor=page.next_cursor)
        listed += [str(one.uri) for one in page.resources]
    sessions = [uri for uri in listed if uri.startswith("session://info/")]
    assert len(sessions) == has_session, listed
    for uri in sessions:
        told = json.loads((await client.read_resource(uri)).contents[0].text)
        assert uri.endswith(told["sessionId"]), told


async def _nothing_is_left_out(client: Client) -> None:
    covered = {call["covers"] for call in CALLS} | AS_TASKS | BY_OTHER_MEANS
    tools = (await client.list_tools()).tools
    prompts = (await client.list_prompts()).prompts
    templates = (await client.list_resource_templates()).resource_templates
    listed = {one.name for one in [*tools, *prompts]} | {one.uri_template for one in templates}
    assert len(tools) > 20 and len(prompts) > 10, listed
    assert listed <= covered, listed - covered


async def _walk(transport: Any, mode: str) -> None:
    async with Client(
        transport,
        mode=mode,
        elicitation_callback=_elicit,
        sampling_callback=_sample,
        list_roots_callback=_roots,
    ) as client:
        offered = {tool.name for tool in (await client.list_tools()).tools}
        for call in CALLS:
            if "toolset" in call and call["covers"] not in offered:
                continue
            result = await _answer(client, call["method"], call["params"])
            answer = result.model_dump(mode="json", by_alias=True)
            wrong = differs(answer, call["expect"])
            assert not wrong, f"{call['method']} {call['params']}{wrong}"
            assert bool(answer.get("isError")) == bool(call["expect"].get("isError")), answer
        await _history(client)
        await _own(client, offered, mode == "legacy")
        await _nothing_is_left_out(client)


async def main() -> int:
    checks = [(f"python {name}: the whole catalogue", lambda way=way: _walk(*way())) for name, way in WAYS.items()]
    return await report(checks)


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(__doc__)
        sys.exit(0)
    # That former names are not listed is what they are for.
    logging.disable(logging.WARNING)
    sys.exit(asyncio.run(main()))
