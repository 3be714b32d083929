"""
Hours of the week, by the clock on the wall in one time zone.

What counts is what that clock shows. An hour that it skips in spring is skipped here as well, and
one that it shows twice in autumn counts both times.
"""

import re
from collections.abc import Iterable
from datetime import datetime, time
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from bot.access.table import Table

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
CLOCK = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")


def _minute(value: Any) -> int:
    """Minutes since midnight, from "08:00" or TOML's 08:00:00."""
    if isinstance(value, time) and (value.second or value.microsecond):
        raise ValueError(f'has {value}, and is told by the minute; the end of the day is "24:00"')
    if isinstance(value, time):
        value = f"{value:%H:%M}"
    found = CLOCK.fullmatch(value) if isinstance(value, str) else None
    minute = int(found[1]) * 60 + int(found[2]) if found else DAY_MIN + 1
    if minute > DAY_MIN:
        raise ValueError('is written like "08:00", and the end of the day is "24:00"')
    return minute


def _days(value: Any) -> tuple[str, ...]:
    """In the order of the week; `mon-fri` is five of them."""
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not words:
        raise ValueError(f"is a list such as {NAMED}")
    named = [day for word in words for day in _from_to(word)]
    if twice := sorted({day for day in named if named.count(day) > 1}, key=DAYS.index):
        raise ValueError(f"has {', '.join(twice)} twice")
    return tuple(sorted(named, key=DAYS.index))


NAMED = '["mon-fri", "sun"]'


def _from_to(word: Any) -> Iterable[str]:
    first, dash, last = word.partition("-") if isinstance(word, str) else ("", "", "")
    if first not in DAYS or (dash and last not in DAYS):
        raise ValueError(f"has {word!r}, and a day is one of {', '.join(DAYS)}; {NAMED}")
    start = DAYS.index(first)
    length = (DAYS.index(last) - start) % 7 if dash else 0
    return [DAYS[(start + n) % 7] for n in range(length + 1)]


def _zone(value: Any) -> str:
    try:
        return str(ZoneInfo(value).key)
    except (OSError, ValueError, TypeError, KeyError):
        raise ValueError(f"has {value!r}, which is no time zone; one is Europe/Berlin") from None


class Hours(Table):
    """From `opens` until `closes`, on those days; over midnight when it closes before it opens."""

    days: Annotated[tuple[str, ...], BeforeValidator(_days)] = DAYS
    opens: Annotated[int, BeforeValidator(_minute)] = Field(0, validation_alias="from")
    closes: Annotated[int, BeforeValidator(_minute)] = Field(DAY_MIN, validation_alias="until")
    time_zone: Annotated[str, BeforeValidator(_zone)]

    @model_validator(mode="after")
    def _is_some_time(self) -> "Hours":
        if self.opens % DAY_MIN == self.closes % DAY_MIN and self.opens >= self.closes:
            raise ValueError(
                "opens and closes at the same minute, so it is never open; a whole day is from"
                ' "00:00" until "24:00"'
            )
        if self.opens == DAY_MIN:
            raise ValueError('opens at "24:00": the day begins at "00:00"')
        return self

    def hold(self, at: datetime) -> bool:
        """Whether they are on at this moment, which is aware."""
        local = at.astimezone(ZoneInfo(self.time_zone))
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.opens < self.closes:
            return DAYS[today] in self.days and self.opens <= minute < self.closes
        begun = DAYS[today] in self.days and minute >= self.opens
        return begun or (DAYS[today - 1] in self.days and minute < self.closes)

    def says(self) -> str:
        """`Mon-Fri 08:00 to 18:00 Europe/Berlin`."""
        hours = f"{_clock(self.opens)} to {_clock(self.closes)}"
        return f"{_stretches(self.days)} {hours} {self.time_zone}"

    def now(self, at: datetime) -> str:
        """What the clock shows there: `Sat 03:12`."""
        local = at.astimezone(ZoneInfo(self.time_zone))
        return f"{DAYS[local.weekday()].title()} {local:%H:%M}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _stretches(days: tuple[str, ...]) -> str:
    if days == DAYS:
        return "every day"
    told, at = [], [DAYS.index(day) for day in days]
    while at:
        last = at[0]
        while last + 1 in at:
            last += 1
        names = DAYS[at[0]].title(), DAYS[last].title()
        told.append("-".join(names) if last > at[0] else names[0])
        at = [one for one in at if one > last]
    return ", ".join(told)
