"""Cases of migrations. Real ones, each in a company whose schema no other case touches."""

import asyncpg

from adapters.migrations import DowngradeSchema, MigrateSchema
from sandbox.box import Box
from tests.crash.cases import LONG_AGO, Case, aws, case

FROM, TO, SERVICE = "a003", "a004", "complyai-core"
AT_FROM = (
    "DROP TABLE IF EXISTS ad_reviews",
    "ALTER TABLE org_ads DROP COLUMN IF EXISTS risk_band",
    f"UPDATE alembic_version SET version_num = '{FROM}'",
)
AT_TO = (
    *AT_FROM,
    "CREATE TABLE ad_reviews (id bigint)",
    "ALTER TABLE org_ads ADD COLUMN risk_band text",
    f"UPDATE alembic_version SET version_num = '{TO}'",
)


@case(MigrateSchema, "multi-az")
async def migrate(box: Box) -> Case:
    return await _case(box, MigrateSchema, TO, FROM, AT_FROM)


@case(DowngradeSchema, "single")
async def downgrade(box: Box) -> Case:
    return await _case(box, DowngradeSchema, FROM, TO, AT_TO)


async def _case(
    box: Box, kind: type[MigrateSchema | DowngradeSchema], to: str, at: str, sql: tuple[str, ...]
) -> Case:
    connection = await asyncpg.connect(box.database.maintenance_dsn)
    try:
        for statement in sql:
            await connection.execute(statement)
    finally:
        await connection.close()
    runs = box.aws._parts.service(SERVICE).primary.definition
    change = kind(
        run="",
        since=LONG_AGO,
        cluster=box.aws.company.cluster,
        service=SERVICE,
        task_definition=runs.name,
        container=runs.container["name"],
        database=box.aws.company.database,
        argv=("alembic", kind.way, to),
        revision=to,
        steps=(TO,),
        replacing=at,
    )

    def run_by(run: str) -> int:
        """Processes of the image, whatever became of who asked for them."""
        mine = (one for one in box.aws.one_offs.tasks if one.asked.get("startedBy"))
        return sum(
            one.asked["startedBy"].startswith(f"rb/{run}/") and one.process is not None
            for one in mine
        )

    return Case(change, run_by, aws(box, "ecs", "RunTask"))
