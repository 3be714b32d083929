"""A report says what has turned, with what people know already, and nothing is told twice."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.intents import Noted, Started, StartRun
from bot.engine.record import Origin, RunRecord
from bot.engine.telling import Known, Look, turn
from bot.runbook import Found, Nothing, Plan, Runbook, index
from bot.runbook.errors import BookError
from bot.runbook.findings import Verdict
from bot.runbook.outline import Outline, outline
from bot.runbook.words import nothing, ok, plan
from bot.store import outbox as outbox_rows
from bot.store.tables import told
from tests.engine.clockwork import HERE, SetByHand, added, begun, over
from tests.engine.reporting import ACME, INIT, Speaking, Sync, at, book, fires, reports, shown
from tests.engine.small_world import DANA, Bot, Lamp, Paint, living_bot

QUARTERS = "*/15 * * * *"
ELSEWHERE = Origin("C0OTHER", "other")


@asynccontextmanager
async def telling(
    folder: Path, clock: SetByHand, first: Runbook, *more: Runbook
) -> AsyncIterator[Bot]:
    speaking = Speaking()
    async with living_bot(
        folder, book=first, more=more, clock=clock, announcer=speaking, put=outbox_rows.put
    ) as bot:
        yield bot


async def typed(bot: Bot, book_id: str, origin: Origin = HERE, **inputs: str) -> str:
    """What its report says."""
    key = f"{book_id} {len(await begun(bot))}"
    started = await bot.desk.start_run(StartRun(book_id, inputs, DANA, origin, key))
    assert isinstance(started, Started)
    await bot.until(started.run_id, lambda run: run.ended_at is not None)
    return (await reports(bot))[-1]


# On change.


async def test_what_is_well_says_nothing_and_what_turns_is_said_once(tmp_path: Path) -> None:
    sync, clock = Sync(), SetByHand()
    async with telling(tmp_path, clock, book(sync, "RB-T-030", "on change")) as bot:
        await added(bot, QUARTERS)
        assert await fires(bot, clock) == []
        sync.stale, sync.says = {ACME: "problem"}, "1 h ago"
        (said,) = await fires(bot, clock)
        assert "1 TURNED BAD" in said
        assert f"{ACME}: last sync 1 h ago · NEW, since 07:30 UTC" in said
        sync.says = "2 h ago"
        assert await fires(bot, clock) == await fires(bot, clock) == []
        sync.stale = {ACME: "problem", INIT: "warning"}
        (said,) = await fires(bot, clock)
        assert INIT in said and ACME not in said
        sync.stale = {INIT: "warning"}
        (said,) = await fires(bot, clock)
        assert "1 WELL AGAIN" in said and f"{ACME}: well again · after 60 min" in said
        assert INIT not in said
        sync.stale = {}
        (said,) = await fires(bot, clock)
        assert f"{INIT}: well again · after 30 min" in said
        assert await fires(bot, clock) == []


async def test_while_it_says_nothing_there_is_nothing_to_see(tmp_path: Path) -> None:
    clock = SetByHand()
    async with telling(tmp_path, clock, book(Sync(), "RB-T-030", "on change")) as bot:
        await added(bot, QUARTERS)
        await fires(bot, clock)
        assert await shown(bot) == []


async def test_what_gets_worse_is_said_and_what_gets_a_little_better_is_not(
    tmp_path: Path,
) -> None:
    sync, clock = Sync(queue="warning"), SetByHand()
    async with telling(tmp_path, clock, book(sync, "RB-T-030", "on change")) as bot:
        await added(bot, QUARTERS)
        for queue, says in (
            ("warning", 1), ("problem", 1), ("warning", 0), ("problem", 0), ("ok", 1)
        ):  # fmt: skip
            sync.queue = queue  # type: ignore[assignment]
            assert len(await fires(bot, clock)) == says, queue


async def test_what_cannot_be_read_once_is_not_said_and_twice_in_a_row_it_is(
    tmp_path: Path,
) -> None:
    sync, clock = Sync(), SetByHand()
    async with telling(tmp_path, clock, book(sync, "RB-T-030", "on change")) as bot:
        await added(bot, QUARTERS)
        for queue in ("unknown", "ok", "unknown"):
            sync.queue = queue
            assert await fires(bot, clock) == []
        (said,) = await fires(bot, clock)
        assert "1 CANNOT BE READ" in said and "NEW, since 07:45 UTC" in said
        assert await fires(bot, clock) == []
        sync.queue = "ok"
        (said,) = await fires(bot, clock)
        assert "WELL AGAIN · Queue" in said


async def test_what_could_not_be_read_does_not_make_well_what_was_bad(tmp_path: Path) -> None:
    sync, clock = Sync({ACME: "problem"}, "1 h ago"), SetByHand()
    async with telling(tmp_path, clock, book(sync, "RB-T-030", "on change")) as bot:
        await added(bot, QUARTERS)
        await fires(bot, clock)
        sync.says = "down"
        assert await fires(bot, clock) == []
        sync.says = "2 h ago"
        assert await fires(bot, clock) == []
        sync.stale = {}
        (said,) = await fires(bot, clock)
        assert f"{ACME}: well again" in said


async def test_a_person_is_always_told_all_of_it_and_what_is_known_with_since_when(
    tmp_path: Path,
) -> None:
    sync, clock = Sync({ACME: "problem"}, "1 h ago"), SetByHand()
    async with telling(tmp_path, clock, book(sync, "RB-T-030", "on change")) as bot:
        await added(bot, QUARTERS)
        await fires(bot, clock)
        clock.at = at(20)
        for _ in range(2):
            said = await typed(bot, "RB-T-030")
            assert "1 PROBLEM" in said and "1 check well: Queue" in said
            assert "known since 07:15 UTC, told by RB-T-030 in <#C0OPS>" in said


async def test_what_was_told_in_one_channel_is_not_taken_for_known_in_another(
    tmp_path: Path,
) -> None:
    sync, clock = Sync({ACME: "problem"}, "1 h ago"), SetByHand()
    async with telling(tmp_path, clock, book(sync, "RB-T-030", "on change")) as bot:
        said = await typed(bot, "RB-T-030", ELSEWHERE)
        assert "NEW, since" in said
        await added(bot, QUARTERS)
        (said,) = await fires(bot, clock)
        assert "NEW here" in said and "by RB-T-030 in <#C0OTHER>" in said
        sync.stale = {}
        assert "well again" in await typed(bot, "RB-T-030", ELSEWHERE)
        (said,) = await fires(bot, clock)
        assert f"{ACME}: well again" in said


# Two books.


async def test_two_books_that_look_at_the_same_tell_it_once(tmp_path: Path) -> None:
    sync, clock = Sync({ACME: "problem"}, "1 h ago"), SetByHand()
    once, on_change = book(sync, "RB-T-031", "once"), book(sync, "RB-T-030", "on change")
    async with telling(tmp_path, clock, once, on_change) as bot:
        said = await typed(bot, "RB-T-031")
        assert f"{ACME}: last sync 1 h ago · NEW" in said
        await added(bot, QUARTERS, "RB-T-030")
        assert await fires(bot, clock) == []
        sync.stale = {ACME: "problem", INIT: "problem"}
        (said,) = await fires(bot, clock)
        assert INIT in said and ACME not in said
        said = await typed(bot, "RB-T-031")
        assert f"{INIT}: last sync 1 h ago · known since 07:30 UTC" in said
        assert "by RB-T-030 in <#C0OPS>" in said and "by RB-T-031 in <#C0OPS>" in said
        sync.stale = {}
        (said,) = await fires(bot, clock)
        assert f"{ACME}: well again" in said and f"{INIT}: well again" in said
        assert "ALL WELL" in await typed(bot, "RB-T-031")


async def test_what_a_card_has_shown_is_known_and_only_a_report_takes_it_back(
    tmp_path: Path,
) -> None:
    sync, clock = Sync({ACME: "problem"}, "1 h ago"), SetByHand()
    carded, on_change = book(sync, "RB-T-032"), book(sync, "RB-T-030", "on change")
    async with telling(tmp_path, clock, carded, on_change) as bot:
        await typed(bot, "RB-T-032")
        assert any(one.name.endswith("/card") for one in await shown(bot))
        await added(bot, QUARTERS, "RB-T-030")
        assert await fires(bot, clock) == []
        sync.stale = {}
        await typed(bot, "RB-T-032")
        (said,) = await fires(bot, clock)
        assert f"{ACME}: well again" in said


async def test_who_looks_at_a_part_calls_nothing_well_that_is_not_in_it(tmp_path: Path) -> None:
    sync, clock = Sync({ACME: "problem", INIT: "problem"}, "1 h ago"), SetByHand()
    async with telling(tmp_path, clock, book(sync, "RB-T-030", "on change")) as bot:
        await added(bot, QUARTERS)
        await fires(bot, clock)
        sync.stale = {ACME: "problem"}
        assert "known since" in await typed(bot, "RB-T-030", organization="acme")
        (said,) = await fires(bot, clock)
        assert f"{INIT}: well again" in said


# Once.


async def test_a_report_is_one_message_with_its_details_below_it(tmp_path: Path) -> None:
    sync, clock = Sync({ACME: "problem"}, "1 h ago"), SetByHand()
    async with telling(tmp_path, clock, book(sync, "RB-T-031", "once")) as bot:
        await typed(bot, "RB-T-031")
        (run,) = await begun(bot)
        top, below = await shown(bot)
        assert (top.name, top.thread) == (f"{run.id}/result", None)
        assert below.name == f"{run.id}/step/last_sync#1" and below.thread == top.name
        assert '"type": "table"' in below.blocks


async def test_each_firing_of_once_is_reported(tmp_path: Path) -> None:
    clock = SetByHand()
    async with telling(tmp_path, clock, book(Sync(), "RB-T-031", "once")) as bot:
        await added(bot, QUARTERS)
        for _ in range(2):
            (said,) = await fires(bot, clock)
            assert "ALL WELL" in said and "2 checks well: Last sync; Queue" in said


def acts(sync: Sync) -> Runbook:
    made = book(sync, "RB-T-033", "on change")
    cure = made.section("Cure")

    @cure.action("Paint it")
    def paint(last_sync: Lamp | None) -> Plan[Paint] | Nothing:
        if last_sync and last_sync.color == "green":
            return nothing("It is green")
        return plan(Paint(lamp="hall", color="green", replacing="red"))

    return made


async def test_what_needs_approval_has_a_card_and_an_end_also_in_a_quiet_book(
    tmp_path: Path,
) -> None:
    sync, clock = Sync(), SetByHand()
    async with telling(tmp_path, clock, acts(sync)) as bot:
        await added(bot, QUARTERS)
        assert await fires(bot, clock) == []
        sync.stale, sync.says = {ACME: "problem"}, "1 h ago"
        clock.at = at(30)
        await bot.engine.schedules.look()
        await until_there(bot, lambda run: bool(run.approvals))
        run = (await begun(bot))[-1]
        assert {one.name.split("/")[1] for one in await shown(bot)} == {"approval", "card"}
        plan_id = next(iter(run.approvals))
        assert isinstance(await bot.desk.decide(plan_id, DANA, False, "no", "", "k"), Noted)
        await over(bot)
        (said,) = await reports(bot)
        assert "1 TURNED BAD" in said
        cards = [one.text for one in await shown(bot) if one.name == f"{run.id}/card"]
        assert "FINISHED" in cards[-1]


async def until_there(bot: Bot, truth: Callable[[RunRecord], bool]) -> None:
    while len(await begun(bot)) < 2:
        bot.changed.clear()
        await bot.changed.wait()
    await bot.until((await begun(bot))[-1].id, truth)


async def test_a_dry_run_is_shown_as_ever_and_remembers_nothing(tmp_path: Path) -> None:
    sync, clock = Sync({ACME: "problem"}, "1 h ago"), SetByHand()
    async with telling(tmp_path, clock, book(sync, "RB-T-031", "once")) as bot:
        intent = StartRun("RB-T-031", {}, DANA, HERE, "dry", dry=True)
        started = await bot.desk.start_run(intent)
        assert isinstance(started, Started)
        await over(bot)
        names = {one.name.split("/")[1] for one in await shown(bot)}
        assert {"card", "step", "result"} <= names
        assert await bot.engine.store.read(lambda c: c.execute(sa.select(told)).all()) == []


async def test_what_was_told_is_in_the_transaction_that_ends_the_run(tmp_path: Path) -> None:
    """A death after it loses neither the report nor that it was told."""
    sync, clock = Sync({ACME: "problem"}, "1 h ago"), SetByHand()
    on_change = book(sync, "RB-T-030", "on change")
    async with telling(tmp_path, clock, on_change) as bot:
        await added(bot, QUARTERS)
        (said,) = await fires(bot, clock)
    async with telling(tmp_path, clock, on_change) as bot:
        assert await reports(bot) == [said]
        assert await fires(bot, clock) == []


# The language.


def test_a_book_that_speaks_once_has_nothing_that_waits_for_a_card() -> None:
    def made(**section: Any) -> Runbook:
        quiet = book(Sync(), "RB-T-034", "once")
        more = quiet.section("More", **section)

        @more.check("Once more", proves=())
        def more_of_it() -> Found[Lamp]:
            return ok("well", Lamp(color="green"))

        if section:

            @more.action("Act")
            def act(more_of_it: Lamp | None) -> Plan[Paint]:
                return plan(Paint(lamp="hall", color="green", replacing="red"))

        return quiet

    assert not made().sections["more"].holds
    assert index(made())
    for section in ({"pick": True}, {"holds": True}):
        with pytest.raises(BookError, match="has no card"):
            index(made(**section))


def test_an_outline_that_was_stored_before_is_read_as_one_that_speaks_as_it_goes() -> None:
    stored = outline(book(Sync(), "RB-T-035", "once")).as_json()
    assert Outline.from_json(stored).speaks == "once"
    del stored["speaks"], stored["schedule"]
    for section in stored["sections"]:
        for step in section["steps"]:
            del step["about"]
    read = Outline.from_json(stored)
    assert (read.speaks, read.schedule, read.step("last_sync").about) == ("as it goes", "", "")


# What is to be said, by itself.

VERDICTS: st.SearchStrategy[Verdict] = st.sampled_from(["ok", "warning", "problem", "unknown"])
BADNESS = {"ok": 0, "warning": 1, "problem": 2}


@given(st.lists(st.tuples(VERDICTS, st.booleans()), max_size=30))
def test_nothing_is_told_twice_and_nothing_bad_is_kept_back(
    looks: list[tuple[Verdict, bool]],
) -> None:
    known: Known | None = None
    people_know, before = "ok", "ok"
    for at_s, (verdict, tells_all) in enumerate(looks):
        look = Look(verdict, "", float(at_s), "R", "B", "", tells_all)
        turned, known = turn(known, look)
        said = turned in ("bad", "good", "lost")
        if said:
            assert verdict != people_know, "told again"
            people_know = verdict
        if verdict in ("problem", "ok"):
            assert people_know == verdict
        if verdict == "warning":
            assert people_know in ("warning", "problem")
        if verdict == "unknown" and (tells_all or before == "unknown"):
            assert people_know == "unknown"
        if verdict != "unknown" and people_know != "unknown":
            assert BADNESS[people_know] >= BADNESS[verdict]
        assert (known is None) is (verdict == "ok")
        assert known is None or known.verdict == people_know
        before = verdict
