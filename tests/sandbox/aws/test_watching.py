"""Metrics, alarms and logs agree with what the services do."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.load import DatabaseLoad
from tests.sandbox.aws.conftest import API, CORE, START, Account

pytestmark = pytest.mark.slow


def measured(
    account: Account,
    name: str,
    statistic: str,
    of: str = CORE,
    length: timedelta = timedelta(minutes=10),
    period_s: int = 60,
) -> list[float]:
    cloudwatch = account.client("cloudwatch")
    metrics = cloudwatch.list_metrics(Namespace="AWS/ApplicationELB", MetricName=name)["Metrics"]
    metric = next(one for one in metrics if f"/{of}/" in one["Dimensions"][1]["Value"])
    now = datetime.fromtimestamp(account.clock.now(), UTC)
    stat = {"Metric": metric, "Period": period_s, "Stat": statistic}
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": stat}],
        StartTime=now - length,
        EndTime=now,
        ScanBy="TimestampAscending",
    )
    values: list[float] = answer["MetricDataResults"][0]["Values"]
    return values


def alarm(account: Account, name: str) -> Any:
    return account.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


def messages(account: Account, service: str, pattern: str, **params: Any) -> list[str]:
    now = account.clock.now()
    answer = account.client("logs").filter_log_events(
        logGroupName=f"/ecs/{service}",
        filterPattern=pattern,
        startTime=int((now - 600) * 1000),
        endTime=int(now * 1000),
        **params,
    )
    return [event["message"] for event in answer["events"]]


def test_errors_begin_with_a_bad_deployment(account: Account) -> None:
    account.world.deploy_bad(CORE, ago=timedelta(minutes=5))
    errors = measured(account, "HTTPCode_Target_5XX_Count", "Sum")
    assert max(errors[:-6], default=0) < 10
    assert min(errors[-4:]) > 50


def test_traffic_goes_back_eight_days_with_nights_and_a_weekend(account: Account) -> None:
    hours = measured(account, "RequestCount", "Sum", length=timedelta(days=8), period_s=3600)
    assert len(hours) >= 8 * 24
    assert max(hours) > 4 * min(hours)


def test_the_past_is_the_same_whenever_it_is_asked_for(account: Account) -> None:
    first = measured(account, "RequestCount", "Sum")
    assert measured(account, "RequestCount", "Sum") == first
    account.pass_time(minutes=1)
    assert measured(account, "RequestCount", "Sum")[:-1] == first[1:]


def test_percentiles_lie_above_the_average(account: Account) -> None:
    average = measured(account, "TargetResponseTime", "Average")
    p95 = measured(account, "TargetResponseTime", "p95")
    assert all(a < p < 10 * a for a, p in zip(average, p95, strict=True))


def test_a_service_without_tasks_is_asked_nothing(account: Account) -> None:
    account.update(desiredCount=0)
    account.pass_time(minutes=10)
    assert measured(account, "RequestCount", "Sum", length=timedelta(minutes=5)) == []


def test_the_alarm_of_a_broken_service_goes_off_and_ends(account: Account) -> None:
    assert alarm(account, f"{API}-5xx")["StateValue"] == "OK"
    account.world.deploy_bad(API, "errors")
    account.pass_time(minutes=2)
    raised = alarm(account, f"{API}-5xx")
    assert raised["StateValue"] == "ALARM"
    assert "was greater than the threshold" in raised["StateReason"]
    assert alarm(account, f"{CORE}-5xx")["StateValue"] == "OK"
    account.update(API, taskDefinition=f"{API}:3")
    account.pass_time(minutes=2)
    assert alarm(account, f"{API}-5xx")["StateValue"] == "OK"


def test_an_alarm_without_data_says_so(account: Account) -> None:
    answer = account.client("cloudwatch").describe_alarms(StateValue="INSUFFICIENT_DATA")
    assert [one["AlarmName"] for one in answer["MetricAlarms"]] == ["nightly-export-age"]


def test_a_loaded_database_shows_in_its_metrics_and_its_alarm(account: Account) -> None:
    account.world.load_database(DatabaseLoad(cpu_percent=97), ago=timedelta(minutes=10))
    points = account.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName="CPUUtilization",
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": account.world.writer()}],
        StartTime=START - timedelta(minutes=5),
        EndTime=START,
        Period=60,
        Statistics=["Average"],
    )["Datapoints"]
    assert {point["Average"] for point in points} == {97.0}
    assert alarm(account, "complyai-prod-cpu")["StateValue"] == "ALARM"


def test_a_bad_version_fills_the_log_with_errors(account: Account) -> None:
    before = messages(account, API, '{ $.level = "error" }')
    account.world.deploy_bad(API, "errors", ago=timedelta(minutes=9))
    after = messages(account, API, '{ $.level = "error" }')
    assert len(before) < 5
    assert len(after) > 100
    assert {json.loads(line)["status"] for line in after} == {500}


def test_a_process_that_ends_while_it_starts_leaves_its_traceback(account: Account) -> None:
    account.world.deploy_bad(CORE)
    account.pass_time(minutes=1)
    assert "Traceback (most recent call last):" in messages(account, CORE, "Traceback")


def test_pages_of_a_log_give_every_line_once(account: Account) -> None:
    whole = messages(account, CORE, "")
    paged: list[str] = []
    now = account.clock.now()
    pages = account.client("logs").get_paginator("filter_log_events")
    for page in pages.paginate(
        logGroupName=f"/ecs/{CORE}",
        startTime=int((now - 600) * 1000),
        endTime=int(now * 1000),
        limit=50,
    ):
        paged += [event["message"] for event in page["events"]]
    assert paged == whole
    assert len(whole) > 300


def test_a_long_log_is_read_in_pages_without_a_gap(account: Account) -> None:
    now = account.clock.now()
    pages = account.client("logs").get_paginator("filter_log_events")
    times = [
        event["timestamp"]
        for page in pages.paginate(
            logGroupName=f"/ecs/{CORE}",
            filterPattern='"/v1/scores"',
            startTime=int((now - 3 * 3600) * 1000),
        )
        for event in page["events"]
    ]
    assert times == sorted(times)
    assert max(b - a for a, b in pairwise(times)) < 180_000


def test_a_log_group_there_is_none_of_is_refused(account: Account) -> None:
    with pytest.raises(ClientError) as error:
        account.client("logs").filter_log_events(logGroupName="/ecs/nobody")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"
