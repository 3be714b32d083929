"""
Whether 100,000 finished runs in the store slow anything that people do: the start of the bot, the
start of a run, a click, `/runbook status` of all and of one, and the catalogue, which shows when
each runbook was last used. Beside it, in the same run, the same bot with so few runs that the same
is shown.

Both bots are processes with an outbox that is connected to a local Slack, on SQLite, used in turn.
A start is until it is acknowledged and begun; a click until the body of the next step has begun;
the others are what is read from the store for them. The runs are copies of one that the bot itself
brought to its end.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.copies import Template, multiply, template
from benchmarks.measuring import Process, median, p99, print_table, process, workspace
from benchmarks.small_bot import small_bot
from bot.slack.announcer import SlackAnnouncer
from bot.slack.listeners.browsing import LOOKED_THROUGH
from sandbox.slack.workspace import Workspace

FEW, HISTORY = LOOKED_THROUGH, 100_000
TIMES = 30
APART_S = 60.0  #: Between the starts of two runs.
LEVER = "the-lever"
MB = 1e6
WHATS = {
    "begin": "start of a run",
    "pick": "pick to the next step",
    "approve": "approval to the next step",
    "status": "/runbook status",
    "one": "/runbook status RUN",
    "list": "the catalogue",
}

Told = Mapping[str, Sequence[float]]


async def finished_template(slack: Workspace, folder: Path) -> Template:
    url = f"sqlite:///{folder / 'template.db'}"
    async with small_bot(url, SlackAnnouncer(), (slack.api_url, slack.bot_token)) as bot:
        run_id, plan = await bot.planned(LEVER)
        await bot.approves(plan, LEVER)
        await bot.finishes(run_id, LEVER)
        await bot.delivered()
        return await template(bot.store, run_id, LEVER)


async def line(running: Process) -> Mapping[str, float]:
    assert running.stdout
    told: Mapping[str, float] = json.loads(await running.stdout.readline())
    return told


async def measure(slack: Workspace, files: Mapping[int, Path]) -> Mapping[int, Told]:
    """Both are there all the time, and used in turn."""
    found: dict[int, dict[str, list[float]]] = {}
    async with AsyncExitStack() as stack:
        bots = {}
        for count, file in files.items():
            arguments = [f"sqlite:///{file}", slack.api_url, slack.bot_token]
            bot = process(["-m", "benchmarks.history_bot", *arguments])
            bots[count] = await stack.enter_async_context(bot)
        for count, running in bots.items():
            found[count] = {what: [told] for what, told in (await line(running)).items()}
        for number in range(TIMES):
            for count, running in bots.items():
                assert running.stdin
                running.stdin.write(f"used-{number}\n".encode())
                for what, told in (await line(running)).items():
                    found[count].setdefault(what, []).append(told)
    return found


async def bench() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        slack = await stack.enter_async_context(workspace())
        finished = await finished_template(slack, folder)
        files = {count: folder / f"{count}.db" for count in (FEW, HISTORY)}
        began = time.perf_counter()
        for count, file in files.items():
            await multiply(f"sqlite:///{file}", finished, count, APART_S)
        print(f"{HISTORY:,} runs were written in {time.perf_counter() - began:.0f} s", flush=True)
        sizes = {count: file.stat().st_size / MB for count, file in files.items()}
        report(await measure(slack, files), sizes)


def report(found: Mapping[int, Told], sizes: Mapping[int, float]) -> None:
    few, many = found[FEW], found[HISTORY]
    rows = []
    for what, words in WHATS.items():
        figures = [f"{of(one[what]):.1f}" for of in (median, p99) for one in (few, many)]
        rows.append([words, *figures, f"{median(many[what]) / median(few[what]):.2f}x"])
    heads = ["ms", "p50 few", "with all", "p99 few", "with all", "p50 is"]
    title = f"{FEW} and {HISTORY:,} runs of history, {TIMES} of each (aim: no slower)"
    print_table(title, heads, rows)
    rows = [
        [
            f"{count:,} runs",
            f"{sizes[count]:,.1f}",
            f"{one['start'][0]:.2f}",
            f"{one['rss'][0]:.0f}",
            f"{one['cpu'][0]:.2f} %",
        ]
        for count, one in found.items()
    ]
    heads = ["the bot itself", "store MB", "opens within s", "RSS MiB", "CPU when quiet"]
    print_table("Start and rest (measured, without an aim)", heads, rows)


if __name__ == "__main__":
    asyncio.run(bench())
