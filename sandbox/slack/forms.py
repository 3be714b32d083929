"""
Submitting and closing modals, and what the app's answer does to the stack.

Slack's own client holds a form back when a required field is empty; the app never sees it. What
was filled in stays when the app answers with errors.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.slack import payloads
from sandbox.slack.acks import Ack, Line
from sandbox.slack.acting import Acting
from sandbox.slack.answers import CannotDo, answer, held_back, state_of
from sandbox.slack.api.views import accepted
from sandbox.slack.filling import interactive
from sandbox.slack.team import Team
from sandbox.slack.views import View
from sandbox.slack.wire import Failure, Json

TROUBLE = "We had some trouble connecting. Try again? ({why})"


class Forms:
    def __init__(self, team: Team, line: Line, acting: Acting) -> None:
        self._team = team
        self._line = line
        self._acting = acting

    async def submit(self, user_id: str, view_id: str, values: Mapping[str, Any]) -> Ack:
        """
        Fill in and submit the modal on top.

        `values`: by block id, either the answer or {action_id: answer}; see `answers.answer`.
        """
        team, view = self._team, self._top(user_id, view_id)
        if not view.body.get("submit"):
            raise CannotDo("the modal has no button to submit it")
        given = self._answers(view, values)
        before = view.body["state"]["values"]
        filled_in = {block_id: {**before.get(block_id, {}), **row} for block_id, row in given}
        state = state_of(view.body["blocks"], {**before, **filled_in})
        view.body["state"]["values"] = state
        if errors := held_back(view.body["blocks"], state):
            return Ack(False, error="incomplete", errors=errors)
        payload = payloads.interaction(team, "view_submission", user_id)
        payload["trigger_id"] = team.triggers.issue(user_id, view.body["root_view_id"])
        payload |= {"view": view.shape(), "response_urls": []}
        ack = await self._line.carry("interactive", payload)
        if ack.error:
            team.show_error(user_id, TROUBLE.format(why=ack.error))
            return ack
        return self._apply(view, ack)

    def _top(self, user_id: str, view_id: str) -> View:
        stack = self._team.views.open_for(user_id)
        if not stack or stack[-1].id != view_id:
            raise CannotDo(f"the modal {view_id} is not the one before {user_id}")
        return stack[-1]

    def _answers(self, view: View, values: Mapping[str, Any]) -> list[tuple[str, dict[str, Json]]]:
        blocks = {block["block_id"]: block for block in view.body["blocks"]}
        found = []
        for block_id, given in values.items():
            if block_id not in blocks or not interactive(blocks[block_id]):
                raise CannotDo(f"the modal has no field {block_id}; there is: {sorted(blocks)}")
            found.append((block_id, self._row(blocks[block_id], given)))
        return found

    def _row(self, block: Json, given: Any) -> dict[str, Json]:
        elements = {element["action_id"]: element for element in interactive(block)}
        named = isinstance(given, Mapping) and set(given) <= set(elements)
        by_action = given if named else {next(iter(elements)): given}
        return {
            action_id: answer(
                elements[action_id], each, self._acting.offered(block["block_id"], action_id)
            )
            for action_id, each in by_action.items()
        }

    def _apply(self, view: View, ack: Ack) -> Ack:
        """Do what the app answered; an answer Slack cannot use is trouble for the person."""
        team, user_id = self._team, view.user_id
        act = ack.payload.get("response_action")
        try:
            if act == "errors":
                return self._show_errors(view, ack)
            if act == "update":
                team.views.update(view, accepted(team, ack.payload.get("view")))
            elif act == "push":
                team.views.push(user_id, accepted(team, ack.payload.get("view")))
            elif act == "clear":
                team.views.clear(user_id)
            elif act is None:
                team.views.close(view)
            else:
                raise Failure("invalid_response_action")
        except Failure as failure:
            team.show_error(user_id, TROUBLE.format(why=failure.error))
            return Ack(True, ack.ms, ack.payload, "dispatch_failed")
        team.view_changed(user_id)
        return ack

    def _show_errors(self, view: View, ack: Ack) -> Ack:
        errors = ack.payload.get("errors")
        inputs = {b["block_id"] for b in view.body["blocks"] if b["type"] == "input"}
        if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
            raise Failure("errors_name_no_input_block")
        return Ack(True, ack.ms, ack.payload, errors={k: str(v) for k, v in errors.items()})

    async def close(self, user_id: str, view_id: str) -> None:
        """Close the modal on top; the app hears of it when it asked to."""
        team, view = self._team, self._top(user_id, view_id)
        cleared = bool(view.body["clear_on_close"])
        if cleared:
            team.views.clear(user_id)
        else:
            team.views.close(view)
        team.view_changed(user_id)
        if view.body["notify_on_close"]:
            payload = payloads.interaction(team, "view_closed", user_id)
            payload |= {"view": view.shape(), "is_cleared": cleared}
            await self._line.carry("interactive", payload)
