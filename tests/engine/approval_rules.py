"""
The rules of approvals as they are written down, held against what really happened: the ledgers of
the world and of the town, every click with its answer, and the rows of the store. None of the
bot's own judging is called here.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.access.member import Member
from bot.engine.intents import Noted, Refusal
from bot.engine.turns import held_at, open_pick
from tests.engine.approval_book import NEEDS, OUTLINE
from tests.engine.approval_calls import CallRules
from tests.engine.approval_glass import GlassRules, objects_to_review
from tests.engine.approval_ledger import Click, Deed, Paper, Rows, Wish
from tests.engine.approval_switch import Switch
from tests.engine.approval_town import BREAKER, Town, is_let_in_at_all, is_same, name, unfit
from tests.engine.approval_world import Call, World

#: What a request may become from what it is.
BECOMES: Mapping[str, frozenset[str]] = {
    "pending": frozenset(
        {"approved", "glass broken", "denied", "expired", "cancelled", "outdated", "frozen"}
    ),
    "approved": frozenset({"outdated", "frozen"}),
    "glass broken": frozenset({"outdated"}),
}
#: Nothing of such a plan is made any more.
OVER = ("denied", "expired", "cancelled", "outdated", "frozen")
#: Of a plan that enough people agreed to.
AGREED = ("approved", "outdated", "frozen")
#: Letters and digits of what is said with it.
SAYS_AT_LEAST: Mapping[Deed, int] = {"no": 1, "broken glass": 15, "review": 1}


@dataclass
class Rules:
    """`check` is to be called after each step, with what was asked for in it."""

    world: World
    town: Town
    papers: dict[str, Paper] = field(default_factory=dict)
    clicks: list[Click] = field(default_factory=list)  #: All of them.
    asked: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    cancelled: dict[str, float] = field(default_factory=dict)  #: Run, and when by the loop.
    _intended: Counter[tuple[str, int]] = field(default_factory=Counter)
    _decided: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _calls_seen: int = 0

    def __post_init__(self) -> None:
        self.switch = Switch(self.town, self.papers)
        self.glass = GlassRules(self.papers, self.clicks)
        self.calls = CallRules(
            self.world, self.town, self.papers, self.clicks, self.cancelled, self.switch
        )

    def check(self, rows: Rows, clicks: Sequence[Click], wishes: Sequence[Wish]) -> list[str]:
        """What is wrong, in sentences. `clicks` and `wishes` are those of this step."""
        self.clicks += [one for one in clicks if one not in self.clicks]
        self._hear(wishes)
        pending = {one.id for one in self.papers.values() if one.status == "pending"}
        reviewed = {one.id for one in self.papers.values() if one.is_reviewed}
        wrong = [*self._papers(rows), *self._refusals(rows, clicks, wishes)]
        for paper in self.papers.values():
            paper.decisions = rows.decisions.get(paper.id, [])
            paper.glass = rows.glass.get(paper.id)
        wrong += self.switch.wrong(rows, wishes)
        for click in clicks:
            of = click.approval
            was_open = of not in reviewed if click.does == "review" else of in pending
            wrong += self._click(click, was_open, rows)
        wrong += [*self._decisions(rows), *self.glass.wrong(rows)]
        calls = [c for c in self.world.calls[self._calls_seen :] if c.number < rows.number]
        self._calls_seen += len(calls)
        for call in calls:
            wrong += self.calls.wrong(call, rows)
        wrong += self._notes(rows, calls)
        self._over(rows)
        return [*wrong, *_stuck(rows)]

    # What people asked for, and what papers came of it.

    def _hear(self, wishes: Sequence[Wish]) -> None:
        for wish in wishes:
            if isinstance(wish.answer, Refusal):
                continue
            if wish.kind in ("start", "pick", "again", "undo"):
                step = f"{wish.step}.undo" if wish.kind == "undo" else wish.step
                self.asked.setdefault((wish.run, step), []).append(wish.by)
            if wish.kind == "cancel":
                self.cancelled.setdefault(wish.run, wish.at)

    def _papers(self, rows: Rows) -> Iterator[str]:
        for row in rows.plans.values():
            paper = self.papers.get(row.id)
            if paper is None:
                paper = self.papers[row.id] = Paper.of(row)
                yield from self._new(paper, row)
            elif row.status != paper.status:
                if row.status not in BECOMES.get(paper.status, ()):
                    yield f"{paper.says} was {paper.status} and is {row.status} now"
                paper.status = row.status
            if row.digest != paper.digest:
                yield f"{paper.says} has another digest than before"

    def _new(self, paper: Paper, row: Any) -> Iterator[str]:
        if hashlib.sha256(row.text.encode()).hexdigest() != row.digest:
            yield f"{paper.says}: the digest is not that of its text"
        wanted_by = self.asked.get((paper.run, paper.step)) or self.asked[paper.run, ""]
        if row.requested_by not in wanted_by[-2:]:
            yield f"{paper.says} is said to be asked by {name(row.requested_by)}, and is not"
        if paper.base not in NEEDS:
            if {kind for kind, _ in paper.calls} != {"Tell"}:
                yield f"{paper.says} is made without anybody's approval"
            return
        if (row.role, row.people) != (paper.role, paper.people):
            yield f"{paper.says} asks {row.people} of {row.role} to agree"

    # Clicks.

    def _refusals(
        self, rows: Rows, clicks: Sequence[Click], wishes: Sequence[Wish]
    ) -> Iterator[str]:
        """Each has an entry of its own."""
        entries = Counter(
            (one.by, json.loads(one.body).get("why"))
            for one in rows.audit
            if one.what.startswith("refused ")
        )
        asks: list[Click | Wish] = [*clicks, *wishes]
        for asked in asks:
            if isinstance(asked.answer, Refusal):
                key = (asked.by, asked.answer.why)
                if not entries[key]:
                    yield f"no entry in the audit log says that {asked.says} was refused"
                entries[key] -= 1

    def _click(self, click: Click, was_open: bool, rows: Rows) -> Iterator[str]:
        paper = self.papers.get(click.approval)
        mine = rows.led_to(click)
        earlier = self._earlier(click)
        if earlier and isinstance(earlier.answer, Noted):
            yield from self._answered_alike(click, earlier)
        elif earlier and mine:
            return  # the bot died over it, and it counted all the same
        elif isinstance(click.answer, Noted):
            if paper is None or not was_open:
                yield f"{click.says} counted, though there was nothing to decide (any more)"
                return
            if why := self._objection(click, paper, mine[:1]):
                yield f"{click.says} counted, though {why}"
            if not (mine or (click.decides and self._denied_after_all(click))):
                yield f"{click.says} was acknowledged, and nothing came of it"
        elif isinstance(click.answer, Refusal) and paper:
            is_open = was_open and rows.is_open(click, paper)
            if is_open and not paper.tampered and not self._doubt(click, paper):
                yield f"{click.says} was refused without a reason: {click.answer.why}"

    def _earlier(self, click: Click) -> Click | None:
        """The same delivery before, if it was not refused."""
        before = itertools.takewhile(lambda one: one is not click, self.clicks)
        alike = (one for one in before if one.key == click.key)
        return next((one for one in alike if not isinstance(one.answer, Refusal)), None)

    def _answered_alike(self, click: Click, earlier: Click) -> Iterator[str]:
        looked = self.town.last(click.task, click.by, click.number)
        is_let_in = looked and looked.member and is_let_in_at_all(looked.member)
        if is_let_in and click.answer != earlier.answer:
            yield f"{click.says} was answered otherwise when it was delivered again"

    def _denied_after_all(self, click: Click) -> bool:
        """Whoever approved may still deny, and then that is their decision."""
        return any(
            (one.approval, one.by, one.does) == (click.approval, click.by, "no")
            and not isinstance(one.answer, Refusal)
            for one in self.clicks
        )

    def _objection(self, click: Click, paper: Paper, own: Sequence[Any]) -> str:
        """Why this click does not count; ''. `own`: the decision it led to."""
        looked = self.town.last(click.task, click.by, click.number)
        if looked is None or looked.member is None:
            return "nobody could say who that is"
        if looked.wall >= paper.expires_at and click.does != "review":
            return "it had expired"
        if paper.tampered and click.does in ("yes", "broken glass"):
            return "the stored text is not what was shown"
        if click.does == "yes" and self.switch.surely_stood(click):
            return "changes were stopped"
        until = own[0].at if own and click.decides else float("inf")
        return self.objects_to(click.does, looked.member, paper, until) or _lacks(click, paper)

    def _doubt(self, click: Click, paper: Paper) -> str:
        """Why it may have been right to refuse this; ''."""
        if click.does == "yes" and self.switch.may_have_stood(click):
            return "changes may have been stopped"
        return self._objection(click, paper, ())

    def objects_to(
        self, does: Deed, member: Member, paper: Paper, until: float = float("inf")
    ) -> str:
        """Why this does not count if it is this person's; ''. Who asked may break the glass."""
        if does == "review":
            return objects_to_review(member, paper)
        why = unfit(member, BREAKER if does == "broken glass" else paper.role)
        if why or does != "yes":
            return why
        if is_same(member, paper.requested_by):
            return "they asked for it themselves"
        before = [one.by for one in paper.decisions if one.approves and one.at < until]
        if any(is_same(member, by) for by in before):
            return "the same human had approved it already"
        return ""

    def _decisions(self, rows: Rows) -> Iterator[str]:
        for paper in self.papers.values():
            if not paper.people:
                continue
            yes = [one for one in paper.decisions if one.approves]
            no = [one for one in paper.decisions if not one.approves]
            for one in paper.decisions:
                if not self._clicked(paper, one):
                    yield f"{paper.says} is decided by {name(one.by)}, who did not click"
            agreed = len(yes) == paper.people and not no
            if (paper.status in AGREED and not paper.glass) != agreed:
                yield f"{paper.says} is {paper.status} with {len(yes)} yes and {len(no)} no"
            if (paper.status == "denied") != (len(no) == 1):
                yield f"{paper.says} is {paper.status} with {len(no)} denials"
            if len(yes) > paper.people:
                yield f"{paper.says} was approved by {len(yes)} of {paper.people}"

    def _clicked(self, paper: Paper, decision: Any) -> bool:
        wanted = (paper.id, decision.by, "yes" if decision.approves else "no")
        return any(
            (one.approval, one.by, one.does) == wanted and not isinstance(one.answer, Refusal)
            for one in self.clicks
        )

    # What is written down.

    def _notes(self, rows: Rows, calls: Sequence[Call]) -> Iterator[str]:
        for entry in rows.audit:
            body = json.loads(entry.body)
            paper = self.papers.get(body.get("plan", ""))
            if paper and body["digest"] != paper.digest:
                yield f"the entry {entry.what} of {paper.says} is of another plan than was shown"
            if entry.what == "change intended":
                self._intended[body["plan"], body["number"]] += 1
            if entry.what in ("approved", "denied"):
                self._decided[body["plan"], entry.by, entry.what] += 1
        for key in {call.key for call in calls}:
            made = sum(one.key == key for one in self.world.calls[: self._calls_seen])
            for paper in self.papers.values():
                if key in paper.keys:
                    number = paper.keys.index(key) + 1
                    if self._intended[paper.id, number] < made:
                        yield f"{paper.says}: a call was made of which nothing is written down"
        for paper in self.papers.values():
            for one in paper.decisions:
                word = "approved" if one.approves else "denied"
                if self._decided[paper.id, one.by, word] != 1:
                    yield f"{paper.says}: {name(one.by)} {word} it, and the audit log has it not"

    def _over(self, rows: Rows) -> None:
        for paper in self.papers.values():
            if paper.status in OVER and paper.over_at is None:
                paper.over_at = rows.at


def _lacks(click: Click, paper: Paper) -> str:
    """What the form wants besides; ''."""
    to_type = paper.to_type(click.does)
    if to_type and click.typed.strip() != to_type:
        return "the name of the target was not typed"
    says_enough = sum(map(str.isalnum, click.reason)) >= SAYS_AT_LEAST.get(click.does, 0)
    return "" if says_enough else "no reason was given"


def _stuck(rows: Rows) -> Iterator[str]:
    """A run that is not over has something out, or asks a person; what is unsure stays locked."""
    for run_id, state in rows.runs.items():
        out = [one for one in rows.work.values() if one.run == run_id]
        waits = [one for one in rows.waits if one.run == run_id and one.kind != "review"]
        asked = held_at(OUTLINE, state) or open_pick(OUTLINE, state)
        if not (out or waits or asked):
            yield f"{run_id} is {state.status}, and nothing will move it"
        for key, step in state.steps.items():
            if step.status == "unsure" and not rows.locks_of(run_id, key):
                yield f"{key} of {run_id} is unsure, and others may change its target"
    for one in rows.work.values():
        if one.status == "blocked" and not rows.holders(one):
            yield f"{one.id} waits for locks that nobody holds"
