"""What is due is started once, by whom it may be started; and what is not started is known."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import Field

from bot.access.member import Member
from bot.engine.intents import NewSchedule, Noted, Refusal
from bot.engine.record import BY_THE_CLOCK
from bot.runbook import Company, Found, Person, Question, Runbook, RunbookInputs
from bot.runbook.errors import BookError
from bot.runbook.words import ok, question
from bot.store.tables import schedules
from tests.engine.clockwork import (
    HERE,
    MORNING,
    SetByHand,
    added,
    begun,
    comes_to,
    known,
    over,
    passes,
    settled,
)
from tests.engine.small_world import DANA, RAVI, VERA, Bot, Lamp, People, living_bot


class Inputs(RunbookInputs):
    room: str = Field(default="hall", pattern=r"^[a-z]+$", description="lowercase letters")


def looks(schedule: str = "", book_id: str = "RB-T-020") -> Runbook:
    book = Runbook(
        id=book_id, title="Looks", severity="P3", category="Test", inputs=Inputs, schedule=schedule
    )

    @book.section("Look").check("Is it light?")
    def light() -> Found[Lamp]:
        return ok("it is", Lamp(color="green"))

    return book


def asks() -> Runbook:
    """Goes on until somebody answers."""
    book = Runbook(id="RB-T-021", title="Asks", severity="P3", category="Test", inputs=Inputs)

    @book.section("Ask").ask("Who?")
    def who() -> Question[Person]:
        return question(Person, "Who?")

    return book


AT_EIGHT = MORNING + timedelta(hours=1)
DAILY = looks("0 8 * * *")
LIGHT = looks()


def trouble(bot: Bot) -> list[str]:
    return [one.says for one in bot.announcer.trouble]


async def test_what_somebody_added_starts_at_its_time_as_theirs_and_where_they_added_it(
    tmp_path: Path,
) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        schedule = await added(bot, room="attic")
        await comes_to(bot, clock, AT_EIGHT - timedelta(seconds=1))
        assert not await begun(bot)
        await comes_to(bot, clock, AT_EIGHT)
        (run,) = await begun(bot)
        assert (run.started_by, run.schedule, run.origin) == ("U1", schedule, HERE)
        assert run.inputs == {"room": "attic"}
        await over(bot)
        one = await known(bot, schedule)
        assert one.next_at == AT_EIGHT + timedelta(days=1)
        assert one.last and (one.last.run, one.last.due, one.last.worst) == (
            run.id, AT_EIGHT, "ok"
        )  # fmt: skip
        (entry,) = await bot.noted("schedule fired")
        assert (entry.run, entry.about, entry.by) == (run.id, schedule, "U1")
        assert json.loads(entry.body)["due"] == "2026-03-06T08:00:00+00:00"


async def test_what_is_confidential_is_not_put_where_everybody_reads_its_inputs(
    tmp_path: Path,
) -> None:
    secret = replace(LIGHT, confidential=True)
    async with living_bot(tmp_path, book=secret, clock=SetByHand()) as bot:
        wanted = NewSchedule(secret.id, {"room": "attic"}, "0 8 * * *", "", DANA, HERE, "k")
        told = await bot.desk.add_schedule(wanted)
        assert isinstance(told, Refusal) and "confidential" in told.why
        assert not await bot.desk.schedules()


async def test_however_often_one_looks_a_moment_starts_one_run(tmp_path: Path) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        await added(bot)
        clock.at = AT_EIGHT
        await asyncio.gather(*(settled(bot) for _ in range(5)))
        await passes(bot, clock, seconds=30)
        assert len(await begun(bot)) == 1


async def test_what_a_runbook_declares_starts_by_itself_and_is_nobodys(tmp_path: Path) -> None:
    clock, company = SetByHand(), Company(time_zone="Europe/Berlin")
    async with living_bot(
        tmp_path, book=DAILY, clock=clock, channel="C0ALERTS", company=company
    ) as bot:
        (one,) = await bot.desk.schedules()
        assert (one.id, one.by, one.origin.channel_id) == (DAILY.id, "", "C0ALERTS")
        assert one.next_at == datetime(2026, 3, 7, 7, tzinfo=UTC)  # 08:00 is over there
        await comes_to(bot, clock, one.next_at)
        run = await over(bot)
        assert (run.started_by, run.schedule) == (BY_THE_CLOCK, DAILY.id)
        assert [entry.by for entry in await bot.noted("schedule fired")] == [""]


async def test_a_bot_that_is_to_declare_none_forgets_those_it_had(tmp_path: Path) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=DAILY, clock=clock, channel="C0ALERTS") as bot:
        (one,) = await bot.desk.schedules()
    async with living_bot(
        tmp_path, book=DAILY, clock=clock, channel="C0ALERTS", declared=False
    ) as bot:
        assert not await bot.desk.schedules()
        await comes_to(bot, clock, one.next_at)
        assert await begun(bot) == []


async def test_a_declared_schedule_has_its_pause_and_its_new_cron_after_a_restart(
    tmp_path: Path,
) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=DAILY, clock=clock, channel="C0ALERTS") as bot:
        assert isinstance(await bot.desk.change_schedule("pause", DAILY.id, RAVI, "p"), Noted)
        refused = await bot.desk.change_schedule("remove", DAILY.id, RAVI, "r")
        assert isinstance(refused, Refusal) and "declares this schedule itself" in refused.why
    async with living_bot(tmp_path, book=DAILY, clock=clock, channel="C0ALERTS") as bot:
        (one,) = await bot.desk.schedules()
        assert (one.paused_by, one.cron.text) == ("U2", "0 8 * * *")
        await comes_to(bot, clock, AT_EIGHT)
        assert not await begun(bot)
    newer = looks("0 9 * * *")
    async with living_bot(tmp_path, book=newer, clock=clock, channel="C0ALERTS") as bot:
        (one,) = await bot.desk.schedules()
        assert one.paused_by == "U2" and one.next_at == MORNING + timedelta(hours=2)
        await bot.desk.change_schedule("resume", DAILY.id, RAVI, "again")
        await passes(bot, clock, hours=1)
        assert len(await begun(bot)) == 1
    async with living_bot(tmp_path, book=LIGHT, clock=clock, channel="C0ALERTS") as bot:
        assert not await bot.desk.schedules()
        assert [entry.about for entry in await bot.noted("schedule removed")] == [DAILY.id]


async def test_what_was_committed_when_the_bot_died_is_taken_up_and_not_begun_again(
    tmp_path: Path,
) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        schedule = await added(bot)
        clock.at = AT_EIGHT
        taken, _ = await bot.engine.store.tx(bot.engine.schedules._take, schedule, None, False)
        assert taken.start  # and nobody does it
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        run = await over(bot)
        assert run.steps["light"].status == "ok"
        await passes(bot, clock, minutes=1)
        assert len(await begun(bot)) == 1


async def test_what_was_missed_is_made_once_for_its_newest_moment(tmp_path: Path) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        schedule = await added(bot, "*/30 * * * *")
    clock.at = MORNING + timedelta(hours=2, minutes=10)
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        await settled(bot)
        await over(bot)
        one = await known(bot, schedule)
        assert one.last and one.last.due == MORNING + timedelta(hours=2)
        assert one.skipped == "3 while no bot ran"
        await comes_to(bot, clock, one.next_at)
        assert len(await begun(bot)) == 2 and (await known(bot, schedule)).skipped == ""


@pytest.mark.parametrize(("late", "runs"), [(60, 1), (61, 0)])
async def test_what_is_more_than_an_hour_late_is_not_made(
    tmp_path: Path, late: int, runs: int
) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        schedule = await added(bot)
        await comes_to(bot, clock, AT_EIGHT + timedelta(minutes=late))
        assert len(await begun(bot)) == runs
        one = await known(bot, schedule)
        assert one.next_at == AT_EIGHT + timedelta(days=1)
        if not runs:
            assert one.skipped == "1 while no bot ran"
            (entry,) = await bot.noted("schedule skipped")
            assert json.loads(entry.body)["why"] == "1 while no bot ran"
        assert not trouble(bot)


async def test_a_clock_that_is_set_back_neither_doubles_nor_delays_a_firing(
    tmp_path: Path,
) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        schedule = await added(bot)
        await comes_to(bot, clock, AT_EIGHT)
        await over(bot)
        await comes_to(bot, clock, AT_EIGHT + timedelta(days=400, minutes=1))  # by mistake
        assert len(await begun(bot)) == 2
        await over(bot)
        await comes_to(bot, clock, AT_EIGHT - timedelta(minutes=5))
        assert (await known(bot, schedule)).next_at == AT_EIGHT
        await comes_to(bot, clock, AT_EIGHT)  # which it was before
        assert len(await begun(bot)) == 2
        await passes(bot, clock, days=1)
        assert len(await begun(bot)) == 3


async def test_in_autumn_it_starts_once_although_its_hour_comes_twice(tmp_path: Path) -> None:
    clock = SetByHand(datetime(2026, 10, 25, 0, 0, tzinfo=UTC))
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        await added(bot, "30 2 * * *", zone="Europe/Berlin")
        for _ in range(24 * 2):
            await passes(bot, clock, minutes=30)
            if await begun(bot):
                await over(bot)
        assert len(await begun(bot)) == 1


async def test_in_spring_it_starts_although_its_hour_is_skipped(tmp_path: Path) -> None:
    clock = SetByHand(datetime(2026, 3, 29, 0, 0, tzinfo=UTC))
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        await added(bot, "30 2 * * *", zone="Europe/Berlin")
        await passes(bot, clock, minutes=59)
        assert not await begun(bot)
        await passes(bot, clock, minutes=1)
        assert len(await begun(bot)) == 1


async def test_what_is_paused_starts_nothing_and_goes_on_with_the_next_one(tmp_path: Path) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        schedule = await added(bot)
        await bot.desk.change_schedule("pause", schedule, DANA, "p")
        await comes_to(bot, clock, AT_EIGHT)
        assert not await begun(bot)
        told = await bot.desk.change_schedule("resume", schedule, DANA, "r")
        assert isinstance(told, Noted) and "Sat 7 March 08:00 (UTC)" in told.says
        await passes(bot, clock, minutes=1)
        assert not await begun(bot)
        await passes(bot, clock, days=1)
        assert len(await begun(bot)) == 1


class Slow(People):
    """Says who somebody is when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.answers.set()
        self.count = 0  #: How often somebody was asked about.

    async def member(self, user_id: str) -> Member:
        self.count += 1
        member = await super().member(user_id)
        await self.answers.wait()
        return member


