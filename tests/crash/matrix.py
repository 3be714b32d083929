"""
The crash matrix: every class of change, killed at every await between its intent and its record.

`make crash-matrix` tries all of it and prints the table. The awaits are not listed anywhere: the
first life of each class finds them. After each death another life goes on from the rows, and what
the other side then shows is held against what was approved, once, and against what the run says.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

import tests.crash.ads_cases
import tests.crash.breach_cases
import tests.crash.database_cases
import tests.crash.kubernetes_cases
import tests.crash.migration_cases
import tests.crash.recovery_cases
import tests.crash.restore_cases
import tests.crash.vendor_cases  # noqa: F401 - their cases are declared there
from bot.runbook import Change
from sandbox.aws.seed import DatabaseKind
from sandbox.box import Box
from tests.crash.awaits import ANYWHERE, Point, When
from tests.crash.cases import CASES, HELD_S, Case
from tests.crash.life import Outcome, Task
from tests.scenarios.company import credentials

LANES = 2
SCALE = 0.02  #: Seconds of real time that a second of AWS's rollouts takes.
KILLED = -9
APPLYING = "bot/engine/applying.py"
#: Of a step: the change is there, by what the run says.
MADE = ("given", "nothing")


@dataclass(frozen=True)
class Trial:
    """One death, or one lost answer, and what came of it."""

    kind: type[Change]
    at: str
    was_killed: bool
    effects: int
    outcome: Outcome | None  #: None: the run never ended.
    log: str = ""

    @property
    def is_doubled(self) -> bool:
        return self.effects > 1

    @property
    def is_lost(self) -> bool:
        """The run has no end, or one that is not true."""
        if self.outcome is None:
            return True
        says_made = self.outcome.status in MADE
        return not self.is_unknown and says_made != bool(self.effects)

    @property
    def is_unknown(self) -> bool:
        return self.outcome is not None and bool(self.outcome.asks)


@dataclass
class Row:
    """Of the table: one class of change."""

    kind: type[Change]
    awaits: int = 0
    trials: list[Trial] = field(default_factory=list)
    broke_off: str = ""  #: Why it could not be tried to its end.

    def count(self, what: str) -> int:
        return sum(getattr(one, what) for one in self.trials)

    def line(self) -> str:
        counts = [self.count(f"{one}") for one in ("was_killed", "is_doubled", "is_lost")]
        told = (self.awaits, *counts, self.count("is_unknown"))
        return f"{self.kind.__name__:<20}" + "".join(f"{one:>9}" for one in told)


HEAD = f"{'change':<20}" + "".join(
    f"{one:>9}" for one in ("awaits", "kills", "doubled", "lost", "unknown")
)


class Lives:
    """A process that forks one life after another."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def live(self, task: Task) -> int:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
        return int(await self._process.stdout.readline())


