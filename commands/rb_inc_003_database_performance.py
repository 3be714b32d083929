"""RB-INC-003: Database Performance Degradation."""

from collections.abc import Iterator
from datetime import timedelta

from adapters.cloudwatch import CloudWatch, DatabaseLoad
from adapters.postgres import (
    Activity,
    Bloat,
    CreateIndex,
    DropInvalidIndex,
    EndSession,
    Indexes,
    Locks,
    Postgres,
    Remedy,
    Session,
    TableBloat,
    Vacuum,
)
from adapters.rds import Database, ModifyClass, Rds
from bot.runbook import (
    Answer,
    Company,
    Found,
    Nothing,
    Plan,
    Question,
    Run,
    Runbook,
    RunbookInputs,
    Thresholds,
)
from bot.runbook.durations import minutes, seconds
from bot.runbook.showing import duration_text
from bot.runbook.words import choose, nothing, ok, plan, problem, unknown, warning


class Limits(Thresholds):
    slow_query: timedelta = seconds(5)
    idle_in_transaction: timedelta = minutes(1)
    lock_wait: timedelta = seconds(5)  #: The longest; shorter ones are everyday.
    many_waiting: int = 10  #: However short they have waited.
    dead_rows: int = 10_000  #: Tables with fewer are not looked at.
    dead_share: float = 0.3  #: Of all rows. Autovacuum comes at 0.17 by itself.
    holds_vacuum: timedelta = minutes(10)  #: A transaction for whose sake dead rows are kept.
    large_table: int = 100_000  #: Rows; smaller ones may be read from end to end.
    scans_looked_for: timedelta = seconds(3)
    cpu_percent: float = 85


class Inputs(RunbookInputs):
    """It is about the company's database, whoever asks."""


book = Runbook(
    id="RB-INC-003",
    title="Database Performance Degradation",
    severity="P2/P3",
    category="Incident",
    when=("Slow API response times", "High database CPU", "Lock contention"),
    inputs=Inputs,
    thresholds=Limits,
)
outage = book.next_hop("RB-INC-001", "The database does not answer at all")

diagnosis = book.section("Diagnosis", together=True)


@diagnosis.check("Check current queries")
async def current_queries(run: Run, postgres: Postgres, limits: Limits) -> Found[Activity]:
    now = await postgres.activity(run, limits.slow_query, limits.idle_in_transaction)
    if now.error:
        hops = () if now.cause == "too many connections" else (outage(),)
        return problem(now.error, now, next_hops=hops)
    if says := now.says():
        return warning(says, now, table=now.table())
    return ok(
        f"No query runs for {duration_text(limits.slow_query)}, and no session idles in a"
        f" transaction for {duration_text(limits.idle_in_transaction)}",
        now,
    )


@diagnosis.check("Check for locks")
async def locks(run: Run, postgres: Postgres, limits: Limits) -> Found[Locks]:
    held = await postgres.locks(run)
    if held.waiting >= limits.many_waiting or held.longest_wait >= limits.lock_wait:
        return problem(held.says(), held, table=held.table())
    return ok(held.says(), held)


@diagnosis.check("Check table bloat")
async def bloat(run: Run, postgres: Postgres, limits: Limits) -> Found[Bloat]:
    found = await postgres.bloat(run, limits.dead_rows)
    bloated = "; ".join(one.label() for one in found.above(limits.dead_share))
    kept = _kept_for(found, limits)
    if bloated or kept:
        says = ". ".join(filter(None, (bloated, kept)))
        return warning(says, found, table=found.table())
    return ok(f"In no table more than {limits.dead_share:.0%} of the rows are dead", found)


@diagnosis.check("Check load: CPU, connections, IO")
async def load(
    company: Company, rds: Rds, cloudwatch: CloudWatch, limits: Limits
) -> Found[DatabaseLoad]:
    database = await rds.database(company.database)
    if not database.writer:
        return unknown(f"{database.name} is {database.status}, and no instance of it writes")
    now = await cloudwatch.database_load(database.writer)
    says = (
        f"{now.instance}: CPU {now.cpu_percent:.0f} %, {now.connections:.0f} connections,"
        f" {now.io_per_s:.0f} reads and writes per second"
    )
    shown = problem if now.cpu_percent > limits.cpu_percent else ok
    return shown(says, now, plot=now.plot())


@diagnosis.check("Check for large tables read from end to end, and invalid indexes")
async def indexes(run: Run, postgres: Postgres, limits: Limits) -> Found[Indexes]:
    found = await postgres.indexes(
        run, limits.large_table, limits.slow_query, limits.scans_looked_for
    )
    if says := found.says():
        return warning(says, found, table=found.table())
    return ok(
        f"In {duration_text(found.looked_for)} no table of {limits.large_table:,} rows was read"
        " from end to end, and every index is valid",
        found,
    )


