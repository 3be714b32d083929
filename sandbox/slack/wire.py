"""
Small pieces of Slack's wire format: JSON objects, ids and timestamps.

A message's `ts` is its identity in its channel, so no two are the same and later ones sort later.
"""

import secrets
from typing import Any

from sandbox.slack.clock import Clock

Json = dict[str, Any]

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


def new_id(prefix: str) -> str:
    return prefix + "0" + "".join(secrets.choice(_ALPHABET) for _ in range(9))


class Stamps:
    """Hands out timestamps in Slack's notation, seconds and microseconds, never one twice."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_us = 0

    def next(self) -> str:
        self._last_us = max(self._last_us + 1, int(self._clock.now() * 1_000_000))
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"


class Failure(Exception):
    """A Web API call that Slack refuses: a documented error name, and what goes along."""

    def __init__(self, error: str, *messages: str, **more: object) -> None:
        super().__init__(error)
        self.error = error
        self.body: Json = {"ok": False, "error": error, **more}
        if messages:
            self.body["response_metadata"] = {"messages": list(messages)}
