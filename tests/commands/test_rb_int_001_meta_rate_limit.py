"""RB-INT-001 without Slack, Meta or AWS: facts in, verdicts and commands out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.company_data import CompanyData, LastSyncs, Requests
from adapters.company_data.facts import AccountSync, Caller, Hour
from adapters.meta import AdAccount, Headroom, Meta
from adapters.meta.usage import Usage
from adapters.parameters import Parameter, Parameters, SetParameter
from bot.engine.rehearsal import RUN, Rehearsal, canned, rehearse
from bot.runbook import Adapter, Company, Done, Found, Nothing, Plan
from bot.runbook.errors import Refused, Unreachable
from commands.rb_int_001_meta_rate_limit import (
    First,
    Inputs,
    Limits,
    backoff_ticket,
    batch_ticket,
    book,
    cache_ticket,
    rate_limit,
    returned,
    sync_less,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BUSINESS = "ads_management of business 1002"
LIMITED = Headroom(
    account="act_1", limited="too many calls of ads management were made", code=80004,
    usages=(Usage(of=BUSINESS, percent=138, regain=timedelta(minutes=23)),),
)  # fmt: skip
FREE = Headroom(account="act_1", usages=(Usage(of=BUSINESS, percent=28),))
SILENT = Headroom(account="act_1")
BACKOFF = Parameter(name="/complyai/meta/backoff", value="off")


def synced(organization: int, name: str = "Lumen") -> AccountSync:
    return AccountSync(
        organization=organization, organization_name=name, account=f"act_{organization}",
        name="Brand", business_account=organization, last_sync=NOW, age=timedelta(minutes=3),
    )  # fmt: skip


def calls(limited: int = 0, *callers: int) -> Requests:
    hour = Hour(begins=NOW, requests=1200, limited=limited, failed=0)
    most = tuple(
        Caller(organization=one, organization_name="Lumen", endpoint="/act/ads", requests=90)
        for one in callers
    )
    return Requests(vendor="meta", hours=(hour,), callers=most, as_of=NOW)


def world(
    headroom: Any = FREE, parameter: Any = BACKOFF, requests: Requests | None = None
) -> list[Adapter]:
    return [
        canned(
            CompanyData,
            requests=requests or calls(),
            last_syncs=LastSyncs(accounts=(synced(1),), as_of=NOW),
            now=NOW,
        ),
        canned(Meta, headroom=headroom),
        canned(Parameters, get=parameter),
    ]


async def rehearsed(systems: list[Adapter], *picks: str, **more: Any) -> Rehearsal:
    return await rehearse(book, Inputs(), systems, picks=picks, **more)


async def test_a_limit_suggests_three_ways_and_is_waited_for_and_what_was_changed_set_back() -> (
    None
):
    on = Parameter(name=BACKOFF.name, value="on")
    back = [BACKOFF, on, on, BACKOFF]
    systems = world([LIMITED, LIMITED, LIMITED, FREE], back)
    seen = await rehearsed(systems, "back_off")
    assert seen.suggested == ["back_off", "sync_less", "prioritize"]
    assert seen.says["rate_limit"].startswith(
        "Meta limits us. act_1: too many calls of ads management were made;"
        " 23 min until calls are let through"
    )
    assert seen.commands["back_off"] == [
        "aws ssm put-parameter --overwrite --name /complyai/meta/backoff --value on"
    ]
    assert seen.people == {"back_off": 1}
    assert seen.statuses["regained"] == "ok"
    assert seen.says["regained"] == "Meta lets calls of 1 ad accounts through"
    assert seen.says["returned"] == "Set back: /complyai/meta/backoff"
    assert seen.commands["back_off.undo"] == [
        "aws ssm put-parameter --overwrite --name /complyai/meta/backoff --value off"
    ]
    assert seen.is_over


async def test_when_meta_limits_nobody_nothing_is_suggested() -> None:
    seen = await rehearsed(world())
    assert (seen.statuses["rate_limit"], seen.suggested) == ("ok", [])
    assert seen.says["rate_limit"] == (f"Calls are let through. act_1: 28 % of {BUSINESS} is used")
    assert seen.statuses["returned"] == "nothing"


@pytest.mark.parametrize(
    ("headroom", "verdict"),
    [
        (LIMITED, "problem"),
        (FREE.model_copy(update={"usages": (Usage(of=BUSINESS, percent=80),)}), "warning"),
        (SILENT, "ok"),
        (SILENT.model_copy(update={"unread": ("x-app-usage",)}), "unknown"),
        (Unreachable("Meta did not answer within 10 s"), "unknown"),
        (Refused("The token has expired"), "unknown"),
    ],
)
async def test_how_it_stands(headroom: Any, verdict: str) -> None:
    assert (await rehearsed(world(headroom))).statuses["rate_limit"] == verdict


async def test_those_who_call_the_most_are_asked_about_one_account_each_and_no_more() -> None:
    accounts = (*(synced(one) for one in range(1, 10)), synced(9))
    company = canned(
        CompanyData,
        requests=calls(3, 8, 77, 9),
        last_syncs=LastSyncs(accounts=accounts, as_of=NOW),
    )
    asked: list[str] = []

    class Listening(Meta):
        def __init__(self) -> None:
            return

        async def headroom(self, account: AdAccount) -> Headroom:
            asked.append(account.account)
            if account.account == "act_8":
                raise Refused("The token has expired")
            return FREE.model_copy(update={"account": account.account})

    found = await rate_limit(company, Listening(), Limits(accounts=4))
    assert asked == ["act_8", "act_9", "act_1", "act_2"]
    assert found.verdict == "warning" and "act_8: The token has expired" in found.summary


async def test_refused_calls_of_ours_are_a_warning_with_who_made_the_most() -> None:
    seen = await rehearsed(world(requests=calls(40, 1)))
    assert seen.statuses["request_log"] == "warning"
    assert seen.says["request_log"] == (
        "1,200 calls of Meta in 24 h, 40 refused as too many; most by Lumen to /act/ads (90)"
    )


async def test_a_limit_that_does_not_pass_is_a_problem() -> None:
    seen = await rehearsed(world(LIMITED))
    assert seen.held_at == ["regained"]
    assert seen.says["regained"] == "Not within 2 h 00 min: Meta still limits act_1, for 23 min"


@pytest.mark.parametrize(
    ("value", "planned"),
    [("15", "60"), ("60", "120"), ("120", None), ("often", None), ("-3", None), (None, None)],
)
async def test_syncs_become_rarer_within_bounds(value: str | None, planned: str | None) -> None:
    there = canned(Parameters, get=Parameter(name="/interval", value=value))
    answer = await sync_less(Inputs(), None, Company(), there, Limits())
    if planned is None:
        assert isinstance(answer, Nothing)
    else:
        assert isinstance(answer, Plan) and [one.value for one in answer.changes] == [planned]


async def test_organizations_are_put_first_by_ids_that_exist() -> None:
    none = Parameter(name="/first", value="none")
    seen = await rehearsed(
        world(LIMITED, none), "prioritize", answers={"first": First(organizations=(1,))}
    )
    assert seen.commands["prioritize"] == [
        "aws ssm put-parameter --overwrite --name /first --value 1"
    ]
    seen = await rehearsed(
        world(LIMITED, none), "prioritize", answers={"first": First(organizations=(1, 99))}
    )
    assert seen.says["prioritize"].startswith("No active organization has the id 99")
    assert "prioritize" not in seen.commands


async def test_a_parameter_that_does_not_exist_is_never_made() -> None:
    seen = await rehearsed(world(LIMITED, Parameter(name="/x", value=None)), "back_off")
    assert seen.says["back_off"] == "There is no parameter /x"


@pytest.mark.parametrize(
    ("now", "minutes", "verdict"),
    [
        ("off", 0, "ok"),
        ("on", 0, "not yet"),
        ("on", 64, "not yet"),
        ("on", 66, "problem"),
        ("x", 66, "problem"),
        ("off", 66, "ok"),
    ],
)
async def test_what_was_changed_is_seen_set_back_or_said_to_be_late(
    now: str, minutes: int, verdict: str
) -> None:
    done = Done((SetParameter(name="/x", value="on", replacing="off"),), NOW)
    there = canned(Parameters, get=Parameter(name="/x", value=now))
    clock = canned(CompanyData, now=NOW + timedelta(minutes=minutes))
    found = await returned(Inputs(back_after_minutes=60), done, None, None, clock, there)
    assert not isinstance(found, Nothing)
    assert (found.verdict if isinstance(found, Found) else "not yet") == verdict
    if verdict == "not yet":
        assert found.summary.endswith("That happens by itself by 10:00 UTC")


async def test_every_change_goes_back_after_the_time_that_was_chosen() -> None:
    inputs = Inputs(back_after_minutes=90)
    there = canned(Parameters, get=Parameter(name="/interval", value="15"))
    planned = await sync_less(inputs, None, Company(), there, Limits())
    assert isinstance(planned, Plan) and planned.back_after == timedelta(minutes=90)


def test_each_way_of_prevention_is_a_ticket_of_its_own() -> None:
    plans = [make(RUN) for make in (backoff_ticket, batch_ticket, cache_ticket)]
    tickets = [one for planned in plans for one in planned.changes]
    assert [one.number for one in tickets] == [1, 2, 3]
    assert [one.title for one in tickets] == [
        "Meta: implement exponential backoff",
        "Meta: use batch endpoints where possible",
        "Meta: cache responses where appropriate",
    ]


async def test_nothing_is_changed_that_was_not_approved_and_nothing_is_to_be_set_back() -> None:
    seen = await rehearsed(world([LIMITED, FREE]), "back_off", denied=["back_off"])
    assert seen.statuses["returned"] == "nothing" and seen.is_over


@pytest.mark.parametrize("minutes", [0, 14, 1441])
def test_the_time_until_it_is_set_back_has_bounds(minutes: int) -> None:
    with pytest.raises(ValidationError):
        Inputs(back_after_minutes=minutes)
