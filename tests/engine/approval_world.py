"""
A house whose lamps people want changed, for the approval machine: what is really there, and a
ledger of every call that was really made. Calls are refused, not taken at all, lost on the way
there or back, cut, slow, late, or accepted and carried out long after; but never later than a bot
may rely on.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from bot.engine.ended import ApplyTiming
from bot.runbook import (
    CHANGE,
    DESTROY,
    Adapter,
    Change,
    Facts,
    Key,
    Seen,
    pair,
)
from bot.runbook.errors import NothingDone, Refused, Unreachable
from tests.engine.small_world import Lamp, Paint

TIMING = ApplyTiming(call_limit=4, settle=2, look_first=0.05, look_every=1.0, applying_limit=40)
#: After so many seconds nothing that is hidden is on its way any more.
MARGIN_S = TIMING.call_limit + TIMING.settle
EXPIRES_S = 120.0
LAMPS = ("attic", "hall")
COLORS = ("blue", "green")
GONE = "gone"

Fate = Literal["well", "slow", "refused", "kept out", "vanished", "lost", "late", "cut", "long"]
FATES: tuple[Fate, ...] = get_args(Fate)


class Swap(Change):
    """Of a bulb. Not to be repeated: whoever swaps twice has broken one."""

    effect = CHANGE

    lamp: str
    watts: str

    def target(self) -> str:
        return f"bulb/{self.lamp}"

    def command(self) -> str:
        return f"swap {self.lamp} {self.watts}"

    def then(self) -> str:
        return f"{self.watts} W"

    def undo(self) -> "Swap | None":
        if self.replacing is None:
            return None
        return Swap(lamp=self.lamp, watts=self.replacing, replacing=self.watts)


class Scrap(Change):
    effect = DESTROY

    lamp: str

    def target(self) -> str:
        return f"lamp/{self.lamp}"

    def command(self) -> str:
        return f"scrap {self.lamp}"

    def then(self) -> str:
        return "gone"


class Tell(Change):
    effect = CHANGE
    ours = True
    repeatable = True

    text: str

    def target(self) -> str:
        return f"told/{self.text}"

    def command(self) -> str:
        return f"tell {self.text}"


def wanted(change: Change) -> str:
    """What is at the target once it is made."""
    if isinstance(change, Paint):
        return change.color
    if isinstance(change, Swap):
        return change.watts
    return GONE if isinstance(change, Scrap) else "said"


@dataclass(eq=False)
class Call:
    """One call that was made. `at` by the loop, `number` in the order of all that happened."""

    number: int
    at: float
    life: str
    task: asyncio.Task[object]
    change: Change
    key: Key
    fate: Fate
    found: str | None  #: What its task saw at the target last; None: it did not look.
    landed: int = 0  #: Its number in the order of all that happened; 0: it did not.
    under_way: bool = True  #: It may still take effect.


@dataclass
class World:
    """`story` is told of everything; `count` numbers everything in the order it happened."""

    loop: asyncio.AbstractEventLoop
    dice: random.Random
    story: Callable[[str], None]
    count: Callable[[], int]
    things: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    drifts: list[tuple[int, str]] = field(default_factory=list)  #: Number and target.
    weather: deque[Fate] = field(default_factory=deque)  #: Of the next calls.
    looks: dict[tuple[object, str], str] = field(default_factory=dict)
    hidden: dict[str, float] = field(default_factory=dict)  #: Targets, until when by the loop.

    def __post_init__(self) -> None:
        self.things |= {f"lamp/{one}": "red" for one in LAMPS}
        self.things |= {f"bulb/{one}": "40" for one in LAMPS}

    def at(self, target: str) -> str:
        if self.loop.time() < self.hidden.get(target, 0.0):
            raise Unreachable(f"{target} does not answer")
        return self.things.get(target, GONE)

    def look_at(self, target: str) -> str:
        """As whoever is about to change it does."""
        is_busy = any(one.fate == "long" for one in self.under_way(target))
        seen = self.at(target)
        self.looks[asyncio.current_task(), target] = "busy" if is_busy else seen
        return seen

    def hide(self, target: str, seconds: float) -> None:
        self.hidden[target] = self.loop.time() + seconds
        self.story(f"  {target} cannot be seen for {seconds:g} s")

    def drift(self, target: str, value: str) -> None:
        """Somebody else's hand."""
        self.things[target] = value
        self.drifts.append((self.count(), target))
        self.story(f"  somebody else makes {target} {value}")

    def under_way(self, target: str) -> Iterable[Call]:
        return (one for one in self.calls if one.under_way and one.change.target() == target)

    async def receive(self, life: str, change: Change, key: Key) -> None:
        """A call, from when it is sent until its answer. It goes on without whoever sent it."""
        task = asyncio.current_task()
        assert task
        fate = self.weather.popleft() if self.weather else self._chance()
        found = self.looks.get((task, change.target()))
        call = Call(self.count(), self.loop.time(), life, task, change, key, fate, found)
        self.calls.append(call)
        self.story(f"  {life} calls: {change.command()} ({fate})")
        answers_s = self._schedule(call)
        await asyncio.sleep(answers_s)
        if fate == "refused":
            raise Refused("not here, not now")
        if fate == "kept out":
            raise NothingDone("too many at once")
        if fate in ("vanished", "lost", "late"):
            raise Unreachable("the connection was dropped")
        if fate == "cut":
            raise asyncio.CancelledError

    def _chance(self) -> Fate:
        return "well" if self.dice.random() < 0.6 else self.dice.choice(FATES)

    def _schedule(self, call: Call) -> float:
        """When the world does what; the seconds until the answer."""
        draw, limit = self.dice.uniform, TIMING.call_limit
        if call.fate in ("refused", "kept out", "vanished"):
            call.under_way = False
            return draw(0.05, limit + 1 if call.fate == "vanished" else 0.5)
        lands_s = {
            "slow": draw(0.5, limit - 0.2),
            "late": draw(0.2, MARGIN_S - 0.2),
            "cut": draw(0.0, MARGIN_S - 0.2),
            "long": draw(1.0, 20.0),
        }.get(call.fate, draw(0.0, 0.3))
        self.loop.call_later(lands_s, self._land, call)
        return {"late": 0.1, "cut": 0.1, "long": 0.05}.get(call.fate, lands_s + 0.01)

    def _land(self, call: Call) -> None:
        call.landed, call.under_way = self.count(), False
        self.things[call.change.target()] = wanted(call.change)
        self.story(f"  done: {call.change.command()}")


