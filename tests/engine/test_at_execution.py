"""What is judged again at the moment of execution, and what a moment's trouble does not cost."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.engine import engine, performing
from bot.engine.ended import ApplyTiming
from bot.engine.intents import Noted, Refusal
from bot.runbook import Plan, Runbook
from bot.runbook.words import plan
from bot.store.store import StoreAway
from tests.engine.small_world import (
    DANA,
    LENA,
    RAVI,
    Bot,
    Hello,
    Inputs,
    Paint,
    SetClock,
    Smash,
    living_bot,
)

#: A call may take longer than anything in a test.
PATIENT = ApplyTiming(call_limit=30, settle=0.05, look_every=0.01)


async def one_waits_for_the_other(bot: Bot) -> tuple[str, str, str]:
    """Two runs want the same lamp; the second is approved and waits. Both runs, its approval."""
    first, second = await bot.to_the_pick("k1"), await bot.to_the_pick("k2")
    one, two = await bot.planned(first), await bot.planned(second)
    bot.world.hold = asyncio.Event()
    bot.world.calling.clear()
    await bot.desk.decide(one, RAVI, True, "", "", "1")
    await bot.world.calling.wait()
    await bot.desk.decide(two, RAVI, True, "", "", "2")
    await bot.until(second, lambda run: bool(run.steps["paint"].blocked_by))
    return first, second, two


def the_first_is_refused(bot: Bot) -> None:
    """So that the lamp is as the second's plan expects it."""
    assert bot.world.hold
    bot.world.refuse = "no"
    bot.world.hold.set()


async def test_an_approval_that_waited_too_long_for_its_turn_is_asked_for_anew(
    tmp_path: Path,
) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, clock=clock, timing=PATIENT) as bot:
        first, second, two = await one_waits_for_the_other(bot)
        clock.ahead = 36_000
        the_first_is_refused(bot)
        await bot.until(first, lambda run: run.steps["paint"].status == "failed")
        run = await bot.until(second, lambda run: run.steps["paint"].status == "planned")
        assert "approved too long ago" in run.approvals[two].outcome
        assert "paint hall green" not in bot.world.effects


async def test_a_run_that_waits_for_a_lock_can_be_cancelled(tmp_path: Path) -> None:
    async with living_bot(tmp_path, timing=PATIENT) as bot:
        _, second, _ = await one_waits_for_the_other(bot)
        await bot.desk.cancel(second, RAVI, "c")
        run = await bot.until(second, lambda run: run.status == "cancelled")
        assert run.steps["paint"].says == "Cancelled before it was applied"


async def test_a_directory_that_is_away_for_a_moment_does_not_cost_an_approval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performing, "DIRECTORY_AGAIN_S", 0.05)
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        bot.people.is_down = True
        asyncio.get_running_loop().call_later(0.1, lambda: setattr(bot.people, "is_down", False))
        assert (await bot.settled(run_id, "paint")).status == "given"


async def test_an_approval_does_not_last_longer_because_roles_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performing, "DIRECTORY_AGAIN_S", 0.05)
    clock = SetClock()
    async with living_bot(tmp_path, clock=clock) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        bot.people.is_down, bot.people.asked = True, asyncio.Event()
        await bot.people.asked.wait()
        clock.ahead, bot.people.is_down = 36_000, False
        run = await bot.until(run_id, lambda run: run.approvals[approval].status == "outdated")
        assert "approved too long ago" in run.approvals[approval].outcome
        assert "paint hall green" not in bot.world.effects


