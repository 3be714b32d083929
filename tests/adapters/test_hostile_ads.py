"""Whatever Meta, Flower and the company's tables hold is a fact to be stored and shown."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from adapters.celery import Celery
from adapters.company_data import CompanyData
from adapters.http_calls import HttpCalls
from adapters.internal_api import InternalApi, TriggerSync
from adapters.meta import AdAccount, Meta, StoredToken, Subscribe, graph
from bot.settings import MetaSettings
from sandbox.postgres import Database
from tests.adapters.meta_world import Stored
from tests.adapters.test_hostile_answers import LONGEST_SAID, Says, calls_of_http, other, told
from tests.credentials import given
from tests.hostile import MALICE, MIXED

pytestmark = pytest.mark.slow
__all__ = ["calls_of_http", "other"]

ACCOUNT = AdAccount(account="act_1", business_account=7)
AT = datetime(2026, 9, 1, 3, tzinfo=UTC)


@pytest.fixture
def meta(monkeypatch: pytest.MonkeyPatch, other: Says, calls_of_http: HttpCalls) -> Meta:
    monkeypatch.setattr(graph, "PAUSE_S", 0.0)
    settings = MetaSettings(graph_url=other.url, app_id="1", callback_url=other.url)
    token = given("app-token-of-a-test")
    return Meta(calls_of_http, settings, token, None, given("v"), Stored(), None)


async def test_meta(other: Says, meta: Meta) -> None:
    change = Subscribe(app="1", callback="https://x", fields=("a",))
    place = StoredToken(business_account=7)
    for one in MALICE.values():
        data = {"is_valid": True, "app_id": one, "application": one, "type": one, "scopes": [one]}
        listed = {"object": "ad_account", "callback_url": one, "active": True}
        subscribed = {"data": [listed | {"fields": [one]}, listed | {"fields": [{"name": one}]}]}
        refusal = {"message": one, "code": 190, "error_subcode": 463}
        business = {one: [{"type": one, "call_count": 7}]}
        other.headers = {"x-business-use-case-usage": json.dumps(business)}
        questions: list[tuple[Any, Callable[[], Awaitable[Any]]]] = [
            ({"data": data | {"error": {"message": one}}}, lambda: meta.token(place)),
            (subscribed, meta.subscriptions),
            (subscribed, lambda: meta._see_subscription(change)),
            ({"data": [{"id": one, "name": one}]}, lambda: meta.hearings([ACCOUNT])),
            ({"id": one, "name": one}, lambda: meta.try_token(place, "act_1")),
            ({"error": refusal}, lambda: meta.try_token(place, "act_1")),
            ({"error": {"message": one, "code": one}}, lambda: meta.headroom(ACCOUNT)),
            ({one: one}, lambda: meta.headroom(ACCOUNT)),
            (one, meta.endpoint),
        ]
        for other.answer, ask in questions:
            assert len(await told(ask())) <= 3 * LONGEST_SAID


async def test_flower(other: Says, calls_of_http: HttpCalls) -> None:
    celery = Celery(None, calls_of_http, other.url)
    for one in MIXED:
        for other.answer in (
            {"active_queues": [{"name": one, "messages": 3}]},
            {one: {"active_queues": [{"name": one}], "conf": {"broker_url": one}}},
            {one: True},
            {one: one},
        ):
            await told(celery.queue(one))
            await told(celery.workers())


class NoSyncs:
    async def sync_of(self, key: str) -> None:
        return None


async def test_the_internal_api(other: Says, calls_of_http: HttpCalls) -> None:
    api = InternalApi(calls_of_http, other.url, given("internal-key-of-a-test"), NoSyncs())
    for one in MIXED:
        for other.status in (200, 202, 404, 500):
            other.answer = {"message": one, "sync_id": one}
            await told(api.health())
            change = TriggerSync(run="R", organization=1, organization_name=one, since=AT)
            await told(api._see(change))
            await told(_nothing(lambda change=change: api._trigger(change, "k")))  # type: ignore[misc]


async def _nothing(call: Callable[[], Any]) -> None:
    await call()


def as_stored(text: str) -> str:
    """PostgreSQL takes no NUL, nor half a character."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


async def test_the_company_s_tables() -> None:
    texts = [as_stored(one) for one in MIXED]
    async with Database(len(texts), with_replica=False) as database:
        admin = await asyncpg.connect(database.admin_dsn)
        await admin.executemany(SPOIL, list(enumerate(texts, start=1)))
        await admin.executemany(NOTE, [(one,) for one in texts])
        await admin.executemany(FAIL, list(enumerate(texts, start=1)))
        await admin.execute(CALL, texts)
        await admin.close()
        data = CompanyData(given(database.dsn), None, None, 5.0)
        now = await data.now()
        for asked in (
            data.organizations("a"),
            data.last_syncs(),
            data.failed_syncs(),
            data.ads_updated(1, now),
            data.tokens(),
            data.webhook_events(now - timedelta(hours=1)),
            data.requests(),
        ):
            await told(asked)
        for one in texts:
            assert (await data.organizations(one)).as_of


SPOIL = """
    WITH o AS (UPDATE organizations SET name = $2, meta_business_id = $2 WHERE id = $1)
    UPDATE org_ad_accounts SET name = $2, meta_account_id = $2 WHERE organization_id = $1
"""
NOTE = """
    INSERT INTO webhook_events (source, account, field, payload) VALUES ('meta', $1, $1, '{}')
"""
FAIL = """
    INSERT INTO activity_events (organization_id, action, details)
    VALUES ($1, 'ad_sync_failed', jsonb_build_object('code', $2::text))
"""
CALL = """
    UPDATE api_request_logs SET endpoint = ($1::text[])[1 + id % cardinality($1::text[])]
"""
