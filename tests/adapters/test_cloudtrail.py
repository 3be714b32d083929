"""What was done to the account, as CloudTrail tells: in pages, two a second, and not all of it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from adapters.aws_calls import AwsCalls
from adapters.cloudtrail import CloudTrail
from adapters.cloudtrail.adapter import MOST, PAGE
from adapters.cloudtrail.reading import event_of
from bot.runbook.errors import NothingDone, Unreachable
from sandbox.aws.clock import StandingClock
from sandbox.aws.world import AwsWorld
from tests.hostile import MALICE

KEY = "AKIA3COMPLYAI0DEPLOY"
NOW = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Pace:
    """The seconds that were waited, and the world's clock of calls, which they move."""

    def __init__(self) -> None:
        self.now, self.naps = 100.0, list[float]()

    async def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def pace(world: AwsWorld) -> Pace:
    made = Pace()
    world.trail._clock = lambda: made.now
    return made


@pytest.fixture
async def trail(calls: AwsCalls, pace: Pace) -> AsyncIterator[CloudTrail]:
    yield CloudTrail([calls], nap=pace.nap)


def done(world: AwsWorld, name: str = "ListBuckets", minutes: float = 5, **more: object) -> None:
    told = {"key_id": KEY, "ip": "203.0.113.66"} | more
    world.trail.record(name, "deployer", ago=timedelta(minutes=minutes), **told)  # type: ignore[arg-type]


@pytest.mark.slow
async def test_what_a_key_did_is_told_the_newest_first_page_by_page_and_in_turn(
    world: AwsWorld, trail: CloudTrail, pace: Pace
) -> None:
    for number in range(PAGE + 5):
        done(world, minutes=number + 1)
    done(world, key_id="AKIAANOTHER000000000")
    found = await trail.of("AccessKeyId", [KEY], NOW - DAY, NOW)
    assert len(found.events) == PAGE + 5 and not found.is_cut
    assert list(found.events) == sorted(found.events, key=lambda one: one.at, reverse=True)
    assert found.ips == ("203.0.113.66",)
    asked = [one for one in world.calls if one.operation == "LookupEvents"]
    assert len(asked) == len(pace.naps) == 2 and min(pace.naps) > 0.5


@pytest.mark.slow
async def test_who_asks_too_often_is_limited_and_comes_again(
    world: AwsWorld, trail: CloudTrail, pace: Pace
) -> None:
    done(world)
    world.faults.throttle("cloudtrail", "LookupEvents", times=3)
    assert len((await trail.of("AccessKeyId", [KEY], NOW - DAY, NOW)).events) == 1
    world.faults.throttle("cloudtrail", "LookupEvents", times=1000)
    with pytest.raises(NothingDone):
        await trail.of("AccessKeyId", [KEY], NOW - DAY, NOW)


@pytest.mark.slow
async def test_more_than_can_be_read_is_said(world: AwsWorld, trail: CloudTrail) -> None:
    for number in range(MOST + 1):
        done(world, minutes=number / 60)
    found = await trail.of("AccessKeyId", [KEY], NOW - DAY, NOW)
    assert found.is_cut and len(found.events) == MOST


@pytest.mark.slow
async def test_new_ways_in_are_found_whoever_made_them_and_refused_ones_are_none(
    world: AwsWorld, trail: CloudTrail
) -> None:
    made = {"accessKey": {"userName": "ci", "accessKeyId": "AKIAMADE000000000000"}}
    done(world, "CreateAccessKey", requestParameters={"userName": "ci"}, responseElements=made)
    done(world, "AttachRolePolicy", requestParameters={"roleName": "core"})
    done(world, "CreateUser", errorCode="AccessDenied")
    done(world, "ListUsers")
    found = await trail.footholds(NOW - DAY, NOW)
    assert {one.name for one in found.footholds.events} == {"CreateAccessKey", "AttachRolePolicy"}
    (key,) = found.made_keys.events
    assert (key.made, key.about) == ("AKIAMADE000000000000", "ci")


@pytest.mark.slow
async def test_a_sign_in_that_failed_says_so(world: AwsWorld, trail: CloudTrail) -> None:
    done(world, "ConsoleLogin", responseElements={"ConsoleLogin": "Failure"})
    done(world, "ConsoleLogin", responseElements={"ConsoleLogin": "Success"})
    found = await trail.sign_ins(NOW - DAY, NOW)
    assert {one.failure for one in found.events} == {"", "sign-in failed"}


@pytest.mark.slow
async def test_what_belongs_to_no_region_is_asked_for_where_aws_records_it(
    world: AwsWorld, clock: StandingClock, calls: AwsCalls, pace: Pace
) -> None:
    done(world, "CreateUser")
    elsewhere = AwsCalls("eu-central-1", world.endpoint_url, timeout_s=5.0)
    there = CloudTrail([elsewhere, calls], nap=pace.nap)
    assert len((await there.footholds(NOW - DAY, NOW)).events) == 1
    both = await there.of("AccessKeyId", [KEY], NOW - DAY, NOW)
    assert len(both.events) == 1
    await elsewhere.close()


@pytest.mark.parametrize("strange", ["", "[]", "null", '"x"', "{", '{"userIdentity": 3}'])
def test_an_event_in_another_shape_is_unreadable(strange: str) -> None:
    listed = {"EventTime": NOW, "EventName": "X", "CloudTrailEvent": strange}
    with pytest.raises(Unreachable):
        event_of(listed)
    with pytest.raises(Unreachable):
        event_of({"EventName": "X"})


@pytest.mark.parametrize("malice", MALICE.values(), ids=MALICE)
def test_whatever_stands_in_an_event_is_a_line_of_text(malice: str) -> None:
    told = {
        "userAgent": malice,
        "sourceIPAddress": malice,
        "requestParameters": {"userName": malice},
    }
    listed = {"EventTime": NOW, "EventName": malice, "CloudTrailEvent": json.dumps(told)}
    event = event_of(listed)
    for text in (event.user_agent, event.ip, event.about, event.name):
        assert len(text) <= 200 and text.isprintable()
