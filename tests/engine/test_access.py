"""Who may is asked at the click and once more just before the change: the same function, twice."""

import ast
import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.access.acts import Frozen
from bot.access.policy import DEFAULT, ApproveRule, Policy, RunRule
from bot.engine.ended import ApplyTiming
from bot.engine.freezes import throw
from bot.engine.intents import Noted, Refusal, Started, StartRun
from bot.engine.record import Origin
from tests.engine.small_world import DANA, LENA, RAVI, VERA, Bot, living_bot

PATIENT = ApplyTiming(call_limit=60.0, look_every=0.01)
BOT = Path(__file__).parents[2] / "bot"


def start(inputs: dict[str, Any], by: Any = DANA, key: str = "k") -> StartRun:
    return StartRun("RB-T-001", inputs, by, Origin("C1"), key)


def changed(bot: Bot, user_id: str, **what: Any) -> None:
    bot.people.members[user_id] = replace(bot.people.members[user_id], **what)


def demoted(bot: Bot) -> None:
    changed(bot, "U2", roles=frozenset({"viewer"}))


def deactivated(bot: Bot) -> None:
    changed(bot, "U2", is_active=False)


def made_a_guest(bot: Bot) -> None:
    changed(bot, "U2", is_guest=True)


def a_bot(bot: Bot) -> None:
    changed(bot, "U2", is_bot=True)


def the_other_approver(bot: Bot) -> None:
    changed(bot, "U2", same_human_as=frozenset({"U3"}))
    changed(bot, "U3", same_human_as=frozenset({"U2"}))


def the_requester(bot: Bot) -> None:
    changed(bot, "U2", same_human_as=frozenset({"U1"}))


def unreadable(bot: Bot) -> None:
    bot.people.is_down = True