@pytest.mark.parametrize("way", ["remove", "pause"])
async def test_what_is_taken_away_in_the_middle_of_a_firing_starts_nothing(
    tmp_path: Path, way: str
) -> None:
    clock, people = SetByHand(), Slow()
    async with living_bot(tmp_path, book=LIGHT, clock=clock, people=people) as bot:
        await added(bot)
        people.answers.clear()
        people.asked.clear()
        clock.at = AT_EIGHT
        firing = asyncio.create_task(settled(bot))
        await people.asked.wait()
        changed = {"remove": sa.delete(schedules), "pause": _as_paused()}[way]
        await bot.engine.store.tx(lambda c: c.execute(changed))
        people.answers.set()
        await firing
        assert not await begun(bot) and not await bot.noted("schedule fired")


def _as_paused() -> sa.Update:
    return sa.update(schedules).values(paused_at=1.0, paused_by="U1")


async def test_a_removed_schedule_is_gone_and_its_run_goes_on(tmp_path: Path) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=asks(), clock=clock) as bot:
        schedule = await added(bot)
        await comes_to(bot, clock, AT_EIGHT)
        told = await bot.desk.change_schedule("remove", schedule, DANA, "r")
        again = await bot.desk.change_schedule("remove", schedule, DANA, "r")
        assert told == again and isinstance(told, Noted) and "goes on" in told.says
        assert not await bot.desk.schedules()
        (run,) = await begun(bot)
        assert run.status == "running"


