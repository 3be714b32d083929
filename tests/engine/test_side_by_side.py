"""An old and a new version of the bot on one PostgreSQL, while one replaces the other."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.engine import versions
from bot.engine.intents import Noted, Refusal, StartRun
from bot.engine.record import Origin, RunRecord
from bot.runbook import Runbook
from bot.runbook.step import Gate
from bot.store.tables import work
from tests.engine.replicas import Replicas
from tests.engine.small_world import BOOK, DANA, RAVI, Bot, make_book
from tests.engine.two_versions import changed, missing, painted, say, to_its_end, without

pytestmark = pytest.mark.slow

#: Of each pair one has a step that the other one does not have.
PAIRS = {"the newer one": (without("paint"), BOOK), "the older one": (BOOK, without("paint"))}


async def owners(bot: Bot, run_id: str) -> Mapping[str, str]:
    """Who did what of it, by step and phase."""
    query = sa.select(work.c.step, work.c.phase, work.c.owner).where(work.c.run == run_id)
    rows = await bot.engine.store.read(lambda c: c.execute(query).all())
    return {f"{row.step} {row.phase}": row.owner for row in rows}


@pytest.mark.parametrize("knows", PAIRS)
async def test_a_step_that_only_one_version_knows_is_left_to_it_by_the_other(
    replicas: Replicas, knows: str
) -> None:
    """Whoever of them is asked for it."""
    older, newer = [await replicas.one_more(book=book) for book in PAIRS[knows]]
    able, other = (newer, older) if knows == "the newer one" else (older, newer)
    run_id = await able.to_the_pick()
    await painted(other, run_id)
    await other.until(run_id, lambda run: run.steps["painted"].status == "ok")
    run = await to_its_end(other, run_id)
    assert run.status == "finished" and not _missed(run)
    assert replicas.world.sent.count("paint hall green") == 1
    assert (await owners(other, run_id))["paint call"] == able.engine._lease.owner


def _missed(run: RunRecord) -> list[str]:
    return [key for key, step in run.steps.items() if "this version" in step.says.lower()]


async def test_what_no_version_that_lives_can_do_is_asked_of_a_person_after_a_while(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "LEFT_FOR_LEASES", 1)
    one = await replicas.one_more(book=without("paint"))
    two = await replicas.one_more(book=without("paint", "attic"))
    old = await replicas.one_more()
    run_id = await old.to_the_pick()
    await old.engine.stop(0.1)
    await one.desk.pick(run_id, "paint", DANA, "pick")
    asked = await missing(two, run_id, "paint")
    await say(two, asked, "without")
    assert (await to_its_end(one, run_id)).status == "finished"


async def test_while_a_version_is_on_its_way_up_nobody_is_asked(replicas: Replicas) -> None:
    """As when the only new replica is started once more."""
    new = await replicas.one_more()
    run_id = await new.to_the_pick()
    await new.engine.stop(0.1)
    old = await replicas.one_more(book=without("paint"))
    await old.desk.pick(run_id, "paint", DANA, "pick")
    await old.until(run_id, lambda run: run.steps["paint"].status == "working")
    again = await replicas.one_more()
    assert await again.pending(run_id, "paint")


async def test_each_version_ends_what_the_other_began(replicas: Replicas) -> None:
    added = replace(BOOK.steps["attic"], key="cellar", title="Is the cellar there?")
    book = replace(without("attic"), steps={**without("attic").steps, "cellar": added})
    older, newer = await replicas.one_more(), await replicas.one_more(book=book)
    first, second = await older.begin("k1"), await newer.begin("k2", lamp="attic")
    for bot, run_id in ((newer, first), (older, second)):
        await bot.until(run_id, lambda run: run.open_pick == "cure")
        await painted(bot, run_id)
        await bot.until(run_id, lambda run: run.steps["painted"].status == "ok")
        run = await to_its_end(bot, run_id)
        assert run.status == "finished" and not _missed(run)


async def test_a_watch_goes_on_with_whoever_knows_it(replicas: Replicas) -> None:
    other, able = await replicas.one_more(book=without("painted")), await replicas.one_more()
    run_id = await able.to_the_pick()
    await painted(other, run_id)
    await other.until(run_id, lambda run: run.steps["painted"].status == "ok")
    assert (await owners(other, run_id))["painted call"] == able.engine._lease.owner


async def test_a_runbook_that_the_other_version_may_have_is_to_be_asked_for_again(
    replicas: Replicas,
) -> None:
    wanted = StartRun("RB-T-009", {}, DANA, Origin("C1", "general"), "k9")
    older = await replicas.one_more()
    alone = await older.desk.start_run(wanted)
    assert isinstance(alone, Refusal) and "being replaced" not in alone.why
    twin = await replicas.one_more()
    assert not await twin.engine.is_being_replaced()
    newer = await replicas.one_more(book=replace(make_book(), id="RB-T-009"))
    beside = await older.desk.start_run(wanted)
    assert isinstance(beside, Refusal) and "type it again in a moment" in beside.why
    assert not isinstance(await newer.desk.start_run(wanted), Refusal)


async def test_an_answer_that_came_to_the_wrong_version_is_not_lost(replicas: Replicas) -> None:
    newer, older = await replicas.one_more(), await replicas.one_more(book=without("leader"))
    run = await newer.until(await newer.to_the_pick(), lambda run: bool(run.questions))
    (asked,) = run.questions
    told = await older.desk.answer(asked, DANA, {"user_id": "U2"}, "a1")
    assert isinstance(told, Refusal) and "press again in a moment" in told.why
    assert isinstance(await newer.desk.answer(asked, DANA, {"user_id": "U2"}, "a1"), Noted)


async def test_a_bot_that_runs_goes_on_while_a_newer_version_adds_to_the_schema(
    replicas: Replicas,
) -> None:
    older = await replicas.one_more()
    run_id = await older.to_the_pick()
    await older.engine.store.tx(_expand)
    await painted(older, run_id)
    second = await older.begin("k2", lamp="attic")
    await older.until(second, lambda run: run.open_pick == "cure")
    assert (await to_its_end(older, run_id)).status == "finished"


def _expand(c: sa.Connection) -> None:
    """As the next version may: whoever does not know what is new need not write it."""
    for statement in (
        "create table tomorrow (id text primary key)",
        "alter table runs add column mood text",
        "alter table work add column weight integer not null default 0",
        "create index work_weight on work (weight)",
        "update alembic_version set version_num = '9999'",
    ):
        c.execute(sa.text(statement))


async def test_a_stricter_version_beside_a_looser_one_has_its_way(replicas: Replicas) -> None:
    book: Runbook = changed("paint", lambda step: replace(step, gate=Gate(2, "operator")))
    older = await replicas.one_more()
    run_id = await older.to_the_pick()
    plan = await older.planned(run_id)
    newer = await replicas.one_more(book=book)
    told = await newer.desk.decide(plan, RAVI, True, "", "", "1")
    assert isinstance(told, Refusal) and "wants 2 of role operator" in told.why
