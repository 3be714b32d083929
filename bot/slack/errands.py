"""
What is done for a person after Slack has its answer: opening a modal, a private sentence.

Every errand is held until it is over (asyncio alone would not), and a shutdown waits for them.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from bot.store.store import StoreAway

Errand = Coroutine[Any, Any, None]

log = logging.getLogger(__name__)


class Errands:
    def __init__(self) -> None:
        self._held: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._held)

    def run(self, errand: Errand, what: str, or_else: Callable[[], Errand] | None = None) -> None:
        """Starts it at once. Should it fail, the log names it `what`, and `or_else` is done."""
        task = asyncio.create_task(errand, name=what)
        self._held.add(task)
        task.add_done_callback(lambda done: self._over(done, or_else))

    async def drain(self, limit_s: float) -> None:
        """Waits for all of them, at most `limit_s` seconds; then cancels what is left."""
        if self._held:
            _, late = await asyncio.wait(set(self._held), timeout=limit_s)
            for task in late:
                log.warning("%s was not over in time and is given up", task.get_name())
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _over(self, task: asyncio.Task[None], or_else: Callable[[], Errand] | None) -> None:
        self._held.discard(task)
        if not task.cancelled() and (error := task.exception()):
            if isinstance(error, StoreAway):
                log.warning("%s failed: the store does not answer: %s", task.get_name(), error)
            else:
                log.error("%s failed", task.get_name(), exc_info=error)
            if or_else:
                self.run(or_else(), f"amends for {task.get_name()}")
