"""Error lines of services: bounded, newest first, without what must not be shown."""

from datetime import timedelta
from typing import Any

import pytest

from adapters.aws_calls import AwsCalls
from adapters.logs import Logs
from bot.runbook.errors import Refused
from sandbox.aws.world import AwsWorld
from tests.adapters.scripted_aws import ScriptedAws

pytestmark = pytest.mark.slow

CORE = "complyai-core"


def event(message: str, at: int = 1795489920000) -> dict[str, Any]:
    return {"logStreamName": "app/app/0a1b", "timestamp": at, "message": message}


async def shown(scripted: ScriptedAws, calls: AwsCalls, message: str) -> str:
    scripted.answers("logs", "FilterLogEvents", {"events": [event(message)]})
    (line,) = (await Logs(calls).errors(CORE)).lines
    return line.text


async def test_the_newest_error_lines_of_a_broken_service_are_found(
    calls: AwsCalls, world: AwsWorld
) -> None:
    world.deploy_bad(CORE, ago=timedelta(minutes=10))
    errors = await Logs(calls).errors(CORE, newest=5)
    assert len(errors.lines) == 5 < errors.count
    assert [line.at for line in errors.lines] == sorted(
        (line.at for line in errors.lines), reverse=True
    )
    assert errors.group == "/ecs/complyai-core"


async def test_a_log_group_that_is_not_there_is_not_a_log_without_errors(
    calls: AwsCalls,
) -> None:
    with pytest.raises(Refused, match="no log group /ecs/complyai-cor, so errors cannot"):
        await Logs(calls).errors("complyai-cor")


@pytest.mark.parametrize(
    ("line", "safe"),
    [
        (
            "ERROR Authorization: Bearer eyJhbGci.x.y refused",
            "ERROR Authorization: Bearer [secret]",
        ),
        ("error password=hunter2 for app", "error password=[secret] for app"),
        ('{"level":"error","api_key":"abc123"}', '{"level":"error","api_key":"[secret]"}'),
        (
            "Error postgresql://app:hunter2@db/prod timed out",
            "Error postgresql://app:[secret]@db/prod",
        ),
        ("error with sk_live_51Habc", "error with [secret]"),
    ],
)
async def test_what_looks_like_a_credential_is_left_out(
    scripted: ScriptedAws, scripted_calls: AwsCalls, line: str, safe: str
) -> None:
    assert (await shown(scripted, scripted_calls, line)).startswith(safe)


async def test_a_long_line_is_cut(scripted: ScriptedAws, scripted_calls: AwsCalls) -> None:
    text = await shown(scripted, scripted_calls, "ERROR " + "x" * 5000)
    assert (len(text), text[-1]) == (300, "…")


async def test_a_log_too_long_to_read_says_so_and_still_shows_its_end(
    scripted: ScriptedAws, scripted_calls: AwsCalls
) -> None:
    def answer(params: dict[str, Any]) -> dict[str, Any]:
        if params["endTime"] - params["startTime"] == 60_000:
            return {"events": [event("ERROR the newest")]}
        return {"events": [event("ERROR old", at=1)] * 1001}

    scripted.answers("logs", "FilterLogEvents", answer)
    errors = await Logs(scripted_calls).errors(CORE)
    assert (errors.count, errors.is_count_complete) == (1000, False)
    assert errors.lines[0].text == "ERROR the newest"
