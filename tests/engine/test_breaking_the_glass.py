"""Breaking the glass: one plan goes through without its quorum, and nothing else is widened."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.access.policy import DEFAULT, FreezeWindow
from bot.engine.ended import ApplyTiming
from bot.engine.glass import is_through, shatter
from bot.engine.intents import Actor, Noted, Refusal
from bot.engine.record import RunRecord
from bot.slack.announcer import SlackAnnouncer
from bot.slack.views.changes import whole_plan_text
from bot.store.outbox import put
from bot.store.outbox_tables import outbox as outbox_rows
from bot.store.tables import decisions, plans
from tests.engine.small_world import (
    DANA,
    LENA,
    RAVI,
    VERA,
    Bot,
    SetClock,
    World,
    living_bot,
)
from tests.engine.test_freezes import Racing, freeze

LEADER = frozenset({"leadership"})
PATIENT = ApplyTiming(call_limit=60.0, look_every=0.01)
WHY = "Nobody answers the page and customers cannot pay."
MAY = DEFAULT.may.model_copy(update={"break_glass": ("leadership",)})
POLICY = DEFAULT.model_copy(update={"may": MAY})


def becomes(bot: Bot, who: Actor, *roles: str, **more: Any) -> None:
    was = bot.people.members[who.user_id]
    bot.people.members[who.user_id] = replace(was, roles=frozenset(roles), **more)


def on_their_own(bot: Bot) -> None:
    """Dana may break the glass; nobody else is there."""
    becomes(bot, DANA, "operator", "leadership")


async def breaks(
    bot: Bot, plan: str, by: Actor = DANA, why: str = WHY, typed: str = "hall", key: str = "g1"
) -> Noted | Refusal:
    return await bot.desk.break_glass(plan, by, why, typed, key)


async def broken(bot: Bot, plan: str, **more: Any) -> None:
    assert isinstance(told := await breaks(bot, plan, **more), Noted), told


def refused(answer: object, words: str) -> None:
    assert isinstance(answer, Refusal), answer
    said = f"{answer.why} {' '.join(answer.fields.values())} {' '.join(answer.decided_by)}"
    assert words in said, answer


async def noted(bot: Bot, what: str) -> list[dict[str, Any]]:
    return [{"by": e.by, "about": e.about, **json.loads(e.body)} for e in await bot.noted(what)]


async def test_ones_own_request_goes_through_without_the_quorum_and_is_made_once(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        await broken(bot, plan)
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert bot.world.effects.count("paint hall green") == 1
        made = run.approvals[plan]
        assert made.glass and (made.glass.by, made.glass.reason) == ("U1", WHY)
        assert made.glass.is_open and made.glass.despite == ""


async def test_it_is_called_approved_nowhere(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        await broken(bot, plan)
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert run.approvals[plan].status == "glass broken"
        assert await bot.noted("approved") == []
        stored = await bot.engine.store.read(_rows_of, plan)
        assert stored == ("glass broken", [])
        (entry,) = await noted(bot, "glass broken")
        assert (entry["by"], entry["about"], entry["plan"]) == ("U1", "paint", plan)
        assert entry["digest"] == run.approvals[plan].digest
        assert entry["reason"] == WHY and entry["typed"] == "hall"
        assert entry["without"] == "1 of role operator" and entry["rule"] == "[may] break_glass"
        assert "despite" not in entry
        text = whole_plan_text(run.approvals[plan], run)
        assert f"GLASS BROKEN by U1 at {made_at(run, plan)} UTC: {WHY}" in text
        assert "without approval: 1 of role operator had to give it" in text
        assert "NOT REVIEWED YET" in text


def made_at(run: RunRecord, plan: str) -> str:
    glass = run.approvals[plan].glass
    assert glass
    return f"{glass.at:%Y-%m-%d %H:%M}"


def _rows_of(c: sa.Connection, plan: str) -> tuple[str, Sequence[Any]]:
    status = c.execute(sa.select(plans.c.status).where(plans.c.id == plan)).scalar_one()
    return status, c.execute(sa.select(decisions).where(decisions.c.plan == plan)).all()


async def test_what_destroys_goes_through_too_and_who_approved_before_stays_known(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id, "smash")
        await bot.desk.decide(plan, RAVI, True, "", "hall", "a1")
        await broken(bot, plan)
        run = await bot.until(run_id, lambda run: run.steps["smash"].status == "given")
        assert [one.by for one in run.approvals[plan].decisions] == ["U2"]
        (entry,) = await noted(bot, "glass broken")
        assert entry["without"] == "1 more of role operator" and entry["approved_by"] == ["U2"]


async def told(bot: Bot) -> list[tuple[str, str, str]]:
    """What is to be delivered about broken glass: name, place, state."""
    mine = sa.select(outbox_rows.c.name, outbox_rows.c.place, outbox_rows.c.state)
    query = mine.where(outbox_rows.c.name.like("%/glass/%")).order_by(outbox_rows.c.name)
    found = await bot.engine.store.read(lambda c: c.execute(query).all())
    return [(row.name, row.place, row.state) for row in found]


async def test_everybody_is_told_in_the_transaction_that_breaks_it_and_a_death_loses_nothing(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        announcer = SlackAnnouncer({}, "C0ALERTS", True, ["S0SECURITY"])

        def dies(*_: object) -> None:
            raise OSError("the disk is full")

        bot.engine.taker = replace(bot.engine.taker, announcer=announcer, put=dies)
        with pytest.raises(OSError, match="disk"):
            await breaks(bot, plan)
        assert await told(bot) == [] and await bot.desk.reviews() == ()
        assert await bot.engine.store.read(_rows_of, plan) == ("pending", [])
        bot.engine.taker = replace(bot.engine.taker, put=put)
        bot.world.hold = asyncio.Event()
        await broken(bot, plan)
        await broken(bot, plan)  # the same delivery, again
    async with living_bot(tmp_path, bot.world, policy=POLICY) as bot:
        name = f"{run_id}/glass/{plan}"
        assert await told(bot) == [
            (name, "run", "pending"),
            (f"{name}/alerts", "C0ALERTS", "pending"),
        ]


# Who may, and with which words.


async def test_whom_the_policy_does_not_let_is_refused_and_that_is_noted(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        plan = await bot.planned(await bot.to_the_pick())
        for number, (who, words) in enumerate(
            [
                (DANA, "You need the role leadership to break the glass"),
                (VERA, "You need the role"),
            ]
        ):
            refused(await breaks(bot, plan, who, key=f"g{number}"), words)
        record = await bot.desk.approval(plan)
        assert record and record[0].status == "pending" and record[0].glass is None
        entries = await noted(bot, "refused break glass")
        assert [one["by"] for one in entries] == ["U1", "U4"]
        assert {one["plan"] for one in entries} == {plan}


async def test_a_guest_a_bot_and_who_has_left_are_refused(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        plan = await bot.planned(await bot.to_the_pick())
        member = bot.people.members["U2"]
        for stranger in (
            replace(member, roles=LEADER, is_guest=True),
            replace(member, roles=LEADER, is_bot=True),
            replace(member, roles=LEADER, is_active=False),
        ):
            bot.people.members["U2"] = stranger
            refused(await breaks(bot, plan, RAVI, key=f"{stranger}"), "Only active, full members")
        assert [one["by"] for one in await noted(bot, "refused break glass")] == ["U2"] * 3


async def test_without_a_policy_of_its_own_nobody_breaks_the_glass(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        plan = await bot.planned(await bot.to_the_pick())
        becomes(bot, LENA, "operator", "leadership", "admin", "security")
        refused(await breaks(bot, plan, LENA), "lets nobody break the glass")


async def test_when_roles_cannot_be_read_nobody_breaks_the_glass(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        plan = await bot.planned(await bot.to_the_pick())
        bot.people.is_down = True
        refused(await breaks(bot, plan), "nobody is let through")


async def test_the_name_of_the_target_is_typed_also_for_a_change(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        plan = await bot.planned(await bot.to_the_pick())
        for typed in ("", "attic", "lamp/hall", "HALL"):
            answer = await breaks(bot, plan, typed=typed, key=f"g{typed}")
            refused(answer, "This must be exactly hall")
            assert isinstance(answer, Refusal) and set(answer.fields) == {"typed"}
        await broken(bot, plan, typed=" hall ")


async def test_a_reason_says_something(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        plan = await bot.planned(await bot.to_the_pick())
        for why in (
            "",
            "   ",
            "because",
            ". " * 60,
            "\u200b" * 60,
            "\u3164" * 60,
            "It is all down now!!!",
        ):
            answer = await breaks(bot, plan, why=why, key=f"g{why}")
            refused(answer, "Say why in a sentence")
            assert isinstance(answer, Refusal) and set(answer.fields) == {"reason"}
        await broken(bot, plan, why="It is all down now 1")


# What it does not widen.


async def test_an_expired_request_is_not_brought_back_by_it(tmp_path: Path) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, policy=POLICY, clock=clock) as bot:
        on_their_own(bot)
        plan = await bot.planned(await bot.to_the_pick())
        clock.ahead = 901
        refused(await breaks(bot, plan), "expired")
        assert "paint hall green" not in bot.world.effects


async def test_a_denial_before_it_wins(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        plan = await bot.planned(await bot.to_the_pick())
        await bot.desk.decide(plan, RAVI, False, "not now", "", "d1")
        refused(await breaks(bot, plan), "This was denied already.  U2")
        assert "paint hall green" not in bot.world.effects


async def test_afterwards_nobody_approves_or_denies_it_any_more(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        plan = await bot.planned(await bot.to_the_pick())
        await broken(bot, plan)
        for approves in (True, False):
            answer = await bot.desk.decide(plan, RAVI, approves, "no", "", f"d{approves}")
            refused(answer, "The glass was broken for this already.  U1")


async def test_a_stored_plan_that_is_not_what_was_shown_is_refused(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        plan = await bot.planned(await bot.to_the_pick())

        def forge(c: sa.Connection) -> None:
            mine = sa.update(plans).where(plans.c.id == plan)
            c.execute(mine.values(text=sa.func.replace(plans.c.text, "green", "black")))

        await bot.engine.store.tx(forge)
        refused(await breaks(bot, plan), "not what was shown")
        assert not [one for one in bot.world.effects if one.startswith("paint")]


async def test_a_plan_of_another_version_of_the_bot_is_refused(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        plan = await bot.planned(await bot.to_the_pick())
        kinds = dict(bot.engine.kinds)
        del kinds["Paint"]
        bot.engine.kinds = kinds
        refused(await breaks(bot, plan, typed=""), "another version of the bot")


async def test_a_run_that_is_cancelled_is_over_for_it_too(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        await bot.desk.cancel(run_id, RAVI, "c")
        refused(await breaks(bot, plan), "This was cancelled already")


async def test_a_plan_that_the_world_has_left_behind_is_not_made_and_needs_a_new_decision(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        bot.world.lamps["hall"] = "blue"
        await broken(bot, plan)
        run = await bot.until(run_id, lambda run: run.approvals[plan].status == "outdated")
        assert run.approvals[plan].glass, "that it was broken stays known"
        assert not [one for one in bot.world.effects if one.startswith("paint")]
        anew = await bot.pending(run_id, "paint")
        assert anew != plan
        refused(await breaks(bot, plan, key="g2"), "broken for this already")
        assert (await bot.desk.reviews())[0].plan == plan


async def test_it_waits_for_its_target_like_any_other(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY, timing=PATIENT) as bot:
        on_their_own(bot)
        first, second, plan = await behind_another(bot)
        assert "smash hall" not in bot.world.sent
        assert bot.world.hold
        bot.world.hold.set()
        await bot.until(first, lambda run: run.steps["paint"].status == "given")
        await bot.until(second, lambda run: run.steps["smash"].status == "given")
        assert plan in {one.plan for one in await bot.desk.reviews()}


async def behind_another(bot: Bot) -> tuple[str, str, str]:
    """The glass is broken for a plan that waits for its target. Both runs, and the plan."""
    first, second = await bot.to_the_pick(), await bot.begin(key="k2")
    await bot.until(second, lambda run: run.open_pick == "cure")
    one, two = await bot.planned(first), await bot.planned(second, "smash")
    bot.world.hold = asyncio.Event()
    bot.world.calling.clear()
    await bot.desk.decide(one, RAVI, True, "", "", "1")
    await bot.world.calling.wait()
    await broken(bot, two)
    await bot.until(second, lambda run: bool(run.steps["smash"].blocked_by))
    return first, second, two


async def test_the_time_until_it_must_be_made_still_counts(tmp_path: Path) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, policy=POLICY, timing=PATIENT, clock=clock) as bot:
        on_their_own(bot)
        _, second, plan = await behind_another(bot)
        clock.ahead = 36_000
        assert bot.world.hold
        bot.world.refuse = "no"
        bot.world.hold.set()
        run = await bot.until(second, lambda run: run.approvals[plan].status == "outdated")
        assert run.approvals[plan].outcome == "Not applied: the glass was broken too long ago"
        assert "smash hall" not in bot.world.effects


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"roles": ("operator",)}, "You need the role leadership to break the glass"),
        ({"roles": ("leadership",), "is_active": False}, "Only active, full members"),
        ({"roles": ("leadership",), "is_guest": True}, "Only active, full members"),
    ],
)
async def test_who_may_no_more_when_it_is_made_has_broken_it_for_nothing(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    async with living_bot(tmp_path, policy=POLICY, timing=PATIENT) as bot:
        on_their_own(bot)
        _, second, plan = await behind_another(bot)
        becomes(bot, DANA, *change.pop("roles"), **change)
        assert bot.world.hold
        bot.world.hold.set()
        run = await bot.until(second, lambda run: run.steps["smash"].status == "failed")
        assert run.steps["smash"].says.startswith("Not applied: the broken glass does not hold")
        assert words in run.steps["smash"].says
        assert "smash hall" not in bot.world.effects
        assert [one.plan for one in await bot.desk.reviews()] == [plan], "it is reviewed anyway"


async def test_before_each_change_of_a_plan_whoever_broke_the_glass_is_judged_again(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id, "paint_both")

        async def demote(lamp: str) -> None:
            if lamp == "attic":
                becomes(bot, DANA, "operator")

        bot.world.on_look = demote
        await broken(bot, plan)
        run = await bot.until(run_id, lambda run: run.steps["paint_both"].status == "failed")
        assert run.steps["paint_both"].says.startswith("1 of 2 was applied: ")
        assert [one.state for one in run.approvals[plan].changes] == ["applied", "planned"]


# Freezes.


async def test_it_passes_the_stop_switch_and_the_log_says_which_freeze_it_passed(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        await freeze(bot)
        plan = await bot.planned(run_id)
        await broken(bot, plan)
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        glass = run.approvals[plan].glass
        assert glass and glass.despite.startswith("frozen by @lena at ")
        (entry,) = await noted(bot, "glass broken")
        assert entry["despite"] == glass.despite
        (intended,) = [e for e in await noted(bot, "change intended") if e["about"] == "paint"]
        assert intended["despite"].endswith("the primary is odd")
        assert len(await bot.desk.freezes()) == 1, "the freeze itself goes on"


async def test_it_passes_a_window_of_the_policy(tmp_path: Path) -> None:
    always = {"name": "Quiet time", "hours": {"time_zone": "UTC"}}
    window = FreezeWindow.model_validate(always)
    policy = POLICY.model_copy(update={"freeze": (window,)})
    async with living_bot(tmp_path, policy=policy) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        refused(await bot.desk.decide(plan, RAVI, True, "", "", "a1"), "Quiet time")
        await broken(bot, plan)
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")


async def test_a_freeze_that_is_thrown_once_the_glass_is_broken_does_not_stop_it(
    tmp_path: Path,
) -> None:
    """Also between the last judgement and the intent."""
    async with living_bot(tmp_path, policy=POLICY, store=Racing) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        Racing.before_intent = lambda: freeze(bot)
        await broken(bot, plan)
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert Racing.before_intent is None
        (intended,) = [e for e in await noted(bot, "change intended") if e["about"] == "paint"]
        assert "frozen by @lena" in intended["despite"]


async def test_a_broken_glass_lets_nothing_else_through_a_freeze(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY, store=Racing) as bot:
        on_their_own(bot)
        first, second = await bot.to_the_pick(), await bot.begin(key="k2")
        await bot.until(second, lambda run: run.open_pick == "cure")
        one, two = await bot.planned(first), await bot.planned(second, "paint_both")
        await freeze(bot)
        await broken(bot, one)
        await bot.until(first, lambda run: run.steps["paint"].status == "given")
        refused(await bot.desk.decide(two, RAVI, True, "", "", "a1"), "frozen by @lena")
        await bot.desk.thaw(LENA, "", "t")
        bot.world.lamps["hall"] = "red"  # as the second plan expects it
        Racing.before_intent = lambda: freeze(bot, key="f2")
        await bot.desk.decide(two, RAVI, True, "", "", "a2")
        run = await bot.until(second, lambda run: run.steps["paint_both"].status == "failed")
        assert run.approvals[two].status == "frozen"


async def test_only_the_status_and_who_broke_it_together_are_a_broken_glass(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        plan = await bot.planned(await bot.to_the_pick())
        store, forged = bot.engine.store, sa.update(plans).where(plans.c.id == plan)
        await store.tx(lambda c: c.execute(forged.values(status="glass broken")))
        found = await bot.desk.approval(plan)
        assert found and not await store.read(is_through, plan)
        lapsed = await bot.engine.access.lapsed(store, found[0])
        assert lapsed and "nobody is known to have broken the glass" in lapsed.why
        asked = sa.select(plans).where(plans.c.id == plan)
        row = await store.read(lambda c: c.execute(asked).one())
        await store.tx(shatter, 1.0, row, "U1", WHY, "")
        assert await store.read(is_through, plan)
        await store.tx(lambda c: c.execute(forged.values(status="approved")))
        assert not await store.read(is_through, plan)


# Once.


async def test_the_same_press_delivered_twice_is_one_decision(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        first, second = await asyncio.gather(breaks(bot, plan), breaks(bot, plan))
        assert first == second and isinstance(first, Noted)
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert len(await bot.noted("glass broken")) == 1
        assert bot.world.effects.count("paint hall green") == 1


async def test_of_two_people_at_once_one_breaks_it_and_the_other_is_told(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        becomes(bot, LENA, "leadership")
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        answers = await asyncio.gather(breaks(bot, plan), breaks(bot, plan, LENA, key="g2"))
        (late,) = [one for one in answers if isinstance(one, Refusal)]
        assert late.why == "The glass was broken for this already."
        assert late.decided_by in (("U1",), ("U3",))
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert len(await bot.noted("glass broken")) == 1


async def test_of_an_approval_and_a_broken_glass_at_once_one_counts(tmp_path: Path) -> None:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        approving = bot.desk.decide(plan, RAVI, True, "", "", "a1")
        answers = await asyncio.gather(approving, breaks(bot, plan))
        assert sum(isinstance(one, Refusal) for one in answers) == 1
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        noted_of = [len(await bot.noted(what)) for what in ("approved", "glass broken")]
        assert sorted(noted_of) == [0, 1]
        assert bot.world.effects.count("paint hall green") == 1


async def test_a_glass_that_was_broken_before_a_death_counts_after_it_and_once(
    tmp_path: Path,
) -> None:
    world = World()
    async with living_bot(tmp_path, world, policy=POLICY) as bot:
        on_their_own(bot)
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        world.hold = asyncio.Event()
        await broken(bot, plan)
        await freeze(bot)
    world.hold = None
    async with living_bot(tmp_path, world, policy=POLICY) as bot:
        on_their_own(bot)
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert run.approvals[plan].status == "glass broken"
        assert world.effects.count("paint hall green") == 1
        assert isinstance(await breaks(bot, plan), Noted), "the same delivery again"
        assert len(await bot.noted("glass broken")) == 1
