"""
The handle on the workspace, for tests and for the sandbox: start it, put people in it, do what
people do, look at what they see.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from aiohttp import web

from sandbox.slack import messages
from sandbox.slack.acks import Ack, Line, PayloadKind
from sandbox.slack.acting import Acting
from sandbox.slack.api.dispatch import Logged, WebApi
from sandbox.slack.channels import Channel, Kind
from sandbox.slack.clock import Clock
from sandbox.slack.default_manifest import DEFAULT_MANIFEST
from sandbox.slack.events import Events
from sandbox.slack.faults import Faults
from sandbox.slack.files import File
from sandbox.slack.forms import Forms
from sandbox.slack.http_mode import HttpMode
from sandbox.slack.pages import Pages
from sandbox.slack.people import Group, Person
from sandbox.slack.pressing import Pressed
from sandbox.slack.site import Handler, Site
from sandbox.slack.socket_mode import SocketMode
from sandbox.slack.team import App, Team
from sandbox.slack.wire import Json, new_id

T = TypeVar("T")


class Workspace:
    def __init__(
        self,
        manifest: Json | None = None,
        panel: Mapping[str, Handler] | None = None,
        request_url: str | None = None,
    ) -> None:
        """
        `manifest`: the app's; its scopes are what is granted. `panel`: more routes, such as
        "GET /page/faults". `request_url`: HTTP mode; None: Socket Mode.
        """
        self.team = Team(App(manifest or DEFAULT_MANIFEST))
        team = self.team
        changed = lambda: team.changes.tell({"type": "connection"})  # noqa: E731
        self.socket_mode = SocketMode(team.app.id, team.clock, team.faults, changed)
        self._http = (
            HttpMode(request_url, team.app.signing_secret, team.clock) if request_url else None
        )
        self._line: Line = self._http or self.socket_mode
        line = self._line
        self.acting = Acting(team, line)
        self.forms = Forms(team, line, self.acting)
        self._api = WebApi(team)
        self._panel = dict(panel or {})
        self.notices: list[str] = []  #: Lines the page shows on top.
        self._runner: web.AppRunner | None = None
        self.events = Events(team, line)
        team.emit = self.events.emit
        team.issue_ticket = self._socket_url
        team.faults.connect(self.socket_mode.cut, team.channels_changed)

    async def start(self, port: int = 0) -> None:
        pages = Pages(self.team, self.acting, self.forms, self.notices)
        app = Site(self.team, self._api, self.socket_mode, pages).app(self._panel)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.team.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self.team.background.stop()
        await self.socket_mode.close()
        if self._http is not None:
            await self._http.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _socket_url(self) -> str:
        host = self.team.url.removeprefix("http://")
        return f"ws://{host}/link/?{self.socket_mode.issue_ticket()}"

    def set_request_url(self, url: str) -> None:
        """Where an app in HTTP mode is reached from now on."""
        assert self._http is not None, "this workspace is in Socket Mode"
        self._http.url = url

    async def verify_request_url(self) -> bool:
        return self._http is not None and await self._http.verify()

    @property
    def url(self) -> str:
        return self.team.url

    @property
    def api_url(self) -> str:
        return f"{self.team.url}/api/"

    @property
    def bot_token(self) -> str:
        return self.team.app.bot_token

    @property
    def app_token(self) -> str:
        return self.team.app.app_token

    @property
    def signing_secret(self) -> str:
        return self.team.app.signing_secret

    @property
    def bot_user_id(self) -> str:
        return self.team.app.user_id

    @property
    def faults(self) -> Faults:
        return self.team.faults

    @property
    def clock(self) -> Clock:
        return self.team.clock

    @property
    def calls(self) -> Sequence[Logged]:
        """Every Web API call so far and how it was answered."""
        return self._api.log

    def add_person(
        self,
        id: str,
        name: str,
        email: str = "",
        groups: Iterable[str] = (),
        *,
        real_name: str = "",
        title: str = "",
        is_guest: bool = False,
        deleted: bool = False,
    ) -> Person:
        shown = real_name or name.replace(".", " ").title()
        person = Person(id, name, shown, email or f"{name}@example.com", title, is_guest, deleted)
        return self.team.people.add(person, groups)

    def add_group(self, id: str, handle: str, members: Iterable[str] = ()) -> Group:
        return self.team.people.add_group(Group(id, handle, handle, list(members)))

    def add_channel(
        self,
        name: str,
        members: Iterable[str] = (),
        *,
        id: str | None = None,
        private: bool = False,
        with_bot: bool = True,
        is_general: bool = False,
    ) -> str:
        """The new channel's id."""
        team = self.team
        inside = [*members, *([team.app.user_id] if with_bot else [])]
        creator = inside[0] if inside else "USLACKBOT"
        kind: Kind = "private" if private else "public"
        channel = Channel(id or new_id("C"), name, kind, creator, team.now(), inside)
        channel.is_general = is_general
        team.channels.free_name(name)
        return team.channels.add(channel).id

    async def command(self, user_id: str, channel_id: str, command: str, text: str = "") -> Ack:
        return await self.acting.command(user_id, channel_id, command, text)

    async def click(
        self,
        user_id: str,
        channel: str | None,
        ts_or_view_id: str,
        block_id: str | None,
        action_id: str,
        value: object = None,
        state: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Ack:
        """
        Press a button or choose in a menu, in a message (`channel` and its ts) or in a view
        (`channel` None and the view's id). `block_id` None: wherever the action is.

        Raises CannotDo when the person has no such thing before them.
        """
        where = self.acting.surface(user_id, channel, ts_or_view_id)
        return await self.acting.press(user_id, where, Pressed(action_id, block_id, value), state)

    async def submit_view(
        self, user_id: str, view_id: str, values: Mapping[str, Any] | None = None
    ) -> Ack:
        return await self.forms.submit(user_id, view_id, values or {})

    async def carry(self, kind: PayloadKind, payload: Json) -> Ack:
        """Gives the app a payload as it is, such as one that Slack would never send."""
        return await self._line.carry(kind, payload)

    async def close_view(self, user_id: str, view_id: str) -> None:
        await self.forms.close(user_id, view_id)

    async def suggest(
        self,
        user_id: str,
        channel: str | None,
        ts_or_view_id: str,
        block_id: str | None,
        action_id: str,
        typed: str = "",
    ) -> list[Json]:
        where = self.acting.surface(user_id, channel, ts_or_view_id)
        return await self.acting.suggest(user_id, where, Pressed(action_id, block_id, typed))

    async def shortcut(
        self,
        user_id: str,
        callback_id: str,
        channel: str | None = None,
        ts: str | None = None,
    ) -> Ack:
        """A global shortcut, or one on a message when `channel` and `ts` name it."""
        where = self.acting.surface(user_id, channel, ts) if channel and ts else None
        return await self.acting.shortcut(user_id, callback_id, where)

    async def say(
        self, user_id: str, channel: str, text: str, thread_ts: str | None = None
    ) -> str:
        """The new message's ts."""
        message = await self.acting.say(user_id, channel, text, thread_ts)
        return str(message["ts"])

    async def open_home(self, user_id: str) -> Json | None:
        return self.acting.open_home(user_id)

    def react(self, user_id: str, channel_id: str, ts: str, name: str) -> None:
        channel = self.channel(channel_id)
        self.team.react(channel, channel.messages[ts], name, user_id)

    def channel(self, id_or_name: str) -> Channel:
        channel = self.team.channels.find(id_or_name)
        if channel is None:
            raise LookupError(f"there is no channel {id_or_name}")
        return channel

    def channels(self) -> list[Channel]:
        return list(self.team.channels)

    def messages(self, channel: str, thread_ts: str | None = None) -> list[Json]:
        """Oldest first, without what Slack itself notes; of a thread: its parent and replies."""
        place = self.channel(channel)
        if thread_ts is None:
            found = messages.in_channel(place)
        else:
            found = [place.messages[thread_ts], *messages.replies(place, thread_ts)]
        return [messages.shown(m) for m in found if m.get("subtype") in (None, "thread_broadcast")]

    def ephemerals(self, user_id: str, channel: str) -> list[Json]:
        """What only this person saw there, oldest first."""
        seen = self.channel(channel).ephemerals
        return [messages.shown(message) for who, message in seen if who == user_id]

    def views(self, user_id: str) -> list[Json]:
        """The person's open modals, the one on top last."""
        return [view.shape() for view in self.team.views.open_for(user_id)]

    def home(self, user_id: str) -> Json | None:
        home = self.team.views.homes.get(user_id)
        return home.shape() if home else None

    def errors(self, user_id: str) -> list[str]:
        """The lines this person saw in red."""
        return [text for who, text in self.team.errors if who == user_id]

    @property
    def files(self) -> list[File]:
        return [file for file in self.team.files.by_id.values() if file.completed]

    async def wait_for(
        self,
        predicate: Callable[[], T],
        timeout: float = 30.0,  # noqa: ASYNC109 -- it says what the caller waits for, not how
    ) -> T:
        """What `predicate` returns once it is true; looked at anew with every change."""
        return await self.team.changes.wait_for(predicate, timeout)

    def look_again(self) -> None:
        """Something outside changed that whoever waits may be waiting for."""
        self.team.changes.look_again()

    @property
    def is_connected(self) -> bool:
        """Whether there is a way to the app; over HTTP only trying tells."""
        return self._http is not None or self.socket_mode.connections > 0

    async def wait_connected(self) -> None:
        await self.wait_for(lambda: self.is_connected)
