"""The stop switch of the approval machine: who turned it when, and what it holds back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.engine.intents import Noted
from tests.engine.approval_ledger import Click, Paper, Rows, Wish
from tests.engine.approval_town import MAY_STOP, Town, is_let_in_at_all
from tests.engine.approval_world import Call


@dataclass
class Switch:
    """`turns` are those that were acknowledged. Nobody turns it while another one does."""

    town: Town
    papers: Mapping[str, Paper]
    turns: list[Wish] = field(default_factory=list)
    thrown: int = 0  #: How often.
    _is_written: bool = False  #: By the entries of the audit log so far.

    # When it stood.

    def may_have_stood(self, click: Click) -> bool:
        """At some moment while this was pressed."""
        return self._stood_before(click.number) or any(
            turn.kind == "freeze" for turn in self._turned(click.number, click.ended)
        )

    def surely_stood(self, click: Click) -> bool:
        """All the while this was pressed."""
        return self._stood_before(click.number) and not any(
            turn.kind == "thaw" for turn in self._turned(click.number, click.ended)
        )

    def surely_stood_at(self, call: Call) -> bool:
        """
        By the loop's time, which stands still while a change is intended and its call sent: the
        intent of a call that came later was written later.
        """
        over = [turn for turn in self.turns if turn.at < call.at]
        turned = [turn for turn in self.turns if turn.began_at <= call.at <= turn.at]
        return bool(over) and over[-1].kind == "freeze" and not turned

    def _stood_before(self, number: int) -> bool:
        over = [turn for turn in self.turns if turn.ended < number]
        return bool(over) and over[-1].kind == "freeze"

    def _turned(self, since: int, until: int) -> Iterator[Wish]:
        return (turn for turn in self.turns if turn.ended > since and turn.number < until)

    # What is true of it.

    def wrong(self, rows: Rows, wishes: Sequence[Wish]) -> Iterator[str]:
        turns = [one for one in wishes if one.kind in ("freeze", "thaw")]
        for turn in turns:
            may = self._may(turn)
            if isinstance(turn.answer, Noted) != may:
                yield f"{turn.says} was {'refused' if may else 'taken in'}"
        moved = list(self._hear(turns))
        told = [(one.what, one.by) for one in rows.audit if one.what in ("frozen", "thawed")]
        if told != moved:
            yield f"the switch was turned so: {moved}, and the audit log has: {told}"
        if rows.is_stopped != self._stands:
            yield f"the switch is {'' if rows.is_stopped else 'not '}thrown"
        yield from self._intents(rows)

    @property
    def _stands(self) -> bool:
        return bool(self.turns) and self.turns[-1].kind == "freeze"

    def _may(self, turn: Wish) -> bool:
        looked = self.town.last(turn.task, turn.by, turn.number, turn.ended)
        who = looked.member if looked else None
        return who is not None and is_let_in_at_all(who) and bool(who.roles & MAY_STOP)

    def _hear(self, turns: Sequence[Wish]) -> Iterator[tuple[str, str]]:
        """Those that moved it, as the audit log should have them."""
        for turn in turns:
            if isinstance(turn.answer, Noted):
                stood = self._stands
                self.turns.append(turn)
                self.thrown += self._stands and not stood
                if self._stands != stood:
                    yield ("frozen" if self._stands else "thawed", turn.by)

    def _intents(self, rows: Rows) -> Iterator[str]:
        """In the order of the audit log, which is that of the commits."""
        for entry in rows.audit:
            if entry.what in ("frozen", "thawed"):
                self._is_written = entry.what == "frozen"
            elif entry.what == "change intended":
                body = json.loads(entry.body)
                paper = self.papers[body["plan"]]
                passes = self._is_written and bool(paper.people)
                if passes and not paper.glass:
                    yield f"a change of {paper.says} was intended while changes were stopped"
                if passes != ("despite" in body):
                    yield f"the entry of a change of {paper.says} does not say what it passed"
