"""
Keeps work alive in this process: one asyncio task for each piece. The claim on the work's row is
the whole journal; a process that dies loses nothing, because the next one's sweep starts it again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

Execute = Callable[[str], Awaitable[None]]


class LocalRunner:
    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    def launch(self, execute: Execute) -> None:
        self._execute = execute

    def start(self, work_ids: Iterable[str]) -> None:
        """Starting what runs already does nothing; nothing starts any more while stopping."""
        for work_id in work_ids:
            if work_id not in self._tasks and not self._stopping:
                task = asyncio.create_task(self._run(work_id), name=work_id)
                self._tasks[work_id] = task

    def cancel(self, work_id: str) -> None:
        """
        Asks the work to stop where it is. It reports for itself; asked again, as by the echo of
        what this replica has told the others, it goes on with that.
        """
        if (task := self._tasks.get(work_id)) and not task.cancelling():
            task.cancel()

    async def stop(self, grace_s: float) -> None:
        """What is not done within the grace is cut; the next start goes on with it."""
        self._stopping = True
        if self._tasks:
            _, late = await asyncio.wait(list(self._tasks.values()), timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(self, work_id: str) -> None:
        try:
            await self._execute(work_id)
        finally:
            del self._tasks[work_id]
