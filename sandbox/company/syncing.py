"""
A sync of an organization, as the company's workers do it: account by account, each with the
organization's token, it writes rows, and says in its log what it does.

A token that Meta does not accept, and a limit of Meta's, make it fail as they would.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
from cryptography.fernet import Fernet, InvalidToken

from sandbox.meta import Graph
from sandbox.meta.limits import ACCOUNT, APP, BUSINESS, CODES, USER
from sandbox.meta.state import WRONG
from sandbox.postgres.data import ENCRYPTION_KEY

#: Seconds of the sandbox's time that one ad account takes.
AN_ACCOUNT_S = 2.0
MOST_LINES = 2000


@dataclass(frozen=True)
class Line:
    at: datetime
    text: str


class Failed(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Syncing:
    """`scale`: seconds of real time that a second of the sandbox takes."""

    def __init__(self, dsn: Callable[[], str], graph: Graph, scale: float) -> None:
        self._dsn, self._graph, self._scale = dsn, graph, scale
        self.lines: deque[Line] = deque(maxlen=MOST_LINES)  #: What the workers' log says.
        self.heard: Callable[[str], None] = lambda line: None  #: Is told each of them.
        self.synced: set[int] = set()  #: Organizations of which a sync has succeeded.
        #: Those that the regular sync came to, in its order.
        self.freshened: deque[int] = deque(maxlen=MOST_LINES)

    async def carry_out(self, request: int) -> None:
        """Of a row of sync_requests."""
        async with self._connected() as connection:
            row = await connection.fetchrow(
                "UPDATE sync_requests SET status = 'running' WHERE id = $1 RETURNING *", request
            )
            organization, done = row["organization_id"], 0
            self._say(organization, f"sync {request} started")
            try:
                accounts = await connection.fetch(ACCOUNTS, organization)
                for account in accounts:
                    done += await self._account(connection, organization, account)
                    await connection.execute(
                        "UPDATE sync_requests SET ads_synced = $2 WHERE id = $1", request, done
                    )
            except Failed as error:
                await self._fail(connection, organization, request, error)
                return
            await connection.execute(FINISH, request, "succeeded", None)
            await connection.execute(EVENT, organization, "ad_sync_completed", "{}")
            self.synced.add(organization)
            self._say(organization, f"sync {request} done: {done} ads")

    async def freshen(self, part: int, parts: int, backs_off: bool = False) -> None:
        """
        The regular sync of a part of all organizations: those that Meta lets through are fresh
        again. To be asked while it limits us makes it limit us for longer; with `backs_off` the
        first refusal is the last.
        """
        async with self._connected() as connection:
            found = await connection.fetch("SELECT id FROM organizations ORDER BY id")
            for row in found:
                if row["id"] % parts != part:
                    continue
                is_refused = await self._freshen(connection, row["id"])
                if is_refused and backs_off:
                    return

    async def freshen_one(self, organization: int) -> None:
        async with self._connected() as connection:
            await self._freshen(connection, organization)

    async def _freshen(self, connection: Any, organization: int) -> bool:
        """Whether Meta refused it as one too many."""
        account = await connection.fetchval(AN_ACCOUNT, organization)
        if account is None:
            return False
        try:
            await self._ask_meta(connection, organization, account)
        except Failed as error:
            if error.code not in CODES:
                return False
            self._graph.limits.insist(error.code, self._graph.now())
            return True
        await connection.execute(FRESHEN, organization)
        self.freshened.append(organization)
        return False

    async def _account(self, connection: Any, organization: int, account: Any) -> int:
        run = await connection.fetchval(BEGIN_RUN, account["id"])
        try:
            await asyncio.sleep(AN_ACCOUNT_S * self._scale)
            await self._ask_meta(connection, organization, account["meta_account_id"])
        except Failed as error:
            await connection.execute(END_RUN, run, "failed", 0, str(error))
            raise
        told = await connection.execute(UPDATE_ADS, account["id"])
        ads = int(told.split()[-1])
        await connection.execute(END_RUN, run, "succeeded", ads, None)
        self._say(organization, f"account {account['meta_account_id']}: {ads} ads")
        return ads

    async def _ask_meta(self, connection: Any, organization: int, account: str) -> None:
        code, message = await self._answer_of_meta(connection, organization, account)
        status = 429 if code in CODES else 400 if code else 200
        await connection.execute(REQUEST, organization, status)
        if code:
            raise Failed(code, f"Meta: (#{code}) {message}")

    async def _answer_of_meta(
        self, connection: Any, organization: int, account: str
    ) -> tuple[int, str]:
        graph, now = self._graph, self._graph.now()
        sealed = await connection.fetchval(TOKEN, organization)
        try:
            value = Fernet(ENCRYPTION_KEY).decrypt((sealed or "").encode()).decode()
        except InvalidToken:
            return 190, "Invalid OAuth access token"
        token = graph.token(value)
        if token is None:
            return 190, "Invalid OAuth access token"
        if (state := token.state_at(now)) != "valid":
            return 190, f"Error validating access token: {WRONG[state][1]}"
        known = graph.accounts.get(account)
        business = known.business if known else ""
        whose = {APP: token.app, USER: token.user, ACCOUNT: account, BUSINESS: business}
        code = graph.limits.count(whose, now)
        return (code, "request limit reached") if code else (0, "")

    async def _fail(self, connection: Any, organization: int, request: int, error: Failed) -> None:
        await connection.execute(FINISH, request, "failed", str(error))
        details = f'{{"code": {error.code}}}'
        await connection.execute(EVENT, organization, "ad_sync_failed", details)
        self._say(organization, f"sync {request} failed: {error}")

    def _say(self, organization: int, text: str) -> None:
        line = f"INFO ad_sync org_id={organization} {text}"
        self.lines.append(Line(datetime.now(UTC), line))
        self.heard(line)

    @asynccontextmanager
    async def _connected(self) -> Any:
        connection = await asyncpg.connect(self._dsn(), timeout=10)
        try:
            yield connection
        finally:
            connection.terminate()


ACCOUNTS = """
    SELECT id, meta_account_id FROM org_ad_accounts WHERE organization_id = $1 AND is_active
    ORDER BY id