@asynccontextmanager
async def lives(box: Box) -> AsyncIterator[Lives]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.life",
        env={**os.environ, **box.environment()},
        stdin=pipe,
        stdout=pipe,
    )
    try:
        yield Lives(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@dataclass
class Bench:
    """Where changes are tried: a company, a process that lives, and a folder for its stores."""

    box: Box
    lives: Lives
    folder: Path

    async def once(self, kind: type[Change]) -> Row:
        """It dies as soon as something comes back: the change is made, and not written down."""
        return Row(kind, trials=[await self._killed(kind, Point(ANYWHERE, "returning"))])

    async def whole(self, kind: type[Change]) -> Row:
        """It dies at every await of this class, and its call and its answer are lost."""
        row = Row(kind)
        try:
            await self._at_every_await(row)
        except Exception as error:  # the rows of all others took a quarter of an hour
            row.broke_off = repr(error)
        return row

    async def _at_every_await(self, row: Row) -> None:
        kind = row.kind
        untouched, places = await self._without_death(kind)
        row.trials.append(untouched)
        row.awaits = len(places)
        points = [Point(place, when) for place in places for when in get_args(When)]
        for point in points:
            row.trials.append(await self._killed(kind, point))
        if (await CASES[kind].make(self.box)).wire:
            row.trials += [await self._unanswered(kind), await self._on_its_way(kind)]

    async def _without_death(self, kind: type[Change]) -> tuple[Trial, Sequence[str]]:
        case, task = await self._begin(kind)
        trial = await self._to_its_end(case, task, "never", was_killed=False)
        assert trial.effects == 1 and trial.outcome, (trial.outcome, trial.log)
        return trial, json.loads((Path(task.folder) / "places.json").read_text())

    async def _killed(self, kind: type[Change], point: Point) -> Trial:
        case, task = await self._begin(kind, place=point.place, when=point.when)
        died = await self.lives.live(task) == KILLED
        again = Task(task.folder, task.kind, task.fields)
        return await self._to_its_end(case, again, f"{point.when} {point.place}", died)

    async def _unanswered(self, kind: type[Change]) -> Trial:
        case, task = await self._begin(kind)
        assert case.wire
        case.wire.lose()
        return await self._to_its_end(case, task, "answer lost", was_killed=False)

    async def _on_its_way(self, kind: type[Change]) -> Trial:
        """The call comes only after who sent it has died, and another life has begun."""
        case, task = await self._begin(kind)
        assert case.wire
        has_come = case.wire.hold()
        living = asyncio.create_task(self.lives.live(task))
        while not has_come() and not living.done():  # noqa: ASYNC110 - a peer does not tell
            await asyncio.sleep(0.005)
        with suppress(ProcessLookupError):  # it has ended without that call
            os.kill(int((Path(task.folder) / "pid").read_text()), signal.SIGKILL)
        come = asyncio.create_task(asyncio.sleep(HELD_S))
        died = await living == KILLED
        return await self._to_its_end(case, task, "call on its way", died, come)

    async def _begin(self, kind: type[Change], **more: Any) -> tuple[Case, Task]:
        case = await CASES[kind].make(self.box)
        folder = tempfile.mkdtemp(dir=self.folder)
        fields = case.change.model_dump(mode="json")
        return case, Task(folder, kind.__name__, fields, **more)

    async def _to_its_end(
        self,
        case: Case,
        task: Task,
        at: str,
        was_killed: bool,
        come: Awaitable[None] | None = None,
    ) -> Trial:
        """`come`: until then a call of the life before may be on its way."""
        status = await self.lives.live(task)
        if come:
            await come
        outcome, log = None, (Path(task.folder) / "log").read_text()
        if not status:
            told = json.loads((Path(task.folder) / "outcome.json").read_text())
            outcome = Outcome(**told)
        effects = case.effects(outcome.run if outcome else "?")
        return Trial(type(case.change), at, was_killed, effects, outcome, log)


async def matrix(
    database: DatabaseKind,
    folder: Path,
    kinds: Sequence[type[Change]],
    is_slice: bool = False,
) -> Sequence[Row]:
    """The rows of these classes, in the company that has this kind of database."""
    todo = [kind for kind in kinds if CASES[kind].database == database]
    rows: list[Row] = []
    if not todo:
        return rows
    box = Box(folder, scale=SCALE, database=database, organizations=3)

    async def lane(number: int) -> None:
        stores = folder / f"lane{number}"
        stores.mkdir()
        async with lives(box) as living:
            bench = Bench(box, living, stores)
            while todo:
                trying = bench.once if is_slice else bench.whole
                rows.append(await trying(todo.pop(0)))

    with credentials(box):  # Some cases ask the other side what to change.
        async with box.running():
            await asyncio.gather(*(lane(number) for number in range(min(LANES, len(todo)))))
    return rows


def report(rows: Sequence[Row]) -> str:
    lines = [HEAD, *(row.line() for row in sorted(rows, key=lambda row: row.kind.__name__))]
    lines += [f"broke off: {row.kind.__name__}: {row.broke_off}" for row in rows if row.broke_off]
    trials = [trial for row in rows for trial in row.trials]
    for word in ("doubled", "lost", "unknown"):
        for one in trials:
            if getattr(one, f"is_{word}"):
                says = one.outcome.asks or one.outcome.says if one.outcome else one.log[-2000:]
                why = CASES[one.kind].untold if word == "unknown" else ""
                lines.append(f"{word}: {one.kind.__name__}, {_short(one.at)}: {why or says}")
    return "\n".join(lines)


def _short(at: str) -> str:
    """From the call on: how it came to it is the same for all."""
    if " > " not in at:
        return at
    when, *frames = at.split(" ")[:1] + at.split(" > ")[1:]
    applying = max((i for i, one in enumerate(frames) if APPLYING in one), default=-1)
    return f"{when} {' > '.join(frames[applying + 1 :] or frames[-1:])}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Kills every change at every await.")
    parser.add_argument("kinds", nargs="*", help="classes of changes; none: all")
    told = parser.parse_args()
    kinds = [kind for kind in CASES if not told.kinds or kind.__name__ in told.kinds]
    rows: list[Row] = []
    for database in get_args(DatabaseKind):
        with tempfile.TemporaryDirectory() as folder:
            rows += asyncio.run(matrix(database, Path(folder), kinds))
    print(report(rows))
    bad = sum(row.count("is_doubled") + row.count("is_lost") for row in rows)
    sys.exit(1 if bad or any(row.broke_off for row in rows) else 0)


if __name__ == "__main__":
    main()
