"""Waiting for what comes about by itself."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PATIENCE_S = 20.0


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = holds()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.01)
