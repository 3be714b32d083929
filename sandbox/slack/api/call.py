"""
One Web API call as its method sees it: who asks, with which arguments, of which workspace.

Arguments are checked here, with the words Slack uses when they are missing or not what they
should be; a method then works with values.
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sandbox.slack.channels import Channel, Kind
from sandbox.slack.team import Team
from sandbox.slack.wire import Failure, Json

T = TypeVar("T")

ByKind = dict[Kind, tuple[str, ...]]


@dataclass(frozen=True)
class Method:
    """A method's handler, and any one of which scopes it needs (by kind of channel or flat)."""

    run: "Callable[[Call], Awaitable[Json]]"
    scopes: tuple[str, ...] = ()
    by_kind: ByKind = field(default_factory=dict)
    takes_json: bool = True
    app_token: bool = False

    @property
    def any_scope(self) -> tuple[str, ...]:
        flat = (scope for scopes in self.by_kind.values() for scope in scopes)
        return self.scopes or tuple(dict.fromkeys(flat))


@dataclass(frozen=True)
class Call:
    team: Team
    name: str
    args: Json
    method: Method

    @property
    def bot(self) -> str:
        return self.team.app.user_id

    def text(self, name: str, default: str = "") -> str:
        value = self.args.get(name)
        return default if value is None else str(value)

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise invalid(f"missing required field: {name}")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.args.get(name)
        return default if value is None else str(value).lower() in ("1", "true")

    def number(self, name: str, default: int, least: int, most: int) -> int:
        value = self.text(name) or str(default)
        try:
            number = int(float(value))
        except ValueError:
            raise invalid(f"must be an integer: {name}") from None
        if not least <= number <= most:
            raise invalid(f"must be between {least} and {most} [json-pointer:/{name}]")
        return number

    def names(self, name: str) -> list[str]:
        value = self.args.get(name)
        parts = value if isinstance(value, list) else self.text(name).split(",")
        return [str(part).strip() for part in parts if str(part).strip()]

    def tree(self, name: str, error: str = "invalid_arguments") -> Any:
        """An argument that is JSON: an object already, or its text."""
        value = self.args.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise Failure(error) from None

    def channel(self, name: str = "channel", *, member: bool = False) -> Channel:
        """
        The conversation the call is about, when the app may see it and may do this to its kind.

        Raises Failure: channel_not_found also for a private one it is not in, as Slack does.
        """
        channel = self.team.channels.find(self.need(name))
        if channel is None or not channel.seen_by(self.bot):
            raise Failure("channel_not_found")
        if self.method.by_kind:
            self.check_scope(self.method.by_kind.get(channel.kind, ()))
        if member and self.bot not in channel.members:
            raise Failure("not_in_channel")
        return channel

    def message(self, channel: Channel, ts: str) -> Json:
        message = channel.messages.get(ts)
        if message is None or message.get("subtype") == "tombstone":
            raise Failure("message_not_found")
        return message

    def check_scope(self, wanted: Sequence[str]) -> None:
        """Raises Failure unless the app has any one of these; none wanted: the kind is refused."""
        granted = self.team.app.scopes
        if not wanted:
            raise Failure("method_not_supported_for_channel_type")
        if not set(wanted) & set(granted):
            needed, provided = ",".join(wanted), ",".join(granted)
            raise Failure("missing_scope", needed=needed, provided=provided)

    def page(
        self, found: Sequence[T], default: int = 100, most: int = 1000
    ) -> tuple[list[T], str]:
        """The slice that `limit` and `cursor` ask for, and the cursor of the next one or ''."""
        limit = self.number("limit", default, 1, most)
        start = _position(self.text("cursor"))
        end = start + limit
        following = base64.b64encode(f"next:{end}".encode()).decode() if end < len(found) else ""
        return list(found[start:end]), following


def invalid(message: str) -> Failure:
    return Failure("invalid_arguments", f"[ERROR] {message}")


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
    except (binascii.Error, ValueError, UnicodeDecodeError):
        raise Failure("invalid_cursor") from None
