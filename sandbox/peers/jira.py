"""
Jira Cloud: as much of its REST API as makes issues and finds them.

Its search understands `field = "value"` joined by AND, newest first, and may be behind what was
made.
"""

import base64
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.peers.peer import CALL, Peer

CLAUSE = re.compile(r'^\s*(project|labels)\s*=\s*"([^"]*)"\s*$')
NEWEST_FIRST = " ORDER BY created DESC"
LONGEST_SUMMARY = 255


@dataclass
class Issue:
    key: str
    summary: str
    labels: tuple[str, ...]
    description: Any
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Jira(Peer):
    """Faults of its own: limited (429), behind (the search does not find what is new)."""

    FAULTS = Peer.FAULTS | {"limited", "behind"}

    def __init__(
        self,
        project: str = "OPS",
        user: str = "bot@example.com",
        token: str = "",
        slow_s: float = 30.0,
    ) -> None:
        super().__init__(slow_s)
        self.project, self.user = project, user
        self.token = token or f"ATATT3xFfGF0{secrets.token_urlsafe(32)}"
        self.issues: list[Issue] = []

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/rest/api/3/issue", self._create),
            web.get("/rest/api/3/search/jql", self._search),
        ]

    def _no(self, request: web.Request) -> web.Response | None:
        known = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {known}":
            text = "Client must be authenticated to access this resource."
            return web.Response(text=text, status=401)
        if self.strikes("limited"):
            return web.json_response({}, status=429, headers={"Retry-After": "30"})
        return None

    async def _create(self, request: web.Request) -> web.Response:
        if no := self._no(request):
            return no
        fields = (request[CALL].body or {}).get("fields", {})
        if errors := self._wrong(fields):
            return web.json_response({"errorMessages": [], "errors": errors}, status=400)
        key = f"{self.project}-{len(self.issues) + 1}"
        labels = tuple(fields.get("labels", ()))
        self.issues.append(Issue(key, fields["summary"], labels, fields.get("description")))
        body = {"id": str(10_000 + len(self.issues)), "key": key}
        return web.json_response(body | {"self": f"{self.url}/rest/api/3/issue/{key}"}, status=201)

    def _wrong(self, fields: dict[str, Any]) -> dict[str, str]:
        summary, description = fields.get("summary"), fields.get("description")
        if fields.get("project", {}).get("key") != self.project:
            return {"project": "Specify a valid project ID or key"}
        if fields.get("issuetype", {}).get("name") != "Task":
            return {"issuetype": "Specify an issue type"}
        if not summary or "\n" in summary or len(summary) > LONGEST_SUMMARY:
            return {"summary": "You must specify a summary of the issue."}
        if description is not None and not _is_document(description):
            return {"description": "Operation value must be an Atlassian Document"}
        if any(" " in label for label in fields.get("labels", ())):
            return {"labels": "The label contains spaces which is invalid."}
        return {}

    async def _search(self, request: web.Request) -> web.Response:
        if no := self._no(request):
            return no
        jql = request.query.get("jql", "").removesuffix(NEWEST_FIRST)
        clauses = [CLAUSE.match(one) for one in jql.split(" AND ")]
        if not clauses or not all(clauses):
            return _wrong_query("Error in the JQL Query: it cannot be understood here.")
        projects = {c[2] for c in clauses if c and c[1] == "project"}
        if strange := projects - {self.project}:
            return _wrong_query(
                f"The value '{strange.pop()}' does not exist for the field 'project'."
            )
        found = [one for one in self.issues if all(_fits(one, c) for c in clauses)]
        if self.strikes("behind"):
            found = []
        found.sort(key=lambda one: one.created_at, reverse=True)
        most, fields = int(request.query.get("maxResults", "50")), request.query.get("fields", "")
        shown = [_shape(one, fields.split(",")) for one in found[:most]]
        return web.json_response({"issues": shown, "isLast": len(found) <= most})


def _shape(issue: Issue, fields: list[str]) -> dict[str, Any]:
    made_at = f"{issue.created_at:%Y-%m-%dT%H:%M:%S.000%z}"
    every = {"summary": issue.summary, "created": made_at}
    shown = {name: every[name] for name in fields if name in every}
    return {
        "id": str(10_000 + int(issue.key.rpartition("-")[2])),
        "key": issue.key,
        "fields": shown,
    }


def _wrong_query(says: str) -> web.Response:
    return web.json_response({"errorMessages": [says], "warningMessages": []}, status=400)


def _fits(issue: Issue, clause: re.Match[str] | None) -> bool:
    assert clause is not None
    field, value = clause.groups()
    return value in issue.labels if field == "labels" else issue.key.startswith(f"{value}-")


def _is_document(description: Any) -> bool:
    if not isinstance(description, dict):
        return False
    return description.get("type") == "doc" and isinstance(description.get("content"), list)
