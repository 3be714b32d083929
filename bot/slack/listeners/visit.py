"""
What somebody did in Slack, as data, and what a listener answers. Payloads are checked here, at the
edge; nothing in them is authority but the ids that Slack itself signs for.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.access.member import Member
from bot.engine.intents import Actor
from bot.engine.record import Origin
from bot.runbook.values import USER_ID, all_storable, storable
from bot.secrets.redaction import REDACTOR
from bot.slack.errands import Errand
from bot.slack.views import names
from bot.slack.views.escape import cut, one_line
from bot.slack.views.kit import Rendered, View
from bot.slack.views.names import Metadata, Pressed, Strange

PERSON = re.compile(USER_ID)
TEAM = re.compile(r"[TE][A-Z0-9]{2,30}")
CHANNEL = re.compile(r"[CDG][A-Z0-9]{2,30}")
WHAT = 200  #: Characters of what somebody wanted that the audit log keeps.
TEXT_LIMIT = 3000  #: Characters after `/runbook`; Slack's own field takes more than anyone types.
LONGEST_NAME = 80  #: Of a channel, says Slack.
#: What Slack names a delivery, a view or a trigger by; and a message.
HANDLE, STAMP = re.compile(r"[!-~]{1,200}"), re.compile(r"[0-9]{1,20}\.[0-9]{1,20}")

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Visit:
    """`key` names this one delivery: what came twice has the same key both times."""

    actor: Actor
    key: str
    channel: Origin
    thread: str = ""  #: The thread that the pressed message stands in.
    message: str = ""  #: The ts of the pressed message.
    is_private: bool = False  #: Nobody else sees that message.
    trigger_id: str = ""  #: Opens one form within 3 s.
    response_url: str = ""
    text: str = ""
    action: Mapping[str, Any] = field(default_factory=dict)
    view: Mapping[str, Any] = field(default_factory=dict)
    who: Member | None = None  #: The person behind the ids, once the desk knew them.

    @property
    def what(self) -> str:
        """For the audit log: typed, pressed or sent in; secrets are taken out before it is cut."""
        said = self.action.get("action_id") or self.view.get("callback_id") or self.text
        about = self.action.get("value", "")
        clean = [REDACTOR.text(str(one)) for one in (said, about)]
        return " ".join(clean).strip()[:WHAT]

    @property
    def pressed(self) -> Pressed:
        return names.pressed(self.action)

    @property
    def metadata(self) -> Metadata:
        return names.unpack(str(self.view.get("private_metadata", "")))

    @property
    def filled(self) -> Mapping[str, Any]:
        """The fields of a submitted form: `state.values`. Raises Strange."""
        rows = _object(_object(self.view.get("state") or {}).get("values") or {})
        return {
            str(block): {
                action: all_storable(_object(one)) for action, one in _object(row).items()
            }
            for block, row in rows.items()
        }

    @property
    def is_modal(self) -> bool:
        return self.view.get("type") == "modal"


@dataclass(frozen=True)
class Private:
    """Said to this person alone."""

    says: Rendered


@dataclass(frozen=True)
class Open:
    """
    A form to open once Slack has its answer; or, when there is none to open, what is said instead.
    `instead` is what to type when it could not be opened in time.
    """

    build: Callable[[], Awaitable[View | Rendered]]
    instead: str


@dataclass(frozen=True)
class Redraw:
    """The form that was pressed in, drawn anew."""

    build: Callable[[], Awaitable[View]]


@dataclass(frozen=True)
class Next:
    """A form on top of the one that was submitted."""

    view: View


@dataclass(frozen=True)
class Instead:
    """A form in the place of the one that was submitted."""

    view: View


@dataclass(frozen=True)
class Later:
    """
    Something else to do once Slack has its answer. `failed` is what the person is told should it
    break off; without it, that nothing was changed.
    """

    do: Callable[[], Errand]
    failed: str = ""


@dataclass(frozen=True)
class Wrong:
    """The form stays open as it was filled in, with a sentence below these fields."""

    fields: Mapping[str, str]


Answer = Private | Open | Redraw | Next | Instead | Later | Wrong | None


def misshapen(payload: object) -> str:
    """What is wrong with a payload that is not even of Slack's shape, or ''. Bolt breaks on it."""
    if not isinstance(payload, Mapping):
        return "a payload that is no object"
    if payload.get("type") == "block_actions":
        done = payload.get("actions")
        if not isinstance(done, list) or not done or not isinstance(done[0], Mapping):
            return "a click on nothing"
    parts = ("user", "team", "channel", "container", "view", "event", "message", "enterprise")
    odd = [one for one in parts if not isinstance(payload.get(one), Mapping | None)]
    return f"a payload whose {odd[0]} is no object" if odd else ""


