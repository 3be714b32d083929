"""Meta and our callback for tests, and an adapter between them; time only moves when told."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from adapters.http_calls import HttpCalls
from adapters.meta import AdAccount, Meta
from bot.runbook.errors import Refused
from bot.runbook.values import Secret
from bot.settings import MetaSettings
from sandbox.company.webhooks import Callback
from sandbox.meta import Graph, Token
from sandbox.peers.peer import Handler
from tests.credentials import given

ACCOUNT, OTHER = "act_200000104729", "act_200000209458"
TOKEN, TYPED = "stored-token-not-to-be-shown", "typed-token-not-to-be-shown"
OURS = AdAccount(account=ACCOUNT, business_account=7)
PLACE = Secret(name="runbook-bot/new", version="v1")
FIELDS = ("in_process_ad_objects", "with_issues_ad_objects")
NOW = 1_795_800_000.0  #: 2026-11-27.


class StrangeGraph(Graph):
    """Answers `strange`, with `status`, instead of anything else, when told to."""

    FAULTS = Graph.FAULTS | {"strange"}
    strange: Any = None
    status = 200

    def _answering(self, handler: Callable[..., Any]) -> Handler:
        usual = super()._answering(handler)

        async def answer(request: web.Request) -> web.StreamResponse:
            if self.strikes("strange"):
                return web.json_response(self.strange, status=self.status)
            return await usual(request)

        return answer


@dataclass
class Stored:
    """The company's database, as far as Meta's adapter asks it."""

    tokens: dict[int, str] = field(default_factory=lambda: {7: TOKEN})

    async def token_of(self, business_account: int) -> str:
        if business_account not in self.tokens:
            raise Refused(f"There is no business account {business_account}.")
        return self.tokens[business_account]


class Typed:
    async def value(self, secret: Secret) -> str:
        assert secret == PLACE
        return TYPED


@dataclass
class Town:
    graph: StrangeGraph
    callback: Callback
    stored: Stored
    calls: HttpCalls
    events: list[Mapping[str, Any]]
    moved_s: float = 0.0

    def meta(self, app_secret: bool = False, app_token: str = "", **told: Any) -> Meta:
        graph, verify = self.graph, self.callback.verify_token
        settings = MetaSettings(
            graph_url=graph.url, app_id=graph.app, callback_url=self.callback.callback_url
        )
        return Meta(
            self.calls,
            settings.model_copy(update=told),
            given(app_token or graph.app_token),
            given(graph.app_secret) if app_secret else None,
            given(verify),
            self.stored,
            Typed(),
        )


@asynccontextmanager
async def town(timeout_s: float = 0.7) -> AsyncIterator[Town]:
    events: list[Mapping[str, Any]] = []

    async def take(event: Mapping[str, Any]) -> None:
        events.append(event)

    calls = HttpCalls(timeout_s)
    async with StrangeGraph() as graph, Callback(graph.app_secret, take) as callback:
        made = Town(graph, callback, Stored(), calls, events)
        graph.now = lambda: NOW + made.moved_s
        graph.add(Token(TOKEN, kind="SYSTEM_USER"), Token(TYPED, kind="SYSTEM_USER"))
        graph.add_accounts([ACCOUNT, OTHER])
        yield made
    await calls.close()
