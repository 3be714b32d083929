"""RB-DEPLOY-001 without Slack or AWS: facts in, verdicts and commands out."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.cloudwatch import CloudWatch, NoRequests, Response
from adapters.complyai import ComplyAi, Health, Healths
from adapters.ecr import Ecr, Image
from adapters.ecs import Deployment, Deployments, Ecs, Registered, RollingDeployment
from adapters.slack import Posts, Slack
from bot.engine.rehearsal import Rehearsal, canned, rehearse
from bot.runbook import Adapter
from bot.runbook.durations import hours, minutes
from bot.runbook.errors import Unreachable
from commands.rb_deploy_001_standard_deployment import Inputs, book

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
INPUTS = Inputs(service="complyai-api", version="1.8.0")
BUILT = Image(
    service="complyai-api",
    version="1.8.0",
    digest="sha256:0a1b2c3d4e5f",
    age=minutes(8),
    critical_findings=0,
)
STEPS = ["merged", "image", "registered", "roll_out", "began", "deployment", "new_version"]
WATCHED = ["response", "user_reports"]
ROLLS_BACK = (
    "aws ecs update-service --cluster production --service complyai-api --task-definition api:41"
)
GO_ON = ("response", "user_reports", "deployment", "new_version")


def registered(task_definition: str | None = "api:42", runs: str = "api:42") -> Registered:
    return Registered(
        cluster="production",
        service="complyai-api",
        version="1.8.0",
        task_definition=task_definition,
        runs=runs,
        deployment_id="ecs-svc/1",
    )


def rolling(running: int = 2, rollout: str = "completed", **more: object) -> RollingDeployment:
    told = {"rollout": rollout, "running": running, "arn": "arn-42", "started_at": NOW, **more}
    return RollingDeployment.model_validate(
        {
            "cluster": "production",
            "service": "complyai-api",
            "task_definition": "api:42",
            "desired": 2,
            "as_of": NOW,
            **told,
        }
    )


def healths(*versions: str, is_healthy: bool = True) -> Healths:
    return Healths(
        services=tuple(
            Health(service="complyai-api", is_healthy=is_healthy, version=one, says="failing")
            for one in versions
        )
    )


def answers(errors: float = 0.2, before: float | None = 0.3, ms: int = 90) -> Response:
    return Response(
        service="complyai-api",
        errors_per_min=errors,
        errors_before=before,
        p95=timedelta(milliseconds=ms),
        p95_before=None if before is None else timedelta(milliseconds=80),
        as_of=NOW,
    )


def posts(by_people: int = 0) -> Posts:
    return Posts(channel="support", alerts=(), by_people=by_people, is_complete=True, since=NOW)


def deployments(**more: object) -> Deployments:
    newest = {
        "cluster": "production",
        "service": "complyai-api",
        "task_definition": "api:42",
        "image": "complyai-api:1.8.0",
        "started_at": NOW,
        "age": hours(1),
        "deployed_by": "ci",
        "rollout": "completed",
        "is_current": True,
        "circuit_breaker": True,
        "last_good": "api:41",
        "last_good_image": "complyai-api:1.7.9",
        **more,
    }
    return Deployments(newest=(Deployment.model_validate(newest),), as_of=NOW)


def world(**changed: object) -> list[Adapter]:
    """The pipeline has deployed 1.8.0, and all is well, but for what is `changed`."""
    told = {
        "image": BUILT,
        "newest": ("1.7.9", "1.7.8"),
        "registered": registered(),
        "newest_rollout": rolling(),
        "rollout": rolling(),
        "deployments": deployments(),
        "answers": healths(*["1.8.0"] * 10),
        "healths": healths("1.7.9"),
        "response": answers(),
        "posts": posts(),
        **changed,
    }
    systems = ((Ecr, 2), (Ecs, 4), (ComplyAi, 2), (CloudWatch, 1), (Slack, 1))
    left, made = list(told.items()), list[Adapter]()
    for system, count in systems:
        made.append(canned(system, **dict(left[:count])))
        left = left[count:]
    return made


async def rehearsed(picks: tuple[str, ...] = (), **changed: object) -> Rehearsal:
    return await rehearse(
        book, INPUTS, world(**changed), answers={"merged": True}, picks=picks, go_on=GO_ON
    )


async def test_what_the_pipeline_deploys_is_followed_verified_and_watched() -> None:
    seen = await rehearsed()
    assert seen.order == [*STEPS, *WATCHED]
    assert {seen.statuses[key] for key in (*STEPS[4:], *WATCHED)} == {"ok"}
    assert seen.commands == {} and seen.suggested == []
    assert seen.statuses["roll_out"] == "nothing"
    assert seen.is_over


async def test_what_the_pipeline_has_not_begun_is_rolled_out_with_one_approval() -> None:
    seen = await rehearsed(registered=registered(runs="api:41"))
    assert seen.commands["roll_out"] == [ROLLS_BACK.replace("api:41", "api:42")]
    assert seen.people == {"roll_out": 1}
    assert seen.order == [*STEPS, *WATCHED]


async def test_an_image_that_is_not_there_stops_it_and_names_those_that_are() -> None:
    seen = await rehearsed(image=BUILT.model_copy(update={"digest": None}))
    assert seen.held_at == ["image"]
    assert "1.7.9, 1.7.8" in seen.says["image"]


@pytest.mark.parametrize(
    ("found", "says"),
    [(3, "3 critical findings"), (None, "It was not scanned")],
)
async def test_what_its_scan_found_is_said_and_what_was_not_scanned_is_not_clean(
    found: int | None, says: str
) -> None:
    seen = await rehearsed(image=BUILT.model_copy(update={"critical_findings": found}))
    assert seen.statuses["image"] == "warning"
    assert seen.says["image"].startswith(says)


async def test_an_image_that_is_not_registered_stops_it() -> None:
    seen = await rehearsed(registered=registered(None))
    assert seen.held_at == ["registered"]


async def test_a_service_that_is_gone_leads_to_its_recovery() -> None:
    gone = registered(None, runs="")
    seen = await rehearsed(registered=gone)
    (hop,) = seen.offered
    assert (hop.book, hop.filled) == ("RB-REC-002", {"service": "complyai-api"})


async def test_a_version_that_ecs_has_taken_back_already_is_not_rolled_out_unasked() -> None:
    seen = await rehearsed(
        registered=registered(runs="api:41"), newest_rollout=rolling(0, "rolled back")
    )
    assert seen.held_at == ["registered"]


async def test_a_deployment_that_its_circuit_breaker_reverses_says_so() -> None:
    reversed_ = rolling(0, "rolling back", reason="Threshold was exceeded.", failed=3, trips_at=3)
    seen = await rehearsed(rollout=[rolling(1, "in progress"), reversed_])
    assert seen.says["deployment"] == (
        "ECS rolls it back by itself. Threshold was exceeded. 0 of 2 tasks of api:42 run;"
        " 3 failed, 3 trip the circuit breaker"
    )


async def test_tasks_that_fail_without_a_circuit_breaker_end_the_wait_and_suggest_a_rollback() -> (
    None
):
    crash = "app exited with 1 (3 x)"
    failing = rolling(0, "in progress", failed=3, stopped_because=(crash,))
    seen = await rehearsed(("roll_back",), rollout=failing)
    assert seen.says["deployment"] == (
        f"0 of 2 tasks of api:42 run; 3 failed ({crash}). No circuit breaker is on: ECS would go"
        " on trying for ever"
    )
    assert seen.commands["roll_back"] == [ROLLS_BACK]


async def test_what_ecs_rolls_back_by_itself_is_not_rolled_back_a_second_time() -> None:
    seen = await rehearsed(
        ("roll_back",),
        rollout=rolling(0, "rolling back"),
        deployments=deployments(
            task_definition="api:41", rolling_back_by_itself=True, last_good="api:40"
        ),
    )
    assert seen.statuses["roll_back"] == "nothing"
    assert seen.says["roll_back"] == "ECS rolls back to api:41 by itself: wait for it"


async def test_what_is_no_longer_what_this_run_deployed_is_not_rolled_back() -> None:
    seen = await rehearsed(
        ("roll_back",),
        rollout=rolling(replaced_by="api:43"),
        deployments=deployments(task_definition="api:43"),
    )
    assert "A deployment of api:43 has taken its place" in seen.says["deployment"]
    assert seen.statuses["roll_back"] == "nothing"
    assert "is meant to run api:43 by now and not api:42" in seen.says["roll_back"]


async def test_a_mixed_fleet_shows_as_a_share() -> None:
    seen = await rehearsed(answers=healths(*["1.8.0"] * 7, *["1.7.9"] * 3))
    assert seen.says["new_version"] == "7 of 10 answers say 1.8.0: 7 say 1.8.0, 3 say 1.7.9"


async def test_answers_without_a_version_prove_nothing() -> None:
    assert (await rehearsed(answers=healths("", ""))).statuses["new_version"] == "unknown"


@pytest.mark.parametrize("worse", [answers(errors=9.0), answers(ms=300)])
async def test_a_breach_suggests_a_rollback_which_is_proved(worse: Response) -> None:
    seen = await rehearsed(("roll_back",), response=worse, newest_rollout=rolling())
    assert seen.says["response"].startswith("Worse than before")
    assert seen.commands["roll_back"] == [ROLLS_BACK]
    assert seen.people == {"roll_back": 1}
    assert seen.order[-3:] == ["previous", "roll_back", "back"]
    assert seen.statuses["back"] == "ok"


async def test_a_service_that_gets_no_requests_is_not_said_to_be_well() -> None:
    seen = await rehearsed(response=NoRequests("The load balancer has counted no request"))
    assert seen.statuses["response"] == "problem"


async def test_response_times_that_cannot_be_read_are_unknown_and_hold_the_run() -> None:
    seen = await rehearse(
        book,
        INPUTS,
        world(response=Unreachable("CloudWatch did not answer")),
        answers={"merged": True},
    )
    assert (seen.statuses["response"], seen.held_at) == ("unknown", ["response"])


async def test_messages_of_the_support_channel_are_for_a_person_to_read() -> None:
    seen = await rehearsed(posts=posts(by_people=3))
    assert seen.statuses["user_reports"] == "warning"
    assert seen.says["user_reports"].startswith("3 messages in #support since 09:00 UTC")


async def test_without_a_version_that_ran_well_there_is_nothing_to_roll_back_to() -> None:
    none = deployments(last_good=None, no_last_good_because="api:41 is INACTIVE")
    seen = await rehearsed(("roll_back",), response=answers(errors=9.0), deployments=none)
    assert seen.statuses["roll_back"] == "nothing"
    assert "api:41 is INACTIVE" in seen.says["roll_back"]


async def test_a_rollback_that_the_pipeline_overtakes_is_said_to_be_replaced() -> None:
    seen = await rehearsed(
        ("roll_back",),
        response=answers(errors=9.0),
        newest_rollout=[rolling(), rolling(replaced_by="api:43")],
    )
    assert seen.statuses["back"] == "problem"
    assert "A deployment of api:43 has taken its place" in seen.says["back"]
