"""
All that has to do with ads, joined up: Meta, the company's callback and internal API, the queue
and its workers, and the rows that they write.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg

from bot.runbook.company import AdSync
from bot.secrets.reference import Reference
from bot.settings import CelerySettings, InternalSettings, MetaSettings, TokenSettings
from sandbox.company.internal_api import InternalApi
from sandbox.company.syncing import Syncing
from sandbox.company.webhooks import Callback
from sandbox.company.work import Pace, Work
from sandbox.meta import Graph, Token
from sandbox.meta.graph import OBJECT
from sandbox.meta.state import Subscription
from sandbox.peers.kubernetes import Cluster
from sandbox.postgres import Database
from sandbox.postgres.data import ENCRYPTION_KEY, token_value

FIELDS = ("in_process_ad_objects", "with_issues_ad_objects")
#: A token that nobody uses yet, for whoever is asked for a new one. It opens nothing.
FRESH = "sandbox-token-fresh"

Keep = Callable[[str, str], Reference]


class Ads:
    """
    `scale`: seconds of real time that a second of a sync takes. `parameter`: what the workers read
    of the company's parameters, by name; None: there is none.
    """

    def __init__(
        self, database: Database, scale: float, parameter: Callable[[str], str | None]
    ) -> None:
        self._database = database
        self.graph = Graph()
        self.callback = Callback(self.graph.app_secret, self._take)
        self.syncing = Syncing(lambda: database.dsn, self.graph, scale)
        self.work = Work(self.syncing, lambda: _pace(parameter))
        self.internal = InternalApi(lambda: database.dsn, self.work.start_sync)

    def run_in(self, cluster: Cluster) -> None:
        """The workers are pods there: they live as these do, and write into their logs."""
        turns = itertools.count()

        def write(line: str) -> None:
            if ready := [life for life in cluster.pods() if life.is_ready]:
                cluster.write(ready[next(turns) % len(ready)], line)

        self.work.follow(cluster.alive)
        self.syncing.heard = write

    async def start(self) -> None:
        """Once the database is there."""
        await asyncio.gather(*(part.start() for part in self._parts))
        await self._learn()
        self.graph.subscriptions[OBJECT] = Subscription(self.callback.callback_url, FIELDS)
        for account in self.graph.accounts.values():
            account.apps.add(self.graph.app)

    async def stop(self) -> None:
        await asyncio.gather(*(part.stop() for part in self._parts))

    @property
    def _parts(self) -> tuple[Graph | Callback | InternalApi | Work, ...]:
        return (self.graph, self.callback, self.internal, self.work)

    def settings(self, keep: Keep) -> Mapping[str, Any]:
        """How a bot is told of all this. `keep` puts a secret where the bot finds it."""
        graph, work = self.graph, self.work
        celery = CelerySettings()
        if work.is_there:
            celery = CelerySettings(
                broker_url=keep("celery-broker", work.redis.url),
                flower_url=work.flower.url,
                flower_login=keep("flower-login", work.flower.login),
            )
        meta = MetaSettings(
            graph_url=graph.url,
            app_id=graph.app,
            app_token=keep("meta-app-token", graph.app_token),
            app_secret=keep("meta-app-secret", graph.app_secret),
            verify_token=keep("meta-verify-token", self.callback.verify_token),
            callback_url=self.callback.callback_url,
            fields=FIELDS,
        )
        internal = InternalSettings(
            url=self.internal.url, api_key=keep("internal-api-key", self.internal.key)
        )
        tokens = TokenSettings(keys=keep("token-keys", ENCRYPTION_KEY))
        return {"celery": celery, "meta": meta, "internal": internal, "tokens": tokens}

    async def execute(self, query: str, *values: object) -> None:
        """In the company's database, where it has tables."""
        connection = await asyncpg.connect(self._database.dsn, timeout=10)
        try:
            if await connection.fetchval("SELECT to_regclass('organizations')"):
                await connection.execute(query, *values)
        finally:
            connection.terminate()

    async def _learn(self) -> None:
        """Meta knows the company's accounts and tokens."""
        self.graph.add(Token(FRESH, user="10000000000099", kind="SYSTEM_USER"))
        connection = await asyncpg.connect(self._database.dsn, timeout=10)
        try:
            if not await connection.fetchval("SELECT to_regclass('organizations')"):
                return
            for row in await connection.fetch(ACCOUNTS):
                self.graph.add_accounts([row["account"]], row["business"])
            for row in await connection.fetch(TOKENS):
                self.graph.add(_token(row))
        finally:
            connection.terminate()

    async def _take(self, event: Mapping[str, Any]) -> None:
        for entry in event["entry"]:
            for change in entry["changes"]:
                told = ("meta", f"act_{entry['id']}", change["field"], json.dumps(change["value"]))
                await self.execute(NOTE, *told)


def _pace(parameter: Callable[[str], str | None]) -> Pace:
    """What cannot be read is as it usually is."""
    names, usual = AdSync(), Pace()
    interval = parameter(names.interval_parameter) or ""
    first = (parameter(names.first_parameter) or "").split(",")
    return Pace(
        interval_min=float(interval) if interval.isdecimal() else usual.interval_min,
        backs_off=parameter(names.backoff_parameter) == "on",
        first=tuple(int(one) for one in first if one.isdecimal()),
    )


def _token(row: Any) -> Token:
    token = Token(token_value(row["id"]), user=f"{10_000_000_000_100 + row['id']}")
    token.kind = "SYSTEM_USER" if row["kind"] == "system_user" else "USER"
    token.expires_at = row["expires_at"].timestamp() if row["expires_at"] else None
    if token.expires_at and token.expires_at < time.time():
        token.state = "expired"
    return token


ACCOUNTS = """
    SELECT a.meta_account_id AS account, o.meta_business_id AS business
    FROM org_ad_accounts a JOIN organizations o ON o.id = a.organization_id
"""
TOKENS = "SELECT id, token_kind AS kind, token_expires_at AS expires_at FROM org_business_accounts"
NOTE = """
    INSERT INTO webhook_events (source, account, field, payload) VALUES ($1, $2, $3, $4::jsonb)
"""
