"""
What people do: run commands, press buttons, choose, open the Home tab, write.

Every act ends in an ack or in a line in red before the person, as Slack shows it.
"""

import html
from collections.abc import Mapping
from typing import Any

from sandbox.slack import payloads
from sandbox.slack.acks import Ack, Line
from sandbox.slack.answers import CannotDo, answer, state_of
from sandbox.slack.messages import Draft
from sandbox.slack.pressing import Pressed, Surface, find_element, surface, visible_channel
from sandbox.slack.responding import respond
from sandbox.slack.team import Team
from sandbox.slack.wire import Failure, Json

#: What Slack's client says when an app does not take a press.
NO_ANSWER = 'This app did not respond: "{error}"'


class Acting:
    def __init__(self, team: Team, line: Line) -> None:
        self._team = team
        self._line = line
        self._offered: dict[tuple[str, str], list[Json]] = {}  #: Suggestions, by field.

    async def command(self, user_id: str, channel_id: str, command: str, text: str) -> Ack:
        team = self._team
        channel = visible_channel(team, user_id, channel_id)
        if command not in [known["command"] for known in team.app.commands]:
            team.show_error(user_id, f"{command} is not a valid command.")
            raise CannotDo(f"{command} is not a command of the app's manifest")
        payload = payloads.slash_command(team, user_id, channel, command, text)
        ack = await self._line.carry("slash_commands", payload)
        if ack.error:
            team.show_error(user_id, f'{command} failed with the error "{ack.error}"')
        elif ack.payload:
            self._respond(user_id, channel.id, ack.payload)
        return ack

    def _respond(self, user_id: str, channel_id: str, body: Json) -> None:
        team = self._team
        try:
            respond(team, team.response_urls.new(channel_id, user_id), body)
        except Failure as failure:
            team.show_error(user_id, f'The answer was refused: "{failure.error}"')

    async def press(
        self,
        user_id: str,
        where: Surface,
        pressed: Pressed,
        state: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Ack:
        """Press or choose; `state`: what is filled in meanwhile, block by block."""
        team = self._team
        block, element = find_element(where.blocks, pressed)
        given = self._given(where, block, element, pressed.value)
        payload = payloads.interaction(team, "block_actions", user_id)
        payload["actions"] = [
            payloads.action(element, block["block_id"], given, team.stamps.next())
        ]
        self._keep(where, block, element, given, state)
        payload |= self._place(user_id, where)
        ack = await self._line.carry("interactive", payload)
        if ack.error:
            team.show_error(user_id, NO_ANSWER.format(error=ack.error))
        return ack

    def _given(self, where: Surface, block: Json, element: Json, value: object) -> Json:
        if element["type"] == "button":
            return {}
        if element["type"] == "overflow":
            wanted = value.get("value") if isinstance(value, Mapping) else value
            chosen = [option for option in element["options"] if option["value"] == wanted]
            if not chosen:
                raise CannotDo(f"{value} is not in the menu")
            return {"selected_option": chosen[0]}
        key = (block["block_id"], element["action_id"])
        return answer(element, value, self._offered.get(key, []))

    def _keep(
        self,
        where: Surface,
        block: Json,
        element: Json,
        given: Json,
        state: Mapping[str, Mapping[str, Any]] | None,
    ) -> None:
        """What is filled in so far becomes the state of the view."""
        if where.view is None:
            return
        values = where.view.body["state"]["values"]
        filled_in = {block_id: dict(row) for block_id, row in values.items()}
        for block_id, row in (state or {}).items():
            filled_in.setdefault(block_id, {}).update(row)
        if given and element["type"] != "overflow":
            filled_in.setdefault(block["block_id"], {})[element["action_id"]] = given
        where.view.body["state"]["values"] = state_of(where.blocks, filled_in)

    def _place(self, user_id: str, where: Surface) -> Json:
        team = self._team
        if where.view is not None:
            root = where.view.body["root_view_id"]
            trigger_id = team.triggers.issue(user_id, root)
            return payloads.in_view(where.view) | {"trigger_id": trigger_id}
        assert where.channel is not None and where.message is not None
        ephemeral = bool(where.message.get("is_ephemeral"))
        ts = where.message["ts"]
        address = team.response_urls.new(where.channel.id, user_id, ts, ephemeral)
        return where.place | {
            "trigger_id": team.triggers.issue(user_id),
            "response_url": payloads.response_url(team, address),
            "state": {"values": state_of(where.blocks, {})},
        }

    async def shortcut(self, user_id: str, callback_id: str, where: Surface | None = None) -> Ack:
        """A shortcut of the app's manifest; `where`: the message it is used on."""
        team = self._team
        kind = "message" if where else "global"
        known = team.app.manifest.get("features", {}).get("shortcuts", [])
        if not any(s["callback_id"] == callback_id and s["type"] == kind for s in known):
            raise CannotDo(f"{callback_id} is not a {kind} shortcut of the app's manifest")
        name = "message_action" if where else "shortcut"
        payload = payloads.interaction(team, name, user_id)
        payload |= {"callback_id": callback_id, "action_ts": team.stamps.next()}
        if where is None:
            payload["trigger_id"] = team.triggers.issue(user_id)
        else:
            payload |= self._place(user_id, where)
        ack = await self._line.carry("interactive", payload)
        if ack.error:
            team.show_error(user_id, NO_ANSWER.format(error=ack.error))
        return ack

    async def suggest(self, user_id: str, where: Surface, pressed: Pressed) -> list[Json]:
        """What an external select offers for what is typed into it."""
        typed = str(pressed.value or "")
        block, element = find_element(where.blocks, Pressed(pressed.action_id, pressed.block_id))
        if "external" not in element["type"]:
            raise CannotDo(f"{pressed.action_id} asks nobody for its options")
        payload = payloads.interaction(self._team, "block_suggestion", user_id) | where.place
        payload |= payloads.suggestion(element, block["block_id"], typed)
        ack = await self._line.carry("interactive", payload)
        if ack.error:
            return []
        groups = ack.payload.get("option_groups", [])
        grouped = [option for group in groups for option in group["options"]]
        options = [*ack.payload.get("options", []), *grouped][:100]
        self._offered[(block["block_id"], element["action_id"])] = options
        return options

    async def say(
        self, user_id: str, channel_id: str, text: str, thread_ts: str | None = None
    ) -> Json:
        team = self._team
        channel = visible_channel(team, user_id, channel_id)
        if user_id not in channel.members or channel.is_archived:
            raise CannotDo(f"{user_id} cannot write in {channel.name}")
        written = html.escape(text, quote=False)
        draft = Draft(team.author(user_id), written, thread_ts=thread_ts)
        message = team.post(channel, draft)
        if f"<@{team.app.user_id}>" in text:
            mention = {"type": "app_mention", "channel": channel.id, "event_ts": message["ts"]}
            team.emit({**message, **mention})
        return message

    def open_home(self, user_id: str) -> Json | None:
        team = self._team
        home = team.views.homes.get(user_id)
        channel, _ = team.channels.direct(team.app.user_id, user_id, team.now())
        event: Json = {"type": "app_home_opened", "user": user_id, "channel": channel.id}
        event |= {"tab": "home", "event_ts": team.stamps.next()}
        team.emit(event | ({"view": home.shape()} if home else {}))
        return home.shape() if home else None

    def offered(self, block_id: str, action_id: str) -> list[Json]:
        """What an external select was last offered."""
        return self._offered.get((block_id, action_id), [])

    def surface(self, user_id: str, channel_id: str | None, ts_or_view_id: str) -> Surface:
        return surface(self._team, user_id, channel_id, ts_or_view_id)