class TooLong(Strange):
    """More than anybody types; a log that was pasted by mistake."""


def of_command(body: Body) -> Visit:
    """Raises Strange, as the others do."""
    text = storable(str(body.get("text") or ""))
    if len(text) > TEXT_LIMIT:
        raise TooLong(f"more than {TEXT_LIMIT} characters after /runbook")
    return Visit(
        actor=_actor(body.get("user_id"), body.get("team_id")),
        key=_some(body.get("trigger_id")),
        channel=_channel(body.get("channel_id"), body.get("channel_name")),
        trigger_id=_some(body.get("trigger_id")),
        response_url=str(body.get("response_url") or ""),
        text=text,
    )


def of_click(body: Body) -> Visit:
    action, container = body["actions"][0], body.get("container") or {}
    view, channel = body.get("view") or {}, body.get("channel") or {}
    if view and not channel:
        kept = names.unpack(str(view.get("private_metadata", "")))
        channel = {"id": kept.channel or None, "name": kept.channel_name}
    message = _stamp(container.get("message_ts"))
    place = message or str(view.get("id") or "")
    return Visit(
        actor=_actor(*_person(body)),
        key=f"{_some(place)}/{_some(action.get('action_ts'))}/{_person(body)[0]}",
        channel=_channel(channel.get("id"), channel.get("name")),
        thread=_stamp(container.get("thread_ts")),
        message=message,
        is_private=container.get("is_ephemeral") is True,
        trigger_id=str(body.get("trigger_id") or ""),
        response_url=str(body.get("response_url") or ""),
        action=action,
        view=view,
    )


def of_submission(body: Body) -> Visit:
    view = body["view"]
    kept = names.unpack(str(view.get("private_metadata", "")))
    return Visit(
        actor=_actor(*_person(body)),
        key=f"{_some(view.get('id'))}/{_some(view.get('hash'))}",
        channel=_channel(kept.channel or None, kept.channel_name),
        trigger_id=str(body.get("trigger_id") or ""),
        view=view,
    )


def of_event(body: Body) -> Visit:
    event = body["event"]
    return Visit(
        actor=_actor(event.get("user"), body.get("team_id")),
        key=_some(body.get("event_id")),
        channel=_channel(event.get("channel"), ""),
    )


def _person(body: Body) -> tuple[object, object]:
    """With the team the person belongs to, which in a shared channel may be another company's."""
    user, team = body.get("user") or {}, body.get("team") or {}
    return user.get("id"), user.get("team_id") or team.get("id")


def _actor(user_id: object, team_id: object) -> Actor:
    if not PERSON.fullmatch(str(user_id)) or not TEAM.fullmatch(str(team_id)):
        raise Strange("a payload that says nobody's name")
    return Actor(str(user_id), str(team_id))


def _channel(channel_id: object, name: object) -> Origin:
    if channel_id is None:
        return Origin(None)
    if not CHANNEL.fullmatch(str(channel_id)):
        raise Strange("a payload from a place that is no channel")
    return Origin(str(channel_id), cut(one_line(str(name or "")), LONGEST_NAME))


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Strange("a form that is filled in with what is no field")
    return value


def _some(value: object) -> str:
    if not isinstance(value, str) or not HANDLE.fullmatch(value):
        raise Strange("a payload without an id of its own")
    return value


def _stamp(value: object) -> str:
    if value and not STAMP.fullmatch(str(value)):
        raise Strange("a payload from a message that is none")
    return str(value or "")
