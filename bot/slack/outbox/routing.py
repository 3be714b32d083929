"""
Where a row goes, and which lane keeps its order. Pure: rows in, routes out.

A message that was sent stays where it is: its later revisions are edits, wherever the run speaks
now. What hangs below it goes where it is.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from bot.slack.outbox.undelivered import notice_of
from bot.store.delivering import Board, Waiting

#: Seconds that a delivery waits for the run's room before it is said where the run was started:
#: the question whether the room was opened must not wait for the room.
ROOM_PATIENCE_S = 30.0

#: The calls a delivery makes when all goes well. Their budgets are asked before it starts.
CALLS: dict[str, tuple[str, ...]] = {
    "message": ("chat.postMessage",),
    "file": ("files.getUploadURLExternal", "files.completeUploadExternal"),
    "topic": ("conversations.setTopic",),
    "purpose": ("conversations.setPurpose",),
    "invite": ("conversations.invite",),
    "pin": ("pins.add",),
    "bookmark": ("bookmarks.add",),
    "ephemeral": ("chat.postEphemeral",),
}

Lane = tuple[str, ...]


@dataclass(frozen=True)
class Route:
    row: Waiting
    channel: str
    thread_ts: str | None = None
    ts: str | None = None  #: Of the message to edit or to pin.
    gives_way: bool = False  #: It failed again and again: the others of its lane go on.

    @property
    def is_edit(self) -> bool:
        return self.row.kind == "message" and self.ts is not None

    @property
    def is_post(self) -> bool:
        return self.row.kind in ("message", "file") and not self.is_edit

    @property
    def lane(self) -> Lane:
        """
        What appears in a channel keeps its order there. An edit moves nothing, so it waits for
        nobody and holds up nobody; so do a topic and its like. A file that is looked for is in
        its place, or comes late: what is below it can be read meanwhile.
        """
        if self.gives_way or self.row.name == notice_of(self.row.run):
            return ("alone", self.row.name)
        if self.row.kind == "file" and self.row.state == "unknown":
            return ("looked for", self.row.name)
        if self.is_edit:
            return ("edit", self.row.name)
        if self.is_post or self.row.kind == "ephemeral":
            return ("post", self.channel, self.thread_ts or "")
        return (self.row.kind, self.channel)

    @property
    def methods(self) -> tuple[str, ...]:
        if self.row.state == "unknown":
            return (self.reads,)
        return ("chat.update",) if self.is_edit else CALLS[self.row.kind]

    @property
    def reads(self) -> str:
        """The call that shows whether this arrived."""
        if self.row.kind == "bookmark":
            return "bookmarks.list"
        if self.row.kind == "file":
            return "files.info"
        return "conversations.replies" if self.thread_ts else "conversations.history"


def heads(board: Board, by_wall: float) -> Iterator[Waiting]:
    """Every row that is due, in the order to keep; of a name only its oldest open revision."""
    seen: set[str] = set()
    for row in board.rows:
        if row.name not in seen:
            seen.add(row.name)
            if row.state in ("sending", "unknown") or (row.not_before or 0.0) <= by_wall:
                yield row


class Router:
    """`fallback`: where to speak when a run has no channel that can be read."""

    def __init__(self, fallback: str | None) -> None:
        self._fallback = fallback
        self._known: dict[int, float] = {}  #: By the row's place in the order, since when.

    def route(
        self, row: Waiting, board: Board, now: float, gives_way: bool = False
    ) -> Route | None:
        """None: there is no place to show it yet. `now` by a clock that nobody sets."""
        there = board.sent.get(row.name)
        if there and row.kind == "message":
            return Route(row, there.channel, there.thread_ts, there.ts, gives_way)
        if row.thread:
            above = board.sent.get(row.thread)
            if above and row.kind == "pin":
                return Route(row, above.channel, ts=above.ts, gives_way=gives_way)
            if above:
                thread_ts = above.thread_ts or above.ts
                return Route(row, above.channel, thread_ts, gives_way=gives_way)
            if row.thread in board.names:
                return None
        channel = self._channel(row, board, now)
        return Route(row, channel, gives_way=gives_way) if channel else None

    def keep_only(self, seqs: Set[int]) -> None:
        self._known = {seq: since for seq, since in self._known.items() if seq in seqs}

    def _channel(self, row: Waiting, board: Board, now: float) -> str | None:
        room = board.rooms.get(row.run)
        origin, channel = (room.origin, room.channel) if room else (None, None)
        if row.place == "origin":
            return origin or channel or self._fallback
        if row.place != "run":
            return row.place
        if channel or (room and room.only_there):
            return channel
        waits = room is None or room.opens
        if waits and now - self._known.setdefault(row.seq, now) < ROOM_PATIENCE_S:
            return None
        return origin or self._fallback


def elsewhere(route: Route, board: Board, fallback: str | None) -> str | None:
    """Another channel of the run that was not tried yet."""
    room = board.rooms.get(route.row.run)
    tried = {*route.row.tried.split(","), route.channel}
    if room and room.only_there:
        return None
    known = (room.channel, room.origin, fallback) if room else (fallback,)
    return next((channel for channel in known if channel and channel not in tried), None)
