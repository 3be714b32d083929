"""What CloudTrail's answers have to look like, and what is taken from them."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from adapters.cloudtrail.facts import TrailEvent
from adapters.plain import plain
from bot.runbook.errors import Unreachable

Text = Annotated[str, BeforeValidator(lambda given: "" if given is None else plain(given, 200))]
#: Where a request says what it is about.
NAMES = ("userName", "roleName", "groupName", "policyName", "policyArn", "accessKeyId")


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Listed(_Shape):
    EventTime: datetime
    EventName: Text
    EventSource: Text = ""
    Username: Text = ""
    AccessKeyId: Text = ""
    CloudTrailEvent: str


class _Identity(_Shape):
    arn: Text = ""
    accessKeyId: Text = ""


class _Event(_Shape):
    userIdentity: _Identity = _Identity()
    sourceIPAddress: Text = ""
    userAgent: Text = ""
    errorCode: Text = ""
    errorMessage: Text = ""
    requestParameters: dict[str, Any] | None = None
    responseElements: dict[str, Any] | None = None


def event_of(listed: Mapping[str, Any]) -> TrailEvent:
    """Raises Unreachable for a shape that is not understood."""
    try:
        read = _Listed.model_validate(listed)
        event = _Event.model_validate(json.loads(read.CloudTrailEvent))
    except (ValidationError, ValueError, RecursionError):
        raise Unreachable("CloudTrail answered with something else than events") from None
    asked, answered = event.requestParameters or {}, event.responseElements or {}
    return TrailEvent(
        at=read.EventTime,
        name=read.EventName,
        source=read.EventSource,
        user=read.Username or event.userIdentity.arn,
        key_id=read.AccessKeyId or event.userIdentity.accessKeyId,
        ip=event.sourceIPAddress,
        user_agent=event.userAgent,
        about=", ".join(plain(asked[name]) for name in NAMES if asked.get(name)),
        made=_made(answered),
        failure=event.errorCode or event.errorMessage or _sign_in_failure(answered),
    )


def _made(answered: Mapping[str, Any]) -> str:
    key = answered.get("accessKey")
    return plain(key.get("accessKeyId") or "") if isinstance(key, Mapping) else ""


def _sign_in_failure(answered: Mapping[str, Any]) -> str:
    return "sign-in failed" if answered.get("ConsoleLogin") == "Failure" else ""
