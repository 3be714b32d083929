"""
Every await of a piece of work, found while it runs, and death at any of them.

A task factory sees each suspension of each task. A place is the chain of the product's frames that
wait there, innermost last, so the same function awaited from two places is two places.
"""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from bot.engine import applying
from bot.store.store import Store

ROOT = Path(__file__).parents[2]
PRODUCT = tuple(str(ROOT / package) + os.sep for package in ("bot", "adapters", "assembly"))

#: `leaving`: the await has begun, what it asks for may be under way. `returning`: what it asked
#: for is there, and not taken in yet.
When = Literal["leaving", "returning"]
ANYWHERE = "anywhere"
T = TypeVar("T")

#: Whether what runs here is between the intent of a change and its record.
IN_BETWEEN: ContextVar[bool] = ContextVar("between intent and record", default=False)


@dataclass(frozen=True)
class Point:
    """`place` may be the innermost frame alone."""

    place: str
    when: When

    def is_met(self, place: str, when: When) -> bool:
        here = self.place in (place, ANYWHERE) or place.endswith(f" > {self.place}")
        return here and self.when == when


@dataclass
class Awaits:
    """Notes each place once, in the order in which they are reached, and dies at `fatal`."""

    notes: Path
    fatal: Point | None = None
    places: list[str] = field(default_factory=list)

    def factory(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], **more: Any
    ) -> asyncio.Task[T]:
        return asyncio.Task(self._walk(work), loop=loop, **more)

    async def _walk(self, work: Coroutine[Any, Any, T]) -> T:
        result: T = await _Steps(work, self._reach)
        return result

    def _reach(self, work: Coroutine[Any, Any, Any], when: When) -> None:
        if not IN_BETWEEN.get():
            return
        place = _place(work)
        if not place:
            return
        if place not in self.places:
            self.places.append(place)
            self.notes.write_text(json.dumps(self.places))
        if self.fatal and self.fatal.is_met(place, when):
            os.kill(os.getpid(), signal.SIGKILL)


class Watched(Store):
    """A store that knows when a change is between its intent and its record."""

    async def tx(self, run: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        result: T = await super().tx(run, *args, **kwargs)
        if run is applying._intend:
            IN_BETWEEN.set(result is None)
        if run is applying._mark:
            IN_BETWEEN.set(False)
        return result


@dataclass
class _Steps:
    """A coroutine, driven step by step."""

    work: Coroutine[Any, Any, Any]
    reach: Callable[[Coroutine[Any, Any, Any], When], None]

    def __await__(self) -> Generator[Any, Any, Any]:
        drive: Callable[[Any], Any] = self.work.send
        given: Any = None
        while True:
            try:
                waited = drive(given)
            except StopIteration as done:
                return done.value
            place = self.work
            self.reach(place, "leaving")
            try:
                given = yield waited
                drive = self.work.send
            except GeneratorExit:
                self.work.close()
                raise
            except BaseException as error:
                drive, given = self.work.throw, error
            self.reach(place, "returning")


def _place(work: Any) -> str:
    frames = []
    while work is not None:
        frame, work = _frame_and_next(work)
        if frame and frame.f_code.co_filename.startswith(PRODUCT):
            file = os.path.relpath(frame.f_code.co_filename, ROOT)
            frames.append(f"{file}:{frame.f_lineno}")
    return " > ".join(frames)


def _frame_and_next(work: Any) -> tuple[Any, Any]:
    for frame, following in (
        ("cr_frame", "cr_await"),
        ("gi_frame", "gi_yieldfrom"),
        ("ag_frame", "ag_await"),
    ):
        if hasattr(work, frame):
            return getattr(work, frame), getattr(work, following)
    return None, None
