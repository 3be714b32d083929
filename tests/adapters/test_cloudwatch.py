"""Alarms, error rates and load, against the company's AWS in a box."""

from datetime import UTC, datetime, timedelta
from statistics import median

import pytest

from adapters.aws_calls import AwsCalls
from adapters.cloudwatch import CloudWatch, ErrorRate, ErrorRates, adapter
from bot.runbook.errors import Refused, Unreachable
from sandbox.aws.clock import StandingClock
from sandbox.aws.world import AwsWorld
from tests.adapters.scripted_aws import ScriptedAws

pytestmark = pytest.mark.slow

CORE, API = "complyai-core", "complyai-api"


@pytest.fixture
def cloudwatch(calls: AwsCalls) -> CloudWatch:
    return CloudWatch(calls)


async def test_alarms_say_which_and_since_when_and_how_many_there_are(
    cloudwatch: CloudWatch, world: AwsWorld
) -> None:
    world.deploy_bad(CORE, how="errors", ago=timedelta(minutes=40))
    alarms = await cloudwatch.alarms()
    assert any(name.startswith(CORE) for name in alarms.in_alarm)
    assert alarms.without_data == ("nightly-export-age",)
    assert alarms.total > len(alarms.alarms)
    newest = alarms.alarms[0]
    assert timedelta() < newest.age < timedelta(minutes=40)
    assert newest.since.tzinfo is UTC


async def test_alarms_that_cannot_be_read_are_an_error_and_not_none(
    cloudwatch: CloudWatch, world: AwsWorld
) -> None:
    world.faults.deny("cloudwatch", "DescribeAlarms")
    with pytest.raises(Refused, match="cloudwatch:DescribeAlarms"):
        await cloudwatch.alarms()


async def test_more_alarms_than_are_read_are_an_error_and_not_all_well(
    cloudwatch: CloudWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "MOST_ALARMS", 1)
    with pytest.raises(Unreachable, match="not all of them were read"):
        await cloudwatch.alarms()


@pytest.mark.parametrize("status", ["InternalError", "Forbidden"])
async def test_errors_that_cloudwatch_could_not_count_are_not_none(status: str) -> None:
    where = {"TargetGroup": "targetgroup/complyai-core/1", "LoadBalancer": "app/complyai/1"}
    dimensions = [{"Name": name, "Value": value} for name, value in where.items()]
    unread = {"Id": "m0", "StatusCode": status, "Timestamps": [], "Values": []}
    with ScriptedAws("cloudwatch") as aws:
        aws.answers("cloudwatch", "ListMetrics", {"Metrics": [{"Dimensions": dimensions}]})
        aws.answers("cloudwatch", "GetMetricData", {"MetricDataResults": [unread]})
        calls = AwsCalls("us-east-1", aws.url, timeout_s=5.0)
        with pytest.raises(Unreachable, match=rf"did not read HTTPCode_Target_5XX.* \({status}\)"):
            await CloudWatch(calls).error_rates([CORE])
        await calls.close()


async def test_a_quiet_night_is_as_usual(cloudwatch: CloudWatch, world: AwsWorld) -> None:
    rates = await cloudwatch.error_rates(world.company.service_names)
    assert [rate.service for rate in rates.rates] == list(world.company.service_names)
    assert rates.above(3.0) == rates.without_data == ()
    assert all(rate.usual is not None for rate in rates.rates)
    assert all(len(rate.over_time) > 170 for rate in rates.rates)


async def test_a_version_that_answers_5xx_stands_out_against_the_past_week(
    cloudwatch: CloudWatch, world: AwsWorld
) -> None:
    world.deploy_bad(CORE, how="errors", ago=timedelta(minutes=40))
    rates = await cloudwatch.error_rates([CORE, API])
    assert rates.above(3.0) == (CORE,)
    first, *_, last = rates.rates[0].over_time
    assert last.value > 20 > first.value
    assert rates.plot().unit == "per minute"


async def test_each_hour_of_the_night_stands_beside_the_same_hour_of_seven_days(
    cloudwatch: CloudWatch, world: AwsWorld, clock: StandingClock
) -> None:
    world.deploy_bad(CORE, how="errors", ago=timedelta(hours=6))
    now = datetime.fromtimestamp(clock.now(), tz=UTC)
    since = now - timedelta(hours=14)
    asked = [one.operation for one in world.calls].count("GetMetricData")
    rates = await cloudwatch.error_rates([CORE, API], since)
    assert [one.operation for one in world.calls].count("GetMetricData") - asked == 2
    core, api = rates.rates
    assert 12 <= len(core.night) <= 13 and all(one.usual is not None for one in core.night)
    worst = core.worst_hour(3.0)
    assert worst and worst.errors > 20 and worst.at >= now - timedelta(hours=7)
    assert core.night[0].errors < 1 and api.worst_hour(3.0) is None
    plot = rates.plot_of_night(3.0)
    assert list(plot.lines) == [CORE, f"{CORE}, usually", API]
    assert rates.plot().title == "Errors"


