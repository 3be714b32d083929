"""Services made anew, rules and names led to them, against the company's AWS in a box."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from adapters.aws_calls import AwsCalls
from adapters.dns import Dns, UpsertRecord
from adapters.ecr import Ecr
from adapters.ecs import CreateService, LastKnown, NewServices, RegisterTaskDefinition
from adapters.forwarding import Forwarding, ModifyRule
from bot.runbook.errors import NothingDone, Refused, Unreachable
from sandbox.aws.clock import StandingClock
from sandbox.aws.world import AwsWorld

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CORE, API, FRONTEND = "complyai-core", "complyai-api", "complyai-frontend"
NAME = f"{API}.complyai.io"
LONG = 300.0  #: Seconds in which tasks have ended, and others come up.


@pytest.fixture(scope="module")
def clock() -> StandingClock:
    return StandingClock(datetime(2026, 11, 24, 3, 12, tzinfo=UTC))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(clock: StandingClock) -> AsyncIterator[AwsWorld]:
    made = AwsWorld(clock=clock)
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def calls(world: AwsWorld) -> AsyncIterator[AwsCalls]:
    made = AwsCalls("us-east-1", world.endpoint_url, timeout_s=5.0)
    yield made
    await made.close()
    world.faults.clear()


@pytest.fixture
def made(calls: AwsCalls) -> NewServices:
    return NewServices(calls, "production")


async def registering(
    made: NewServices, calls: AwsCalls, world: AwsWorld, run: str
) -> RegisterTaskDefinition:
    """Of an image that nobody has registered."""
    world._parts.registry.push(CORE, f"3.0.{len(run)}{run[-1]}")
    version = f"3.0.{len(run)}{run[-1]}"
    digest = (await Ecr(calls).image(CORE, version)).digest or ""
    last = await made.last_known(CORE)
    move = (await made.definitions(CORE, version, digest, last)).register(run)
    assert move
    return move


def creating(last: LastKnown, run: str = "7F3K") -> CreateService:
    return CreateService(
        cluster="production",
        service=last.service,
        run=run,
        task_definition=last.task_definition,
        desired=2,
        subnets=last.subnets,
        security_groups=last.security_groups,
        target_group=last.target_groups[0],
        container="app",
        port=8000,
    )


async def test_networks_are_those_that_services_use(made: NewServices) -> None:
    subnets, groups = await made.networks()
    assert subnets == ("subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002")
    assert groups == ("sg-0a1b2c3d4e5f60003",)


async def test_what_has_the_image_is_used_and_nothing_is_registered(
    made: NewServices, calls: AwsCalls
) -> None:
    digest = (await Ecr(calls).image(CORE, "2.14.1")).digest or ""
    found = await made.definitions(CORE, "2.14.1", digest, await made.last_known(CORE))
    assert (found.existing, found.container, found.port) == (f"{CORE}:3", "app", 8000)
    assert found.register("7F3K") is None


async def test_a_definition_is_registered_with_another_image_and_nothing_else_changed(
    made: NewServices, calls: AwsCalls, world: AwsWorld
) -> None:
    change = await registering(made, calls, world, "AAA1")
    assert (await made._see_registered(change)).state == "before"
    await made._register(change, "key")
    assert (await made._see_registered(change)).state == "applied"
    template, new = (
        await made._content(change.template),
        await made._content(str(change.family)),
    )
    (one,), (other,) = template["containerDefinitions"], new["containerDefinitions"]
    assert other["image"] == change.image and other["image"] != one["image"]
    assert {**new, "containerDefinitions": 0} == {**template, "containerDefinitions": 0}
    assert {**one, "image": 0} == {**other, "image": 0}


async def test_another_run_does_not_take_it_for_its_own(
    made: NewServices, calls: AwsCalls, world: AwsWorld
) -> None:
    change = await registering(made, calls, world, "AAA2")
    await made._register(change, "key")
    other = change.model_copy(update={"run": "ZZZ9"})
    assert (await made._see_registered(other)).state == "before"


async def test_a_template_that_is_not_what_it_was_is_drifted_and_not_registered(
    made: NewServices, calls: AwsCalls, world: AwsWorld
) -> None:
    change = (await registering(made, calls, world, "AAA3")).model_copy(
        update={"content": "another"}
    )
    assert (await made._see_registered(change)).state == "drifted"
    with pytest.raises(Refused, match="is not what it was"):
        await made._register(change, "key")


async def test_a_registration_whose_answer_is_lost_is_seen_to_be_done(
    made: NewServices, calls: AwsCalls, world: AwsWorld
) -> None:
    change = await registering(made, calls, world, "AAA4")
    world.faults.lose_response("ecs", "RegisterTaskDefinition")
    with pytest.raises(Unreachable):
        await made._register(change, "key")
    assert (await made._see_registered(change)).state == "applied"


async def test_a_service_that_drains_is_waited_for_and_made_once_by_its_token(
    made: NewServices, calls: AwsCalls, world: AwsWorld, clock: StandingClock
) -> None:
    world.lose_service(API)
    last = await made.last_known(API)
    change = creating(last)
    assert last.status == "DRAINING"
    assert (await made._see_created(change)).state == "drifted"
    with pytest.raises(Refused, match="still Draining"):
        await made._create(change, "key-1")
    clock.advance(LONG)
    assert (await made.last_known(API)).status == "INACTIVE"
    assert (await made._see_created(change)).state == "before"
    with pytest.raises(Refused, match="does not have an associated load balancer"):
        await made._create(change, "key-1")
    rule = (await Forwarding(calls).route(API, last.target_groups)).forward()
    assert rule
    await Forwarding(calls)._modify(rule, "key")
    world.faults.lose_response("ecs", "CreateService")
    with pytest.raises(Unreachable):
        await made._create(change, "key-1")
    assert (await made._see_created(change)).state == "applied"
    await made._create(change, "key-1")
    with pytest.raises(Refused, match="not idempotent"):
        await made._create(change, "key-2")
    assert (await made._see_created(change.model_copy(update={"run": "ZZZ9"}))).state == "drifted"
    clock.advance(LONG)
    assert world.task_state(API).healthy == 2


async def test_a_service_that_was_never_there_is_missing(made: NewServices) -> None:
    assert (await made.last_known("nothing-here")).status == "MISSING"


async def test_a_rule_sends_a_service_its_requests_and_can_be_set_back(
    calls: AwsCalls, world: AwsWorld
) -> None:
    forwarding = Forwarding(calls)
    before = await forwarding.route(FRONTEND, ())
    assert before.is_forwarded and before.forward() is None
    assert (before.port, before.host) == (8000, f"{FRONTEND}.complyai.io")
    page = world._parts.balancers.group_named("elsewhere", 8000)
    away = ModifyRule(
        rule=before.rule,
        host=before.host,
        target_group=page.arn,
        replacing=before.target_group,
    )
    world.faults.lose_response("elbv2", "ModifyRule")
    with pytest.raises(Unreachable):
        await forwarding._modify(away, "key")
    assert (await forwarding._see(away)).state == "applied"
    move = (await forwarding.route(FRONTEND, (before.target_group,), before.host)).forward()
    undo = away.undo()
    assert undo and move == undo
    assert (await forwarding._see(undo)).state == "before"
    await forwarding._modify(undo, "key")
    assert (await forwarding.route(FRONTEND, ())).is_forwarded


async def test_what_gets_the_rest_needs_no_rule_and_what_is_nowhere_has_none(
    calls: AwsCalls,
) -> None:
    assert (await Forwarding(calls).route(CORE, ())).is_default
    assert (await Forwarding(calls).route("nothing-here", ())).target_group == ""


async def test_a_rule_that_somebody_else_has_changed_or_taken_away_is_drifted(
    calls: AwsCalls,
) -> None:
    forwarding = Forwarding(calls)
    rule = (await forwarding.route(FRONTEND, ())).rule
    change = ModifyRule(rule=rule, host="h", target_group="arn/new/1", replacing="arn/old/1")
    assert (await forwarding._see(change)).state == "drifted"
    gone = change.model_copy(update={"rule": f"{rule}00"})
    assert (await forwarding._see(gone)).state == "drifted"


async def test_a_name_is_led_to_its_balancer_known_in_sync_and_set_back(
    calls: AwsCalls, world: AwsWorld, clock: StandingClock
) -> None:
    dns, route = Dns(calls), await Forwarding(calls).route(API, (), NAME)
    found = await dns.record(NAME)
    change = found.to_balancer(route.balancer, route.balancer_zone)
    assert change and found.says() == f"{NAME} leads to 203.0.113.9"
    assert (await dns._see(change)).state == "before"
    await dns._upsert(change, "key")
    assert (await dns._see(change)).state == "applied"
    assert (await dns.sync(NAME)).state == "PENDING"
    clock.advance(LONG)
    assert (await dns.sync(NAME)).state == "INSYNC"
    now = await dns.record(NAME)
    assert now.to_balancer(route.balancer, route.balancer_zone) is None
    undo = change.undo()
    assert undo and (await dns._see(undo)).state == "before"
    await dns._upsert(undo, "key")
    assert (await dns.record(NAME)).says() == found.says()


async def test_a_lost_answer_leaves_the_record_seen_and_its_sync_unknown(
    calls: AwsCalls, world: AwsWorld
) -> None:
    dns = Dns(calls)
    change = await new_name(dns, "lost")
    world.faults.lose_response("route53", "ChangeResourceRecordSets")
    with pytest.raises(Unreachable):
        await dns._upsert(change, "key")
    assert (await dns._see(change)).state == "applied"
    assert (await dns.sync(change.name)).state == "unknown"
    assert change.undo() is None


async def test_a_record_that_somebody_else_has_changed_is_drifted(
    calls: AwsCalls, world: AwsWorld
) -> None:
    dns = Dns(calls)
    change = await new_name(dns, "taken")
    other = {"Name": f"{change.name}.", "Type": "A", "TTL": 5, "ResourceRecords": []}
    world._parts.dns.zones[0].put({**other, "ResourceRecords": [{"Value": "198.51.100.1"}]})
    seen = await dns._see(change)
    assert (seen.state, seen.now) == ("drifted", f"{change.name} leads to 198.51.100.1")


async def test_a_cname_stays_one_and_a_routing_policy_is_left_to_people(
    calls: AwsCalls, world: AwsWorld
) -> None:
    zone, dns = world._parts.dns.zones[0], Dns(calls)
    aliased = {"Name": "www.complyai.io.", "Type": "CNAME", "TTL": 300}
    zone.put({**aliased, "ResourceRecords": [{"Value": "old.example.com"}]})
    change = (await dns.record("www.complyai.io")).to_balancer("new.example.com", "Z1")
    assert change and '"Type": "CNAME"' in change.value and "new.example.com" in change.value
    await dns._upsert(change, "key")
    weighted = {"Name": "split.complyai.io.", "Type": "A", "SetIdentifier": "a", "Weight": 1}
    zone.put({**weighted, "TTL": 5, "ResourceRecords": [{"Value": "198.51.100.1"}]})
    with pytest.raises(Refused, match="routing policy"):
        await dns.record("split.complyai.io")


async def test_a_name_of_another_zone_has_no_zone(calls: AwsCalls) -> None:
    assert (await Dns(calls).record("api.example.org")).zone == ""
    assert (await Dns(calls).record("notcomplyai.io")).zone == ""


async def new_name(dns: Dns, name: str) -> UpsertRecord:
    found = await dns.record(f"{name}.complyai.io")
    change = found.to_balancer("public-1.elb.amazonaws.com", "Z35SXDOTRQ7X7K")
    assert change and change.replacing is None
    return change


@pytest.mark.parametrize(
    ("service", "operation", "permission"),
    [
        ("ecs", "RegisterTaskDefinition", "ecs:RegisterTaskDefinition"),
        ("ecs", "CreateService", "ecs:CreateService"),
        ("elbv2", "ModifyRule", "elasticloadbalancing:ModifyRule"),
        ("route53", "ChangeResourceRecordSets", "route53:ChangeResourceRecordSets"),
    ],
)
async def test_what_may_not_be_done_or_is_too_much_is_said_and_nothing_happens(
    made: NewServices,
    calls: AwsCalls,
    world: AwsWorld,
    service: str,
    operation: str,
    permission: str,
) -> None:
    dns, forwarding = Dns(calls), Forwarding(calls)
    rule = (await forwarding.route(FRONTEND, ())).rule
    name = await new_name(dns, f"denied-{operation}".lower())
    last = await made.last_known(API)

    async def attempt() -> None:
        match operation:
            case "RegisterTaskDefinition":
                await made._register(await registering(made, calls, world, "AAA5"), "key")
            case "CreateService":
                new = creating(last).model_copy(update={"service": "brand-new"})
                await made._create(new, "key")
            case "ModifyRule":
                to = ModifyRule(rule=rule, host="h", target_group="arn", replacing="arn")
                await forwarding._modify(to, "key")
            case _:
                await dns._upsert(name, "key")

    world.faults.throttle(service, operation)
    with pytest.raises(NothingDone, match="limits our calls"):
        await attempt()
    world.faults.deny(service, operation)
    with pytest.raises(Refused, match=permission):
        await attempt()
