"""
Our own services, asked from outside for their health.

Not answering is what this looks for, so it is a fact here and not an Unreachable. Only JSON that
says "healthy" is healthy: a web page, or an error under HTTP 200, is not.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from adapters.http_calls import Answer, HttpCalls
from adapters.plain import plain
from bot.runbook import Adapter, Facts, Table
from bot.runbook.company import ServicePlace
from bot.runbook.errors import Refused, Unreachable

HEALTHY = frozenset({"healthy", "ok"})
#: One connection per question, so that a load balancer may choose another task each time.
FRESH = {"connection": "close", "accept": "application/json"}


class Health(Facts):
    """One answer of a service. `latency` is None when none came."""

    service: str
    is_healthy: bool
    version: str = ""
    latency: timedelta | None = None
    says: str = ""  #: Why it is not healthy; else what it says of itself.


class Healths(Facts):
    services: tuple[Health, ...]

    @property
    def down(self) -> tuple[str, ...]:
        """Services with an answer that is not healthy, or without an answer; each once."""
        return tuple(dict.fromkeys(h.service for h in self.services if not h.is_healthy))

    @property
    def troubles(self) -> str:
        return "; ".join(
            dict.fromkeys(f"{h.service} {h.says}" for h in self.services if not h.is_healthy)
        )

    @property
    def versions(self) -> frozenset[str]:
        return frozenset(h.version for h in self.services if h.version)

    def table(self) -> Table:
        columns = ("Service", "Healthy", "Version", "Latency", "Says")
        rows = ((h.service, h.is_healthy, h.version, h.latency, h.says) for h in self.services)
        return Table(columns, tuple(rows))


class ComplyAi(Adapter):
    def __init__(self, calls: HttpCalls, services: Sequence[ServicePlace]) -> None:
        self._calls = calls
        self._urls: Mapping[str, str] = {one.name: one.health_url for one in services}

    async def healths(self, services: Sequence[str] = ()) -> Healths:
        """All services, or these, at the same time. Raises Refused for a strange name."""
        urls = [(name, self._url(name)) for name in services or self._urls]
        found = await asyncio.gather(*(self._ask(name, url) for name, url in urls))
        return Healths(services=tuple(found))

    async def answers(self, service: str, times: int) -> Healths:
        """One service asked several times, so that every task behind its balancer is met."""
        url = self._url(service)
        found = await asyncio.gather(*(self._ask(service, url) for _ in range(times)))
        return Healths(services=tuple(found))

    def _url(self, service: str) -> str:
        if service not in self._urls:
            raise Refused(
                f"Nobody knows where to ask for the health of {plain(service, 60)}."
                f" Add it to company.services; known are {', '.join(self._urls)}."
            )
        return self._urls[service]

    async def _ask(self, service: str, url: str) -> Health:
        try:
            answer = await self._calls.ask(service, url, headers=FRESH)
        except (Unreachable, Refused) as error:
            why = str(error).removeprefix(f"{service} ")
            return Health(service=service, is_healthy=False, says=why)
        return _read(service, answer)


def _read(service: str, answer: Answer) -> Health:
    def verdict(says: str, version: str = "", is_healthy: bool = False) -> Health:
        return Health(
            service=service,
            is_healthy=is_healthy,
            version=version,
            latency=answer.took,
            says=says,
        )

    try:
        content = answer.json()
    except Unreachable as error:
        why = str(error).removeprefix(f"{service} ")
        return verdict(why if answer.is_good else f"answered HTTP {answer.status}")
    if not isinstance(content, dict) or not isinstance(content.get("status"), str):
        return verdict(f"answered HTTP {answer.status} without saying how it is")
    status = plain(content["status"], 40)
    version = plain(content.get("version") or "", 60)
    failing = _failing(content)
    if answer.is_good and status.lower() in HEALTHY and not failing:
        return verdict(status, version, is_healthy=True)
    told = f"says {status!r} (HTTP {answer.status})"
    return verdict(f"{told}: {failing}" if failing else told, version)


def _failing(content: Mapping[str, object]) -> str:
    """What it says is wrong with it: its failing checks, and its error."""
    checks = content.get("checks") or {}
    if not isinstance(checks, dict):
        return "its checks have a shape that cannot be read"
    wrong = [
        f"{plain(name, 40)} {plain(state, 60)}"
        for name, state in checks.items()
        if str(state).lower() not in HEALTHY
    ]
    if error := content.get("error") or content.get("errors"):
        wrong.append(plain(error, 120))
    return ", ".join(wrong[:5])
