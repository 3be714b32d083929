"""RB-REC-001 without Slack, AWS or a database: facts in, verdicts and commands out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.complyai import ComplyAi, Health, Healths
from adapters.ecs import Ecs, Service, Services
from adapters.kubernetes import Deployment, Kubernetes
from adapters.notices import Notices
from adapters.parameters import Parameter, Parameters
from adapters.postgres import Connectivity, Contents, Postgres, TableContents
from adapters.rds import (
    Database,
    Original,
    Place,
    Rds,
    Recovery,
    RecoveryPoints,
    SavedState,
)
from adapters.rds.points import Member
from adapters.rds.restores import Setting
from bot.engine.rehearsal import Rehearsal, canned, rehearse
from bot.runbook import Adapter
from bot.runbook.errors import Unreachable
from commands.rb_rec_001_full_database_restore import Inputs, LossAccepted, book

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
AT = NOW - timedelta(minutes=31)
HOST = "complyai-prod.cluster-x.rds.amazonaws.com"
CLUSTER = Database(
    name="complyai-prod",
    resource_id="cluster-LIVE",
    kind="aurora",
    engine="aurora-postgresql 16.4",
    status="available",
    instance_class="db.r6g.xlarge",
    writer="complyai-prod-1",
    zone="us-east-1a",
    as_of=NOW,
)
LIVE = Place(
    name="complyai-prod",
    resource_id="cluster-LIVE",
    is_cluster=True,
    status="available",
    address=HOST,
    port=5432,
)
MADE = LIVE.model_copy(
    update={"name": "complyai-prod-restored", "resource_id": "cluster-NEW", "address": "new.x"}
)
CREATING = MADE.model_copy(update={"status": "creating"})
ORIGINAL = Original(
    database=CLUSTER,
    place=LIVE,
    settings=(Setting(name="DBSubnetGroupName", value="production"),),
    members=(Member(settings=(Setting(name="DBInstanceClass", value="db.r6g.xlarge"),)),) * 2,
)
POINTS = RecoveryPoints(
    database="complyai-prod",
    snapshots=(
        SavedState(name="half-done", kind="manual", status="creating", at=NOW),
        SavedState(name="rds:nightly", kind="automated", status="available", at=AT),
    ),
    earliest=NOW - timedelta(days=14),
    latest=NOW - timedelta(minutes=5),
    as_of=NOW,
)
SOUND = Contents(
    tables=(
        TableContents(name="public.organizations", rows=300),
        TableContents(name="public.activity_events", rows=90, newest=AT),
    )
)
BAD = "invalid page in block 3 of relation base/16384/16401"
DAMAGED = Contents(
    tables=(
        TableContents(name="public.organizations", rows=None, error=BAD, is_damaged=True),
        TableContents(name="public.activity_events", rows=95, newest=NOW),
    ),
    clients=("complyai-core", "psql"),
)
WELL = Healths(services=(Health(service="complyai-core", is_healthy=True, says="healthy"),))
WRITES = Connectivity(answered_in=timedelta(milliseconds=3), in_recovery=False)
WORKERS = Deployment(
    namespace="production", name="celery-worker", uid="u1", desired=3, ready=3, as_of=NOW
)
MOMENT = Inputs(restore_time=AT)
SERVICES = Services(
    services=(
        Service(cluster="production", name="complyai-core", desired=4, running=4),
        Service(cluster="production", name="complyai-api", desired=0),
        Service(cluster="production", name="complyai-maestro", exists=False),
    ),
    as_of=NOW,
)


async def run(
    inputs: Inputs = MOMENT,
    *,
    places: Any = None,
    contents: Any = None,
    go_on: tuple[str, ...] = (),
    **more: Any,
) -> Rehearsal:
    """`places`: what RDS shows by name, one look after the other; first that names are free."""
    systems: list[Adapter] = [
        canned(Rds, database=more.get("database", CLUSTER)),
        canned(
            Recovery,
            points=more.get("points", POINTS),
            original=more.get("original", ORIGINAL),
            place=places or [None, None, CREATING, MADE, MADE, LIVE, MADE],
        ),
        canned(Ecs, services=more.get("services", SERVICES)),
        canned(
            Postgres,
            contents=contents or [SOUND, DAMAGED],
            connectivity=more.get("connectivity", WRITES),
            clients=more.get("clients", ("complyai-core",)),
        ),
        canned(Parameters, get=more.get("parameter", Parameter(name="p", value=HOST))),
        canned(ComplyAi, healths=more.get("healths", WELL)),
        canned(Kubernetes, deployment=more.get("workers", WORKERS)),
        canned(Notices),
    ]
    accepted = {"loss_accepted": LossAccepted(in_whose_name="Iris, CTO")}
    return await rehearse(book, inputs, systems, answers=accepted, go_on=go_on)


async def test_a_moment_is_restored_looked_through_and_takes_over() -> None:
    seen = await run()
    assert seen.says["scope"] == (
        "2026-11-23 08:29:00 UTC, 31 min ago. 1 of 2 snapshots can be restored; as a point in time"
        " any moment from 2026-11-09 09:00:00 to 2026-11-23 08:55:00 UTC"
    )
    assert seen.commands["restore"] == [
        "aws rds restore-db-cluster-to-point-in-time --source-db-cluster-identifier complyai-prod"
        " --db-cluster-identifier complyai-prod-restored --restore-to-time 2026-11-23T08:29:00Z"
        " --db-subnet-group-name production --tags Key=runbook-run,Value=7F3K"
        " Key=runbook-restored-from,Value=2026-11-23T08:29:00Z"
    ]
    assert [one.split()[4] for one in seen.commands["create_instances"]] == [
        "complyai-prod-restored-7f3k-1",
        "complyai-prod-restored-7f3k-2",
    ]
    assert seen.commands["cut_over"] == [
        "aws ecs update-service --cluster production --service complyai-core --desired-count 0",
        "kubectl --namespace production scale deployment/celery-worker --replicas=0",
        "aws rds modify-db-cluster --db-cluster-identifier complyai-prod"
        " --new-db-cluster-identifier complyai-prod-old --apply-immediately # cluster-LIVE",
        "aws rds modify-db-cluster --db-cluster-identifier complyai-prod-restored"
        " --new-db-cluster-identifier complyai-prod --apply-immediately # cluster-NEW",
        "aws ecs update-service --cluster production --service complyai-core --desired-count 4",
        "kubectl --namespace production scale deployment/celery-worker --replicas=3",
    ]
    assert (seen.people["restore"], seen.people["cut_over"]) == (2, 2)
    assert seen.statuses["integrity"] == "warning"
    live = f"public.organizations cannot be read in the live one ({BAD})"
    assert live in seen.says["integrity"]
    assert seen.says["connected"].startswith(
        "All 1 services are healthy, at the restored database"
    )
    assert seen.says["loss_window"].startswith(
        "Lost from complyai-prod: what was written from 2026-11-23 08:29:00 UTC to 2026-11-23"
        " 09:00:00 UTC (31 min; the end is the newest row that could be read)"
    )
    assert seen.statuses["document_loss"] == "given"


async def test_a_single_instance_is_restored_of_a_snapshot_without_instances_to_add() -> None:
    single = CLUSTER.model_copy(update={"kind": "single", "engine": "postgres 16.4"})
    original = ORIGINAL.model_copy(update={"database": single, "members": ()})
    seen = await run(Inputs(snapshot="rds:nightly"), database=single, original=original)
    assert "restore-db-instance-from-db-snapshot" in seen.commands["restore"][0]
    assert seen.statuses["create_instances"] == "nothing"
    assert seen.statuses["connected"] == "ok"


@pytest.mark.parametrize(
    ("inputs", "places", "says"),
    [
        (Inputs(restore_time=NOW + timedelta(hours=2)), None, "is in the future"),
        (Inputs(snapshot="half-done"), None, "is creating: wait until it is available"),
        (Inputs(snapshot="rds:gone"), None, "complyai-prod has no snapshot rds:gone"),
        (MOMENT, [MADE, None], "a database called complyai-prod-restored exists already"),
        (MOMENT, [None, LIVE], "a database called complyai-prod-old exists already"),
        (
            Inputs(restore_time=AT, restored_as="twin", kept_as="twin"),
            None,
            "both are to be called twin",
        ),
    ],
)
async def test_what_cannot_be_had_stops_the_run_before_anything_is_made(
    inputs: Inputs, places: Any, says: str
) -> None:
    seen = await run(inputs, places=places)
    assert seen.held_at == ["scope"]
    assert says in seen.says["scope"] and "Nothing was begun" in seen.says["scope"]


async def test_and_somebody_who_goes_on_all_the_same_restores_nothing() -> None:
    seen = await run(Inputs(snapshot="rds:gone"), go_on=("scope",))
    assert seen.commands == {}
    assert seen.statuses["notify_stakeholders"] == "nothing"


async def test_a_snapshot_that_went_meanwhile_is_not_restored() -> None:
    gone = POINTS.model_copy(update={"snapshots": ()})
    seen = await run(Inputs(snapshot="rds:nightly"), points=[POINTS, gone])
    assert seen.held_at == ["recovery_point"]
    assert "It cannot be had any more" in seen.says["recovery_point"]


async def test_a_restore_that_fails_stops_the_run() -> None:
    failed = CREATING.model_copy(update={"status": "incompatible-restore"})
    seen = await run(places=[None, None, CREATING, failed])
    assert seen.held_at == ["storage_restored"]
    assert "comes to nothing" in seen.says["storage_restored"]


@pytest.mark.parametrize(
    ("restored", "says"),
    [
        (DAMAGED, f"is no better: public.organizations: {BAD}"),
        (Contents(), "it has no tables"),
        (SOUND.model_copy(update={"checksum_failures": 3}), "counted 3 wrong checksums"),
        (Contents(error="it refused the connection"), "cannot be looked into"),
    ],
)
async def test_a_restored_database_that_is_no_better_does_not_take_over(
    restored: Contents, says: str
) -> None:
    seen = await run(contents=[restored, DAMAGED])
    assert seen.held_at == ["integrity"] and says in seen.says["integrity"]
    assert "cut_over" not in seen.commands


async def test_a_live_database_that_does_not_answer_is_not_compared_with_and_it_says_so() -> None:
    """Then the loss ends at the cut-over, at most; and nobody is known by name before."""
    dead = Contents(error="it refused the connection")
    seen = await run(contents=[SOUND, dead], clients=())
    assert seen.statuses["integrity"] == "warning"
    assert "cannot be compared with: it refused the connection" in seen.says["integrity"]
    assert "the end is the cut-over, at most" in seen.says["loss_window"]
    assert seen.statuses["connected"] == "ok"


async def test_what_was_not_read_is_no_ok() -> None:
    slow = TableContents(name="public.org_ads", rows=None, error="did not answer within 900 s")
    half = SOUND.model_copy(update={"tables": (*SOUND.tables, slow), "invalid": ("a_idx",)})
    seen = await run(contents=[half, SOUND])
    assert seen.statuses["integrity"] == "warning"
    assert "not read: public.org_ads (did not answer within 900 s)" in seen.says["integrity"]
    assert "invalid indexes: a_idx" in seen.says["integrity"]


async def test_services_that_a_cut_over_before_had_stopped_are_started_again() -> None:
    core = SERVICES.services[0]
    stopped = SERVICES.model_copy(
        update={"services": (core.model_copy(update={"desired": 0, "running": 0}),)}
    )
    pods = WORKERS.model_copy(update={"desired": 0, "ready": 0})
    seen = await run(services=[SERVICES, stopped], workers=[WORKERS, pods])
    service, workers = seen.commands["cut_over"][-2:]
    assert service.endswith("--service complyai-core --desired-count 4")
    assert workers.endswith("deployment/celery-worker --replicas=3")


async def test_once_the_restored_one_has_the_name_nobody_is_stopped_any_more() -> None:
    here = MADE.model_copy(update={"name": LIVE.name})
    seen = await run(places=[None, None, CREATING, MADE, MADE, here])
    first, *_, service, workers = seen.commands["cut_over"]
    assert first.startswith("aws rds modify-db-cluster")
    assert service.endswith("--service complyai-core --desired-count 4")
    assert workers.endswith("deployment/celery-worker --replicas=3")


async def test_workers_that_cannot_be_seen_hold_up_no_restore() -> None:
    seen = await run(workers=Unreachable("Kubernetes did not answer."))
    assert not [one for one in seen.commands["cut_over"] if "kubectl" in one]
    assert seen.statuses["connected"] == "ok"


async def test_a_configuration_that_names_another_host_is_pointed_here() -> None:
    seen = await run(parameter=Parameter(name="/complyai/database/host", value="elsewhere.x"))
    (pointed,) = [one for one in seen.commands["cut_over"] if "put-parameter" in one]
    assert pointed.endswith(f"--value {HOST}")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"clients": ("psql",)}, "not connected by name: complyai-core"),
        (
            {"connectivity": WRITES.model_copy(update={"in_recovery": True})},
            "the database is not writable",
        ),
        (
            {
                "healths": Healths(
                    services=(Health(service="complyai-api", is_healthy=False, says="is down"),)
                )
            },
            "complyai-api is down",
        ),
    ],
)
async def test_who_is_not_connected_keeps_it_from_being_well(
    more: dict[str, Any], says: str
) -> None:
    seen = await run(**more)
    assert seen.held_at == ["connected"] and says in seen.says["connected"]


async def test_points_that_cannot_be_read_are_unknown_and_nothing_is_begun() -> None:
    seen = await run(points=Unreachable("AWS did not answer"))
    assert seen.statuses["scope"] == "unknown" and seen.commands == {}


@pytest.mark.parametrize("given", [{}, {"snapshot": "s1", "restore_time": NOW}])
def test_it_is_a_snapshot_or_a_moment_and_never_both(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="one of the two"):
        Inputs(**given)


@pytest.mark.parametrize("name", ["-prod", "prod--old", "Prod", "prod;rm", "p" * 64])
def test_a_name_that_rds_would_not_take_is_refused_at_once(name: str) -> None:
    with pytest.raises(ValidationError):
        Inputs(restore_time=NOW, kept_as=name)
