"""
Lives of a whole bot that makes one change: `python -m tests.crash.life` reads a Task a line, lives
it in a child of its own, and answers with the child's exit status. Children are forked from what
is imported once, so that a life costs no imports.
"""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Union

from assembly import serving
from assembly.serving import Bot, running_bot
from bot.access.member import Member
from bot.engine.ended import ApplyTiming
from bot.engine.engine import Engine
from bot.engine.intents import Actor, Started, StartRun
from bot.engine.record import Origin, RunRecord
from bot.runbook import Change, Plan, Run, Runbook, RunbookInputs
from bot.runbook.changes import Effect
from bot.runbook.words import plan
from bot.settings import Settings, StoreSettings
from tests.crash.awaits import Awaits, Point, Watched, When
from tests.store.empty import empty_store

BOOK = "RB-CRASH-001"
#: As in production, and thirty times as fast.
TIMING = ApplyTiming(call_limit=1.0, settle=0.3, look_every=0.1, applying_limit=60)
#: Seconds a life may take.
LONGEST_S = 60.0
ASKS, *DECIDE = ("U0DANA", "U0RAVI", "U0LENA")


@dataclass(frozen=True)
class Task:
    """
    One life. `place` and `when` are where it dies; without, it lives until the run ends. `then`:
    what the same plan changes after that, each as its kind and its fields.
    """

    folder: str
    kind: str
    fields: dict[str, Any]
    place: str = ""
    when: When = "leaving"
    then: tuple[tuple[str, dict[str, Any]], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What the run says in the end."""

    run: str
    status: str  #: Of the step.
    changes: tuple[str, ...]  #: The changes' states.
    says: str
    asks: str  #: What is asked of a person, if it is not known what happened.


async def live(task: Task, settings: Settings) -> None:
    folder = Path(task.folder)
    fatal = Point(task.place, task.when) if task.place else None
    awaits = Awaits(folder / "places.json", fatal)
    loop = asyncio.get_running_loop()
    loop.set_task_factory(awaits.factory)  # type: ignore[arg-type]
    async with running_bot(settings) as bot, asyncio.timeout(LONGEST_S):
        outcome = await _lead(bot)
        (folder / "outcome.json").write_text(json.dumps(asdict(outcome)))
        os._exit(0)  # How a bot ends in peace is tested elsewhere, and takes it seconds.


async def _lead(bot: Bot) -> Outcome:
    def somebody(user_id: str) -> Actor:
        return Actor(user_id, "T0SANDBOX")

    intent = StartRun(BOOK, {}, somebody(ASKS), Origin("C0GENERAL", "general"), "start")
    started = await bot.desk.start_run(intent)
    assert isinstance(started, Started), started
    while True:
        run = await bot.desk.record(started.run_id)
        assert run
        unsure = [one for one in run.questions.values() if one.kind == "unsure"]
        if run.status == "finished" or unsure:
            return _outcome(run, unsure[0].text if unsure else "")
        for one in run.approvals.values():
            if one.status == "pending":
                for user in DECIDE:
                    key = f"{user} {one.id}"
                    typed = one.type_to_approve
                    await bot.desk.decide(one.id, somebody(user), True, "", typed, key)
        await asyncio.sleep(0.02)


def _outcome(run: RunRecord, asks: str) -> Outcome:
    step = run.steps["make"]
    states = tuple(change.state for one in run.approvals.values() for change in one.changes)
    return Outcome(run.id, step.status, states, step.says, asks)


class Everybody:
    """Is an operator. Slack would not list its groups so often."""

    async def member(self, user_id: str) -> Member:
        return Member(user_id, user_id, frozenset({"operator", "responder"}))

    async def holders(self, role: str) -> tuple[str, ...]:
        return ()


class Inputs(RunbookInputs):
    pass


def book_of(*whole: tuple[type[Change], dict[str, Any]]) -> Runbook:
    """A runbook of this one plan; its changes name the run and its start where they are to."""
    kinds = tuple(kind for kind, _ in whole)
    book = Runbook(id=BOOK, title="One change", severity="P3", category="Test", inputs=Inputs)
    section = book.section("Only", holds=False)

    def make(run: Run) -> Any:
        own = {"run": run.id, "since": run.started_at}
        return plan(
            *(
                kind(**fields | {name: own[name] for name in own.keys() & kind.model_fields})
                for kind, fields in whole
            )
        )

    make.__annotations__["return"] = Plan[Union[kinds]]  # type: ignore[valid-type]  # noqa: UP007
    is_ours = all(kind.ours for kind in kinds)
    people = None if is_ours else max(Effect(kind.effect).people for kind in kinds)
    section.action("Make it", people=people, unattended="it is ours" if is_ours else None)(make)
    return book


def _prepare(task: Task, kinds: dict[str, type[Change]]) -> Settings:
    """What a process of the product has as its constants is another one here."""
    whole = ((task.kind, task.fields), *task.then)
    other = {
        "RUNBOOKS": {BOOK: book_of(*((kinds[kind], fields) for kind, fields in whole))},
        "Store": Watched,
        "Engine": Hasty,
        "People": lambda *_: Everybody(),
    }
    vars(serving).update(other)
    return Settings(store=StoreSettings(url=empty_store(Path(task.folder))))


class Hasty(Engine):
    def __init__(self, *told: Any, **more: Any) -> None:
        super().__init__(*told, **more, timing=TIMING)


def main() -> None:
    kinds = {one.__name__: one for one in _all(Change)}
    for line in sys.stdin:
        task = Task(**json.loads(line))
        child = os.fork()
        if not child:
            _live_and_end(task, kinds)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _live_and_end(task: Task, kinds: dict[str, type[Change]]) -> None:
    log = os.open(Path(task.folder) / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    (Path(task.folder) / "pid").write_text(str(os.getpid()))
    status = 1
    try:
        asyncio.run(live(task, _prepare(task, kinds)))
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


def _all(kind: type[Change]) -> list[type[Change]]:
    return [found for one in kind.__subclasses__() for found in (one, *_all(one))]


if __name__ == "__main__":
    main()
