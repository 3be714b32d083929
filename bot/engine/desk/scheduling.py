"""What is started by the clock: added, paused, resumed, removed, listed."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from bot.access.acts import Read, Schedule
from bot.engine.audit import note
from bot.engine.beginning import fresh_id
from bot.engine.desk.starting import Starting
from bot.engine.inputs import not_there, read_inputs
from bot.engine.intents import Actor, NewSchedule, Noted, Refusal
from bot.engine.reading import moment, was_here
from bot.engine.schedule_rows import all_schedules, one_schedule
from bot.engine.scheduled import ScheduleRecord, Way
from bot.runbook import RunbookInputs
from bot.runbook.cron import BadCron, Cron, read_cron
from bot.runbook.mrkdwn import named
from bot.store.tables import events, schedules

MOST = 100  #: Schedules; each of them starts runs for as long as it is there.
SHOWN = 3  #: Firings, when one is added.
Change = Callable[[sa.Connection, Any, Actor, str], Noted | Refusal]
ADDED = "`/runbook schedule` lists all of them."
#: The list shows everybody with which inputs a schedule starts its runs.
NOT_BY_THE_CLOCK = "{book} is confidential: a person starts it when there is something to it."


class Scheduling(Starting):
    async def schedules(self) -> Sequence[ScheduleRecord]:
        return await self._engine.store.read(all_schedules)

    async def add_schedule(self, wanted: NewSchedule) -> Noted | Refusal:
        return await self._heard(self._add(wanted), None, "schedule", wanted.book, wanted.by)

    async def _add(self, wanted: NewSchedule) -> Noted | Refusal:
        book = self._engine.books.get(wanted.book)
        may_at_all = await self._judge.may(wanted.by, Schedule(wanted.book) if book else Read())
        if isinstance(may_at_all, Refusal):
            return may_at_all
        if book is None:
            return await self._no_such_book(wanted.book)
        if book.confidential:
            return Refusal(f"{NOT_BY_THE_CLOCK.format(book=book.id)} Nothing was added.")
        try:
            cron = read_cron(wanted.cron, wanted.zone or self._engine.around.company.time_zone)
        except BadCron as error:
            return Refusal(f"Nothing was added. {error}")
        inputs = read_inputs(book, wanted.inputs)
        if isinstance(inputs, Refusal):
            return Refusal("Some inputs are not right; nothing was added.", inputs.fields)
        if wrong := await not_there(book, inputs, self._engine.around):
            return Refusal("Some inputs do not exist; nothing was added.", wrong)
        may_so = await self._judge.may(
            wanted.by, Schedule(wanted.book, inputs.model_dump(mode="json"))
        )
        if isinstance(may_so, Refusal):
            return may_so

        def keep(c: sa.Connection) -> Noted | Refusal:
            return self._keep(c, wanted, inputs, cron)

        return self._follow(await self._engine.store.tx(keep))

    def _keep(
        self, c: sa.Connection, wanted: NewSchedule, inputs: RunbookInputs, cron: Cron
    ) -> Noted | Refusal:
        if told := was_here(c, f"schedule:{wanted.key}"):
            return Noted(told)
        if c.execute(sa.select(sa.func.count()).select_from(schedules)).scalar_one() >= MOST:
            return Refusal(f"There are {MOST} schedules already. Remove one first.")
        now, schedule_id = self._engine.clock.now(), fresh_id(c, schedules)
        firings = cron.next_ones(moment(now), SHOWN)
        c.execute(
            sa.insert(schedules).values(
                id=schedule_id, book=wanted.book, inputs=inputs.model_dump_json(),
                cron=cron.text, zone=cron.zone, channel=wanted.origin.channel_id,
                channel_name=wanted.origin.channel_name, by=wanted.by.user_id,
                team=wanted.by.team_id, paused_by="", paused_why="", skipped="",
                next_at=firings[0].timestamp(), created_at=now,
            )
        )  # fmt: skip
        coming = ", ".join(cron.says(one) for one in firings)
        told = (
            f"Schedule {schedule_id} starts {wanted.book} next on {coming} ({cron.zone}). {ADDED}"
        )
        self._remember(c, now, wanted.key, schedule_id, wanted.by, told)
        asked = {"book": wanted.book, "inputs": inputs.model_dump(mode="json"), "cron": cron.text}
        more = {**asked, "zone": cron.zone, "channel": wanted.origin.channel_id}
        by = wanted.by
        note(c, now, None, "schedule added", schedule_id, by.user_id, team=by.team_id, **more)
        return Noted(told)

    async def change_schedule(
        self, way: Way, schedule_id: str, by: Actor, key: str
    ) -> Noted | Refusal:
        changing = self._change(way, schedule_id, by, key)
        return await self._heard(changing, None, f"{way} schedule", schedule_id, by)

    async def _change(self, way: Way, schedule_id: str, by: Actor, key: str) -> Noted | Refusal:
        there = await self._engine.store.read(one_schedule, schedule_id)
        act = Schedule(there.book, there.inputs, there.by) if there else Read()
        member = await self._judge.may(by, act)
        if isinstance(member, Refusal):
            return member

        ways: dict[Way, Change] = {
            "pause": self._pause, "resume": self._resume, "remove": self._remove,
        }  # fmt: skip

        def write(c: sa.Connection) -> Noted | Refusal:
            query = sa.select(schedules).where(schedules.c.id == schedule_id)
            row = c.execute(query.with_for_update()).first()
            if told := was_here(c, f"schedule:{key}"):
                return Noted(told)
            if row is None or there is None or row.by != there.by:
                return Refusal(
                    f"There is no schedule {named(schedule_id)}. `/runbook schedule` lists them."
                )
            return ways[way](c, row, by, key)

        return self._follow(await self._engine.store.tx(write))

    def _pause(self, c: sa.Connection, row: Any, by: Actor, key: str) -> Noted | Refusal:
        if row.paused_at is not None:
            return Refusal(f"Schedule {row.id} is paused already.")
        now = self._engine.clock.now()
        paused = {"paused_at": now, "paused_by": by.user_id, "paused_why": ""}
        _write(c, row, **paused)
        told = f"Schedule {row.id} is paused: it starts nothing until somebody resumes it."
        return self._done(c, "schedule paused", row, by, key, told)

    def _resume(self, c: sa.Connection, row: Any, by: Actor, key: str) -> Noted | Refusal:
        if row.paused_at is None:
            return Refusal(f"Schedule {row.id} is not paused.")
        cron = Cron(row.cron, row.zone)
        try:
            due = cron.after(moment(self._engine.clock.now()))
        except BadCron as error:
            return Refusal(f"It cannot be resumed: {error}")
        _write(c, row, paused_at=None, paused_by="", paused_why="", next_at=due.timestamp())
        told = f"Schedule {row.id} starts {row.book} next on {cron.says(due)} ({cron.zone})."
        return self._done(c, "schedule resumed", row, by, key, told)

    def _remove(self, c: sa.Connection, row: Any, by: Actor, key: str) -> Noted | Refusal:
        if not row.by:
            return Refusal(
                f"{row.book} declares this schedule itself, so it cannot be removed here."
                f" `/runbook schedule pause {row.id}` stops it for as long as you want."
            )
        c.execute(sa.delete(schedules).where(schedules.c.id == row.id))
        told = f"Schedule {row.id} is removed. A run that it has started goes on."
        return self._done(c, "schedule removed", row, by, key, told)

    def _done(
        self, c: sa.Connection, what: str, row: Any, by: Actor, key: str, told: str
    ) -> Noted:
        now = self._engine.clock.now()
        self._remember(c, now, key, row.id, by, told)
        note(c, now, None, what, row.id, by.user_id, team=by.team_id, book=row.book)
        return Noted(told)

    def _remember(
        self, c: sa.Connection, now: float, key: str, about: str, by: Actor, told: str
    ) -> None:
        """For when the same delivery comes again."""
        c.execute(
            sa.insert(events).values(
                key=f"schedule:{key}", kind="schedule", about=about, by=by.user_id,
                answer=told, at=now,
            )
        )  # fmt: skip

    def _follow(self, answer: Noted | Refusal) -> Noted | Refusal:
        """The timer may have to wake earlier now."""
        self._engine.start_work(())
        return answer


def _write(c: sa.Connection, row: Any, **values: object) -> None:
    c.execute(sa.update(schedules).where(schedules.c.id == row.id).values(**values))