@pytest.mark.parametrize(
    ("cron", "zone", "inputs", "said"),
    [
        ("0 8 * *", "", {}, "five fields"),
        ("0 8 * * *", "Mars/Base", {}, "no time zone Mars/Base"),
        ("0 8 * * *", "", {"room": "7"}, "Some inputs are not right"),
        ("0 8 * * *", "", {"lamp": "x"}, "Some inputs are not right"),
    ],
)
async def test_what_cannot_be_started_is_not_added(
    tmp_path: Path, cron: str, zone: str, inputs: dict[str, str], said: str
) -> None:
    async with living_bot(tmp_path, book=LIGHT) as bot:
        wanted = NewSchedule(LIGHT.id, inputs, cron, zone, DANA, HERE, "k")
        refused = await bot.desk.add_schedule(wanted)
        assert isinstance(refused, Refusal) and said in refused.why
        assert not await bot.desk.schedules()
        assert len(await bot.noted("refused schedule")) == 1


async def test_the_same_delivery_adds_one(tmp_path: Path) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        wanted = NewSchedule(LIGHT.id, {}, "0 8 * * fri", "Europe/Berlin", DANA, HERE, "k")
        first, second = [await bot.desk.add_schedule(wanted) for _ in range(2)]
        assert first == second and isinstance(first, Noted)
        assert "Fri 13 March 08:00, Fri 20 March 08:00, Fri 27 March 08:00" in first.says
        assert len(await bot.desk.schedules()) == 1


