"""RB-SYNC-001 without Slack, Meta or a database: facts in, verdicts and commands out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.celery import Celery, Queue
from adapters.company_data import (
    AdsUpdated,
    CompanyData,
    FailedSyncs,
    Organizations,
    SyncOfRun,
    Tokens,
)
from adapters.company_data.facts import Failure, Organization, TokenRow, Updated
from adapters.internal_api import InternalApi, InternalHealth
from adapters.kubernetes import Kubernetes, Line, Lines
from adapters.meta import Meta, TokenState
from bot.engine.rehearsal import Rehearsal, canned, rehearse
from bot.runbook import Adapter
from bot.runbook.errors import Refused, Unreachable
from commands.rb_sync_001_manual_ad_sync import Inputs, book

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LUMEN = Organization(
    id=12, name="Lumen Learning", meta_business="1002", is_active=True, accounts=2
)
FOODS = LUMEN.model_copy(update={"id": 32, "name": "Lumen Foods"})
TOKEN = TokenRow(
    business_account=12, organization=12, organization_name=LUMEN.name, kind="system_user",
    expires_at=None, left=None, fingerprint="ab12",
)  # fmt: skip
VALID = TokenState(is_valid=True, is_ours=True, as_of=NOW)
REVOKED = TokenState(is_valid=False, why="it was revoked", as_of=NOW)
QUEUED = SyncOfRun(
    organization=12, status="queued", requested_at=NOW, finished_at=None, ads_synced=0
)
DONE = QUEUED.model_copy(update={"status": "succeeded", "ads_synced": 90})
FAILED = QUEUED.model_copy(update={"status": "failed", "error": "Meta: (#190) expired"})
ADS = (
    Updated(account="act_1", name="Brand", ads=60, updated=60),
    Updated(account="act_2", name="Retargeting", ads=30, updated=30),
)


def organizations(*found: Organization, are_more: bool = False) -> Organizations:
    return Organizations(found=found, are_more=are_more, as_of=NOW)


def updated(*accounts: Updated) -> AdsUpdated:
    return AdsUpdated(organization=12, accounts=accounts, since=NOW, as_of=NOW)


def lines(*texts: str) -> Lines:
    found = tuple(Line(at=NOW, pod="celery-worker-1", text=text) for text in texts)
    return Lines(
        deployment="celery-worker", containing="org_id=12", lines=found, count=len(found),
        unread={}, since=NOW, until=NOW,
    )  # fmt: skip


def world(**other: Any) -> list[Adapter]:
    """All is well, but for what is said."""
    well: dict[str, Any] = {
        "organizations": organizations(LUMEN),
        "tokens": Tokens(tokens=(TOKEN,), as_of=NOW),
        "now": NOW,
        "sync_of": [None, QUEUED, DONE],
        "ads_updated": updated(*ADS),
        "failed_syncs": FailedSyncs(failures=(), since=NOW, as_of=NOW),
        "token": VALID,
        "health": InternalHealth(answered_in=timedelta(milliseconds=20)),
        "queue": Queue(name="ad_sync", source="Redis", waiting=7),
        "lines": lines("org_id=12 sync 1 started", "org_id=123 sync 2 started"),
    }
    given = {**well, **other}
    systems = ((Meta, "token"), (InternalApi, "health"), (Celery, "queue"), (Kubernetes, "lines"))
    rest = {name: one for name, one in given.items() if name not in dict(systems).values()}
    others = [canned(kind, **{name: given[name]}) for kind, name in systems]
    return [canned(CompanyData, **rest), *others]


async def rehearsed(systems: list[Adapter], name: str = "Lumen", **more: Any) -> Rehearsal:
    return await rehearse(book, Inputs(organization=name), systems, **more)


async def test_a_sync_is_started_followed_and_its_ads_are_counted() -> None:
    seen = await rehearsed(world())
    assert seen.commands["trigger"] == [
        "curl -X POST /sync/organization/12 -H Idempotency-Key:runbook-7F3K-12-1795424400"
    ]
    assert seen.people == {"trigger": 1}
    assert seen.order == [
        "matches", "organization", "internal_api", "meta_token", "trigger", "progress",
        "completion",
    ]  # fmt: skip
    assert seen.says["matches"] == (
        "Lumen Learning (id 12), Meta business 1002, 2 active ad accounts"
    )
    assert seen.says["progress"] == "The sync is done: 90 ads"
    assert seen.says["completion"] == (
        "90 ads of Lumen Learning updated since 09:00:00 UTC, of every ad account that has some"
    )
    assert set(seen.statuses.values()) <= {"ok", "nothing", "given"} and seen.is_over


async def test_of_several_organizations_a_person_chooses_one() -> None:
    both = world(organizations=organizations(LUMEN, FOODS))
    seen = await rehearsed(both, answers={"organization": FOODS})
    assert "/sync/organization/32" in seen.commands["trigger"][0]


async def test_an_exact_name_needs_no_choice_and_a_namesake_does() -> None:
    both = organizations(LUMEN, FOODS)
    seen = await rehearsed(world(organizations=both), FOODS.name)
    assert "/sync/organization/32" in seen.commands["trigger"][0]
    twins = organizations(LUMEN, FOODS.model_copy(update={"name": LUMEN.name}))
    with pytest.raises(AssertionError, match="organization asks"):
        await rehearsed(world(organizations=twins), LUMEN.name)


async def test_a_name_that_nobody_has_holds_the_run_and_going_on_starts_nothing() -> None:
    nobody = world(organizations=organizations())
    seen = await rehearsed(nobody, "Lumne")
    assert seen.held_at == ["matches"] and "'Lumne'" in seen.says["matches"]
    seen = await rehearsed(nobody, "Lumne", go_on=["matches"])
    assert not seen.commands and seen.is_over


@pytest.mark.parametrize(
    ("change", "verdict"), [({"accounts": 0}, "problem"), ({"is_active": False}, "warning")]
)
async def test_an_organization_of_which_nothing_is_synced_is_not_called_well(
    change: dict[str, Any], verdict: str
) -> None:
    odd = organizations(LUMEN.model_copy(update=change))
    assert (await rehearsed(world(organizations=odd))).statuses["matches"] == verdict


async def test_a_token_that_meta_does_not_accept_holds_the_run_and_leads_to_its_refresh() -> None:
    seen = await rehearsed(world(token=REVOKED))
    assert seen.held_at == ["meta_token"] and not seen.commands
    assert "business account 12: Meta says that the token is not valid" in seen.says["meta_token"]
    assert [(hop.book, dict(hop.filled)) for hop in seen.offered] == [
        ("RB-SYNC-002", {"organization": "Lumen Learning"})
    ]


async def test_one_good_token_of_two_is_enough_to_go_on() -> None:
    two = Tokens(tokens=(TOKEN, TOKEN.model_copy(update={"business_account": 72})), as_of=NOW)
    seen = await rehearsed(world(tokens=two, token=[VALID, REVOKED]))
    assert seen.statuses["meta_token"] == "warning" and seen.commands["trigger"]
    none = Tokens(tokens=(TOKEN.model_copy(update={"fingerprint": None}),), as_of=NOW)
    assert (await rehearsed(world(tokens=none))).statuses["meta_token"] == "problem"


async def test_meta_that_cannot_be_asked_is_unknown_and_holds_the_run() -> None:
    seen = await rehearsed(world(token=Unreachable("Meta did not answer within 10 s")))
    assert seen.statuses["meta_token"] == "unknown" and seen.held_at == ["meta_token"]


async def test_an_internal_api_that_does_not_answer_is_a_problem() -> None:
    silent = InternalHealth(answered_in=None, error="The internal API did not answer")
    seen = await rehearsed(world(health=silent))
    assert seen.statuses["internal_api"] == "problem" and not seen.commands


async def test_a_sync_that_fails_says_why_and_leads_to_the_cure() -> None:
    codes = [("190", "RB-SYNC-002"), ("80004", "RB-INT-001")]
    for code, cure in codes:
        failure = Failure(
            organization=12, organization_name=LUMEN.name, code=code, times=1, last=NOW
        )
        failed = FailedSyncs(failures=(failure,), since=NOW, as_of=NOW)
        seen = await rehearsed(world(sync_of=FAILED, failed_syncs=failed))
        assert seen.statuses["progress"] == "problem" and seen.held_at == ["progress"]
        assert "The sync has failed: Meta: (#190) expired" in seen.says["progress"]
        assert [hop.book for hop in seen.offered] == [cure]


async def test_a_sync_that_nobody_takes_up_is_a_problem_that_says_how_many_jobs_wait() -> None:
    seen = await rehearsed(world(sync_of=QUEUED))
    assert seen.statuses["progress"] == "problem"
    assert seen.says["progress"] == (
        "Not within 15 min: The sync is queued: 0 of 90 ads; 7 jobs wait in ad_sync;"
        " last: org_id=12 sync 1 started"
    )


async def test_what_surrounds_a_sync_may_be_unknown() -> None:
    dark = world(
        queue=Refused("no broker is configured"), lines=Unreachable("no answer"), sync_of=QUEUED
    )
    says = (await rehearsed(dark)).says["progress"]
    assert "how many jobs wait in ad_sync is not known: no broker is configured" in says
    assert "the log of celery-worker is not known: no answer" in says


@pytest.mark.parametrize(
    ("accounts", "verdict", "says"),
    [
        ((ADS[0], ADS[1].model_copy(update={"updated": 0})), "warning", "but none of act_2"),
        ((ADS[0], ADS[1].model_copy(update={"updated": 0, "ads": 0})), "ok", "60 ads of"),
        ((ADS[0].model_copy(update={"updated": 0}),), "problem", "No ads at all"),
    ],
)
async def test_accounts_of_which_nothing_was_updated_are_named(
    accounts: tuple[Updated, ...], verdict: str, says: str
) -> None:
    seen = await rehearsed(world(ads_updated=updated(*accounts)))
    assert seen.statuses["completion"] == verdict and says in seen.says["completion"]


async def test_a_sync_that_is_not_approved_is_not_followed() -> None:
    seen = await rehearsed(world(), denied=["trigger"])
    assert "progress" not in seen.order and "completion" not in seen.order


@pytest.mark.parametrize("name", ["", "x", "x" * 121])
def test_a_name_is_neither_empty_nor_endless(name: str) -> None:
    with pytest.raises(ValidationError):
        Inputs(organization=name)
