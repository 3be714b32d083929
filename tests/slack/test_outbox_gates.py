"""How fast, and whose turn it is."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack.outbox.gates import PER_MINUTE, Gates
from bot.slack.outbox.routing import Route
from bot.slack.outbox.scheduling import (
    AT_ONCE,
    EDIT_GAP_S,
    LASTING_GAP_S,
    SETTLES_S,
    Scheduler,
)
from bot.store.deliveries import Priority
from bot.store.delivering import Waiting

UPDATE = ("chat.update",)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 20.0), min_size=50, max_size=200))
def test_no_minute_has_more_calls_than_the_tier(pauses: list[float]) -> None:
    gates, now, calls = Gates(), 1000.0, list[float]()
    for pause in pauses:
        now += min(pause, gates.wait_s(UPDATE, None, now))
        if gates.wait_s(UPDATE, None, now) == 0:
            gates.take(UPDATE, None, now)
            calls.append(now)
    for start in calls:
        in_a_minute = sum(start <= call < start + 60 for call in calls)
        assert in_a_minute <= PER_MINUTE["chat.update"]


def test_a_stopped_method_stops_nothing_else() -> None:
    gates = Gates()
    gates.stop("chat.update", 7.0, 1000.0)
    assert gates.wait_s(("chat.update",), None, 1003.0) == 4.0
    assert gates.wait_s(("chat.postMessage",), None, 1003.0) == 0.0


def test_runs_share_a_scarce_method_fairly() -> None:
    """One run with many cards to edit does not starve the others."""
    scheduler, now, served = Scheduler(), 1000.0, Counter[str]()
    routes = [edit(seq, f"BUSY/card{seq}", "BUSY") for seq in range(100)]
    routes += [edit(200 + n, f"R{n}/card", f"R{n}") for n in range(5)]
    for _ in range(60):
        chosen, wait = scheduler.choose(routes, now)
        for route in chosen:
            served[route.row.run] += 1
            routes.remove(route)
        scheduler.busy.clear()
        now += max(wait, 0.01) if wait != float("inf") else 1.0
        if len(served) == 6:
            break
    assert served["BUSY"] <= AT_ONCE


def test_the_more_urgent_gets_the_last_token() -> None:
    scheduler, now = Scheduler(), 1000.0
    while scheduler.gates.wait_s(UPDATE, None, now) == 0:
        scheduler.gates.take(UPDATE, None, now)
    routes = [edit(1, "A/card", "A"), edit(2, "B/approval", "B", Priority.APPROVAL)]
    now += scheduler.gates.wait_s(UPDATE, None, now)
    chosen, _ = scheduler.choose(routes, now)
    assert [route.row.name for route in chosen] == ["B/approval"]


def test_a_lane_is_as_urgent_as_the_most_urgent_thing_in_it() -> None:
    scheduler = Scheduler()
    posts = [post(1, "C1", Priority.POST), post(2, "C2", Priority.POST)]
    posts.append(post(3, "C2", Priority.APPROVAL))
    chosen, _ = scheduler.choose(posts, 1000.0)
    assert [route.row.seq for route in chosen] == [2, 1]


def test_progress_waits_for_what_follows_at_once() -> None:
    scheduler = Scheduler()
    assert scheduler.choose([edit(1, "A/card", "A")], 1000.0) == ([], SETTLES_S)
    chosen, _ = scheduler.choose([edit(1, "A/card", "A")], 1000.0 + SETTLES_S)
    assert [route.row.name for route in chosen] == ["A/card"]


def test_what_will_stay_is_shown_at_once_and_soon_after_progress() -> None:
    scheduler = Scheduler()
    scheduler.choose([edit(1, "A/card", "A")], 1000.0)
    assert scheduler.choose([edit(1, "A/card", "A")], 1001.0)[0]
    scheduler.busy.clear()
    lasting = edit(2, "A/card", "A", Priority.FINAL)
    assert scheduler.choose([lasting], 1001.0) == ([], LASTING_GAP_S)
    assert scheduler.choose([edit(3, "A/card", "A")], 1001.0) == ([], EDIT_GAP_S)
    assert scheduler.choose([edit(4, "B/card", "B", Priority.FINAL)], 1000.0)[0]


def test_a_lane_sends_one_at_a_time() -> None:
    scheduler = Scheduler()
    routes = [post(1, "C1"), post(2, "C1")]
    chosen, _ = scheduler.choose(routes, 1000.0)
    again, _ = scheduler.choose(routes, 1000.0)
    assert ([route.row.seq for route in chosen], again) == ([1], [])


def edit(seq: int, name: str, run: str, priority: Priority = Priority.EDIT) -> Route:
    return Route(waiting(seq, name, run, priority), "C1", ts="1.1")


def post(seq: int, channel: str, priority: Priority = Priority.POST) -> Route:
    return Route(waiting(seq, f"R/{seq}", "R", priority), channel)


def waiting(seq: int, name: str, run: str, priority: Priority) -> Waiting:
    return Waiting(
        seq=seq,
        id=f"{name}#1",
        name=name,
        revision=1,
        run=run,
        place="run",
        thread=None,
        kind="message",
        priority=int(priority),
        state="pending",
        not_before=None,
        sending_at=None,
        remote=None,
        tried="",
    )
