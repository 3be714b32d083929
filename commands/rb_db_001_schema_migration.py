"""RB-DB-001: Schema Migration."""

from collections.abc import Sequence
from datetime import timedelta

from pydantic import Field, field_validator

from adapters.cloudwatch import CloudWatch, NoRequests, Response, Traffic
from adapters.ecs import Ecs
from adapters.migrations import (
    DowngradeSchema,
    Image,
    MigrateSchema,
    Migrations,
    Outcome,
    Pending,
    Schema,
    Target,
)
from adapters.notices import PostNotice
from adapters.postgres import Postgres
from adapters.rds import Rds, Snapshot, StartSnapshot
from bot.runbook import (
    Company,
    Done,
    Facts,
    Found,
    Nothing,
    Plan,
    Question,
    Run,
    Runbook,
    RunbookInputs,
    Thresholds,
    Todo,
    Watched,
)
from bot.runbook.durations import hours, minutes, seconds
from bot.runbook.findings import Details
from bot.runbook.showing import duration_text
from bot.runbook.words import (
    choose,
    not_yet,
    nothing,
    ok,
    plan,
    problem,
    todo,
    unknown,
    warning,
)

#: As alembic names one, or as Django does: app.0003_name.
REVISION = r"^([A-Za-z0-9_]{2,32}|[A-Za-z_][A-Za-z0-9_]{0,99}\.[A-Za-z0-9_]{1,99})$"
RESTORE = "Or restore from snapshot (nuclear option)"


class Limits(Thresholds):
    quiet: float = 0.3  #: Of the week's busiest hour; with less going on it is a quiet time.
    worse_by: float = 2.0  #: Times the errors, or the response time, of the hour before.
    waiting: int = 10  #: Sessions that wait for others.
    replica_lag: timedelta = seconds(30)


class Inputs(RunbookInputs):
    service: str = Field(
        title="Service",
        pattern=r"^[A-Za-z0-9_-]{1,255}$",
        description="whose image has the migrations",
    )
    revision: str | None = Field(
        title="Target revision",
        default=None,
        pattern=REVISION,
        description="by its id (Django: app.0003_name); none given: you choose from the image's",
    )

    @field_validator("revision")
    @classmethod
    def _is_one(cls, revision: str | None) -> str | None:
        if revision in ("head", "heads", "base"):
            raise ValueError(f"{revision} moves; name the revision itself")
        return revision


class DatabaseHealth(Facts):
    """Of the database after the migration. What is not known is None."""

    stands: str
    waiting: int
    replica_lag: timedelta | None


book = Runbook(
    id="RB-DB-001",
    title="Schema Migration",
    severity="P3",
    category="Database",
    when=("Deploying database schema changes",),
    inputs=Inputs,
    thresholds=Limits,
)
restore = book.next_hop("RB-REC-001", RESTORE, fills=("snapshot",))


@book.choices("service")
async def existing_services(ecs: Ecs) -> Sequence[str]:
    return await ecs.names()


target = book.section("Target revision")


@target.check("Read the migrations in the service's image", limit=minutes(5))
async def image(run: Run, inputs: Inputs, migrations: Migrations) -> Found[Image]:
    """In a task that gets no database: nobody else has the scripts."""
    found = await migrations.image(run, inputs.service)
    where = f"the database is at {found.stands}"
    if found.error:
        return problem(f"{found.image} cannot go on from there, {where}: {found.error}", found)
    if not found.scripts:
        return problem(f"{found.image} has nothing newer, {where}: nothing to migrate", found)
    return ok(f"{found.image} has {_count(len(found.scripts), 'newer revision')}, {where}", found)


@target.ask("Choose the target revision")
def revision(inputs: Inputs, image: Image) -> Question[Target] | Nothing:
    if inputs.revision:
        return nothing(f"{inputs.revision} was given")
    return choose(
        image.targets(),
        lambda one: f"{one.revision}: {one.title}"[:75],
        f"The database is at {image.stands}. Whatever lies in between is run as well.",
        if_none=f"No revision follows {image.stands}",
    )


@target.check("Pending revisions and their SQL")
def pending(inputs: Inputs, image: Image, revision: Target | None) -> Found[Pending] | Nothing:
    wanted = inputs.revision or (revision.revision if revision else None)
    if wanted is None:
        return nothing("There is no target revision")
    scripts = image.path(wanted)
    found = Pending(stands=image.stands, revision=wanted, scripts=scripts)
    if not scripts:
        return problem(f"The database is at {wanted} already: nothing to migrate", found)
    says = f"{image.stands} to {wanted}: {', '.join(one.label for one in scripts)}"
    details = Details(table=found.table(), file=found.file())
    if found.without_sql:
        unwritten = ", ".join(one.revision for one in found.without_sql)
        return warning(
            f"{says}. Nobody can read the SQL of {unwritten} before it runs", found, **details
        )
    return ok(says, found, **details)