class Bulb(Facts):
    watts: str


class Yard(Adapter):
    """One bot's way to the world. `awake` holds it up as long as the bot is frozen."""

    def __init__(self, world: World, life: str, awake: asyncio.Event) -> None:
        self._world, self._life, self._awake = world, life, awake

    async def lamp(self, name: str) -> Lamp:
        await self._awake.wait()
        return Lamp(color=self._world.at(f"lamp/{name}"))

    async def bulb(self, name: str) -> Bulb:
        await self._awake.wait()
        return Bulb(watts=self._world.at(f"bulb/{name}"))

    async def _see(self, change: Change) -> Seen:
        await self._awake.wait()
        now = self._world.look_at(change.target())
        if any(one.fate == "long" for one in self._world.under_way(change.target())):
            return Seen("applying", f"{change.target()} is being changed")
        if now == wanted(change):
            return Seen("applied", now)
        return Seen("before" if now == (change.replacing or GONE) else "drifted", now)

    async def _make(self, change: Change, key: Key) -> None:
        await self._world.receive(self._life, change, key)

    alters = (
        pair(Paint, observe=_see, apply=_make),
        pair(Swap, observe=_see, apply=_make),
        pair(Scrap, observe=_see, apply=_make),
        pair(Tell, observe=_see, apply=_make),
    )
