"""
PagerDuty: Events API v2, which takes pages, and as much of the REST API as tells what became of
them and who is on call.

Events with a key of an open incident join it; after it is resolved they open another one. As at
PagerDuty, an incident made of events has no key of its own, and is found by its alerts' key.
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp import web

from sandbox.peers.peer import CALL, Peer

POLICY = "PESCAL1"
KEY_LENGTH = 32
SEVERITIES = ("critical", "error", "warning", "info")
MOST_PER_PAGE = 100


@dataclass(frozen=True)
class User:
    id: str
    name: str
    email: str


ALICE = User("PALICE1", "Alice Adler", "alice@example.com")
BOB = User("PBOB002", "Bob Bauer", "bob@example.com")


@dataclass
class Incident:
    number: int
    title: str
    keys: list[str]  #: Of its alerts.
    urgency: str
    created_at: datetime
    alerts: int = 1
    status: Literal["triggered", "acknowledged", "resolved"] = "triggered"
    acknowledged_by: list[User] = field(default_factory=list)


class PagerDuty(Peer):
    """Faults of its own: limited (429), behind (incidents are not listed yet)."""

    FAULTS = Peer.FAULTS | {"limited", "behind"}

    def __init__(
        self,
        routing_key: str = "",
        api_token: str = "",
        on_call: tuple[User | tuple[User, ...], ...] = (ALICE, BOB),
        slow_s: float = 30.0,
    ) -> None:
        super().__init__(slow_s)
        self.routing_key = routing_key or secrets.token_hex(KEY_LENGTH // 2)
        self.api_token = api_token or f"u+{secrets.token_urlsafe(13)}"
        self.on_call = on_call  #: By escalation level, the first first; of one level, one or more.
        self.incidents: list[Incident] = []

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v2/enqueue", self._enqueue),
            web.get("/oncalls", self._oncalls),
            web.get("/incidents", self._incidents),
        ]

    def open_incident(self, title: str, key: str = "", urgency: str = "high") -> Incident:
        now = datetime.now(UTC)
        keys = [key] if key else []
        incident = Incident(len(self.incidents) + 1, title, keys, urgency, now)
        self.incidents.append(incident)
        return incident

    def acknowledge(self, incident: Incident, by: User = ALICE) -> None:
        incident.status = "acknowledged"
        incident.acknowledged_by.append(by)

    def resolve(self, incident: Incident) -> None:
        incident.status = "resolved"

    async def _enqueue(self, request: web.Request) -> web.Response:
        if self.strikes("limited"):
            return web.json_response({"status": "throttle exceeded"}, status=429)
        event = request[CALL].body
        if errors := self._wrong(event):
            body = {"status": "invalid event", "message": "Event object is invalid"}
            return web.json_response(body | {"errors": errors}, status=400)
        key = str(event.get("dedup_key") or f"sandbox-{len(self.incidents) + 1}")
        self._take(key, event["payload"])
        body = {"status": "success", "message": "Event processed", "dedup_key": key}
        return web.json_response(body, status=202)

    def _take(self, key: str, payload: dict[str, Any]) -> None:
        for incident in self.incidents:
            if key in incident.keys and incident.status != "resolved":
                incident.alerts += 1
                return
        urgent = payload["severity"] in ("critical", "error")
        self.open_incident(payload["summary"], key, "high" if urgent else "low")

    def _wrong(self, event: Any) -> list[str]:
        if not isinstance(event, dict):
            return ["The event is not an object"]
        key, payload = str(event.get("routing_key", "")), event.get("payload")
        if len(key) != KEY_LENGTH:
            return [f"Length of 'routing_key' is incorrect (should be {KEY_LENGTH} characters)"]
        if key != self.routing_key:
            return ["Invalid routing key"]
        if event.get("event_action") != "trigger":
            return ["'event_action' is invalid (must be trigger here)"]
        if not isinstance(payload, dict):
            return ["'payload' is missing or blank"]
        missing = [name for name in ("summary", "source", "severity") if not payload.get(name)]
        if not missing and payload["severity"] not in SEVERITIES:
            return ["'payload.severity' is invalid"]
        return [f"'payload.{name}' is missing or blank" for name in missing]

    def _denied(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Token token={self.api_token}":
            return None
        return web.json_response(
            {"error": {"message": "Invalid Credentials", "code": 2006}}, status=401
        )

    async def _oncalls(self, request: web.Request) -> web.Response:
        if denied := self._denied(request):
            return denied
        wanted = request.query.getall("escalation_policy_ids[]", [POLICY])
        whole = "users" in request.query.getall("include[]", [])
        found = [
            {
                "user": _user(user, whole),
                "schedule": {"id": "PSCHED1", "type": "schedule_reference", "summary": "Primary"},
                "escalation_policy": _policy(),
                "escalation_level": level,
                "start": None,
                "end": None,
            }
            for level, users in enumerate(self.on_call, start=1)
            for user in (users if isinstance(users, tuple) else (users,))
            if POLICY in wanted
        ]
        return web.json_response({"oncalls": found, "limit": 25, "offset": 0, "more": False})

    async def _incidents(self, request: web.Request) -> web.Response:
        if denied := self._denied(request):
            return denied
        key = request.query.get("incident_key")
        statuses = request.query.getall("statuses[]", ["triggered", "acknowledged", "resolved"])
        limit = min(int(request.query.get("limit", "25")), MOST_PER_PAGE)
        found = [
            one
            for one in ([] if self.strikes("behind") else self.incidents)
            if one.status in statuses and (key is None or key in one.keys)
        ]
        body = {
            "incidents": [_incident(one) for one in found[:limit]],
            "limit": limit,
            "offset": 0,
        }
        return web.json_response(body | {"more": len(found) > limit})


def _user(user: User, whole: bool) -> dict[str, Any]:
    reference = {"id": user.id, "type": "user_reference", "summary": user.name}
    whole_user = reference | {"type": "user", "name": user.name, "email": user.email}
    return whole_user if whole else reference


def _policy() -> dict[str, Any]:
    return {"id": POLICY, "type": "escalation_policy_reference", "summary": "Production"}


def _incident(one: Incident) -> dict[str, Any]:
    return {
        "id": f"Q{one.number:013d}",
        "type": "incident",
        "incident_number": one.number,
        "summary": f"[#{one.number}] {one.title}",
        "title": one.title,
        "created_at": f"{one.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "status": one.status,
        "incident_key": None,
        "urgency": one.urgency,
        "escalation_policy": _policy(),
        "acknowledgements": [
            {"at": f"{one.created_at:%Y-%m-%dT%H:%M:%SZ}", "acknowledger": _user(user, False)}
            for user in one.acknowledged_by
        ],
    }