async def test_who_may_not_start_it_adds_nothing_and_stops_nothing_of_others(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, book=LIGHT) as bot:
        wanted = NewSchedule(LIGHT.id, {}, "0 8 * * *", "", VERA, HERE, "k")
        assert isinstance(await bot.desk.add_schedule(wanted), Refusal)
        schedule = await added(bot)
        assert isinstance(await bot.desk.change_schedule("pause", schedule, VERA, "v"), Refusal)
        assert (await known(bot, schedule)).paused_at is None
        assert isinstance(await bot.desk.change_schedule("pause", schedule, RAVI, "r"), Noted)
        assert (await known(bot, schedule)).paused_by == "U2"
        missing = await bot.desk.change_schedule("pause", "NOPE", RAVI, "n")
        assert isinstance(missing, Refusal) and "no schedule NOPE" in missing.why


@pytest.mark.parametrize("what", ["role", "membership"])
async def test_what_who_added_it_may_not_start_any_more_pauses_itself_and_says_so_once(
    tmp_path: Path, what: str
) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        schedule = await added(bot)
        bot.people.loses("U1", what)
        await comes_to(bot, clock, AT_EIGHT)
        await passes(bot, clock, days=1)
        assert not await begun(bot)
        (said,) = trouble(bot)
        assert "may not start it now" in said
        one = await known(bot, schedule)
        assert one.paused_at and one.paused_by == "" and one.paused_why == said
        assert len(await bot.noted("schedule paused")) == 1


async def test_while_nobody_can_be_looked_up_it_is_tried_again(tmp_path: Path) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        schedule = await added(bot)
        bot.people.is_down = True
        await comes_to(bot, clock, AT_EIGHT)
        await passes(bot, clock, minutes=59)
        assert not await begun(bot) and (await known(bot, schedule)).next_at == AT_EIGHT
        bot.people.is_down = False
        await passes(bot, clock, minutes=1)
        assert len(await begun(bot)) == 1


async def test_who_is_who_is_not_asked_again_and_again_while_nobody_answers(
    tmp_path: Path,
) -> None:
    clock, people = SetByHand(), Slow()
    async with living_bot(tmp_path, book=LIGHT, clock=clock, people=people) as bot:
        await added(bot)
        people.is_down, people.count = True, 0
        await comes_to(bot, clock, AT_EIGHT)
        for _ in range(5):
            await settled(bot)
        assert people.count == 1
        await passes(bot, clock, seconds=15)
        assert people.count == 2


async def test_who_cannot_be_looked_up_for_too_long_has_nothing_started(tmp_path: Path) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        schedule = await added(bot)
        bot.people.is_down = True
        await comes_to(bot, clock, AT_EIGHT)
        await passes(bot, clock, minutes=61)
        bot.people.is_down = False
        await passes(bot, clock, minutes=1)
        assert not await begun(bot)
        assert (await known(bot, schedule)).next_at == AT_EIGHT + timedelta(days=1)


