"""PagerDuty for tests of the pager: it may also answer in a shape that is none of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from adapters.http_calls import HttpCalls
from adapters.pager import Page, Pager
from bot.runbook import Run
from bot.secrets.vault import Credential
from bot.settings import PagerSettings
from sandbox.peers.pagerduty import POLICY, PagerDuty
from tests.adapters.written_room import WrittenRoom
from tests.credentials import given

ROUTING_KEY, API_TOKEN = "0123456789abcdef0123456789abcdef", "pd-token-not-to-be-shown"
CORE = "complyai-core"
RUN = Run(id="7F3K", started_at=datetime(2026, 9, 1, 3, tzinfo=UTC), started_by="U-DANA")
PAGE = Page(
    run=RUN.id, since=RUN.started_at, message="P1 Service Outage: core-down", services=(CORE,)
)


class Duty(PagerDuty):
    """Answers `strange` instead of data, when told to."""

    FAULTS = PagerDuty.FAULTS | {"strange"}
    strange: object = None

    @property
    def pages(self) -> int:
        """How many requests to page have come in."""
        return sum(call.path == "/v2/enqueue" for call in self.calls)

    async def _enqueue(self, request: web.Request) -> web.Response:
        if self.strikes("strange"):
            return web.json_response(self.strange)
        return await super()._enqueue(request)

    async def _incidents(self, request: web.Request) -> web.Response:
        if self.strikes("strange"):
            return web.json_response(self.strange)
        return await super()._incidents(request)


@asynccontextmanager
async def pager_of(duty: Duty, room: WrittenRoom) -> AsyncIterator[Pager]:
    calls = HttpCalls(timeout_s=0.7)
    settings = PagerSettings(
        events_url=duty.url,
        api_url=duty.url,
        escalation_policy=POLICY,
        on_call_group="S0ONCALL",
        people={"Alice@Example.com": "U0ALICE"},
    )
    yield Pager(calls, settings, room, given(ROUTING_KEY), given(API_TOKEN))
    await calls.close()


def changed(
    pager: Pager, routing_key: str | None = None, api_token: str | None = None, **settings: Any
) -> Pager:
    """A pager with other settings, as after a restart. None: the same key; empty: none."""
    return Pager(
        pager._calls,
        pager._settings.model_copy(update=settings),
        pager._room,
        _other(pager._routing_keys["on-call"], routing_key),
        _other(pager._api_token, api_token),
    )


def _other(before: Credential | None, value: str | None) -> Credential | None:
    return before if value is None else given(value) if value else None
