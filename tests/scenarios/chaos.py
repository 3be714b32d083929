"""
Three whole bots on one PostgreSQL, in several outages at once, while one misfortune after another
befalls them, their store, Slack and AWS. Every run ends; what was approved is made, once, and
nothing else; whatever was said stands in Slack, once; the audit log is whole.

`python -m tests.scenarios.chaos --runs 60 --seconds 900 --seed 1` is the long run.
"""

import argparse
import asyncio
import random
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from sandbox.postgres import Database
from tests.scenarios.company import company_in
from tests.scenarios.fleet import fleet_of
from tests.scenarios.ledger import Ledger, Rows
from tests.scenarios.misfortunes import Misfortunes
from tests.scenarios.nights import Company

REPLICAS = 3


async def chaos(folder: Path, runs: int, seconds: float, seed: int) -> str:
    """What happened, in a line. Raises AssertionError when it was not what people approved."""
    dice = random.Random(seed)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Database(organizations=0, with_replica=False))
        own = await stack.enter_async_context(Database(organizations=0))
        box = await stack.enter_async_context(company_in(folder, own))
        fleet = await stack.enter_async_context(fleet_of(box, REPLICAS, folder, store))
        rows = Rows(fleet.url)
        company, misfortunes = Company(box, rows), Misfortunes(fleet, store, dice)
        nights = asyncio.create_task(company.live_through(runs))
        try:
            await misfortunes.befall(seconds, nights)
            await nights
            await company.end()
        finally:
            nights.cancel()
            await misfortunes.over()
        ended = await fleet.end()
        asked = {plan for night in company.nights for plan in night.wish.asked}
        ledger = Ledger(box, rows, asked)
        doubled = [*company.doubled(), *await ledger.doubled()]
        unapproved, lost = await ledger.unapproved(), await ledger.lost()
    befell = ", ".join(f"{times} {what}" for what, times in sorted(misfortunes.befell.items()))
    summary = (
        f"{company.runs} runs, {befell}; {company.changes} changes, {len(doubled)} doubled,"
        f" {len(unapproved)} unapproved, {len(lost)} lost"
    )
    assert not (doubled or unapproved or lost), (summary, doubled, unapproved, lost)
    assert ended == [0] * len(ended), f"{summary}; ended with {ended}"
    assert not fleet.tracebacks(), (summary, fleet.tracebacks())
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description="The long run of chaos with whole bots.")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(chaos(Path(folder), told.runs, told.seconds, told.seed)))


if __name__ == "__main__":
    main()
