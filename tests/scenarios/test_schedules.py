"""
Somebody has a procedure started by the clock, reads its one report, stops it and takes it away:
the real Bolt app and a real outbox at the local Slack, and a clock that the test moves.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.access.member import Member
from bot.settings import SlackSettings
from bot.slack.app import build_app, identify
from bot.slack.calls import open_calls
from bot.slack.cards import Cards
from bot.slack.connection import Connection
from bot.slack.errands import Errands
from bot.slack.listeners.front import Front
from bot.slack.listeners.telling import Telling
from bot.slack.outbox import Outbox
from bot.slack.turned_away import TurnedAway
from bot.slack.views import names
from bot.slack.views.plots import draw
from bot.store import outbox as outbox_rows
from sandbox.slack.workspace import Workspace
from tests.credentials import given
from tests.engine.clockwork import MORNING, SetByHand, comes_to
from tests.engine.reporting import ACME, Speaking, Sync, book
from tests.engine.small_world import Bot, People, living_bot
from tests.slack.office import MANIFEST

OPS, DANA, VERA = "C0OPS", "U0DANA", "U0VERA"


class Waking(asyncio.Event):
    """What was committed is delivered, as in the assembly."""

    deliver: Callable[[], None] = staticmethod(lambda: None)

    def set(self) -> None:
        super().set()
        self.deliver()


@dataclass
class Place:
    slack: Workspace
    bot: Bot
    clock: SetByHand

    async def told(self, text: str, user: str = DANA) -> str:
        ack = await self.slack.command(user, OPS, "/runbook", text)
        assert ack.payload["response_type"] == "ephemeral", ack
        return str(ack.payload["text"])

    async def it_is(self, minutes: float) -> None:
        await comes_to(self.bot, self.clock, MORNING + timedelta(minutes=minutes))

    @property
    def messages(self) -> list[str]:
        return [str(one["text"]) for one in self.slack.messages(OPS)]

    async def all_is_over(self) -> None:
        for run in await self.bot.desk.recent(50, active=True):
            await self.bot.until(run.id, lambda run: run.ended_at is not None)


@asynccontextmanager
async def place(folder: Path, sync: Sync) -> AsyncIterator[Place]:
    slack, clock, people, changed = Workspace(manifest=MANIFEST), SetByHand(), People(), Waking()
    for user, name, role in ((DANA, "dana", "responder"), (VERA, "vera", "viewer")):
        slack.add_person(user, name)
        people.members[user] = Member(user, name, frozenset({role}))
    slack.add_channel("ops", [DANA, VERA], id=OPS)
    await slack.start()
    quiet = book(sync, "DAILY-002", "on change")
    async with (
        open_calls(SlackSettings(api_url=slack.api_url), given(slack.bot_token)) as calls,
        living_bot(
            folder, book=quiet, clock=clock, people=people, announcer=Speaking(),
            put=outbox_rows.put, changed=changed,
        ) as bot,
    ):  # fmt: skip
        store, errands = bot.engine.store, Errands()
        outbox = Outbox(store, calls, draw)
        changed.deliver = outbox.wake
        outbox.start()
        identity = await identify(calls)
        away = TurnedAway(bot.desk.turned_away, errands)
        telling = Telling(calls, errands)
        front = Front(bot.desk, telling, identity.team_id, away, Cards(store).shows)
        app = build_app(front, identity)
        connection = Connection(app, given(slack.app_token), calls.client, errands, away)
        await connection.open()
        await slack.wait_connected()
        try:
            yield Place(slack, bot, clock)
        finally:
            await connection.close(2.0)
            await outbox.stop(2.0)
            await slack.stop()


async def test_it_is_added_fires_reports_once_and_is_paused_and_removed(tmp_path: Path) -> None:
    sync = Sync({ACME: "problem"}, "3 h ago")
    async with place(tmp_path, sync) as at:
        assert "You need the role" in await at.told('schedule add "0 8 * * *" DAILY-002', VERA)
        added = await at.told('schedule add "*/15 * * * *" DAILY-002 zone=Europe/Berlin')
        assert "Fri 6 March 08:15, Fri 6 March 08:30, Fri 6 March 08:45 (Europe/Berlin)" in added
        schedule = added.split()[1]

        await at.it_is(14)
        assert at.messages == []
        await at.it_is(15)
        (report,) = await at.slack.wait_for(lambda: at.slack.messages(OPS))
        assert "1 TURNED BAD" in report["text"] and f"{ACME}: last sync 3 h ago" in report["text"]
        thread = await at.slack.wait_for(lambda: at.slack.messages(OPS, report["ts"])[1:])
        assert thread and "Last sync" in thread[0]["text"]
        await at.all_is_over()
        for minutes in (30, 45):
            await at.it_is(minutes)
            await at.all_is_over()
        listed = await at.told("schedule list", VERA)
        assert schedule in listed and "last PROBLEM" in listed and "in <#C0OPS>" in listed

        await at.told("schedule")
        seen = at.slack.ephemerals(DANA, OPS)[-1]
        pause = f"{names.PAUSE_SCHEDULE}:{schedule}"
        assert (await at.slack.click(DANA, OPS, seen["ts"], None, pause)).acked
        await at.slack.wait_for(
            lambda: "is paused" in str(at.slack.ephemerals(DANA, OPS)[-1]["text"]) or None
        )
        sync.stale = {}
        await at.it_is(60)
        await at.told(f"schedule resume {schedule}")
        await at.it_is(75)
        await at.slack.wait_for(lambda: len(at.messages) == 2 or None)
        assert "1 WELL AGAIN" in at.messages[-1] and "after 60 min" in at.messages[-1]

        assert "is removed" in await at.told(f"schedule remove {schedule}")
        await at.it_is(90)
        await at.all_is_over()
        assert "Nothing is started by the clock" in await at.told("schedule")
        assert len(at.messages) == 2 and len(await at.bot.desk.recent(50)) == 4
        typed = await at.slack.command(DANA, OPS, "/runbook", "DAILY-002")
        assert typed.acked
        await at.slack.wait_for(lambda: len(at.messages) == 3 or None)
        assert "ALL WELL" in at.messages[-1]
        assert not any(names.TIMELINE not in str(one) for one in at.slack.messages(OPS))


@pytest.mark.parametrize("asked", ["resume", "remove"])
async def test_who_may_not_presses_nothing_and_types_nothing(tmp_path: Path, asked: str) -> None:
    async with place(tmp_path, Sync()) as at:
        added = await at.told('schedule add "0 8 * * *" DAILY-002')
        schedule = added.split()[1]
        assert "You need the role" in await at.told(f"schedule {asked} {schedule}", VERA)
        assert len(await at.bot.desk.schedules()) == 1
