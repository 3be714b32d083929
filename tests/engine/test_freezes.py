"""When changes are stopped nothing of others is changed any more, and everything else goes on."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bot.access.policy import DEFAULT, FreezeWindow, Policy
from bot.engine.clock import Clock
from bot.engine.ended import ApplyTiming
from bot.engine.intents import Noted, Refusal
from bot.engine.reading import moment
from bot.engine.record import RunRecord
from bot.store.store import Store
from tests.engine.small_world import DANA, LENA, RAVI, VERA, Bot, World, living_bot

T = TypeVar("T")
#: A call may take as long as a test needs.
PATIENT = ApplyTiming(call_limit=60.0, look_every=0.01)


class Shifted(Clock):
    """The real one, ahead by as much as a test says."""

    ahead: float = 0.0

    def now(self) -> float:
        return time.time() + self.ahead


async def freeze(bot: Bot, reason: str = "the primary is odd", key: str = "f1") -> str:
    told = await bot.desk.freeze(LENA, reason, key)
    assert isinstance(told, Noted), told
    return told.says


async def not_applied(bot: Bot, run_id: str, step: str = "paint") -> RunRecord:
    run = await bot.until(run_id, lambda run: run.steps[step].status == "failed")
    assert bot.world.effects == ["say hello hall"]
    return run


async def test_while_changes_are_stopped_a_plan_is_shown_and_nobody_approves_it(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        await freeze(bot)
        approval = await bot.planned(run_id)
        said = await bot.desk.decide(approval, RAVI, True, "", "", "a1")
        assert isinstance(said, Refusal)
        assert said.why.startswith("This cannot be approved now: frozen by @lena at ")
        assert said.why.endswith("UTC: the primary is odd.")
        record = await bot.desk.record(run_id)
        assert record and record.frozen and record.approvals[approval].frozen
        assert (await bot.noted("refused decide"))[-1].by == RAVI.user_id


async def test_what_is_stopped_can_still_be_denied(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        approval = await bot.planned(await bot.to_the_pick())
        await freeze(bot)
        assert isinstance(await bot.desk.decide(approval, RAVI, False, "no", "", "d1"), Noted)


async def test_checks_and_what_touches_only_our_own_go_on(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        await freeze(bot)
        run_id = await bot.to_the_pick()
        await bot.desk.close(run_id, "cure", DANA, "close")
        run = await bot.until(run_id, lambda run: run.status == "finished")
        assert bot.world.effects == ["say hello hall", "say goodbye all"]
        assert run.steps["color"].status == "problem"


async def test_an_approved_change_that_was_not_begun_is_not_made(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)

        async def throw(_lamp: str) -> None:
            bot.world.on_look = None
            await freeze(bot)

        bot.world.on_look = throw
        await bot.desk.decide(approval, RAVI, True, "", "", "a1")
        run = await not_applied(bot, run_id)
        assert run.steps["paint"].says.startswith("Not applied: frozen by @lena at ")
        assert run.steps["paint"].says.endswith("the primary is odd. Nothing was changed.")
        assert run.approvals[approval].status == "frozen"
        assert run.approvals[approval].changes[0].state == "planned"


class Racing(Store):
    """Something happens just before the next intent is written: everything was judged by then."""

    before_intent: Callable[[], Awaitable[object]] | None = None

    async def tx(self, run: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        if getattr(run, "__name__", "") == "_intend" and Racing.before_intent:
            happens, Racing.before_intent = Racing.before_intent, None
            await happens()
        return await super().tx(run, *args, **kwargs)


async def test_a_switch_that_is_thrown_between_the_last_judgement_and_the_intent_wins(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, store=Racing) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        Racing.before_intent = lambda: freeze(bot)
        await bot.desk.decide(approval, RAVI, True, "", "", "a1")
        run = await not_applied(bot, run_id)
        assert Racing.before_intent is None
        assert run.steps["paint"].says.startswith("Not applied: frozen by @lena at ")
        assert run.approvals[approval].status == "frozen"


async def test_a_window_that_begins_between_the_last_judgement_and_the_intent_wins(
    tmp_path: Path,
) -> None:
    clock = Shifted()
    policy = windowed(clock)
    async with living_bot(tmp_path, store=Racing, policy=policy, clock=clock) as bot:
        clock.ahead = 3500
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)

        async def later() -> None:
            clock.ahead = 3650

        Racing.before_intent = later
        await bot.desk.decide(approval, RAVI, True, "", "", "a1")
        run = await not_applied(bot, run_id)
        assert "Not applied: frozen by the change freeze Black Friday" in run.steps["paint"].says


async def test_a_change_that_waits_for_its_target_is_not_made_once_changes_are_stopped(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, timing=PATIENT) as bot:
        first, second = await bot.to_the_pick(), await bot.begin(key="k2")
        await bot.until(second, lambda run: run.open_pick == "cure")
        one, two = await bot.planned(first), await bot.planned(second, "smash")
        bot.world.hold = asyncio.Event()
        bot.world.calling.clear()
        await bot.desk.decide(one, RAVI, True, "", "", "1")
        await bot.world.calling.wait()
        await bot.desk.decide(two, RAVI, True, "", "hall", "2")
        await bot.desk.decide(two, LENA, True, "", "hall", "3")
        await bot.until(second, lambda run: bool(run.steps["smash"].blocked_by))
        await freeze(bot)
        bot.world.hold.set()
        await bot.until(first, lambda run: run.steps["paint"].status == "given")
        run = await bot.until(second, lambda run: run.steps["smash"].status == "failed")
        assert run.steps["smash"].says.startswith("Not applied: frozen by @lena")
        assert run.approvals[two].status == "frozen"
        assert "smash hall" not in bot.world.effects


async def test_what_was_begun_is_seen_to_its_end(tmp_path: Path) -> None:
    async with living_bot(tmp_path, timing=PATIENT) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.hold = asyncio.Event()
        bot.world.calling.clear()
        await bot.desk.decide(approval, RAVI, True, "", "", "a1")
        await bot.world.calling.wait()
        await freeze(bot)
        bot.world.hold.set()
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert run.approvals[approval].status == "approved"
        assert bot.world.effects.count("paint hall green") == 1


async def test_of_a_plan_that_was_begun_the_rest_is_not_made_and_is_told_apart(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id, "paint_both")

        async def throw(lamp: str) -> None:
            if lamp == "attic":
                bot.world.on_look = None
                await freeze(bot)

        bot.world.on_look = throw
        await bot.desk.decide(approval, RAVI, True, "", "", "a1")
        run = await bot.until(run_id, lambda run: run.steps["paint_both"].status == "failed")
        says = run.steps["paint_both"].says
        assert says.startswith("1 of 2 was applied: ") and "Nothing was changed" not in says
        assert "Then: Not applied: frozen by @lena" in says
        assert run.approvals[approval].status == "approved"
        assert [one.state for one in run.approvals[approval].changes] == ["applied", "planned"]
        assert bot.world.lamps == {"hall": "green", "attic": "red"}


async def test_a_call_that_was_lost_is_not_repeated_once_changes_are_stopped(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.hold = asyncio.Event()  # never set: the call is cut, without effect

        async def throw(_lamp: str) -> None:
            if bot.world.calling.is_set():
                bot.world.on_look = None
                await freeze(bot)

        bot.world.calling.clear()
        bot.world.on_look = throw
        await bot.desk.decide(approval, RAVI, True, "", "", "a1")
        run = await not_applied(bot, run_id)
        assert run.steps["paint"].says.startswith("Not applied: frozen by @lena")
        assert run.steps["paint"].says.endswith("Nothing was changed.")
        assert run.approvals[approval].changes[0].state == "intended"


async def test_after_the_thaw_it_is_planned_anew_and_made(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.on_look = _once(bot)
        await bot.desk.decide(approval, RAVI, True, "", "", "a1")
        await not_applied(bot, run_id)
        told = await bot.desk.thaw(RAVI, "it was the dashboard", "t1")
        assert isinstance(told, Noted) and "may be approved" in told.says
        await bot.desk.again(run_id, "paint", DANA, "again")
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "planned")
        anew = next(one.id for one in run.approvals.values() if one.status == "pending")
        assert anew != approval and not run.frozen
        await bot.desk.decide(anew, RAVI, True, "", "", "a2")
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert [one.by for one in await bot.noted("frozen")] == [LENA.user_id]
        (thawed,) = await bot.noted("thawed")
        assert thawed.by == RAVI.user_id and "dashboard" in thawed.body


def _once(bot: Bot) -> Any:
    async def throw(_lamp: str) -> None:
        bot.world.on_look = None
        await freeze(bot)

    return throw


async def test_a_freeze_outlives_the_bot(tmp_path: Path) -> None:
    world = World()
    async with living_bot(tmp_path, world) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        await freeze(bot)
    async with living_bot(tmp_path, world) as bot:
        assert isinstance(await bot.desk.decide(approval, RAVI, True, "", "", "a1"), Refusal)
        (frozen,) = await bot.desk.freezes()
        assert frozen.by == LENA.user_id and frozen.why == "the primary is odd"


async def test_the_same_command_delivered_twice_counts_once(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        first = await freeze(bot)
        await bot.desk.thaw(LENA, "", "t1")
        assert await freeze(bot) == first
        assert await bot.desk.freezes() == ()
        assert len(await bot.noted("frozen")) == 1


async def test_the_second_who_stops_changes_is_told_who_did_it_first(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        await freeze(bot)
        told = await bot.desk.freeze(RAVI, "me too", "f2")
        assert isinstance(told, Noted) and "frozen by @lena" in told.says
        assert len(await bot.noted("frozen")) == 1
        await bot.desk.thaw(RAVI, "", "t1")
        again = await bot.desk.thaw(RAVI, "", "t2")
        assert isinstance(again, Noted) and "not thrown" in again.says
        for what in ("refused freeze", "refused thaw"):
            assert [one.by for one in await bot.noted(what)] == [RAVI.user_id]


async def test_who_may_not_stop_changes_is_refused_and_that_is_noted(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        for turn in (bot.desk.freeze, bot.desk.thaw):
            assert isinstance(await turn(VERA, "", "x"), Refusal)
        assert await bot.desk.freezes() == ()
        for what in ("refused freeze", "refused thaw"):
            assert [one.by for one in await bot.noted(what)] == [VERA.user_id]


async def test_everybody_is_told_and_every_run_shows_it(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        await bot.to_the_pick()
        bot.announcer.said.clear()
        await freeze(bot)
        await told_of_it(bot)
        ((frozen, thaw),) = bot.announcer.freezes
        assert frozen.by_name == "lena" and thaw is None
        bot.announcer.said.clear()
        await bot.desk.thaw(RAVI, "", "t")
        await told_of_it(bot)
        assert bot.announcer.freezes[-1][1]


async def test_runs_that_were_not_told_before_a_death_are_told_after_it(tmp_path: Path) -> None:
    world = World()
    async with living_bot(tmp_path, world) as bot:
        await bot.to_the_pick()
        bot.engine._loops[-1].cancel()  # dead before anything is told
        await freeze(bot)
    async with living_bot(tmp_path, world) as bot:
        await told_of_it(bot)
        assert bot.announcer.freezes == [], "the message itself was put with the switch"


# Windows of the policy.


def windowed(clock: Clock, **more: Any) -> Policy:
    """A window that begins in an hour and lasts one."""
    begins = moment(clock.now()) + timedelta(hours=1)
    known = {"name": "Black Friday", "why": "the sale", "from": begins}
    window = FreezeWindow.model_validate(known | {"until": begins + timedelta(hours=1)} | more)
    return DEFAULT.model_copy(update={"freeze": (window,)})


async def test_a_window_stops_changes_by_the_clock_and_is_noted_when_it_begins_and_ends(
    tmp_path: Path,
) -> None:
    clock = Shifted()
    async with living_bot(tmp_path, policy=windowed(clock), clock=clock) as bot:
        assert await bot.desk.freezes() == ()
        clock.ahead = 3700
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        said = await bot.desk.decide(approval, RAVI, True, "", "", "a1")
        assert isinstance(said, Refusal) and "the change freeze Black Friday (" in said.why
        await freeze(bot)
        told = await bot.desk.thaw(RAVI, "", "t")
        assert isinstance(told, Noted) and "still holds: Black Friday" in told.says
        await bot.engine.freezing.follow()
        assert [one.window for one in await bot.desk.freezes()] == ["Black Friday"]
        clock.ahead = 7300
        await bot.engine.freezing.follow()
        await bot.engine.freezing.follow()
        assert await bot.desk.freezes() == ()
        assert [one.about for one in await bot.noted("window began")] == ["Black Friday"]
        assert [one.about for one in await bot.noted("window ended")] == ["Black Friday"]
        windows = [bool(thaw) for one, thaw in bot.announcer.freezes if one.window]
        assert windows == [False, True]


async def test_a_window_of_other_targets_is_in_nobodys_way(tmp_path: Path) -> None:
    clock = Shifted()
    policy = windowed(clock, targets=["rds/*"])
    async with living_bot(tmp_path, policy=policy, clock=clock) as bot:
        clock.ahead = 3700
        run_id = await bot.to_the_pick()
        await bot.desk.decide(await bot.planned(run_id), RAVI, True, "", "", "a1")
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")


async def test_a_window_that_the_policy_no_longer_has_is_over_after_the_restart(
    tmp_path: Path,
) -> None:
    clock = Shifted()
    policy = windowed(clock)
    clock.ahead = 3700
    async with living_bot(tmp_path, policy=policy, clock=clock) as bot:
        await bot.engine.freezing.follow()
        assert await bot.desk.freezes()
    async with living_bot(tmp_path, clock=clock) as bot:
        await bot.engine.freezing.follow()
        assert await bot.desk.freezes() == ()


async def told_of_it(bot: Bot) -> None:
    """Waits until the card of a run says so."""
    async with asyncio.timeout(60):
        while not any(one.kind == "freeze changed" for one in bot.announcer.said):
            bot.changed.clear()
            await bot.changed.wait()


@pytest.fixture(autouse=True)
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look is taken when something moved, and not because time has passed."""
    monkeypatch.setattr("bot.engine.freezing.LOOK_EVERY_S", 3600.0)
