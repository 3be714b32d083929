"""Users of the company's own, in a real database: found, kept out once, and what they did."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from adapters.accounts import Accounts, DisableUser, RevokeUserSessions
from adapters.accounts.sessions import SessionRows
from adapters.postgres_transactions import Database as Asked
from bot.runbook.errors import NothingDone, Refused, Unreachable
from sandbox.postgres import Database
from tests.credentials import given
from tests.hostile import MALICE

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

INSTALL = Path(__file__).parents[2] / "docs/install.md"
WHO, IP = 7, "203.0.113.66"
SESSION = """
    INSERT INTO user_sessions VALUES
    (gen_random_uuid(), $1, $2::inet, $3, now(), now(), now() + interval '1 day', NULL)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database() -> AsyncIterator[Database]:
    async with Database(organizations=3, with_replica=False) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def accounts(database: Database) -> AsyncIterator[Accounts]:
    """With somebody who is active and has two live sessions, and as it was afterwards."""
    await run(database, "UPDATE users SET is_active = true WHERE id = $1", WHO)
    await run(database, "DELETE FROM user_sessions WHERE user_id = $1", WHO)
    for _ in range(2):
        await run(database, SESSION, WHO, IP, "curl")
    yield Accounts(asked(database))


def asked(database: Database, dsn: str = "") -> Asked:
    return Asked(given(dsn or database.dsn), 5.0)


async def run(database: Database, query: str, *values: object) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute(query, *values)
    finally:
        await connection.close()


async def test_somebody_is_found_by_e_mail_or_id_and_nobody_is_said(accounts: Accounts) -> None:
    (by_id,) = (await accounts.find([str(WHO)])).accounts
    found = await accounts.find([by_id.email.upper(), "who@example.com", "999999"])
    assert found.accounts == (by_id,) and found.missing == ("who@example.com", "999999")
    assert (by_id.is_active, by_id.live_sessions, by_id.ips) == (True, 2, (IP,))
    assert by_id.can_come_in and by_id.auth0_id.startswith("auth0|")


async def test_a_user_is_disabled_once_and_taken_back(accounts: Accounts) -> None:
    change = DisableUser(user=WHO)
    assert (await accounts._see_disabled(change)).state == "before"
    await accounts._disable(change, "key")
    assert (await accounts._see_disabled(change)).state == "applied"
    await accounts._disable(change, "key")
    await accounts._enable(change.undo(), "key")
    assert (await accounts._see_enabled(change.undo())).state == "applied"


async def test_sessions_are_marked_and_stay_as_rows(
    accounts: Accounts, database: Database
) -> None:
    change = RevokeUserSessions(user=WHO)
    assert (await accounts._see_sessions(change)).now == f"user {WHO} has 2 live sessions"
    await accounts._revoke(change, "key")
    assert (await accounts._see_sessions(change)).state == "applied"
    rows = await SessionRows(asked(database)).of([WHO])
    assert len(rows) == 2 and all(one["revoked_at"] for one in rows)


async def test_a_user_that_is_gone_has_drifted(accounts: Accounts) -> None:
    assert (await accounts._see_disabled(DisableUser(user=999))).state == "drifted"
    assert (await accounts._see_sessions(RevokeUserSessions(user=999))).state == "drifted"


async def test_what_they_did_is_counted_by_kind_and_organization(
    accounts: Accounts, database: Database
) -> None:
    insert = """
        INSERT INTO activity_events (organization_id, user_id, action, ip, created_at)
        VALUES ($1, $2, 'export_downloaded', $3::inet, now())
    """
    since = datetime.now(UTC) - timedelta(hours=1)
    for organization in (1, 1, 2):
        await run(database, insert, organization, WHO, IP)
    found = await accounts.activities([WHO], since)
    exported = [one for one in found.entries if one.action == "export_downloaded"]
    assert [(one.organization, one.times, one.ips) for one in exported] == [
        (1, 2, (IP,)),
        (2, 1, (IP,)),
    ]
    touched = await accounts.touched((1, 2))
    assert touched.users > 2 and touched.owners and not touched.is_cut
    assert (await accounts.touched(())).users == 0


