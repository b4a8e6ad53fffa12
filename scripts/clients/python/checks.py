"""Checks that run one after the other, each with so much time if that is said, and are counted."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterable


async def report(checks: Iterable[tuple[str, Callable[[], Awaitable[None]]]], patience: float | None = None) -> int:
    """Says of each how it went, and at the end how many did; gives the status for the shell."""
    passed = failed = 0
    for name, check in checks:
        try:
            async with asyncio.timeout(patience):
                await check()
        except Exception:
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}")
        else:
            passed += 1
            print(f"ok      {name}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1
