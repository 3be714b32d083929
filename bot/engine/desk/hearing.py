"""Who asks, whether they may, and that every refusal is written down before it is said."""

from collections.abc import Awaitable, Mapping
from typing import TypeVar

import sqlalchemy as sa

from bot.access.acts import Act
from bot.access.member import Member
from bot.engine.audit import note, note_refusal
from bot.engine.engine import Engine
from bot.engine.intents import Actor, Refusal
from bot.engine.judging import Judge

T = TypeVar("T")


class Hearing:
    """What every part of the desk has in common."""

    def __init__(self, engine: Engine, on_paper: Mapping[str, str] | None = None) -> None:
        """`on_paper`: titles of runbooks that are prose only, by their ids."""
        self._engine, self._on_paper = engine, on_paper or {}
        self._judge = Judge(engine.access, engine.store)

    async def judge(self, by: Actor, act: Act, about: str = "") -> Member | Refusal:
        word = type(act).__name__.lower()
        about = about or getattr(act, "book", "")
        return await self._heard(self._judge.may(by, act), None, word, about, by)

    def why_not(self, member: Member, act: Act) -> str:
        return self._judge.why_not(member, act)

    async def turned_away(self, why: str, by: str, more: int) -> None:
        def write(c: sa.Connection) -> None:
            note(c, self._engine.clock.now(), None, "turned away", "", by, why=why, more=more)

        await self._engine.store.tx(write)

    async def _heard(
        self, asked: Awaitable[T | Refusal], run_id: str | None, what: str, about: str, by: Actor
    ) -> T | Refusal:
        """A refusal is written down before it is said."""
        answer = await asked
        if isinstance(answer, Refusal):
            await self._refused(run_id, what, about, by, answer)
        return answer

    async def _refused(
        self, run_id: str | None, what: str, about: str, by: Actor, refusal: Refusal
    ) -> None:
        def write(c: sa.Connection) -> None:
            note_refusal(c, self._engine.clock.now(), run_id, what, about, by, refusal)

        await self._engine.store.tx(write)
