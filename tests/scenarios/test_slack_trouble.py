"""Slack loses answers, takes a channel away or is away: what is said is readable, and once."""

from collections import Counter
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.slack import CreateChannel
from assembly.serving import running_bot
from bot.runbook.errors import Refused
from bot.settings import StoreSettings
from bot.slack.views import names
from sandbox.box import Box
from sandbox.slack.faults import FOREVER, Fault
from tests.scenarios.stage import GENERAL, Incident, Person, ops, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def box(shared: Box) -> Iterator[Box]:
    yield shared
    shared.slack.faults.clear()
    shared.slack.clock.advance(60)  # No limit of Slack's is left from one scenario to the next.


async def test_a_post_that_slack_kept_before_the_connection_broke_stands_once(
    box: Box, dana: Person
) -> None:
    box.slack.faults.drop_after_storing("chat.postMessage", times=4)
    room = await dana.starts("RB-INC-001 brief_desc=answers-lost")
    await _diagnosed(room)
    dropped = [one for one in box.slack.calls if one.status == "dropped"]
    assert len(dropped) == 4
    assert max(Counter(ops(box, room.channel)).values()) == 1


async def test_a_channel_whose_name_is_taken_gets_a_number_and_the_other_is_left_alone(
    box: Box, dana: Person
) -> None:
    today = datetime.now(UTC)
    days = {f"{today + timedelta(days=n):%Y%m%d}" for n in (0, 1)}  # It may be midnight soon.
    taken = [box.slack.add_channel(f"incident-{day}-taken", [dana.id]) for day in days]
    room = await dana.starts("RB-INC-001 brief_desc=taken")
    assert room.name.endswith("-taken-2")
    await _diagnosed(room)
    assert not any(box.slack.messages(channel) for channel in taken)


async def test_a_run_whose_channel_is_archived_goes_on_where_it_was_started_and_says_so(
    box: Box, dana: Person
) -> None:
    room = await dana.starts("RB-INC-001 brief_desc=archived")
    await _diagnosed(room)
    card = await room.offers(names.CLOSE)
    box.slack.channel(room.channel).is_archived = True
    await dana.presses(card, room.channel, names.CLOSE)
    general = Incident(box, GENERAL, "general")
    moved = await general.says("goes on here")
    assert f"<#{room.channel}> takes no messages from the bot any more" in moved["text"]
    await general.says("Timeline of run")


async def test_a_private_channel_that_slack_refuses_is_not_opened_as_a_public_one(
    box: Box, tmp_path: Path
) -> None:
    secret = CreateChannel(name="breach", run="7F3K", since=datetime.now(UTC), is_private=True)
    store = StoreSettings(url=f"sqlite:///{tmp_path / 'bot.db'}")
    settings = box.settings().model_copy(update={"store": store})
    box.slack.faults.drop_after_storing("conversations.create")
    box.slack.faults.refuse("conversations.create", "restricted_action", FOREVER)
    async with running_bot(settings) as bot:
        opening = bot.engine.around.systems.hand(secret).apply(secret, "key")
        assert isinstance(opening, Awaitable)
        with pytest.raises(Refused, match="breach was not opened"):
            await opening
    assert not [one for one in box.slack.channels() if "breach" in one.name]
    asked = [one.args for one in box.slack.calls if one.args.get("name") == "breach"]
    assert asked and all(one["is_private"] for one in asked)


async def test_when_slack_is_away_for_a_while_the_run_goes_on_and_everything_is_said_afterwards(
    box: Box, dana: Person
) -> None:
    room = await dana.starts("RB-INC-001 brief_desc=away")
    box.slack.faults.no_connection()
    box.slack.faults.add(Fault("drop_before_storing", times=FOREVER))
    assert (await dana.types("status")).error == "dispatch_failed"
    asked = len(box.slack.calls)
    await until(box, lambda: len(box.slack.calls) > asked + 5)
    box.slack.faults.clear()
    await _diagnosed(room)
    assert max(Counter(ops(box, room.channel)).values()) == 1
    await until(box, lambda: box.slack.socket_mode.connections or None)
    assert "RB-INC-001" in str((await dana.types("status")).payload)


async def _diagnosed(room: Incident) -> None:
    """Everything that was looked at is said."""
    for check in ("which services", "recent deployments", "database", "external dependencies"):
        await room.shows(f"OK · Check {check}")
