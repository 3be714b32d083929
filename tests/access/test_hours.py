"""Hours of the week are right by the clock on the wall, also in the nights when it is set."""

from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.access.hours import DAYS, Hours

BERLIN = "Europe/Berlin"
#: In 2026 the clocks of Berlin are set forward and back at these moments.
SUMMER = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)


def hours(opens: str, closes: str, *days: str, zone: str = BERLIN) -> Hours:
    named = {"days": days or ("mon-sun",), "from": opens, "until": closes, "time_zone": zone}
    return Hours.model_validate(named)


def at(day: int, clock: str, month: int = 11, offset: int = 1) -> datetime:
    hour, minute = map(int, clock.split(":"))
    zone = timezone(timedelta(hours=offset))
    return datetime(2026, month, day, hour, minute, tzinfo=zone)


def test_hours_are_on_from_the_first_minute_and_off_at_the_last() -> None:
    office = hours("08:00", "18:00", "mon-fri")
    assert office.hold(at(25, "08:00")) and office.hold(at(25, "17:59"))
    assert not office.hold(at(25, "07:59")) and not office.hold(at(25, "18:00"))
    assert not office.hold(at(28, "10:00")), "a Saturday"


def test_hours_that_go_over_midnight_belong_to_the_day_they_begin_on() -> None:
    night = hours("22:00", "06:00", "fri")
    assert night.hold(at(27, "22:00")) and night.hold(at(28, "05:59"))
    assert not night.hold(at(27, "05:00")) and not night.hold(at(28, "22:00"))


def test_a_day_lasts_until_its_end() -> None:
    saturday = hours("00:00", "24:00", "sat")
    assert saturday.hold(at(28, "00:00")) and saturday.hold(at(28, "23:59"))
    assert not saturday.hold(at(29, "00:00")) and not saturday.hold(at(27, "23:59"))


def test_days_are_written_one_by_one_or_from_to() -> None:
    assert hours("08:00", "18:00", "mon-wed", "sun").days == ("mon", "tue", "wed", "sun")
    assert hours("08:00", "18:00", "sat-mon").days == ("mon", "sat", "sun")


def test_they_are_told_as_people_say_them() -> None:
    assert hours("08:00", "18:00", "mon-fri").says() == "Mon-Fri 08:00 to 18:00 Europe/Berlin"
    assert hours("22:00", "24:00").says() == "every day 22:00 to 24:00 Europe/Berlin"
    assert hours("08:00", "09:00", "mon", "wed-thu").says().startswith("Mon, Wed-Thu ")


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "08:00", "until": "08:00"},
        {"from": "24:00", "until": "06:00"},
        {"from": "00:00", "until": "00:00"},
        {"from": "24:30"},
        {"from": "8:00"},
        {"until": "06:60"},
        {"until": time(23, 59, 59)},
        {"from": 8},
        {"days": ["mon", "mon-fri"]},
        {"days": ["monday"]},
        {"days": []},
        {"time_zone": "Europe/Berln"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": ""},
        {"untl": "08:00"},
    ],
    ids=str,
)
def test_hours_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    known = {"from": "08:00", "until": "18:00", "time_zone": BERLIN}
    with pytest.raises(ValidationError):
        Hours.model_validate(known | wrong)


def test_the_hour_that_is_skipped_in_spring_is_skipped() -> None:
    """At 02:00 it is 03:00: an hour that would begin at 02:30 begins with the new clock."""
    early = hours("02:30", "04:00", "sun")
    assert not early.hold(SUMMER[0] - timedelta(minutes=1))
    assert early.hold(SUMMER[0])
    assert not hours("02:00", "03:00", "sun").hold(SUMMER[0])


def test_the_hour_that_comes_twice_in_autumn_counts_both_times() -> None:
    twice = hours("02:00", "03:00", "sun")
    for minutes in (-60, -1, 0, 59):
        assert twice.hold(SUMMER[1] + timedelta(minutes=minutes))
    for minutes in (-61, 60):
        assert not twice.hold(SUMMER[1] + timedelta(minutes=minutes))


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


minutes_of_2026 = st.integers(0, 365 * 24 * 60 - 1)
clocks = st.integers(0, 24 * 60)


@given(minutes_of_2026, clocks, clocks, st.sets(st.sampled_from(DAYS), min_size=1))
def test_all_year_round_only_the_clock_on_the_wall_counts(
    minute: int, opens: int, closes: int, days: set[str]
) -> None:
    """Against a clock that knows nothing but the two nights in which it is set."""
    try:
        found = hours(clock(opens), clock(closes), *days)
    except ValidationError:
        assert opens % 1440 == closes % 1440 or opens == 1440
        return
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    wall = moment + timedelta(hours=2 if SUMMER[0] <= moment < SUMMER[1] else 1)
    shown, today = wall.hour * 60 + wall.minute, DAYS[wall.weekday()]
    yesterday = DAYS[(wall - timedelta(days=1)).weekday()]
    if opens < closes:
        is_on = today in days and opens <= shown < closes
    else:
        is_on = (today in days and shown >= opens) or (yesterday in days and shown < closes)
    assert found.hold(moment) is is_on


@given(minutes_of_2026, st.integers(0, 23), st.integers(0, 23))
def test_what_is_left_out_of_a_day_is_what_is_in_the_rest_of_it(
    minute: int, opens: int, closes: int
) -> None:
    if opens == closes:
        return
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    inside = hours(f"{opens:02d}:00", f"{closes:02d}:00")
    outside = hours(f"{closes:02d}:00", f"{opens:02d}:00")
    assert inside.hold(moment) is not outside.hold(moment)