async def test_a_service_nobody_can_reach_has_no_error_rate_rather_than_a_good_one(
    cloudwatch: CloudWatch, world: AwsWorld, calls: AwsCalls, clock: StandingClock
) -> None:
    await calls.write("ecs", "update_service", cluster="production", service=CORE, desiredCount=0)
    clock.advance(8 * 60)
    rates = await cloudwatch.error_rates([CORE, API])
    assert rates.without_data == (CORE,)
    assert rates.rates[0].usual is not None


async def test_a_service_without_a_target_group_has_no_error_rate(
    cloudwatch: CloudWatch,
) -> None:
    assert (await cloudwatch.error_rates(["complyai"])).without_data == ("complyai",)


def test_a_few_errors_are_not_unusual_only_because_there_were_none_before() -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    rate = ErrorRate(service=CORE, now=2.0, usual=0.0)
    assert ErrorRates(rates=(rate,), as_of=at).above(3.0) == ()


async def test_the_response_since_a_deployment_is_beside_the_hour_before(
    cloudwatch: CloudWatch, world: AwsWorld, clock: StandingClock
) -> None:
    since = datetime.fromtimestamp(clock.now(), UTC) - timedelta(minutes=30)
    calm = await cloudwatch.response(CORE, since)
    assert not calm.is_worse(2.0)
    world.deploy_bad(CORE, how="errors", ago=timedelta(minutes=30))
    answers = await cloudwatch.response(CORE, since)
    assert answers.is_worse(2.0)
    assert answers.errors_before is not None and answers.errors_before < 5
    assert timedelta(milliseconds=20) < answers.p95 < timedelta(seconds=5)


async def test_a_response_that_nobody_asked_for_is_not_made_up(
    cloudwatch: CloudWatch, clock: StandingClock
) -> None:
    now = datetime.fromtimestamp(clock.now(), UTC)
    with pytest.raises(Refused, match="has counted no request of complyai-core since 03:12 UTC"):
        await cloudwatch.response(CORE, now)


async def test_the_load_of_the_database_is_of_the_instance_asked_for(
    cloudwatch: CloudWatch,
) -> None:
    load = await cloudwatch.database_load("complyai-prod-1")
    assert 1 < load.cpu_percent < 60
    assert load.connections > 10
    assert len(load.over_time) > 170
    assert len(load.connections_over_time) == len(load.io_over_time) == len(load.over_time)
    assert load.io_over_time[-1].value > 0


async def test_an_instance_without_data_is_refused_and_not_idle(cloudwatch: CloudWatch) -> None:
    with pytest.raises(Refused, match=r"no CPUUtilization, .* of complyai-prod-9"):
        await cloudwatch.database_load("complyai-prod-9")


async def test_load_is_one_picture_in_which_each_line_says_what_its_highest_is(
    cloudwatch: CloudWatch,
) -> None:
    load = await cloudwatch.database_load("complyai-prod-1")
    plot = load.plot()
    most = max(one.value for one in load.connections_over_time)
    names = list(plot.lines)
    assert names[0] == "CPU" and names[1] == f"Connections (100 % is {most:,.0f})"
    assert names[2].startswith("Reads and writes per second (100 % is ")
    assert max(value for _, value in plot.lines[names[1]]) == 100
    bare = load.model_copy(update={"connections_over_time": (), "io_over_time": ()})
    assert list(bare.plot().lines) == ["CPU"]


async def test_the_traffic_of_now_is_beside_the_hours_of_the_past_week(
    cloudwatch: CloudWatch, world: AwsWorld
) -> None:
    traffic = await cloudwatch.traffic([CORE, API])
    alone = await cloudwatch.traffic([CORE])
    assert traffic.now and alone.now and traffic.now > alone.now
    assert len(traffic.hours) == 7 * 24
    values = [hour.value for hour in traffic.hours]
    assert traffic.busiest == max(values)
    assert traffic.share == traffic.now / max(values)
    by_hour = {h: [one.value for one in traffic.hours if one.at.hour == h] for h in range(24)}
    assert traffic.quietest_hour == min(by_hour, key=lambda h: median(by_hour[h]))
    assert "of the week's busiest hour; usually quietest at" in str(traffic)


async def test_a_service_nobody_can_reach_is_not_called_quiet(
    cloudwatch: CloudWatch, world: AwsWorld, calls: AwsCalls, clock: StandingClock
) -> None:
    await calls.write("ecs", "update_service", cluster="production", service=CORE, desiredCount=0)
    clock.advance(8 * 60)
    traffic = await cloudwatch.traffic([CORE])
    assert (traffic.now, traffic.share) == (None, None)
    assert str(traffic) == "no requests are counted now"
    assert (await cloudwatch.traffic(["a-stranger"])).busiest is None
