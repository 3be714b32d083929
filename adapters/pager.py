"""
Paging whoever is on call, and who that is.

With PagerDuty a page is an event with a key of its run: sent again, it is the same open incident,
so a page whose answer was lost may be sent once more. Without PagerDuty it is a mention of the
on-call user group in the run's channel. Not knowing who is on call, or what became of a page, is a
fact, not an error: it must not keep anybody from being paged.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import AwareDatetime

from adapters.http_calls import Answer, HttpCalls, Query
from adapters.plain import plain
from bot.runbook import CHANGE, Adapter, Change, Facts, Key, Person, Run, Seen, pair
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
NOBODY = (
    "Nobody can be paged: neither pager.routing_key nor pager.on_call_group is set."
    " Nobody was told. Call whoever is on call by other means"
)


def dedup_key(run: str, since: datetime) -> str:
    """
    What makes every page of one run the same open incident. With the time, as after a lost store
    an id may come again: an incident of back then would pass for the page of now.
    """
    return f"runbook-run:{run}/{int(since.timestamp())}"


class Room(Protocol):
    """The run's channel. What is said under an `op` is said once. Texts are Slack's mrkdwn."""

    async def say(
        self, op: str, run: str, text: str, *, not_before: datetime | None = None
    ) -> None: ...

    async def state(self, op: str) -> Literal["absent", "queued", "delivered", "dead"]: ...


class OnCall(Facts):
    person: Person | None = None  #: In the workspace; None: not known, or has no account there.
    name: str = ""  #: As PagerDuty names them.
    is_engaged: bool = False  #: Is at it already: acknowledged it, or started the run.
    says: str = ""  #: How that is known.
    unread: str = ""  #: Why it could not be found out, if so. Page then: it is never wrong.


class Page(Change):
    """Wakes whoever is on call. Made twice for one run, it is still one open incident."""

    effect = CHANGE
    ours = True
    repeatable = True

    run: str
    since: AwareDatetime  #: When the run was started.
    message: str
    services: tuple[str, ...] = ()  #: What it is about.
    severity: Literal["critical", "error", "warning", "info"] = "critical"

    def target(self) -> str:
        return f"pager/{self.run}"

    def command(self) -> str:
        return f"page on-call {shlex.quote(plain(self.message))}"

    @property
    def dedup_key(self) -> str:
        return dedup_key(self.run, self.since)

    @property
    def op(self) -> str:
        return f"{self.run}/page"


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
    ) -> None:
        self._calls, self._settings, self._room = calls, settings, room
        self._routing_key, self._api_token = routing_key, api_token
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
        if not self._routing_key:
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
        if state == "absent":
            return Seen("before", "The on-call group was not mentioned yet")
        if state == "dead":
            return Seen("unreadable", "Slack refused to mention the on-call group: call them")
        if state == "queued":
            return Seen("applying", "The mention of the on-call group is on its way")
        return Seen("applied", "The on-call group was mentioned in the channel")

    async def _page(self, change: Page, key: Key) -> None:
        if not self._routing_key:
            return await self._mention(change)
        await self._routing_key.use(lambda routing_key: self._send(change, routing_key))
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
        group = self._settings.on_call_group
        if not group:
            raise Refused(NOBODY)
        text = f"<!subteam^{group}> {inert(plain(change.message, 1000))}"
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
