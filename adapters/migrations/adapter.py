"""
Reads what a service's image has of migrations, and migrates: each in a task of its own, of the
service's own task definition. From the bot's process nothing is ever run against the database.

A migration has happened when the version table says so *and* its task ended well. ECS forgets a
task an hour after it has stopped; then the version table alone decides.
"""

from collections.abc import AsyncIterator, Sequence

from adapters.aws_calls import AwsCalls
from adapters.migrations import in_database
from adapters.migrations.alembic import Alembic
from adapters.migrations.changes import DowngradeSchema, MigrateSchema, _Migration
from adapters.migrations.facts import Image, Outcome, Schema, Standing, Thing
from adapters.migrations.tasks import Lines, OneOffTasks, Place, Task, token_of
from adapters.migrations.told import Told
from adapters.migrations.tools import Applied, Tool
from adapters.plain import plain
from adapters.postgres_calls import PostgresCalls
from bot.runbook import Adapter, Key, Progress, Run, Seen, pair
from bot.runbook.errors import Refused, Unreachable
from bot.secrets.vault import Credential

READS: tuple[str, ...] = (
    "ecs:RunTask",
    "iam:PassRole",
    "ecs:DescribeServices",
    "ecs:DescribeTaskDefinition",
    "ecs:ListTasks",
    "ecs:DescribeTasks",
    "logs:GetLogEvents",
)
#: A task that only reads is given this in place of the database: it leads nowhere.
NOWHERE = "postgresql://nobody@database.invalid/none"


