"""GitHub: as much of its REST API as makes issues and lists them."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.peers.peer import CALL, Peer

DOCUMENTATION = "https://docs.github.com/rest/issues/issues"
LONGEST_TITLE, MOST_PER_PAGE = 256, 100


@dataclass
class Issue:
    number: int
    title: str
    body: str
    labels: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    state: str = "open"


@dataclass
class Repository:
    name: str  #: owner/repository
    issues: list[Issue] = field(default_factory=list)


class GitHub(Peer):
    """
    Faults of its own: limited (403, as GitHub says it), denied (may not write), no labels (drops
    them, as for whoever may not push).
    """

    FAULTS = Peer.FAULTS | {"limited", "denied", "no labels"}

    def __init__(
        self,
        repository: str = "complyai/operations",
        token: str = "",
        slow_s: float = 30.0,
    ) -> None:
        super().__init__(slow_s)
        self.repository = Repository(repository)
        self.token = token or f"ghp_{secrets.token_hex(18)}"

    @property
    def issues(self) -> list[Issue]:
        return self.repository.issues

    def add(self, title: str, body: str = "", labels: tuple[str, ...] = ()) -> Issue:
        now = datetime.now(UTC)
        issue = Issue(len(self.issues) + 1, title, body, labels, now, now)
        self.issues.append(issue)
        return issue

    def routes(self) -> list[web.RouteDef]:
        path = "/repos/{owner}/{name}/issues"
        return [web.get(path, self._list), web.post(path, self._create)]

    def _no(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _says("Bad credentials", 401)
        if self.strikes("limited"):
            headers = {"x-ratelimit-remaining": "0", "retry-after": "60"}
            return _says("API rate limit exceeded for installation.", 403, headers)
        owner, name = request.match_info["owner"], request.match_info["name"]
        if f"{owner}/{name}" != self.repository.name:
            return _says("Not Found", 404)
        return None

    async def _list(self, request: web.Request) -> web.Response:
        if no := self._no(request):
            return no
        query = request.query
        size = min(int(query.get("per_page", "30")), MOST_PER_PAGE)
        start = (int(query.get("page", "1")) - 1) * size
        since = datetime.fromisoformat(query.get("since", "1970-01-01T00:00:00Z"))
        labels = set(filter(None, query.get("labels", "").split(",")))
        state = query.get("state", "open")
        found = [
            one
            for one in self.issues
            if one.updated_at >= since
            and labels <= set(one.labels)
            and state in ("all", one.state)
        ]
        if query.get("direction", "desc") == "desc":
            found.reverse()
        return web.json_response([self._shape(one) for one in found[start : start + size]])

    async def _create(self, request: web.Request) -> web.Response:
        if no := self._no(request):
            return no
        if self.strikes("denied"):
            return _says("Resource not accessible by personal access token", 403)
        wanted = request[CALL].body
        title = wanted.get("title") if isinstance(wanted, dict) else None
        if not isinstance(title, str) or not title or len(title) > LONGEST_TITLE:
            error = {"resource": "Issue", "code": "missing_field", "field": "title"}
            body = {"message": "Validation Failed", "errors": [error]}
            return web.json_response(body | {"documentation_url": DOCUMENTATION}, status=422)
        labels = () if self.strikes("no labels") else tuple(wanted.get("labels", ()))
        issue = self.add(title, str(wanted.get("body") or ""), labels)
        return web.json_response(self._shape(issue), status=201)

    def _shape(self, issue: Issue) -> dict[str, Any]:
        return {
            "id": 1_000_000 + issue.number,
            "number": issue.number,
            "html_url": f"https://github.com/{self.repository.name}/issues/{issue.number}",
            "state": issue.state,
            "title": issue.title,
            "body": issue.body,
            "labels": [{"name": label} for label in issue.labels],
            "created_at": f"{issue.created_at:%Y-%m-%dT%H:%M:%SZ}",
            "updated_at": f"{issue.updated_at:%Y-%m-%dT%H:%M:%SZ}",
        }


def _says(message: str, status: int, headers: dict[str, str] | None = None) -> web.Response:
    body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    return web.json_response(body, status=status, headers=headers)
