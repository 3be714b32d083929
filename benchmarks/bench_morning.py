"""
Whether the morning check takes longer than the slowest of its checks, and what one waits for it.

In the whole sandbox, the bot in a process of its own. A check's time is from its start to its end
as the run's rows have them. *Together* is from the first start to the last end; *slowest* is the
longest of them within it. AWS answers after 100 ms, as it does when it is not on the same machine.
Then what a person waits for, from the command leaving Slack.
"""

import asyncio
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import FAR_S, bot_in, median, print_table
from benchmarks.rows import Rows, slowest_s, together_s
from bot.runbook.outline import outline
from bot.slack.views import names
from commands.daily_001_morning_health_check import book
from sandbox.aws.faults import FOREVER
from sandbox.box import Box
from tests.scenarios.stage import Person, has

AIM = 1.15
ROUNDS = 10
CHECKS = tuple(step.key for section in outline(book).sections for step in section.steps)


@dataclass
class Waits:
    """Seconds, one for each run."""

    together: list[float] = field(default_factory=list)
    slowest: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    #: How often which check was the slowest.
    last: Counter[str] = field(default_factory=Counter)


async def one_run(box: Box, rows: Rows, waits: Waits, number: int) -> None:
    place = box.slack.add_channel(f"morning-{number}", ("U0DANA",))
    typed_at = time.time()
    assert (await Person(box, "U0DANA").types(book.id, place)).acked
    await box.slack.wait_for(
        lambda: [one for one in box.slack.messages(place) if has(one, names.TIMELINE)], 60
    )
    waits.shown.append(time.time() - typed_at)
    times = rows.times(rows.newest_run())
    assert set(times) == set(CHECKS), times
    waits.together.append(together_s(times))
    waits.slowest.append(slowest_s(times))
    waits.last[max(times, key=lambda key: times[key][1] - times[key][0])] += 1


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
    both = zip(waits.together, waits.slowest, strict=True)
    ratio = f"{median([together / slowest for together, slowest in both]):.2f}x"
    (slowest, _), *_ = waits.last.most_common(1)
    rows = [
        [f"all {len(CHECKS)} together", _ms(waits.together), ""],
        [f"the slowest of them meanwhile (mostly {slowest})", _ms(waits.slowest), ratio],
    ]
    heads = [f"median of {len(waits.together)} runs", "ms", "together is"]
    print_table(f"The morning check (aim: at most {AIM}x the slowest check)", heads, rows)
    waited = [["the report is there", _ms(waits.shown), f"{max(waits.shown):.2f}"]]
    print_table("From the command until", ["", "median ms", "longest s"], waited)


def _ms(seconds: list[float]) -> str:
    return f"{median(seconds) * 1000:.0f}"


if __name__ == "__main__":
    asyncio.run(bench())
