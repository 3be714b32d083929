"""`/runbook schedule ...` is understood or answered with what would be; its list is pressed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.access.member import Member
from bot.engine.intents import NewSchedule, Refusal
from bot.engine.record import Origin
from bot.engine.scheduled import ScheduleRecord
from bot.runbook.cron import Cron
from bot.slack.listeners.typed_schedule import ScheduleOrder, read_schedule
from bot.slack.views import names
from tests.slack.office import DANA, GENERAL, LENA, Office, office

RECORD = ScheduleRecord(
    "K3PQ", "RB-INC-001", {"severity": "P1"}, Cron("0 8 * * *", "UTC"),
    Origin(GENERAL, "general"), DANA, datetime(2026, 3, 6, 8, tzinfo=UTC),
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ((), ScheduleOrder("list")),
        (("LIST",), ScheduleOrder("list")),
        (("pause", "k3pq"), ScheduleOrder("pause", "K3PQ")),
        (("Resume", "daily-001"), ScheduleOrder("resume", "DAILY-001")),
        (("remove", "K3PQ"), ScheduleOrder("remove", "K3PQ")),
        (
            ("add", "0 8 * * mon-fri", "rb-inc-001", "a=1", "zone=Europe/Berlin", "b=2"),
            ScheduleOrder(
                "add", "RB-INC-001", "0 8 * * mon-fri", "Europe/Berlin", {"a": "1", "b": "2"}
            ),
        ),
    ],
)
def test_what_is_typed_means_what_the_help_says(
    words: tuple[str, ...], order: ScheduleOrder
) -> None:
    assert read_schedule(words) == order


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add",), "five fields in quotes"),
        (("add", "0", "8", "*", "*", "*", "RB-INC-001"), "five fields in quotes"),
        (("add", "0 8 * * *"), "and then the runbook"),
        (("add", "0 8 * * *", "RB-INC-001", "severity"), "key=value"),
        (("add", "0 8 * * *", "RB INC"), "An id has letters"),
        (("pause",), "Say which schedule"),
        (("pause", "A", "B"), "Say which schedule"),
        (("pause", "<!channel>"), "An id has letters"),
        (("list", "all"), 'I do not understand "list all"'),
        (("every", "day"), 'I do not understand "every day"'),
    ],
)
def test_what_is_not_clear_is_asked(words: tuple[str, ...], said: str) -> None:
    refused = read_schedule(words)
    assert isinstance(refused, Refusal) and said in refused.why


@pytest.fixture
async def bot() -> AsyncIterator[Office]:
    async with office() as made:
        yield made


@pytest.mark.slow
async def test_one_is_added_where_it_is_typed(bot: Office) -> None:
    bot.desk.says = "Schedule K3PQ starts RB-INC-001 next on ..."
    typed = 'schedule add "0 8 * * 1-5" rb-inc-001 brief_desc=drill services=a,b zone=Asia/Tokyo'
    assert "K3PQ" in await bot.told(typed)
    name, what = bot.desk.last
    wanted: NewSchedule = what["wanted"]
    assert (name, what["by"]) == ("add schedule", DANA)
    assert (wanted.book, wanted.cron, wanted.zone) == ("RB-INC-001", "0 8 * * 1-5", "Asia/Tokyo")
    assert wanted.inputs == {"brief_desc": "drill", "services": ["a", "b"]}
    assert wanted.origin == Origin(GENERAL, "general")


@pytest.mark.slow
async def test_what_would_have_to_be_filled_in_is_asked_for(bot: Office) -> None:
    assert "needs brief_desc as well" in await bot.told('schedule add "0 8 * * *" RB-INC-001')
    assert "Did you mean" in await bot.told('schedule add "0 8 * * *" RB-INC-01 brief_desc=x')
    assert "no input" in await bot.told('schedule add "0 8 * * *" RB-INC-001 brief=x')
    hidden = await bot.told('schedule add "0 8 * * *" RB-SYNC-002 value=x')
    assert "cannot be typed behind a command" in hidden
    bot.desk.strange = Refusal("Some inputs are not right.", {"severity": "This is not one."})
    told = await bot.told('schedule add "0 8 * * *" RB-INC-001 brief_desc=abc severity=P9')
    assert "severity: This is not one. (one of P1, P2)" in told
    assert bot.desk.noted == []


@pytest.mark.slow
async def test_the_list_is_pressed_by_who_may(bot: Office) -> None:
    bot.desk.scheduled = (RECORD, replace(RECORD, id="M2NP", by=LENA, paused_at=RECORD.next_at))
    for ways in (("K3PQ", names.PAUSE_SCHEDULE), ("M2NP", names.RESUME_SCHEDULE)):
        await bot.type("schedule")
        seen = bot.slack.ephemerals(DANA, GENERAL)[-1]
        await bot.press(seen["ts"], f"{ways[1]}:{ways[0]}")
        await bot.settled()
        assert bot.desk.last == (f"{names.WAYS[ways[1]]} schedule", {"by": DANA, "run": ways[0]})
    await bot.press(seen["ts"], f"{names.REMOVE_SCHEDULE}:K3PQ")
    await bot.settled()
    assert bot.desk.last == ("remove schedule", {"by": DANA, "run": "K3PQ"})


@pytest.mark.slow
async def test_who_may_not_reads_the_list_without_buttons_and_help_without_add(
    bot: Office,
) -> None:
    bot.desk.scheduled = (RECORD,)
    bot.directory.members[LENA] = Member(LENA, "lena", frozenset({"viewer"}))
    told = await bot.type("schedule", LENA)
    shown = str(told.payload["blocks"])
    assert "K3PQ" in shown and names.PAUSE_SCHEDULE not in shown
    helped = str((await bot.type("help", LENA)).payload["blocks"])
    assert "/runbook schedule" in helped and "schedule add" not in helped
    assert "schedule add" in str((await bot.type("help")).payload["blocks"])
