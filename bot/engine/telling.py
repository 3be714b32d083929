"""
What people were told of what checks found: so that a report says what has turned, and nothing is
told twice in one channel, by whichever runbook.

A concern is known by its topic and its name. Checks that share a topic look at the same things, so
what one of them does not name any more is well. Rows stand only for what is not well.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from bot.engine.reading import moment
from bot.engine.state import RunState
from bot.engine.turned import Turn, Turned, keep_news
from bot.runbook.findings import WORST_FIRST, Verdict
from bot.runbook.outline import Outline, StepOutline
from bot.runbook.showing import details_from_json
from bot.store.rooms import room_of
from bot.store.tables import steps, told

#: How bad what was told is: only what is worse is told anew.
BADNESS: Mapping[str, int] = {"problem": 2, "warning": 1}
#: What a step's status says of what it looks at. What is not here was not looked at, nor tried.
VERDICTS: Mapping[str, Verdict] = {
    **{verdict: verdict for verdict in WORST_FIRST},
    "nothing": "ok",
    "blocked": "unknown",
    "failed": "unknown",
}
#: Any number that nothing else uses: whoever tells waits for whoever is just telling.
ADVISORY_LOCK = 727401


@dataclass(frozen=True)
class Known:
    """A row: what was told of a concern, and what was seen of it last."""

    verdict: str  #: ok: nothing was told.
    says: str
    since: float
    run: str
    book: str
    told_at: float
    scope: str
    seen: str
    seen_since: float


@dataclass(frozen=True)
class Look:
    """One concern as a check of this run found it."""

    verdict: Verdict
    says: str
    at: float
    run: str
    book: str
    scope: str
    tells_all: bool  #: Also what could not be looked at once.


def turn(known: Known | None, look: Look) -> tuple[Turned, Known | None]:
    """What is to be said of it, and what stands in its row from now on."""
    was = known.verdict if known else "ok"
    if look.verdict == "ok":
        return ("well" if was == "ok" else "good"), None
    twice = known is not None and known.seen == look.verdict
    since = known.seen_since if known and twice else look.at
    stands = known or Known("ok", "", look.at, look.run, look.book, look.at, look.scope, "", 0.0)
    seen = replace(stands, seen=look.verdict, seen_since=since)
    anew = Known(
        look.verdict, look.says, since, look.run, look.book, look.at, look.scope,
        look.verdict, since,
    )  # fmt: skip
    if look.verdict == "unknown":
        if was == "unknown":
            return "known", seen
        return ("lost", anew) if twice or look.tells_all else ("unsure", seen)
    if BADNESS[look.verdict] > BADNESS.get(was, 0):
        return "bad", anew
    return "known", seen


def tell_news(c: sa.Connection, now: float, row: Any, outline: Outline, run: RunState) -> None:
    """
    In the transaction that ends a run: what it found against what was told, and what it tells.
    `row` is the run's. A run with a card shows what is bad; only a report says what is well again.
    """
    reports = outline.speaks != "as it goes"
    if run.dry or not (reports or any(spec.about for spec in _checks(outline))):
        return
    if c.dialect.name == "postgresql":
        c.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    turns = list(_Telling(c, now, row, outline, run).turns())
    if reports:
        keep_news(c, row.id, turns)


#: Which check found it, and what.
Looks = dict[str, tuple[str, Look]]


@dataclass
class _Telling:
    c: sa.Connection
    now: float
    row: Any
    outline: Outline
    run: RunState

    def __post_init__(self) -> None:
        room = room_of(self.c, self.row.id)
        self.channel = (room and (room.channel or room.origin)) or ""
        self.scope = _scope(self.outline, json.loads(self.row.inputs))
        self.reports = self.outline.speaks != "as it goes"
        on_change = self.outline.speaks == "on change" and self.row.schedule
        self.tells_all = not on_change

    def turns(self) -> Iterator[Turn]:
        for topic, looks in self._by_topic().items():
            rows = self._rows(topic)
            looks = self._gone(looks, rows) | looks
            for name, (step, look) in looks.items():
                if not (self.reports or look.verdict in BADNESS):
                    continue
                known = rows.get(name)
                turned, stands = turn(known, look)
                if known != stands:
                    self._write(topic, name, stands)
                was = known if turned in ("good", "known") else stands
                yield self._turn(step, topic, name, look, turned, was)

    def _by_topic(self) -> dict[str, Looks]:
        """By the concern's name, the worst that is said of it."""
        query = sa.select(steps).where(steps.c.run == self.row.id)
        found = {step.key: step for step in self.c.execute(query)}
        topics: dict[str, Looks] = {}
        for spec in _checks(self.outline):
            verdict = VERDICTS.get(self.run.status_of(spec.key))
            if verdict and spec.key in found and (self.reports or spec.about):
                looks = topics.setdefault(spec.about or f"{self.outline.book}/{spec.key}", {})
                for name, look in self._looks(verdict, found[spec.key]):
                    if name not in looks or _is_worse(look, looks[name][1]):
                        looks[name] = spec.key, look
        return topics

    def _looks(self, verdict: Verdict, step: Any) -> Iterator[tuple[str, Look]]:
        concerns = details_from_json(json.loads(step.details)).get("concerns", ())
        for one in concerns:
            yield one.name, self._look(one.verdict or verdict, one.says or step.says, step)
        if not concerns:
            yield self.scope, self._look(verdict, step.says, step)

    def _look(self, verdict: Verdict, says: str, step: Any) -> Look:
        at, run, book = step.ended_at or self.now, self.row.id, self.outline.book
        return Look(verdict, says, at, run, book, self.scope, self.tells_all)

    def _gone(self, looks: Looks, rows: Mapping[str, Known]) -> Looks:
        """What is not named any more is well, if all of the topic could be looked at."""
        if any(look.verdict == "unknown" for _, look in looks.values()):
            return {}
        step, last = next(reversed(looks.values()))
        well = replace(last, verdict="ok")
        return {
            name: (step, well)
            for name, known in rows.items()
            if name not in looks and self.scope in ("", known.scope)
        }

    def _rows(self, topic: str) -> dict[str, Known]:
        mine = sa.and_(told.c.topic == topic, told.c.channel == self.channel)
        query = sa.select(told.c.concern, *COLUMNS).where(mine).order_by(told.c.concern)
        return {concern: Known(*row) for concern, *row in self.c.execute(query)}

    def _write(self, topic: str, name: str, stands: Known | None) -> None:
        mine = {"topic": topic, "concern": name, "channel": self.channel}
        self.c.execute(sa.delete(told).where(*(told.c[key] == one for key, one in mine.items())))
        if stands:
            self.c.execute(sa.insert(told).values(**mine, **vars(stands)))

    def _turn(
        self, step: str, topic: str, name: str, look: Look, turned: Turned, row: Known | None
    ) -> Turn:
        """`row`: what it was, for what was told before; else what it is from now on."""
        shown = "" if name == self.scope else name
        since = row.seen_since if row and turned == "unsure" else row.since if row else look.at
        until = moment(look.at) if turned == "good" else None
        made = Turn(step, shown, look.verdict, look.says, turned, moment(since), until)
        before, channel = row if turned == "known" else None, self.channel
        if turned in ("bad", "lost"):
            before, channel = self._elsewhere(topic, name)
        if before is None:
            return made
        at = moment(before.told_at)
        return replace(made, told_at=at, told_in=channel, told_by=before.book)

    def _elsewhere(self, topic: str, name: str) -> tuple[Known | None, str]:
        """What was told of it in another channel, last."""
        mine = sa.and_(told.c.topic == topic, told.c.concern == name)
        there = sa.and_(mine, told.c.channel != self.channel, told.c.verdict != "ok")
        query = sa.select(told.c.channel, *COLUMNS).where(there)
        for channel, *row in self.c.execute(query.order_by(told.c.told_at.desc()).limit(1)):
            return Known(*row), channel
        return None, ""


COLUMNS = [told.c[name] for name in Known.__dataclass_fields__]


def _is_worse(look: Look, other: Look) -> bool:
    return WORST_FIRST.index(look.verdict) < WORST_FIRST.index(other.verdict)


def _checks(outline: Outline) -> Sequence[StepOutline]:
    every = (step for section in outline.sections for step in section.steps)
    return [step for step in every if step.kind in ("check", "watch")]


def _scope(outline: Outline, inputs: Mapping[str, Any]) -> str:
    """Empty when the inputs are those of the runbook: it looks at all there is to look at."""
    usual = {
        name: field.get("default") for name, field in outline.inputs.get("properties", {}).items()
    }
    return "" if dict(inputs) == usual else json.dumps(inputs, sort_keys=True)