@pytest.mark.parametrize(
    ("becomes", "words"),
    [
        (demoted, "1 of 2"),
        (deactivated, "Only active, full members"),
        (made_a_guest, "Only active, full members"),
        (a_bot, "Only active, full members"),
        (the_other_approver, "You approved this already"),
        (the_requester, "somebody else must approve"),
        (unreadable, "roles cannot be read"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
async def test_an_approver_who_may_no_more_does_not_count_when_it_is_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    becomes: Callable[[Bot], None],
    words: str,
) -> None:
    """Between the second click and the call, while another run holds the target."""
    monkeypatch.setattr("bot.engine.performing.DIRECTORY_PATIENCE_S", 0.0)
    async with living_bot(tmp_path, timing=PATIENT) as bot:
        first, second = await bot.to_the_pick(), await bot.begin(key="k2")
        await bot.until(second, lambda run: run.open_pick == "cure")
        one, two = await bot.planned(first), await bot.planned(second, "smash")
        bot.world.hold = asyncio.Event()
        bot.world.calling.clear()
        await bot.desk.decide(one, RAVI, True, "", "", "1")
        await bot.world.calling.wait()
        for who, key in ((RAVI, "2"), (LENA, "3")):
            assert isinstance(await bot.desk.decide(two, who, True, "", "hall", key), Noted)
        await bot.until(second, lambda run: bool(run.steps["smash"].blocked_by))
        becomes(bot)
        bot.world.hold.set()
        run = await bot.until(second, lambda run: run.steps["smash"].status == "failed")
        assert words in run.steps["smash"].says
        assert "Nothing was changed" in run.steps["smash"].says
        assert "smash hall" not in bot.world.effects


async def test_a_guest_learns_nothing_of_a_request_they_press_on(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        approval = await bot.planned(await bot.to_the_pick())
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        made_a_guest(bot)
        said = await bot.desk.decide(approval, RAVI, True, "", "", "2")
        assert isinstance(said, Refusal) and "Only active, full members" in said.why


def policy(**more: Any) -> Policy:
    return DEFAULT.model_copy(update=more)


async def test_a_run_is_started_only_with_the_inputs_that_the_policy_allows(
    tmp_path: Path,
) -> None:
    rule = RunRule.model_validate(
        {"roles": ["operator"], "runbooks": ["RB-T-*"], "with": {"lamp": ["hall"]}}
    )
    async with living_bot(tmp_path, policy=policy(start=(rule,))) as bot:
        refused = await bot.desk.start_run(start({"lamp": "attic"}))
        assert isinstance(refused, Refusal)
        assert refused.why == "You may start RB-T-001 only with lamp hall."
        assert refused.fields == {"lamp": "Only with lamp hall."}
        assert isinstance(await bot.desk.start_run(start({"lamp": "hall"})), Started)
        assert [one.by for one in await bot.noted("refused start")] == ["U1"]


async def test_a_run_is_led_only_by_whom_the_policy_lets_lead_it(tmp_path: Path) -> None:
    rule = RunRule.model_validate(
        {"roles": ["operator"], "runbooks": ["*"], "with": {"lamp": ["attic"]}}
    )
    async with living_bot(tmp_path, policy=policy(lead=(rule,))) as bot:
        run_id = await bot.begin(lamp="hall")
        run = await bot.until(run_id, lambda run: run.open_pick == "cure")
        (question,) = run.questions.values()
        for refused in (
            await bot.desk.pick(run_id, "paint", DANA, "1"),
            await bot.desk.again(run_id, "color", DANA, "2"),
            await bot.desk.close(run_id, "cure", DANA, "3"),
            await bot.desk.go_on(run_id, "color", DANA, "4"),
            await bot.desk.undo(run_id, "paint", DANA, "5"),
            await bot.desk.cancel(run_id, DANA, "6"),
            await bot.desk.answer(question.id, DANA, {"user_id": "U1"}, "7"),
            await bot.desk.resolve(question.id, DANA, "done", "8"),
        ):
            assert isinstance(refused, Refusal) and "only with lamp attic" in refused.why
        record = await bot.desk.record(run_id)
        assert record and record.status == "running" and record.questions


async def test_a_plan_is_approved_only_where_a_rule_covers_every_change(tmp_path: Path) -> None:
    hall = ApproveRule(roles=("operator",), targets=("lamp/hall",))
    async with living_bot(tmp_path, policy=policy(approve=(hall,))) as bot:
        run_id = await bot.to_the_pick()
        both = await bot.planned(run_id, "paint_both")
        refused = await bot.desk.decide(both, RAVI, True, "", "", "1")
        assert isinstance(refused, Refusal)
        assert "lets anybody approve CHANGE on lamp/attic" in refused.why
        await bot.desk.decide(both, RAVI, False, "one by one", "", "2")
        await bot.until(run_id, lambda run: run.open_pick == "cure")
        one = await bot.planned(run_id)
        assert isinstance(await bot.desk.decide(one, RAVI, True, "", "", "3"), Noted)
        (entry,) = await bot.noted("approved")
        assert "[[approve]] rule 1" in entry.body


async def test_a_plan_nobody_was_asked_for_touches_only_our_own(tmp_path: Path) -> None:
    """A book cannot ask for it; a row that says so is not believed."""
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        record = await bot.desk.record(run_id)
        assert record
        (greeting,) = record.approvals.values()
        lapsed = bot.engine.access.lapsed
        assert greeting.people == 0 and await lapsed(bot.engine.store, greeting) is None
        approval = (await bot.desk.approval(await bot.planned(run_id)) or [None])[0]
        assert approval
        forged = replace(approval, people=0, status="approved")
        found = await lapsed(bot.engine.store, forged)
        assert found and found.why == "nobody was asked for it"


async def test_every_refusal_of_the_desk_is_noted_with_who_and_why(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        run = await bot.desk.record(run_id)
        assert run
        (question,) = run.questions.values()
        tries = {
            "start": bot.desk.start_run(start({}, VERA)),
            "picked": bot.desk.pick(run_id, "paint", VERA, "1"),
            "again": bot.desk.again(run_id, "color", VERA, "2"),
            "go on": bot.desk.go_on(run_id, "color", VERA, "3"),
            "closed": bot.desk.close(run_id, "cure", VERA, "4"),
            "undo": bot.desk.undo(run_id, "paint", VERA, "5"),
            "cancelled": bot.desk.cancel(run_id, VERA, "6"),
            "decide": bot.desk.decide(approval, VERA, True, "", "", "7"),
            "answer": bot.desk.answer(question.id, VERA, {"user_id": "U4"}, "8"),
            "resolve": bot.desk.resolve(question.id, VERA, "done", "9"),
            "freeze": bot.desk.freeze(VERA, "", "10"),
            "thaw": bot.desk.thaw(VERA, "", "11"),
        }
        for what, trying in tries.items():
            refused = await trying
            assert isinstance(refused, Refusal), what
            (entry,) = await bot.noted(f"refused {what}")
            assert entry.by == VERA.user_id and refused.why[:30] in entry.body


async def test_the_switch_is_read_from_the_store_and_not_from_memory(tmp_path: Path) -> None:
    """Another replica may have thrown it."""
    async with living_bot(tmp_path) as bot:
        approval = await bot.planned(await bot.to_the_pick())
        lena = bot.people.members["U3"]

        def elsewhere(c: Any) -> Frozen:
            return throw(c, bot.engine.clock.now(), lena, "elsewhere")

        await bot.engine.store.tx(elsewhere)
        said = await bot.desk.decide(approval, RAVI, True, "", "", "1")
        assert isinstance(said, Refusal) and "elsewhere" in said.why


async def test_the_policy_is_noted_once_for_as_long_as_it_stays_the_same(tmp_path: Path) -> None:
    hall = policy(approve=(ApproveRule(roles=("operator",), targets=("lamp/hall",)),))
    for now in (DEFAULT, DEFAULT, hall, hall, DEFAULT):
        async with living_bot(tmp_path, policy=now) as bot:
            noted = await bot.noted("policy")
    assert [("lamp/hall" in one.body) for one in noted] == [False, True, False]
    assert len({one.about for one in noted}) == 2


def test_nobody_else_looks_at_roles() -> None:
    """Roles are given in bot/slack/people.py and judged in bot/access; a second judge is wrong."""
    looking = {
        str(path.relative_to(BOT))
        for path in BOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("roles", "is_guest", "is_active")
    }
    told = {"access/policy.py", "access/policy_file.py", "slack/named.py"}  # what the file says
    assert looking - told == {"access/deciding.py"}
