"""
Finding what a person presses: only what is stored and shown can be found.
"""

from dataclasses import dataclass

from sandbox.slack import payloads
from sandbox.slack.answers import CannotDo
from sandbox.slack.channels import Channel
from sandbox.slack.filling import interactive
from sandbox.slack.team import Team
from sandbox.slack.views import View
from sandbox.slack.wire import Failure, Json


@dataclass(frozen=True)
class Surface:
    """A message or a view, with the blocks a person sees in it."""

    blocks: list[Json]
    place: Json  #: What the payload says about where it is.
    channel: Channel | None = None
    message: Json | None = None
    view: View | None = None


@dataclass(frozen=True)
class Pressed:
    """What was pressed or chosen; several buttons may share an action and differ in value."""

    action_id: str
    block_id: str | None = None
    value: object = None


def surface(team: Team, user_id: str, channel_id: str | None, ts_or_view_id: str) -> Surface:
    """Raises CannotDo when the person does not have it before them."""
    if channel_id is None:
        return _view_surface(team, user_id, ts_or_view_id)
    channel = visible_channel(team, user_id, channel_id)
    own = (message for who, message in channel.ephemerals if who == user_id)
    seen = next((message for message in own if message["ts"] == ts_or_view_id), None)
    message = seen or channel.messages.get(ts_or_view_id)
    if message is None:
        raise CannotDo(f"{user_id} sees no message {ts_or_view_id} in {channel.name}")
    place = payloads.in_message(channel, message)
    return Surface(message.get("blocks", []), place, channel=channel, message=message)


def visible_channel(team: Team, user_id: str, channel_id: str) -> Channel:
    channel = team.channels.find(channel_id)
    if channel is None or not channel.seen_by(user_id):
        raise CannotDo(f"{user_id} sees no channel {channel_id}")
    return channel


def _view_surface(team: Team, user_id: str, view_id: str) -> Surface:
    try:
        view = team.views.find(view_id)
    except Failure:
        raise CannotDo(f"no view {view_id} is open") from None
    if view.user_id != user_id:
        raise CannotDo(f"the view {view_id} is not open for {user_id}")
    return Surface(view.body["blocks"], payloads.in_view(view), view=view)


def find_element(blocks: list[Json], pressed: Pressed) -> tuple[Json, Json]:
    """The block and the element. Raises CannotDo when there is none such or more than one."""
    found = [
        (block, element)
        for block in blocks
        for element in interactive(block)
        if element["action_id"] == pressed.action_id
        and pressed.block_id in (None, block["block_id"])
    ]
    if pressed.value is not None and any(e["type"] == "button" for _, e in found):
        found = [(b, e) for b, e in found if e.get("value") == pressed.value]
    if len(found) != 1:
        there = [element["action_id"] for block in blocks for element in interactive(block)]
        count = f"{len(found)} of" if found else "no"
        raise CannotDo(f"there is {count} {pressed.action_id} to press; there is: {there}")
    return found[0]
