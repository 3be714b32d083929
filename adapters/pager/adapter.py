"""
Paging whoever is on call, and who that is.

With PagerDuty a page is an event with a key of its run: sent again, it is the same open incident,
so a page whose answer was lost may be sent once more. Without PagerDuty it is a mention of the
on-call user group in the run's channel. Not knowing who is on call, or what became of a page, is a
fact, not an error: it must not keep anybody from being paged.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from adapters.http_calls import Answer, HttpCalls, Query
from adapters.pager.changes import Page, Whom, dedup_key
from adapters.pager.facts import Leader, Leaders, OnCall
from adapters.plain import plain
from bot.runbook import Adapter, Key, Person, Run, Seen, pair
from bot.runbook.errors import Refused, Unreachable
from bot.runbook.mrkdwn import inert
from bot.secrets.vault import Credential, NotAccepted
from bot.settings import PagerSettings

PAGERDUTY = "PagerDuty"
LONGEST_SUMMARY = 1024  #: PagerDuty cuts what is longer.
#: Not documented. Of a page this much is read, and an event of half a megabyte is refused.
LONGEST_SOURCE, MOST_SERVICES = 255, 100
MOST_INCIDENTS = 100
#: PagerDuty says no to a wrong routing key as it does to any wrong event, with HTTP 400.
OF_THE_KEY = re.compile("routing.key", re.IGNORECASE)
WHO: Mapping[Whom, str] = {"on-call": "on-call group", "leaders": "leadership"}
NOBODY = (
    "Nobody can be paged: neither pager.routing_key nor pager.on_call_group is set."
    " Nobody was told. Call whoever is on call by other means"
)
NO_LEADERS = (
    "No leader can be paged: neither pager.leaders_routing_key nor pager.leaders is set."
    " Nobody was told. Call CEO, CTO and Legal by other means"
)


class Room(Protocol):
    """The run's channel. What is said under an `op` is said once. Texts are Slack's mrkdwn."""

    async def say(
        self, op: str, run: str, text: str, *, not_before: datetime | None = None
    ) -> None: ...

    async def state(self, op: str) -> Literal["absent", "queued", "delivered", "dead"]: ...


@dataclass(frozen=True)
class _OnDuty:
    name: str
    email: str


class Pager(Adapter):
    """Without a routing key the group is mentioned; without a token nobody is asked for."""

    def __init__(
        self,
        calls: HttpCalls,
        settings: PagerSettings,
        room: Room,
        routing_key: Credential | None,
        api_token: Credential | None,
        leaders_routing_key: Credential | None = None,
    ) -> None:
        self._calls, self._settings, self._room = calls, settings, room
        self._api_token = api_token
        self._routing_keys: Mapping[Whom, Credential | None] = {
            "on-call": routing_key,
            "leaders": leaders_routing_key,
        }
        self._people = {email.lower(): user for email, user in settings.people.items()}
        #: Keys that PagerDuty has accepted, for when it may not be read. Lost on a restart, which
        #: costs one more event under the same key.
        self._accepted: set[str] = set()

    async def on_call(self, run: Run, services: Sequence[str] = ()) -> OnCall:
        """
        Engaged: whoever is on call started the run, or has acknowledged its incident or another
        open one that names one of these services.
        """
        if not self._api_token:
            return OnCall(unread="Without pager.api_token nobody can say who is on call")
        duty, says, unread = None, "", ""
        try:
            duty = await self._on_duty()
            says = await self._acknowledged(run, services)
        except (Unreachable, Refused) as error:
            unread = str(error)
        user = self._people.get(duty.email.lower()) if duty else None
        name = duty.name if duty else ""
        if not says and user == run.started_by:
            says = f"{name} is on call and started this run"
        if not duty and not unread:
            unread = "PagerDuty names nobody who is on call"
            if not self._settings.escalation_policy:
                unread = "Without pager.escalation_policy nobody can say who is on call"
        person = Person(user_id=user) if user else None
        return OnCall(person=person, name=name, is_engaged=bool(says), says=says, unread=unread)

    async def leaders(self) -> Leaders:
        """As the settings name them; perhaps nobody."""
        named = self._settings.leaders.items()
        return Leaders(leaders=tuple(Leader(role=role, user_id=user) for role, user in named))

    async def _on_duty(self) -> _OnDuty | None:
        """Of the first level that has somebody; of those, one we know by their e-mail."""
        policy = self._settings.escalation_policy
        if not policy:
            return None
        query = [("escalation_policy_ids[]", policy), ("include[]", "users"), ("limit", "100")]
        listed = await self._list("oncalls", query)
        first_level = min(map(_level, listed), default=0)
        first = [one for one in listed if _level(one) == first_level]
        users = [one["user"] for one in first if isinstance(one.get("user"), Mapping)]
        found = [
            _OnDuty(plain(user.get("name") or user.get("summary"), 80), str(user.get("email", "")))
            for user in users
        ]
        known = [duty for duty in found if duty.email.lower() in self._people]
        return next(iter(known + found), None)

    async def _acknowledged(self, run: Run, services: Sequence[str]) -> str:
        """Who has acknowledged what; empty when nobody has."""
        key = dedup_key(run.id, run.started_at)
        ours = await self._list("incidents", [("incident_key", key)])
        query = [("statuses[]", "acknowledged"), ("limit", str(MOST_INCIDENTS))]
        others = await self._list("incidents", query) if services else []
        about = [one for one in others if self._is_about(one, services)]
        for incident in (*ours, *about):
            if incident.get("status") == "acknowledged":
                return _acknowledgement(incident)
        return ""

    def _is_about(self, incident: Mapping[str, Any], services: Sequence[str]) -> bool:
        policy = incident.get("escalation_policy")
        of = str(policy.get("id", "")) if isinstance(policy, Mapping) else ""
        title = str(incident.get("title") or incident.get("summary") or "")
        wanted = self._settings.escalation_policy
        return of == (wanted or of) and any(service in title for service in services)

    async def _list(self, what: str, query: Query) -> list[Mapping[str, Any]]:
        url = f"{self._settings.api_url.rstrip('/')}/{what}"

        async def ask(token: str) -> Answer:
            headers = {
                "authorization": f"Token token={token}",
                "accept": "application/vnd.pagerduty+json;version=2",
            }
            return await self._calls.read(PAGERDUTY, url, query, headers)

        assert self._api_token
        content = (await self._api_token.use(ask)).json()
        listed = content.get(what) if isinstance(content, dict) else None
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise Unreachable(f"{PAGERDUTY} answered without its {what}")
        return listed

    async def _see(self, change: Page) -> Seen:
        if not self._routing_keys[change.whom]:
            return await self._see_said(change)
        if not self._api_token:
            return self._remembered(change)
        try:
            listed = await self._list("incidents", [("incident_key", change.dedup_key)])
        except (Unreachable, Refused) as error:
            return self._remembered(change, f" ({error})")
        if not listed:
            return Seen("before", "PagerDuty has no incident of this run")
        number, status = (
            plain(listed[-1].get(what), 40) for what in ("incident_number", "status")
        )
        return Seen("applied", f"PagerDuty has incident #{number}, {status}")

    def _remembered(self, change: Page, why: str = "") -> Seen:
        """Where PagerDuty cannot be asked: a page too many is the same incident, none is none."""
        if change.dedup_key in self._accepted:
            return Seen("applied", "PagerDuty has accepted the page")
        return Seen("before", f"PagerDuty has not said that it has this page{why}")

    async def _see_said(self, change: Page) -> Seen:
        state = await self._room.state(change.op)
        who = WHO[change.whom]
        if state == "absent":
            return Seen("before", f"The {who} was not mentioned yet")
        if state == "dead":
            return Seen("unreadable", f"Slack refused to mention the {who}: call them")
        if state == "queued":
            return Seen("applying", f"The mention of the {who} is on its way")
        return Seen("applied", f"The {who} was mentioned in the channel")

    async def _page(self, change: Page, key: Key) -> None:
        key_of = self._routing_keys[change.whom]
        if not key_of:
            return await self._mention(change)
        await key_of.use(lambda routing_key: self._send(change, routing_key))
        self._accepted.add(change.dedup_key)

    async def _send(self, change: Page, routing_key: str) -> None:
        url = f"{self._settings.events_url.rstrip('/')}/v2/enqueue"
        try:
            answer = await self._calls.write(PAGERDUTY, url, self._event(change, routing_key))
        except Refused as error:
            if OF_THE_KEY.search(str(error)):
                raise NotAccepted(str(error)) from None
            raise
        taken = answer.json()
        if not isinstance(taken, dict) or taken.get("status") != "success":
            raise Unreachable(f"{PAGERDUTY} did not say that it took the page")

    async def _mention(self, change: Page) -> None:
        group, leaders = self._settings.on_call_group, self._settings.leaders
        if change.whom == "leaders":
            called = [f"{inert(plain(role, 40))} <@{user}>" for role, user in leaders.items()]
        else:
            called = [f"<!subteam^{group}>"] if group else []
        if not called:
            raise Refused(NO_LEADERS if change.whom == "leaders" else NOBODY)
        text = f"{', '.join(called)} {inert(plain(change.message, 1000))}"
        await self._room.say(change.op, change.run, text)

    def _event(self, change: Page, routing_key: str) -> dict[str, Any]:
        services = [plain(one) for one in change.services[:MOST_SERVICES]]
        payload = {
            "summary": plain(change.message, LONGEST_SUMMARY) or f"Run {change.run}",
            "severity": change.severity,
            "source": plain(", ".join(change.services), LONGEST_SOURCE) or "runbook-bot",
            "custom_details": {"run": change.run, "services": services},
        }
        return {
            "routing_key": routing_key,
            "event_action": "trigger",
            "dedup_key": change.dedup_key,
            "client": "Runbook Bot",
            "payload": payload,
        }

    alters = (
        pair(
            Page,
            observe=_see,
            apply=_page,
            permissions=("PagerDuty: Events API v2 integration key, read-only REST API key",),
        ),
    )


def _level(on_call: Mapping[str, Any]) -> int:
    level = on_call.get("escalation_level")
    return level if isinstance(level, int) else 99


def _acknowledgement(incident: Mapping[str, Any]) -> str:
    given = incident.get("acknowledgements")
    last = given[-1] if isinstance(given, list) and given else {}
    by = last.get("acknowledger") if isinstance(last, Mapping) else None
    who = plain(by.get("summary") or "Somebody", 80) if isinstance(by, Mapping) else "Somebody"
    number = plain(incident.get("incident_number", "?"), 20)
    title = plain(incident.get("title") or incident.get("summary") or "", 120)
    return f"{who} has acknowledged PagerDuty incident #{number} ({title})"
