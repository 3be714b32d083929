"""
Telling whoever watches the workspace that something in it changed.

Pages subscribe to events; tests wait for a condition. Nobody polls.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sandbox.slack.wire import Json

T = TypeVar("T")


@dataclass(eq=False)
class Subscription:
    user_id: str
    events: asyncio.Queue[Json | None] = field(default_factory=asyncio.Queue)

    def close(self) -> None:
        """Nothing more comes: the queue ends with None."""
        self.events.put_nowait(None)


class Changes:
    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._waiting: set[asyncio.Event] = set()

    def tell(self, event: Json, user_id: str | None = None) -> None:
        """`user_id`: only that person sees it; None: everyone."""
        for subscription in self._subscriptions:
            if user_id in (None, subscription.user_id):
                subscription.events.put_nowait(event)
        self.look_again()

    def look_again(self) -> None:
        """Something else may have changed that somebody waits for."""
        for waiting in self._waiting:
            waiting.set()

    def subscribe(self, user_id: str) -> Subscription:
        subscription = Subscription(user_id)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    async def wait_for(self, predicate: Callable[[], T], timeout_s: float) -> T:
        """What `predicate` returned once it was true; TimeoutError when it never was."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while not (found := predicate()):
                    changed.clear()
                    await changed.wait()
                return found
        finally:
            self._waiting.discard(changed)
