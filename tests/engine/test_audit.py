"""Who did what, written in the transaction that makes it true; a run leaves all of it behind."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from bot.access.member import Member
from bot.engine.audit import note
from bot.engine.entries import of_event
from bot.engine.intents import Noted, Refusal, StartRun
from bot.engine.record import Origin
from bot.engine.reports import Report
from bot.engine.state import Event
from bot.store.auditing import entries_after, head_of, verdict_of
from bot.store.chain import Entry
from bot.store.tables import audit_anchors, runs
from tests.engine.small_world import DANA, LENA, RAVI, VERA, Bot, living_bot
from tests.store.databases import place


async def noted(bot: Bot, *whats: str) -> list[tuple[Entry, dict[str, Any]]]:
    """With their bodies, oldest first."""
    entries = await bot.engine.store.read(entries_after, 0)
    return [(one, json.loads(one.body)) for one in entries if one.what in whats]


async def is_whole(bot: Bot) -> bool:
    return (await bot.engine.store.read(verdict_of, [])).is_whole


async def test_a_run_leaves_a_chain_that_tells_all_of_it(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        await bot.desk.plan_text(approval, VERA)
        await bot.desk.decide(approval, DANA, True, "", "", "a0")
        await bot.desk.decide(approval, RAVI, True, "", "", "a1")
        await bot.until(run_id, lambda run: run.steps["painted"].status == "ok")
        await bot.until(run_id, lambda run: run.open_pick == "cure")
        await bot.desk.close(run_id, "cure", DANA, "c")
        await bot.until(run_id, lambda run: run.status == "finished")
        entries = await bot.engine.store.read(entries_after, 0)
        whats = [one.what for one in entries if one.about in ("", "cure", "paint")]
        assert whats == [
            "started",
            "picked",
            "approval asked",
            "plan viewed",
            "refused decide",
            "approved",
            "change intended",
            "change applied",
            "plan applied",
            "closed",
        ]
        assert await is_whole(bot)


async def test_a_request_is_noted_with_its_digest_its_expiry_and_all_that_is_shown(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        record = await bot.desk.record(run_id)
        assert record
        ((entry, body),) = await noted(bot, "approval asked")
        assert (entry.run, entry.about, entry.by) == (run_id, "paint", "U1")
        shown = record.approvals[approval]
        assert body["plan"] == approval and body["digest"] == shown.digest
        assert body["expires_at"] == f"{shown.expires_at:%Y-%m-%d %H:%M:%S.%f} UTC"
        assert (body["role"], body["people"]) == ("operator", 1)
        assert body["shown"] == [
            {
                "command": "paint hall green",
                "target": "lamp/hall",
                "now": "hall is red",
                "then": "hall is green",
                "undo": "paint hall red",
            }
        ]


async def test_a_view_a_refusal_and_a_decision_name_the_person_the_workspace_and_the_digest(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id, "smash")
        await bot.desk.plan_text(approval, LENA)
        await bot.desk.decide(approval, RAVI, True, "", "wrong", "1")
        await bot.desk.decide(approval, RAVI, True, "it is broken", "hall", "2")
        await bot.desk.decide(approval, LENA, False, "not now", "", "3")
        found = await noted(bot, "plan viewed", "refused decide", "approved", "denied")
        people = [(entry.what, entry.by) for entry, _ in found]
        assert people == [
            ("plan viewed", "U3"),
            ("refused decide", "U2"),
            ("approved", "U2"),
            ("denied", "U3"),
        ]
        assert {body["team"] for _, body in found} == {"T1"}
        assert {body["plan"] for _, body in found} == {approval}
        assert len({body["digest"] for _, body in found}) == 1
        _, refused, approved, denied = (body for _, body in found)
        assert "Type hall exactly" in refused["why"] and "wrong" not in json.dumps(refused)
        assert (approved["reason"], approved["typed"], approved["missing"]) == (
            "it is broken", "hall", 1,
        )  # fmt: skip
        assert denied["reason"] == "not now"


async def test_an_expiry_is_noted_with_the_digest_of_what_expired(tmp_path: Path) -> None:
    async with living_bot(tmp_path, expires_after_s=0.01) as bot:
        run_id = await bot.to_the_pick()
        await bot.desk.pick(run_id, "paint", DANA, "p")
        await bot.until(run_id, lambda run: run.steps["paint"].status == "expired")
        ((_, asked),) = await noted(bot, "approval asked")
        ((entry, expired),) = await noted(bot, "approval expired")
        assert (entry.by, expired["plan"], expired["digest"]) == (
            "", asked["plan"], asked["digest"],
        )  # fmt: skip


async def test_a_request_that_a_cancelled_run_takes_back_is_noted(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        await bot.desk.cancel(run_id, RAVI, "c")
        ((cancelled, _),) = await noted(bot, "cancelled")
        ((_, withdrawn),) = await noted(bot, "approval withdrawn")
        assert cancelled.by == "U2"
        assert withdrawn["plan"] == approval and withdrawn["digest"]


async def test_each_change_is_noted_by_its_number_and_command_before_and_after_its_call(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        await bot.desk.decide(await bot.planned(run_id), RAVI, True, "", "", "1")
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        found = await noted(bot, "change intended", "change applied")
        painted = [(e.what, b) for e, b in found if e.about == "paint"]
        assert [what for what, _ in painted] == ["change intended", "change applied"]
        for _, body in painted:
            assert (body["number"], body["command"]) == (1, "paint hall green")
            assert body["target"] == "lamp/hall" and len(body["digest"]) == 64


@pytest.mark.parametrize(
    ("spoil", "what", "says"),
    [
        ("drift", "change drifted", "hall is blue"),
        ("refuse", "change failed", "the painter is on strike"),
    ],
)
async def test_a_change_that_was_not_made_is_noted_with_its_command_and_why(
    tmp_path: Path, spoil: str, what: str, says: str
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        if spoil == "drift":
            bot.world.lamps["hall"] = "blue"
        else:
            bot.world.refuse = "the painter is on strike"
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        await bot.until(run_id, lambda run: run.approvals[approval].outcome != "")
        ((_, body),) = await noted(bot, what)
        assert (body["plan"], body["number"], body["command"]) == (approval, 1, "paint hall green")
        assert says in body["says"]


async def test_what_is_so_already_is_noted_as_that(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.lamps["hall"] = "green"
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        ((_, body),) = await noted(bot, "change already so")
        assert body["seen"] == "hall is green"


async def test_what_a_person_says_of_an_unclear_change_is_noted_with_its_plan(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        bot.world.lose_answers = 1
        bot.world.blind_after_loss = True
        await bot.desk.decide(approval, RAVI, True, "", "", "1")
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "unsure")
        (question,) = (one for one in run.questions.values() if one.kind == "unsure")
        bot.world.blind = False
        await bot.desk.resolve(question.id, RAVI, "done", "r")
        ((_, unsure),) = await noted(bot, "change unsure")
        ((entry, resolved),) = await noted(bot, "resolved")
        assert (unsure["plan"], unsure["command"]) == (approval, "paint hall green")
        assert (entry.by, resolved["outcome"], resolved["plan"]) == ("U2", "done", approval)
        assert resolved["digest"] == unsure["digest"]


async def test_everything_that_is_refused_is_noted_with_who_and_why(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        desk, origin = bot.desk, Origin("C1")
        refusals = [
            await desk.start_run(StartRun("RB-T-001", {}, VERA, origin, "1")),
            await desk.start_run(StartRun("RB-T-009", {}, DANA, origin, "2")),
            await desk.start_run(StartRun("RB-T-001", {"lmp": "sesame"}, DANA, origin, "3")),
            await desk.pick(run_id, "part", DANA, "4"),
            await desk.cancel("NONE", DANA, "5"),
            await desk.decide("no-such-plan", RAVI, True, "", "", "6"),
            await desk.answer("no-such-question", RAVI, {}, "7"),
            await desk.resolve("no-such-question", RAVI, "done", "8"),
        ]
        entries = await bot.engine.store.read(entries_after, 0)
        refused = [one for one in entries if one.what.startswith("refused ")]
        whys = [json.loads(one.body)["why"] for one in refused]
        assert whys == [one.why for one in refusals if isinstance(one, Refusal)]
        assert len(whys) == len(refusals)
        assert [one.by for one in refused] == ["U4", "U1", "U1", "U1", "U1", "U2", "U2", "U2"]
        assert "sesame" not in str(refused)


@pytest.mark.parametrize(
    ("event", "count"),
    [
        (Event("due", "painted", 1), 0),
        (Event("returned", "painted", 1, "not yet"), 0),
        (Event("returned", "painted", 1, "ok"), 1),
    ],
)
async def test_the_readings_of_a_watch_are_no_entries_but_what_came_of_it_is(
    tmp_path: Path, event: Event, count: int
) -> None:
    async with living_bot(tmp_path) as bot:
        run = await bot.engine.store.read(lambda c: c.execute(sa.select(runs)).first())
        told = await bot.engine.store.read(of_event, run, event, Report("still red"), {})
        assert len(told) == count


async def test_a_transaction_that_is_rolled_back_leaves_no_entry_and_no_gap(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()

        def breaks(c: sa.Connection) -> None:
            note(c, 1.0, run_id, "picked", "paint", "U1")
            raise ZeroDivisionError

        before = await bot.engine.store.read(entries_after, 0)
        with pytest.raises(ZeroDivisionError):
            await bot.engine.store.tx(breaks)
        assert await bot.engine.store.read(entries_after, 0) == before
        assert isinstance(await bot.desk.cancel(run_id, DANA, "c"), Noted)
        after = await bot.engine.store.read(entries_after, 0)
        assert [one.seq for one in after] == list(range(1, len(after) + 1))
        assert await is_whole(bot)


async def test_an_id_that_no_store_could_keep_is_noted_as_far_as_it_goes(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        hostile = "a\x00b\ud800" + "x" * 5000
        await bot.engine.store.tx(
            lambda c: note(c, 1.0, hostile, "refused pick", hostile, "U1", typed=hostile)
        )
        ((entry, _),) = await noted(bot, "refused pick")
        assert entry.run is not None and len(entry.run) == 200 and "\x00" not in entry.run
        assert await is_whole(bot)


@pytest.mark.slow
async def test_on_postgresql_a_decision_waits_for_its_run_before_it_holds_anything_else(
    tmp_path: Path,
) -> None:
    """What moves the run at that moment may need the plan, and must not wait for the decision."""
    async with place("postgresql", tmp_path) as there, living_bot(tmp_path, url=there.url) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        mover = await asyncpg.connect(there.url)
        try:
            moving = mover.transaction()
            await moving.start()
            await mover.execute("select 1 from runs where id = $1 for update", run_id)
            deciding = asyncio.create_task(bot.desk.decide(approval, RAVI, True, "", "", "d"))
            waiting = "select count(*) from pg_locks where not granted"
            while not await mover.fetchval(waiting):
                pass
            await mover.execute("set local lock_timeout = '3s'")
            await mover.execute("update plans set outcome = '' where id = $1", approval)
            await mover.execute("select 1 from audit_head for update")
            await moving.commit()
            assert isinstance(await deciding, Noted)
        finally:
            await mover.close()
        assert await is_whole(bot)


async def test_the_log_of_a_run_is_read_by_who_may_and_each_reading_is_noted(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        bot.people.members["U3"] = Member("U3", "lena", frozenset({"security"}))
        for who in (RAVI, VERA):
            assert isinstance(await bot.desk.audit(run_id, who), Refusal)
        read = await bot.desk.audit(run_id, LENA)
        assert not isinstance(read, Refusal)
        assert {one.run for one in read} == {run_id} and read[0].what == "started"
        again = await bot.desk.audit(run_id, LENA)
        assert not isinstance(again, Refusal)
        assert [(one.what, one.by) for one in again[-3:]] == [
            ("refused audit", "U2"), ("refused audit", "U4"), ("audit read", "U3"),
        ]  # fmt: skip
        assert isinstance(await bot.desk.audit("NONE", LENA), Refusal)
        bot.people.is_down = True
        assert isinstance(await bot.desk.audit(run_id, LENA), Refusal)


async def test_whether_the_log_is_whole_is_known_up_to_an_entry(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        await bot.to_the_pick()
        await bot.engine.store.tx(_many)
        head = await bot.engine.store.read(head_of)
        beyond = {"day": "2026-01-31", "seq": head.seq, "hash": head.hash, "at": 1.0}
        await bot.engine.store.tx(lambda c: c.execute(sa.insert(audit_anchors).values(**beyond)))
        whole = await bot.desk.verdict_until(2500)
        assert whole.is_whole and whole.count == 2500
        await bot.engine.store.tx(_forge)
        assert (await bot.desk.verdict_until(2399)).is_whole
        (fault,) = (await bot.desk.verdict_until(2500)).faults
        assert fault.seq == 2400


def _many(c: sa.Connection) -> None:
    for n in range(2600):
        note(c, 1.0 + n, None, "picked", "paint", "U1")


def _forge(c: sa.Connection) -> None:
    c.execute(sa.text("drop trigger audit_not_changed"))
    c.execute(sa.text("update audit set \"by\" = 'U666' where seq = 2400"))
