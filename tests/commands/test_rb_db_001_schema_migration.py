"""RB-DB-001 without Slack, AWS or a database: nothing is migrated without all that it rests on."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.cloudwatch import CloudWatch, Response, Traffic
from adapters.cloudwatch.facts import Point
from adapters.migrations import Image, Migrations, Outcome, Schema, Script, Standing
from adapters.postgres import Connectivity, Locks, Postgres
from adapters.rds import Database, Rds, Snapshot
from bot.engine.rehearsal import Rehearsal, canned, rehearse
from bot.runbook import Adapter
from bot.runbook.durations import seconds
from bot.runbook.errors import Unreachable
from commands.rb_db_001_schema_migration import Inputs, book

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
REVIEWS = Script(
    revision="a004",
    down="a003",
    title="Reviews",
    up_sql="CREATE TABLE ad_reviews (\n id BIGINT);",
    down_sql="DROP TABLE ad_reviews;",
)
NOTES = Script(
    revision="a005",
    down="a004",
    title="No notes",
    up_sql="ALTER TABLE ad_reviews DROP COLUMN note;",
    no_down_sql="NotImplementedError",
)
IMAGE = Image(
    cluster="production",
    database="complyai-prod",
    kind="alembic",
    tool=("alembic",),
    service="complyai-core",
    task_definition="complyai-core:4",
    container="app",
    image="complyai-core:2.14.2",
    stands="a003",
    scripts=(NOTES, REVIEWS),
    as_of=AT,
)
CLUSTER = Database(
    name="complyai-prod",
    resource_id="cluster-1",
    kind="aurora",
    engine="aurora-postgresql 16.4",
    status="available",
    instance_class="db.r6g.xlarge",
    writer="complyai-prod-1",
    zone="us-east-1a",
    instances=(),
    as_of=AT,
)
QUIET = Traffic(services=("complyai-core",), now=10.0, as_of=AT, hours=(Point(at=AT, value=99),))
WELL = Response(
    service="complyai-core",
    errors_per_min=0.0,
    errors_before=0.0,
    p95=seconds(0.1),
    p95_before=seconds(0.1),
    as_of=AT,
)
REACHED = Connectivity(answered_in=seconds(0.01), replica_lag=seconds(0.1))
A004 = Inputs(service="complyai-core", revision="a004")


def at(revision: str) -> Standing:
    return Standing(stands=revision, as_of=AT)


def systems(**other: Any) -> list[Adapter]:
    """Of a day on which all is well; `other` answers in its place."""
    says = {
        "image": IMAGE,
        "standing": [at("a003"), at("a004")],
        "schema": Schema(stands="a004"),
        "outcome": Outcome(stands="a004", exit_code=0, why="task 1 ended with 0"),
        "database": CLUSTER,
        "snapshot": Snapshot(name="pre", status="available", percent=100),
        "traffic": QUIET,
        "response": WELL,
        **other,
    }
    of = ("image", "standing", "schema", "outcome")
    return [
        canned(Migrations, **{name: says[name] for name in of}),
        canned(Rds, database=says["database"], snapshot=says["snapshot"]),
        canned(CloudWatch, traffic=says["traffic"], response=says["response"]),
        canned(
            Postgres,
            connectivity=REACHED,
            locks=Locks(roots=(), roots_in_all=0, waiting=0, longest_wait=seconds(0)),
        ),
    ]


async def told(
    inputs: Inputs = A004, *, more: dict[str, Any] | None = None, **other: Any
) -> Rehearsal:
    return await rehearse(book, inputs, systems(**other), **(more or {}))


async def test_on_a_good_day_it_is_backed_up_and_then_migrated_by_two() -> None:
    seen = await told()
    assert seen.order.index("backup") < seen.order.index("migrate")
    assert seen.people["take_backup"] == 1
    assert seen.people["migrate"] == 2
    (command,) = seen.commands["migrate"]
    assert '"command":["alembic","upgrade","a004"]' in command
    assert seen.statuses["verify"] == "ok"
    assert seen.is_over


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("aurora", "create-db-cluster-snapshot --db-cluster-identifier complyai-prod"),
        ("cluster", "create-db-cluster-snapshot --db-cluster-identifier complyai-prod"),
        ("multi-az", "create-db-snapshot --db-instance-identifier complyai-prod"),
        ("single", "create-db-snapshot --db-instance-identifier complyai-prod"),
    ],
)
async def test_each_kind_of_database_is_backed_up_in_its_way(kind: str, command: str) -> None:
    seen = await told(database=CLUSTER.model_copy(update={"kind": kind}))
    assert f"aws rds {command} " in seen.commands["take_backup"][0]
    assert seen.order.index("take_backup") < seen.order.index("migrate")


@pytest.mark.parametrize("moving", ["head", "heads", "base", "-1", "a; drop"])
def test_a_target_that_moves_is_no_target(moving: str) -> None:
    with pytest.raises(ValidationError):
        Inputs(service="complyai-core", revision=moving)


async def test_without_a_target_it_is_chosen_from_what_the_image_has() -> None:
    seen = await told(
        Inputs(service="complyai-core"), more={"answers": {"revision": IMAGE.targets()[-1]}}
    )
    assert '"upgrade","a004"' in seen.commands["migrate"][0]


@pytest.mark.parametrize("status", ["creating", "failed"])
async def test_without_a_backup_nothing_is_migrated(status: str) -> None:
    snapshot = Snapshot(name="pre", status=status, percent=40)
    seen = await told(snapshot=snapshot, more={"go_on": ("backup",)})
    assert seen.statuses["backup"] == "problem"
    assert "migrate" not in seen.commands


async def test_a_snapshot_that_stays_creating_is_said() -> None:
    snapshot = Snapshot(name="pre", status="creating", percent=40)
    seen = await told(snapshot=snapshot)
    assert "pre is creating, 40 %. The migration waits for it" in seen.says["backup"]


async def test_what_cannot_be_taken_back_holds_the_run() -> None:
    seen = await told(Inputs(service="complyai-core", revision="a005"))
    assert seen.held_at == ["rollback_prepared"]
    assert (
        "No way back but the snapshot. a005: NotImplementedError" in seen.says["rollback_prepared"]
    )


async def test_a_busy_hour_holds_the_run() -> None:
    busy = QUIET.model_copy(update={"now": 80.0})
    seen = await told(traffic=busy)
    assert seen.says["low_traffic"].startswith("Not a quiet time: 80 requests/min now")
    assert "take_backup" not in seen.commands


async def test_no_requests_at_all_are_no_quiet_hour() -> None:
    seen = await told(traffic=QUIET.model_copy(update={"now": None}))
    assert seen.statuses["low_traffic"] == "unknown"


async def test_when_somebody_else_has_migrated_meanwhile_nothing_is_planned() -> None:
    seen = await told(standing=[at("a004")], more={"go_on": ("verify",)})
    assert "migrate" not in seen.commands
    assert "by now, and no longer at a003" in seen.says["migrate"]


async def test_a_schema_that_somebody_else_has_moved_is_not_taken_for_half_of_this() -> None:
    seen = await told(standing=[at("a009")], schema=Schema(stands="a009"))
    assert seen.says["migrate"].endswith("Start again to see what is left to be done")
    assert seen.says["verify"].startswith("The schema is at a009, which is not of this migration")
    assert seen.offered == []


async def test_an_image_that_cannot_be_read_is_unknown() -> None:
    seen = await told(image=Unreachable("AWS did not answer"))
    assert seen.statuses["image"] == "unknown"
    assert seen.held_at == ["image"]


async def test_half_way_it_is_said_and_the_way_back_is_to_the_recorded_revision() -> None:
    back = {"no_down_sql": "", "down_sql": "ALTER TABLE ad_reviews ADD COLUMN note TEXT;"}
    image = IMAGE.model_copy(update={"scripts": (NOTES.model_copy(update=back), REVIEWS)})
    seen = await told(
        Inputs(service="complyai-core", revision="a005"),
        image=image,
        schema=[Schema(stands="a004"), Schema(stands="a003")],
        more={"picks": ("downgrade",)},
    )
    assert "between a003 and a005" in seen.says["verify"]
    assert [hop.book for hop in seen.offered] == ["RB-REC-001"]
    assert '"command":["alembic","downgrade","a003"]' in seen.commands["downgrade"][0]
    assert seen.people["downgrade"] == 2
    assert seen.statuses["back"] == "ok"


async def test_what_is_missing_is_a_problem_whatever_the_version_table_says() -> None:
    missing = Schema(stands="a004", missing=("table ad_reviews",))
    seen = await told(schema=missing)
    assert seen.statuses["verify"] == "problem"
    assert "this is missing: table ad_reviews" in seen.says["verify"]


async def test_a_slower_service_stops_the_watch_and_can_be_taken_back() -> None:
    slow = WELL.model_copy(update={"p95": seconds(3)})
    seen = await told(response=slow, more={"picks": ("downgrade",)})
    assert seen.says["response"].startswith("Worse than before")
    assert '"downgrade","a003"' in seen.commands["downgrade"][0]


async def test_a_downgrade_that_does_nothing_is_no_way_back() -> None:
    empty = REVIEWS.model_copy(update={"down_sql": "BEGIN;\n\n-- Running downgrade\n\nCOMMIT;\n"})
    assert empty.no_downgrade == "its downgrade does nothing"
    seen = await told(image=IMAGE.model_copy(update={"scripts": (empty,)}))
    assert "its downgrade does nothing" in seen.says["rollback_prepared"]
