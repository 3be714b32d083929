"""A run from its start to its end, through the desk, on a real store."""

from pathlib import Path

import sqlalchemy as sa

from bot.engine.intents import Noted, Refusal, Started, StartRun
from bot.engine.record import Origin
from bot.runbook.changes import digest
from bot.store.tables import plans
from tests.engine.small_world import DANA, LENA, RAVI, VERA, World, living_bot


async def test_a_run_goes_to_the_pick_by_itself_and_suggests_what_helps(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run = await bot.desk.record(await bot.to_the_pick())
        assert run
        assert bot.world.effects == ["say hello hall"]
        assert run.steps["color"].status == "problem"
        assert run.steps["leader"].status == "asked"
        assert run.suggested == ("paint", "smash")


async def test_what_was_approved_is_applied_and_proved_and_the_run_ends(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        assert isinstance(await bot.desk.decide(approval, RAVI, True, "", "", "a1"), Noted)
        await bot.until(run_id, lambda run: run.steps["painted"].status == "ok")
        await bot.desk.close(run_id, "cure", DANA, "close")
        run = await bot.until(run_id, lambda run: run.status == "finished")
        assert bot.world.effects == ["say hello hall", "paint hall green", "say goodbye all"]
        assert run.approvals[approval].outcome.startswith("Seen done")
        assert not run.questions


async def test_nothing_is_applied_before_it_is_approved(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        await bot.planned(await bot.to_the_pick())
        assert bot.world.effects == ["say hello hall"]


async def test_a_wrong_input_is_refused_in_words_and_starts_nothing(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        inputs = {"lamp": "Hall 2", "color": "#f00"}
        refused = await bot.desk.start_run(
            StartRun("RB-T-001", inputs, DANA, Origin("C1", "general"), "k1")
        )
        assert isinstance(refused, Refusal)
        assert refused.fields == {
            "lamp": "This must be lowercase letters",
            "color": "This must be written like ^[a-z]+$",
        }
        assert await bot.desk.recent(10) == ()


async def test_the_one_who_asked_does_not_approve_nor_does_their_other_account(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        approval = await bot.planned(await bot.to_the_pick())
        other_self = type(DANA)("U9", "T1")
        for who in (DANA, other_self, VERA):
            assert isinstance(await bot.desk.decide(approval, who, True, "", "", "x"), Refusal)
        assert bot.world.effects == ["say hello hall"]


async def test_a_destroy_needs_two_people_who_type_the_name_of_its_target(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id, "smash")
        assert isinstance(await bot.desk.decide(approval, RAVI, True, "", "hal", "1"), Refusal)
        assert isinstance(await bot.desk.decide(approval, RAVI, True, "", "hall", "2"), Noted)
        assert isinstance(await bot.desk.decide(approval, RAVI, True, "", "hall", "3"), Refusal)
        assert bot.world.effects == ["say hello hall"]
        assert isinstance(await bot.desk.decide(approval, LENA, True, "", "hall", "4"), Noted)
        await bot.until(run_id, lambda run: run.steps["smash"].status == "given")
        assert bot.world.effects == ["say hello hall", "smash hall"]


async def test_one_denial_stops_it_and_needs_a_reason(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        assert isinstance(await bot.desk.decide(approval, RAVI, False, " ", "", "1"), Refusal)
        assert isinstance(await bot.desk.decide(approval, RAVI, False, "no", "", "2"), Noted)
        run = await bot.until(run_id, lambda run: run.open_pick == "cure")
        assert run.steps["paint"].status == "denied"
        assert run.approvals[approval].status == "denied"


async def test_a_target_that_moved_meanwhile_is_planned_and_asked_anew(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.lamps["hall"] = "blue"
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        run = await bot.until(
            run_id,
            lambda run: any(
                a.status == "pending" and a.id != approval for a in run.approvals.values()
            ),
        )
        assert run.approvals[approval].status == "outdated"
        assert "hall is blue" in run.approvals[approval].outcome
        assert bot.world.effects == ["say hello hall"]


async def test_a_lost_answer_is_looked_after_and_not_repeated(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.lose_answers = 1
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert bot.world.effects.count("paint hall green") == 1


async def test_a_clear_no_fails_at_once_with_what_was_said(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.refuse = "the painter is on strike"
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "failed")
        assert run.steps["paint"].says == "the painter is on strike"


async def test_what_cannot_be_seen_afterwards_is_asked_of_a_person(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.lose_answers = 1

        async def go_blind(*_: object) -> None:
            bot.world.blind = True

        bot.world.hold = None
        original = bot.world.calling.set
        bot.world.calling.set = lambda: (original(), setattr(bot.world, "blind", True))  # type: ignore[func-returns-value,method-assign,assignment]
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "unsure")
        (question,) = (q for q in run.questions.values() if q.kind == "unsure")
        bot.world.blind = False
        bot.world.calling.set = original  # type: ignore[method-assign]
        await bot.desk.resolve(question.id, RAVI, "done", "r1")
        await bot.until(run_id, lambda run: run.steps["painted"].status == "ok")
        assert bot.world.effects.count("paint hall green") == 1


async def test_a_check_that_cannot_look_is_unknown_and_its_siblings_go_on(tmp_path: Path) -> None:
    world = World()
    del world.lamps["attic"]
    async with living_bot(tmp_path, world) as bot:
        run = await bot.desk.record(await bot.to_the_pick())
        assert run
        assert run.steps["attic"].status == "unknown"
        assert "KeyError" not in run.steps["attic"].says
        assert run.steps["color"].status == "problem"


async def test_the_same_start_delivered_twice_is_one_run(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        intent = StartRun("RB-T-001", {}, DANA, Origin("C1"), "same")
        first, second = await bot.desk.start_run(intent), await bot.desk.start_run(intent)
        assert isinstance(first, Started) and isinstance(second, Started)
        assert first.run_id == second.run_id
        assert (first.is_new, second.is_new) == (True, False)


async def test_a_viewer_starts_nothing_and_a_wrong_input_names_its_field(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        intent = StartRun("RB-T-001", {}, VERA, Origin("C1"), "v")
        assert isinstance(await bot.desk.start_run(intent), Refusal)
        wrong = await bot.desk.start_run(StartRun("RB-T-001", {"lmp": 1}, DANA, Origin("C1"), "w"))
        assert isinstance(wrong, Refusal) and list(wrong.fields) == ["lmp"]
        strange = await bot.desk.start_run(StartRun("RB-T-01", {}, DANA, Origin("C1"), "s"))
        assert isinstance(strange, Refusal) and strange.nearest == ("RB-T-001",)


async def test_a_directory_that_is_down_lets_nobody_through(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.people.is_down = True
        assert isinstance(await bot.desk.decide(approval, RAVI, True, "", "", "1"), Refusal)
        assert bot.world.effects == ["say hello hall"]


async def test_who_lost_the_role_after_approving_does_not_count(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id, "smash")
        await bot.desk.decide(approval, RAVI, True, "", "hall", "1")
        ravi = bot.people.members["U2"]
        bot.people.members["U2"] = type(ravi)("U2", "ravi", frozenset({"viewer"}))
        await bot.desk.decide(approval, LENA, True, "", "hall", "2")
        run = await bot.until(run_id, lambda run: run.steps["smash"].status == "failed")
        assert "1 of 2" in run.steps["smash"].says
        assert "smash hall" not in bot.world.effects


async def test_two_runs_never_change_the_same_target_at_once(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        first = await bot.to_the_pick()
        second = await bot.begin(key="k2")
        await bot.until(second, lambda run: run.open_pick == "cure")
        one, two = await bot.planned(first), await bot.planned(second)
        import asyncio

        bot.world.hold = asyncio.Event()
        await bot.desk.decide(one, RAVI, True, "", "", "1")
        await bot.world.calling.wait()
        await bot.desk.decide(two, RAVI, True, "", "", "2")
        run = await bot.until(second, lambda run: run.steps["paint"].status == "applying")
        assert f"run {first}" in run.steps["paint"].blocked_by
        bot.world.hold.set()
        await bot.until(second, lambda run: run.steps["paint"].status == "given")
        assert bot.world.effects.count("paint hall green") == 1


async def test_a_cancelled_run_applies_nothing_more(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        await bot.desk.cancel(run_id, RAVI, "c")
        run = await bot.until(run_id, lambda run: run.status == "cancelled")
        assert run.approvals[approval].status == "cancelled"
        assert isinstance(await bot.desk.decide(approval, RAVI, True, "", "", "1"), Refusal)


async def test_what_was_applied_can_be_taken_back_with_an_approval(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        await bot.desk.decide(await bot.planned(run_id), RAVI, True, "", "", "1")
        run = await bot.until(
            run_id, lambda run: run.open_pick == "cure" and run.undoable == ("paint",)
        )
        await bot.desk.undo(run_id, "paint", DANA, "u")
        run = await bot.until(
            run_id, lambda r: any(a.status == "pending" for a in r.approvals.values())
        )
        undo = next(a for a in run.approvals.values() if a.status == "pending")
        assert undo.title == f"Take back: {run.steps['paint'].title}"
        await bot.desk.decide(undo.id, RAVI, True, "", "", "2")
        await bot.until(run_id, lambda run: run.steps["paint.undo"].status == "given")
        assert bot.world.lamps["hall"] == "red"


async def test_a_dry_run_looks_and_shows_its_plans_and_changes_nothing(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        intent = StartRun("RB-T-001", {}, DANA, Origin("C1"), "dry", dry=True)
        started = await bot.desk.start_run(intent)
        assert isinstance(started, Started)
        run = await bot.until(started.run_id, lambda run: run.status == "finished")
        assert bot.world.effects == []
        assert "paint hall green" in run.steps["paint"].says
        assert run.steps["color"].status == "problem"


async def test_a_strange_answer_is_refused_and_the_right_one_is_known_to_later_steps(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        run = await bot.desk.record(run_id)
        assert run
        (question,) = run.questions.values()
        wrong = await bot.desk.answer(question.id, RAVI, {"user": "U2"}, "q1")
        assert isinstance(wrong, Refusal) and "user_id" in wrong.fields
        await bot.desk.answer(question.id, RAVI, {"user_id": "U2"}, "q2")
        await bot.desk.close(run_id, "cure", DANA, "c")
        await bot.until(run_id, lambda run: run.status == "finished")
        assert bot.world.effects[-1] == "say goodbye U2"


async def test_a_plan_of_another_version_is_shown_as_it_was_stored_and_cannot_be_approved(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        await bot.engine.store.tx(_made_by_another_version, approval)
        (run,) = await bot.desk.recent()
        assert run.approvals[approval].changes[0].command.startswith("Varnish {")
        refusal = await bot.desk.decide(approval, RAVI, True, "", "", "1")
        assert isinstance(refusal, Refusal) and "another version" in refusal.why
        assert bot.world.effects == ["say hello hall"]
        assert isinstance(await bot.desk.decide(approval, RAVI, False, "old", "", "2"), Noted)


def _made_by_another_version(c: sa.Connection, approval: str) -> None:
    mine = plans.c.id == approval
    text = c.execute(sa.select(plans.c.text).where(mine)).scalar_one()
    text = text.replace('"Paint"', '"Varnish"')
    c.execute(sa.update(plans).where(mine).values(text=text, digest=digest(text)))
