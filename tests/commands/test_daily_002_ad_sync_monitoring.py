"""DAILY-002 without Slack, a database, Meta or a queue: facts in, verdicts and hops out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.celery import Celery, Queue, Worker, Workers
from adapters.company_data import (
    AccountSync,
    CompanyData,
    FailedSyncs,
    Failure,
    LastSyncs,
    TokenRow,
    Tokens,
)
from adapters.kubernetes import Deployment, Kubernetes, Pod, Pods
from adapters.meta import Headroom, Headrooms, Meta, TokenState, Usage
from bot.engine.rehearsal import Rehearsal, canned, rehearse
from bot.runbook import Adapter, Concern
from bot.runbook.errors import Refused, Unreachable
from commands.daily_002_ad_sync_monitoring import (
    Inputs,
    Limits,
    book,
    failed_syncs,
    last_sync,
    queue_depth,
    tokens,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NO_TOKENS = Tokens(tokens=(), as_of=NOW)
VALID = TokenState(is_valid=True, is_ours=True, as_of=NOW)
ROOM = Headroom(account="act_1", usages=(Usage(of="our app's calls", percent=28),))
WELL_QUEUE = Queue(name="ad_sync", source="Redis", waiting=3, by_priority=(3, 0, 0, 0), taken=1)
WORKS = Workers(workers=(Worker(name="w1", is_alive=True),))


def sync(organization: int, age: timedelta | None, account: int = 1) -> AccountSync:
    return AccountSync(
        organization=organization, organization_name=f"Org {organization}",
        account=f"act_{organization}{account}", name="Brand", business_account=organization,
        last_sync=None if age is None else NOW - age, age=age,
    )  # fmt: skip


def syncs(*accounts: AccountSync) -> LastSyncs:
    return LastSyncs(accounts=accounts, as_of=NOW)


def failed(*failures: Failure) -> FailedSyncs:
    return FailedSyncs(failures=failures, since=NOW - 24 * HOUR, as_of=NOW)


def token(organization: int, left: timedelta) -> TokenRow:
    return TokenRow(
        business_account=organization, organization=organization,
        organization_name=f"Org {organization}", kind="system_user", expires_at=NOW + left,
        left=left, fingerprint="f",
    )  # fmt: skip


def cluster(ready: int = 1, restarts: int = 0) -> Kubernetes:
    name = "celery-worker"
    pod = Pod(
        name=f"{name}-1", phase="Running", ready=bool(ready), restarts=restarts, age=HOUR,
        waiting="" if ready else "CrashLoopBackOff", last_line="ready",
    )  # fmt: skip
    deployment = Deployment(
        namespace="production", name=name, desired=1, updated=1, ready=ready, available=ready,
        total=1, as_of=NOW,
    )  # fmt: skip
    pods = Pods(deployment=name, pods=(pod,), as_of=NOW)
    return canned(Kubernetes, deployment=deployment, pods=pods)


FRESH = syncs(sync(12, 14 * MINUTE), sync(7, 2 * MINUTE))


def data(last: LastSyncs | Exception = FRESH, **answers: Any) -> CompanyData:
    given = {"failed_syncs": failed(), "tokens": NO_TOKENS, **answers}
    return canned(CompanyData, last_syncs=last, **given)


def world(**changed: Adapter) -> list[Adapter]:
    well: dict[str, Adapter] = {
        "data": data(),
        "celery": canned(Celery, queue=WELL_QUEUE, workers=WORKS),
        "kubernetes": cluster(),
        "meta": canned(Meta, headrooms=Headrooms(accounts=(ROOM,)), token=VALID),
    }
    return list((well | changed).values())


async def rehearsed(**changed: Adapter) -> Rehearsal:
    return await rehearse(book, Inputs(), world(**changed))


async def test_on_a_good_day_every_check_is_ok_and_leads_nowhere() -> None:
    seen = await rehearsed()
    assert set(seen.statuses.values()) == {"ok"} and seen.is_over
    assert not seen.offered and not seen.commands
    assert seen.says["last_sync"] == "All 2 ad accounts synced within 30 min"
    assert seen.says["queue_depth"] == (
        "3 jobs wait in ad_sync, 1 are taken by workers (it should be less than 100)"
    )


async def test_a_stale_organization_is_a_problem_and_leads_to_a_sync_by_hand() -> None:
    late = syncs(sync(12, 3 * HOUR), sync(12, 3 * HOUR, 2), sync(7, MINUTE))
    seen = await rehearsed(data=data(late))
    assert seen.statuses["last_sync"] == "problem"
    assert seen.says["last_sync"].startswith("2 of 3 ad accounts not synced for 30 min")
    assert [(hop.book, hop.filled) for hop in seen.offered] == [
        ("RB-SYNC-001", {"organization": "Org 12"})
    ]


async def test_what_was_never_synced_is_a_warning_of_its_own_and_named_once() -> None:
    """The tables do not tell an account without ads from one that was never synced."""
    mixed = syncs(sync(3, None), sync(12, 3 * HOUR), sync(12, None, 2))
    found = await last_sync(data(mixed), Limits())
    assert found.verdict == "problem" and found.facts == mixed
    assert found.details["concerns"] == (
        Concern("organization 12", "Org 12, act_121 synced 3 h 00 min ago, and 1 more",
                "problem"),
        Concern("organization 3", "Org 3, act_31 never synced, or without ads", "warning"),
    )  # fmt: skip
    assert found.details["table"].rows[0][3] == "never"
    only = await last_sync(data(syncs(sync(3, None), sync(7, MINUTE))), Limits())
    assert only.verdict == "warning" and not only.details["next_hops"]


async def test_the_lag_is_drawn_since_the_last_sync_with_the_limit() -> None:
    found = await last_sync(data(syncs(sync(12, 3 * HOUR), sync(9, 60 * HOUR))), Limits())
    plot = found.details["plot"]
    assert plot.limit == 30 and plot.unit == "min"
    assert plot.lines["Org 12 act_121"] == ((NOW - 3 * HOUR, 0), (NOW, 180))
    assert plot.lines["Org 9 act_91"][0] == (NOW - 24 * HOUR, 36 * 60)


async def test_without_any_account_nothing_is_called_well() -> None:
    assert (await last_sync(data(syncs()), Limits())).verdict == "unknown"


async def test_a_database_that_does_not_answer_is_unknown_all_along() -> None:
    silent = data(
        Unreachable("The database did not answer"),
        failed_syncs=Unreachable("The database did not answer"),
    )
    seen = await rehearsed(data=silent)
    told = {key: status for key, status in seen.statuses.items() if status != "ok"}
    assert told == {
        "last_sync": "unknown", "failed_syncs": "unknown", "meta_limits": "blocked",
        "tokens": "blocked",
    }  # fmt: skip


async def test_failures_are_told_by_organization_and_code_from_an_hour_of_them_on() -> None:
    def failure(organization: int, code: str, times: int) -> Failure:
        return Failure(
            organization=organization, organization_name=f"Org {organization}", code=code,
            times=times, last=NOW,
        )  # fmt: skip

    few = failed(failure(12, "190", 3), failure(7, "17", 1))
    assert (await failed_syncs(data(failed_syncs=few), Limits())).verdict == "ok"
    many = failed(failure(12, "190", 3), failure(12, "", 2), failure(7, "17", 1))
    found = await failed_syncs(data(failed_syncs=many), Limits())
    assert found.verdict == "warning"
    assert found.summary == "6 failed in 24 h, of 2 organizations, 1 of them 4 times or more"
    (told,) = found.details["concerns"]
    assert told.says == "Org 12: 3 with code 190, 2 with no code"


@pytest.mark.parametrize(
    ("queue", "verdict"),
    [
        ({"waiting": 99}, "ok"),
        ({"waiting": 100}, "problem"),
        ({"cause": "refused", "error": "nothing listens"}, "problem"),
        ({"cause": "timed out", "error": "no answer"}, "problem"),
        ({"cause": "authentication", "error": "not accepted"}, "unknown"),
        ({"cause": "no data", "error": "Flower names no such queue"}, "unknown"),
    ],
)
async def test_a_queue_is_too_long_or_broken_or_cannot_be_looked_at(
    queue: dict[str, Any], verdict: str
) -> None:
    found = Queue(name="ad_sync", source="Redis", **queue)
    assert (await queue_depth(canned(Celery, queue=found), Limits())).verdict == verdict


async def test_dead_workers_are_seen_in_flower_and_in_kubernetes() -> None:
    dead = Workers(workers=(Worker(name="w1", is_alive=False),))
    seen = await rehearsed(
        celery=canned(Celery, queue=WELL_QUEUE, workers=dead), kubernetes=cluster(ready=0)
    )
    assert (seen.statuses["flower"], seen.statuses["worker_pods"]) == ("problem", "problem")
    assert "CrashLoopBackOff" in seen.says["worker_pods"]
    nobody = canned(Celery, queue=WELL_QUEUE, workers=Workers(workers=()))
    assert (await rehearsed(celery=nobody)).statuses["flower"] == "unknown"
    assert (await rehearsed(kubernetes=cluster(restarts=9))).statuses["worker_pods"] == "warning"
    gone = Deployment(namespace="production", name="celery-worker", exists=False, as_of=NOW)
    missing = await rehearsed(kubernetes=canned(Kubernetes, deployment=gone))
    assert missing.statuses["worker_pods"] == "problem"


@pytest.mark.parametrize(
    ("rooms", "verdict", "hops"),
    [
        ({"accounts": (ROOM.model_copy(update={"limited": "limited", "code": 80004}),)},
         "problem", ["RB-INT-001"]),
        ({"accounts": (Headroom(account="act_1", usages=(Usage(of="calls", percent=80),)),)},
         "warning", ["RB-INT-001"]),
        ({"accounts": (ROOM,), "unread": ("act_2: no token",)}, "ok", []),
        ({"accounts": (Headroom(account="act_1"),)}, "ok", []),
        ({"unread": ("act_2: no token",)}, "unknown", []),
    ],
)  # fmt: skip
async def test_room_at_meta_is_that_of_the_account_with_the_least(
    rooms: dict[str, Any], verdict: str, hops: list[str]
) -> None:
    seen = await rehearsed(meta=canned(Meta, headrooms=Headrooms(**rooms), token=VALID))
    assert seen.statuses["meta_limits"] == verdict
    assert [hop.book for hop in seen.offered] == hops


async def test_tokens_that_end_are_a_warning_and_expired_ones_a_problem_that_leads_on() -> None:
    ending = Tokens(tokens=(token(9, -HOUR), token(7, 48 * HOUR)), as_of=NOW)
    seen = await rehearsed(data=data(tokens=ending))
    assert seen.statuses["tokens"] == "problem"
    assert seen.says["tokens"] == "Tokens: 1 expired, 1 end within 7 days"
    assert [(hop.book, hop.filled) for hop in seen.offered] == [
        ("RB-SYNC-002", {"organization": "Org 9"})
    ]
    soon = data(tokens=Tokens(tokens=(token(7, 48 * HOUR),), as_of=NOW))
    seen = await rehearsed(data=soon)
    assert (seen.statuses["tokens"], seen.offered) == ("warning", [])


async def test_of_a_stale_account_meta_is_asked_whether_its_token_was_revoked() -> None:
    late = syncs(sync(12, 3 * HOUR), sync(7, MINUTE))
    revoked = TokenState(is_valid=False, is_ours=True, why="changed password", as_of=NOW)
    found = await tokens(late, data(), canned(Meta, token=revoked), Limits())
    assert found.verdict == "problem"
    (told,) = found.details["concerns"]
    assert told.name == "organization 12" and "changed password" in told.says
    assert [hop.book for hop in found.details["next_hops"]] == ["RB-SYNC-002"]
    silent = canned(Meta, token=Refused("meta.app_token is not set"))
    assert (await tokens(late, data(), silent, Limits())).verdict == "unknown"
    assert (await tokens(FRESH, data(), silent, Limits())).verdict == "ok"
