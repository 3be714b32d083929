"""What AWS answers, or does not, is told to a person as what it means for them."""

import asyncio
import time
from datetime import UTC, datetime

import pytest

from adapters.aws_calls import AwsCalls, answered_at
from adapters.aws_errors import NotThere
from bot.runbook.errors import NothingDone, Refused, Unreachable
from tests.adapters.scripted_aws import ScriptedAws

pytestmark = pytest.mark.slow

MOVE = {"cluster": "production", "service": "complyai-core", "taskDefinition": "complyai-core:41"}
LOOK = {"cluster": "production", "services": ["complyai-core"]}


@pytest.fixture
def aws(scripted: ScriptedAws) -> ScriptedAws:
    scripted.answers("ecs", "UpdateService", {})
    scripted.answers("ecs", "DescribeServices", {"services": [], "failures": []})
    return scripted


@pytest.fixture
def calls(scripted_calls: AwsCalls) -> AwsCalls:
    return scripted_calls


async def test_a_write_without_an_answer_is_sent_once(aws: ScriptedAws, calls: AwsCalls) -> None:
    aws.faults.lose_response("ecs", "UpdateService")
    with pytest.raises(
        Unreachable, match=r"ecs:UpdateService\. It may have been done all the same"
    ):
        await calls.write("ecs", "update_service", **MOVE)
    assert len(aws.asked("UpdateService")) == 1


async def test_a_write_that_fails_on_their_side_is_sent_once_and_may_have_happened(
    aws: ScriptedAws, calls: AwsCalls
) -> None:
    aws.faults.error("ecs", "UpdateService", status=503)
    with pytest.raises(Unreachable, match=r"HTTP 503.*It may have been done"):
        await calls.write("ecs", "update_service", **MOVE)
    assert len(aws.asked("UpdateService")) == 1


async def test_a_read_is_repeated_when_its_answer_is_lost(
    aws: ScriptedAws, calls: AwsCalls
) -> None:
    aws.faults.lose_response("ecs", "DescribeServices")
    assert (await calls.read("ecs", "describe_services", **LOOK))["services"] == []
    assert len(aws.asked("DescribeServices")) == 2


async def test_a_denial_names_the_permission_and_the_role(
    aws: ScriptedAws, calls: AwsCalls
) -> None:
    aws.faults.deny("ecs", "UpdateService")
    with pytest.raises(Refused) as refused:
        await calls.write("ecs", "update_service", **MOVE)
    assert str(refused.value) == (
        "AWS refused ecs:UpdateService for role runbook-bot-write (AccessDeniedException)."
        " Nothing was changed. Ask someone with IAM rights."
    )


async def test_a_denial_in_the_older_protocol_reads_the_same(
    aws: ScriptedAws, calls: AwsCalls
) -> None:
    aws.faults.deny("rds", "FailoverDBCluster")
    with pytest.raises(Refused, match="rds:FailoverDBCluster for role runbook-bot-write"):
        await calls.write("rds", "failover_db_cluster", DBClusterIdentifier="complyai-prod")


async def test_a_throttled_write_is_known_not_to_have_happened(
    aws: ScriptedAws, calls: AwsCalls
) -> None:
    aws.faults.throttle("ecs", "UpdateService")
    with pytest.raises(NothingDone, match=r"limits our calls of ecs:UpdateService.*was changed"):
        await calls.write("ecs", "update_service", **MOVE)
    assert len(aws.asked("UpdateService")) == 1


async def test_a_missing_thing_is_told_from_a_refusal(aws: ScriptedAws, calls: AwsCalls) -> None:
    aws.refuses("ssm", "GetParameter", "ParameterNotFound", "", 400)
    with pytest.raises(NotThere, match="ssm:GetParameter"):
        await calls.read("ssm", "get_parameter", Name="/none")


async def test_expired_credentials_are_not_called_a_lack_of_rights(
    aws: ScriptedAws, calls: AwsCalls
) -> None:
    aws.refuses("ssm", "GetParameter", "ExpiredTokenException", "The token has expired", 400)
    with pytest.raises(Refused, match="does not accept the bot's credentials"):
        await calls.read("ssm", "get_parameter", Name="/any")


async def test_a_slow_answer_ends_within_the_time_limit(aws: ScriptedAws, calls: AwsCalls) -> None:
    await calls.read("ecs", "describe_services", **LOOK)  # Loads what is loaded once.
    aws.faults.delay("ecs", "DescribeServices", seconds=20.0, times=3)
    began = time.monotonic()
    with pytest.raises(Unreachable, match="did not answer ecs:DescribeServices"):
        await calls.read("ecs", "describe_services", **LOOK)
    assert time.monotonic() - began < 4.0


