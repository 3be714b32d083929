"""RB-DEPLOY-002: both runbooks that it holds, in their order, and the flag last of all."""

from typing import Any

import pytest

from adapters.cloudwatch import CloudWatch
from adapters.complyai import ComplyAi
from adapters.ecs import Ecs, RestartService, Service, Services
from adapters.migrations import Migrations
from adapters.parameters import Parameter, Parameters, SetParameter
from bot.engine.rehearsal import RUN, Rehearsal, canned, rehearse
from bot.runbook import Adapter, Company, Done, Nothing
from bot.runbook.durations import seconds
from commands.rb_deploy_002_migration_deployment import (
    Inputs,
    Limits,
    OnSchema,
    book,
    disable,
    enable,
    flag,
    monitor,
)
from tests.commands import test_rb_db_001_schema_migration as migration
from tests.commands import test_rb_deploy_001_standard_deployment as deployment

FLAG = "/complyai/flags/reviews"
INPUTS = Inputs(service="complyai-api", version="1.8.0", revision="a004", flag="reviews")
RUNS = Services(
    services=(
        Service(
            cluster="production",
            name="complyai-api",
            task_definition="api:42",
            deployment_id="ecs-svc/9",
        ),
    ),
    as_of=migration.AT,
)
WELL = deployment.healths(*["1.8.0"] * 10)
SLOWER = migration.WELL.model_copy(update={"p95": seconds(0.9)})


def world(value: Any = "off", **other: Any) -> list[Adapter]:
    """`value`: the flag's, or one look after the other."""
    answers = {"answers": other.pop("answers")} if "answers" in other else {}
    ecr, _, complyai, _, slack = deployment.world(**answers)
    of_ecs = {
        "registered": deployment.registered(),
        "newest_rollout": deployment.rolling(),
        "rollout": deployment.rolling(),
        "services": RUNS,
    }
    values = value if isinstance(value, list) else [value]
    told = migration.systems(**other)
    return [
        ecr,
        complyai,
        slack,
        *told,
        canned(Ecs, **of_ecs),
        canned(Parameters, get=[Parameter(name=FLAG, value=one) for one in values]),
    ]


async def enabled(stands: str = "a004", answers: Any = WELL, value: str | None = "off") -> Any:
    return await enable(
        RUN,
        INPUTS,
        Limits(),
        Parameter(name=FLAG, value=value),
        OnSchema(stands="a003", answers=WELL),
        canned(Migrations, standing=migration.at(stands)),
        canned(ComplyAi, answers=answers),
        canned(Ecs, services=RUNS),
    )


async def monitored(response: Any) -> Any:
    enabled = Done[SetParameter | RestartService](changes=(), at=migration.AT)
    return await monitor(INPUTS, Limits(), enabled, canned(CloudWatch, response=response))


async def test_it_is_deployed_migrated_and_then_the_flag_is_on() -> None:
    stands = [migration.at(one) for one in ("a003", "a003", "a004", "a004")]
    seen: Rehearsal = await rehearse(
        book,
        INPUTS,
        world(standing=stands),
        answers={"deploy.merged": True, "migration.tested_in_staging": True},
        go_on=deployment.GO_ON,
    )
    order = ("flag", "deploy.new_version", "works_with_old_schema", "migration.migrate", "enable")
    assert [one for one in seen.order if one in order] == list(order)
    assert seen.people["migration.migrate"] == 2
    assert seen.commands["enable"][0] == (
        f"aws ssm put-parameter --overwrite --name {FLAG} --value on"
    )
    assert "--force-new-deployment" in seen.commands["enable"][1]
    assert seen.is_over


@pytest.mark.parametrize("value", ["on", None])
async def test_a_flag_that_is_on_or_not_there_holds_the_run(value: str | None) -> None:
    seen = await rehearse(book, INPUTS, world(value))
    assert seen.held_at == ["flag"]


async def test_without_a_flag_nothing_is_switched() -> None:
    none = INPUTS.model_copy(update={"flag": None})
    assert isinstance(await flag(none, Company(), canned(Parameters)), Nothing)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"stands": "a003"}, "still at a003: the flag stays off"),
        ({"answers": deployment.healths("1.8.0", is_healthy=False)}, "the flag stays off"),
        ({"value": "on"}, "is on"),
    ],
)
async def test_the_flag_stays_off_unless_all_of_it_is_well(how: dict[str, Any], says: str) -> None:
    planned = await enabled(**how)
    assert isinstance(planned, Nothing) and says in planned.reason


async def test_the_flag_is_set_back_and_the_schema_stays() -> None:
    planned = await disable(
        INPUTS,
        Company(),
        canned(Parameters, get=Parameter(name=FLAG, value="on")),
        canned(Ecs, services=RUNS),
    )
    assert not isinstance(planned, Nothing)
    assert [type(one).__name__ for one in planned.changes] == ["SetParameter", "RestartService"]
    assert planned.changes[0].command().endswith("--value off")


@pytest.mark.parametrize(
    ("after", "verdict", "says"),
    [
        (WELL, "ok", "All 10 answers say 1.8.0 and are healthy with the schema at a004"),
        (
            deployment.healths("1.8.0", is_healthy=False),
            "problem",
            "Not healthy with the schema at a004",
        ),
        (
            deployment.healths(*["1.8.0"] * 7, *["1.7.9"] * 3),
            "problem",
            "7 of 10 answers say 1.8.0",
        ),
    ],
)
async def test_what_gets_worse_with_the_flag_is_set_back_and_that_is_proved(
    after: Any, verdict: str, says: str
) -> None:
    worse = await monitored(SLOWER)
    assert worse.verdict == "problem"
    assert worse.summary.startswith("Worse than before") and worse.summary.endswith("flag back")
    stands = [migration.at(one) for one in ("a003", "a003", "a004")]
    seen: Rehearsal = await rehearse(
        book,
        INPUTS,
        world(["off", "on"], standing=stands, answers=[*[WELL] * 3, after]),
        found={"monitor": worse},
        answers={"deploy.merged": True, "migration.tested_in_staging": True},
        go_on=("monitor",),
        picks=("disable",),
    )
    assert seen.commands["disable"][0].endswith(f"--name {FLAG} --value off")
    assert "--force-new-deployment" in seen.commands["disable"][1]
    assert seen.order[-2:] == ["disable", "back"]
    assert seen.statuses["back"] == verdict and says in seen.says["back"]
