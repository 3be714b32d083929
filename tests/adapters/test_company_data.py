"""The company's tables, asked of a real PostgreSQL with believable data in it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from adapters.company_data import CompanyData
from bot.runbook.errors import Refused, Unreachable
from bot.secrets.vault import NotAccepted
from sandbox.postgres import Database
from sandbox.postgres.data import ENCRYPTION_KEY
from tests.adapters.databases import PASSWORD, peer, says
from tests.adapters.test_postgres_strangers import NO_TLS
from tests.credentials import Changing, given

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
ORGANIZATIONS = 90
STALE = timedelta(minutes=30)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database() -> AsyncIterator[Database]:
    async with Database(ORGANIZATIONS, with_replica=False) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def admin(database: Database) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database.admin_dsn)
    yield connection
    await connection.close()


@pytest.fixture
def data(database: Database) -> CompanyData:
    return CompanyData(given(database.dsn), given(ENCRYPTION_KEY), None, 5.0)


# Organizations.


async def test_organizations_are_found_by_a_part_of_their_name_with_their_ids(
    data: CompanyData,
) -> None:
    found = await data.organizations("amber bakery")
    assert [one.name for one in found.found] == ["Amber Bakery", "Amber Bakery"]
    assert [one.id for one in found.found] == [1, 90]  # Namesakes stay two.
    assert not found.are_more and found.as_of.tzinfo is not None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("100%", ["100% Pure Skincare"]),
        ("%", ["100% Pure Skincare"]),
        ("_", []),
        ("o'brien", ["O'Brien & Sons"]),
        ("\\", []),
        ("'; DROP TABLE organizations; --", []),
    ],
)
async def test_nothing_in_a_name_is_special(
    data: CompanyData, text: str, names: list[str]
) -> None:
    assert [one.name for one in (await data.organizations(text)).found] == names


async def test_too_many_matches_are_said_to_be_more(data: CompanyData) -> None:
    found = await data.organizations("")
    assert len(found.found) == 25 and found.are_more


# Syncs.


async def test_accounts_that_were_never_synced_stand_first_and_none_is_left_out(
    data: CompanyData, admin: Any
) -> None:
    found = await data.last_syncs()
    active = await admin.fetchval(
        "SELECT count(*) FROM org_ad_accounts a JOIN organizations o ON o.id = organization_id"
        " WHERE a.is_active AND o.is_active"
    )
    assert len(found.accounts) == active
    never = [one for one in found.accounts if one.last_sync is None]
    assert never and found.accounts[: len(never)] == tuple(never)
    ages = [one.age for one in found.accounts[len(never) :] if one.age]
    assert ages == sorted(ages, reverse=True)
    stale = {one.account for one in found.stale(STALE)}
    assert {one.account for one in never} < stale
    assert any(one.age and one.age > timedelta(hours=4) for one in found.accounts)


async def test_an_organization_without_an_ad_account_is_named(
    data: CompanyData, admin: Any
) -> None:
    await admin.execute("UPDATE org_ad_accounts SET is_active = false WHERE organization_id = 21")
    found = await data.last_syncs(21)
    assert found.accounts == () and found.organizations_without == ("Amber Fitness",)


async def test_one_dead_account_is_not_hidden_behind_the_others(
    data: CompanyData, admin: Any
) -> None:
    await admin.execute(
        "UPDATE org_ads SET last_sync = now() - interval '3 hours' WHERE org_ad_account_id = 22"
    )
    found = await data.last_syncs(22)
    assert len(found.accounts) > 1
    (stale,) = [one for one in found.stale(STALE) if one.last_sync]
    assert stale.account == "act_200002304038" and stale.business_account == 22
    assert found.stale_organizations(STALE) == ((22, "Birch Coffee"),)


async def test_failed_syncs_are_told_by_organization_and_code(
    data: CompanyData, admin: Any
) -> None:
    for code in (190, 190, 4):
        await admin.execute(
            "INSERT INTO activity_events (organization_id, action, details)"
            " VALUES (30, 'ad_sync_failed', jsonb_build_object('code', $1::int))",
            code,
        )
    await admin.execute(
        "INSERT INTO activity_events (organization_id, action) VALUES (30, 'ad_sync_failed')"
    )
    await admin.execute(
        "INSERT INTO activity_events (organization_id, action, created_at)"
        " VALUES (30, 'ad_sync_failed', now() - interval '25 hours')"
    )
    found = await data.failed_syncs(organization=30)
    told = {one.code: one.times for one in found.failures}
    assert told.pop("190") >= 2 and told.pop("4") >= 1 and told.pop("") == 1
    everywhere = await data.failed_syncs()
    assert everywhere.times >= found.times
    assert len(everywhere.table().rows) == len(everywhere.failures)


async def test_updated_ads_are_counted_by_account_and_accounts_with_none_are_named(
    data: CompanyData, admin: Any
) -> None:
    since = await data.now()
    await admin.execute("UPDATE org_ads SET updated_at = now() WHERE org_ad_account_id = 31")
    found = await data.ads_updated(31, since)
    by_account = {one.account: one for one in found.accounts}
    updated = by_account.pop("act_200003246599")
    assert updated.updated == updated.ads == found.updated > 0
    assert set(found.untouched) == set(by_account)
    assert found.accounts[-1] == updated  # Those with none stand first.


async def test_jobs_tell_when_they_last_succeeded_and_that_they_failed_since(
    data: CompanyData, admin: Any
) -> None:
    await admin.execute(
        "INSERT INTO job_runs (job, started_at, finished_at, status, error)"
        " VALUES ('ad_sync', now(), now(), 'failed', 'Redis is gone')"
    )
    found = {one.name: one for one in (await data.jobs(("ad_sync", "daily_report", "x"))).jobs}
    assert found["ad_sync"].age and found["ad_sync"].age < timedelta(minutes=20)
    assert found["ad_sync"].last_error == "Redis is gone"
    assert found["daily_report"].last_success and not found["daily_report"].last_error
    assert (found["x"].last_success, found["x"].age) == (None, None)


# Tokens, webhooks, requests.


async def test_tokens_that_end_soon_or_have_ended_are_told_and_those_that_never_end_are_not(
    data: CompanyData,
) -> None:
    found = await data.tokens(timedelta(days=7))
    assert found.expired and {one.business_account for one in found.expired} == {90}
    assert {40, 80, 90} == {one.business_account for one in found.tokens}
    assert found.tokens[0].is_expired and found.tokens[0].left < timedelta(0)  # type: ignore[operator]
    whole = await data.tokens()
    assert len(whole.tokens) > 90 and whole.tokens[-1].expires_at is None
    assert all(one.fingerprint and len(one.fingerprint) == 16 for one in whole.tokens)
    assert "gAAAA" not in repr(whole)  # No ciphertext.


async def test_webhooks_are_told_since_a_moment_and_by_account(
    data: CompanyData, admin: Any
) -> None:
    now = await data.now()
    assert (await data.webhook_events(now)).count == 0
    await admin.execute(
        "INSERT INTO webhook_events (source, account, field, payload)"
        " VALUES ('meta', 'act_1', 'with_issues_ad_objects', '{}'), ('meta', 'act_2', 'x', '{}')"
    )
    found = await data.webhook_events(now)
    assert found.count == 2 and len(found.table().rows) == 2
    (one,) = (await data.webhook_events(now, "act_1")).events
    assert one.field == "with_issues_ad_objects"
    earlier = await data.webhook_events(now - timedelta(days=2))
    assert earlier.count > 100 and len(earlier.events) == 50


async def test_requests_are_counted_for_every_hour_also_for_those_without_any(
    data: CompanyData, admin: Any
) -> None:
    found = await data.requests("meta", 24)
    assert len(found.hours) == 24 and found.requests > 100
    assert found.callers and found.callers[0].requests >= found.callers[-1].requests
    counted = await admin.fetchval(
        "SELECT count(*) FROM api_request_logs WHERE service = 'meta' AND status = 429"
        " AND created_at >= date_trunc('hour', now()) - interval '23 hours'"
    )
    assert found.limited == counted
    nobody = await data.requests("nobody", 3)
    assert [one.requests for one in nobody.hours] == [0, 0, 0]
    lines = found.plot().lines
    assert sum(value for _, value in lines["requests"]) == found.requests


# A database that cannot be asked.


async def test_a_wrong_password_and_one_that_was_changed(database: Database) -> None:
    user, _, rest = database.dsn.partition("@")
    wrong = f"{user.rpartition(':')[0]}:{PASSWORD}@{rest}"
    with pytest.raises(NotAccepted, match="does not accept our user or password") as refused:
        await CompanyData(given(wrong), None, None, 5.0).now()
    assert PASSWORD not in str(refused.value)
    secret = Changing(wrong)
    data = CompanyData(secret.credential, None, None, 5.0)
    secret.change(database.dsn)
    assert await data.now()


async def test_a_user_without_rights_and_a_company_without_the_table_are_a_clear_no(
    database: Database, data: CompanyData, admin: Any
) -> None:
    await admin.execute("REVOKE ALL ON job_runs FROM complyai")
    with pytest.raises(Refused, match=r"does not let us read what is needed.*42501"):
        await data.jobs()
    await admin.execute("GRANT SELECT ON job_runs TO complyai")
    await admin.execute("ALTER TABLE webhook_events RENAME TO others")
    with pytest.raises(Refused, match=r"has it under another name .*42P01"):
        await data.webhook_events(datetime.now(UTC))
    await admin.execute("ALTER TABLE others RENAME TO webhook_events")


async def test_a_database_that_hangs_or_is_gone_is_said_in_words(database: Database) -> None:
    data = CompanyData(given(database.dsn), None, None, 0.5)
    database.pause_writer()
    try:
        with pytest.raises(Unreachable, match=r"did not answer within 0\.5 s"):
            await data.now()
    finally:
        database.resume_writer()
    gone = "postgresql://bot:x@127.0.0.1:9/complyai"
    with pytest.raises(Unreachable, match="refused the connection"):
        await CompanyData(given(gone), None, None, 2.0).now()
    for wrong in ("nonsense", "postgresql://bot@127.0.0.1:port/x"):
        with pytest.raises((Refused, Unreachable)):
            await CompanyData(given(wrong), None, None, 2.0).now()
    with pytest.raises(Refused, match=r"postgres\.dsn is not set"):
        await CompanyData(None, None, None).now()


async def test_what_is_no_postgresql_is_no_empty_answer() -> None:
    for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"S", b"R\x00\x00\x00\xff"):
        async with asyncio.timeout(10), peer(says(NO_TLS, answer)) as dsn:
            with pytest.raises((Unreachable, Refused)) as error:
                await CompanyData(given(dsn), None, None, 0.5).now()
        assert PASSWORD not in str(error.value)


async def test_a_look_cannot_write(data: CompanyData) -> None:
    with pytest.raises(Unreachable, match="SQLSTATE 25006"):
        await data._database.rows("UPDATE users SET name = 'x' RETURNING id")
