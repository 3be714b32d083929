"""
How long Slack is behind, and the line on a run's card that says so: a tired person must be able to
tell "nothing happens" from "Slack is slow".
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from bot.slack.outbox.routing import Route

#: A delivery that waits longer than this is visible.
VISIBLE_AFTER_S = 10.0
#: Of one message.
MOST_BLOCKS = 50


class Lateness:
    def __init__(self) -> None:
        self._oldest: float | None = None
        self._late: dict[str, float] = {}  #: Since when a run's oldest delivery is due.

    def see(self, routes: Sequence[Route], now: float) -> set[str]:
        """What could go and has not. The runs whose card must say something else now."""
        self._oldest = min((route.row.due_at for route in routes), default=None)
        late: dict[str, float] = {}
        for route in routes:
            if now - route.row.due_at > VISIBLE_AFTER_S:
                since = late.get(route.row.run, route.row.due_at)
                late[route.row.run] = min(since, route.row.due_at)
        changed = self._late.keys() ^ late.keys()
        self._late = late
        return changed

    def behind(self, now: float) -> timedelta | None:
        if self._oldest is None or now - self._oldest <= VISIBLE_AFTER_S:
            return None
        return timedelta(seconds=now - self._oldest)

    def stamped(self, route: Route, payload: Mapping[str, Any], now: float) -> Mapping[str, Any]:
        """The run's card says how far behind Slack is, while it is."""
        since = self._late.get(route.row.run)
        if since is None or route.row.name != f"{route.row.run}/card":
            return payload
        line = f"Slack is {now - since:.0f} s behind: what is newer is on its way."
        note = {"type": "context", "elements": [{"type": "plain_text", "text": line}]}
        blocks = list(payload.get("blocks") or [])
        if 0 < len(blocks) < MOST_BLOCKS:
            blocks.append(note)
        return {**payload, "text": f"{payload['text']}\n{line}", "blocks": blocks}
