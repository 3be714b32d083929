"""
The company's own database, asked about organizations, syncs, tokens, webhooks and requests.

Every age is by the database's clock. A token's value goes from here to Meta's adapter and to
nobody else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from adapters.company_data import queries
from adapters.company_data.changes import NotifyOwners, RestoreToken, StoreToken
from adapters.company_data.facts import (
    AccountSync,
    AdsUpdated,
    Caller,
    FailedSyncs,
    Failure,
    Hour,
    Job,
    Jobs,
    LastSyncs,
    Organization,
    Organizations,
    Requests,
    SyncOfRun,
    TokenRow,
    Tokens,
    Updated,
    WebhookEvent,
    WebhookEvents,
)
from adapters.company_data.sealing import Seal, fingerprint
from adapters.plain import plain
from adapters.postgres_transactions import Database
from bot.runbook import Adapter, Key, Secret, Seen, pair
from bot.runbook.errors import Refused
from bot.secrets.vault import Credential

MOST_MATCHES, MOST_EVENTS, MOST_HOURS = 25, 50, 168
#: The jobs of the prose.
JOBS = ("ad_sync", "score_calculation", "daily_report")


class TypedTokens(Protocol):
    async def value(self, secret: Secret) -> str:
        """For one call. Raises Refused, Unreachable."""


class CompanyData(Adapter):
    """
    `typed` is None where what people type as secrets is kept nowhere. Implements StoredTokens of
    Meta's adapter and Syncs of the internal API's.
    """

    def __init__(
        self,
        dsn: Credential | None,
        keys: Credential | None,
        typed: TypedTokens | None,
        timeout_s: float = 10.0,
    ) -> None:
        self._database, self._seal, self._typed = Database(dsn, timeout_s), Seal(keys), typed

    # What there is. All of these raise Unreachable and Refused.

    async def organizations(self, name: str) -> Organizations:
        """Those whose name has this text in it, an exact match first."""
        rows = await self._database.rows(
            queries.ORGANIZATIONS, f"%{_escaped(name)}%", name, MOST_MATCHES + 1
        )
        found = (
            Organization(
                id=row["id"],
                name=plain(row["name"], 120),
                meta_business=plain(row["meta_business_id"] or "", 40),
                is_active=row["is_active"],
                accounts=row["accounts"],
            )
            for row in rows[:MOST_MATCHES]
        )
        are_more, now = len(rows) > MOST_MATCHES, await self.now()
        return Organizations(found=tuple(found), are_more=are_more, as_of=now)

    async def last_syncs(self, organization: int | None = None) -> LastSyncs:
        rows = await self._database.rows(queries.LAST_SYNCS, organization)
        found = [
            AccountSync(**_texts(row, "organization_name", "account", "name"))
            for row in rows
            if row["account"] is not None
        ]
        without = [plain(row["organization_name"]) for row in rows if row["account"] is None]
        now = await self.now()
        return LastSyncs(accounts=tuple(found), organizations_without=tuple(without), as_of=now)

    async def failed_syncs(
        self, within: timedelta = timedelta(days=1), organization: int | None = None
    ) -> FailedSyncs:
        rows = await self._database.rows(queries.FAILED_SYNCS, within, organization)
        failures = tuple(Failure(**_texts(row, "organization_name", "code")) for row in rows)
        now = await self.now()
        return FailedSyncs(failures=failures, since=now - within, as_of=now)

    async def ads_updated(self, organization: int, since: datetime) -> AdsUpdated:
        """`since` is of the database's clock: `now`, or a sync's `requested_at`."""
        rows = await self._database.rows(queries.ADS_UPDATED, organization, since)
        found = tuple(Updated(**_texts(row, "account", "name")) for row in rows)
        now = await self.now()
        return AdsUpdated(organization=organization, accounts=found, since=since, as_of=now)

    async def sync_of(self, key: str) -> SyncOfRun | None:
        """The sync that was asked for with this key; None: there is none yet."""
        rows = await self._database.rows(queries.SYNC_OF_KEY, key)
        return SyncOfRun(**_texts(rows[0], "status", "error")) if rows else None

    async def tokens(
        self, within: timedelta | None = None, organization: int | None = None
    ) -> Tokens:
        """Those that end within that time or have ended; without a time, all."""
        rows = await self._database.rows(queries.TOKENS, within, organization)
        found = []
        for row in rows:
            told = _texts(row, "organization_name", "kind")
            told["fingerprint"] = fingerprint(told.pop("sealed"))
            found.append(TokenRow(**told))
        return Tokens(tokens=tuple(found), as_of=await self.now())

    async def webhook_events(self, since: datetime, account: str | None = None) -> WebhookEvents:
        """Of one ad account, or all."""
        rows = await self._database.rows(queries.WEBHOOK_EVENTS, since, account, MOST_EVENTS)
        events = tuple(
            WebhookEvent(
                at=row["at"], account=plain(row["account"], 40), field=plain(row["field"], 60)
            )
            for row in rows
        )
        count = rows[0]["count"] if rows else 0
        return WebhookEvents(events=events, count=count, since=since, as_of=await self.now())

    async def requests(self, vendor: str = "meta", hours: int = 24) -> Requests:
        """As the services noted them, hour by hour."""
        hours = min(hours, MOST_HOURS)
        counted = await self._database.rows(queries.REQUESTS, vendor, hours)
        callers = await self._database.rows(queries.CALLERS, vendor, hours)
        return Requests(
            vendor=vendor,
            hours=tuple(Hour(**row) for row in counted),
            callers=tuple(
                Caller(**_texts(row, "organization_name", "endpoint")) for row in callers
            ),
            as_of=await self.now(),
        )

    async def jobs(self, names: Sequence[str] = JOBS) -> Jobs:
        rows = await self._database.rows(queries.JOBS, list(names))
        jobs = tuple(Job(**_texts(row, "name", "last_error")) for row in rows)
        return Jobs(jobs=jobs, as_of=await self.now())

    async def now(self) -> datetime:
        """By the database's clock."""
        found: datetime = (await self._database.rows(queries.NOW))[0]["now"]
        return found

    # For other adapters.

    async def token_of(self, business_account: int) -> str:
        row = await self._token(business_account)
        if not row["sealed"]:
            raise Refused(f"Business account {business_account} has no token.")
        return await self._seal.open(row["sealed"])

    # Changes.

    async def _see_told(self, change: NotifyOwners) -> Seen:
        rows = await self._database.rows(queries.OWNERS, change.organization, change.run)
        told, name = sum(row["is_told"] for row in rows), plain(change.organization_name, 80)
        if not rows:
            return Seen("drifted", f"{name} has no owner who could be told")
        now = f"{told} of {len(rows)} owners of {name} are told in this run"
        return Seen("applied" if told == len(rows) else "before", now)

    async def _notify(self, change: NotifyOwners, key: Key) -> None:
        values = (change.organization, change.run, change.message)
        await self._database.alter(lambda c: c.execute(queries.NOTIFY, *values))

    async def _see_stored(self, change: StoreToken) -> Seen:
        row = await self._token(change.business_account)
        return await self._seen(change.business_account, row, change.new, change.replacing)

    async def _store(self, change: StoreToken, key: Key) -> None:
        new = await self._seal.seal(await self._value(change.new))

        async def put(connection: Any) -> None:
            row = await self._locked(connection, change.business_account)
            there = fingerprint(row["sealed"])
            if there != change.replacing:
                raise Refused("Another token is stored there by now. Nothing was changed.")
            if row["sealed"]:
                kept = (change.business_account, there, row["sealed"], row["expires_at"])
                await connection.execute(queries.KEEP_TOKEN, *kept)
            put = (change.business_account, new, change.expires_at, row["sealed"])
            await connection.execute(queries.PUT_TOKEN, *put)

        await self._database.alter(put)

    async def _see_restored(self, change: RestoreToken) -> Seen:
        row = await self._token(change.business_account)
        there, account = fingerprint(row["sealed"]), change.business_account
        if there == change.fingerprint:
            return Seen("applied", f"Business account {account} uses the token of before")
        value = await self._value(change.instead_of)
        if await self._seal.opens_to(row["sealed"], value):
            return Seen("before", f"Business account {account} uses {change.instead_of}")
        return Seen("drifted", f"Business account {account} uses a third token")

    async def _restore(self, change: RestoreToken, key: Key) -> None:
        value = await self._value(change.instead_of)

        async def put(connection: Any) -> None:
            row = await self._locked(connection, change.business_account)
            if not await self._seal.opens_to(row["sealed"], value):
                raise Refused("Another token is stored there by now. Nothing was changed.")
            sealed, expires_at = None, None
            if change.fingerprint:
                which = (change.business_account, change.fingerprint)
                kept = await connection.fetchrow(queries.KEPT_TOKEN, *which)
                if kept is None:
                    raise Refused("The token of before is not kept any more. Nothing was changed.")
                sealed, expires_at = kept["sealed"], kept["expires_at"]
            put = (change.business_account, sealed, expires_at, row["sealed"])
            await connection.execute(queries.PUT_TOKEN, *put)

        await self._database.alter(put)

    async def _seen(self, account: int, row: Any, wanted: Secret, replacing: str | None) -> Seen:
        if row["kind"] != "system_user":
            return Seen("drifted", f"Business account {account} uses the token of a user")
        if await self._seal.opens_to(row["sealed"], await self._value(wanted)):
            return Seen("applied", f"Business account {account} uses {wanted}")
        there = fingerprint(row["sealed"])
        now = f"Business account {account} uses {f'token {there}' if there else 'no token'}"
        return Seen("before" if there == replacing else "drifted", now)

    async def _token(self, business_account: int) -> Any:
        rows = await self._database.rows(queries.TOKEN, business_account)
        if not rows:
            raise Refused(f"There is no business account {business_account}.")
        return rows[0]

    async def _locked(self, connection: Any, business_account: int) -> Any:
        row = await connection.fetchrow(queries.LOCK_TOKEN, business_account)
        if row is None or row["kind"] != "system_user":
            raise Refused(
                f"Business account {business_account} is gone, or uses the token of a user."
                " Nothing was changed."
            )
        return row

    async def _value(self, secret: Secret) -> str:
        if not self._typed:
            raise Refused("What people type as secrets is kept nowhere: set secrets.keep.")
        return await self._typed.value(secret)

    alters = (
        pair(
            NotifyOwners,
            observe=_see_told,
            apply=_notify,
            permissions=("PostgreSQL: INSERT on notifications and runbook_bot.notices",),
        ),
        pair(
            StoreToken,
            observe=_see_stored,
            apply=_store,
            permissions=("PostgreSQL: UPDATE on org_business_accounts",),
        ),
        pair(
            RestoreToken,
            observe=_see_restored,
            apply=_restore,
            permissions=("PostgreSQL: UPDATE on org_business_accounts",),
        ),
    )


def _escaped(text: str) -> str:
    """As it stands in a LIKE pattern: nothing in it is special."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _texts(row: Any, *names: str) -> dict[str, Any]:
    """A row, with the texts that others wrote as what can be seen of them."""
    return {**row, **{name: plain(row[name] or "", 120) for name in names}}
