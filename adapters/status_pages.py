"""
What the services we depend on say of themselves: Meta, Stripe, Auth0.

Each has a shape of its own. Anything else than that shape is `unreadable`, never "no trouble".
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

from adapters.http_calls import HttpCalls
from adapters.plain import plain
from bot.runbook import Adapter, Facts, Table
from bot.runbook.errors import Refused, Unreachable
from bot.settings import StatusPageSettings

META_WELL = frozenset({"no known issues", "resolved"})
META_TROUBLE = re.compile(r"disruption|outage|degraded|issue|investigating|maintenance|down", re.I)
STRIPE_WELL, STRIPE_TROUBLE = frozenset({"up"}), frozenset({"degraded", "down", "maintenance"})
AUTH0_WELL = "none"
AUTH0_TROUBLE = frozenset({"minor", "major", "critical", "maintenance"})
#: Of one vendor's troubles, this many are named.
MOST_NAMED = 5

State = Literal["well", "trouble", "unreadable"]


class VendorStatus(Facts):
    vendor: str
    state: State
    says: str = ""  #: The trouble in the vendor's words, or why its page could not be read.


class VendorStatuses(Facts):
    vendors: tuple[VendorStatus, ...]

    @property
    def down(self) -> tuple[str, ...]:
        """Vendors that report trouble, small or large."""
        return tuple(v.vendor for v in self.vendors if v.state == "trouble")

    @property
    def unreadable(self) -> tuple[str, ...]:
        return tuple(v.vendor for v in self.vendors if v.state == "unreadable")

    @property
    def troubles(self) -> str:
        """Why, for each that is down or unreadable."""
        return "; ".join(f"{v.vendor}: {v.says}" for v in self.vendors if v.state != "well")

    def table(self) -> Table:
        rows = ((v.vendor, v.state, v.says) for v in self.vendors)
        return Table(("Vendor", "Status", "Says"), tuple(rows))


class _Strange(Exception):
    """The page has not the shape it is known for. The message says what is strange about it."""


#: Gives (what is in trouble, in the vendor's words) or raises _Strange.
Reader = Callable[[Any], list[str]]


class StatusPages(Adapter):
    def __init__(self, calls: HttpCalls, settings: StatusPageSettings) -> None:
        self._calls = calls
        self._pages: tuple[tuple[str, str, Reader], ...] = (
            ("Meta", settings.meta_url, _meta),
            ("Stripe", settings.stripe_url, _stripe),
            ("Auth0", settings.auth0_url, _auth0),
        )

    async def statuses(self) -> VendorStatuses:
        """All vendors at the same time; one that cannot be read does not keep the others."""
        found = await asyncio.gather(*(self._status(*page) for page in self._pages))
        return VendorStatuses(vendors=tuple(found))

    async def _status(self, vendor: str, url: str, read: Reader) -> VendorStatus:
        page = f"{vendor}'s status page"
        try:
            answer = await self._calls.read(page, url)
            troubles = list(dict.fromkeys(read(answer.json())))
        except (Unreachable, Refused) as error:
            return VendorStatus(vendor=vendor, state="unreadable", says=str(error))
        except _Strange as strange:
            says = f"{page} has changed its shape ({strange}). Look at it yourself."
            return VendorStatus(vendor=vendor, state="unreadable", says=says)
        if not troubles:
            return VendorStatus(vendor=vendor, state="well")
        more = len(troubles) - MOST_NAMED
        named = "; ".join(one.rstrip(". ") for one in troubles[:MOST_NAMED])
        named += f"; and {more} more" if more > 0 else ""
        return VendorStatus(vendor=vendor, state="trouble", says=named)


def _meta(content: Any) -> list[str]:
    """`[{id, services: [{name, status}]}]`. A known trouble counts, whatever else is strange."""
    services = list(_meta_services(content))
    if not services:
        raise _Strange("it names no service")
    troubles, strange = [], []
    for name, status in services:
        if status.lower() in META_WELL:
            continue
        if META_TROUBLE.search(status):
            troubles.append(f"{name}: {status}")
        else:
            strange.append(status)
    if strange and not troubles:
        raise _Strange(f"an unknown status, {strange[0]!r}")
    return troubles


def _meta_services(content: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(content, list):
        raise _Strange("no list of organizations")
    for organization in content:
        services = organization.get("services") if isinstance(organization, dict) else None
        if not isinstance(services, list):
            raise _Strange("an organization without services")
        for service in services:
            if not isinstance(service, dict):
                raise _Strange("a service without a name")
            yield _text(service, "name"), _text(service, "status")


def _stripe(content: Any) -> list[str]:
    """`{statuses: {api: up, ...}, largestatus, message}`."""
    statuses = content.get("statuses") if isinstance(content, dict) else None
    if not isinstance(statuses, dict) or not statuses:
        raise _Strange("no statuses")
    states = {plain(name, 40): _text(statuses, name).lower() for name in statuses}
    overall = _text(content, "largestatus").lower()
    troubles = [f"{name} is {state}" for name, state in states.items() if state in STRIPE_TROUBLE]
    if overall in STRIPE_TROUBLE:
        troubles.insert(0, plain(content.get("message") or f"overall {overall}"))
    known = STRIPE_WELL | STRIPE_TROUBLE
    strange = [state for state in (overall, *states.values()) if state not in known]
    if strange and not troubles:
        raise _Strange(f"an unknown status, {strange[0]!r}")
    return troubles


def _auth0(content: Any) -> list[str]:
    """`{status: {indicator, description}}`, as Statuspage has it."""
    status = content.get("status") if isinstance(content, dict) else None
    if not isinstance(status, dict):
        raise _Strange("no status")
    indicator = _text(status, "indicator").lower()
    if indicator == AUTH0_WELL:
        return []
    if indicator in AUTH0_TROUBLE:
        return [plain(status.get("description") or indicator)]
    raise _Strange(f"an unknown indicator, {indicator!r}")


def _text(content: dict[Any, Any], key: Any) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _Strange(f"no {plain(key, 40)}")
    return plain(value)
