"""How the turn of a change ends: what is seen there, when that is believed, and what is said."""

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Literal

from bot.engine.effects import PAUSE
from bot.engine.made import DONE
from bot.engine.reading import moment
from bot.engine.reports import Report
from bot.engine.results import done_as_json
from bot.runbook import Seen
from bot.runbook.changes import Change
from bot.runbook.errors import NothingDone

Outcome = Literal["given", "unsure", "outdated", "failed", "cancelled", "paused", "frozen"]
CANCELLED, PAUSED = "Cancelled before it was applied", "Paused before it began."
AGAIN = "What was done stays done: done again, it goes on after it."
REPLACED = "It is not known whether this happened: the bot was replaced while it was under way."


@dataclass(frozen=True)
class ApplyTiming:
    """All in seconds."""

    call_limit: float = 30.0  #: One call that alters something.
    settle: float = 10.0  #: After the limit, until a lost call can no longer take effect.
    look_first: float = 0.05  #: Until the second look; then twice as long each time,
    look_every: float = 3.0  #: up to this.
    applying_limit: float = 1800.0  #: How long the other side may be at it.

    @property
    def margin(self) -> float:
        """After a call began, until it can no longer take effect."""
        return self.call_limit + self.settle


@dataclass(frozen=True)
class Ended:
    outcome: Outcome
    report: Report


@dataclass
class Turn:
    """
    One change's turn. `since`: the monotonic time from which a call of ours may be on its way;
    after a restart that is when this life began with it, for nobody knows how old the call is.
    """

    change: Change
    number: int
    intent_at: float | None
    since: float
    answered: bool = False  #: The call came back without an error.
    refused: str = ""  #: The other side's clear no.
    kept_out: NothingDone | None = None  #: The call had no effect, and may be made again.
    tries: int = 0  #: Calls that may have had an effect.
    done: int | None = None  #: Of one made in parts: how far it was at its last sign of life.

    def goes_on(self, done: int) -> None:
        """One that has moved may break again: it was not the same that broke it."""
        if self.done is not None and done > self.done:
            self.tries = 1
        self.done = done


def is_over(turn: Turn, timing: ApplyTiming, now: float) -> bool:
    """Whether nothing of its call can be on its way any more."""
    harmless = turn.kept_out is not None or turn.change.in_parts
    return harmless or now >= turn.since + timing.margin


def end_of(
    turn: Turn, seen: Seen, timing: ApplyTiming, now: float, waited_s: float
) -> Ended | None:
    """Why this was the last look at it, although it is not applied."""
    over = is_over(turn, timing, now)
    if seen.state in ("before", "drifted") and turn.refused:
        return Ended("failed", Report(turn.refused))
    if seen.state == "drifted" and (turn.answered or over):
        return Ended("failed", Report(f"It did not stay so: {seen.now}"))
    if seen.state == "before" and over:
        return _of_one_as_before(turn, seen, timing, waited_s)
    if turn.change.in_parts and seen.state == "unreadable" and waited_s >= timing.margin * 2:
        return Ended("failed", Report(f"It cannot be seen how far it is: {seen.now}. {AGAIN}"))
    patience = {"applying": timing.applying_limit, "unreadable": timing.margin * 2}
    return unsure(turn, seen) if waited_s >= patience.get(seen.state, math.inf) else None


def _of_one_as_before(
    turn: Turn, seen: Seen, timing: ApplyTiming, waited_s: float
) -> Ended | None:
    """None: the call is made again."""
    if turn.kept_out:
        is_late = waited_s + turn.kept_out.again_after_s >= timing.margin * 2
        return Ended("failed", Report(str(turn.kept_out))) if is_late else None
    if turn.change.in_parts:
        broke = f"It broke off twice at the same place: {seen.now}. {AGAIN}"
        return Ended("failed", Report(broke)) if turn.tries >= 2 else None
    return unsure(turn, seen) if not turn.change.repeatable or turn.tries >= 2 else None


def halted(stop: int, seen: Seen) -> Ended:
    """Between two parts, as a person has wanted it."""
    if stop == PAUSE:
        return Ended("paused", Report(f"{seen.now}."))
    return Ended("cancelled", Report(f"Stopped between two parts: {seen.now}. {AGAIN}"))


def not_begun(turn: Turn, seen: Seen) -> Ended:
    target = turn.change.target()
    if seen.state == "drifted":
        return Ended("outdated", Report(f"Not applied: since this was asked, {seen.now}"))
    if seen.state == "applying":
        return Ended("outdated", Report(f"Not applied: {target} is busy: {seen.now}"))
    return Ended("failed", Report(f"Not applied: {seen.now}. Nothing was changed at {target}."))


def unsure(turn: Turn, seen: Seen) -> Ended:
    answered = "was accepted" if turn.answered else "went unanswered"
    return Ended(
        "unsure",
        Report(
            f"It is not known whether this happened: `{turn.change.command()}` {answered}, and"
            f" what can be seen is: {seen.now}. Look there, then say what is true."
        ),
    )


def half_way(ended: Ended, rows: Sequence[Any]) -> Ended:
    """What was applied before it ended is said, whatever ended it."""
    made = [row for row in rows if row.state in DONE]
    if not made:
        return ended
    was = "was" if len(made) == 1 else "were"
    so_far = f"{len(made)} of {len(rows)} {was} applied: {'; '.join(row.seen for row in made)}"
    then = "the rest was cancelled" if ended.outcome == "cancelled" else ended.report.says
    return replace(ended, report=replace(ended.report, says=f"{so_far}. Then: {then}"))


def all_done(calls: Sequence[Any], rows: Sequence[Any]) -> Ended:
    """
    As it was seen when it was done, which may have been in an earlier life. `calls`: the changes
    of the plan, as JSON.
    """
    at = max(row.at for row in rows)
    says = f"Seen done {moment(at):%H:%M:%S} UTC: {'; '.join(row.seen for row in rows)}"
    return Ended("given", Report(says, done_as_json(calls, at), has_result=True))


def unread(rows: Sequence[Any], calls: Sequence[Any], why: str) -> Ended:
    """Of a plan that this version of the bot cannot read: what was made of it is known."""
    states = {row.state for row in rows}
    if "intended" in states:
        return Ended("unsure", Report(f"{REPLACED} {why} Look there, then say what is true."))
    if states <= set(DONE):
        return all_done(calls, rows)
    return half_way(Ended("outdated", Report(f"Not applied: {why}")), rows)


def kept_back(why: str, states: Set[str]) -> Ended:
    """By a freeze. `states` of the plan's changes: one that was begun was not just left alone."""
    nothing = "" if states & set(DONE) else ". Nothing was changed."
    outcome: Outcome = "frozen" if states <= {"planned"} else "failed"
    return Ended(outcome, Report(f"Not applied: {why}{nothing}"))
