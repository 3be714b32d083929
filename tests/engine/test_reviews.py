"""A broken glass stays open until somebody else has looked at it, and is not forgotten."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.engine.glass import REMIND_EVERY_S
from bot.engine.intents import Actor, Noted, Refusal
from bot.engine.record import Said
from bot.slack.views.changes import whole_plan_text
from bot.store.auditing import verdict_of
from bot.store.store import Store
from bot.store.tables import waits
from tests.engine.small_world import (
    DANA,
    LENA,
    RAVI,
    VERA,
    Bot,
    SetClock,
    Silent,
    World,
    living_bot,
)
from tests.engine.test_breaking_the_glass import POLICY, becomes, broken, noted, refused
from tests.store.databases import place

FOUND = "Nobody else was awake. On-call needs a second person."
ALIAS = Actor("U9", "T1")
DAY = REMIND_EVERY_S


def everybody(bot: Bot) -> None:
    """Dana and Ravi may break the glass; Dana, her other account and Lena may review one."""
    becomes(bot, DANA, "operator", "leadership")
    becomes(bot, RAVI, "operator", "leadership")
    becomes(bot, LENA, "security")
    becomes(bot, ALIAS, "leadership")


async def to_review(bot: Bot, by: Actor = DANA) -> str:
    """A plan that Dana asked for, and for which somebody broke the glass."""
    everybody(bot)
    run_id = await bot.to_the_pick()
    plan = await bot.planned(run_id)
    await broken(bot, plan, by=by)
    await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
    return plan


async def review(
    bot: Bot, plan: str, by: Actor, found: str = FOUND, key: str = "v1"
) -> Noted | Refusal:
    return await bot.desk.review(plan, by, found, key)


async def test_somebody_else_closes_it_with_what_they_found(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        plan = await to_review(bot)
        (waiting,) = await bot.desk.reviews()
        assert (waiting.plan, waiting.book) == (plan, "RB-T-001")
        assert (waiting.title, waiting.requested_by) == ("Paint it green", "U1")
        assert waiting.glass.is_open and waiting.glass.by == "U1"
        bot.announcer.said.clear()
        assert isinstance(await review(bot, plan, LENA, f"  {FOUND} "), Noted)
        assert await bot.desk.reviews() == ()
        assert Said("glass reviewed", plan) in bot.announcer.said
        found = await bot.desk.approval(plan)
        assert found and found[0].glass and found[0].status == "glass broken"
        glass = found[0].glass
        assert not glass.is_open and (glass.reviewed_by, glass.review) == ("U3", FOUND)
        (entry,) = await noted(bot, "glass reviewed")
        assert (entry["by"], entry["plan"]) == ("U3", plan)
        assert (entry["broken_by"], entry["says"]) == ("U1", FOUND)
        assert entry["digest"] == found[0].digest and entry["rule"] == "[may] review"
        text = whole_plan_text(*found)
        assert "REVIEWED by U3 at" in text and FOUND in text


async def test_neither_who_broke_it_nor_their_other_account_reviews_it(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        plan = await to_review(bot)
        for number, who in enumerate((DANA, ALIAS)):
            refused(await review(bot, plan, who, key=f"v{number}"), "somebody else must review")
        assert [one["by"] for one in await noted(bot, "refused review")] == ["U1", "U9"]
        assert len(await bot.desk.reviews()) == 1


async def test_who_had_asked_for_the_change_does_not_review_it_either(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        plan = await to_review(bot, by=RAVI)
        refused(await review(bot, plan, DANA), "or asked for the change")
        assert isinstance(await review(bot, plan, LENA, key="v2"), Noted)


async def test_whom_the_policy_does_not_let_reviews_nothing(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        plan = await to_review(bot)
        vera, security = bot.people.members["U4"], frozenset({"security"})
        refused(await review(bot, plan, VERA, key="v0"), "You need the role approver, security,")
        for who in (
            replace(vera, roles=security, is_guest=True),
            replace(vera, roles=security, is_bot=True),
            replace(vera, roles=security, is_active=False),
        ):
            bot.people.members["U4"] = who
            refused(await review(bot, plan, VERA, key=f"{who}"), "Only active, full members")
        assert [one["by"] for one in await noted(bot, "refused review")] == ["U4"] * 4
        assert len(await bot.desk.reviews()) == 1


async def test_a_review_says_what_was_found(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        plan = await to_review(bot)
        for found in ("", "  \n ", "...", "\u200b", "\u3164"):
            answer = await review(bot, plan, LENA, found, key=f"v{found}")
            refused(answer, "Say what you found")
            assert isinstance(answer, Refusal) and set(answer.fields) == {"reason"}


async def test_of_two_reviews_one_counts_and_a_second_delivery_is_the_same_one(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        plan = await to_review(bot)
        becomes(bot, VERA, "admin")
        one, same, other = await asyncio.gather(
            review(bot, plan, LENA), review(bot, plan, LENA), review(bot, plan, VERA, key="v2")
        )
        assert isinstance(one, Noted) and one == same
        refused(other, "This was reviewed already.  U3")
        assert len(await noted(bot, "glass reviewed")) == 1


async def test_what_was_approved_or_does_not_exist_is_nothing_to_review(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        everybody(bot)
        plan = await bot.planned(await bot.to_the_pick())
        await bot.desk.decide(plan, RAVI, True, "", "", "a1")
        refused(await review(bot, plan, LENA), "No glass was broken")
        refused(await review(bot, "nonsense", LENA, key="v2"), "does not exist")
        refused(await bot.desk.break_glass("nonsense", DANA, "x", "x", "g"), "does not exist")


async def test_the_end_of_the_run_does_not_close_it(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        plan = await to_review(bot)
        (waiting,) = await bot.desk.reviews()
        await bot.until(waiting.run, lambda run: run.open_pick == "cure")
        await bot.desk.close(waiting.run, "cure", DANA, "c")
        await bot.until(waiting.run, lambda run: run.status == "finished")
        assert isinstance(await review(bot, plan, LENA), Noted)
        record = await bot.desk.record(waiting.run)
        assert record and record.status == "finished"


async def test_that_somebody_settles_what_is_unsure_does_not_close_it(tmp_path: Path) -> None:
    """The step's other waits end there."""
    world = World()
    async with living_bot(tmp_path, world, policy=POLICY) as bot:
        everybody(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id, "smash")
        world.vanish = True
        await broken(bot, plan)
        run = await bot.until(run_id, lambda run: run.steps["smash"].status == "unsure")
        question = next(one for one in run.questions.values() if one.kind == "unsure")
        await bot.desk.resolve(question.id, RAVI, "stop", "r")
        await bot.until(run_id, lambda run: run.steps["smash"].status == "failed")
        assert [one.plan for one in await bot.desk.reviews()] == [plan]
        assert await deadline(bot.engine.store) is not None


