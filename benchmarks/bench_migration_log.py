"""
Whether following a migration that writes 100,000 lines in a minute delays a click.

AWS is a process of its own, and the task a child of it. In this one its log is followed as an
adapter does, and beside that a clock is looked at every 5 ms: by how much later than wanted it
wakes is how long a click would wait for the loop. Compared are a loop that has nothing to do, and
a bare reader: once the task is over its lines are asked for and counted, and no more.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from adapters.aws_calls import AwsCalls
from adapters.migrations.tasks import Lines, OneOffTasks, Task
from benchmarks.bench_logs import Measured, lateness
from benchmarks.measuring import median, p99, print_table, process

CLUSTER, SERVICE = "production", "complyai-core"
LINES, SECONDS, QUIET_S, LOOK_EVERY_S = 100_000, 60, 10.0, 2.0
WRITES = (
    "import time\n"
    f"for part in range({SECONDS}):\n"
    f"    for line in range({LINES // SECONDS + 1}):\n"
    "        print('INFO  [alembic.runtime.migration] row', part, line)\n"
    "    print(end='', flush=True); time.sleep(1)\n"
)
Reading = Callable[[OneOffTasks, AwsCalls, str, Measured], Awaitable[None]]


async def measure(reading: Reading, calls: AwsCalls, name: str) -> Measured:
    tasks, found = OneOffTasks(calls, CLUSTER, LOOK_EVERY_S), Measured()
    found.sent = (LINES // SECONDS + 1) * SECONDS
    await tasks.run(await tasks.place(SERVICE), ["python", "-c", WRITES], name, name)
    clock = asyncio.create_task(lateness(found))
    await reading(tasks, calls, name, found)
    clock.cancel()
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


async def nothing() -> Measured:
    found = Measured()
    with suppress(TimeoutError):
        async with asyncio.timeout(QUIET_S):
            await lateness(found)
    return found


async def bench() -> None:
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    async with process(["-m", "benchmarks.chatty_task"]) as aws:
        assert aws.stdout
        calls = AwsCalls("us-east-1", (await aws.stdout.readline()).decode().strip())
        found = {
            "nothing to do": await nothing(),
            "read once, at the end": await measure(barely, calls, "bare"),
            "followed": await measure(followed, calls, "followed"),
        }
        await calls.close()
    rows = [
        [
            who,
            *(f"{one:.2f}" for one in (median(m.late_ms), p99(m.late_ms), max(m.late_ms))),
            f"{m.sent:,}",
            f"{m.came:,}",
        ]
        for who, m in found.items()
    ]
    heads = ["the loop is late by, ms", "p50", "p99", "most", "lines written", "came"]
    print_table(f"The log of a task with {LINES:,} lines in {SECONDS} s", heads, rows)


if __name__ == "__main__":
    asyncio.run(bench())
