"""Starting a run: which runbook, with which inputs, once."""

import difflib
import json
import secrets
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from bot.access.acts import Read, Start
from bot.engine import noted
from bot.engine.desk.hearing import Hearing
from bot.engine.inputs import live_choices, not_there, read_inputs
from bot.engine.intents import BEING_REPLACED, Noted, NotedStart, Refusal, Started, StartRun
from bot.engine.state import Event, RunState
from bot.runbook import RunbookInputs
from bot.runbook.mrkdwn import named
from bot.runbook.outline import Outline
from bot.store.rooms import begin_room
from bot.store.tables import events, runs

#: Without the letters and digits that are mistaken for one another.
ID_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_LENGTH = 4


class _StartedMeanwhile(Exception):
    """The same delivery began a run in a transaction beside this one."""


class Starting(Hearing):
    @property
    def books(self) -> Mapping[str, Outline]:
        return self._outlines

    @property
    def on_paper(self) -> Mapping[str, str]:
        return self._on_paper

    async def note_start(self, intent: StartRun) -> Noted | Refusal:
        inputs = await self._read_inputs(intent)
        if isinstance(inputs, Refusal):
            return inputs
        await self._engine.store.tx_first(noted.keep, intent, self._engine.clock.now())
        return Noted()

    async def forget_start(self, key: str) -> None:
        await self._engine.store.tx(noted.forget, key)

    async def noted_starts(self) -> Sequence[NotedStart]:
        return await self._engine.store.read(noted.kept, self._engine.clock.now())

    async def start_run(self, intent: StartRun) -> Started | Refusal:
        return await self._heard(self._start(intent), None, "start", intent.book_id, intent.by)

    async def _start(self, intent: StartRun) -> Started | Refusal:
        book_id = intent.book_id
        is_known = book_id in self._engine.books
        may_at_all = await self._judge.may(intent.by, Start(book_id) if is_known else Read())
        if isinstance(may_at_all, Refusal):
            return may_at_all
        if not is_known:
            return await self._no_such_book(book_id)
        inputs = await self._checked(intent)
        if isinstance(inputs, Refusal):
            return inputs
        may_so = await self._judge.may(intent.by, Start(book_id, inputs.model_dump(mode="json")))
        return may_so if isinstance(may_so, Refusal) else await self._begin(intent, inputs)

    async def is_being_replaced(self) -> bool:
        return await self._engine.is_being_replaced()

    async def _no_such_book(self, book_id: str) -> Refusal:
        wanted = book_id.upper()
        if title := self._on_paper.get(wanted):
            return Refusal(f"{wanted} {title} cannot be run by the bot yet: follow its prose.")
        nearest = difflib.get_close_matches(wanted, self._outlines, n=3, cutoff=0.6)
        why = f"There is no runbook {named(book_id)}."
        if await self.is_being_replaced():
            why += f" {BEING_REPLACED}"
        return Refusal(why, nearest=tuple(nearest))

    async def menus(self, book_id: str) -> Mapping[str, Sequence[str]]:
        book = self._engine.books[book_id]
        return await live_choices(book, self._engine.around, book.menus)

    async def _checked(self, intent: StartRun) -> RunbookInputs | Refusal:
        inputs = await self._read_inputs(intent)
        if isinstance(inputs, Refusal):
            return inputs
        book = self._engine.books[intent.book_id]
        wrong = await not_there(book, inputs, self._engine.around)
        return Refusal("Some inputs do not exist.", fields=wrong) if wrong else inputs

    async def _read_inputs(self, intent: StartRun) -> RunbookInputs | Refusal:
        if book := self._engine.books.get(intent.book_id):
            return read_inputs(book, intent.inputs)
        return await self._no_such_book(intent.book_id)

    async def _begin(self, intent: StartRun, inputs: RunbookInputs) -> Started | Refusal:
        engine = self._engine
        key = f"start:{intent.key}"

        def begin(c: sa.Connection) -> tuple[Started, list[str]]:
            noted.forget(c, intent.key)
            query = sa.select(events.c.run).where(events.c.key == key)
            if earlier := c.execute(query).scalar():
                return Started(earlier, is_new=False), []
            now, run_id = engine.clock.now(), _fresh_id(c)
            c.execute(
                sa.insert(runs).values(
                    id=run_id, book=intent.book_id, status="new",
                    outline=json.dumps(self._outlines[intent.book_id].as_json()),
                    inputs=inputs.model_dump_json(),
                    state=json.dumps(RunState(dry=intent.dry).as_json()),
                    started_by=intent.by.user_id, origin_channel=intent.origin.channel_id,
                    origin_name=intent.origin.channel_name, dry=int(intent.dry),
                    started_at=now, updated_at=now,
                )
            )  # fmt: skip
            opens = not intent.dry and self._opens_a_room(intent.book_id)
            begin_room(c, run_id, intent.origin.channel_id, opens)
            started = Event("started", by=intent.by.user_id, team=intent.by.team_id)
            taken = engine.taker.take(c, now, run_id, key, started)
            if not taken.is_new:
                raise _StartedMeanwhile
            return Started(run_id), taken.start

        try:
            answer, due = await engine.write(begin)
        except _StartedMeanwhile:  # by another replica; what was written here is taken back
            answer, due = await engine.write(begin)
        engine.start_work(due)
        return answer

    def _opens_a_room(self, book_id: str) -> bool:
        steps = self._engine.books[book_id].steps.values()
        return any(change.opens_room for step in steps for change in step.gives.changes)


def _fresh_id(c: sa.Connection) -> str:
    length = ID_LENGTH
    while True:
        run_id = "".join(secrets.choice(ID_ALPHABET) for _ in range(length))
        if not c.execute(sa.select(runs.c.id).where(runs.c.id == run_id)).first():
            return run_id
        length += 1
