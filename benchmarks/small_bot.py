"""
A bot that runs the small runbooks of benchmarks/levers.py: the engine, its store and, where they
are wanted, the cards in Slack, without anything else that a bot has around them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from benchmarks.levers import BOOKS, Levers
from bot.access.acts import Frozen
from bot.access.member import Member
from bot.engine.calling import Surroundings
from bot.engine.desk import EngineDesk
from bot.engine.engine import Engine
from bot.engine.freezing import UNDER_WAY
from bot.engine.intents import Actor, Noted, Started, StartRun
from bot.engine.record import Announcer, Origin, RunRecord, Said, Thaw, Trouble
from bot.engine.runners.local import LocalRunner
from bot.engine.systems import Systems
from bot.engine.taking import PutDeliveries
from bot.settings import SlackSettings
from bot.slack.calls import open_calls
from bot.slack.outbox import Outbox
from bot.slack.views.plots import draw
from bot.store import outbox as outbox_rows
from bot.store.deliveries import Delivery
from bot.store.delivering import board
from bot.store.store import Store
from bot.store.tables import runs
from tests.credentials import given

DANA, RAVI = Actor("U0DANA", "T1"), Actor("U0RAVI", "T1")
WHERE = Origin("C0GENERAL", "general")
#: Seconds until an approval that nobody gives expires: not while this is measured.
EXPIRES_AFTER_S = 30 * 86_400.0
PATIENCE_S, LOOKS_EVERY_S = 60.0, 0.02


class Everybody:
    """Whoever asks is an operator."""

    async def member(self, user_id: str) -> Member:
        return Member(user_id, user_id.lower(), frozenset({"operator", "responder", "viewer"}))


class Silent:
    """Has nothing to say to anybody."""

    def announce(self, run: RunRecord, said: Sequence[Said]) -> Sequence[Delivery]:
        return ()

    def announce_freeze(self, frozen: Frozen, thaw: Thaw | None = None) -> Sequence[Delivery]:
        return ()

    def announce_trouble(self, trouble: Trouble) -> Sequence[Delivery]:
        return ()


def _nowhere(_c: sa.Connection, _run_id: str, _deliveries: Sequence[Delivery]) -> None:
    return None


@dataclass
class SmallBot:
    store: Store
    engine: Engine
    desk: EngineDesk
    levers: Levers
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def intent(self, book: str, lever: str) -> StartRun:
        return StartRun(book, {"lever": lever}, DANA, WHERE, f"begin {lever}")

    async def begin(self, book: str, lever: str) -> str:
        started = await self.desk.start_run(self.intent(book, lever))
        assert isinstance(started, Started), started
        return started.run_id

    async def until(self, run_id: str, truth: Callable[[RunRecord], bool]) -> RunRecord:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self.changed.clear()
                run = await self.desk.record(run_id)
                assert run
                if truth(run):
                    return run
                await self.changed.wait()

    async def planned(self, lever: str) -> tuple[str, str]:
        """A run whose plan waits for approval, and the plan."""
        run_id = await self.begin("RB-B-001", lever)
        await self.until(run_id, lambda run: run.open_pick == "act")
        await self.picks(run_id, lever)
        run = await self.until(run_id, lambda run: bool(run.approvals))
        return run_id, next(iter(run.approvals))

    async def picks(self, run_id: str, lever: str) -> None:
        assert isinstance(await self.desk.pick(run_id, "pull", DANA, f"pick {lever}"), Noted)

    async def approves(self, plan: str, lever: str) -> None:
        said = await self.desk.decide(plan, RAVI, True, "", "", f"approve {lever}")
        assert isinstance(said, Noted), said

    async def finishes(self, run_id: str, lever: str) -> None:
        await self.until(run_id, lambda run: run.steps["pull"].status == "given")
        await self.desk.close(run_id, "act", DANA, f"close {lever}")
        await self.until(run_id, lambda run: run.status == "finished")

    async def reaching(self, lever: str, click: Awaitable[None]) -> float:
        """Milliseconds from a click until the body of the next step has come to its lever."""
        reached: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.levers.heard[lever] = reached
        began = time.perf_counter()
        await click
        async with asyncio.timeout(PATIENCE_S):
            return (await reached - began) * 1000

    async def delivered(self) -> None:
        """Until there is nothing left to be shown in Slack."""
        await self.comes(lambda c: not board(c).rows)

    async def all_finished(self, book: str) -> None:
        mine = (runs.c.book == book) & runs.c.status.in_(UNDER_WAY)
        query = sa.select(runs.c.id).where(mine).limit(1)
        await self.comes(lambda c: c.execute(query).first() is None)

    async def comes(self, truth: Callable[[sa.Connection], bool]) -> None:
        """Until it is true of the rows, which are looked at rarely enough to disturb nobody."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self.store.read(truth):  # noqa: ASYNC110
                await asyncio.sleep(LOOKS_EVERY_S)


@asynccontextmanager
async def small_bot(
    url: str, announcer: Announcer | None = None, slack: tuple[str, str] | None = None
) -> AsyncIterator[SmallBot]:
    """
    `announcer`: whose deliveries become rows; none: nobody has anything to say. `slack`: the
    address and the token of a workspace that they are delivered to.
    """
    async with AsyncExitStack() as stack:
        store, levers, changed = Store(url), Levers(), asyncio.Event()
        await store.open()
        stack.push_async_callback(store.close)
        wake: list[Callable[[], None]] = [changed.set]
        if slack:
            outbox = await _outbox(stack, store, *slack)
            wake.append(outbox.wake)
        put: PutDeliveries = outbox_rows.put if announcer else _nowhere

        def on_commit() -> None:
            for each in wake:
                each()

        engine = Engine(
            store, BOOKS, Surroundings(Systems(levers)), announcer or Silent(), put, Everybody(),
            LocalRunner(), expires_after_s=EXPIRES_AFTER_S, on_commit=on_commit,
        )  # fmt: skip
        await engine.start()
        stack.push_async_callback(engine.stop, 0.1)
        yield SmallBot(store, engine, EngineDesk(engine), levers, changed)


async def _outbox(stack: AsyncExitStack, store: Store, api_url: str, token: str) -> Outbox:
    settings = SlackSettings(api_url=api_url)
    calls = await stack.enter_async_context(open_calls(settings, given(token)))
    outbox = Outbox(store, calls, draw)
    outbox.start()
    stack.push_async_callback(outbox.stop, 5.0)
    return outbox