async def test_inputs_that_a_newer_runbook_does_not_take_pause_it_with_a_word_once(
    tmp_path: Path,
) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        schedule = await added(bot)
        older = sa.update(schedules).values(inputs='{"lamp": "hall"}')
        await bot.engine.store.tx(lambda c: c.execute(older))
        await comes_to(bot, clock, AT_EIGHT)
        await passes(bot, clock, days=1)
        (said,) = trouble(bot)
        assert "lamp: This runbook has no such input" in said
        assert (await known(bot, schedule)).paused_why == said and not await begun(bot)


async def test_a_runbook_that_is_gone_is_said_once(tmp_path: Path) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        await added(bot)
    async with living_bot(tmp_path, book=asks(), clock=clock) as bot:
        await comes_to(bot, clock, AT_EIGHT)
        assert trouble(bot) == ["There is no runbook RB-T-020 any more."]


async def test_what_another_version_that_lives_may_know_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SetByHand()
    beside = True

    async def is_beside(_: object) -> bool:
        return beside

    monkeypatch.setattr("bot.engine.leases.Lease.is_beside_another_version", is_beside)
    async with living_bot(tmp_path, book=DAILY, clock=clock, channel="C0ALERTS") as bot:
        assert [one.id for one in await bot.desk.schedules()] == [DAILY.id]
    async with living_bot(tmp_path, book=asks(), clock=clock, channel="C0ALERTS") as bot:
        await comes_to(bot, clock, AT_EIGHT)
        (one,) = await bot.desk.schedules()  # as the other version declares it
        assert one.paused_at is None and one.next_at == AT_EIGHT and not trouble(bot)
        beside = False
        await passes(bot, clock, seconds=15)
        assert not await bot.desk.schedules()


async def test_while_its_last_run_goes_on_nothing_is_started_and_that_is_said_once(
    tmp_path: Path,
) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=asks(), clock=clock) as bot:
        schedule = await added(bot, "0 * * * *")
        for _ in range(4):
            await passes(bot, clock, hours=1)
        (run,) = await begun(bot)
        (said,) = trouble(bot)
        assert said == f"run {run.id}, which it started before, still goes on"
        assert (await known(bot, schedule)).skipped == said
        assert len(await bot.noted("schedule skipped")) == 3
        await bot.desk.cancel(run.id, DANA, "enough")
        await bot.until(run.id, lambda run: run.ended_at is not None)
        await passes(bot, clock, hours=1)
        assert len(await begun(bot)) == 2 and (await known(bot, schedule)).skipped == ""


async def test_what_has_nowhere_to_speak_is_not_started(tmp_path: Path) -> None:
    clock = SetByHand()
    async with living_bot(tmp_path, book=DAILY, clock=clock) as bot:
        await comes_to(bot, clock, AT_EIGHT)
        assert not await begun(bot)
        (one,) = await bot.desk.schedules()
        assert "slack.fallback_channel" in one.skipped


async def test_the_timer_wakes_for_what_is_due(tmp_path: Path) -> None:
    """Without anybody who looks."""
    clock = SetByHand()
    async with living_bot(tmp_path, book=LIGHT, clock=clock) as bot:
        await added(bot)
        clock.at = AT_EIGHT
        bot.engine.start_work(())
        async with asyncio.timeout(30):
            while not await begun(bot):
                bot.changed.clear()
                await bot.changed.wait()


async def test_there_is_an_end_to_how_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engine.desk.scheduling.MOST", 2)
    async with living_bot(tmp_path, book=LIGHT) as bot:
        for hour in (1, 2):
            await added(bot, f"0 {hour} * * *")
        wanted = NewSchedule(LIGHT.id, {}, "0 3 * * *", "", DANA, HERE, "k")
        refused = await bot.desk.add_schedule(wanted)
        assert isinstance(refused, Refusal) and "Remove one first" in refused.why


def test_a_book_declares_only_what_can_be_started() -> None:
    class Needs(RunbookInputs):
        room: str

    with pytest.raises(BookError, match="five fields"):
        looks("daily")
    with pytest.raises(BookError, match="needs a default"):
        Runbook(id="X", title="X", severity="P3", category="T", inputs=Needs, schedule="0 8 * * *")
