"""
How long the whole index takes to be shown: `/runbook`, which opens it as a form, `/runbook list`,
and `/runbook show` of every procedure. Beside each, from the same run, the acknowledgement of the
same command: what is above it is the bot's work and its calls to Slack.

The bot is a process of its own, connected by Socket Mode to a local workspace of this process,
whose Web API answers at once. Time is from the payload leaving the workspace to the answer being
there for the person.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import bot, company, median, p99, print_table, set_up, workspace
from commands import RUNBOOKS
from sandbox.slack.workspace import Workspace

ROUNDS, PATIENCE_S = 30, 30.0
FORMS = ("views.open", "views.update")
USER, CHANNEL = "U0DANA", "C0GENERAL"


@dataclass
class Shown:
    """Milliseconds."""

    acked: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)


async def show(slack: Workspace, text: str, there: Callable[[], int], shown: Shown) -> None:
    """`there` counts what the person has been shown in this way."""
    before, began = there(), time.perf_counter()
    ack = await slack.command(USER, CHANNEL, "/runbook", text)
    assert ack.acked, ack
    await slack.wait_for(lambda: there() > before, PATIENCE_S)
    shown.seen.append((time.perf_counter() - began) * 1000)
    shown.acked.append(ack.ms)


async def bench() -> None:
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = await stack.enter_async_context(company(folder))
        slack = await stack.enter_async_context(workspace())
        environment = set_up(slack, around, folder / "bot.db")
        await stack.enter_async_context(bot(environment, slack))
        found = {"/runbook": Shown(), "/runbook list": Shown()}
        found |= {f"/runbook show {id}": Shown() for id in RUNBOOKS}
        for _ in range(ROUNDS):
            for typed, shown in found.items():
                text = typed.removeprefix("/runbook").strip()
                await show(slack, text, _counted(slack, text), shown)
    report(found)


def _counted(slack: Workspace, text: str) -> Callable[[], int]:
    if not text:
        last = tuple(RUNBOOKS)[-1]
        return lambda: sum(one.method in FORMS and last in str(one.args) for one in slack.calls)
    return lambda: len(slack.ephemerals(USER, CHANNEL))


def report(found: dict[str, Shown]) -> None:
    rows = [
        [typed, *(f"{of(ms):.1f}" for ms in (shown.seen, shown.acked) for of in (median, p99))]
        for typed, shown in found.items()
    ]
    heads = ["ms", "shown p50", "p99", "acked p50", "p99"]
    print_table(f"The index of {len(RUNBOOKS)} procedures, {ROUNDS} times each", heads, rows)


if __name__ == "__main__":
    asyncio.run(bench())
