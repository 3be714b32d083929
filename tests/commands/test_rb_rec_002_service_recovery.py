"""RB-REC-002 without Slack or AWS: facts in, verdicts and commands out."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from adapters.complyai import ComplyAi, Health, Healths
from adapters.dns import Dns, Record, Sync
from adapters.ecr import Ecr, Image
from adapters.ecs import Definitions, Ecs, LastKnown, NewServices, Service, Services
from adapters.forwarding import Forwarding, Route
from adapters.load_balancer import LoadBalancer, ServiceTargets, Targets
from bot.engine.rehearsal import Rehearsal, canned, rehearse
from bot.runbook import Adapter
from bot.runbook.durations import hours
from bot.runbook.errors import Unreachable
from commands.rb_rec_002_service_recovery import Inputs, book

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
API, NAME = "complyai-api", "api.complyai.io"
INPUTS = Inputs(service=API, version="1.8.0", dns_name=NAME)
ELB = "arn:aws:elasticloadbalancing:us-east-1:1"
BUILT = Image(service=API, version="1.8.0", digest="sha256:0a1b2c3d4e5f", age=hours(30))
GONE = LastKnown(
    cluster="production",
    service=API,
    status="INACTIVE",
    task_definition=f"{API}:7",
    subnets=("subnet-0a1b2c3d",),
    security_groups=("sg-0a1b2c3d",),
    target_groups=(f"{ELB}:targetgroup/{API}/1",),
)
EXISTING = Definitions(
    family=API, image=f"{API}:1.8.0", existing=f"{API}:8", container="app", port=8000
)
MISSING = EXISTING.model_copy(
    update={
        "existing": None,
        "template": f"{API}:7",
        "newest": f"{API}:7",
        "content": "0a1b",
        "differs": (("image", f"{API}:1.7.9", f"{API}:1.8.0"),),
        "stale": ("VERSION",),
    }
)
ROUTE = Route(
    service=API,
    target_group=f"{ELB}:targetgroup/{API}/1",
    port=8000,
    rule=f"{ELB}:listener-rule/app/public/1/2/3",
    host=NAME,
    forwards_to=f"{ELB}:targetgroup/maintenance/9",
    balancer="public-1.elb.amazonaws.com",
    balancer_zone="Z35SXDOTRQ7X7K",
)
OUTSIDE = json.dumps(
    {"Name": f"{NAME}.", "ResourceRecords": [{"Value": "203.0.113.9"}], "TTL": 60, "Type": "A"}
)
ALL = [
    *("image", "last_known", "definitions", "register", "task_definition", "route", "forward"),
    *("create", "healthy", "record", "lead", "in_sync"),
]


def services(running: int = 2) -> Services:
    one = Service(cluster="production", name=API, desired=2, running=running)
    return Services(services=(one.model_copy(update={"task_definition": f"{API}:8"}),), as_of=NOW)


def targets(healthy: int = 2) -> Targets:
    return Targets(services=(ServiceTargets(service=API, healthy=healthy),))


def healths(is_healthy: bool = True) -> Healths:
    return Healths(services=(Health(service=API, is_healthy=is_healthy, says="did not answer"),))


def world(**changed: object) -> list[Adapter]:
    """The service is deleted, and all that is done about it helps, but for what is `changed`."""
    told = {
        "image": BUILT,
        "newest": ("1.7.9", "1.7.8"),
        "last_known": GONE,
        "definitions": EXISTING,
        "services": [services(0), services()],
        "targets": targets(),
        "healths": healths(),
        "route": ROUTE,
        "record": Record(name=NAME, zone="Z0", zone_name="complyai.io.", record=OUTSIDE),
        "sync": [Sync(name=NAME, state="PENDING"), Sync(name=NAME, state="INSYNC")],
        **changed,
    }
    of = {
        Ecr: ("image", "newest"),
        NewServices: ("last_known", "definitions"),
        Ecs: ("services",),
        LoadBalancer: ("targets",),
        ComplyAi: ("healths",),
        Forwarding: ("route",),
        Dns: ("record", "sync"),
    }
    return [canned(kind, **{name: told[name] for name in names}) for kind, names in of.items()]


async def rehearsed(inputs: Inputs = INPUTS, **changed: object) -> Rehearsal:
    return await rehearse(book, inputs, world(**changed))


async def test_a_service_that_is_gone_is_made_behind_its_balancer_and_its_name_led_to_it() -> None:
    seen = await rehearsed()
    assert seen.order == ALL
    assert seen.people == {"create": 2, "forward": 1, "lead": 2}
    (create,) = seen.commands["create"]
    assert create == (
        "aws ecs create-service --cluster production --service-name complyai-api"
        " --task-definition complyai-api:8 --desired-count 2 --launch-type FARGATE"
        " --network-configuration 'awsvpcConfiguration={subnets=[subnet-0a1b2c3d],"
        "securityGroups=[sg-0a1b2c3d],assignPublicIp=DISABLED}' --load-balancers"
        f" targetGroupArn={ROUTE.target_group},containerName=app,containerPort=8000"
        " --health-check-grace-period-seconds 60"
    )
    assert seen.commands["forward"][0].endswith(f"TargetGroupArn={ROUTE.target_group}")
    assert "dualstack.public-1.elb.amazonaws.com." in seen.commands["lead"][0]
    assert seen.statuses["in_sync"] == "ok" and seen.is_over


async def test_what_was_chosen_goes_before_what_the_service_had() -> None:
    chosen = Inputs(
        service=API,
        version="1.8.0",
        count=5,
        subnets=("subnet-11111111",),
        security_groups=("sg-22222222",),
    )
    (create,) = (await rehearsed(chosen)).commands["create"]
    assert "subnets=[subnet-11111111],securityGroups=[sg-22222222]" in create
    assert "--desired-count 5" in create


async def test_without_a_dns_name_no_name_is_touched() -> None:
    seen = await rehearsed(Inputs(service=API, version="1.8.0"))
    assert seen.statuses["record"] == "nothing"
    assert "lead" not in seen.commands and seen.is_over


async def test_an_image_that_is_gone_stops_it_and_names_those_that_are_there() -> None:
    seen = await rehearsed(image=BUILT.model_copy(update={"digest": None}))
    assert seen.held_at == ["image"]
    assert "1.7.9, 1.7.8" in seen.says["image"]


async def test_a_task_definition_is_made_where_none_has_the_image() -> None:
    seen = await rehearsed(definitions=[MISSING, EXISTING])
    (command,) = seen.commands["register"]
    read, alter, register = command.split(" | aws ")[0], command, command.rpartition(" | ")[2]
    assert read.startswith("aws ecs describe-task-definition --task-definition complyai-api:7 ")
    assert "--arg container app --arg image complyai-api:1.8.0" in alter
    assert register.startswith("aws ecs register-task-definition ")
    assert seen.people["register"] == 1
    assert "VERSION stays as it is there" in seen.says["definitions"]
    assert seen.order == ALL


async def test_without_anything_to_make_one_from_it_is_held() -> None:
    bare = Definitions(family=API, image=f"{API}:1.8.0")
    assert (await rehearsed(definitions=bare)).held_at == ["definitions"]


async def test_a_name_that_still_drains_is_not_made_again() -> None:
    seen = await rehearsed(last_known=GONE.model_copy(update={"status": "DRAINING", "running": 2}))
    assert seen.held_at == ["last_known"]
    assert "2 of its tasks still end" in seen.says["last_known"]


async def test_one_that_ecs_has_forgotten_needs_its_network_from_a_person() -> None:
    bare = LastKnown(cluster="production", service=API, status="MISSING")
    seen = await rehearsed(last_known=bare)
    assert seen.held_at == ["last_known"]
    assert "its subnets and security groups are not known" in seen.says["last_known"]


async def test_an_active_one_is_updated_and_not_made() -> None:
    active = GONE.model_copy(
        update={"status": "ACTIVE", "desired": 0, "deployment_id": "ecs-svc/1"}
    )
    seen = await rehearsed(last_known=active)
    assert seen.commands["create"] == [
        f"aws ecs update-service --cluster production --service {API} --task-definition {API}:8",
        f"aws ecs update-service --cluster production --service {API} --desired-count 2",
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"port": 9000}, "for port 9000, and app listens on 8000"),
        ({"vpc": "vpc-1", "balancer_vpc": "vpc-2"}, "in vpc-1, and the load balancer in vpc-2"),
    ],
)
async def test_a_target_group_that_would_never_reach_it_is_refused(
    change: dict[str, object], says: str
) -> None:
    seen = await rehearsed(route=ROUTE.model_copy(update=change))
    assert seen.held_at == ["route"]
    assert says in seen.says["route"]


async def test_a_service_without_target_group_is_made_without_a_balancer() -> None:
    seen = await rehearsed(Inputs(service=API, version="1.8.0"), route=Route(service=API))
    assert "--load-balancers" not in seen.commands["create"][0]
    assert seen.statuses["route"] == "warning"
    assert seen.statuses["forward"] == "nothing"


async def test_a_rule_that_is_right_is_left_alone_and_one_that_is_missing_is_said() -> None:
    right = ROUTE.model_copy(update={"forwards_to": ROUTE.target_group})
    assert (await rehearsed(route=right)).statuses["forward"] == "nothing"
    none = ROUTE.model_copy(update={"rule": "", "host": ""})
    assert "No rule is for complyai-api" in (await rehearsed(route=none)).says["forward"]


async def test_a_rule_that_does_more_than_forward_is_not_replaced_by_one_that_does_not() -> None:
    """Such as one that asks who it is first: it could not be put back either."""
    more = await rehearsed(route=ROUTE.model_copy(update={"forwards_to": ""}))
    assert more.statuses["forward"] == "nothing"
    assert "does more than forward to one target group" in more.says["forward"]
    assert "go to ;" not in more.says["route"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"services": services(1)}, "runs 1 of 2 tasks"),
        ({"targets": targets(0)}, "has no healthy target"),
        ({"healths": healths(False)}, "did not answer"),
    ],
)
async def test_what_does_not_come_up_is_never_said_to_be_healthy(
    changed: dict[str, object], says: str
) -> None:
    seen = await rehearse(book, INPUTS, world(**changed))
    assert (seen.statuses["healthy"], seen.held_at) == ("problem", ["healthy"])
    assert says in seen.says["healthy"]


async def test_a_name_of_no_zone_of_ours_is_told() -> None:
    seen = await rehearsed(record=Record(name=NAME))
    assert seen.held_at == ["record"]
    assert "in none of our zones" in seen.says["record"]


async def test_a_change_whose_answer_was_lost_is_not_said_to_be_in_sync() -> None:
    seen = await rehearsed(sync=Sync(name=NAME, state="unknown"))
    assert seen.statuses["in_sync"] == "unknown"


async def test_a_registry_that_cannot_be_read_is_unknown() -> None:
    seen = await rehearsed(image=Unreachable("AWS did not answer ecr:DescribeImages"))
    assert (seen.statuses["image"], seen.held_at) == ("unknown", ["image"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"subnets": ("subnet-1 --force",)},
        {"security_groups": ("sg-xyz",)},
        {"dns_name": "not a name"},
        {"dns_name": "*.complyai.io"},
        {"count": 0},
        {"version": "-1"},
        {"service": "a; rm -rf /"},
        {"service": "<!channel>"},
    ],
)
def test_strange_inputs_are_refused(wrong: dict[str, object]) -> None:
    given = {"service": API, "version": "1.8.0", **wrong}
    with pytest.raises(ValidationError):
        Inputs.model_validate(given)
