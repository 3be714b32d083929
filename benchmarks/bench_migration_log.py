"""
Whether following a migration that writes 100,000 lines in a minute delays an approval.

AWS is a process of its own, and the task a child of it. In this one its log is followed as an
adapter does, while a bot on the same loop, with its store in a file, has one plan after another
approved: measured is from the approval until the next step has begun. A clock is looked at every
5 ms as well: by how much later than wanted it wakes is what anything would wait for the loop.
Compared are a loop that has nothing else to do, and a bare reader: once the task is over its lines
are asked for and counted, and no more.
"""

import asyncio
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.aws_calls import AwsCalls
from adapters.migrations.tasks import Lines, OneOffTasks, Task
from benchmarks.bench_logs import Measured, lateness
from benchmarks.measuring import median, p99, print_table, process
from benchmarks.small_bot import SmallBot, small_bot

CLUSTER, SERVICE = "production", "complyai-core"
LINES, SECONDS, QUIET_S, LOOK_EVERY_S = 100_000, 60, 10.0, 2.0
WRITES = (
    "import time\n"
    f"for part in range({SECONDS}):\n"
    f"    for line in range({LINES // SECONDS + 1}):\n"
    "        print('INFO  [alembic.runtime.migration] row', part, line)\n"
    "    print(end='', flush=True); time.sleep(1)\n"
)
APPROVED_EVERY_S = 0.2
Reading = Callable[[OneOffTasks, AwsCalls, str, Measured], Awaitable[None]]


@dataclass
class Found(Measured):
    approval_ms: list[float] = field(default_factory=list)


@asynccontextmanager
async def beside(bot: SmallBot, name: str) -> AsyncIterator[Found]:
    """What is measured while the block is at work."""
    found = Found()
    both = asyncio.gather(lateness(found), approving(bot, name, found))
    try:
        yield found
    finally:
        both.cancel()
        await asyncio.gather(both, return_exceptions=True)


async def approving(bot: SmallBot, name: str, found: Found) -> None:
    for number in itertools.count():
        lever = f"{name}-{number}"
        run_id, plan = await bot.planned(lever)
        found.approval_ms.append(await bot.reaching(lever, bot.approves(plan, lever)))
        await bot.finishes(run_id, lever)
        await asyncio.sleep(APPROVED_EVERY_S)


async def measure(reading: Reading, bot: SmallBot, calls: AwsCalls, name: str) -> Found:
    tasks = OneOffTasks(calls, CLUSTER, LOOK_EVERY_S)
    await tasks.run(await tasks.place(SERVICE), ["python", "-c", WRITES], name, name)
    async with beside(bot, name) as found:
        found.sent = (LINES // SECONDS + 1) * SECONDS
        await reading(tasks, calls, name, found)
    return found


async def followed(tasks: OneOffTasks, _: AwsCalls, name: str, found: Measured) -> None:
    lines = Lines()
    async for _task in tasks.follow(name, lines):
        assert lines.last is not None
    found.came = lines.count


async def barely(tasks: OneOffTasks, calls: AwsCalls, name: str, found: Measured) -> None:
    async for task in looks(tasks, name):
        token = ""
        found.came = 0
        while True:
            more = {"nextToken": token} if token else {}
            answer = await calls.read(
                "logs",
                "get_log_events",
                logGroupName=task.log_group,
                logStreamName=task.log_stream,
                startFromHead=True,
                **more,
            )
            found.came += len(answer["events"])
            token = answer["nextForwardToken"]
            if not answer["events"]:
                break


async def looks(tasks: OneOffTasks, name: str) -> AsyncIterator[Task]:
    """Once, when it is over: the least there is to do."""
    while True:
        (task,) = await tasks.find(name)
        if task.is_over:
            yield task
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def nothing(bot: SmallBot) -> Found:
    async with beside(bot, "idle") as found:
        await asyncio.sleep(QUIET_S)
    return found


async def bench() -> None:
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bot.db'}"
        async with process(["-m", "benchmarks.chatty_task"]) as aws, small_bot(url) as bot:
            assert aws.stdout
            calls = AwsCalls("us-east-1", (await aws.stdout.readline()).decode().strip())
            found = {
                "nothing to do": await nothing(bot),
                "read once, at the end": await measure(barely, bot, calls, "bare"),
                "followed": await measure(followed, bot, calls, "followed"),
            }
            await calls.close()
    rows = [
        [who, *_ms(one.approval_ms), *_ms(one.late_ms), f"{one.sent:,}", f"{one.came:,}"]
        for who, one in found.items()
    ]
    heads = ["ms", "approval p50", "p99", "most", "loop p50", "p99", "most", "written", "came"]
    print_table(f"The log of a task with {LINES:,} lines in {SECONDS} s", heads, rows)


def _ms(values: Sequence[float]) -> list[str]:
    return [f"{one:.1f}" for one in (median(values), p99(values), max(values))]


if __name__ == "__main__":
    asyncio.run(bench())
