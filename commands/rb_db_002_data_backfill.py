"""RB-DB-002: Data Backfill."""

from collections.abc import Sequence

from pydantic import Field

from adapters.cloudwatch import CloudWatch, DatabaseLoad, Traffic
from adapters.postgres import Estimate, Left, Postgres, RunBackfill
from adapters.rds import Rds
from bot.runbook import (
    Company,
    Done,
    Found,
    Nothing,
    Plan,
    Run,
    Runbook,
    RunbookInputs,
    Thresholds,
    Todo,
)
from bot.runbook.durations import minutes
from bot.runbook.showing import duration_text
from bot.runbook.words import nothing, ok, plan, problem, todo, unknown, warning


class Limits(Thresholds):
    low_traffic: float = 0.5  #: Of the busiest hour of the week.
    cpu_percent: float = 70


class Inputs(RunbookInputs):
    backfill: str = Field(title="Backfill", pattern=r"^[a-z][a-z0-9-]{2,60}$")
    batch_size: int = Field(title="Rows per batch", ge=1000, le=5000, default=1000)
    pause_ms: int = Field(title="Pause between batches, in ms", ge=0, le=10_000, default=100)

    @property
    def pause_s(self) -> float:
        return self.pause_ms / 1000


book = Runbook(
    id="RB-DB-002",
    title="Data Backfill",
    severity="P3",
    category="Database",
    when=("Populating new columns", "Fixing data issues"),
    inputs=Inputs,
    thresholds=Limits,
)
busy = book.next_hop("RB-INC-003", "The database is busy")


@book.choices("backfill")
async def backfills(postgres: Postgres) -> Sequence[str]:
    return await postgres.backfills()


steps = book.section("Steps")


@steps.check("Create backfill script: what it will do", limit=minutes(4))
async def estimate(run: Run, inputs: Inputs, postgres: Postgres) -> Found[Estimate]:
    found = await postgres.estimate(run, inputs.backfill, inputs.batch_size)
    says = _what_it_does(found, inputs)
    if not found.is_found_by_index:
        lacks = f"There is no index by which {found.backfill.key} finds the rows of a batch"
        return problem(f"{lacks}: each batch would read the whole table. {says}", found)
    return (warning if found.without_value else ok)(says, found, table=found.table())


@steps.confirm("Test on staging first")
def tested_on_staging(estimate: Estimate) -> Todo | Nothing:
    if not estimate.rows:
        return nothing("No row is to be filled")
    of = estimate.backfill
    return todo(
        f"On staging {of.name} has filled {of.column} of {of.table}, and the values are right"
    )


@steps.check("Run during low-traffic period")
async def low_traffic(company: Company, cloudwatch: CloudWatch, limits: Limits) -> Found[Traffic]:
    traffic = await cloudwatch.traffic([service.name for service in company.services])
    if traffic.share is None:
        return unknown(f"It cannot be told how quiet it is: {traffic}")
    if traffic.share > limits.low_traffic:
        return problem(
            f"This is no quiet time: {traffic}. Come back then, or go on knowingly",
            traffic,
            plot=traffic.plot(),
        )
    return ok(str(traffic), traffic, plot=traffic.plot())


@steps.check("Monitor database load: before it begins")
async def load(
    company: Company, rds: Rds, cloudwatch: CloudWatch, limits: Limits
) -> Found[DatabaseLoad]:
    database = await rds.database(company.database)
    if not database.writer:
        return unknown(f"{database.name} is {database.status}, and no instance of it writes")
    now = await cloudwatch.database_load(database.writer)
    says = (
        f"{now.instance}: CPU {now.cpu_percent:.0f} %, {now.io_per_s:.0f} reads and writes per"
        f" second, as of {now.as_of:%H:%M} UTC"
    )
    if now.cpu_percent > limits.cpu_percent:
        return problem(f"The database is busy. {says}", now, plot=now.plot(), next_hops=(busy(),))
    return ok(says, now, plot=now.plot())


@steps.action("Run the backfill in batches, and ANALYZE")
def fill(run: Run, inputs: Inputs, estimate: Estimate) -> Plan[RunBackfill] | Nothing:
    moves = [estimate.change(run.id, inputs.batch_size, inputs.pause_s)] if estimate.rows else []
    return plan(
        *moves,
        because=_what_it_does(estimate, inputs),
        beware="Each batch locks its rows while it is written. It slows down by itself while the"
        " database is busier than at its beginning, and can be paused. The bot cannot take it"
        f" back; by hand: {estimate.backfill.take_back}",
        if_none="No row is to be filled",
    )


@steps.check("Verify that no row is left", limit=minutes(4), proves=fill)
async def none_left(
    run: Run, inputs: Inputs, fill: Done[RunBackfill], postgres: Postgres
) -> Found[Left]:
    left = await postgres.left(run, inputs.backfill)
    nulls = _stay(left.without_value)
    if left.wrong:
        says = f"{left.wrong:,} values are not what the catalogue says is right"
        return problem(f"{says}. {left.filled:,} were filled{nulls}", left)
    if left.rows:
        says = f"{left.rows:,} rows came in behind it without a value"
        return warning(f"{says}: whatever writes them must fill them. Run it again{nulls}", left)
    return ok(f"{left.filled:,} rows were filled, and none is left to be{nulls}", left)


def _what_it_does(found: Estimate, inputs: Inputs) -> str:
    so_far = f"; {found.filled:,} are filled by this run" if found.filled else ""
    takes = duration_text(found.takes(inputs.batch_size, inputs.pause_s))
    how = f"{found.rate:,.0f} rows/s as last time" if found.rate else "a guess"
    return (
        f"{found.rows:,} of {found.rows_in_all:,} rows of {found.backfill.table} are to be filled,"
        f" in about {takes} ({how}){so_far}"
        f"{_stay(found.without_value)}"
    )


def _stay(without_value: int) -> str:
    """Rows that a script would choose again for ever."""
    if not without_value:
        return ""
    return f". {without_value:,} rows are left as they are, because the expression gives NULL"
