"""A small outside world, a book about it, and an engine that runs the book: for engine tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import Field

from bot.access.acts import Frozen
from bot.access.member import Member
from bot.access.policy import DEFAULT, Policy
from bot.engine.calling import Surroundings
from bot.engine.clock import Clock
from bot.engine.desk import EngineDesk
from bot.engine.ended import ApplyTiming
from bot.engine.engine import Engine
from bot.engine.intents import Actor, Started, StartRun
from bot.engine.record import Origin, RunRecord, Said, StepRecord, Thaw, Trouble
from bot.engine.runners.local import LocalRunner
from bot.engine.systems import Systems
from bot.engine.taking import PutDeliveries
from bot.runbook import (
    CHANGE,
    DESTROY,
    Adapter,
    Change,
    Company,
    Facts,
    Found,
    Key,
    Nothing,
    Pair,
    Person,
    Plan,
    Question,
    Runbook,
    RunbookInputs,
    Seen,
    Watched,
    pair,
)
from bot.runbook.durations import seconds
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.runbook.words import not_yet, nothing, ok, plan, problem, question
from bot.store.deliveries import Delivery
from bot.store.store import Store
from bot.store.tables import audit
from tests.store.empty import empty_store


class Lamp(Facts):
    color: str


class Paint(Change):
    effect = CHANGE
    repeatable = True

    lamp: str
    color: str

    def target(self) -> str:
        return f"lamp/{self.lamp}"

    def command(self) -> str:
        return f"paint {self.lamp} {self.color}"

    def then(self) -> str:
        return f"{self.lamp} is {self.color}"

    def undo(self) -> "Paint | None":
        if self.replacing is None:
            return None
        return Paint(lamp=self.lamp, color=self.replacing, replacing=self.color)


class Smash(Change):
    effect = DESTROY

    lamp: str

    def target(self) -> str:
        return f"lamp/{self.lamp}"

    def command(self) -> str:
        return f"smash {self.lamp}"

    def then(self) -> str:
        return "gone"


class Hello(Change):
    effect = CHANGE
    ours = True
    repeatable = True

    text: str

    def target(self) -> str:
        return "hello"

    def command(self) -> str:
        return f"say {self.text}"


@dataclass
class World:
    """What is really there, and every effect that was really made."""

    lamps: dict[str, str] = field(default_factory=lambda: {"hall": "red", "attic": "red"})
    effects: list[str] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    lose_answers: int = 0  #: So many calls take effect, and the answer is lost.
    refuse: str = ""
    blind: bool = False  #: Nothing can be seen.
    after_call: Callable[[], None] = lambda: None  #: What happens in the world with each call.
    blind_after_loss: bool = False  #: Nothing can be seen once an answer was lost.
    hold: asyncio.Event | None = None  #: A call waits for this before it takes effect.
    calling: asyncio.Event = field(default_factory=asyncio.Event)
    on_look: Callable[[str], Awaitable[None]] | None = None  #: Before a look for a change's sake.
    sent: list[str] = field(default_factory=list)  #: Every call that was made.
    kept_out: int = 0  #: So many calls are not taken, and have no effect.
    vanish: bool = False  #: Calls get lost on their way there.
    looked: asyncio.Event = field(default_factory=asyncio.Event)  #: Somebody looked at a lamp.

    def make(self, command: str, key: Key) -> None:
        """`key` is the same for each call of one change."""
        self.effects.append(command)


class Lamps(Adapter):
    def __init__(self, world: World) -> None:
        self._world = world

    async def lamp(self, name: str) -> Lamp:
        self._world.looked.set()
        if self._world.blind:
            raise Unreachable(f"lamp {name} does not answer")
        return Lamp(color=self._world.lamps[name])

    async def _see_paint(self, change: Paint) -> Seen:
        if self._world.on_look:
            await self._world.on_look(change.lamp)
        now = (await self.lamp(change.lamp)).color
        if now == change.color:
            return Seen("applied", f"{change.lamp} is {now}")
        return Seen("before" if now == change.replacing else "drifted", f"{change.lamp} is {now}")

    async def _paint(self, change: Paint, key: Key) -> None:
        await self._effect(change.command(), key)
        self._world.lamps[change.lamp] = change.color
        self._answer()

    async def _see_smash(self, change: Smash) -> Seen:
        gone = change.lamp not in self._world.lamps
        return Seen("applied" if gone else "before", "gone" if gone else "there")

    async def _smash(self, change: Smash, key: Key) -> None:
        await self._effect(change.command(), key)
        del self._world.lamps[change.lamp]
        self._answer()

    async def _see_hello(self, change: Hello) -> Seen:
        return Seen("applied" if change.text in self._world.said else "before", "heard")

    async def _hello(self, change: Hello, key: Key) -> None:
        await self._effect(change.command(), key)
        self._world.said.add(change.text)
        self._answer()

    async def _effect(self, command: str, key: Key) -> None:
        self._world.sent.append(command)
        self._world.calling.set()
        if self._world.kept_out:
            self._world.kept_out -= 1
            raise NothingDone("too many calls", 0.01)
        if self._world.vanish:
            raise Unreachable("no answer")
        if self._world.hold:
            await self._world.hold.wait()
        if self._world.refuse:
            raise Refused(self._world.refuse)
        self._world.make(command, key)
        self._world.after_call()

    def _answer(self) -> None:
        if self._world.lose_answers:
            self._world.lose_answers -= 1
            self._world.blind |= self._world.blind_after_loss
            raise Unreachable("the connection was dropped")

    alters: ClassVar[tuple[Pair, ...]] = (
        pair(Paint, observe=_see_paint, apply=_paint),
        pair(Smash, observe=_see_smash, apply=_smash),
        pair(Hello, observe=_see_hello, apply=_hello),
    )


class Inputs(RunbookInputs):
    lamp: str = Field(default="hall", pattern=r"^[a-z]+$", description="lowercase letters")
    color: str = Field(default="red", pattern=r"^[a-z]+$")


def make_book() -> Runbook:
    book = Runbook(id="RB-T-001", title="Lamps", severity="P3", category="Test", inputs=Inputs)
    once_more = book.next_hop("RB-T-001", "Once more")
    first = book.section("First", holds=False)

    @first.action("Say hello", unattended="our own voice")
    def greet(inputs: Inputs) -> Plan[Hello]:
        return plan(Hello(text=f"hello {inputs.lamp}"))

    @first.ask("Who leads?", meanwhile=True)
    def leader() -> Question[Person]:
        return question(Person, "Who leads?", proposed=Person(user_id="U2"))

    look = book.section("Look", together=True)

    @look.check("What color is it?")
    async def color(inputs: Inputs, lamps: Lamps) -> Found[Lamp]:
        lamp = await lamps.lamp(inputs.lamp)
        if lamp.color == "red":
            return problem(f"{inputs.lamp} is red", lamp, next_hops=(once_more(),))
        return ok(f"{inputs.lamp} is {lamp.color}", lamp)

    @look.check("Is the attic there?")
    async def attic(lamps: Lamps) -> Found[Lamp]:
        return ok("It is", await lamps.lamp("attic"))

    cure = book.section("Cure", pick=True)

    @cure.action("Paint it green", suggested_by=color)
    def paint(inputs: Inputs, color: Lamp) -> Plan[Paint] | Nothing:
        if color.color == "green":
            return nothing("It is green")
        return plan(Paint(lamp=inputs.lamp, color="green", replacing=color.color), because="red")

    @cure.action("Smash it", suggested_by=color)
    def smash(inputs: Inputs) -> Plan[Smash]:
        return plan(Smash(lamp=inputs.lamp))

    @cure.action("Paint both of them")
    async def paint_both(lamps: Lamps) -> Plan[Paint]:
        colors = {name: (await lamps.lamp(name)).color for name in ("hall", "attic")}
        return plan(*(Paint(lamp=n, color="green", replacing=was) for n, was in colors.items()))

    @cure.watch(
        "Watch it", every=seconds(0.01), lasting=seconds(30), until="ok", proves=(paint, smash)
    )
    async def painted(inputs: Inputs, lamps: Lamps) -> Watched[Lamp]:
        lamp = await lamps.lamp(inputs.lamp)
        return ok("green", lamp) if lamp.color == "green" else not_yet(f"still {lamp.color}", lamp)

    after = book.section("After")

    @after.action("Say goodbye", unattended="our own voice")
    def part(leader: Person | None) -> Plan[Hello]:
        return plan(Hello(text=f"goodbye {leader.user_id if leader else 'all'}"))

    return book


BOOK = make_book()
DANA, RAVI, LENA, VERA = (Actor(user, "T1") for user in ("U1", "U2", "U3", "U4"))


class People:
    """Dana, Ravi and Lena are operators; Vera only views."""

    def __init__(self) -> None:
        everything = frozenset({"operator", "responder"})
        self.members = {
            "U1": Member("U1", "dana", everything, same_human_as=frozenset({"U9"})),
            "U2": Member("U2", "ravi", everything),
            "U3": Member("U3", "lena", everything),
            "U4": Member("U4", "vera", frozenset({"viewer"})),
            "U9": Member("U9", "dana too", everything, same_human_as=frozenset({"U1"})),
        }
        self.is_down = False
        self.asked = asyncio.Event()  #: Somebody asked who somebody is.

    def loses(self, user_id: str, what: str) -> None:
        was = self.members[user_id]
        now = {"role": {"roles": frozenset({"viewer"})}, "membership": {"is_active": False}}[what]
        self.members[user_id] = replace(was, **now)  # type: ignore[arg-type]

    async def member(self, user_id: str) -> Member:
        self.asked.set()
        if self.is_down:
            raise Unreachable("the directory does not answer")
        return self.members[user_id]


class Silent:
    """Says nothing, and remembers what there was to say."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.freezes: list[tuple[Frozen, Thaw | None]] = []
        self.trouble: list[Trouble] = []

    def announce(self, run: RunRecord, said: Sequence[Said]) -> Sequence[Delivery]:
        self.said.extend(said)
        return ()

    def announce_freeze(self, frozen: Frozen, thaw: Thaw | None = None) -> Sequence[Delivery]:
        self.freezes.append((frozen, thaw))
        return ()

    def announce_trouble(self, trouble: Trouble) -> Sequence[Delivery]:
        self.trouble.append(trouble)
        return ()


