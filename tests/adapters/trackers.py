"""GitHub and Jira for tests of tickets: they may also answer in a shape that is none of theirs."""

from typing import Any

from aiohttp import web

from adapters.http_calls import HttpCalls
from adapters.tickets import Tickets
from bot.settings import TicketSettings
from sandbox.peers.github import GitHub
from sandbox.peers.jira import Jira
from tests.adapters.written_room import WrittenRoom
from tests.credentials import given

TOKEN = "ticket-token-not-to-be-shown"


class StrangeGitHub(GitHub):
    """Lists `strange` instead of issues, when told to."""

    FAULTS = GitHub.FAULTS | {"strange"}
    strange: object = None

    async def _list(self, request: web.Request) -> web.Response:
        if self.strikes("strange"):
            return web.json_response(self.strange)
        return await super()._list(request)

    @property
    def titles(self) -> list[str]:
        return [issue.title for issue in self.issues]


class StrangeJira(Jira):
    """Finds `strange` instead of issues, when told to."""

    FAULTS = Jira.FAULTS | {"strange"}
    strange: object = None

    async def _search(self, request: web.Request) -> web.Response:
        if self.strikes("strange"):
            return web.json_response(self.strange)
        return await super()._search(request)

    @property
    def titles(self) -> list[str]:
        return [issue.summary for issue in self.issues]


Peer = StrangeGitHub | StrangeJira


def settings_of(peer: Peer, **other: Any) -> TicketSettings:
    told = {"api_url": peer.url}
    if isinstance(peer, Jira):
        told |= {"tracker": "jira", "project": peer.project, "user": peer.user}
    else:
        told |= {"tracker": "github", "project": peer.repository.name}
    return TicketSettings.model_validate(told | other)


def tickets_of(
    calls: HttpCalls, settings: TicketSettings, room: WrittenRoom, token: str = TOKEN
) -> Tickets:
    return Tickets(calls, settings, room, given(token) if token else None)


def written(peer: Peer) -> int:
    """How many requests to make a ticket have come in."""
    return sum(call.method == "POST" for call in peer.calls)
