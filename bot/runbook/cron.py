"""
When a schedule fires: the five fields of cron, in a time zone.

As Debian's cron does it when clocks change. A time of day that is named (`30 2 * * *`) fires once
each day: one that is skipped in spring fires when the skipped hour is over, and one that comes
twice in autumn fires the first time. With `*` or `*/n` in the minute or the hour it goes by time
that passes: nothing for the hour that was skipped, and both of the hours that come twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from bot.runbook.mrkdwn import named

FIELDS = 5
LONGEST = 100  #: Characters; nobody writes as many.
HOW = (
    "A cron has five fields, minute hour day-of-month month day-of-week, in quotes:"
    ' `"0 8 * * mon-fri"` is 08:00 on weekdays, `"*/15 * * * *"` every quarter of an hour.'
)
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class BadCron(ValueError):
    """It cannot be used, and the message says what to write instead."""


@dataclass(frozen=True)
class Cron:
    """Made by `read_cron`. Moments are UTC: those of one zone do not tell its two hours apart."""

    text: str
    zone: str

    def after(self, at: datetime) -> datetime:
        """The first firing after that moment. Raises BadCron when there is none."""
        for local in self._from(at):
            found = local.astimezone(UTC)
            if found > at.astimezone(UTC):  # in the hour that comes twice it looks back
                return found
        raise BadCron(f'"{named(self.text)}" never comes: there is no such day. {HOW}')

    def next_ones(self, at: datetime, count: int) -> list[datetime]:
        return list(islice(self._all_after(at), count))

    def newest(self, first: datetime, now: datetime, since: datetime) -> datetime:
        """`first` is a firing that is due: the last one until now, if one came after `since`."""
        later = takewhile(lambda firing: firing <= now, self._all_after(max(first, since)))
        return [first, *later][-1]

    def count(self, first: datetime, now: datetime, most: int) -> int:
        """`first` is a firing that is due: how many there are until now, at most so many."""
        later = takewhile(lambda firing: firing <= now, self._all_after(first))
        return 1 + len(list(islice(later, most - 1)))

    def says(self, at: datetime) -> str:
        """`Mon 5 January 08:00`, by the clock of its zone."""
        local = at.astimezone(ZoneInfo(self.zone))
        return f"{local:%a} {local.day} {local:%B %H:%M}"

    def _from(self, at: datetime) -> CronSim:
        try:
            return CronSim(self.text, at.astimezone(ZoneInfo(self.zone)))
        except CronSimError as error:
            wrong = str(error).removeprefix("Bad ")
            raise BadCron(
                f'"{named(self.text)}" is not understood: its {wrong} is wrong. {HOW}'
            ) from None
        except (KeyError, ValueError, OSError):
            raise BadCron(f"There is no time zone {named(self.zone)} on this machine.") from None

    def _all_after(self, at: datetime) -> Iterator[datetime]:
        while True:
            at = self.after(at)
            yield at


def read_cron(text: str, zone: str) -> Cron:
    """Raises BadCron."""
    words = text.split()
    plain = " ".join(words)
    if len(plain) > LONGEST or len(words) != FIELDS or not plain.isascii():
        raise BadCron(f'"{named(plain)}" is not understood. {HOW}')
    if zone not in _zones():
        nearest = get_close_matches(zone[:LONGEST], _zones(), n=1) or _cities(zone) or [""]
        hint = f"did you mean {nearest[0]}?" if nearest[0] else "one is Europe/Berlin."
        raise BadCron(f"There is no time zone {named(zone)}; {hint}")
    cron = Cron(plain, zone)
    cron.after(_SOME_DAY)
    return cron


@cache
def _zones() -> frozenset[str]:
    """Those that every machine calls so, and means the same."""
    return frozenset(available_timezones()) - {"localtime"}


def _cities(name: str) -> list[str]:
    ends = f"/{name.strip().replace(' ', '_').lower()}"
    return sorted(zone for zone in _zones() if zone.lower().endswith(ends))
