"""The rights that docs/install.md gives the bot in the company's database are enough, and few."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from adapters.company_data import CompanyData, NotifyOwners, StoreToken
from adapters.company_data.sealing import fingerprint
from sandbox.postgres import Database
from sandbox.postgres.data import ENCRYPTION_KEY
from tests.adapters.company_town import NEW, Typed
from tests.credentials import given

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
INSTALL = Path(__file__).parents[2] / "docs/install.md"
PASSWORD = "rights-password"
OTHERS = ("runbook_bot_maintenance", "runbook_bot_security")  #: Roles of their own.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin() -> AsyncIterator[Any]:
    """As somebody who follows the page has it."""
    async with Database(90, with_replica=False) as database:
        connection = await asyncpg.connect(database.admin_dsn)
        await connection.execute("DROP SCHEMA runbook_bot CASCADE")
        for block in re.findall(r"```sql\n(.*?)```", INSTALL.read_text(), re.DOTALL):
            if not any(one in block for one in OTHERS):
                await connection.execute(block.replace("'...'", f"'{PASSWORD}'"))
        yield connection
        await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def dsn(admin: Any) -> str:
    host, port = admin._addr
    return f"postgresql://runbook_bot:{PASSWORD}@{host}:{port}/complyai"


async def test_everything_can_be_asked_and_changed_with_them(admin: Any, dsn: str) -> None:
    data = CompanyData(given(dsn), given(ENCRYPTION_KEY), Typed(), 5.0)
    assert (await data.organizations("amber")).found and (await data.last_syncs()).accounts
    await data.failed_syncs()
    await data.ads_updated(1, await data.now())
    assert await data.sync_of("none") is None
    assert (await data.webhook_events(await data.now())).count == 0
    assert (await data.requests()).requests and (await data.jobs()).jobs
    there = {one.business_account: one.fingerprint for one in (await data.tokens()).tokens}
    notice = NotifyOwners(run="R", organization=3, organization_name="Cedar")
    await data._notify(notice, "key")
    assert (await data._see_told(notice)).state == "applied"
    change = StoreToken(business_account=3, organization_name="Cedar", new=NEW, replacing=there[3])
    await data._store(change, "key")
    assert (await data._see_stored(change)).state == "applied"
    await data._restore(change.undo(), "key")
    query = "SELECT system_user_access_token FROM org_business_accounts WHERE id = 3"
    assert fingerprint(await admin.fetchval(query)) == there[3]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM notifications",
        "UPDATE users SET is_active = false",
        "UPDATE org_business_accounts SET token_kind = 'user'",
        "DELETE FROM runbook_bot.kept_tokens",
        "SELECT * FROM user_sessions",
    ],
)
async def test_nothing_else_can_be_done_with_them(dsn: str, query: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("SET default_transaction_read_only = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(query)
    await connection.close()