checklist = book.section("Pre-Migration Checklist", together=True, holds=True)


@checklist.confirm("Migration tested in staging")
def tested_in_staging(pending: Pending) -> Todo:
    return todo(
        f"Did {pending.stands} to {pending.revision} run in staging, and do its tests pass?"
    )


@checklist.check("Rollback script prepared")
def rollback_prepared(pending: Pending) -> Found[Pending]:
    without = "; ".join(f"{one.revision}: {one.no_downgrade}" for one in pending.without_downgrade)
    if without:
        return problem(f"No way back but the snapshot. {without}", pending)
    return ok(f"Each can be taken back: {', '.join(pending.revisions)}", pending)


@checklist.action("Stakeholders notified", unattended="a message in our own channel")
def notify_stakeholders(run: Run, inputs: Inputs, pending: Pending) -> Plan[PostNotice]:
    text = (
        f"The database is going to be migrated from {pending.stands} to {pending.revision} by"
        f" {inputs.service}, once that is approved: run {run.id}"
    )
    return plan(PostNotice(run=run.id, name="migration", text=text))


@checklist.check("Low-traffic window identified")
async def low_traffic(company: Company, limits: Limits, cloudwatch: CloudWatch) -> Found[Traffic]:
    """No requests at all are no quiet time: it may be down."""
    found = await cloudwatch.traffic(company.service_names)
    says = f"{found}, as of {found.as_of:%H:%M} UTC"
    if found.share is None:
        return unknown(says)
    if found.share > limits.quiet:
        return problem(f"Not a quiet time: {says}", found, plot=found.plot())
    return ok(f"A quiet time: {says}", found, plot=found.plot())


steps = book.section("Steps")


@steps.action("Take backup before migration")
async def take_backup(
    run: Run, company: Company, pending: Pending, rds: Rds
) -> Plan[StartSnapshot] | Nothing:
    """It may take hours: what waits for it is the watch, which says how far it is."""
    if not pending.scripts:
        return nothing("There is nothing to migrate")
    database = await rds.database(company.database)
    name = f"pre-migration-{run.started_at:%Y%m%d-%H%M%S}-{run.id.lower()}"
    return plan(
        database.start_snapshot(name, run.id),
        because=f"{database.name} ({database.kind}) is migrated to {pending.revision} afterwards",
    )


@steps.watch("Backup taken", every=seconds(15), lasting=hours(2), until="ok")
async def backup(take_backup: Done[StartSnapshot], rds: Rds) -> Watched[Snapshot]:
    """By the name that only this run has; what an earlier one left is no backup of today."""
    taken = await rds.snapshot(take_backup.only)
    says = f"{taken.name} is {taken.status}, {taken.percent} %"
    if taken.status == "available":
        return ok(f"{taken.name} is available", taken)
    if taken.status == "creating":
        return not_yet(f"{says}. The migration waits for it", taken, taken.percent / 100)
    return problem(f"{says}: there is no backup, so nothing is migrated", taken)


@steps.action("Run migration")
async def migrate(
    run: Run,
    image: Image,
    pending: Pending,
    backup: Snapshot,
    migrations: Migrations,
) -> Plan[MigrateSchema] | Nothing:
    if backup.status != "available":
        return nothing(f"{backup.name} is {backup.status}: no migration without a backup")
    now = await migrations.standing(run)
    if now.stands != pending.stands:
        return nothing(
            f"The database is at {now.stands} by now, and no longer at {pending.stands}:"
            " somebody else has migrated. Start again to see what is left to be done"
        )
    return plan(
        image.migrate(run.id, pending, now),
        because=f"{_count(len(pending.scripts), 'revision')}: {', '.join(pending.revisions)}",
        beware=f"Their SQL is in {pending.file().name}. A backup is there: {backup.name}",
    )


@steps.check("Verify migration")
async def verify(
    run: Run,
    pending: Pending,
    backup: Snapshot,
    migrate: Done[MigrateSchema] | None,
    migrations: Migrations,
) -> Found[Schema]:
    """Also after a migration that failed: whatever it got to is there."""
    found = await migrations.schema(run, pending.expected())
    hops = (restore(snapshot=backup.name),)
    if found.stands == pending.stands:
        return problem(f"The schema is where it was, at {found.stands}", found)
    if found.stands not in pending.revisions:
        return problem(
            f"The schema is at {found.stands}, which is not of this migration: somebody else has"
            f" migrated. Ask them before anything is taken back to {pending.stands}",
            found,
        )
    if found.stands != pending.revision:
        return problem(
            f"The schema is at {found.stands}: between {pending.stands} and {pending.revision}."
            f" Take it back to {pending.stands}, or migrate on from there",
            found,
            next_hops=hops,
        )
    if found.missing:
        missing = ", ".join(found.missing)
        return problem(
            f"The version table says {found.stands}, but this is missing: {missing}",
            found,
            table=found.table(),
            next_hops=hops,
        )
    if found.invalid_indexes:
        invalid = ", ".join(found.invalid_indexes)
        return warning(
            f"The schema is at {found.stands}, with invalid indexes: {invalid}. RB-INC-003 drops"
            " and makes them anew",
            found,
            table=found.table(),
        )
    if migrate is None:
        return warning(f"The schema is at {found.stands}, but not by this run", found)
    return ok(
        f"The schema is at {found.stands}, and all of it is there", found, table=found.table()
    )


