"""Levers, and the small runbooks that look at them, pull them or hold on to them."""

import asyncio
import time

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

STEPS = 20  #: Of the runbook that only reads.


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
        self.let_go: asyncio.Future[float] | None = None  #: Waits for somebody to be cut there.

    def read(self, lever: str) -> Lever:
        if (waiting := self.heard.pop(lever, None)) and not waiting.done():
            waiting.set_result(time.perf_counter())
        return Lever(is_down=lever in self.down)

    async def hold(self) -> None:
        self.holding.append(time.time())
        self.came.set()
        try:
            await self.held.wait()
        except asyncio.CancelledError:
            if self.let_go and not self.let_go.done():
                self.let_go.set_result(time.perf_counter())
            raise

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