def _has(run: RunRecord, step: str, *statuses: str) -> bool:
    return step in run.steps and run.steps[step].status in statuses


@dataclass
class Bot:
    """A bot without Slack: the engine on a store, in a world."""

    desk: EngineDesk
    engine: Engine
    world: World
    people: People
    announcer: Silent
    changed: asyncio.Event

    async def begin(self, key: str = "k1", dry: bool = False, **inputs: object) -> str:
        (book,) = self.desk.books
        intent = StartRun(book, inputs, DANA, Origin("C1", "general"), key, dry)
        started = await self.desk.start_run(intent)
        assert isinstance(started, Started), started
        return started.run_id

    async def until(self, run_id: str, truth: Callable[[RunRecord], bool]) -> RunRecord:
        """Waits for what is to become true of a run."""
        async with asyncio.timeout(60):
            while True:
                self.changed.clear()
                record = await self.desk.record(run_id)
                assert record
                if truth(record):
                    return record
                await self.changed.wait()

    async def until_looked(self, times: int) -> None:
        """Until the lamps were looked at so many times more."""
        async with asyncio.timeout(60):
            for _ in range(times):
                self.world.looked.clear()
                await self.world.looked.wait()

    async def to_the_pick(self, key: str = "k1") -> str:
        run_id = await self.begin(key)
        await self.until(run_id, lambda run: run.open_pick == "cure")
        return run_id

    async def noted(self, what: str) -> list[Any]:
        """The entries of the audit log that are called so, oldest first."""
        query = sa.select(audit).where(audit.c.what == what).order_by(audit.c.seq)
        return await self.engine.store.read(lambda c: list(c.execute(query).all()))

    async def planned(self, run_id: str, step: str = "paint") -> str:
        """Picks an action; the id of its approval."""
        await self.desk.pick(run_id, step, DANA, f"pick {step} {run_id}")
        return await self.pending(run_id, step)

    async def pending(self, run_id: str, step: str) -> str:
        """The id of the approval that the step waits for."""
        run = await self.until(run_id, lambda run: _has(run, step, "planned"))
        mine = (a for a in run.approvals.values() if (a.step, a.status) == (step, "pending"))
        return next(mine).id

    async def settled(self, run_id: str, step: str) -> StepRecord:
        """The step once it is over, or waits for a person."""
        at_it = ("waiting", "working", "applying")
        run = await self.until(run_id, lambda run: not _has(run, step, *at_it))
        return run.steps[step]