"""
AN_ACCOUNT = """
    SELECT meta_account_id FROM org_ad_accounts WHERE organization_id = $1 AND is_active
    ORDER BY id LIMIT 1
"""
TOKEN = """
    SELECT coalesce(system_user_access_token, user_access_token) FROM org_business_accounts
    WHERE organization_id = $1
    ORDER BY token_kind = 'system_user' DESC, token_expires_at DESC NULLS FIRST, id LIMIT 1
"""
BEGIN_RUN = """
    INSERT INTO sync_runs (org_ad_account_id, started_at, status) VALUES ($1, now(), 'running')
    RETURNING id
"""
END_RUN = """
    UPDATE sync_runs SET finished_at = now(), status = $2, ads_synced = $3, error = $4
    WHERE id = $1
"""
UPDATE_ADS = """
    UPDATE org_ads SET last_sync = now(), updated_at = now() WHERE org_ad_account_id = $1
"""
REQUEST = """
    INSERT INTO api_request_logs (service, organization_id, endpoint, status, duration_ms)
    VALUES ('meta', $1, '/act/ads', $2, 180)
"""
FINISH = """
    UPDATE sync_requests SET status = $2, error = $3, finished_at = now() WHERE id = $1
"""
EVENT = """
    INSERT INTO activity_events (organization_id, action, details) VALUES ($1, $2, $3::jsonb)
"""
#: Those that are stale stay so: whatever made them so is still there.
FRESHEN = """
    UPDATE org_ads SET last_sync = now()
    WHERE last_sync > now() - interval '30 minutes' AND org_ad_account_id IN (
        SELECT id FROM org_ad_accounts WHERE organization_id = $1 AND is_active)
"""
