"""
Nights on which something is wrong with the company, several at once: the people of it begin a run
for each, and lead to its end whatever run there is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from sandbox.box import Box
from tests.scenarios.leading import Leader, Wish
from tests.scenarios.ledger import UNSENT, Rows, applied, until_so
from tests.scenarios.stage import Person

#: Seconds after which somebody types again whose run is not to be seen, when the bot has taken it
#: and when it has not.
TYPES_AGAIN_S, TYPES_AT_ONCE_S = 20.0, 1.0
ENDS_WITHIN_S = 600.0  #: A night, whatever befalls the bots in it.
CIRCUIT = "/complyai/circuit/stripe"


@dataclass(frozen=True)
class Trouble:
    """One thing that can be wrong again and again, and the action that cures it."""

    inputs: str
    action: str
    begin: Callable[[Box], object]
    is_wrong: Callable[[Box], bool]
    mend: Callable[[Box], object]
    made: Callable[[Box], int]  #: How often bots have changed it.


def bad_deploy(service: str) -> Trouble:
    def is_wrong(box: Box) -> bool:
        return not box.aws.newest_deployment(service)[1]

    def mend(box: Box) -> None:
        if is_wrong(box):
            box.aws.deploy(service, "9.9.9")

    return Trouble(
        inputs=f"services={service}",
        action="roll_back",
        begin=lambda box: box.aws.deploy_bad(service),
        is_wrong=is_wrong,
        mend=mend,
        made=lambda box: applied(box, "UpdateService", "service", service),
    )


def vendor_down() -> Trouble:
    def begin(box: Box) -> None:
        box.vendors.vendors["Stripe"] = "trouble"

    def mend(box: Box) -> None:
        box.vendors.vendors["Stripe"] = "well"
        box.aws.set_parameter(CIRCUIT, "closed")

    return Trouble(
        inputs="services=complyai-maestro",
        action="open_circuits",
        begin=begin,
        is_wrong=lambda box: box.aws.parameter(CIRCUIT) != "open",
        mend=mend,
        made=lambda box: applied(box, "PutParameter", "Name", CIRCUIT),
    )


TROUBLES = (bad_deploy("complyai-core"), bad_deploy("complyai-api"), vendor_down())


@dataclass
class Night:
    """From the first word that is typed to the end of every run that comes of it."""

    number: int
    trouble: Trouble
    wish: Wish
    is_on: bool = True
    changes: int = 0  #: That bots have made in it.

    @property
    def brief(self) -> str:
        return f"night-{self.number:04}"

    @property
    def command(self) -> str:
        return f"RB-INC-001 brief_desc={self.brief} {self.trouble.inputs}"


class Company:
    """The people of it, who live through one night after another."""

    def __init__(self, box: Box, rows: Rows) -> None:
        self._box, self._rows = box, rows
        self.nights: list[Night] = []
        self._leading: dict[str, asyncio.Task[None]] = {}  #: By run.

    @property
    def runs(self) -> int:
        return len(self._leading)

    @property
    def changes(self) -> int:
        return sum(night.changes for night in self.nights)

    def doubled(self) -> list[str]:
        """A night on which somebody said yes has one change, any other none."""
        return [
            f"{night.command}: {night.changes} changes"
            for night in self.nights
            if night.changes != int(night.wish.approves)
        ]

    async def live_through(self, nights: int) -> None:
        """Different troubles at the same time, the same one again once it is over."""
        numbers, lanes = range(nights), len(TROUBLES)
        async with asyncio.TaskGroup() as group:
            for lane, trouble in enumerate(TROUBLES):
                group.create_task(self._suffer(trouble, numbers[lane::lanes]))

    async def end(self) -> None:
        """What is noted begins, what is begun ends, and all that is to be said is said."""
        async with self._in_time("the end"):
            await until_so(self._rows.all_begun)
            await until_so(self._all_led)
            await until_so(self._rows.all_said)

    @asynccontextmanager
    async def _in_time(self, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                yield
        except TimeoutError:
            led = [run for run, task in self._leading.items() if not task.done()]
            unsent = await self._rows.of(UNSENT)
            raise AssertionError(f"{what} does not end: {led} go on, {unsent} unsent") from None

    async def _suffer(self, trouble: Trouble, numbers: range) -> None:
        for number in numbers:
            wish = Wish(trouble.action, lambda: trouble.is_wrong(self._box), is_approved(number))
            night = Night(number, trouble, wish)
            self.nights.append(night)
            async with self._in_time(night.command):
                await self._live(night)

    async def _live(self, night: Night) -> None:
        before = night.trouble.made(self._box)
        night.trouble.begin(self._box)
        while not await self._leaders(night):
            ack = await Person(self._box, "U0DANA").types(night.command)
            is_taken = ack.acked and not ack.payload
            await self._look_for(night, TYPES_AGAIN_S if is_taken else TYPES_AT_ONCE_S)
        await until_so(lambda: self._all_led(night))
        night.is_on, night.changes = False, night.trouble.made(self._box) - before
        night.trouble.mend(self._box)

    async def _look_for(self, night: Night, within_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await until_so(lambda: self._leaders(night))

    async def _all_led(self, night: Night | None = None) -> bool:
        return all(one.done() for one in await self._leaders(night))

    async def _leaders(self, night: Night | None = None) -> list[asyncio.Task[None]]:
        """Of all runs there are, or of those of a night. Each has somebody who leads it."""
        begun = await self._rows.runs()
        for run, inputs in begun:
            if run not in self._leading:
                of = next(one for one in self.nights if one.brief in inputs)
                leader = Leader(self._box, run, of.wish if of.is_on else Wish())
                self._leading[run] = asyncio.create_task(leader.lead())
        mine = [run for run, inputs in begun if night is None or night.brief in inputs]
        leading = [self._leading[run] for run in mine]
        for one in leading:
            if one.done():
                one.result()
        return leading


def is_approved(number: int) -> bool:
    return number % 4 != 1