async def test_a_slow_write_may_have_happened(aws: ScriptedAws, calls: AwsCalls) -> None:
    aws.faults.late_answer("ecs", "UpdateService", seconds=20.0)
    with pytest.raises(Unreachable, match="may have been done"):
        await calls.write("ecs", "update_service", **MOVE)
    assert len(aws.asked("UpdateService")) == 1


async def test_a_write_that_waited_too_long_for_its_turn_is_never_sent(
    aws: ScriptedAws, calls: AwsCalls
) -> None:
    aws.faults.late_answer("ecs", "UpdateService", seconds=20.0, times=4)
    writes = [calls.write("ecs", "update_service", **MOVE) for _ in range(6)]
    ended = await asyncio.gather(*writes, return_exceptions=True)
    assert sorted("was not sent" in str(one) for one in ended) == [False] * 4 + [True] * 2
    assert len(aws.asked("UpdateService")) == 4


async def test_reads_that_hang_do_not_hold_up_a_write(aws: ScriptedAws, calls: AwsCalls) -> None:
    aws.faults.delay("ecs", "DescribeServices", seconds=20.0, times=100)
    reads = [
        asyncio.create_task(calls.read("ecs", "describe_services", **LOOK)) for _ in range(20)
    ]
    await calls.write("ecs", "update_service", **MOVE)
    assert not any(read.done() for read in reads)
    await asyncio.gather(*reads, return_exceptions=True)


async def test_nobody_at_the_address_means_that_nothing_was_changed() -> None:
    calls = AwsCalls("us-east-1", "http://127.0.0.1:1", timeout_s=2.0)
    with pytest.raises(Unreachable, match=r"cannot be reached.*Nothing was changed"):
        await calls.write("ecs", "update_service", **MOVE)
    await calls.close()


@pytest.mark.parametrize(
    ("profile", "endpoint_url"), [("nosuch", None), ("", "no address"), ("", "http://[::1")]
)
async def test_settings_with_which_nothing_can_be_asked_are_a_clear_no(
    monkeypatch: pytest.MonkeyPatch, profile: str, endpoint_url: str | None
) -> None:
    if profile:
        monkeypatch.setenv("AWS_PROFILE", profile)
    calls = AwsCalls("us-east-1", endpoint_url, timeout_s=2.0)
    for call in (
        calls.read("ecs", "describe_services", **LOOK),
        calls.write("ecs", "update_service", **MOVE),
    ):
        with pytest.raises(Refused, match=r"settings or credentials cannot be used for ecs:"):
            await call
    await calls.close()


async def test_without_credentials_it_says_whom_to_ask(
    aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    calls = AwsCalls("us-east-1", aws.url, timeout_s=2.0)
    with pytest.raises(Refused, match=r"has no AWS credentials.*Ask whoever runs the bot"):
        await calls.read("ecs", "describe_services", **LOOK)
    await calls.close()


async def test_a_call_the_bot_made_wrongly_does_not_show_what_it_sent(calls: AwsCalls) -> None:
    with pytest.raises(Refused, match="asked AWS wrongly for ssm:PutParameter") as refused:
        await calls.write("ssm", "put_parameter", Name="/x", Value=b"hidden")
    assert "hidden" not in str(refused.value)


async def test_pages_end_where_enough_was_read_and_say_so(
    aws: ScriptedAws, calls: AwsCalls
) -> None:
    event = {"logStreamName": "s", "timestamp": 1, "message": "m"}
    tokens = iter(range(1000))
    aws.answers(
        "logs",
        "FilterLogEvents",
        lambda _: {"events": [event] * 3, "nextToken": str(next(tokens))},
    )
    pages = await calls.read_pages("logs", "filter_log_events", "events", 7, logGroupName="/x")
    assert (len(pages.items), pages.is_complete) == (7, False)


async def test_pages_that_are_empty_and_go_on_do_not_go_on_for_ever(
    aws: ScriptedAws, calls: AwsCalls
) -> None:
    tokens = iter(range(1000))
    aws.answers(
        "logs", "FilterLogEvents", lambda _: {"events": [], "nextToken": str(next(tokens))}
    )
    pages = await calls.read_pages("logs", "filter_log_events", "events", 7, logGroupName="/x")
    assert pages.is_complete is False
    assert len(aws.asked("FilterLogEvents")) == 50


async def test_many_first_calls_at_once_share_one_client(
    aws: ScriptedAws, calls: AwsCalls
) -> None:
    await asyncio.gather(*(calls.read("ecs", "describe_services", **LOOK) for _ in range(30)))
    assert len(calls._clients) == 1


def test_the_answers_own_date_is_when_it_was_answered() -> None:
    headers = {"HTTPHeaders": {"date": "Tue, 24 Nov 2026 03:12:09 GMT"}}
    assert answered_at({"ResponseMetadata": headers}) == datetime(
        2026, 11, 24, 3, 12, 9, tzinfo=UTC
    )
