"""Starting a run: which runbook, with which inputs, once."""

import difflib
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from bot.access.acts import Read, Start
from bot.engine import noted
from bot.engine.beginning import (
    Beginning,
    StartedMeanwhile,
    begin_run,
    begun_before,
    fresh_id,
)
from bot.engine.desk.hearing import Hearing
from bot.engine.inputs import live_choices, not_there, read_inputs
from bot.engine.intents import BEING_REPLACED, Noted, NotedStart, Refusal, Started, StartRun
from bot.runbook import RunbookInputs
from bot.runbook.mrkdwn import named
from bot.runbook.outline import Outline
from bot.store.tables import runs

NOT_HERE = (
    "A dry run shows what it finds where it is started, and what this runbook finds is not for"
    " everybody. Nothing was started: type it in a message to the bot."
)


class Starting(Hearing):
    @property
    def books(self) -> Mapping[str, Outline]:
        return self._engine.outlines

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
        if self._engine.outlines[book_id].confidential and intent.dry and not _is_alone(intent):
            return Refusal(NOT_HERE)
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
        nearest = difflib.get_close_matches(wanted, self._engine.outlines, n=3, cutoff=0.6)
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
        start = Beginning(
            engine.books[intent.book_id], engine.outlines[intent.book_id], inputs, intent.by,
            intent.origin, f"start:{intent.key}", intent.dry,
        )  # fmt: skip

        def begin(c: sa.Connection) -> tuple[Started, list[str]]:
            noted.forget(c, intent.key)
            if earlier := begun_before(c, start.key):
                return Started(earlier, is_new=False), []
            now, run_id = engine.clock.now(), fresh_id(c, runs)
            started, taken = begin_run(c, now, engine.taker, run_id, start)
            return started, taken.start

        try:
            answer, due = await engine.write(begin)
        except StartedMeanwhile:  # by another replica
            answer, due = await engine.write(begin)
        engine.start_work(due)
        return answer


def _is_alone(intent: StartRun) -> bool:
    """In a conversation with the bot."""
    return (intent.origin.channel_id or "").startswith("D")
