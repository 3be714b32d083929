"""
What is true of every call that was really made: whose plan it carries out, as shown, once, alone,
in time, and with the consent of people who might give it when it was made.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.access.member import Member
from bot.engine.intents import Noted
from tests.engine.approval_ledger import Click, Paper, Rows
from tests.engine.approval_switch import Switch
from tests.engine.approval_town import BREAKER, LookedUp, Town, is_same, name, unfit
from tests.engine.approval_world import EXPIRES_S, GONE, MARGIN_S, Call, World


@dataclass
class CallRules:
    """`clicks` are all so far; `cancelled` says when, by the loop, a run was."""

    world: World
    town: Town
    papers: Mapping[str, Paper]
    clicks: Sequence[Click]
    cancelled: Mapping[str, float]
    switch: Switch
    left: set[str] = field(default_factory=set)  #: Targets that a person left as they are.

    def wrong(self, call: Call, rows: Rows) -> list[str]:
        """In sentences."""
        return [f"{call.change.command()}: {one}" for one in self._wrong(call, rows)]

    def leave(self, run: str, step: str) -> None:
        """A person gave up on this: what of it is on its way may still happen."""
        for paper in self.papers.values():
            if (paper.run, paper.step) == (run, step):
                keys = set(paper.keys)
                self.left |= {c.change.target() for c in self.world.calls if c.key in keys}

    def _wrong(self, call: Call, rows: Rows) -> Iterator[str]:
        owner = next((p for p in self.papers.values() if call.key in p.keys), None)
        if owner is None:
            yield "called, and no plan has it"
            return
        number = owner.keys.index(call.key) + 1
        kind, fields = owner.calls[number - 1]
        made = (type(call.change).__name__, call.change.model_dump(mode="json"))
        if made != (kind, fields):
            yield f"not what {owner.says} says"
        states = [one.state for one in rows.changes[owner.id]]
        if any(state not in ("applied", "already so") for state in states[: number - 1]):
            yield f"made before what comes first in {owner.says}"
        if call.found != (call.change.replacing or GONE):
            yield f"made where {call.found or 'nobody knows what'} was seen"
        yield from self._once(call, owner)
        yield from self._alone(call)
        yield from self._in_time(call, owner)
        if owner.people and not owner.glass and self.switch.surely_stood_at(call):
            yield f"called for {owner.says} while changes were stopped"
        if owner.glass:
            yield from self._by_glass(call, owner)
        elif owner.people:
            yield from self._approved(call, owner)

    def _once(self, call: Call, owner: Paper) -> Iterator[str]:
        before = (c for c in self.world.calls if c.key == call.key and c.number < call.number)
        earlier = [c for c in before if c.fate != "kept out"]  # Nothing came of it, for certain.
        if not earlier:
            return
        last = earlier[-1]
        if not type(call.change).repeatable:
            yield f"called again for {owner.says}, and must not be repeated"
        if any(one.fate == "refused" and one.task is call.task for one in earlier):
            yield f"called again for {owner.says} after a clear no"
        if call.at < last.at + MARGIN_S - 0.01:
            yield f"called again for {owner.says} while the call before may be on its way"
        for one in earlier:
            target = call.change.target()
            undone = any(
                one.landed < number < call.number and target == drifted
                for number, drifted in self.world.drifts
            )
            if one.landed and one.landed < call.number and not undone:
                yield f"made twice for {owner.says}"

    def _alone(self, call: Call) -> Iterator[str]:
        target = call.change.target()
        for other in self.world.calls:
            is_other = other.key != call.key and other.number < call.number
            late = other.under_way or other.landed > call.number
            if is_other and late and other.change.target() == target and target not in self.left:
                yield f"called while {other.change.command()} of another plan was on its way"

    def _in_time(self, call: Call, owner: Paper) -> Iterator[str]:
        if owner.over_at is not None and call.at > owner.over_at:
            yield f"called after {owner.says} was {owner.status}"
        for click in self.clicks:
            denied = (click.approval, click.does) == (owner.id, "no")
            if denied and isinstance(click.answer, Noted) and call.at > click.ended_at:
                yield f"called after {owner.says} was denied"
        if call.at > self.cancelled.get(owner.run, float("inf")):
            yield f"called after {owner.run} was cancelled"
        first = min(c.number for c in self.world.calls if c.key in owner.keys)
        given = [one.at for one in owner.decisions if one.approves]
        given += [owner.glass.at] if owner.glass else []
        looked = self.town.by_task(call.task, call.number)
        if call.number == first and given and looked:
            late_s = looked[-1].wall - (max(given) + EXPIRES_S)
            if late_s > 0.01:
                yield f"called {late_s:.0f} s after the approval of {owner.says} ran out"

    def _approved(self, call: Call, owner: Paper) -> Iterator[str]:
        """By enough people, looked up again by the one who calls, just before."""
        since = self._call_before(call)
        valid: list[Member] = []
        doubts: list[str] = []
        for decision in owner.decisions:
            if not decision.approves:
                continue
            looked = self.town.last(call.task, decision.by, since, call.number)
            if looked is None or looked.member is None:
                doubts.append(f"{name(decision.by)} was not looked up again")
            elif why := self._unfit_now(looked, owner, valid):
                doubts.append(f"{name(decision.by)}: {why}")
            else:
                valid.append(looked.member)
        if len(valid) < owner.people:
            yield (
                f"{len(valid)} of {owner.people} who approved {owner.says} were entitled when it"
                f" was made ({'; '.join(doubts) or 'nobody else approved it'})"
            )

    def _by_glass(self, call: Call, owner: Paper) -> Iterator[str]:
        """By whoever broke it, looked up again as those are who approve."""
        by = owner.glass.by
        looked = self.town.last(call.task, by, self._call_before(call), call.number)
        if looked is None or looked.member is None:
            yield f"{name(by)} broke the glass for {owner.says}, and was not looked up again"
        elif why := unfit(looked.member, BREAKER):
            yield f"{name(by)} broke the glass for {owner.says}, and may not any more: {why}"

    def _call_before(self, call: Call) -> int:
        """Its number: of the same task."""
        mine = (c.number for c in self.world.calls if c.task is call.task)
        return max((number for number in mine if number < call.number), default=0)

    def _unfit_now(self, looked: LookedUp, owner: Paper, valid: Iterable[Member]) -> str:
        assert looked.member
        if why := unfit(looked.member, owner.role):
            return why
        if is_same(looked.member, owner.requested_by):
            return "they asked for it themselves"
        if any(is_same(looked.member, one.user_id) for one in valid):
            return "the same human as another one"
        return ""
