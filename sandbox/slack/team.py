"""
The state of the workspace: its people, channels, views, files, and the app installed in it.

Everything else here reads and changes this one object; nothing keeps state beside it.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.slack import messages
from sandbox.slack.background import Background
from sandbox.slack.changes import Changes
from sandbox.slack.channels import Channel, Channels
from sandbox.slack.clock import Clock
from sandbox.slack.faults import Faults
from sandbox.slack.files import Files
from sandbox.slack.people import People, Person
from sandbox.slack.responses import ResponseUrls
from sandbox.slack.tiers import Tiers
from sandbox.slack.views import Triggers, Views
from sandbox.slack.wire import Failure, Json, Stamps, new_id

APP_NAME = "Runbook Bot"


@dataclass(frozen=True)
class App:
    """The installed app: its identity, its tokens, and what its manifest gave it."""

    manifest: Json
    id: str = field(default_factory=lambda: new_id("A"))
    user_id: str = field(default_factory=lambda: new_id("U"))
    bot_id: str = field(default_factory=lambda: new_id("B"))
    bot_token: str = field(default_factory=lambda: f"xoxb-{secrets.token_hex(16)}")
    app_token: str = field(default_factory=lambda: f"xapp-1-{secrets.token_hex(16)}")
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def name(self) -> str:
        return str(self.manifest.get("display_information", {}).get("name", APP_NAME))

    @property
    def scopes(self) -> list[str]:
        return list(self.manifest["oauth_config"]["scopes"]["bot"])

    @property
    def commands(self) -> list[Json]:
        return list(self.manifest.get("features", {}).get("slash_commands", []))

    @property
    def events(self) -> list[str]:
        subscriptions = self.manifest.get("settings", {}).get("event_subscriptions", {})
        return list(subscriptions.get("bot_events", []))


@dataclass(frozen=True)
class Scheduled:
    """A message that will be posted at `post_at`, seconds since the epoch."""

    id: str
    channel_id: str
    post_at: int
    draft: messages.Draft


class Team:
    def __init__(self, app: App) -> None:
        self.app = app
        self.id = new_id("T")
        self.domain = "sandbox"
        self.name = "Sandbox"
        self.url = ""  #: Known once the server listens.
        self.clock = Clock()
        self.stamps = Stamps(self.clock)
        self.changes = Changes()
        self.people = People()
        self.channels = Channels()
        self.files = Files()
        self.views = Views()
        self.triggers = Triggers(self.clock)
        self.response_urls = ResponseUrls(self.clock)
        self.tiers = Tiers()
        self.faults = Faults()
        self.scheduled: dict[str, Scheduled] = {}
        self.errors: list[tuple[str, str]] = []  #: Person, the line they saw in red.
        self.background = Background()
        self.issue_ticket: Callable[[], str] = lambda: ""  #: The workspace's Socket Mode gives it.
        self.emit: Callable[[Json], None] = lambda event: None  #: An event, to the app.
        bot_name = app.name.lower().replace(" ", "_")
        self.people.add(Person(app.user_id, bot_name, app.name, "", is_bot=True))

    @property
    def bot_author(self) -> Json:
        app = self.app
        return {"user": app.user_id, "bot_id": app.bot_id, "app_id": app.id, "team": self.id}

    def author(self, user_id: str) -> Json:
        return {"user": user_id, "team": self.id}

    def now(self) -> int:
        return int(self.clock.now())

    def person(self, user_id: str) -> Person:
        person = self.people.by_id.get(user_id)
        if person is None:
            raise Failure("user_not_found")
        return person

    def post(self, channel: Channel, draft: messages.Draft) -> Json:
        message = messages.post(channel, draft, self.stamps)
        self.message_changed(channel, message)
        self.emit_message(channel, messages.shown(message))
        return message

    def whisper(self, channel: Channel, user_id: str, draft: messages.Draft) -> Json:
        """A message that only this person sees; it is in no history."""
        message = draft.body() | {"ts": self.stamps.next(), "is_ephemeral": True}
        if draft.thread_ts:
            message["thread_ts"] = draft.thread_ts
        channel.ephemerals.append((user_id, message))
        self.message_changed(channel, message, user_id)
        return message

    def schedule(self, scheduled: Scheduled) -> None:
        self.scheduled[scheduled.id] = scheduled
        self.background.start(self._post_when_due(scheduled))

    async def _post_when_due(self, scheduled: Scheduled) -> None:
        await self.clock.until(scheduled.post_at)
        if self.scheduled.pop(scheduled.id, None) is None:
            return
        channel = self.channels.by_id[scheduled.channel_id]
        # With metadata it never posts: a bug that Slack documents.
        if scheduled.draft.metadata is None and not channel.is_archived:
            self.post(channel, scheduled.draft)

    def note(self, channel: Channel, user_id: str, subtype: str, text: str) -> Json:
        """What Slack itself writes into a channel, such as that somebody joined."""
        draft = messages.Draft(self.author(user_id), text, subtype=subtype)
        return self.post(channel, draft)

    def join(self, channel: Channel, user_id: str) -> None:
        channel.members.append(user_id)
        self.note(channel, user_id, "channel_join", f"<@{user_id}> has joined the channel")
        self.channels_changed()
        kind = "G" if channel.kind == "private" else "C"
        joined = {"type": "member_joined_channel", "user": user_id, "channel": channel.id}
        self.emit(joined | {"channel_type": kind, "team": self.id, "event_ts": self.stamps.next()})

    def leave(self, channel: Channel, user_id: str) -> None:
        channel.members.remove(user_id)
        self.note(channel, user_id, "channel_leave", f"<@{user_id}> has left the channel")
        self.channels_changed()

    def react(self, channel: Channel, message: Json, name: str, user_id: str) -> None:
        """Raises Failure when this person has reacted so already."""
        reactions = message.setdefault("reactions", [])
        found = next((each for each in reactions if each["name"] == name), None)
        if found is None:
            found = {"name": name, "users": [], "count": 0}
            reactions.append(found)
        if user_id in found["users"]:
            raise Failure("already_reacted")
        found["users"].append(user_id)
        found["count"] += 1
        self.message_changed(channel, message)
        item = {"type": "message", "channel": channel.id, "ts": message["ts"]}
        event = {"type": "reaction_added", "user": user_id, "reaction": name, "item": item}
        owner = {"item_user": message.get("user"), "event_ts": self.stamps.next()}
        self.emit(event | owner)

    def emit_message(self, channel: Channel, message: Json) -> None:
        if self.app.user_id in channel.members:
            kinds = {"public": "channel", "private": "group", "im": "im"}
            place = {"channel": channel.id, "channel_type": kinds[channel.kind]}
            self.emit(message | place | {"event_ts": message["ts"]})

    def emit_edit(self, channel: Channel, before: Json, after: Json | None) -> None:
        """A message was changed; `after` None: it was deleted."""
        if after is None:
            event = {"subtype": "message_deleted", "deleted_ts": before["ts"]}
        else:
            event = {"subtype": "message_changed", "message": after}
        event |= {"type": "message", "previous_message": before, "hidden": True}
        self.emit_message(channel, event | {"channel": channel.id, "ts": self.stamps.next()})

    def view_changed(self, user_id: str) -> None:
        stack = self.views.open_for(user_id)
        top = stack[-1].shape() if stack else None
        self.changes.tell({"type": "view", "view": top}, user_id)

    def message_changed(self, channel: Channel, message: Json, user_id: str | None = None) -> None:
        event = {"type": "message", "channel": channel.id}
        if message.get("thread_ts"):
            event["thread_ts"] = message["thread_ts"]
        self.changes.tell(event, user_id)

    def channels_changed(self) -> None:
        self.changes.tell({"type": "channels"})

    def show_error(self, user_id: str, text: str) -> None:
        self.errors.append((user_id, text))
        self.changes.tell({"type": "error", "text": text}, user_id)

    def permalink(self, channel: Channel, message: Json) -> str:
        link = f"{self.url}/archives/{channel.id}/p{message['ts'].replace('.', '')}"
        if messages.is_reply(message):
            link += f"?thread_ts={message['thread_ts']}&cid={channel.id}"
        return link
