"""
Reads the company's users, their sessions and the audit table, and keeps users out.

Every change says what it wants to find, so that made twice it changes nothing the second time;
what is there afterwards is read anew.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from adapters.accounts import queries
from adapters.accounts.changes import DisableUser, EnableUser, RevokeUserSessions
from adapters.accounts.facts import Account, Activities, Activity, Suspects, Touched
from adapters.plain import plain
from adapters.postgres_calls import Row
from adapters.postgres_transactions import Database
from bot.runbook import Adapter, Facts, Key, Seen, pair
from bot.runbook.errors import Unreachable

MOST_ACTIVITIES, MOST_OWNERS, MOST_IPS = 500, 100, 5
F = TypeVar("F", bound=Facts)
PERMISSIONS = ("PostgreSQL: SELECT on users and user_sessions, UPDATE of two columns",)


class Accounts(Adapter):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, who: Sequence[str]) -> Suspects:
        """By e-mails and ids. Raises Unreachable, Refused."""
        emails = [one.strip().lower() for one in who if not one.strip().isdigit()]
        ids = [int(one) for one in who if one.strip().isdigit()]
        rows = await self._database.rows(queries.USERS, emails, ids)
        accounts = tuple(_fact(Account, _account(row)) for row in rows)
        known = {one.email.lower() for one in accounts} | {str(one.id) for one in accounts}
        missing = tuple(one for one in who if one.strip().lower() not in known)
        return Suspects(accounts=accounts, missing=missing)

    async def activities(
        self, users: Sequence[int], since: datetime, until: datetime | None = None
    ) -> Activities:
        """What they did, by the audit table. Raises Unreachable, Refused."""
        most = MOST_ACTIVITIES + 1
        rows = await self._database.rows(queries.ACTIVITIES, list(users), since, until, most)
        found = tuple(_fact(Activity, _activity(row)) for row in rows[:MOST_ACTIVITIES])
        is_cut = len(rows) > MOST_ACTIVITIES
        return Activities(entries=found, since=since, until=until, is_cut=is_cut)

    async def touched(self, organizations: Sequence[int]) -> Touched:
        """Raises Unreachable, Refused."""
        (count,) = await self._database.rows(queries.USERS_OF, list(organizations))
        rows = await self._database.rows(queries.OWNERS_OF, list(organizations), MOST_OWNERS + 1)
        owners = tuple(plain(row["email"]) for row in rows[:MOST_OWNERS])
        return _fact(
            Touched,
            {
                "organizations": tuple(organizations),
                "users": count["users"],
                "owners": owners,
                "is_cut": len(rows) > MOST_OWNERS,
            },
        )

    async def _see_disabled(self, change: DisableUser) -> Seen:
        return await self._see_active(change.user, wanted=False)

    async def _see_enabled(self, change: EnableUser) -> Seen:
        return await self._see_active(change.user, wanted=True)

    async def _see_active(self, user: int, wanted: bool) -> Seen:
        row = await self._one(user)
        if row is None:
            return Seen("drifted", f"there is no user {user}")
        now = f"user {user} is {'active' if row['is_active'] else 'disabled'}"
        return Seen("applied" if row["is_active"] is wanted else "before", now)

    async def _see_sessions(self, change: RevokeUserSessions) -> Seen:
        row = await self._one(change.user)
        if row is None:
            return Seen("drifted", f"there is no user {change.user}")
        live = int(row["live_sessions"])
        now = f"user {change.user} has {live or 'no'} live session{'s' * (live != 1)}"
        return Seen("before" if live else "applied", now)

    async def _disable(self, change: DisableUser, key: Key) -> None:
        await self._change(queries.DISABLE, change.user)

    async def _enable(self, change: EnableUser, key: Key) -> None:
        await self._change(queries.ENABLE, change.user)

    async def _revoke(self, change: RevokeUserSessions, key: Key) -> None:
        await self._change(queries.REVOKE, change.user)

    alters = (
        pair(DisableUser, observe=_see_disabled, apply=_disable, permissions=PERMISSIONS),
        pair(EnableUser, observe=_see_enabled, apply=_enable, permissions=PERMISSIONS),
        pair(RevokeUserSessions, observe=_see_sessions, apply=_revoke, permissions=PERMISSIONS),
    )

    async def _one(self, user: int) -> Mapping[str, Any] | None:
        return next(iter(await self._database.rows(queries.USERS, [], [user])), None)

    async def _change(self, query: str, user: int) -> None:
        await self._database.alter(lambda connection: connection.execute(query, user))


def _account(row: Row) -> dict[str, Any]:
    ips = tuple(map(str, (row["ips"] or ())[:MOST_IPS]))
    texts = {name: plain(row[name] or "") for name in ("email", "name", "auth0_id")}
    return {"id": row["id"], "is_active": row["is_active"], **texts} | {
        "live_sessions": row["live_sessions"],
        "ips": ips,
    }


def _activity(row: Row) -> dict[str, Any]:
    texts = {name: plain(row[name] or "") for name in ("organization_name", "action")}
    others = {name: row[name] for name in ("user", "organization", "times", "first", "last")}
    return {**others, **texts, "ips": tuple(map(str, (row["ips"] or ())[:MOST_IPS]))}


def _fact(kind: type[F], fields: Mapping[str, Any]) -> F:
    try:
        return kind.model_validate(fields)
    except ValidationError:
        raise Unreachable("The database holds users in a shape that cannot be read") from None
