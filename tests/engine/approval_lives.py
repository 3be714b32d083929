"""
Bots that live and die on one store, for the approval machine. A life is an engine and its desk; it
can be frozen where it is (and find, when it wakes, that another one went on), and killed.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from bot.access.policy import DEFAULT
from bot.engine.calling import Surroundings
from bot.engine.desk import EngineDesk
from bot.engine.engine import Engine
from bot.engine.runners.local import Execute, LocalRunner
from bot.engine.systems import Systems
from bot.store.store import Store
from tests.engine.approval_book import BOOK
from tests.engine.approval_town import BREAKER, Town, Window
from tests.engine.approval_world import EXPIRES_S, TIMING, World, Yard
from tests.engine.small_world import Silent, _nowhere
from tests.engine.still_time import StillClock, StillLoop


class Held(Store):
    """
    One life's hold on a store that others share. A frozen life comes no further than here, before
    a transaction and never after it: a bot that is stopped between the commit of an intent and
    its call cannot be told from one whose call is late. `writes` holds up only what writes.
    """

    def __init__(
        self, whole: Store, loop: StillLoop, awake: asyncio.Event, writes: asyncio.Event
    ) -> None:
        self.is_sqlite = whole.is_sqlite
        self._whole, self._loop, self._awake, self._writes = whole, loop, awake, writes

    async def tx(self, run: Any, *args: Any, **kwargs: Any) -> Any:
        await self._awake.wait()
        await self._writes.wait()
        return await at(self._loop, self._whole, self._whole.tx(run, *args, **kwargs))

    async def listen(self, hear: Callable[[str], None]) -> None:
        await asyncio.Event().wait()

    async def read(self, run: Any, *args: Any, **kwargs: Any) -> Any:
        await self._awake.wait()
        return await at(self._loop, self._whole, self._whole.read(run, *args, **kwargs))


async def at(loop: StillLoop, store: Store, doing: Any) -> Any:
    """Time stands still while a real server is asked."""
    if store.is_sqlite:
        return await doing
    with loop.elsewhere():
        return await doing


#: As if there was no policy file, but the glass can be broken.
POLICY = DEFAULT.model_copy(
    update={"may": DEFAULT.may.model_copy(update={"break_glass": (BREAKER,)})}
)


class Elsewhere:
    """The runner of a replica that takes clicks only: whoever works finds what is due."""

    def launch(self, execute: Execute) -> None: ...

    def start(self, work_ids: Iterable[str]) -> None: ...

    def cancel(self, work_id: str) -> None: ...

    async def stop(self, grace_s: float) -> None: ...


class Life:
    """Call `begin` before anything else; it works only then."""

    def __init__(
        self, name: str, store: Store, world: World, town: Town, clock: StillClock, works: bool
    ) -> None:
        assert isinstance(world.loop, StillLoop)
        self.name = name
        self.awake, self.writes = asyncio.Event(), asyncio.Event()
        self.awake.set()
        self.writes.set()
        self.engine = Engine(
            Held(store, world.loop, self.awake, self.writes),
            {BOOK.id: BOOK},
            Surroundings(Systems(Yard(world, name, self.awake))),
            Silent(),
            _nowhere,
            Window(town, self.awake),
            LocalRunner() if works else Elsewhere(),
            policy=POLICY,
            clock=clock,
            timing=TIMING,
            expires_after_s=EXPIRES_S,
        )
        self.desk = EngineDesk(self.engine)

    async def begin(self) -> None:
        await self.engine.start()

    async def end(self, grace_s: float) -> None:
        """Without grace it is cut where it is: a transaction on its way is made, or it is not."""
        await self.engine.stop(grace_s)
