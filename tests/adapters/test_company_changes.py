"""What is changed at the company: owners told once, tokens replaced once, syncs started once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from cryptography.fernet import Fernet

from adapters import http_calls
from adapters.company_data import NotifyOwners, RestoreToken, StoreToken
from adapters.company_data.sealing import fingerprint
from adapters.internal_api import InternalApi, TriggerSync
from bot.runbook import Seen
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.runbook.values import Secret
from bot.secrets.vault import NotAccepted
from sandbox.company.syncing import Line
from sandbox.meta.limits import BUSINESS
from sandbox.postgres.data import ENCRYPTION_KEY
from tests.adapters.company_town import NEW, NEW_VALUE, Town, town
from tests.adapters.databases import silent_from
from tests.credentials import given

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here() -> AsyncIterator[Town]:
    async with town() as made:
        yield made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_calls, "PAUSE_S", 0.01)


# Owners.


def notice(organization: int, run: str = "7F3K") -> NotifyOwners:
    return NotifyOwners(run=run, organization=organization, organization_name="Amber")


async def told(here: Town, organization: int) -> int:
    return int(
        await here.ask(
            "SELECT count(*) FROM notifications n JOIN user_organizations m USING (user_id)"
            " WHERE m.organization_id = $1 AND m.role = 'owner' AND n.type = 'token_expiring'"
            " AND n.created_at > now() - interval '1 minute'",
            organization,
        )
    )


async def test_owners_are_told_once_in_a_run_and_again_in_the_next(here: Town) -> None:
    data, change = here.data(), notice(3)
    assert await data._see_told(change) == Seen(
        "before", "0 of 1 owners of Amber are told in this run"
    )
    for _ in range(3):
        await data._notify(change, "key")
    assert await told(here, 3) == 1
    assert (await data._see_told(change)).state == "applied"
    again = notice(3, "NEXT")
    assert (await data._see_told(again)).state == "before"
    await data._notify(again, "key")
    assert await told(here, 3) == 2


async def test_whoever_owns_two_organizations_is_told_once_in_a_run(here: Town) -> None:
    await here.ask("INSERT INTO user_organizations VALUES (5, 6, 'owner')")
    for organization in (5, 6):
        await here.data()._notify(notice(organization), "key")
        assert (await here.data()._see_told(notice(organization))).state == "applied"
    query = "SELECT count(*) FROM runbook_bot.notices WHERE user_id = 5"
    assert await here.ask(query) == 1


async def test_one_owner_who_joined_since_is_told_and_the_others_not_again(here: Town) -> None:
    await here.data()._notify(notice(8), "key")
    await here.ask("INSERT INTO user_organizations VALUES (9, 8, 'owner')")
    assert (await here.data()._see_told(notice(8))).now.startswith("1 of 2 owners")
    await here.data()._notify(notice(8), "key")
    assert (await here.data()._see_told(notice(8))).state == "applied"
    assert await told(here, 8) == 2


async def test_an_organization_without_an_owner_is_said_and_not_applied(here: Town) -> None:
    await here.ask("DELETE FROM user_organizations WHERE organization_id = 10 AND role = 'owner'")
    seen = await here.data()._see_told(notice(10))
    assert seen == Seen("drifted", "Amber has no owner who could be told")


async def test_many_who_tell_at_once_tell_once(here: Town) -> None:
    change = notice(12)
    await asyncio.gather(*(here.data()._notify(change, "key") for _ in range(6)))
    assert await told(here, 12) == 1


async def test_a_notice_whose_answer_was_lost_is_seen_and_not_sent_again(here: Town) -> None:
    change = notice(13)
    async with here.behind(silent_from(b"COMMIT", here.port)) as dsn:
        with pytest.raises(Unreachable, match="not known whether it was done"):
            await here.data(dsn, timeout_s=0.6)._notify(change, "key")
    assert (await here.data()._see_told(change)).state == "applied"
    await here.data()._notify(change, "key")
    assert await told(here, 13) == 1


async def test_a_change_of_a_database_that_is_gone_or_denies_it_was_not_made(here: Town) -> None:
    gone = "postgresql://bot:x@127.0.0.1:9/complyai"
    with pytest.raises(NothingDone, match="refused the connection"):
        await here.data(gone)._notify(notice(15), "key")
    await here.ask("REVOKE INSERT ON notifications FROM complyai")
    with pytest.raises(Refused, match=r"does not let us change this.*Nothing was done"):
        await here.data()._notify(notice(15), "key")
    await here.ask("GRANT INSERT ON notifications TO complyai")
    assert (await here.data()._see_told(notice(15))).state == "before"


async def test_a_row_that_others_hold_is_given_up_soon_and_nothing_was_done(here: Town) -> None:
    change = await planned(here, 30)
    holder = await asyncpg.connect(here.database.admin_dsn)
    await holder.execute("BEGIN")
    await holder.execute("UPDATE org_business_accounts SET updated_at = now() WHERE id = 30")
    with pytest.raises(NothingDone, match="Others hold what was to be changed"):
        await here.data()._store(change, "key")
    await holder.close()
    assert (await here.data()._see_stored(change)).state == "before"


async def test_a_notice_that_was_cut_before_its_end_told_nobody(here: Town) -> None:
    change = notice(14)
    async with here.behind(silent_from(b"WITH untold", here.port)) as dsn:
        with pytest.raises(Unreachable):
            await here.data(dsn, timeout_s=0.6)._notify(change, "key")
    assert (await here.data()._see_told(change)).state == "before"
    assert await told(here, 14) == 0


# Tokens.


async def sealed(here: Town, account: int) -> str:
    query = "SELECT system_user_access_token FROM org_business_accounts WHERE id = $1"
    return str(await here.ask(query, account))


async def planned(here: Town, account: int, **other: Any) -> StoreToken:
    there = fingerprint(await sealed(here, account))
    change = StoreToken(
        business_account=account, organization_name="Amber", new=NEW, replacing=there
    )
    return change.model_copy(update=other)


async def test_a_token_is_stored_sealed_and_its_undo_puts_back_the_very_one(here: Town) -> None:
    data, before = here.data(), await sealed(here, 3)
    until = datetime(2027, 3, 1, tzinfo=UTC)
    change = await planned(here, 3, expires_at=until)
    seen = await data._see_stored(change)
    assert seen == Seen("before", f"Business account 3 uses token {change.replacing}")
    await data._store(change, "key")
    assert (await data._see_stored(change)).state == "applied"
    stored = await sealed(here, 3)
    assert NEW_VALUE not in stored and stored != before
    assert Fernet(ENCRYPTION_KEY).decrypt(stored.encode()).decode() == NEW_VALUE
    assert await data.token_of(3) == NEW_VALUE
    query = "SELECT token_expires_at FROM org_business_accounts WHERE id = 3"
    assert await here.ask(query) == until

    undo = change.undo()
    assert (await data._see_restored(undo)).state == "before"
    await data._restore(undo, "key")
    assert await sealed(here, 3) == before and await here.ask(query) is None
    assert (await data._see_restored(undo)).state == "applied"
    assert (await data._see_stored(change)).state == "before"


async def test_a_token_that_somebody_else_changed_is_not_overwritten(here: Town) -> None:
    data, change = here.data(), await planned(here, 6)
    other = Fernet(ENCRYPTION_KEY).encrypt(b"somebody-else-s").decode()
    query = "UPDATE org_business_accounts SET system_user_access_token = $1 WHERE id = 6"
    await here.ask(query, other)
    assert (await data._see_stored(change)).state == "drifted"
    with pytest.raises(Refused, match="Another token is stored there"):
        await data._store(change, "key")
    assert await sealed(here, 6) == other
    with pytest.raises(Refused, match="Another token is stored there"):
        await data._restore(change.undo(), "key")
    assert (await data._see_restored(change.undo())).state == "drifted"
    assert await sealed(here, 6) == other


async def test_a_token_whose_answer_was_lost_is_found_by_what_it_opens_to(here: Town) -> None:
    change = await planned(here, 9)
    async with here.behind(silent_from(b"COMMIT", here.port)) as dsn:
        with pytest.raises(Unreachable, match="not known whether it was done"):
            await here.data(dsn, timeout_s=0.6)._store(change, "key")
    assert (await here.data()._see_stored(change)).state == "applied"
    once = await sealed(here, 9)
    with pytest.raises(Refused, match="by now"):  # Made again after a crash: no harm.
        await here.data()._store(change, "key")
    assert await sealed(here, 9) == once


async def test_a_token_put_back_whose_answer_was_lost_is_seen_to_be_back(here: Town) -> None:
    before, change = await sealed(here, 27), await planned(here, 27)
    await here.data()._store(change, "key")
    undo = change.undo()
    async with here.behind(silent_from(b"COMMIT", here.port)) as dsn:
        with pytest.raises(Unreachable, match="not known whether it was done"):
            await here.data(dsn, timeout_s=0.6)._restore(undo, "key")
    assert (await here.data()._see_restored(undo)).state == "applied"
    with pytest.raises(Refused, match="by now"):
        await here.data()._restore(undo, "key")
    assert await sealed(here, 27) == before


async def test_a_token_that_was_cut_before_its_end_is_the_old_one(here: Town) -> None:
    change = await planned(here, 12)
    async with here.behind(silent_from(b"UPDATE org_business_accounts", here.port)) as dsn:
        with pytest.raises(Unreachable):
            await here.data(dsn, timeout_s=0.6)._store(change, "key")
    assert (await here.data()._see_stored(change)).state == "before"
    kept = "SELECT count(*) FROM runbook_bot.kept_tokens WHERE business_account = 12"
    assert await here.ask(kept) == 0
    await here.data()._store(change, "key")
    assert await here.ask(kept) == 1


async def test_tokens_of_an_older_key_open_and_new_ones_are_sealed_with_the_newest(
    here: Town,
) -> None:
    newest = Fernet.generate_key().decode()
    data = here.data(keys=f"{newest},{ENCRYPTION_KEY}")
    assert await data.token_of(15) == "sandbox-token-15"
    await data._store(await planned(here, 15), "key")
    assert Fernet(newest).decrypt((await sealed(here, 15)).encode()).decode() == NEW_VALUE
    with pytest.raises(Refused, match="none of the keys"):
        await here.data().token_of(15)


@pytest.mark.parametrize("keys", ["nonsense", "", " , "])
async def test_what_is_no_key_is_said_and_nothing_is_stored(here: Town, keys: str) -> None:
    change, before = await planned(here, 18), await sealed(here, 18)
    with pytest.raises(Refused, match="does not hold keys of Fernet"):
        await here.data(keys=keys)._store(change, "key")
    assert await sealed(here, 18) == before


async def test_the_token_of_a_user_is_not_replaced_by_that_of_a_system_user(here: Town) -> None:
    change = StoreToken(business_account=1, organization_name="Amber", new=NEW)
    assert (await here.data()._see_stored(change)).state == "drifted"
    with pytest.raises(Refused, match="uses the token of a user"):
        await here.data()._store(change, "key")


async def test_a_first_token_is_taken_away_by_its_undo(here: Town) -> None:
    await here.ask(
        "UPDATE org_business_accounts SET system_user_access_token = NULL WHERE id = 21"
    )
    change = StoreToken(business_account=21, organization_name="Amber", new=NEW)
    assert (await here.data()._see_stored(change)).now == "Business account 21 uses no token"
    with pytest.raises(Refused, match="has no token"):
        await here.data().token_of(21)
    await here.data()._store(change, "key")
    undo = change.undo()
    assert isinstance(undo, RestoreToken) and undo.fingerprint is None
    await here.data()._restore(undo, "key")
    assert (await here.data()._see_restored(undo)).state == "applied"


async def test_values_of_tokens_reach_no_message_plan_or_log(
    here: Town, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    change = await planned(here, 24)
    texts = [change.model_dump_json(), change.command(), change.then(), repr(change.undo())]
    for call in (here.data()._see_stored, lambda c: here.data()._store(c, "k")):
        try:
            texts.append(repr(await call(change)))
        except (Refused, Unreachable) as error:
            texts.append(str(error))
    gone = change.model_copy(update={"new": Secret(name="gone", version="v")})
    with pytest.raises(Refused) as refused:
        await here.data()._see_stored(gone)
    for text in (*texts, str(refused.value), caplog.text):
        assert not [one for one in (NEW_VALUE, "sandbox-token", ENCRYPTION_KEY) if one in text]


# Syncs.


async def sync(here: Town, organization: int, run: str = "7F3K") -> TriggerSync:
    since = await here.data().now()
    return TriggerSync(run=run, organization=organization, organization_name="Amber", since=since)


async def over(here: Town, change: TriggerSync) -> Any:
    async with asyncio.timeout(20):
        while True:
            found = await here.data().sync_of(change.key)
            if found and found.is_over:
                return found
            await asyncio.sleep(0.02)


async def requests(here: Town, organization: int) -> int:
    query = "SELECT count(*) FROM sync_requests WHERE organization_id = $1"
    return int(await here.ask(query, organization))


async def test_a_sync_is_started_once_and_updates_ads_by_account(here: Town) -> None:
    internal, change = here.internal(), await sync(here, 25)
    assert (await internal.health()).is_up
    assert await internal._see(change) == Seen(
        "before", "No sync of Amber was started by this plan"
    )
    for _ in range(3):
        await internal._trigger(change, "key")
    assert (await internal._see(change)).state == "applied"
    done = await over(here, change)
    assert (done.status, done.error) == ("succeeded", "") and done.ads_synced > 0
    assert await requests(here, 25) == 1
    found = await here.data().ads_updated(25, done.requested_at)
    assert found.updated == done.ads_synced
    said = [line.text for line in here.syncing.lines if "org_id=25 " in line.text]
    assert said[0].endswith("started") and said[-1].endswith(f"done: {done.ads_synced} ads")
    assert isinstance(here.syncing.lines[0], Line)


async def test_another_plan_starts_another_sync(here: Town) -> None:
    first = await sync(here, 26)
    later = first.model_copy(update={"since": first.since + timedelta(seconds=1)})
    await here.internal()._trigger(first, "key")
    assert (await here.internal()._see(later)).state == "before"
    await here.internal()._trigger(later, "key")
    assert await requests(here, 26) == 2


async def test_a_sync_whose_answer_was_lost_is_seen_and_again_is_the_same(here: Town) -> None:
    change = await sync(here, 27)
    here.api.fail("lost response", times=1)
    with pytest.raises(Unreachable, match="broke the connection"):
        await here.internal()._trigger(change, "key")
    assert (await here.internal()._see(change)).state == "applied"
    await here.internal()._trigger(change, "key")
    assert await requests(here, 27) == 1


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("limited", NothingDone, "Try again in 2 s; nothing was done"),
        ("lost request", Unreachable, "broke the connection"),
        ("error", Unreachable, "HTTP 503.*not known whether it was done"),
        ("html", Unreachable, "not known whether it was done"),
        ("slow", Unreachable, "did not answer within 0.7 s"),
    ],
)
async def test_a_sync_without_a_clear_yes_was_asked_for_once(
    here: Town, fault: str, error: type[Exception], says: str
) -> None:
    change = await sync(here, 28, fault.replace(" ", "-"))
    here.api.calls.clear()
    here.api.fail(fault)
    with pytest.raises(error, match=says):
        await here.internal()._trigger(change, "key")
    here.api.heal()
    assert len(here.api.calls) == 1
    assert (await here.internal()._see(change)).state == "before"


async def test_a_clear_no_of_the_internal_api_is_told(here: Town) -> None:
    with pytest.raises(NotAccepted, match="does not accept our credentials") as refused:
        await here.internal("wrong-internal-key")._trigger(await sync(here, 29), "key")
    assert "wrong-internal-key" not in str(refused.value)
    with pytest.raises(Refused, match="no such organization"):
        await here.internal()._trigger(await sync(here, 4242), "key")
    with pytest.raises(Refused, match="not active"):
        await here.internal()._trigger(await sync(here, 41), "key")


async def test_the_internal_key_is_not_sent_where_others_can_read_it(here: Town) -> None:
    open_to_all = InternalApi(
        here.calls, "http://api-internal.example.com", given("an-internal-key"), here.data()
    )
    with pytest.raises(Refused, match="without TLS"):
        await open_to_all._trigger(await sync(here, 34), "key")


async def test_the_internal_api_that_is_gone_is_a_fact(here: Town) -> None:
    await here.api.stop()
    try:
        found = await here.internal().health()
        assert not found.is_up and "does not accept connections" in found.error
        with pytest.raises(NothingDone):
            await here.internal()._trigger(await sync(here, 30), "key")
    finally:
        await here.api.start()


Break = Callable[[Town], None]


def expire(here: Town) -> None:
    here.graph.also_know(lambda value: None)


def limit(here: Town) -> None:
    here.graph.limits.exhaust(BUSINESS, 5, here.graph.now())


@pytest.mark.parametrize(
    ("organization", "spoil", "code"), [(31, expire, "190"), (32, limit, "80004")]
)
async def test_a_sync_that_meta_does_not_let_through_fails_and_says_why(
    here: Town, organization: int, spoil: Break, code: str
) -> None:
    known = here.graph._find
    spoil(here)
    try:
        change = await sync(here, organization)
        await here.internal()._trigger(change, "key")
        done = await over(here, change)
    finally:
        here.graph.also_know(known)
        here.graph.limits.relax()
    assert done.status == "failed" and f"(#{code})" in done.error
    failed = await here.data().failed_syncs(timedelta(minutes=1), organization)
    assert [one.code for one in failed.failures] == [code]
    assert (await here.data().ads_updated(organization, done.requested_at)).updated == 0


async def test_with_all_workers_dead_a_sync_waits_and_goes_on_when_they_are_back(
    here: Town,
) -> None:
    if not here.work.is_there:
        pytest.skip("there is no redis-server")
    await here.work.kill()
    change = await sync(here, 33)
    await here.internal()._trigger(change, "key")
    await here.work.pile_up(5)
    found = await here.data().sync_of(change.key)
    assert found and found.status == "queued"
    here.work.revive()
    assert (await over(here, change)).status == "succeeded"