# Reminders.


async def deadline(store: Store) -> float | None:
    query = sa.select(waits.c.deadline).where(waits.c.kind == "review")
    found: float | None = await store.read(lambda c: c.execute(query).scalar())
    return found


async def days_later(bot: Bot, clock: SetClock, days: float) -> None:
    """So many days after the glass was broken, once the timer has looked."""
    clock.ahead = days * DAY
    bot.engine.start_work([])  # wakes the timer
    async with asyncio.timeout(60):
        while (await deadline(bot.engine.store) or 0) <= clock.now():
            bot.changed.clear()
            await bot.changed.wait()


def reminders(announcer: Silent) -> int:
    return sum(one.kind == "review due" for one in announcer.said)


async def test_while_it_is_open_it_is_said_once_a_day_also_over_restarts(tmp_path: Path) -> None:
    world, clock, announcer = World(), SetClock(), Silent()

    def life() -> Any:
        return living_bot(tmp_path, world, policy=POLICY, clock=clock, announcer=announcer)

    async with life() as bot:
        plan = await to_review(bot)
        await days_later(bot, clock, 0.9)
        assert reminders(announcer) == 0
        await days_later(bot, clock, 1.1)
        assert reminders(announcer) == 1
        await days_later(bot, clock, 1.9)
    for days, told in ((1.9, 1), (2.1, 2), (2.2, 2)):
        async with life() as bot:
            everybody(bot)
            await days_later(bot, clock, days)
            assert reminders(announcer) == told, days
    async with life() as bot:  # nobody was there for three days
        everybody(bot)
        await days_later(bot, clock, 5.5)
        assert reminders(announcer) == 3
        await days_later(bot, clock, 6.1)
        assert reminders(announcer) == 4
        (waiting,) = await bot.desk.reviews()
        assert waiting.glass.reminded == 4
        assert [one["plan"] for one in await noted(bot, "review due")] == [plan] * 4


async def test_once_it_is_reviewed_nobody_is_reminded(tmp_path: Path) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, policy=POLICY, clock=clock) as bot:
        plan = await to_review(bot)
        await review(bot, plan, LENA)
        assert await deadline(bot.engine.store) is None
        clock.ahead = 3 * DAY
        await bot.engine.store.tx(bot.engine._fire, f"review:{plan}")  # as a late timer would
        assert reminders(bot.announcer) == 0


@pytest.mark.slow
async def test_all_of_it_holds_on_postgresql_too(tmp_path: Path) -> None:
    clock = SetClock()
    async with (
        place("postgresql", tmp_path) as there,
        living_bot(tmp_path, url=there.url, policy=POLICY, clock=clock) as bot,
    ):
        plan = await to_review(bot)
        clock.ahead = 1.1 * DAY
        fire = bot.engine._fire
        await asyncio.gather(*(bot.engine.store.tx(fire, f"review:{plan}") for _ in range(5)))
        assert reminders(bot.announcer) == 1
        answers = await asyncio.gather(
            review(bot, plan, LENA), review(bot, plan, LENA), review(bot, plan, DANA, key="v2")
        )
        assert [type(one) for one in answers] == [Noted, Noted, Refusal]
        assert await bot.desk.reviews() == () and await deadline(bot.engine.store) is None
        assert (await bot.engine.store.read(verdict_of, [])).is_whole


async def test_two_replicas_that_see_it_due_remind_once(tmp_path: Path) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, policy=POLICY, clock=clock) as bot:
        plan = await to_review(bot)
        clock.ahead = 1.1 * DAY
        fire = bot.engine._fire
        await asyncio.gather(*(bot.engine.store.tx(fire, f"review:{plan}") for _ in range(2)))
        assert reminders(bot.announcer) == 1
        assert len(json.loads((await bot.noted("review due"))[0].body)["digest"]) == 64
