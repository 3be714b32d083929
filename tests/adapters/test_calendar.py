"""A meeting: a file that any calendar opens, a reminder, and a time at which people work."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.calendar import Calendar, ScheduleMeeting, calendar_file, meeting_time
from adapters.plain import plain
from bot.runbook import Company, Person, Seen
from tests.adapters.written_room import State, WrittenRoom

HOUR = timedelta(hours=1)
MOST_OCTETS = 75  #: In a line, its end not counted (RFC 5545, 3.1).
TUESDAY = datetime(2026, 9, 1, 3, tzinfo=UTC)
MEETING = ScheduleMeeting(
    run="7F3K",
    since=TUESDAY,
    title="Post-mortem core-down",
    starts_at=datetime(2026, 9, 1, 8, tzinfo=UTC),
    owner=Person(user_id="U0ALICE"),
    agenda="What happened?\nRun 7F3K",
)
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Africa/Cairo"),
)
#: Letters of one to four octets, all that is escaped, and what no calendar may see.
AWKWARD = st.sampled_from("aä€\U0001d11e ,;:\\\n\r\t\x00\x1b\x7f")


def lines_of(content: bytes) -> list[str]:
    """Content lines, unfolded, of a file that keeps RFC 5545, 3.1: fails when it does not."""
    assert content.endswith(b"\r\n")
    physical = content.removesuffix(b"\r\n").split(b"\r\n")
    assert not [line for line in physical if b"\r" in line or b"\n" in line]
    assert max(map(len, physical)) <= MOST_OCTETS
    for line in physical:
        line.decode()  # No letter is split between two lines.
    return re.sub(rb"\r\n ", b"", content).decode().removesuffix("\r\n").split("\r\n")


def event_of(content: bytes) -> Mapping[str, str]:
    """What its one event has; of the reminder in it, what the event has not."""
    found: dict[str, str] = {}
    for line in lines_of(content):
        name, value = line.split(":", 1)
        assert re.fullmatch("[A-Z-]+", name)
        found.setdefault(name, value)
    return found


def text_of(value: str) -> str:
    """Read as RFC 5545, 3.3.11 has it: fails where something should be escaped and is not."""
    assert not re.search(r"[,;\n]", re.sub(r"\\.", "", value))
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)


@pytest.fixture
def room() -> WrittenRoom:
    return WrittenRoom()


@pytest.fixture
def calendar(room: WrittenRoom) -> Calendar:
    return Calendar(room)


def test_the_file_is_one_published_event_with_times_in_utc() -> None:
    assert lines_of(calendar_file(MEETING)) == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Runbook Bot//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{MEETING.uid}",
        "DTSTAMP:20260901T030000Z",
        "DTSTART:20260901T080000Z",
        "DTEND:20260901T090000Z",
        "SUMMARY:Post-mortem core-down",
        "DESCRIPTION:What happened?\\nRun 7F3K",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Post-mortem core-down",
        "TRIGGER:-PT60M",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    ]


def test_the_same_meeting_is_the_same_file_and_another_one_has_another_uid() -> None:
    again = ScheduleMeeting.model_validate_json(MEETING.model_dump_json())
    assert calendar_file(again) == calendar_file(MEETING)
    others = [MEETING.model_copy(update=one) for one in ({"title": "Review"}, {"run": "9QQQ"})]
    assert len({MEETING.uid, *(other.uid for other in others)}) == 3
    assert re.fullmatch(r"7F3K-[0-9a-f]{8}@runbook-bot", MEETING.uid)


def test_a_moved_meeting_is_an_update_of_the_same_one() -> None:
    later = MEETING.model_copy(update={"starts_at": MEETING.starts_at + HOUR})
    assert later.uid == MEETING.uid
    assert event_of(calendar_file(later))["DTSTART"] == "20260901T090000Z"


@pytest.mark.parametrize("zone", ZONES)
def test_times_are_utc_whatever_zone_they_were_given_in(zone: str) -> None:
    there = MEETING.model_copy(update={"starts_at": MEETING.starts_at.astimezone(ZoneInfo(zone))})
    assert calendar_file(there) == calendar_file(MEETING)
    assert there.command() == "schedule 'Post-mortem core-down' at 2026-09-01 08:00 UTC, 60 min"


def test_a_meeting_over_the_night_the_clocks_change_lasts_as_long_as_it_should() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    night = MEETING.model_copy(
        update={"starts_at": datetime(2026, 3, 29, 1, 30, tzinfo=berlin), "lasting": 2 * HOUR}
    )
    event = event_of(calendar_file(night))
    assert (event["DTSTART"], event["DTEND"]) == ("20260329T003000Z", "20260329T023000Z")


@settings(deadline=None)
@given(st.text(AWKWARD, min_size=1), st.text(AWKWARD, min_size=80))
def test_any_text_comes_out_of_the_file_as_it_went_in(title: str, agenda: str) -> None:
    meeting = MEETING.model_copy(update={"title": title, "agenda": agenda})
    event = event_of(calendar_file(meeting))
    assert text_of(event["SUMMARY"]) == plain(title)
    newlines = agenda.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in newlines if c in "\n\t" or (c >= " " and c != "\x7f"))
    assert text_of(event["DESCRIPTION"]) == kept


async def test_a_meeting_is_before_then_applied(calendar: Calendar, room: WrittenRoom) -> None:
    assert await calendar._see(MEETING) == Seen("before", "The meeting is not in the channel yet")
    for _ in range(2):
        await calendar._schedule(MEETING, "key")
    assert await calendar._see(MEETING) == Seen(
        "applied", "The calendar file is in the channel, the reminder is set"
    )
    (file,), (reminder,) = room.attached, room.said
    assert (file.run, file.filename, file.title) == ("7F3K", "meeting.ics", MEETING.title)
    assert file.content == calendar_file(MEETING)
    assert (reminder.run, reminder.not_before) == ("7F3K", MEETING.starts_at - HOUR)


async def test_the_reminder_is_an_hour_before_also_when_the_clocks_change(
    calendar: Calendar, room: WrittenRoom
) -> None:
    begins = datetime(2026, 3, 29, 3, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    await calendar._schedule(MEETING.model_copy(update={"starts_at": begins}), "key")
    assert room.said[0].not_before == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


async def test_two_meetings_of_a_run_are_known_apart(calendar: Calendar) -> None:
    await calendar._schedule(MEETING, "key")
    review = MEETING.model_copy(update={"title": "Review"})
    assert (await calendar._see(review)).state == "before"
    assert review.target() != MEETING.target()


async def test_a_meeting_half_of_which_is_there_is_completed(
    calendar: Calendar, room: WrittenRoom
) -> None:
    await room.attach(MEETING.file_op, "7F3K", "meeting.ics", b"", "")
    assert (await calendar._see(MEETING)).state == "before"
    await calendar._schedule(MEETING, "key")
    assert (await calendar._see(MEETING)).state == "applied"


@pytest.mark.parametrize(
    ("file", "reminder", "seen"),
    [
        ("queued", "queued", Seen("applying", "The calendar file is on its way to the channel")),
        (
            "dead",
            "queued",
            Seen("unreadable", "Slack refused the calendar file: tell people yourself"),
        ),
        (
            "delivered",
            "dead",
            Seen("unreadable", "Slack refused the reminder: tell people yourself"),
        ),
        (
            "delivered",
            "delivered",
            Seen("applied", "The calendar file is in the channel, the reminder is set"),
        ),
    ],
)
async def test_what_slack_did_with_it_is_told(
    calendar: Calendar, room: WrittenRoom, file: State, reminder: State, seen: Seen
) -> None:
    room.states |= {MEETING.file_op: file, MEETING.reminder_op: reminder}
    assert await calendar._see(MEETING) == seen


@pytest.mark.parametrize(
    ("owner", "led_by"), [(Person(user_id="U0ALICE"), ", led by <@U0ALICE>"), (None, "")]
)
async def test_the_reminder_says_when_in_the_readers_own_time_and_who_leads(
    calendar: Calendar, room: WrittenRoom, owner: Person | None, led_by: str
) -> None:
    meeting = MEETING.model_copy(update={"owner": owner, "title": "Post-mortem <!here> & more"})
    await calendar._schedule(meeting, "key")
    when = f"<!date^{int(MEETING.starts_at.timestamp())}^{{date_short_pretty}} {{time}}|08:00 UTC>"
    assert room.said[0].text == (f"*Post-mortem &lt;!here&gt; &amp; more* begins {when}{led_by}.")


@pytest.mark.parametrize(
    "wrong",
    [
        {"starts_at": datetime(2026, 9, 1, 8)},
        {"since": datetime(2026, 9, 1, 3)},
        {"lasting": timedelta()},
        {"remind": -HOUR},
        {"title": ""},
    ],
)
def test_a_meeting_that_no_calendar_would_take_cannot_be_planned(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ScheduleMeeting.model_validate(MEETING.model_dump() | wrong)


@pytest.mark.parametrize(
    ("zone", "after", "expected"),
    [
        ("UTC", "2026-09-01 07:00", "2026-09-01 10:00"),
        ("UTC", "2026-09-01 10:00", "2026-09-01 14:00"),
        ("UTC", "2026-09-01 14:00", "2026-09-02 10:00"),
        ("Europe/Berlin", "2026-09-01 07:00", "2026-09-01 08:00"),
        ("America/New_York", "2026-09-01 07:00", "2026-09-01 14:00"),
        ("Asia/Kathmandu", "2026-09-01 07:00", "2026-09-01 08:15"),
        ("Pacific/Kiritimati", "2026-09-01 07:00", "2026-09-01 20:00"),
        ("Africa/Cairo", "2026-04-23 12:30", "2026-04-24 07:00"),
    ],
)
def test_it_begins_at_the_first_working_hour_there(zone: str, after: str, expected: str) -> None:
    begins = datetime.fromisoformat(f"{after}Z")
    found = meeting_time(begins, begins + 44 * HOUR, zone)
    assert (f"{found:%Y-%m-%d %H:%M}", found.tzinfo) == (expected, UTC)


@pytest.mark.parametrize(
    ("day_before", "first", "zone"),
    [
        ("2026-03-27", "2026-03-30 08:00", "Europe/Berlin"),
        ("2026-10-23", "2026-10-26 09:00", "Europe/Berlin"),
        ("2026-03-06", "2026-03-09 14:00", "America/New_York"),
        ("2026-10-30", "2026-11-02 15:00", "America/New_York"),
    ],
)
def test_the_clocks_may_change_in_between(day_before: str, first: str, zone: str) -> None:
    friday = datetime.fromisoformat(f"{day_before}T20:00:00Z")
    assert meeting_time(friday, friday + 96 * HOUR, zone) == datetime.fromisoformat(f"{first}Z")


def test_over_a_weekend_it_ends_when_it_must() -> None:
    friday_evening = datetime(2026, 9, 4, 19, tzinfo=UTC)
    latest = friday_evening + 48 * HOUR
    assert meeting_time(friday_evening + 4 * HOUR, latest, "Europe/Berlin") == latest - HOUR


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),
    st.integers(1, 240),
    st.integers(1, 16),
)
def test_no_earlier_working_hour_would_have_done(
    zone: str, start: datetime, window_h: int, quarters: int
) -> None:
    after, lasting = start.replace(tzinfo=UTC), quarters * HOUR / 4
    latest = after + window_h * HOUR
    quarter = after.replace(minute=0, second=0, microsecond=0)
    fit = []
    while quarter + lasting <= latest:
        there = quarter.astimezone(ZoneInfo(zone))
        works = there.weekday() < 5 and there.hour in (10, 14) and there.minute == 0
        if works and quarter > after:
            fit.append(quarter)
        quarter += HOUR / 4
    assert meeting_time(after, latest, zone, lasting) == min(fit, default=latest - lasting)


@pytest.mark.parametrize("name", ["Europe/Berln", "Europe", "../etc/passwd", ""])
def test_a_time_zone_that_is_none_is_told_before_a_meeting_is_needed(name: str) -> None:
    with pytest.raises(ValidationError, match="there is no time zone"):
        Company(time_zone=name)
