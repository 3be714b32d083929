"""
A small runbook, the levers that it pulls, and a bot that runs it: the engine, the store and, where
they are wanted, the cards in Slack, without anything else that a bot has around them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from bot.access.acts import Frozen
from bot.access.member import Member
from bot.engine.calling import Surroundings
from bot.engine.desk import EngineDesk
from bot.engine.engine import Engine
from bot.engine.freezing import UNDER_WAY
from bot.engine.intents import Actor, Noted, Started, StartRun
from bot.engine.record import Announcer, Origin, RunRecord, Said, Thaw
from bot.engine.runners.local import LocalRunner
from bot.engine.systems import Systems
from bot.engine.taking import PutDeliveries
from bot.runbook import (
    CHANGE,
    Adapter,
    Change,
    Facts,
    Found,
    Key,
    Plan,
    Runbook,
    RunbookInputs,
    Seen,
    pair,
)
from bot.runbook.durations import hours
from bot.runbook.words import ok, plan
from bot.settings import SlackSettings
from bot.slack.announcer import SlackAnnouncer
from bot.slack.calls import open_calls
from bot.slack.outbox import Outbox
from bot.slack.views.plots import draw
from bot.store import outbox as outbox_rows
from bot.store.deliveries import Delivery
from bot.store.delivering import board
from bot.store.store import Store
from bot.store.tables import runs
from tests.credentials import given

STEPS = 20  #: Of the runbook that only reads.
DANA, RAVI = Actor("U0DANA", "T1"), Actor("U0RAVI", "T1")
WHERE = Origin("C0GENERAL", "general")
#: Seconds until an approval that nobody gives expires: not while this is measured.
EXPIRES_AFTER_S = 30 * 86_400.0
PATIENCE_S, LOOKS_EVERY_S = 60.0, 0.02


class Lever(Facts):
    is_down: bool


class Pull(Change):
    effect = CHANGE

    lever: str

    def target(self) -> str:
        return f"lever/{self.lever}"

    def command(self) -> str:
        return f"pull {self.lever}"

    def then(self) -> str:
        return "it is down"

    def undo(self) -> None:
        return None


class Levers(Adapter):
    """They are up until they are pulled. `heard`: what waits for somebody to come to a lever."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.heard: dict[str, asyncio.Future[float]] = {}
        self.held = asyncio.Event()  #: Somebody holds on to a lever for as long as it is not set.
        self.holding: list[float] = []  #: When each of them came, in seconds since the epoch.
        self.came = asyncio.Event()

    def read(self, lever: str) -> Lever:
        if (waiting := self.heard.pop(lever, None)) and not waiting.done():
            waiting.set_result(time.perf_counter())
        return Lever(is_down=lever in self.down)

    async def hold(self) -> None:
        self.holding.append(time.time())
        self.came.set()
        await self.held.wait()

    async def _see(self, change: Pull) -> Seen:
        is_down = self.read(change.lever).is_down
        return Seen("applied", "it is down") if is_down else Seen("before", "it is up")

    async def _pull(self, change: Pull, key: Key) -> None:
        self.down.add(change.lever)

    alters = (pair(Pull, observe=_see, apply=_pull),)


class Inputs(RunbookInputs):
    lever: str = "main"


async def reads(inputs: Inputs, levers: Levers) -> Found[Lever]:
    """The body of every step that is measured."""
    return ok("It is there", levers.read(inputs.lever))


def pulling() -> Runbook:
    """Two checks at once, an action that needs an approval, and a check at the end."""
    book = Runbook(id="RB-B-001", title="Levers", severity="P3", category="Test", inputs=Inputs)
    look = book.section("Look", together=True)

    @look.check("Is it there?")
    async def there(inputs: Inputs, levers: Levers) -> Found[Lever]:
        return await reads(inputs, levers)

    @look.check("Is it oiled?")
    async def oiled(inputs: Inputs, levers: Levers) -> Found[Lever]:
        return await reads(inputs, levers)

    act = book.section("Act", pick=True)

    @act.action("Pull it")
    async def pull(inputs: Inputs, levers: Levers) -> Plan[Pull]:
        levers.read(inputs.lever)
        return plan(Pull(lever=inputs.lever))

    after = book.section("After")

    @after.check("Is it still there?")
    async def still(inputs: Inputs, levers: Levers) -> Found[Lever]:
        return await reads(inputs, levers)

    return book


def reading() -> Runbook:
    """One check after another."""
    book = Runbook(id="RB-B-020", title="Reads", severity="P3", category="Test", inputs=Inputs)
    section = book.section("Read")
    for number in range(1, STEPS + 1):

        async def body(inputs: Inputs, levers: Levers) -> Found[Lever]:
            return await reads(inputs, levers)

        body.__name__ = f"read_{number}"
        section.check(f"Is it there, {number}?")(body)
    return book


def holding() -> Runbook:
    """A check that does not end by itself."""
    book = Runbook(id="RB-B-002", title="Holds", severity="P3", category="Test", inputs=Inputs)
    section = book.section("Hold")

    @section.check("Hold on to it", limit=hours(1))
    async def hold(levers: Levers) -> Found[Lever]:
        await levers.hold()
        return ok("Held", Lever(is_down=True))

    return book


BOOKS = {book.id: book for book in (pulling(), reading(), holding())}


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


def cards() -> SlackAnnouncer:
    return SlackAnnouncer()
