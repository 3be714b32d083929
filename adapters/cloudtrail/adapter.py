"""
Looks events up in CloudTrail: the newest first, 50 to a page, two pages a second for the whole
account, by one attribute at a time. What is done to IAM and who signs in is recorded in us-east-1,
wherever the company's services run; so it is asked there as well.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from adapters.aws_calls import AwsCalls
from adapters.aws_errors import THROTTLED_S
from adapters.cloudtrail.facts import FOOTHOLDS, SIGN_INS, Trail, TrailEvent
from adapters.cloudtrail.reading import event_of
from bot.runbook import Adapter
from bot.runbook.errors import NothingDone

READS: tuple[str, ...] = ("cloudtrail:LookupEvents",)
#: Two calls a second: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
EVERY_S = 0.55
PAGE, MOST = 50, 400
TRIES = 5  #: While somebody else uses the account's two calls a second.
KEPT = timedelta(days=90)
Attribute = Literal["Username", "AccessKeyId", "EventName", "ResourceName"]


class CloudTrail(Adapter):
    """`places`: the company's region, and last where AWS records what belongs to none."""

    def __init__(
        self,
        places: Sequence[AwsCalls],
        every_s: float = EVERY_S,
        nap: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._places, self._every_s, self._nap = places, every_s, nap
        self._turn = asyncio.Lock()

    async def of(
        self, attribute: Attribute, values: Sequence[str], since: datetime, until: datetime
    ) -> Trail:
        """What these users or keys did, or what was done so. Raises Unreachable, Refused."""
        return await self._at(self._places, attribute, values, since, until)

    async def footholds(self, since: datetime, until: datetime) -> Trail:
        """Whatever gave anybody a way in that stays, by whomever. Raises Unreachable, Refused."""
        return await self._at(self._places[-1:], "EventName", sorted(FOOTHOLDS), since, until)

    async def sign_ins(self, since: datetime, until: datetime) -> Trail:
        """Into the console, those that failed too. Raises Unreachable, Refused."""
        return await self.of("EventName", sorted(SIGN_INS), since, until)

    async def _at(
        self,
        places: Sequence[AwsCalls],
        attribute: Attribute,
        values: Sequence[str],
        since: datetime,
        until: datetime,
    ) -> Trail:
        events: dict[tuple[Any, ...], TrailEvent] = {}
        is_cut = False
        for place in places:
            for value in values:
                found, more = await self._look_up(place, attribute, value, since, until)
                is_cut = is_cut or more
                events |= {tuple(one.model_dump().values()): one for one in found}
        newest = sorted(events.values(), key=lambda one: one.at, reverse=True)
        return Trail(events=tuple(newest), since=since, until=until, is_cut=is_cut)

    async def _look_up(
        self, place: AwsCalls, attribute: Attribute, value: str, since: datetime, until: datetime
    ) -> tuple[list[TrailEvent], bool]:
        """What is found, and whether there is more than that."""
        asked: dict[str, Any] = {
            "LookupAttributes": [{"AttributeKey": attribute, "AttributeValue": value}],
            "StartTime": since.astimezone(UTC),
            "EndTime": until.astimezone(UTC),
            "MaxResults": PAGE,
        }
        found: list[TrailEvent] = []
        while True:
            answer = await self._ask(place, asked)
            found += [event_of(one) for one in answer.get("Events", [])]
            if not answer.get("NextToken"):
                return found, False
            if len(found) >= MOST:
                return found, True
            asked["NextToken"] = answer["NextToken"]

    async def _ask(self, place: AwsCalls, asked: dict[str, Any]) -> dict[str, Any]:
        for _ in range(TRIES - 1):
            try:
                return await self._in_turn(place, asked)
            except NothingDone:
                await self._nap(THROTTLED_S)
        return await self._in_turn(place, asked)

    async def _in_turn(self, place: AwsCalls, asked: dict[str, Any]) -> dict[str, Any]:
        async with self._turn:
            answer = await place.read("cloudtrail", "lookup_events", **asked)
            await self._nap(self._every_s)
            return answer
