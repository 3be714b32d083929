"""A run's channel is opened once, whatever is lost on the way, and never an old one taken over."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.slack import CreateChannel, PostTimeline, Slack
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.store.deliveries import Delivery, message

STARTED = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)
CHANGE = CreateChannel(
    name="incident-20260901-core",
    run="7F3K",
    since=STARTED,
    topic="P1 core <down>",
    purpose="Service Outage",
    invite=("U0DANA",),
)


class Workspace:
    """
    The calls around channels, as Slack answers them. `lost` methods lose their answer once;
    `limited` ones are refused once, for so many seconds.
    """

    def __init__(self) -> None:
        self.channels: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.lost: set[str] = set()
        self.limited: dict[str, float] = {}
        self.refused: dict[str, str] = {}
        self.invited: list[str] = []
        self.was_read = asyncio.Event()  #: Somebody has been told which channels there are.
        self.now = STARTED + timedelta(seconds=5)

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        self.calls.append(method)
        if method in self.limited:
            raise NothingDone(f"Slack limits {method}", self.limited.pop(method))
        if method in self.refused:
            return {"ok": False, "error": self.refused[method], "needed": "channels:manage"}
        answer: Mapping[str, Any] = getattr(self, method.replace(".", "_"))(**arguments)
        await asyncio.sleep(0)
        if method in self.lost:
            self.lost.remove(method)
            raise Unreachable(f"Slack did not answer {method}")
        return {"ok": True, **answer}

    def add(self, name: str, creator: str = "U0BOT", **more: Any) -> dict[str, Any]:
        channel = {
            "id": f"C{len(self.channels)}",
            "name": name,
            "creator": creator,
            "created": int(self.now.timestamp()),
            "is_private": False,
            **more,
        }
        self.channels.append(channel)
        return channel

    def auth_test(self) -> Mapping[str, Any]:
        return {"user_id": "U0BOT"}

    def users_conversations(self, types: str, limit: int, cursor: str | None) -> Mapping[str, Any]:
        """One channel a page, so that paging is seen to work."""
        self.was_read.set()
        at = int(cursor or 0)
        more = str(at + 1) if at + 1 < len(self.channels) else ""
        return {
            "channels": self.channels[at : at + 1],
            "response_metadata": {"next_cursor": more},
        }

    def conversations_create(self, name: str, is_private: bool) -> Mapping[str, Any]:
        if any(channel["name"] == name for channel in self.channels):
            return {"ok": False, "error": "name_taken"}
        return {"channel": self.add(name, is_private=is_private)}

    def conversations_setPurpose(self, channel: str, purpose: str) -> Mapping[str, Any]:
        self._of(channel)["purpose"] = {"value": purpose}
        return {}

    def conversations_setTopic(self, channel: str, topic: str) -> Mapping[str, Any]:
        escaped = topic.replace("<", "&lt;").replace(">", "&gt;")
        self._of(channel)["topic"] = {"value": escaped}
        return {"channel": self._of(channel)}

    def conversations_invite(self, channel: str, users: str, force: bool) -> Mapping[str, Any]:
        self.invited.append(users)
        return {}

    def _of(self, channel_id: str) -> dict[str, Any]:
        return next(channel for channel in self.channels if channel["id"] == channel_id)


class Rooms:
    def __init__(self) -> None:
        self.known: dict[str, tuple[str, str]] = {}

    async def remember(self, run_id: str, channel_id: str, name: str) -> None:
        self.known[run_id] = (channel_id, name)


class Outbox:
    def __init__(self) -> None:
        self.rows: dict[str, str] = {}

    async def put(self, run_id: str, deliveries: Sequence[Delivery]) -> None:
        self.rows |= {delivery.name: "pending" for delivery in deliveries}

    async def states(self, names: Sequence[str]) -> Mapping[str, str]:
        return {name: self.rows[name] for name in names if name in self.rows}


async def timeline(run_id: str) -> Sequence[Delivery]:
    return [message(f"{run_id}/timeline", "03:00 started")]


@pytest.fixture
def workspace() -> Workspace:
    return Workspace()


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def naps() -> list[float]:
    """For how long the adapter has waited, in seconds."""
    return []


@pytest.fixture
def slack(workspace: Workspace, rooms: Rooms, outbox: Outbox, naps: list[float]) -> Slack:
    async def nap(seconds: float) -> None:
        naps.append(seconds)

    return Slack(workspace, rooms, outbox, timeline, nap)


async def test_a_channel_is_opened_named_after_its_run_and_remembered(
    slack: Slack, workspace: Workspace, rooms: Rooms
) -> None:
    assert (await slack._see_channel(CHANGE)).state == "before"
    await slack._create_channel(CHANGE, "key")
    assert (await slack._see_channel(CHANGE)).state == "applied"
    assert workspace.channels[0]["purpose"]["value"] == "Service Outage (run 7F3K)"
    assert workspace.invited == ["U0DANA"]
    assert rooms.known == {"7F3K": ("C0", "incident-20260901-core")}


async def test_what_a_channel_is_like_is_asked_before_it_is_opened_and_told_by_the_last_call(
    slack: Slack, workspace: Workspace
) -> None:
    """Slack takes 20 of it a minute, and a year of incidents is many pages."""
    await slack._see_channel(CHANGE)
    assert workspace.calls.count("users.conversations") == 1
    await slack._create_channel(CHANGE, "key")
    assert (await slack._see_channel(CHANGE)).state == "applied"
    assert workspace.calls.count("users.conversations") == 1
    workspace.channels[0]["topic"] = {"value": "lunch"}
    assert (await slack._see_channel(CHANGE)).state == "before"


METHODS = (
    "auth.test",
    "users.conversations",
    "conversations.create",
    "conversations.setPurpose",
    "conversations.invite",
    "conversations.setTopic",
)


@pytest.mark.parametrize("method", METHODS)
async def test_a_lost_answer_never_makes_a_second_channel(
    slack: Slack, workspace: Workspace, method: str
) -> None:
    workspace.lost.add(method)
    await slack._create_channel(CHANGE, "key")
    assert (await slack._see_channel(CHANGE)).state == "applied"
    assert [one["name"] for one in workspace.channels] == [CHANGE.name]


@pytest.mark.parametrize("method", METHODS)
async def test_a_limit_is_waited_for_as_long_as_slack_says(
    slack: Slack, workspace: Workspace, naps: list[float], method: str
) -> None:
    workspace.limited[method] = 7.0
    await slack._see_channel(CHANGE)
    await slack._create_channel(CHANGE, "key")
    assert (await slack._see_channel(CHANGE)).state == "applied"
    assert naps == [7.0]


async def test_runs_that_look_at_the_same_time_share_what_is_read(
    slack: Slack, workspace: Workspace
) -> None:
    others = [CHANGE.model_copy(update={"run": f"RUN{n}"}) for n in range(20)]
    await asyncio.gather(*(slack._see_channel(change) for change in (CHANGE, *others)))
    assert workspace.calls.count("users.conversations") == 2


async def test_what_was_read_before_a_run_looks_is_not_good_enough(
    slack: Slack, workspace: Workspace
) -> None:
    early = asyncio.create_task(slack._see_channel(CHANGE))
    await workspace.was_read.wait()
    workspace.add(CHANGE.name, purpose={"value": f"Service Outage {CHANGE.mark}"})
    assert "open" in (await slack._see_channel(CHANGE)).now
    await early


async def test_a_run_speaks_in_its_channel_while_that_is_not_furnished_yet(
    slack: Slack, workspace: Workspace, rooms: Rooms
) -> None:
    workspace.add(CHANGE.name)
    assert (await slack._see_channel(CHANGE)).state == "before"
    assert rooms.known == {"7F3K": ("C0", CHANGE.name)}


async def test_a_taken_name_gets_a_number(slack: Slack, workspace: Workspace) -> None:
    workspace.add("incident-20260901-core", creator="U0DANA")
    await slack._create_channel(CHANGE, "key")
    assert workspace.channels[1]["name"] == "incident-20260901-core-2"


async def test_the_channel_of_another_run_is_never_taken_over(
    slack: Slack, workspace: Workspace
) -> None:
    workspace.add("incident-20260901-core", purpose={"value": "Service Outage (run 9QQQ)"})
    assert (await slack._see_channel(CHANGE)).state == "before"
    await slack._create_channel(CHANGE, "key")
    assert workspace.channels[0]["purpose"]["value"] == "Service Outage (run 9QQQ)"


async def test_a_bare_channel_from_before_the_run_is_not_ours(
    slack: Slack, workspace: Workspace
) -> None:
    earlier = int((STARTED - timedelta(hours=1)).timestamp())
    workspace.add("incident-20260901-core", created=earlier)
    await slack._create_channel(CHANGE, "key")
    assert len(workspace.channels) == 2


async def test_the_channel_of_an_older_run_with_the_same_id_is_not_ours(
    slack: Slack, workspace: Workspace
) -> None:
    await slack._create_channel(CHANGE, "key")
    await slack._see_channel(CHANGE)
    workspace.channels[0]["created"] = int((STARTED - timedelta(hours=1)).timestamp())
    assert (await slack._see_channel(CHANGE)).state == "before"
    await slack._create_channel(CHANGE, "key")
    assert [channel["name"] for channel in workspace.channels] == [CHANGE.name, f"{CHANGE.name}-2"]


@pytest.mark.parametrize(
    "strange",
    [{}, {"channels": None}, {"channels": ["C1"]}, {"channels": [{"id": "C1"}]}],
)
async def test_channels_of_another_shape_are_unreadable_and_not_none(
    slack: Slack,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    strange: Mapping[str, Any],
) -> None:
    monkeypatch.setattr(workspace, "users_conversations", lambda **_: strange)
    with pytest.raises(Unreachable, match=r"without its channels|a shape that cannot be read"):
        await slack._see_channel(CHANGE)


async def test_a_channel_that_slack_opened_without_saying_which_is_looked_for(
    slack: Slack, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "conversations_create", lambda **_: {})
    with pytest.raises(Unreachable, match="a shape that cannot be read"):
        await slack._create_channel(CHANGE, "key")


async def test_somebody_elses_bare_channel_is_not_ours(slack: Slack, workspace: Workspace) -> None:
    workspace.add("incident-20260901-core", creator="U0DANA")
    await slack._create_channel(CHANGE, "key")
    assert "purpose" not in workspace.channels[0]


async def test_a_private_channel_is_private_or_not_at_all(
    slack: Slack, workspace: Workspace
) -> None:
    secret = CHANGE.model_copy(update={"is_private": True})
    await slack._create_channel(CHANGE.model_copy(update={"run": "OTHER"}), "key")
    await slack._create_channel(secret, "key")
    assert [channel["is_private"] for channel in workspace.channels] == [False, True]
    workspace.refused["conversations.create"] = "restricted_action"
    with pytest.raises(Refused):
        await slack._create_channel(secret.model_copy(update={"run": "NEXT"}), "key")
    assert len(workspace.channels) == 2


async def test_when_every_name_is_taken_a_person_is_told(
    slack: Slack, workspace: Workspace
) -> None:
    for name in CHANGE.names:
        workspace.add(name, creator="U0DANA")
    with pytest.raises(Refused, match="all exist"):
        await slack._create_channel(CHANGE, "key")


async def test_whoever_cannot_be_invited_does_not_keep_the_room_shut(
    slack: Slack, workspace: Workspace
) -> None:
    workspace.refused["conversations.invite"] = "user_not_found"
    await slack._create_channel(CHANGE, "key")
    assert (await slack._see_channel(CHANGE)).state == "applied"


async def test_a_refusal_says_what_to_do(slack: Slack, workspace: Workspace) -> None:
    workspace.refused["conversations.create"] = "missing_scope"
    with pytest.raises(Refused, match="It needs channels:manage"):
        await slack._create_channel(CHANGE, "key")
    workspace.refused["conversations.create"] = "invalid_name_specials"
    with pytest.raises(Refused, match="lowercase letters"):
        await slack._create_channel(CHANGE, "key")


async def test_the_timeline_is_applied_when_slack_has_it(slack: Slack, outbox: Outbox) -> None:
    change = PostTimeline(run="7F3K")
    assert (await slack._see_timeline(change)).state == "before"
    await slack._post_timeline(change, "key")
    assert (await slack._see_timeline(change)).state == "applying"
    outbox.rows["7F3K/timeline"] = "sent"
    assert (await slack._see_timeline(change)).state == "applied"
    outbox.rows["7F3K/timeline"] = "dead"
    assert (await slack._see_timeline(change)).state == "unreadable"
