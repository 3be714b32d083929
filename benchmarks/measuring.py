"""
What the benchmarks share: figures, the table they are printed in, and the processes they measure.

Every figure is printed beside what it is compared with, from the same run. Nothing here asserts.
"""

import asyncio
import contextlib
import itertools
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import sqlalchemy as sa
import yaml

from sandbox import people
from sandbox.box import MANIFEST, Box
from sandbox.postgres.database import Database
from sandbox.slack.tiers import Limit
from sandbox.slack.workspace import Workspace

#: Seconds until something answers that is not on the same machine, such as Slack or AWS.
FAR_S = 0.1
STARTS_WITHIN_S, ENDS_WITHIN_S = 60.0, 30.0
#: Characters at the end of what a process said.
SHOWN = 4000
PLENTY = Limit(60_000, 60_000)

Process = asyncio.subprocess.Process


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """The smallest value that 99 of 100 do not exceed."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * 99 // 100) - 1]


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The first column is words, the others figures. Below: how busy the machine was meanwhile."""
    widths = [max(len(row[n]) for row in (heads, *rows)) for n in range(len(heads))]
    print(f"\n{title}")
    for row in (heads, *rows):
        words, *figures = row
        line = [words.ljust(widths[0]), *map(str.rjust, figures, widths[1:])]
        print("  " + "   ".join(line).rstrip())
    load = " ".join(f"{one:.2f}" for one in os.getloadavg())
    print(f"  load average {load}, {os.cpu_count()} cores\n", flush=True)


@asynccontextmanager
async def process(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """
    A Python of its own with these arguments. It ends with the block. What it had to say is shown
    when it does not do what the block expects of it.
    """
    with tempfile.TemporaryFile() as said:
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env={**os.environ, **(environment or {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
            limit=2**20,
        )
        try:
            yield running
        except Exception as error:
            said.seek(0)
            error.add_note(said.read().decode(errors="replace")[-SHOWN:])
            raise
        finally:
            await _end(running)


async def _end(running: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        running.terminate()
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            await running.wait()
    except TimeoutError:
        running.kill()
        await running.wait()


@asynccontextmanager
async def company(folder: Path) -> AsyncIterator[Mapping[str, str]]:
    """The company in a box, in a process of its own; how a bot is set up for it."""
    async with process(["-m", "benchmarks.company", str(folder)]) as running:
        assert running.stdout
        told: dict[str, str] = json.loads(await running.stdout.readline())
        yield told


@asynccontextmanager
async def postgres() -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """A server of its own, and what makes an empty database there: its URL."""
    async with Database(organizations=0, with_replica=False) as server:
        numbers = itertools.count(1)

        async def new_url() -> str:
            name = f"bench{next(numbers)}"
            connection = await asyncpg.connect(server.admin_dsn)
            await connection.execute(f"create database {name}")
            await connection.close()
            return sa.make_url(server.admin_dsn).set(database=name).render_as_string(False)

        yield new_url


@asynccontextmanager
async def workspace() -> AsyncIterator[Workspace]:
    """A local Slack with the company's people in it and nothing else, and without its limits."""
    slack = Workspace(manifest=yaml.safe_load(MANIFEST.read_text()))
    people.settle_in(slack)
    limits = slack.team.tiers.limits
    limits.update(dict.fromkeys(limits, PLENTY))
    await slack.start()
    try:
        yield slack
    finally:
        await slack.stop()


def set_up(slack: Workspace, around: Mapping[str, str], store: Path) -> Mapping[str, str]:
    """The environment of a bot in this workspace, with the company around it."""
    ours = {
        "bot_token": "env:BENCH_BOT_TOKEN",
        "app_token": "env:BENCH_APP_TOKEN",
        "api_url": slack.api_url,
        "fallback_channel": "C0ALERTS",
    }
    return {
        **around,
        "BENCH_BOT_TOKEN": slack.bot_token,
        "BENCH_APP_TOKEN": slack.app_token,
        "RUNBOOK_BOT_SLACK": json.dumps(ours),
        "RUNBOOK_BOT_STORE": json.dumps({"url": f"sqlite:///{store}"}),
    }


@asynccontextmanager
async def bare_bolt(slack: Workspace, *file: str) -> AsyncIterator[Process]:
    """Acks and nothing else; with a file, once a row is committed there."""
    tokens = (slack.bot_token, slack.app_token)
    async with process(["-m", "benchmarks.bare_bolt", slack.api_url, *tokens, *file]) as running:
        await connected(slack)
        yield running


@asynccontextmanager
async def bot(environment: Mapping[str, str], slack: Workspace) -> AsyncIterator[Process]:
    """The real bot, connected to this workspace."""
    async with process(["app.py", "serve"], environment) as running:
        await connected(slack)
        yield running


@asynccontextmanager
async def bot_in(box: Box) -> AsyncIterator[Process]:
    async with bot(box.environment(), box.slack) as running:
        yield running


async def connected(slack: Workspace) -> None:
    await slack.wait_for(lambda: slack.socket_mode.connections, STARTS_WITHIN_S)


async def disconnected(slack: Workspace) -> None:
    await slack.wait_for(lambda: not slack.socket_mode.connections, ENDS_WITHIN_S)
