"""
Ways to keep work alive behind one port. A runner delivers work at least once; that nothing is done
twice or by two is the work of our own rows (claims, fences, intents, locks).
"""

from collections.abc import Iterable
from typing import Protocol

from bot.engine.runners.local import Execute


class Runner(Protocol):
    def launch(self, execute: Execute) -> None: ...

    def start(self, work_ids: Iterable[str]) -> None: ...

    def cancel(self, work_id: str) -> None: ...

    async def stop(self, grace_s: float) -> None: ...