class Migrations(Adapter):
    """`command`: how the image calls the tool. `variable`: where the database's address is."""

    def __init__(
        self,
        calls: AwsCalls,
        cluster: str,
        database: str,
        dsn: Credential | None,
        timeout_s: float = 5.0,
        tool: Tool | None = None,
        variable: str = "DATABASE_URL",
        look_every_s: float = 2.0,
        command: Sequence[str] = (),
    ) -> None:
        self._tasks = OneOffTasks(calls, cluster, look_every_s)
        self._rows = PostgresCalls(dsn, timeout_s) if dsn else None
        self._database, self._variable = database, variable
        self._tool = tool or Alembic()
        self._command = tuple(command or self._tool.command)

    async def check(self) -> None:
        """
        Whether the schema's version and the tasks of the cluster can be read. Whether a task may
        be run is known only once one is. Raises Refused, Unreachable.
        """
        await self._applied("doctor")
        await self._tasks.find("rb/doctor")

    async def image(self, run: Run, service: str) -> Image:
        """
        Takes as long as a task needs to start, often a minute. The task reads scripts and gets no
        database; asked again it is found again. Raises Refused, Unreachable.
        """
        applied = await self._applied(run.id)
        stands = applied.stands
        place = await self._tasks.place(service)
        told = Told()
        task = await self._read(run, place, stands, told)
        if task.exit_code != 0:
            raise Refused(
                f"{place.image} cannot tell its migrations: {task.says()}. {self._tool.needs}"
            )
        content = self._tool.compared(told.content(), applied)
        return Image(
            cluster=place.cluster,
            database=self._database,
            kind=self._tool.kind,
            tool=self._command,
            service=service, task_definition=place.task_definition, container=place.container,
            image=place.image, stands=stands, scripts=content.scripts,
            left_out=content.left_out, error=plain(content.error, 300), as_of=self._tasks.now(),
        )  # fmt: skip

    async def standing(self, run: Run) -> Standing:
        """Raises Refused, Unreachable."""
        stands = await self._stands(run.id)
        return Standing(stands=stands, as_of=self._tasks.now())

    async def schema(self, run: Run, expected: Sequence[Thing]) -> Schema:
        stands = await self._stands(run.id)
        return await in_database.schema(self._ours, _session(run.id), stands, expected)

    async def outcome(self, change: MigrateSchema | DowngradeSchema) -> Outcome:
        """Of a migration that was begun, with its log. Raises Refused, Unreachable."""
        stands = await self._stands(change.run)
        found = await self._tasks.find(change.started_by)
        if not found:
            return Outcome(stands=stands)
        lines = Lines()
        await self._tasks.read_lines(found[0], lines)
        said = lines.complaint if found[0].exit_code else lines.last
        why = ": ".join(filter(None, (found[0].says(), said)))
        return Outcome(stands=stands, exit_code=found[0].exit_code, why=why, lines=lines.shown())

    async def _applied(self, run: str) -> Applied:
        return await self._tool.applied(self._ours, _session(run))

    async def _stands(self, run: str) -> str:
        return (await self._applied(run)).stands

    @property
    def _ours(self) -> PostgresCalls:
        """Raises Refused when none is configured."""
        if self._rows is None:
            raise Refused("No database is configured, so nothing was done. Set postgres.dsn.")
        return self._rows

    async def _read(self, run: Run, place: Place, stands: str, told: Told) -> Task:
        """The one that reads already, or has read it; what failed is begun anew."""
        about = token_of(place.service, place.task_definition, stands)[:8]
        started_by = f"rb/{run.id}/i{about}"[:36]
        before = await self._tasks.find(started_by)
        if not any(not task.is_over or task.exit_code == 0 for task in before):
            token = token_of(run.id, started_by, f"{self._tasks.now():%Y%m%d%H}", str(len(before)))
            argv = ("python", "-c", self._tool.program, stands)
            nothing = ((self._variable, NOWHERE),)
            await self._tasks.run(place, argv, token, started_by, nothing)
        lines = Lines(told.hear)
        async for task in self._tasks.follow(started_by, lines):
            if task.is_over:
                return task
        raise Unreachable("The task that reads the image was not seen to its end. Try again.")

    async def _see(self, change: _Migration) -> Seen:
        found = await self._tasks.find(change.started_by)
        task = found[0] if found else None
        stands = await self._stands(change.run)
        now = f"the schema is at {stands}"
        if task is None and stands in (change.revision, change.replacing):
            return Seen("applied" if stands == change.revision else "before", now)
        if task and not task.is_over:
            return Seen("applying", f"{task.says()}, {now}")
        ended = f"{now}, and {task.says()}" if task else now
        is_done = stands == change.revision and task is not None and task.exit_code == 0
        return Seen("applied" if is_done else "drifted", ended)

    async def _migrate(self, change: _Migration, key: Key) -> AsyncIterator[Progress]:
        """The task goes on in ECS when nobody looks any more: it is found again by its mark."""
        place = await self._tasks.place(change.service)
        planned = Place(
            change.cluster, change.service, change.task_definition, change.container, "", place.how
        )
        await self._tasks.run(planned, change.argv, key, change.started_by)
        marks = Marks(self._tool)
        lines = Lines(marks.hear)
        async for task in self._tasks.follow(change.started_by, lines):
            yield _progress(change, task, marks, lines)
            if task.is_over and task.exit_code != 0:
                raise Refused(await self._failed(change, task, lines))

    async def _failed(self, change: _Migration, task: Task, lines: Lines) -> str:
        stands = await self._stands(change.run)
        last = f" It says: {lines.complaint.rstrip('.')}." if lines.complaint else ""
        where = (
            f"The schema is still at {stands}: nothing that ran in a transaction stayed. When what"
            " stopped it is over, do this step again."
            if stands == change.replacing
            else f"It got as far as {stands}, which stays."
        )
        return f"The {change.way} to {change.revision} failed: {task.says()}.{last} {where}"

    alters = (
        pair(
            MigrateSchema,
            observe=_see,
            apply=_migrate,
            permissions=("ecs:RunTask", "iam:PassRole"),
        ),
        pair(
            DowngradeSchema,
            observe=_see,
            apply=_migrate,
            permissions=("ecs:RunTask", "iam:PassRole"),
        ),
    )


class Marks:
    """How many revisions are done, by the tool's own lines."""

    def __init__(self, tool: Tool) -> None:
        self._tool, self._count = tool, 0

    def hear(self, line: str) -> None:
        self._count += bool(self._tool.mark.search(line))

    @property
    def done(self) -> int:
        return self._tool.done(self._count)


def _session(run: str) -> str:
    return f"rb/{run}/schema"


def _progress(change: _Migration, task: Task, marks: Marks, lines: Lines) -> Progress:
    """Of the revision that runs nobody knows how far it is."""
    total = len(change.steps)
    is_well = task.is_over and task.exit_code == 0
    done = total if is_well else min(marks.done, total)
    note = lines.last or task.says()
    return Progress(done, total, "revisions", f"({lines.count:,} lines) {note}")
