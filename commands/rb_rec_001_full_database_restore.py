"""RB-REC-001: Full Database Restore."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

from adapters.complyai import ComplyAi, Healths
from adapters.ecs import Ecs, ScaleService
from adapters.kubernetes import Deployment, Kubernetes, ScaleDeployment
from adapters.notices import PostNotice
from adapters.parameters import Parameters, SetParameter
from adapters.postgres import Comparison, Contents, Postgres
from adapters.rds import (
    LONGEST_NAME,
    NAME,
    CreateMember,
    Original,
    Place,
    Rds,
    Recovery,
    RecoveryPoint,
    RecoveryPoints,
    RenameDatabase,
    RestoreSnapshot,
    RestoreToPointInTime,
    has_failed,
)
from adapters.slack import PostTimeline
from bot.runbook import (
    Answer,
    Company,
    Done,
    Facts,
    File,
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
from bot.runbook.durations import days, hours, minutes, seconds
from bot.runbook.errors import StepError
from bot.runbook.showing import duration_text
from bot.runbook.words import not_yet, nothing, ok, plan, problem, question, todo, warning

CutOver = ScaleService | ScaleDeployment | RenameDatabase | SetParameter
KEPT_FOR = days(3)
NOT_CHOSEN = "There is nothing to go back to"


class Limits(Thresholds):
    read_for: timedelta = minutes(50)  #: Every row, at most.
    read_table_for: timedelta = minutes(15)


class Inputs(RunbookInputs):
    snapshot: str | None = Field(
        title="Snapshot",
        default=None,
        pattern=r"^[A-Za-z][A-Za-z0-9:-]{0,254}$",
        description="a snapshot of the database; or else a point in time below",
    )
    restore_time: AwareDatetime | None = Field(
        title="Or a point in time",
        default=None,
        validate_default=True,
        description="what was written later is lost",
    )
    restored_as: str | None = Field(
        title="Name of the restored database until it takes over",
        default=None,
        pattern=NAME,
        max_length=LONGEST_NAME,
        description="nothing given: the database's name and -restored",
    )
    kept_as: str | None = Field(
        title="Name of the database of today afterwards",
        default=None,
        pattern=NAME,
        max_length=LONGEST_NAME,
        description="nothing given: its name and -old",
    )

    @field_validator("restore_time")
    @classmethod
    def _is_one(cls, at: AwareDatetime | None, info: ValidationInfo) -> AwareDatetime | None:
        if (at is None) == (info.data.get("snapshot") is None):
            raise ValueError("give a snapshot or a point in time: one of the two")
        return at


book = Runbook(
    id="RB-REC-001",
    title="Full Database Restore",
    severity="P1",
    category="Recovery",
    when=("Catastrophic data loss", "Corruption beyond repair"),
    inputs=Inputs,
    thresholds=Limits,
)


@book.choices("snapshot")
async def usable_snapshots(company: Company, rds: Rds, recovery: Recovery) -> Sequence[str]:
    points = await recovery.points(await rds.database(company.database))
    return [one.name for one in points.usable]


class Scope(Facts):
    """What is restored, from where, under which names; and what ran before anything was done."""

    points: RecoveryPoints
    original: Original
    point: RecoveryPoint | None  #: None: it cannot be had, or a name is taken.
    restored_as: str
    kept_as: str
    tasks: tuple[tuple[str, int], ...]  #: By service.
    workers: int  #: Pods of those that work off the queues; 0: not known.

    @property
    def lost(self) -> timedelta:
        """From what is gone back to until it was looked at."""
        return self.points.as_of - self.point.at if self.point else timedelta()


prerequisites = book.section("Prerequisites")


@prerequisites.check("Identify target snapshot/point-in-time")
async def scope(
    inputs: Inputs,
    company: Company,
    rds: Rds,
    recovery: Recovery,
    ecs: Ecs,
    kubernetes: Kubernetes,
) -> Found[Scope]:
    database = await rds.database(company.database)
    points = await recovery.points(database)
    restored_as = inputs.restored_as or f"{company.database}-restored"[:LONGEST_NAME]
    kept_as = inputs.kept_as or f"{company.database}-old"[:LONGEST_NAME]
    chosen = points.choose(inputs.snapshot or "", inputs.restore_time)
    troubles = [] if isinstance(chosen, RecoveryPoint) else [chosen]
    for name in (restored_as, kept_as):
        if await recovery.place(name, database.is_cluster):
            troubles.append(f"a database called {name} exists already: give another name")
    if restored_as == kept_as:
        troubles.append(f"both are to be called {kept_as}")
    services = await ecs.services(company.service_names)
    workers = await _workers(company, kubernetes)
    found = Scope(
        points=points,
        original=await recovery.original(database),
        point=chosen if isinstance(chosen, RecoveryPoint) and not troubles else None,
        restored_as=restored_as,
        kept_as=kept_as,
        tasks=tuple((one.name, one.desired) for one in services.services if one.exists),
        workers=workers.desired if isinstance(workers, Deployment) else 0,
    )
    if troubles:
        says = f"{'; '.join(troubles)}. Nothing was begun: start again with what can be had"
        return problem(says, found, table=points.table())
    return ok(_chosen(found), found, table=points.table())


@prerequisites.action("Notify all stakeholders", unattended="a message in our own channel")
def notify_stakeholders(run: Run, company: Company, scope: Scope) -> Plan[PostNotice] | Nothing:
    if scope.point is None:
        return nothing(NOT_CHOSEN)
    text = (
        f"{company.database} is to be restored to {scope.point.label}. What was written in the"
        f" {duration_text(scope.lost)} since is lost, once somebody accepts that and two people"
        " approve the cut-over; then no service answers for some minutes."
    )
    return plan(PostNotice(run=run.id, name="restore", text=text))


class LossAccepted(Answer):
    in_whose_name: str = Field(title="Who accepts the loss: name and role", min_length=2)


@prerequisites.ask("Prepare for potential data loss")
def loss_accepted(scope: Scope) -> Question[LossAccepted] | Nothing:
    if scope.point is None:
        return nothing(NOT_CHOSEN)
    lost = scope.lost.total_seconds() / 60
    return question(
        LossAccepted,
        f"Everything that was written after {_moment(scope.point.at)} is lost: {lost:.0f} minutes"
        " until now, and what is written until the cut-over. Who accepts that?",
    )


steps = book.section("Steps")


@steps.check("Identify recovery point")
async def recovery_point(
    company: Company, scope: Scope, loss_accepted: LossAccepted, rds: Rds, recovery: Recovery
) -> Found[RecoveryPoint] | Nothing:
    """Once more: hours may have gone by since it was chosen."""
    if scope.point is None:
        return nothing(NOT_CHOSEN)
    points = await recovery.points(await rds.database(company.database))
    at = scope.point.at if scope.point.kind == "moment" else None
    chosen = points.choose(scope.point.snapshot, at)
    if isinstance(chosen, str):
        return problem(f"It cannot be had any more: {chosen}", scope.point, table=points.table())
    says = f"{chosen.label}. {points.says}"
    return ok(says, chosen, table=points.table())


@steps.action("Restore to new instance")
def restore(
    run: Run, scope: Scope, recovery_point: RecoveryPoint, loss_accepted: LossAccepted
) -> Plan[RestoreSnapshot | RestoreToPointInTime]:
    original = scope.original
    return plan(
        original.restore(recovery_point, scope.restored_as, run.id),
        because=f"{loss_accepted.in_whose_name} accepts that what was written since is lost",
        beware="The live database is not touched. Both are paid for from now on",
    )


@steps.watch("Watch the restore", every=minutes(1), lasting=hours(24), until="ok")
async def storage_restored(
    scope: Scope, restore: Done[RestoreSnapshot | RestoreToPointInTime], recovery: Recovery
) -> Watched[Place]:
    return await _restored(recovery, scope)


@steps.action("Create the instances of the restored cluster")
def create_instances(
    run: Run, scope: Scope, storage_restored: Place
) -> Plan[CreateMember] | Nothing:
    return plan(
        *scope.original.create_members(scope.restored_as, run.id),
        because=f"{scope.restored_as} is a cluster: without an instance nobody can connect to it",
        if_none=f"RDS makes {scope.restored_as} as it is to be, with nothing to add",
    )


@steps.watch(
    "Watch the restored database become available",
    every=seconds(5),
    lasting=hours(2),
    until="ok",
)
async def restored(
    scope: Scope,
    storage_restored: Place,
    create_instances: Done[CreateMember] | None,
    recovery: Recovery,
) -> Watched[Place]:
    return await _restored(recovery, scope)


@steps.check("Verify restored data", limit=hours(2))
async def integrity(
    run: Run, limits: Limits, restored: Place, postgres: Postgres
) -> Found[Comparison]:
    limit = (limits.read_table_for, limits.read_for)
    there = await postgres.contents(run, *limit, (restored.address, restored.port))
    found = Comparison(restored=there, live=await postgres.contents(run, *limit))
    if there.error:
        return problem(f"{restored.name} cannot be looked into: {there.error}", found)
    bad = _damage(there)
    if bad:
        return problem(f"{restored.name} is no better: {bad}", found, table=found.table())
    doubts = [*_doubts(there), *_doubts_of_live(found)]
    says = f"{restored.name}: every row of {len(there.tables)} tables can be read"
    if there.newest:
        says += f", the newest of {_moment(there.newest)}"
    if doubts:
        return warning(f"{says}. {'; '.join(doubts)}", found, table=found.table())
    return ok(f"{says}. {_beside(found)}", found, table=found.table())


@steps.action("Update application config to point to restored DB, and rename instances")
async def cut_over(
    company: Company,
    scope: Scope,
    restored: Place,
    integrity: Comparison,
    ecs: Ecs,
    kubernetes: Kubernetes,
    parameters: Parameters,
    recovery: Recovery,
) -> Plan[CutOver]:
    """
    All of it, in its order and by ids: what is done already is passed over. Once the restored one
    has the name nobody is stopped any more, for whoever was started since is at it.
    """
    workers = await _workers(company, kubernetes)
    stops: list[ScaleService | ScaleDeployment] = [*await _stops(company, scope, ecs)]
    stops += _stop_of(workers, scope)
    live = scope.original.place
    now = await recovery.place(live.name, live.is_cluster)
    is_there = now is not None and now.resource_id == restored.resource_id
    changes: list[CutOver] = [
        *([] if is_there else stops),
        live.rename(scope.kept_as),
        restored.rename(live.name),
    ]
    if company.database_parameter:
        pointed = (await parameters.get(company.database_parameter)).set_to(live.address)
        changes += [pointed] if pointed else []
    return plan(
        *changes,
        *(one.undo() for one in stops),
        because=f"{restored.name} is sound as far as it was looked at"
        if not _damage(integrity.restored)
        else f"{restored.name} is damaged, and somebody went on all the same",
        beware="No service answers from the first stop until the last start, about 10 minutes."
        f" What was written since the recovery point stays in {scope.kept_as} alone"
        + (f". {workers}" if isinstance(workers, str) else ""),
    )


@steps.watch(
    "Verify application connectivity",
    every=seconds(5),
    lasting=minutes(30),
    until="ok",
    proves=cut_over,
)
async def connected(
    run: Run,
    company: Company,
    restored: Place,
    integrity: Comparison,
    complyai: ComplyAi,
    recovery: Recovery,
    postgres: Postgres,
) -> Watched[Healths]:
    """Of what they say, and of who is connected: those that were known by name before."""
    place = await recovery.place(company.database, restored.is_cluster)
    health = await complyai.healths()
    database = await postgres.connectivity()
    waits = [health.troubles] if health.troubles else []
    if place is None:
        waits.append(f"no database is called {company.database}")
    if database.in_recovery is not False:
        waits.append(f"the database is not writable: {database.says()}")
    else:
        absent = await _absent(run, company, integrity, postgres)
        waits += [f"not connected by name: {', '.join(absent)}"] if absent else []
    if waits:
        well = sum(one.is_healthy for one in health.services) / max(1, len(health.services))
        return not_yet(f"Not well yet: {'; '.join(waits)}", health, progress=well)
    is_it = place is not None and place.resource_id == restored.resource_id
    which = "the restored database" if is_it else "the database of before"
    says = f"All {len(health.services)} services are healthy, at {which}, which takes writes"
    return ok(says, health, table=health.table())


class LossWindow(Facts):
    since: datetime
    until: datetime
    is_known: bool  #: The newest row was read; else `until` is when services were stopped at last.
    text: str


@steps.check("Document data loss window")
def loss_window(
    company: Company,
    scope: Scope,
    recovery_point: RecoveryPoint,
    integrity: Comparison,
    cut_over: Done[CutOver],
    loss_accepted: LossAccepted,
) -> Found[LossWindow]:
    since, newest = recovery_point.at, integrity.live.newest
    until = max(newest, since) if newest else cut_over.at
    how = "the newest row that could be read" if newest else "the cut-over, at most"
    text = (
        f"Lost from {company.database}: what was written from {_moment(since)} to"
        f" {_moment(until)} ({duration_text(until - since)}; the end is {how}). Restored from"
        f" {recovery_point.label}; accepted by {loss_accepted.in_whose_name}. What was there is"
        f" kept in {scope.kept_as}."
    )
    found = LossWindow(since=since, until=until, is_known=newest is not None, text=text)
    file = File(name="data-loss-window.txt", text=_written_down(text, integrity))
    return ok(text, found, table=integrity.table(), file=file)


@steps.action("Document data loss window in the channel", unattended="posts in our own channel")
def document_loss(run: Run, loss_window: LossWindow) -> Plan[PostNotice | PostTimeline]:
    return plan(
        PostNotice(run=run.id, name="data-loss", text=loss_window.text),
        PostTimeline(run=run.id),
    )


@steps.confirm("Keep the old instance, and the way back to it, until nobody needs it")
def old_kept(scope: Scope, cut_over: Done[CutOver]) -> Todo:
    """Until it is ticked off the cut-over can be taken back from here."""
    return todo(
        f"Until you tick this off, the cut-over can be taken back here. {scope.kept_as} holds what"
        " was written since the recovery point: take what is still wanted out of it. When nobody"
        " needs it, tick this off, and delete it by hand after a last snapshot",
        by=cut_over.at + KEPT_FOR,
        remind=(hours(24),),
    )


async def _restored(recovery: Recovery, scope: Scope) -> Watched[Place]:
    place = await recovery.place(scope.restored_as, scope.original.database.is_cluster)
    if place is None:
        return not_yet(f"RDS does not show {scope.restored_as} yet")
    if has_failed(place.status):
        return problem(
            f"{place.says}: this restore comes to nothing. Look at its events at RDS, delete it,"
            " and start again with another point or name",
            place,
        )
    if not place.is_available:
        return not_yet(place.says, place)
    return ok(f"{place.name} is available at {place.address}:{place.port}", place)


async def _stops(company: Company, scope: Scope, ecs: Ecs) -> list[ScaleService]:
    """What ran before, where it has been stopped meanwhile: so it is started again at the end."""
    before = dict(scope.tasks)
    services = (await ecs.services(company.service_names)).services
    wanted = {one.name: one.desired or before.get(one.name, 0) for one in services if one.exists}
    return [
        ScaleService(cluster=company.cluster, service=name, desired=0, replacing=str(tasks))
        for name, tasks in wanted.items()
        if tasks
    ]


async def _workers(company: Company, kubernetes: Kubernetes) -> Deployment | str:
    """Or what to do, where they cannot be seen: nobody waits with a restore for them."""
    by_hand = f"stop {company.workers} by hand before, or it goes on writing to what is kept"
    try:
        found = await kubernetes.deployment(company.workers)
    except StepError as error:
        return f"{error} So {by_hand}"
    return found if found.exists else f"There is no {company.workers} to stop: else {by_hand}"


def _stop_of(workers: Deployment | str, scope: Scope) -> list[ScaleDeployment]:
    pods = workers.desired or scope.workers if isinstance(workers, Deployment) else 0
    if isinstance(workers, str) or not pods:
        return []
    return [workers.scale(0).model_copy(update={"replacing": str(pods)})]


async def _absent(
    run: Run, company: Company, integrity: Comparison, postgres: Postgres
) -> Sequence[str]:
    expected = set(company.service_names) & set(integrity.live.clients)
    return sorted(expected - set(await postgres.clients(run))) if expected else ()


def _chosen(scope: Scope) -> str:
    assert scope.point is not None
    return f"{scope.point.label}, {duration_text(scope.lost)} ago. {scope.points.says}"


def _damage(contents: Contents) -> str:
    bad = [f"{one.name}: {one.error}" for one in contents.damaged]
    if contents.checksum_failures:
        bad.append(f"the server has counted {contents.checksum_failures} wrong checksums")
    if not contents.tables:
        bad.append("it has no tables")
    return "; ".join(bad)


def _doubts(contents: Contents) -> Sequence[str]:
    doubts = [f"not read: {one.name} ({one.error})" for one in contents.unread]
    if not contents.is_complete:
        doubts.append("there are more tables than were read")
    if contents.unvalidated:
        doubts.append(f"constraints that were never validated: {', '.join(contents.unvalidated)}")
    if contents.invalid:
        doubts.append(f"invalid indexes: {', '.join(contents.invalid)}")
    return doubts


def _doubts_of_live(found: Comparison) -> Sequence[str]:
    """What keeps the two from being compared, or stands out where they are."""
    live = found.live
    if live.error:
        return [f"The live database cannot be compared with: {live.error}"]
    damaged = [f"{one.name} cannot be read in the live one ({one.error})" for one in live.damaged]
    names = found.restored.by_name
    absent = [one.name for one in live.tables if one.name not in names]
    return [*damaged, *([f"not in the restored one: {', '.join(absent)}"] if absent else [])]


def _beside(found: Comparison) -> str:
    newest = found.live.newest
    return f"The live database's newest row is of {_moment(newest)}" if newest else ""


def _written_down(text: str, found: Comparison) -> str:
    table = found.table()
    rows = ["\t".join(str(cell) for cell in row) for row in (table.columns, *table.rows)]
    return "\n".join((text, "", *rows, ""))


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