async def test_a_lost_commit_may_have_happened_and_an_earlier_failure_has_not(
    accounts: Accounts, database: Database
) -> None:
    database.lose_answer(b"SET is_active = false", parts=3)
    with pytest.raises(Unreachable) as lost:
        await accounts._disable(DisableUser(user=WHO), "key")
    assert not isinstance(lost.value, NothingDone)
    assert (await accounts._see_disabled(DisableUser(user=WHO))).state == "applied"
    await database.stop_writer()
    with pytest.raises(NothingDone, match="refused the connection"):
        await accounts._enable(DisableUser(user=WHO).undo(), "key")
    await database.start_writer()


async def test_a_row_that_somebody_else_holds_is_not_waited_for_long(
    accounts: Accounts, database: Database
) -> None:
    holder = await asyncpg.connect(database.admin_dsn)
    await holder.execute("BEGIN")
    await holder.execute("UPDATE users SET name = name WHERE id = $1", WHO)
    try:
        with pytest.raises(NothingDone, match="Others hold what was to be changed"):
            await accounts._disable(DisableUser(user=WHO), "key")
    finally:
        await holder.close()


async def test_a_role_that_only_reads_is_refused_and_nothing_is_changed(
    accounts: Accounts, database: Database
) -> None:
    await run(database, "CREATE ROLE reads LOGIN PASSWORD 'reads'")
    await run(database, "GRANT SELECT ON users, user_sessions TO reads")
    place = database.dsn.rpartition("@")[2]
    blind = Accounts(asked(database, f"postgresql://reads:reads@{place}"))
    with pytest.raises(Refused, match=r"does not let us change this.*42501"):
        await blind._disable(DisableUser(user=WHO), "key")
    with pytest.raises(Refused, match="does not let us read what is needed"):
        await blind.activities([WHO], datetime.now(UTC))
    unset = Accounts(Asked(None, 2.0, "postgres.security_dsn"))
    with pytest.raises(Refused, match=r"postgres\.security_dsn is not set"):
        await unset._disable(DisableUser(user=WHO), "key")
    assert (await accounts._see_disabled(DisableUser(user=WHO))).state == "before"


async def test_whatever_a_user_calls_themselves_is_a_line_of_text(
    accounts: Accounts, database: Database
) -> None:
    for malice in MALICE.values():
        name = malice.encode("utf-8", "replace").decode().replace("\0", "")
        await run(database, "UPDATE users SET name = $2 WHERE id = $1", WHO, name)
        (found,) = (await accounts.find([str(WHO)])).accounts
        assert len(found.name) <= 200 and found.name.isprintable()
    await run(database, "UPDATE users SET name = 'Ada' WHERE id = $1", WHO)


async def test_the_rights_on_the_page_are_enough_for_it_and_no_more(database: Database) -> None:
    (block,) = [
        one
        for one in re.findall(r"```sql\n(.*?)```", INSTALL.read_text(), re.DOTALL)
        if "CREATE ROLE runbook_bot_security" in one
    ]
    for statement in block.replace("'...'", "'rights'").strip().strip(";").split(";"):
        await run(database, statement)
    place = database.dsn.rpartition("@")[2]
    dsn = f"postgresql://runbook_bot_security:rights@{place}"
    bot = Accounts(asked(database, dsn))
    await bot._disable(DisableUser(user=WHO), "key")
    await bot._enable(DisableUser(user=WHO).undo(), "key")
    await bot._revoke(RevokeUserSessions(user=WHO), "key")
    assert (await bot.find([str(WHO)])).ids == (WHO,)
    found = await bot.activities([WHO], datetime.now(UTC) - timedelta(days=30))
    assert (await bot.touched(found.organizations)).users
    assert await SessionRows(asked(database, dsn)).of([WHO]) is not None
    other = await asyncpg.connect(dsn)
    for query in (
        "DELETE FROM user_sessions",
        "UPDATE users SET email = 'x'",
        "UPDATE user_sessions SET expires_at = now()",
        "SELECT * FROM org_business_accounts",
        "DELETE FROM activity_events",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await other.execute(query)
    await other.close()
