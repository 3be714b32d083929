"""The people of the approval machine: each asks and presses at a bot, and is told something."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from bot.engine.desk import EngineDesk
from bot.engine.intents import Noted, Refusal, Started, StartRun, Truth
from bot.engine.record import Origin
from tests.engine.approval_book import BOOK
from tests.engine.approval_house import House, Pressing
from tests.engine.approval_ledger import Answer, Click, Deed, Wish
from tests.engine.approval_sites import Site
from tests.engine.approval_town import actor, name

#: Seconds that anything a person asks for may take.
PATIENCE_S = 10.0


class Crowd(House):
    """`clicks` and `wishes` are what was pressed and asked since somebody took them away."""

    def __init__(self, site: Site, seed: int, tally: Counter[str]) -> None:
        super().__init__(site, seed, tally)
        self.labels: dict[str, str] = {}
        self.clicks: list[Click] = []
        self.wishes: list[Wish] = []
        self.left: list[tuple[str, str]] = []  #: Runs and steps that somebody gave up on.

    def label(self, long_id: str) -> str:
        """Ids are dice too; a story is told with short names."""
        return self.labels.get(long_id, long_id)

    def start(self, by: str, lamp: str, color: str) -> None:
        other = "attic" if lamp == "hall" else "hall"
        inputs = {"lamp": lamp, "color": color, "other": other}
        wish = Wish("start", by)
        key = f"start {self.count()}"

        def ask() -> Awaitable[Answer]:
            origin = Origin("C1", "general")
            return self.worker.desk.start_run(StartRun(BOOK.id, inputs, actor(by), origin, key))

        self.tally["runs"] += 1
        self._runner.run(self._wish(wish, ask, f"starts {lamp} {color}"))

    def wish(self, kind: str, by: str, run: str, step: str = "") -> None:
        desk, key = self.worker.desk, f"{kind} {self.count()}"
        ways: dict[str, Callable[[], Awaitable[Answer]]] = {
            "pick": lambda: desk.pick(run, step, actor(by), key),
            "again": lambda: desk.again(run, step, actor(by), key),
            "undo": lambda: desk.undo(run, step, actor(by), key),
            "close": lambda: desk.close(run, "cure", actor(by), key),
            "cancel": lambda: desk.cancel(run, actor(by), key),
        }
        self.tally[f"wishes: {kind}"] += 1
        wish = Wish(kind, by, run, step)
        self._runner.run(self._wish(wish, ways[kind], f"{kind} {step} of {self.label(run)}"))

    def turn(
        self, way: Literal["freeze", "thaw"], by: str, meanwhile: Sequence[Click] = (),
        *, on_replica: bool = False,
    ) -> None:  # fmt: skip
        """The stop switch, while others press."""
        desk = (self.replica if on_replica else self.worker).desk
        key = f"{way} {self.count()}"
        ask = desk.freeze if way == "freeze" else desk.thaw
        self.tally[f"wishes: {way}"] += 1

        async def both() -> None:
            turning = self._wish(Wish(way, by), lambda: ask(actor(by), "it is odd", key), way)
            await asyncio.gather(turning, self._press_all(meanwhile))

        self._runner.run(both())

    def resolve(self, by: str, question: Any, truth: Truth) -> None:
        wish = Wish("resolve", by, question.run, question.step)
        key = f"resolve {self.count()}"

        def ask() -> Awaitable[Answer]:
            return self.worker.desk.resolve(question.id, actor(by), truth, key)

        says = f"says of {question.step} of {self.label(question.run)}: {truth}"
        self.tally["doubts resolved"] += 1
        self._runner.run(self._wish(wish, ask, says))
        if truth == "stop":
            self.left.append((question.run, question.step))

    async def _wish(self, wish: Wish, ask: Callable[[], Awaitable[Answer]], says: str) -> None:
        self.tell(f"{name(wish.by)} {says}")
        wish.number, wish.began_at = self.count(), self.loop.time()
        wish.task = asyncio.current_task()
        async with asyncio.timeout(PATIENCE_S):
            wish.answer = await ask()
        wish.ended, wish.at = self.count(), self.loop.time()
        if isinstance(wish.answer, Started):
            wish.run = wish.answer.run_id
            self.labels[wish.run] = f"run {len(self.labels) + 1}"
        self.wishes.append(wish)
        self._told(wish.answer)

    def _told(self, answer: Answer) -> None:
        if isinstance(answer, Refusal):
            self.tally["refusals"] += 1
            self.tell(f"  refused: {answer.why}")
        elif isinstance(answer, Noted) and answer.says:
            self.tell(f"  told: {answer.says}")

    def click(
        self, by: str, approval: str, *, does: Deed = "yes", typed: str = "", reason: str = "",
        on_replica: bool = False,
    ) -> Click:  # fmt: skip
        life = self.replica if on_replica else self.worker
        number = self.count()
        return Click(
            number, life.name, by, approval, does, reason, typed, f"click {number}",
            self.label(approval),
        )  # fmt: skip

    def press(self, *clicks: Click) -> None:
        """All at once."""
        self._runner.run(self._press_all(clicks))

    async def _press_all(self, clicks: Sequence[Click]) -> None:
        pressing = [self._press(one) for one in clicks]
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*pressing)

    def _press(self, click: Click) -> asyncio.Task[None]:
        life = next(one for one in (self.worker, self.replica) if one.name == click.life)
        self.tally["clicks"] += 1
        twice = " again (the same delivery)" if click.repeats else ""
        typed = f", typing {click.typed!r}" if click.typed else ""
        self.tell(f"{click.says}{typed} at {click.life}{twice}")
        self.clicks.append(click)

        async def press() -> None:
            click.task = asyncio.current_task()
            click.answer = await _deliver(life.desk, click)
            click.ended, click.ended_at = self.count(), self.loop.time()
            self._told(click.answer)

        return self.loop.create_task(press())

    def restart_while(self, clicks: Sequence[Click], after_s: float, grace_s: float) -> None:
        """It dies over what is being pressed."""

        def press() -> Pressing:
            return [self._press(one) for one in clicks]

        self.restart(after_s, grace_s, press)

    def deliver_again(self, click: Click) -> Click:
        """The same delivery once more, at a bot that lives."""
        return replace(
            click, number=self.count(), life=self.worker.name, repeats=True, answer=None,
            task=None, ended=0, ended_at=0.0,
        )  # fmt: skip


async def _deliver(desk: EngineDesk, click: Click) -> Answer:
    of, by, key = click.approval, actor(click.by), click.key
    if click.does == "broken glass":
        return await desk.break_glass(of, by, click.reason, click.typed, key)
    if click.does == "review":
        return await desk.review(of, by, click.reason, key)
    return await desk.decide(of, by, click.does == "yes", click.reason, click.typed, key)
