"""
Modals and Home tabs: what each person has open, as Slack keeps it.

A modal stack is at most three deep. A hash changes with every change of a view, so that an update
made against an older state is refused. A trigger opens one view, within three seconds.
"""

import copy
import secrets
from dataclasses import dataclass

from sandbox.slack.clock import Clock
from sandbox.slack.filling import filled, interactive
from sandbox.slack.wire import Failure, Json, new_id

STACK_MAX = 3
TRIGGER_LIVES_S = 3.0


@dataclass
class Trigger:
    user_id: str
    issued_at: float
    root_view_id: str | None  #: The modal it was pressed in.
    used: bool = False


class Triggers:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_id: dict[str, Trigger] = {}

    def issue(self, user_id: str, root_view_id: str | None = None) -> str:
        number = secrets.randbelow(10**13)
        trigger_id = f"{number}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._by_id[trigger_id] = Trigger(user_id, self._clock.now(), root_view_id)
        return trigger_id

    def exchange(self, trigger_id: str) -> Trigger:
        trigger = self._by_id.get(trigger_id)
        if trigger is None:
            raise Failure("invalid_trigger_id")
        if trigger.used:
            raise Failure("exchanged_trigger_id")
        if self._clock.now() - trigger.issued_at > TRIGGER_LIVES_S:
            raise Failure("expired_trigger_id")
        trigger.used = True
        return trigger


@dataclass
class View:
    body: Json  #: As views.* answer it, state included.
    user_id: str

    @property
    def id(self) -> str:
        return str(self.body["id"])

    def shape(self) -> Json:
        return copy.deepcopy(self.body)


class Views:
    def __init__(self) -> None:
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}

    def open_for(self, user_id: str) -> list[View]:
        return self.stacks.setdefault(user_id, [])

    def find(self, view_id: str = "", external_id: str = "") -> View:
        """An open modal or a Home tab. Raises Failure when there is none such."""
        stacked = (view for stack in self.stacks.values() for view in stack)
        for view in (*stacked, *self.homes.values()):
            named = external_id and view.body.get("external_id") == external_id
            if view.id == view_id or named:
                return view
        raise Failure("not_found")

    def open(self, user_id: str, body: Json) -> View:
        """Open it as the person's only modal."""
        view = View(body, user_id)
        self._check_external_id(body, None)
        body["root_view_id"], body["previous_view_id"] = view.id, None
        self.stacks[user_id] = [view]
        return view

    def push(self, user_id: str, body: Json) -> View:
        stack = self.open_for(user_id)
        if not stack:
            raise Failure("not_found")
        if len(stack) >= STACK_MAX:
            raise Failure("push_limit_reached")
        self._check_external_id(body, None)
        body["root_view_id"] = stack[0].id
        body["previous_view_id"] = stack[-1].id
        view = View(body, user_id)
        stack.append(view)
        return view

    def update(self, view: View, body: Json, hash_: str | None = None) -> View:
        """Show `body` in the view's place; what was filled in stays where the field stays."""
        if hash_ and hash_ != view.body["hash"]:
            raise Failure("hash_conflict")
        self._check_external_id(body, view)
        for name in ("id", "root_view_id", "previous_view_id"):
            body[name] = view.body.get(name)
        body["state"]["values"] = _kept(view.body["state"]["values"], body["blocks"])
        view.body = body
        return view

    def publish(self, user_id: str, body: Json, hash_: str | None = None) -> View:
        shown = self.homes.get(user_id)
        if shown is not None:
            return self.update(shown, body, hash_)
        body["root_view_id"], body["previous_view_id"] = body["id"], None
        self.homes[user_id] = View(body, user_id)
        return self.homes[user_id]

    def close(self, view: View) -> None:
        stack = self.open_for(view.user_id)
        self.stacks[view.user_id] = [kept for kept in stack if kept is not view]

    def clear(self, user_id: str) -> None:
        self.stacks[user_id] = []

    def _check_external_id(self, body: Json, instead_of: View | None) -> None:
        wanted = body.get("external_id")
        if not wanted:
            return
        try:
            holder = self.find(external_id=wanted)
        except Failure:
            return
        if holder is not instead_of:
            raise Failure("duplicate_external_id")


def _kept(values: Json, blocks: list[Json]) -> Json:
    fields = {
        (block["block_id"], element.get("action_id"))
        for block in blocks
        for element in interactive(block)
    }
    kept: Json = {}
    for block_id, actions in values.items():
        for action_id, answer in actions.items():
            if (block_id, action_id) in fields:
                kept.setdefault(block_id, {})[action_id] = answer
    return kept


def stored(view: Json, app: Json, clock: Clock) -> Json:
    """A view as Slack keeps it: with its id, its hash, and every field that was left out."""
    return {
        "id": new_id("V"),
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "close": None,
        "submit": None,
        "title": {"type": "plain_text", "text": "View Title", "emoji": True},
        "clear_on_close": False,
        "notify_on_close": False,
        **view,
        "blocks": filled(view["blocks"]),
        **app,
        "hash": f"{int(clock.now())}.{secrets.token_hex(4)}",
        "state": {"values": {}},
    }
