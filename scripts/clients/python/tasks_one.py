"""What goes on as a task in a session of 2025-11-25, with the first generation of the official Python client.

A tool that the server makes a task of, and two that ask the client, which makes tasks of its own of the
questions. Other revisions do not have those two; what the second generation does is in `tasks_two.py`.
The calls are those of `recorded.json`, which the first TypeScript client makes as well.

usage: MCP_SERVER=target/debug/mcp-server MCP_OPEN_URL=http://localhost:3232/mcp python tasks_one.py
"""

import asyncio
import sys
import warnings
from functools import partial
from typing import Any

from mcp import ClientSession, StdioServerParameters, types
from mcp.client.experimental.task_handlers import ExperimentalTaskHandlers
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from mcp.shared.experimental.tasks.in_memory_task_store import InMemoryTaskStore

from checks import report
from recorded import TASKS, differs
from tour import COMMAND, OPEN_URL, PATIENCE, SSE_URL

WAYS: dict[str, Any] = {
    "over stdio": lambda: stdio_client(StdioServerParameters(command=COMMAND[0], args=COMMAND[1:])),
    "over 2024-11-05": lambda: sse_client(SSE_URL),
    "over streamable http": lambda: streamablehttp_client(OPEN_URL),
}


def plain(result: Any) -> Any:
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)


class Own:
    """Tasks that the client makes of questions. Each has ended when it is looked at again."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answer, self._store = types.GetTaskPayloadResult.model_validate(answer), InMemoryTaskStore()

    async def make(self, _context: Any, params: Any, metadata: types.TaskMetadata) -> types.CreateTaskResult:
        self.asked.append(plain(params))
        return types.CreateTaskResult(task=await self._store.create_task(metadata))

    async def get(self, _context: Any, params: types.GetTaskRequestParams) -> types.GetTaskResult:
        task = await self._store.get_task(params.taskId)
        assert task, params
        if task.status == types.TASK_STATUS_WORKING:
            await self._store.store_result(task.taskId, self._answer)
            await self._store.update_task(task.taskId, types.TASK_STATUS_COMPLETED)
        return types.GetTaskResult.model_validate(task.model_dump())

    async def result(self, _context: Any, params: types.GetTaskPayloadRequestParams) -> Any:
        return await self._store.get_result(params.taskId)

    def handlers(self) -> ExperimentalTaskHandlers:
        questions = {"augmented_sampling": self.make, "augmented_elicitation": self.make}
        return ExperimentalTaskHandlers(get_task=self.get, get_task_result=self.result, **questions)


async def _at_once(_context: Any, _params: Any) -> types.ErrorData:
    """That there is such a callback declares that the client can be asked at all."""
    return types.ErrorData(code=types.INVALID_REQUEST, message="this client answers in tasks only")


async def _followed(session: ClientSession, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
    """The result of a call that the server makes a task of."""
    task = (await session.experimental.call_tool_as_task(name, arguments)).task
    assert task.status == types.TASK_STATUS_WORKING, task
    seen = [look.status async for look in session.experimental.poll_task(task.taskId)]
    assert seen[-1] == types.TASK_STATUS_COMPLETED, seen
    return await session.experimental.get_task_result(task.taskId, types.CallToolResult)


async def _run(transport: Any, task: dict[str, Any]) -> None:
    params, question = task["params"], task.get("question")
    own = Own(task.get("answer", {}))
    callbacks = {"sampling_callback": _at_once, "elicitation_callback": _at_once}
    async with (
        transport() as streams,
        ClientSession(streams[0], streams[1], experimental_task_handlers=own.handlers(), **callbacks) as session,
    ):
        await session.initialize()
        call = session.call_tool if question else lambda *of: _followed(session, *of)
        result = plain(await call(params["name"], params["arguments"]))
    assert not result.get("isError"), result
    wrong = differs(result, task["expect"]) or differs(own.asked, [question["params"]] if question else [])
    assert not wrong, wrong


def _name(way: str, task: dict[str, Any]) -> str:
    whose = "a task of its own" if "question" in task else "a task of the server"
    return f"mcp 1.x {way}: {task['params']['name']}, as {whose}"


async def main() -> int:
    tried = [(way, transport, task) for way, transport in WAYS.items() for task in TASKS]
    checks = [(_name(way, task), partial(_run, transport, task)) for way, transport, task in tried]
    return await report(checks, PATIENCE)


if __name__ == "__main__":
    # Tasks are said to go with the second generation, which this is not.
    warnings.simplefilter("ignore", DeprecationWarning)
    sys.exit(asyncio.run(main()))