@pytest.mark.parametrize(
    "turns_out",
    [{"is_guest": True}, {"is_bot": True}, {"same_human_as": frozenset({"U1"})}],
    ids=["a guest", "a bot", "whoever asked for it"],
)
async def test_who_turns_out_not_to_be_who_may_approve_does_not_count(
    tmp_path: Path, turns_out: dict[str, Any]
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        bot.people.members["U2"] = replace(bot.people.members["U2"], **turns_out)
        step = await bot.settled(run_id, "paint")
        assert step.status == "failed" and "0 of 1 " in step.says
        assert "paint hall green" not in bot.world.effects


async def test_two_who_turn_out_to_be_one_human_count_once(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id, "smash")
        await bot.desk.decide(approval, RAVI, True, "", "hall", "1")
        await bot.desk.decide(approval, LENA, True, "", "hall", "2")
        lena = bot.people.members["U3"]
        bot.people.members["U3"] = replace(lena, same_human_as=frozenset({"U2"}))
        step = await bot.settled(run_id, "smash")
        assert step.status == "failed" and "1 of 2 " in step.says
        assert "smash hall" not in bot.world.effects


async def test_whoever_approved_first_of_two_may_still_deny(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id, "smash")
        assert isinstance(await bot.desk.decide(approval, RAVI, True, "", "hall", "1"), Noted)
        assert isinstance(await bot.desk.decide(approval, RAVI, False, "wrong", "", "2"), Noted)
        run = await bot.until(run_id, lambda run: run.steps["smash"].status == "denied")
        assert [one.approves for one in run.approvals[approval].decisions] == [False]


async def test_a_denial_has_a_reason_that_can_be_read(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        approval = await bot.planned(await bot.to_the_pick())
        for why in ("", "  ", "...", "\u200b", "\u3164\u115f"):
            refusal = await bot.desk.decide(approval, RAVI, False, why, "", f"d{why}")
            assert isinstance(refusal, Refusal) and "needs a reason" in refusal.why
        assert isinstance(await bot.desk.decide(approval, RAVI, False, "no", "", "d"), Noted)


async def test_a_refused_pick_of_somebody_else_does_not_make_the_request_theirs(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        await asyncio.gather(
            bot.desk.pick(run_id, "paint", DANA, "d"), bot.desk.pick(run_id, "paint", RAVI, "r")
        )
        approval = await bot.pending(run_id, "paint")
        run = await bot.desk.record(run_id)
        assert run
        asked = {"U1": DANA, "U2": RAVI}[run.approvals[approval].requested_by]
        refusal = await bot.desk.decide(approval, asked, True, "", "", "1")
        assert isinstance(refusal, Refusal) and "You asked for this" in refusal.why


async def test_a_clock_that_is_set_forward_does_not_send_a_change_twice(tmp_path: Path) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, clock=clock, timing=PATIENT) as bot:
        run_id = await bot.to_the_pick()
        bot.world.vanish = True  # the calls are lost on the way there, and may still arrive
        bot.world.sent.clear()
        bot.world.calling.clear()
        await bot.desk.decide(await bot.planned(run_id), RAVI, True, "", "", "1")
        await bot.world.calling.wait()
        clock.ahead = 3_600
        await bot.until_looked(5)
        assert bot.world.sent == ["paint hall green"]


async def test_a_step_does_no_more_than_its_signature_says(tmp_path: Path) -> None:
    book = Runbook(id="RB-T-007", title="Sly", severity="P3", category="Test", inputs=Inputs)
    sly = book.section("Sly", holds=False)
    sly_change: Any = Smash(lamp="hall")  # as code that mypy has not seen

    @sly.action("Say hello", unattended="our own voice")
    def say() -> Plan[Hello]:
        return plan(sly_change)

    @sly.action("Paint")
    def paint() -> Plan[Paint]:
        return plan(sly_change)

    async with living_bot(tmp_path, book=book) as bot:
        run = await bot.until(await bot.begin(), lambda run: run.status == "finished")
        assert run.steps["say"].status == run.steps["paint"].status == "failed"
        assert "needs an approval" in run.steps["say"].says
        assert "does not announce Smash" in run.steps["paint"].says
        assert not run.approvals and bot.world.effects == []


async def test_the_one_who_wants_it_undone_does_not_approve_that_though_others_press_too(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        await bot.desk.decide(await bot.planned(run_id), RAVI, True, "", "", "1")
        await bot.until(run_id, lambda run: bool(run.open_pick and run.undoable))
        await bot.desk.undo(run_id, "paint", DANA, "u")
        assert isinstance(await bot.desk.again(run_id, "paint", LENA, "a"), Refusal)
        undo = await bot.pending(run_id, "paint.undo")
        refusal = await bot.desk.decide(undo, DANA, True, "", "", "2")
        assert isinstance(refusal, Refusal) and "You asked for this" in refusal.why


async def test_a_call_that_was_not_taken_is_made_again_and_counts_as_none(tmp_path: Path) -> None:
    """More often than a call may be made whose answer was lost, and at once."""
    async with living_bot(tmp_path, timing=PATIENT) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.kept_out = 5
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert bot.world.effects.count("paint hall green") == 1
        assert bot.world.sent.count("paint hall green") == 6
        intended = [one for one in await bot.noted("change intended") if one.about == "paint"]
        assert len(intended) == 6


async def test_what_is_never_taken_fails_and_nobody_is_asked_whether_it_happened(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.kept_out = 1_000_000
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "failed")
        assert run.steps["paint"].says == "too many calls"
        assert "paint hall green" not in bot.world.effects


async def test_before_a_call_is_made_again_the_approval_is_judged_again(tmp_path: Path) -> None:
    async with living_bot(tmp_path, timing=PATIENT) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.kept_out = 1_000_000
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        await bot.world.calling.wait()
        bot.people.loses("U2", "role")
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "failed")
        assert "does not hold any more" in run.steps["paint"].says
        assert "paint hall green" not in bot.world.effects


async def test_an_own_store_that_is_away_is_waited_for_and_costs_no_approval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SWEEP_EVERY_S", 0.01)
    away = iter(range(40))  # more looks than a view that stays dark is given

    async def look(_lamp: str) -> None:
        if next(away, None) is not None:
            raise StoreAway("connection refused")

    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.on_look = look
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        assert (await bot.settled(run_id, "paint")).status == "given"
        assert bot.world.sent.count("paint hall green") == 1
