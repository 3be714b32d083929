"""
Whether the four checks of RB-INC-001's diagnosis cost more together than the slowest of them.

In the whole sandbox, the bot in a process of its own. A check's time is from its start to its end
as the run's rows have them. *Together* is from the first start to the last end; *slowest* is the
longest of the four within it; *alone* is the longest of the four when each is then re-checked by
itself, in the same run, with nothing else at work: what the others slow down shows there. AWS
answers after 100 ms, as it does when it is not on the same machine.
Then what a person waits for, from the command leaving Slack.
"""

import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import FAR_S, bot_in, median, print_table
from benchmarks.rows import Rows, slowest_s, together_s
from bot.runbook.outline import outline
from bot.slack.views import names
from commands.rb_inc_001_service_outage import book
from sandbox.aws.faults import FOREVER
from sandbox.box import Box
from tests.scenarios.stage import Incident, Person

AIM = 1.15
ROUNDS = 10
(DIAGNOSIS,) = (section for section in outline(book).sections if section.key == "diagnosis_steps")
CHECKS = tuple(step.key for step in DIAGNOSIS.steps)


@dataclass
class Waits:
    """Seconds, one for each run."""

    together: list[float] = field(default_factory=list)
    slowest: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    channel: list[float] = field(default_factory=list)
    done: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)


async def one_run(box: Box, rows: Rows, waits: Waits, number: int) -> None:
    dana = Person(box, "U0DANA")
    name = f"bench-{number}"
    opening = asyncio.create_task(opened(box, name))
    typed_at = time.time()
    room = await dana.starts(f"RB-INC-001 brief_desc={name}")
    opened_at = await opening
    card = await room.offers(names.CLOSE)
    shown_at = time.time()
    run = rows.newest_run()
    first = rows.times(run)
    assert set(first) == set(CHECKS), first
    ended_at = max(ended for _, ended in first.values())
    waits.together.append(together_s(first))
    waits.slowest.append(slowest_s(first))
    waits.channel.append(opened_at - typed_at)
    waits.done.append(ended_at - typed_at)
    waits.shown.append(shown_at - typed_at)
    waits.alone.append(max([await alone(box, rows, room, run, key) for key in CHECKS]))
    await dana.presses(card, room.channel, names.CANCEL)
    await room.says("CANCELLED")


async def opened(box: Box, name: str) -> float:
    """When there is a channel of this name."""
    await box.slack.wait_for(
        lambda: [one for one in box.slack.channels() if one.name.endswith(name)], 60
    )
    return time.time()


async def alone(box: Box, rows: Rows, room: Incident, run: str, check: str) -> float:
    await Person(box, "U0DANA").presses(
        room.card, room.channel, f"{names.AGAIN}:menu", names.value(run, check)
    )
    await box.slack.wait_for(lambda: check in rows.times(run, 2), 60)
    began, ended = rows.times(run, 2)[check]
    return ended - began


async def bench() -> None:
    waits = Waits()
    with tempfile.TemporaryDirectory() as folder:
        box, rows = Box(Path(folder)), Rows(Path(folder) / "runbook-bot.db", CHECKS)
        box.aws.faults.delay("*", "*", FAR_S, times=FOREVER)
        async with box.running(), bot_in(box):
            await one_run(box, rows, Waits(), 0)
            for number in range(1, ROUNDS + 1):
                await one_run(box, rows, waits, number)
    report(waits)


def report(waits: Waits) -> None:
    def ratio(floor: list[float]) -> str:
        return f"{median([a / b for a, b in zip(waits.together, floor, strict=True)]):.2f}x"

    rows = [
        ["all four together", _ms(waits.together), ""],
        ["the slowest of them meanwhile", _ms(waits.slowest), ratio(waits.slowest)],
        ["the slowest of them alone", _ms(waits.alone), ratio(waits.alone)],
    ]
    heads = [f"median of {len(waits.together)} runs", "ms", "together is"]
    print_table(f"Diagnosis (aim: at most {AIM}x the slowest check)", heads, rows)
    waited = [
        ["the incident's channel is there", _ms(waits.channel), f"{max(waits.channel):.2f}"],
        ["all checks are done", _ms(waits.done), f"{max(waits.done):.2f}"],
        ["the card shows all of it", _ms(waits.shown), f"{max(waits.shown):.2f}"],
    ]
    print_table("From the command until", ["", "median ms", "longest s"], waited)


def _ms(seconds: list[float]) -> str:
    return f"{median(seconds) * 1000:.0f}"


if __name__ == "__main__":
    asyncio.run(bench())
