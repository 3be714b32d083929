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
    """
    Counted from when a delivery could have gone: waiting for a room is not Slack's fault. Times
    are by a clock that nobody sets.
    """

    def __init__(self) -> None:
        self._ready: dict[int, float] = {}  #: By the row's place in the order, since when.
        self._late: dict[str, float] = {}  #: By run, since when its oldest delivery waits.

    def see(self, routes: Sequence[Route], now: float) -> set[str]:
        """What could go and has not. The runs whose card must say something else now."""
        self._ready = {route.row.seq: self._ready.get(route.row.seq, now) for route in routes}
        late: dict[str, float] = {}
        for route in routes:
            since = self._ready[route.row.seq]
            if now - since > VISIBLE_AFTER_S:
                late[route.row.run] = min(since, late.get(route.row.run, since))
        changed = self._late.keys() ^ late.keys()
        self._late = late
        return changed

    def behind(self, now: float) -> timedelta | None:
        oldest = min(self._ready.values(), default=now)
        return timedelta(seconds=now - oldest) if now - oldest > VISIBLE_AFTER_S else None

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
