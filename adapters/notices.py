"""What everybody in a run's channel must read: a message of its own, which notifies them."""

import shlex
from typing import Literal, Protocol

from pydantic import Field

from adapters.plain import plain
from bot.runbook import CHANGE, Adapter, Change, Key, Seen, pair
from bot.runbook.mrkdwn import inert


class Room(Protocol):
    """The run's channel. What is said under an `op` is said once. Texts are Slack's mrkdwn."""

    async def say(self, op: str, run: str, text: str) -> None: ...

    async def state(self, op: str) -> Literal["absent", "queued", "delivered", "dead"]: ...


class PostNotice(Change):
    """Put to the whole channel. Under one name it is said once in a run."""

    effect = CHANGE
    ours = True
    repeatable = True

    run: str
    name: str = Field(pattern=r"^[A-Za-z-]{1,40}$")
    text: str = Field(min_length=1, max_length=1000)

    def target(self) -> str:
        return f"notice/{self.run}/{self.name}"

    def command(self) -> str:
        return f"tell the channel {shlex.quote(plain(self.text))}"

    @property
    def op(self) -> str:
        return f"{self.run}/notice/{self.name}"


class Notices(Adapter):
    def __init__(self, room: Room) -> None:
        self._room = room

    async def _see(self, change: PostNotice) -> Seen:
        state = await self._room.state(change.op)
        if state == "absent":
            return Seen("before", "It was not said in the channel yet")
        if state == "dead":
            return Seen("unreadable", "Slack refused it: tell everybody yourself")
        if state == "queued":
            return Seen("applying", "It is on its way to the channel")
        return Seen("applied", "It was said in the channel")

    async def _post(self, change: PostNotice, key: Key) -> None:
        text = f"<!channel> *{inert(plain(change.text, 1000))}*"
        await self._room.say(change.op, change.run, text)

    alters = (pair(PostNotice, observe=_see, apply=_post, permissions=("chat:write",)),)