class SetClock(Clock):
    """A real clock that somebody sets: `ahead` seconds, or behind when negative."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


QUICK = ApplyTiming(call_limit=0.2, settle=0.05, look_every=0.01, applying_limit=5)


@asynccontextmanager
async def living_bot(
    path: Path,
    world: World | None = None,
    url: str | None = None,
    store: type[Store] = Store,
    policy: Policy = DEFAULT,
    book: Runbook = BOOK,
    lamps: type[Lamps] = Lamps,
    people: People | None = None,
    clock: Clock | None = None,
    timing: ApplyTiming = QUICK,
    announcer: Silent | None = None,
    expires_after_s: float = 900.0,
    changed: asyncio.Event | None = None,
    more: Sequence[Runbook] = (),
    company: Company | None = None,
    channel: str = "",
    put: PutDeliveries | None = None,
    declared: bool = True,
) -> AsyncIterator[Bot]:
    world, people, announcer = world or World(), people or People(), announcer or Silent()
    changed = changed or asyncio.Event()
    opened = store(url or empty_store(path))
    await opened.open()
    engine = Engine(
        opened,
        {one.id: one for one in (book, *more)},
        Surroundings(Systems(lamps(world)), company or Company()),
        announcer,
        put or _nowhere,
        people,
        LocalRunner(),
        policy=policy,
        clock=clock,
        timing=timing,
        expires_after_s=expires_after_s,
        on_commit=changed.set,
        channel=channel,
        declared=declared,
    )
    await engine.start()
    try:
        yield Bot(EngineDesk(engine), engine, world, people, announcer, changed)
    finally:
        await engine.stop(0.1)
        await opened.close()


def _nowhere(_c: sa.Connection, _run_id: str, _deliveries: Sequence[Delivery]) -> None:
    return None
