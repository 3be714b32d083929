"""
CloudTrail's record of what was done to the account. It answers as AWS does: one attribute, the
newest first, 90 days, 50 to a page, two calls a second for the whole account.
"""

import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws.clock import moment
from sandbox.aws.overlay import Handler
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import ACCOUNT, REGION, Answer, AwsError, Params

MOST_PER_PAGE, PER_SECOND = 50, 2
KEPT_S = timedelta(days=90).total_seconds()


@dataclass(frozen=True)
class Recorded:
    """`more` stands in the event itself, such as errorCode or responseElements."""

    at: float
    name: str
    user: str
    source: str
    key_id: str
    ip: str
    user_agent: str
    more: Mapping[str, Any]

    @property
    def attributes(self) -> Mapping[str, str]:
        told = {"Username": self.user, "AccessKeyId": self.key_id, "EventName": self.name}
        return told | {"EventSource": self.source}

    def shape(self) -> Answer:
        event_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.at} {self.name} {self.ip}"))
        event = {
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "IAMUser",
                "arn": f"arn:aws:iam::{ACCOUNT}:user/{self.user}",
                "accountId": ACCOUNT,
                "accessKeyId": self.key_id,
                "userName": self.user,
            },
            "eventTime": f"{datetime.fromtimestamp(self.at, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "eventSource": self.source,
            "eventName": self.name,
            "awsRegion": REGION,
            "sourceIPAddress": self.ip,
            "userAgent": self.user_agent,
            "requestParameters": None,
            "responseElements": None,
            "eventID": event_id,
            "eventType": "AwsApiCall",
            **self.more,
        }
        key = {"AccessKeyId": self.key_id} if self.key_id else {}
        return {
            "EventId": event_id,
            "EventName": self.name,
            "ReadOnly": "false",
            "EventTime": moment(float(int(self.at))),
            "EventSource": self.source,
            "Username": self.user,
            "Resources": [],
            "CloudTrailEvent": json.dumps(event),
            **key,
        }


class CloudTrail:
    """`clock` is of its two calls a second, in seconds: real ones, whatever the world's scale."""

    def __init__(self, timeline: Timeline, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeline, self._clock = timeline, clock
        self.events: list[Recorded] = []
        self._asked: deque[float] = deque(maxlen=PER_SECOND)
        self._lock = threading.Lock()
        self.operations: dict[str, Handler] = {"LookupEvents": self._look_up}

    def record(
        self,
        name: str,
        user: str,
        *,
        ago: timedelta,
        source: str = "iam.amazonaws.com",
        key_id: str = "",
        ip: str = "198.51.100.7",
        user_agent: str = "aws-cli/2.31.0",
        **more: Any,
    ) -> None:
        at = self._timeline.clock.now() - ago.total_seconds()
        self.events.append(Recorded(at, name, user, source, key_id, ip, user_agent, more))
        self.events.sort(key=lambda one: one.at, reverse=True)

    def _look_up(self, params: Params) -> Answer:
        self._limit()
        wanted = _attributes(params)
        size = int(params.get("MaxResults", MOST_PER_PAGE))
        if not 1 <= size <= MOST_PER_PAGE:
            raise AwsError("InvalidMaxResultsException", "MaxResults is not within 1 and 50.")
        since, until = self._times(params)
        found = [one for one in self.events if since <= int(one.at) <= until]
        found = [one for one in found if wanted.items() <= one.attributes.items()]
        start = _start(params)
        page = [one.shape() for one in found[start : start + size]]
        more = {"NextToken": f"page-{start + size}"} if start + size < len(found) else {}
        return {"Events": page, **more}

    def _limit(self) -> None:
        with self._lock:
            now = self._clock()
            if len(self._asked) == PER_SECOND and now - self._asked[0] < 1:
                raise AwsError("ThrottlingException", "Rate exceeded")
            self._asked.append(now)

    def _times(self, params: Params) -> tuple[float, float]:
        now = self._timeline.clock.now()
        since, until = (_epoch(params.get(name)) for name in ("StartTime", "EndTime"))
        if since is not None and until is not None and since > until:
            raise AwsError("InvalidTimeRangeException", "StartTime is after EndTime.")
        return max(since or 0.0, now - KEPT_S), now if until is None else until


def _attributes(params: Params) -> dict[str, str]:
    given = params.get("LookupAttributes") or []
    if len(given) > 1:
        says = "You can only specify one attribute key."
        raise AwsError("InvalidLookupAttributesException", says)
    return {one["AttributeKey"]: one["AttributeValue"] for one in given}


def _start(params: Params) -> int:
    token = str(params.get("NextToken") or "page-0")
    if not token.removeprefix("page-").isdigit():
        raise AwsError("InvalidNextTokenException", "The token is not valid.")
    return int(token.removeprefix("page-"))


def _epoch(given: Any) -> float | None:
    if isinstance(given, datetime):
        at = given if given.tzinfo else given.replace(tzinfo=UTC)
        return at.timestamp()
    return None if given is None else float(given)
