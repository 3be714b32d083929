"""Time goes on for every run, also when one of them is in the way; and a gap in it is no 'ok'."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.engine.intents import Refusal
from bot.engine.record import RunRecord, Said
from bot.engine.watching import WatchSoFar
from bot.runbook import Found, Plan, Runbook, Watched
from bot.runbook.durations import minutes, seconds
from bot.runbook.words import ok, plan
from bot.store.deliveries import Delivery
from tests.engine.small_world import RAVI, Inputs, Lamp, Paint, SetClock, Silent, living_bot


def eye_on_errors() -> Runbook:
    book = Runbook(id="RB-T-009", title="Eye", severity="P3", category="Test", inputs=Inputs)
    steps = book.section("Steps")

    @steps.watch("Errors", every=seconds(30), lasting=minutes(30), until="problem")
    def errors() -> Watched[Lamp]:
        return ok("no errors", Lamp(color="green"))

    return book


WELL: Found[Lamp] = ok("no errors", Lamp(color="green"))


@pytest.mark.parametrize(
    ("gap_s", "verdict"),
    [(31.0, "ok"), (1_700.0, "unknown")],
)
def test_what_nobody_looked_at_for_most_of_the_time_was_not_well(
    gap_s: float, verdict: str
) -> None:
    step = eye_on_errors().steps["errors"]
    first = WatchSoFar(1, 0.0, 0.0).with_reading(WELL, 1.0)
    last = first.with_reading(WELL, 1.0 + gap_s)
    assert last.verdict(step, WELL).verdict == verdict


def a_short_while() -> Runbook:
    book = Runbook(id="RB-T-010", title="Soon", severity="P3", category="Test", inputs=Inputs)

    @book.section("Steps").action("Paint it", expires=minutes(2))
    def paint(inputs: Inputs) -> Plan[Paint]:
        return plan(Paint(lamp=inputs.lamp, color="green", replacing="red"))

    return book


async def test_a_step_says_how_long_its_plan_can_be_decided(tmp_path: Path) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, clock=clock, book=a_short_while()) as bot:
        run_id = await bot.begin()
        approval = await bot.pending(run_id, "paint")
        run = await bot.desk.record(run_id)
        assert run
        asked = run.approvals[approval]
        assert (asked.expires_at - asked.asked_at).total_seconds() == 120
        clock.ahead = 121
        late = await bot.desk.decide(approval, RAVI, True, "", "", "late")
        assert isinstance(late, Refusal)


class Choking(Silent):
    """Cannot say anything of one run."""

    chokes_on = ""

    def announce(self, run: RunRecord, said: Sequence[Said]) -> Sequence[Delivery]:
        if run.id == self.chokes_on:
            raise ValueError("a run that cannot be shown")
        return super().announce(run, said)


async def test_a_run_whose_time_cannot_be_kept_does_not_stop_the_time_of_others(
    tmp_path: Path,
) -> None:
    clock, announcer = SetClock(), Choking()
    async with living_bot(tmp_path, clock=clock, announcer=announcer) as bot:
        stuck, other = await bot.to_the_pick("k1"), await bot.to_the_pick("k2")
        await bot.planned(stuck)
        await bot.planned(other)
        announcer.chokes_on = stuck
        clock.ahead = 1_000
        bot.engine.start_work([])  # wakes the timer
        run = await bot.until(other, lambda run: run.steps["paint"].status == "expired")
        assert run.status == "running"
