"""A run's own channel, for the adapters that speak there."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from bot.engine.desk import EngineDesk
from bot.engine.engine import Engine
from bot.engine.record import Said
from bot.slack.outbox import Outbox
from bot.slack.views.escape import cut_mrkdwn
from bot.slack.views.kit import mrkdwn, section
from bot.slack.views.limits import SECTION_TEXT
from bot.slack.views.timeline import timeline, timeline_name, timeline_text
from bot.store.deliveries import Delivery, message
from bot.store.rooms import remember_room, room_of


@dataclass
class RunRoom:
    """
    A run's own channel, for the adapters that speak there: what they say goes through the outbox,
    once, below the name (`op`) they give it.
    """

    outbox: Outbox
    engine: Engine | None = None

    async def remember(self, run_id: str, channel_id: str, name: str) -> None:
        """The channel is open: what waited for it goes there, and people are told."""
        assert self.engine
        engine = self.engine

        def write(c: sa.Connection) -> None:
            there = room_of(c, run_id)
            if there is None or there.channel != channel_id:
                remember_room(c, run_id, channel_id, name)
                engine.taker.tell(c, run_id, [Said("room opened")])

        await engine.write(write)

    async def say(
        self, op: str, run: str, text: str, *, not_before: datetime | None = None
    ) -> None:
        at = not_before.timestamp() if not_before else None
        shown = cut_mrkdwn(text, SECTION_TEXT)
        blocks = [section(mrkdwn(shown))]  # In which a bare address is no link.
        await self.outbox.put(run, [message(op, text, blocks, not_before=at)])

    async def attach(self, op: str, run: str, filename: str, content: bytes, title: str) -> None:
        await self.outbox.put(run, [_file(op, filename, content, title)])

    async def state(self, op: str) -> Literal["absent", "queued", "delivered", "dead"]:
        row = (await self.outbox.states([op])).get(op)
        if row is None:
            return "absent"
        if row == "dead":
            return "dead"
        return "delivered" if row == "sent" else "queued"

    async def timeline(self, run_id: str) -> Sequence[Delivery]:
        assert self.engine
        run = await EngineDesk(self.engine).record(run_id)
        assert run
        shown, name = timeline(run), f"{run_id}/timeline"
        whole = timeline_text(run).encode()
        return (
            message(name, shown.text, shown.blocks),
            _file(f"{name}/file", timeline_name(run), whole, f"Timeline of run {run_id}"),
        )


def _file(name: str, filename: str, content: bytes, title: str) -> Delivery:
    payload = {
        "filename": filename,
        "title": title,
        "alt_text": title,
        "content": base64.b64encode(content).decode(),
    }
    return Delivery(name, "file", payload)
