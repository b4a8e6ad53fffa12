"""Tasks of the server in 2026-07-28, with the second generation of the official Python client.

It has none itself, but an interface for extensions: what it needs to follow a task is below, in the client's
own terms. It has no tasks in sessions; those are a matter of the first generation (`tasks_one.py`).

usage: MCP_SERVER=target/debug/mcp-server MCP_OPEN_URL=http://localhost:3232/mcp python tasks_two.py
"""

import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from pydantic import Field

from checks import report
from recorded import TASKS, differs
from tour import COMMAND, OPEN_URL, PATIENCE

UNCLEAR = {"topic": "python", "ambiguous": True}
SERVER = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:])
WAYS: dict[str, Any] = {
    "over stdio": lambda: stdio_client(SERVER),
    "over streamable http": lambda: streamable_http_client(OPEN_URL),
}


class Created(types.Result):
    """A task in the place of a result."""

    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")
    status: str


class Seen(types.Result):
    """A task as it is told when it is looked at."""

    status: str
    status_message: str | None = Field(default=None, alias="statusMessage")
    input_requests: dict[str, Any] = Field(default_factory=dict, alias="inputRequests")
    result: dict[str, Any] | None = None


class About(types.Request[dict[str, Any], str]):
    """A request about a task."""

    name_param: ClassVar[str | None] = "taskId"


class Tasks(ClientExtension):
    """Follows tasks to their end, or cancels them at once."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self, *, cancel: bool = False) -> None:
        self.seen: list[str] = []
        self._cancel = cancel

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self._follow)]

    async def _follow(self, created: Created, context: ClaimContext) -> types.CallToolResult:
        async def ask(method: str, **more: Any) -> Seen | types.EmptyResult:
            kind = Seen if method == "tasks/get" else types.EmptyResult
            params = {"taskId": created.task_id, **more}
            return await context.session.send_request(About(method=method, params=params), kind)

        self.seen.append(created.status)
        if self._cancel:
            await ask("tasks/cancel")
        while (task := await ask("tasks/get")).status != "completed":
            self.seen.append(task.status)
            if task.status == "cancelled":
                return types.CallToolResult(content=[], is_error=True)
            if task.status == "input_required":
                answer = {"action": "accept", "content": {"interpretation": "snake"}}
                await ask("tasks/update", inputResponses={key: answer for key in task.input_requests})
            # Another look is due when the server has had time for a step.
            await asyncio.sleep(0.2)
        self.seen.append(task.status)
        return types.CallToolResult.model_validate(task.result)


async def _elicit(_context: Any, _params: Any) -> types.ElicitResult:
    """That there is such a callback declares that the client can be asked at all."""
    raise AssertionError("a task asks by itself")


async def _run(transport: Any, tasks: Tasks, arguments: dict[str, Any]) -> dict[str, Any]:
    extended = {"extensions": [tasks], "elicitation_callback": _elicit}
    async with Client(transport(), mode="2026-07-28", **extended) as client:
        result = await client.call_tool("simulate-research-query", arguments)
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)


async def followed(transport: Any) -> None:
    """A task is led to its end."""
    task = next(task for task in TASKS if "question" not in task)
    tasks = Tasks()
    wrong = differs(await _run(transport, tasks, task["params"]["arguments"]), task["expect"])
    assert not wrong, wrong
    assert (tasks.seen[0], tasks.seen[-1]) == ("working", "completed"), tasks.seen


async def asked(transport: Any) -> None:
    """A task that asks goes on with the answer."""
    tasks = Tasks()
    text = (await _run(transport, tasks, UNCLEAR))["content"][0]["text"]
    assert text.startswith("# Research Report: python (snake)\n"), text
    assert "input_required" in tasks.seen, tasks.seen


async def cancelled(transport: Any) -> None:
    """A task is cancelled."""
    tasks = Tasks(cancel=True)
    await _run(transport, tasks, UNCLEAR)
    assert tasks.seen == ["working", "cancelled"], tasks.seen


async def main() -> int:
    tried = [(way, transport, run) for way, transport in WAYS.items() for run in (followed, asked, cancelled)]
    checks = [(f"mcp 2.x {way}: {run.__name__}", partial(run, transport)) for way, transport, run in tried]
    return await report(checks, PATIENCE)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
