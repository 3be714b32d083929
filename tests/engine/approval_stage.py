"""
One example of the approval machine on its stage: the world, the town, the bots that live and die,
the people who press, and the rules that are held against all of it after each step.
"""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from bot.engine.intents import Noted, Refusal, Started, StartRun, Truth
from bot.engine.record import Origin
from bot.store.auditing import verdict_of
from bot.store.store import Store
from bot.store.tables import plans
from tests.engine.approval_ledger import Answer, Click, Now, Paper, Rows, Wish, read_rows
from tests.engine.approval_lives import Life, at
from tests.engine.approval_rules import Rules
from tests.engine.approval_sites import Site
from tests.engine.approval_town import PEOPLE, Town, actor, name
from tests.engine.approval_world import BOOK, Call, World
from tests.engine.still_time import StillClock, StillLoop

#: Seconds that anything a person asks for may take.
PATIENCE_S = 10.0
#: Until everything that was begun is over, once the world is well again.
AT_REST_S = 150.0
#: What somebody writes into a stored plan.
EVIL = {"color": "black", "watts": "99", "text": "lies"}


class Broken(AssertionError):
    """A rule was broken; with the story of how it came to that."""


class Stage:
    """`tally` counts what happened, over all examples."""

    def __init__(self, site: Site, seed: int, tally: Counter[str]) -> None:
        dice = random.Random(seed)
        self._url = site.new_url()
        self._runner = asyncio.Runner(loop_factory=lambda: StillLoop(dice))
        loop = self._runner.get_loop()
        assert isinstance(loop, StillLoop)
        self.loop, self.dice, self.tally = loop, dice, tally
        self.clock = StillClock(loop)
        self.story: list[str] = []
        self._numbers = itertools.count(1)
        self.world = World(loop, dice, self.tell, self.count)
        self.town = Town(loop, self.tell, self.count, self.clock.now)
        self.rules = Rules(self.world, self.town)
        self.labels: dict[str, str] = {}
        self.wrong: list[str] = []
        self._lives = 0
        self._seq = 0
        self.mine: Counter[str] = Counter()
        self._clicks: list[Click] = []
        self._wishes: list[Wish] = []
        loop.set_exception_handler(self._unheard)
        self._runner.run(self._open())

    # Telling.

    def count(self) -> int:
        return next(self._numbers)

    def tell(self, line: str) -> None:
        self.story.append(f"{self.loop.time():9.3f}  {line}")

    def _unheard(self, _loop: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.wrong.append(f"nobody heard of: {context.get('message')} {error!r}")

    def label(self, long_id: str) -> str:
        """Ids are dice too; a story is told with short names."""
        return self.labels.setdefault(long_id, f"?{long_id[:6]}")

    # Living and dying.

    async def _open(self) -> None:
        await self._raise_up()
        self.rows = await self._read()

    async def _raise_up(self) -> None:
        self.store = Store(self._url)
        await at(self.loop, self.store, self.store.open())
        self.worker = self._life(works=True)
        self.replica = self._life(works=False)
        await self.worker.begin()

    def _life(self, works: bool) -> Life:
        self._lives += 1
        which = f"bot {self._lives}" if works else f"replica {self._lives}"
        return Life(which, self.store, self.world, self.town, self.clock, works)

    def restart(self, after_s: float, grace_s: float, clicks: Sequence[Click] = ()) -> None:
        """All of it, perhaps while somebody presses."""
        self.tally["restarts"] += 1
        self.tell(f"KILLED in {after_s:g} s, with {grace_s:g} s of grace; then started again")
        self._runner.run(self._restart(after_s, grace_s, clicks))

    async def _restart(self, after_s: float, grace_s: float, clicks: Sequence[Click]) -> None:
        pressing = [self._press(one) for one in clicks]
        await asyncio.sleep(after_s)
        for press in pressing:
            press.cancel()
        await asyncio.gather(*pressing, return_exceptions=True)
        await self.worker.end(grace_s)
        await self.replica.end(0)
        await at(self.loop, self.store, self.store.close())
        await self._raise_up()

    def take_over(self, works_s: float, wakes_s: float) -> None:
        """The bot is frozen, another takes its place; then the first wakes, and dies."""
        self.tally["takeovers"] += 1
        self.tell(f"FROZEN for {works_s:g} s, awake for {wakes_s:g} s while another works")
        self._runner.run(self._take_over(works_s, wakes_s))

    async def _take_over(self, works_s: float, wakes_s: float) -> None:
        old = self.worker
        old.awake.clear()
        self.worker = self._life(works=True)
        await self.worker.begin()
        await asyncio.sleep(works_s)
        old.awake.set()
        await asyncio.sleep(wakes_s)
        await old.end(0)

    # What people do.

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

    def resolve(self, by: str, question: Any, truth: Truth) -> None:
        wish = Wish("resolve", by, question.run, question.step)
        key = f"resolve {self.count()}"

        def ask() -> Awaitable[Answer]:
            return self.worker.desk.resolve(question.id, actor(by), truth, key)

        says = f"says of {question.step} of {self.label(question.run)}: {truth}"
        self.tally["doubts resolved"] += 1
        self._runner.run(self._wish(wish, ask, says))
        if truth == "stop":
            self.rules.leave(question.run, question.step)

    async def _wish(self, wish: Wish, ask: Callable[[], Awaitable[Answer]], says: str) -> None:
        self.tell(f"{name(wish.by)} {says}")
        async with asyncio.timeout(PATIENCE_S):
            wish.answer = await ask()
        wish.at = self.loop.time()
        if isinstance(wish.answer, Started):
            wish.run = wish.answer.run_id
            self.labels[wish.run] = f"run {len(self.labels) + 1}"
        self._wishes.append(wish)
        self._told(wish.answer)

    def _told(self, answer: Answer) -> None:
        if isinstance(answer, Refusal):
            self.tally["refusals"] += 1
            self.tell(f"  refused: {answer.why}")
        elif isinstance(answer, Noted) and answer.says:
            self.tell(f"  told: {answer.says}")

    def click(
        self, by: str, approval: str, *, approves: bool = True, typed: str = "", reason: str = "",
        on_replica: bool = False,
    ) -> Click:  # fmt: skip
        life = self.replica if on_replica else self.worker
        number = self.count()
        return Click(
            number, life.name, by, approval, approves, reason, typed, f"click {number}",
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
        self._clicks.append(click)

        async def press() -> None:
            click.task = asyncio.current_task()
            click.answer = await life.desk.decide(
                click.approval, actor(click.by), click.approves, click.reason, click.typed,
                click.key,
            )  # fmt: skip
            click.ended_at = self.loop.time()
            self._told(click.answer)

        return self.loop.create_task(press())

    # What happens.

    def wait(self, seconds: float) -> None:
        self._runner.run(asyncio.sleep(seconds))

    def set_the_clock(self, seconds: float) -> None:
        self.clock.ahead += seconds
        self.tell(f"the clock is set by {seconds:g} s")

    def tamper(self, paper: Paper) -> None:
        """Somebody writes into the store what was never shown."""
        paper.tampered = True
        self.tally["plans tampered with"] += 1
        altered = json.loads(paper.text)
        for _, fields in altered["plan"][0]:
            fields |= {name: EVIL[name] for name in EVIL if name in fields}
            if "color" not in fields and "watts" not in fields and "lamp" in fields:
                fields["lamp"] = "attic" if fields["lamp"] == "hall" else "hall"
        text = json.dumps(altered, sort_keys=True)
        self.tell(f"somebody alters the stored text of {self.label(paper.id)}")

        def write(c: sa.Connection) -> None:
            c.execute(sa.update(plans).where(plans.c.id == paper.id).values(text=text))

        self._runner.run(at(self.loop, self.store, self.store.tx(write)))

    # What there is.

    def calls_of(self, run: str, step: str) -> list[Call]:
        papers = [p for p in self.rules.papers.values() if (p.run, p.step) == (run, step)]
        keys = set(papers[-1].keys)
        return [call for call in self.world.calls if call.key in keys]

    def untouched(self) -> list[Paper]:
        """Plans that may still be made, and of which nothing was."""
        made = {call.key for call in self.world.calls}
        return [
            paper
            for paper in self.rules.papers.values()
            if paper.status in ("pending", "approved")
            and not (paper.tampered or made & set(paper.keys))
        ]

    def who_may(self, approval: str) -> str:
        """Somebody who may approve this now, as far as can be seen; or nobody."""
        paper = self.rules.papers[approval]
        for user_id in PEOPLE:
            member = self.town.now(user_id)
            if member and not self.rules.unfit(member, paper):
                return user_id
        return ""

    def who_is(self, close: str, row: Any) -> str:
        """Whoever is so close to a request; else it is a user id already."""
        by = str(row.requested_by)
        if close == "who asked, by another account":
            human = self.town.humans[by]
            return next((u for u, h in self.town.humans.items() if h == human and u != by), by)
        agreed = self.rules.papers[row.id].agreed
        meant: dict[str, str] = {
            "who asked": by,
            "who agreed": agreed[0] if agreed else by,
            "who may": self.who_may(row.id) or by,
        }
        return meant.get(close, close)

    # Holding the rules against it.

    def check(self) -> None:
        """After each step. Raises Broken."""
        self.rows = self._runner.run(self._read())
        for row in self.rows.plans.values():
            if row.id not in self.labels:
                self.labels[row.id] = f"{row.step} of {self.labels[row.run]} ({len(self.labels)})"
        clicks, self._clicks = self._clicks, []
        wishes, self._wishes = self._wishes, []
        self.wrong += self.rules.check(self.rows, clicks, wishes)
        self._tally()
        if self.rows.audit:
            self._seq = self.rows.audit[-1].seq
        self._raise()

    def _tally(self) -> None:
        """What the example came to, so far; added up when it is over."""
        calls, statuses = self.world.calls, [p.status for p in self.rules.papers.values()]
        self.mine = Counter({f"requests {one}": statuses.count(one) for one in set(statuses)})
        self.mine["requests"] = len(statuses)
        self.mine["calls"] = len(calls)
        self.mine["applies"] = sum(bool(call.landed) for call in calls)
        for call in calls:
            self.mine[f"calls {call.fate}"] += 1

    def _raise(self) -> None:
        if self.wrong:
            self.tally["violations"] += 1
            self.tally.setdefault("first violation at step", self.tally["steps"])
            story = "\n".join(["", *self.story, *(f"BROKEN: {one}" for one in self.wrong)])
            for long_id, label in self.labels.items():
                story = story.replace(long_id, label)
            raise Broken(story)

    async def _read(self) -> Rows:
        def now() -> Now:
            return self.loop.time(), self.count()

        reading = self.store.read(read_rows, self._seq, now)
        rows = await at(self.loop, self.store, reading)
        assert isinstance(rows, Rows)
        return rows

    def bring_to_rest(self) -> None:
        """The world is well again: whatever was begun comes to an end. Raises Broken."""
        self.tell("all is well again")
        self.world.hidden.clear()
        self.world.weather.clear()
        self.town.down_until = 0.0
        self.town.is_as_before()
        self.wait(AT_REST_S)
        self.check()
        for wait in self.rows.waits:
            if wait.kind == "unsure":
                self.resolve("U6", wait, "stop")
        for run_id, run in self.rows.runs.items():
            if run.status == "running":
                self.wish("cancel", "U6", run_id)
        self.wait(AT_REST_S)
        self.check()
        self.wrong += [f"run {run_id} cannot be ended" for run_id in self.rows.runs]
        self.wrong += [f"{one} is never finished" for one in self.rows.work]
        self.wrong += [f"{one.target} stays locked" for one in self.rows.locks if one.holder]
        verdict = self._runner.run(at(self.loop, self.store, self.store.read(verdict_of, [])))
        self.wrong += [f"audit log: {fault.says}" for fault in verdict.faults]
        self._raise()

    def close(self) -> None:
        self.tally += self.mine
        self._runner.run(self._close())
        self._runner.close()

    async def _close(self) -> None:
        await self.worker.end(0)
        await self.replica.end(0)
        await at(self.loop, self.store, self.store.close())


def again(click: Click, stage: Stage) -> Click:
    """The same delivery once more, at a bot that lives."""
    return replace(
        click, number=stage.count(), life=stage.worker.name, repeats=True, answer=None, task=None,
        ended_at=0.0,
    )  # fmt: skip
