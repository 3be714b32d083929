"""
Meetings: a calendar file (RFC 5545) in the run's channel, and a reminder there before it begins.

Nobody's calendar is written to: whoever wants the meeting opens the file. File and reminder each
have a name of their own, so making them again adds nothing.
"""

import hashlib
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from adapters.plain import plain
from bot.runbook import CHANGE, Adapter, Change, Key, Person, Seen, pair
from bot.runbook.mrkdwn import inert

LINE = 75  #: Octets in a line of a calendar file, its end not counted.
#: Hours at which a meeting begins, in the company's time zone, Monday to Friday.
MEETING_HOURS = (10, 14)
SATURDAY = 5


class Room(Protocol):
    """The run's channel. What is put there under an `op` is put once. Texts are mrkdwn."""

    async def say(
        self, op: str, run: str, text: str, *, not_before: datetime | None = None
    ) -> None: ...

    async def attach(self, op: str, run: str, filename: str, content: bytes, title: str) -> None:
        """A file in the channel."""

    async def state(self, op: str) -> Literal["absent", "queued", "delivered", "dead"]: ...


class ScheduleMeeting(Change):
    effect = CHANGE
    ours = True
    repeatable = True

    run: str
    since: AwareDatetime  #: When the run was started.
    title: str = Field(min_length=1)
    starts_at: AwareDatetime
    lasting: timedelta = Field(default=timedelta(hours=1), gt=timedelta())
    owner: Person | None = None
    #: So long before it begins.
    remind: timedelta = Field(default=timedelta(hours=1), ge=timedelta())
    agenda: str = ""

    def target(self) -> str:
        return f"calendar/{self.run}/{self._short}"

    def command(self) -> str:
        minutes = int(self.lasting.total_seconds() // 60)
        when = f"{self.begins:%Y-%m-%d %H:%M} UTC"
        return f"schedule {shlex.quote(plain(self.title))} at {when}, {minutes} min"

    @property
    def begins(self) -> datetime:
        """In UTC, so that an hour is an hour also in the night the clocks change."""
        return self.starts_at.astimezone(UTC)

    @property
    def _short(self) -> str:
        return hashlib.sha256(self.title.encode()).hexdigest()[:8]

    @property
    def uid(self) -> str:
        """The same for the same meeting, so that a calendar takes a second copy for an update."""
        return f"{self.run}-{self._short}@runbook-bot"

    @property
    def file_op(self) -> str:
        return f"{self.run}/meeting/{self._short}/file"

    @property
    def reminder_op(self) -> str:
        return f"{self.run}/meeting/{self._short}/reminder"


class Calendar(Adapter):
    def __init__(self, room: Room) -> None:
        self._room = room

    async def _see(self, change: ScheduleMeeting) -> Seen:
        """The reminder need not be delivered: its time is still to come."""
        file = await self._room.state(change.file_op)
        reminder = await self._room.state(change.reminder_op)
        if "dead" in (file, reminder):
            what = "the calendar file" if file == "dead" else "the reminder"
            return Seen("unreadable", f"Slack refused {what}: tell people yourself")
        if "absent" in (file, reminder):
            return Seen("before", "The meeting is not in the channel yet")
        if file == "queued":
            return Seen("applying", "The calendar file is on its way to the channel")
        return Seen("applied", "The calendar file is in the channel, the reminder is set")

    async def _schedule(self, change: ScheduleMeeting, key: Key) -> None:
        await self._room.attach(
            change.file_op, change.run, "meeting.ics", calendar_file(change), plain(change.title)
        )
        await self._room.say(
            change.reminder_op,
            change.run,
            _reminder(change),
            not_before=change.begins - change.remind,
        )

    alters = (pair(ScheduleMeeting, observe=_see, apply=_schedule),)


def meeting_time(
    after: datetime, latest: datetime, time_zone: str, lasting: timedelta = timedelta(hours=1)
) -> datetime:
    """
    The first working hour for a meeting after `after` that ends by `latest`; none such, as over a
    weekend: so that it ends at `latest`. UTC.
    """
    zone = ZoneInfo(time_zone)
    day = after.astimezone(zone).date()
    while day <= latest.astimezone(zone).date():
        for hour in MEETING_HOURS if day.weekday() < SATURDAY else ():
            begin = datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC)
            if after < begin and begin + lasting <= latest:
                return begin
        day += timedelta(days=1)
    return latest.astimezone(UTC) - lasting


def calendar_file(change: ScheduleMeeting) -> bytes:
    """One event, published and not an invitation, so that no calendar answers to anybody."""
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Runbook Bot//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{_text(change.uid)}",
        f"DTSTAMP:{_moment(change.since)}",
        f"DTSTART:{_moment(change.begins)}",
        f"DTEND:{_moment(change.begins + change.lasting)}",
        f"SUMMARY:{_text(plain(change.title))}",
        *((f"DESCRIPTION:{_text(change.agenda)}",) if change.agenda else ()),
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION:{_text(plain(change.title))}",
        f"TRIGGER:-PT{int(change.remind.total_seconds() // 60)}M",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    return b"".join(part + b"\r\n" for line in lines for part in _folded(line))


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    """Escaped as RFC 5545, 3.3.11 has it; what cannot be seen is left out."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(c for c in text if c in "\n\t" or c.isprintable())
    for plain_one, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain_one, escaped)
    return text


def _folded(line: str) -> Iterator[bytes]:
    """Lines of at most 75 octets; each but the first begins with a space. No letter is split."""
    part = b""
    for letter in line:
        octets = letter.encode()
        if len(part) + len(octets) > LINE:
            yield part
            part = b" "
        part += octets
    yield part


def _reminder(change: ScheduleMeeting) -> str:
    when = change.begins
    shown = f"<!date^{int(when.timestamp())}^{{date_short_pretty}} {{time}}|{when:%H:%M} UTC>"
    owner = f", led by <@{change.owner.user_id}>" if change.owner else ""
    return f"*{inert(plain(change.title))}* begins {shown}{owner}."
