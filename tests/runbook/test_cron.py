"""A schedule fires when somebody who reads its cron expects it, also when clocks change."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runbook.cron import BadCron, Cron, read_cron

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)


def firings(cron: str, at: datetime, hours: float, zone: str = BERLIN) -> list[str]:
    """Within so many hours, in UTC."""
    every = read_cron(cron, zone).next_ones(at, 200)
    return [f"{one:%d %H:%M}" for one in every if one <= at + timedelta(hours=hours)]


def test_it_fires_by_the_clock_of_its_zone() -> None:
    at = datetime(2026, 3, 6, 12, tzinfo=UTC)
    assert firings("0 8 * * mon-fri", at, 96) == ["09 07:00", "10 07:00"]
    assert firings("0 8 * * mon-fri", at, 96, "UTC") == ["09 08:00", "10 08:00"]


def test_a_named_time_that_is_skipped_in_spring_fires_when_the_hour_is_over() -> None:
    assert firings("30 2 * * *", SPRING, 30) == ["29 01:00", "30 00:30"]


def test_two_named_times_that_are_skipped_fire_once() -> None:
    assert firings("0,30 2 * * *", SPRING, 12) == ["29 01:00"]
    assert firings("0 2,3 * * *", SPRING, 12) == ["29 01:00"]


def test_a_named_time_that_comes_twice_in_autumn_fires_the_first_time() -> None:
    assert firings("30 2 * * *", AUTUMN, 30) == ["25 00:30", "26 01:30"]


def test_nothing_is_caught_up_on_for_every_quarter_of_the_hour_that_is_skipped() -> None:
    seen = firings("*/30 * * * *", SPRING, 4)
    assert seen == ["28 22:30", "28 23:00", "28 23:30", "29 00:00", "29 00:30", "29 01:00",
                    "29 01:30", "29 02:00"]  # fmt: skip


def test_every_half_hour_goes_on_through_both_of_the_hours_that_come_twice() -> None:
    seen = firings("*/30 * * * *", AUTUMN, 4)
    assert len(seen) == 8 and {"25 00:00", "25 01:00"} <= set(seen)


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_asked_within_the_hour_that_comes_twice_it_never_looks_back(minute: int) -> None:
    second = datetime(2026, 10, 25, 1, minute, tzinfo=UTC)
    for cron in ("30 2 * * *", "*/15 * * * *", "0 2 * * *", "59 2 * * *"):
        assert read_cron(cron, BERLIN).after(second) > second


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("61 8 * * *", "UTC", "its minute is wrong"),
        ("0 25 * * *", "UTC", "its hour is wrong"),
        ("0 8 * *", "UTC", "has five fields"),
        ("* * * * * *", "UTC", "has five fields"),
        ("@daily", "UTC", "has five fields"),
        ("0 0 30 2 *", "UTC", "its day-of-month is wrong"),
        ("0 0 */29 2 MON#5", "UTC", "never comes"),
        ("0 8 * * \u0663", "UTC", "has five fields"),
        ("1,1,1,1,1,1,1,1,1,1" * 9 + " * * * *", "UTC", "has five fields"),
        ("0 8 * * *", "Berlin", "did you mean Europe/Berlin?"),
        ("0 8 * * *", "Europe/Berlim", "did you mean Europe/Berlin?"),
        ("0 8 * * *", "../../etc/passwd", "one is Europe/Berlin."),
        ("0 8 * * *", "localtime", "There is no time zone localtime"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_write(
    cron: str, zone: str, said: str
) -> None:
    with pytest.raises(BadCron, match=said.replace("?", "[?]")):
        read_cron(cron, zone)


def test_what_was_missed_is_counted_and_the_newest_of_it_found() -> None:
    cron, first = read_cron("0 * * * *", "UTC"), datetime(2026, 3, 6, 8, tzinfo=UTC)
    now = first + timedelta(hours=5, minutes=59)
    assert cron.newest(first, now, now - timedelta(hours=1)) == first + timedelta(hours=5)
    assert cron.count(first, now, 200) == 6
    assert cron.count(first, now + timedelta(days=365), 200) == 200
    daily = read_cron("0 8 * * *", "UTC")
    assert daily.newest(first, now, now - timedelta(hours=1)) == first


MINUTE = st.sampled_from(["*", "*/2", "*/15", "0", "0,30", "1-3", "30", "59"])
HOUR = st.sampled_from(["*", "*/2", "*/15", "0", "1", "2", "3", "1-3", "2,3", "23"])
DAY = st.sampled_from(["*", "*/2", "1", "1-7", "25,29", "L"])
ZONES = st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
NEAR = st.sampled_from([SPRING, AUTUMN]).flatmap(
    lambda base: st.integers(0, 30 * 3600).map(lambda s: base + timedelta(seconds=s))
)


@given(MINUTE, HOUR, DAY, st.sampled_from(["*", "mon-fri", "0", "7"]), ZONES, MOMENTS | NEAR)
def test_time_only_goes_on(
    minute: str, hour: str, day: str, weekday: str, zone: str, at: datetime
) -> None:
    """Each firing is after the one before it, and nothing is between two of them."""
    cron = Cron(f"{minute} {hour} {day} * {weekday}", zone)
    first, second = cron.next_ones(at, 2)
    assert at < first < second
    assert first.second == second.second == 0
    between = first + (second - first) / 2
    assert cron.after(between) == second
    assert cron.after(second - timedelta(seconds=1)) == second


@given(st.text(max_size=40), st.text(max_size=20))
def test_whatever_is_typed_is_a_cron_or_refused(text: str, zone: str) -> None:
    for where in ("UTC", zone):
        try:
            cron = read_cron(text, where)
        except BadCron:
            continue
        assert cron.after(SPRING) > SPRING


@given(
    st.lists(st.text("0123456789*/,-#LWMONSUJAN", min_size=1, max_size=6), min_size=5, max_size=5)
)
def test_whatever_looks_like_a_cron_is_one_or_refused(fields: list[str]) -> None:
    try:
        cron = read_cron(" ".join(fields), BERLIN)
    except BadCron:
        return
    assert cron.after(AUTUMN) > AUTUMN
