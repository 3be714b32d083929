"""
Which deliveries fail again and again, and what follows.

Slack may be away, and it may fail on one message for ever. From that one message the two look
alike. They differ in what becomes of others: a delivery is given up only when Slack took others
while it failed, so an outage loses nothing, however long. Kept in memory: a new life counts anew.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from bot.slack.outbox.routing import Lane, Route
from bot.slack.outbox.undelivered import TOLD, notice_of
from bot.store.delivering import Waiting

#: Tries after which it holds up nobody any more, and after which people are told. Half a minute
#: and one and a half have passed by then: a short outage changes no order and is not talked about.
GIVES_WAY_AFTER, TOLD_AFTER = 5, 7
#: Tries that may fail although Slack takes others, the first of them with blocks, the rest with
#: its text alone. What is no message waits for longer: it holds up nobody and says less.
LAST_TRIES, LAST_TRIES_OF_THE_REST = 5, 12
LONGEST_REST_S = 30.0
#: Times that a delivery may fail in the bot's own code.
STUMBLES_AT_MOST = 3


@dataclass
class Trouble:
    """One delivery that failed."""

    route: Route
    why: str = "Slack does not show it"
    tries: int = 0  #: All of them failed, or nobody could look what became of them.
    rest_s: float = 0.0
    gives_way: bool = False  #: The rest of its lane goes on without it.
    alone: int = 0  #: Tries that failed although Slack took others.
    cannot_look: bool = False
    #: What Slack had taken of others when this one had failed often, when it was sent last, and
    #: when it was looked for last.
    taken_then: int | None = None
    taken_at_send: int = 0
    taken_at_look: int = 0

    @property
    def is_to_blame(self) -> bool:
        return self.alone > 0

    @property
    def left(self) -> int:
        """Tries."""
        is_message = self.route.row.kind == "message"
        return (LAST_TRIES if is_message else LAST_TRIES_OF_THE_REST) - self.alone

    @property
    def is_told(self) -> bool:
        row = self.route.row
        known = row.kind in TOLD and row.name != notice_of(row.run)
        return known and self.tries >= TOLD_AFTER

    @property
    def reason(self) -> str:
        why = self.why.rstrip(".")
        return f"{why}. It failed {self.tries} times, and Slack took others meanwhile."


class Troubles:
    """By the row's place in the order, which stays when a newer revision takes its place."""

    def __init__(self) -> None:
        self._troubles: dict[int, Trouble] = {}
        self._taken: Counter[str] = Counter()
        self._stumbles: Counter[int] = Counter()

    def suspect(self, route: Route, why: str) -> None:
        """Its answer was lost, or is none: why, should it turn out not to be there."""
        self._of(route).why = why

    def tries(self, route: Route) -> None:
        """It is sent now, or looked for."""
        if trouble := self._troubles.get(route.row.seq):
            taken = self._taken[_sort(route)]
            if route.row.state == "unknown":
                trouble.taken_at_look = taken
            else:
                trouble.taken_at_send = taken

    def failed(self, route: Route, why: str, *, is_absent: bool) -> Trouble:
        """It is not there, or nobody can look. `why`: '' when that is known from before."""
        trouble = self._of(route)
        trouble.why = why or trouble.why
        was_counted, trouble.cannot_look = trouble.cannot_look, not is_absent
        if is_absent and was_counted:
            trouble.rest_s = 0.0  # one can look again
            return trouble
        trouble.tries += 1
        trouble.rest_s = min(2.0**trouble.tries, LONGEST_REST_S)
        taken = trouble.taken_at_send if is_absent else trouble.taken_at_look
        if trouble.taken_then is not None and taken > trouble.taken_then:
            trouble.alone += 1
        if trouble.tries == GIVES_WAY_AFTER:
            trouble.taken_then = self._taken[_sort(route)]
        trouble.gives_way = trouble.gives_way or self._may_give_way(trouble)
        return trouble

    def arrived(self, route: Route) -> bool:
        """Whether people were told that it had not."""
        row = route.row
        if row.name == notice_of(row.run):
            self._taken.update(("post", "edit"))
        elif row.kind == "message":
            self._taken[_sort(route)] += 1
        trouble = self._troubles.pop(row.seq, None)
        return trouble is not None and trouble.is_told

    def back_in_line(self) -> Sequence[int]:
        """
        Slack took something. What gave way and may have waited for nothing but that goes next, in
        its place.
        """
        waiting = {
            seq: one
            for seq, one in self._troubles.items()
            if one.gives_way and not one.is_to_blame
        }
        for trouble in waiting.values():
            trouble.gives_way = False
        return list(waiting)

    def stumbled(self, seq: int) -> bool:
        """It failed in the bot's own code. Whether that is enough."""
        self._stumbles[seq] += 1
        return self._stumbles[seq] >= STUMBLES_AT_MOST

    def gives_way(self, seq: int) -> bool:
        return seq in self._troubles and self._troubles[seq].gives_way

    def is_to_blame(self, seq: int) -> bool:
        return seq in self._troubles and self._troubles[seq].is_to_blame

    def eased(self, row: Waiting, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Its text alone, when Slack takes others and not this: its blocks may be to blame."""
        is_plain = row.kind == "message" and self.is_to_blame(row.seq)
        return {**payload, "blocks": []} if is_plain else payload

    def note(self, seq: int) -> str | None:
        """What is to be remembered of one that arrived at last."""
        tries = self._troubles[seq].tries if seq in self._troubles else 0
        alone = ", its text alone" if self.is_to_blame(seq) else ""
        return f"after {tries} tries that failed{alone}" if tries else None

    def told(self, run: str) -> Sequence[str]:
        """The names of what people were told of, and is tried on."""
        mine = (t for t in self._troubles.values() if t.route.row.run == run)
        return [trouble.route.row.name for trouble in mine if trouble.is_told]

    def forget(self, seq: int) -> None:
        """It is tried no more, or somewhere else."""
        self._troubles.pop(seq, None)

    def keep_only(self, seqs: Set[int]) -> None:
        self._troubles = {seq: one for seq, one in self._troubles.items() if seq in seqs}
        self._stumbles = Counter({seq: n for seq, n in self._stumbles.items() if seq in seqs})

    def _of(self, route: Route) -> Trouble:
        return self._troubles.setdefault(route.row.seq, Trouble(route))

    def _may_give_way(self, trouble: Trouble) -> bool:
        """One of a lane at a time: when Slack is away, the others keep their order."""
        lane: Lane = trouble.route.lane
        others = (
            one
            for one in self._troubles.values()
            if one is not trouble and one.gives_way and not one.is_to_blame
        )
        return trouble.tries >= GIVES_WAY_AFTER and all(one.route.lane != lane for one in others)


def _sort(route: Route) -> str:
    return "edit" if route.is_edit else "post"