@steps.check("The migration's log")
async def log(migrate: Done[MigrateSchema], migrations: Migrations) -> Found[Outcome]:
    found = await migrations.outcome(migrate.only)
    if found.exit_code is None:
        return unknown("ECS does not tell how its task ended any more")
    if found.exit_code:
        return problem(f"{found.why}; the schema is at {found.stands}", found, file=found.file())
    return ok(f"{found.why}; {len(found.lines):,} lines", found, file=found.file())


monitoring = book.section("Monitor for issues (15-30 minutes)", together=True, holds=True)


@monitoring.watch(
    "Application errors, performance degradation",
    every=minutes(1),
    lasting=minutes(30),
    until="problem",
)
async def response(
    run: Run,
    inputs: Inputs,
    limits: Limits,
    migrate: Done[MigrateSchema],
    cloudwatch: CloudWatch,
) -> Watched[Response]:
    since = migrate.at
    try:
        found = await cloudwatch.response(inputs.service, since)
    except NoRequests as error:
        return not_yet(str(error))
    says = f"{found}, since {since:%H:%M} UTC as of {found.as_of:%H:%M} UTC"
    if found.is_worse(limits.worse_by):
        return problem(f"Worse than before: {says}", found, plot=found.plot())
    return ok(f"No worse than before: {says}", found, plot=found.plot())


@monitoring.watch(
    "Data integrity, locks, replica lag", every=minutes(1), lasting=minutes(30), until="problem"
)
async def database(
    run: Run,
    limits: Limits,
    migrate: Done[MigrateSchema],
    postgres: Postgres,
    migrations: Migrations,
) -> Watched[DatabaseHealth]:
    reach = await postgres.connectivity()
    if reach.answered_in is None:
        health = DatabaseHealth(stands="", waiting=0, replica_lag=None)
        return problem(f"The database does not answer. {reach.says()}", health)
    held, now = await postgres.locks(run), await migrations.standing(run)
    found = DatabaseHealth(stands=now.stands, waiting=held.waiting, replica_lag=reach.replica_lag)
    lag = _lag(reach.replica_lag, reach.replica_error)
    says = f"{held.waiting} sessions wait for others, {lag}, the schema is at {now.stands}"
    if now.stands != migrate.only.revision:
        return problem(f"Somebody else has moved the schema: {says}", found)
    if held.waiting >= limits.waiting:
        return problem(f"{held.says()}; {says}", found, table=held.table())
    if reach.replica_lag and reach.replica_lag > limits.replica_lag:
        return problem(f"The replica lags: {says}", found)
    return warning(says, found) if reach.replica_error else ok(says, found)


rollback = book.section("Rollback", standby=True)


@rollback.action("Alembic rollback", suggested_by=(verify, log, response, database))
async def downgrade(
    run: Run, image: Image, pending: Pending, backup: Snapshot, migrations: Migrations
) -> Plan[DowngradeSchema] | Nothing:
    """To the revision that was recorded before, and never by a number of steps."""
    now = await migrations.standing(run)
    if now.stands == pending.stands:
        return nothing(f"The schema is at {now.stands}, where it was: nothing to take back")
    if now.stands not in pending.revisions:
        return nothing(
            f"The schema is at {now.stands}, which is not of this migration: look at it by hand"
        )
    change = image.downgrade(run.id, pending.stands, now)
    without = [one.revision for one in pending.without_downgrade if one.revision in change.steps]
    if without:
        return nothing(
            f"{', '.join(without)} cannot be taken back: what is left is {backup.name}, restored"
            " with RB-REC-001"
        )
    return plan(
        change,
        because=f"The schema is at {now.stands}, and was at {pending.stands}",
        beware=f"What only the newer schema holds is lost: {', '.join(change.steps)} go. The"
        f" service must work with {pending.stands}",
    )


@rollback.check("The schema is where it was", proves=downgrade)
async def back(
    run: Run, downgrade: Done[DowngradeSchema], backup: Snapshot, migrations: Migrations
) -> Found[Schema]:
    found = await migrations.schema(run, ())
    if found.stands != downgrade.only.revision:
        hops = (restore(snapshot=backup.name),)
        return problem(f"The schema is at {found.stands}", found, next_hops=hops)
    return ok(f"The schema is back at {found.stands}", found)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _lag(lag: timedelta | None, error: str) -> str:
    if lag is not None:
        return f"the replica is {duration_text(lag)} behind"
    return f"the replica's lag is not known ({error})" if error else "there is no replica"
