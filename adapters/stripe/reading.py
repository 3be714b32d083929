"""What Stripe's answers have to look like, and what is taken from them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.plain import plain
from adapters.stripe.facts import Endpoint, Event
from bot.runbook.errors import Unreachable

ID = r"^[A-Za-z0-9_]{1,255}$"
TYPE = r"^[a-z0-9_.*]{1,200}$"
VERSION = r"^[0-9a-z.-]{1,40}$"


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


S = TypeVar("S", bound=_Shape)


class _Data(_Shape):
    object: dict[str, Any]


class _Event(_Shape):
    object: Literal["event"]
    id: str = Field(pattern=ID)
    type: str = Field(pattern=TYPE)
    created: int = Field(ge=0, le=99_999_999_999)  #: Seconds since the epoch.
    api_version: str | None = Field(pattern=VERSION)
    pending_webhooks: int = Field(ge=0)
    data: _Data


class _Events(_Shape):
    object: Literal["list"]
    has_more: bool
    data: list[_Event]


class _Endpoint(_Shape):
    object: Literal["webhook_endpoint"]
    id: str = Field(pattern=ID)
    url: str
    status: Literal["enabled", "disabled"]
    enabled_events: list[str]
    api_version: str | None = Field(pattern=VERSION)


def endpoint_of(content: object, webhook_url: str, may_retry: bool) -> Endpoint:
    """Raises Unreachable for a shape that is not understood, as all here."""
    read = _as(_Endpoint, content, "a webhook endpoint")
    return Endpoint(
        id=read.id,
        url=plain(read.url),
        is_enabled=read.status == "enabled",
        types=tuple(plain(one) for one in read.enabled_events),
        api_version=read.api_version or "",
        webhook_url=webhook_url,
        may_retry=may_retry,
    )


def event_of(content: object) -> Event:
    return _event(_as(_Event, content, "an event"))


def page_of(content: object) -> tuple[Sequence[Event], bool]:
    """The events of a page as they stand there, the newest first; and whether there are more."""
    read = _as(_Events, content, "a list of events")
    return [_event(one) for one in read.data], read.has_more


def _event(read: _Event) -> Event:
    about = read.data.object
    words = (about.get("object"), about.get("id"))
    return Event(
        id=read.id,
        type=read.type,
        created_at=datetime.fromtimestamp(read.created, UTC),
        about=plain(" ".join(str(one) for one in words if one), 100),
        api_version=read.api_version or "",
        pending=read.pending_webhooks,
    )


def _as(shape: type[S], content: object, what: str) -> S:
    try:
        return shape.model_validate(content)
    except ValidationError:
        raise Unreachable(f"Stripe answered with something else than {what}") from None