def _kept_for(found: Bloat, limits: Limits) -> str:
    """What keeps VACUUM from taking dead rows away; empty: nothing that is old."""
    old = found.holding_for(limits.holds_vacuum)
    return f"Dead rows are kept for the sake of {old[0].label()}" if old else ""


remediation = book.section("Remediation", pick=True)


@remediation.ask("Choose the session to end")
def session_to_end(
    locks: Locks | None, current_queries: Activity | None
) -> Question[Session] | Nothing:
    return choose(
        [*_endable(locks, current_queries)],
        lambda session: _label(session, locks),
        "Those at the root of a queue come first; nobody else in it needs to be ended.",
        if_none="There is no session that may be ended: none holds up others or is at it for"
        " long, but replication, autovacuum, migrations and this bot's own",
    )


@remediation.action(
    "Kill long-running queries (if safe)", suggested_by=(locks, current_queries), reread=load
)
def end_session(
    run: Run,
    session_to_end: Session,
    locks: Locks | None,
    current_queries: Activity | None,
) -> Plan[EndSession] | Nothing:
    chosen = (session_to_end.pid, session_to_end.backend_start)
    for session in _endable(locks, current_queries):
        if (session.pid, session.backend_start) == chosen:
            return plan(
                session.end(run.id),
                because=_label(session, locks),
                beware=f"What it has not committed is undone. Its last query: {session.query}",
            )
    return nothing(f"pid {session_to_end.pid} holds up nobody any more, and is at nothing long")


@remediation.ask("Choose the table to vacuum")
def table_to_vacuum(bloat: Bloat, limits: Limits) -> Question[TableBloat] | Nothing:
    return choose(bloat.above(limits.dead_share), TableBloat.label, if_none="No table is bloated")


@remediation.action("Run VACUUM if bloat detected", suggested_by=bloat, reread=load)
def vacuum(
    run: Run, table_to_vacuum: TableBloat, bloat: Bloat, limits: Limits
) -> Plan[Vacuum] | Nothing:
    now = [one for one in bloat.tables if one.oid == table_to_vacuum.oid]
    kept = _kept_for(bloat, limits)
    return plan(
        *(one.vacuum(run.id) for one in now),
        because="; ".join(one.label() for one in now),
        beware=f"{kept}, and stay: end that first" if kept else "It reads the whole table",
        if_none=f"{table_to_vacuum.name} has hardly a dead row any more",
    )


@remediation.ask("Choose the index to make")
def index_to_make(indexes: Indexes) -> Question[Remedy] | Nothing:
    return choose(
        indexes.remedies, Remedy.label, if_none="No index is invalid, and none seems to be missing"
    )


@remediation.action("Add missing index (if scan detected)", suggested_by=indexes, reread=load)
def add_index(run: Run, index_to_make: Remedy) -> Plan[CreateIndex | DropInvalidIndex]:
    return plan(
        index_to_make.change(run.id),
        because=index_to_make.label(),
        beware="It waits for every transaction that is older, and each write to the table costs"
        " a little more with one more index",
    )


class InstanceClass(Answer):
    name: str


@remediation.ask("Choose the larger instance class")
async def larger_class(company: Company, rds: Rds) -> Question[InstanceClass] | Nothing:
    classes = await rds.larger_classes(await rds.database(company.database))
    return choose(
        [InstanceClass(name=name) for name in classes.larger],
        lambda one: one.name,
        f"{classes.database} has {classes.now}",
        if_none=f"RDS offers nothing larger than {classes.now} in its family",
    )


@remediation.action("Scale up RDS if resource constrained", suggested_by=load)
async def scale_up(
    company: Company, rds: Rds, larger_class: InstanceClass
) -> Plan[ModifyClass] | Nothing:
    database = await rds.database(company.database)
    moves = database.modify_class(larger_class.name)
    also = "; ".join(f"{move.instance}: {', '.join(move.also)}" for move in moves if move.also)
    return plan(
        *moves,
        because=f"{database.name} is {database.kind} with {database.instance_class}",
        beware=_cost(database) + (f". This is applied as well: {also}" if also else ""),
        if_none=f"Every instance of {database.name} is a {larger_class.name} already",
    )


def _cost(database: Database) -> str:
    if database.kind == "single":
        return "There is no standby: nothing answers for some minutes while it restarts"
    return "Writes fail for about a minute when another instance takes over, and sessions are cut"


def _label(session: Session, locks: Locks | None) -> str:
    """With how many it holds up, if it is at a root."""
    roots = [root for root in (locks.roots if locks else ()) if root.session == session]
    return roots[0].label() if roots else session.label()


def _endable(locks: Locks | None, queries: Activity | None) -> Iterator[Session]:
    """Each once, as it was seen last; those that hold up others first."""
    seen = set()
    found = (*(locks.endable if locks else ()), *(queries.endable if queries else ()))
    for session in found:
        if (session.pid, session.backend_start) not in seen:
            seen.add((session.pid, session.backend_start))
            yield session
