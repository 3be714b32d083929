"""A backfill is slow while the database is busier than at the beginning, and quick again after."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres.pace import FIRST_BATCHES, LAG_BYTES, LONGEST_S, Load, Pace

CALM = Load(at_work=2, waiting=0, lag_bytes=0.0, lag_s=0.1)
LOADS = st.builds(
    Load,
    st.none() | st.integers(0, 200),
    st.none() | st.integers(0, 50),
    st.none() | st.floats(0, 1e10),
    st.none() | st.floats(0, 1e4),
)


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (Load(at_work=11), "11 sessions are at work, 2 when this began"),
        (Load(at_work=2, waiting=3), "3 sessions wait for locks"),
        (Load(lag_bytes=LAG_BYTES + 1e6), "a replica is 65 MB behind"),
        (Load(lag_s=12.0), "a replica is 12 s behind"),
    ],
)
def test_a_busier_database_slows_it_down_and_is_named(load: Load, words: str) -> None:
    pace = Pace(0.2, CALM)
    pace.judge(load)
    assert pace.because == words and pace.now_s == 0.4
    pace.judge(CALM)
    assert not pace.because and pace.now_s == 0.2


def test_batches_that_take_far_longer_than_the_first_slow_it_down() -> None:
    pace = Pace(0.0, CALM)
    assert {pace.took(0.1, 1000) for _ in range(FIRST_BATCHES)} == {None}
    times = [one for one in (pace.took(0.5, 1000), pace.took(0.6, 1000)) if one]
    pace.judge(CALM, times)
    assert pace.because == "a row takes 6 times as long as at the beginning" or "5" in pace.because


def test_what_is_busy_from_the_beginning_is_its_usual_state() -> None:
    busy = Load(at_work=50, waiting=9, lag_bytes=1e9, lag_s=60.0)
    pace = Pace(0.1, busy)
    pace.judge(busy)
    assert not pace.because


@given(st.floats(0, 20), LOADS, st.lists(LOADS, max_size=30))
def test_it_is_never_quicker_than_asked_nor_slower_than_the_longest_and_calms_down(
    pause_s: float, first: Load, loads: list[Load]
) -> None:
    pace = Pace(pause_s, first)
    for load in loads:
        pace.judge(load)
        assert pause_s <= pace.now_s <= max(LONGEST_S, pause_s)
    for _ in range(10):
        pace.judge(first)
    assert pace.now_s == pause_s and not pace.because


def test_a_batch_that_was_not_made_is_named_until_one_is() -> None:
    pace = Pace(0.0, CALM)
    pace.stumble("others hold rows")
    pace.judge(CALM)
    assert pace.because == "others hold rows"
    pace.took(0.1, 10)
    pace.judge(CALM)
    assert not pace.because
