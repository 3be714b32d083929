"""`/runbook audit RUN`, and what is written down of those who are turned away."""

from collections.abc import AsyncIterator

import pytest

from bot.engine.intents import Refusal
from sandbox.slack import payloads
from tests.slack.office import DANA, GENERAL, LENA, Office, office
from tests.slack.test_listeners_commands import _delivered
from tests.store.chains import chain

pytestmark = pytest.mark.slow


@pytest.fixture
async def bot() -> AsyncIterator[Office]:
    async with office() as made:
        yield made


async def test_a_runs_log_is_told_to_who_asks_alone(bot: Office) -> None:
    bot.desk.log = chain(5)
    assert (await bot.type("audit 7f3k")).acked
    said = await bot.whispered()
    assert "5 entries" in said and "whole up to entry 5" in said
    assert bot.slack.messages(GENERAL) == []
    assert bot.slack.files == []


async def test_what_does_not_fit_comes_as_a_file_to_that_person_alone(bot: Office) -> None:
    bot.desk.log = chain(300)
    await bot.type("audit 7F3K")
    await bot.whispered()
    (file,) = await bot.slack.wait_for(lambda: [one for one in bot.slack.files if one.completed])
    assert file.content and file.content.count(b"hash: ") == 300
    ((channel,),) = (tuple(shared) for shared in file.shares.values())
    assert channel.startswith("D")
    assert bot.slack.messages(GENERAL) == []


async def test_a_file_that_cannot_be_sent_is_said_to_be_missing(bot: Office) -> None:
    bot.slack.faults.refuse("files.getUploadURLExternal", "storage_limit_reached")
    bot.desk.log = chain(300)
    await bot.type("audit 7F3K")
    await bot.slack.wait_for(
        lambda: "export --run 7F3K" in str(bot.slack.ephemerals(DANA, GENERAL))
    )


async def test_a_log_that_was_tampered_with_is_not_said_to_be_whole(bot: Office) -> None:
    entries = chain(5)
    bot.desk.log = [*entries[:2], entries[2]._replace(by="U666"), *entries[3:]]
    await bot.type("audit 7F3K")
    said = await bot.whispered()
    assert "NOT WHOLE" in said and "Entry 3" in said


async def test_who_may_not_read_it_is_told_why(bot: Office) -> None:
    bot.desk.refusal = Refusal("The audit log is read by the roles admin, security.")
    assert "read by the roles" in await bot.told("audit 7F3K")
    assert "Say which run" in await bot.told("audit")


async def test_a_guest_and_somebody_of_another_company_are_written_down(bot: Office) -> None:
    bot.directory.make_guest(LENA)
    await bot.told("status", LENA)
    channel = bot.slack.channel(GENERAL)
    body = payloads.slash_command(bot.slack.team, DANA, channel, "/runbook", "DAILY-001")
    await _delivered(bot, body | {"team_id": "T0OTHER"})
    await bot.settled()
    (guest,) = bot.desk.refused
    assert guest[:2] == ("Read", LENA) and "full members" in guest[2]
    assert bot.desk.away == [("somebody of another workspace", DANA, 0)]


async def test_a_payload_that_is_none_of_ours_is_written_down(bot: Office) -> None:
    channel = bot.slack.channel(GENERAL)
    body = payloads.slash_command(bot.slack.team, DANA, channel, "/runbook", "DAILY-001")
    await _delivered(bot, body | {"user_id": "nobody"})
    await _delivered(bot, body | {"text": "x" * 5000})
    await bot.settled()
    assert [by for _, by, _ in bot.desk.away] == ["", DANA]
    assert bot.desk.noted == []
