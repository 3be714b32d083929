"""
One example of the approval machine: what happens, and the rules that are held against all of it
after each step.
"""

import json
from collections import Counter
from typing import Any

import sqlalchemy as sa

from bot.engine.turns import open_pick, undoable
from bot.store.auditing import verdict_of
from bot.store.tables import plans
from tests.engine.approval_book import OUTLINE
from tests.engine.approval_crowd import Crowd
from tests.engine.approval_ledger import Deed, Now, Paper, Rows, read_rows
from tests.engine.approval_lives import at
from tests.engine.approval_rules import Rules
from tests.engine.approval_sites import Site
from tests.engine.approval_town import PEOPLE
from tests.engine.approval_world import Call

#: Until everything that was begun is over, once the world is well again.
AT_REST_S = 60.0
#: What somebody writes into a stored plan.
EVIL = {"color": "black", "watts": "99", "text": "lies"}


class Broken(AssertionError):
    """A rule was broken; with the story of how it came to that."""


class Stage(Crowd):
    def __init__(self, site: Site, seed: int, tally: Counter[str]) -> None:
        super().__init__(site, seed, tally)
        self.rules = Rules(self.world, self.town)
        self.mine: Counter[str] = Counter()
        self._seq = 0
        self.rows = self._runner.run(self._read())

    def check(self) -> None:
        """After each step. Raises Broken."""
        self.rows = self._runner.run(self._read())
        for row in self.rows.plans.values():
            if row.id not in self.labels:
                self.labels[row.id] = f"{row.step} of {self.labels[row.run]} ({len(self.labels)})"
        clicks, self.clicks = self.clicks, []
        wishes, self.wishes = self.wishes, []
        self.wrong += self.rules.check(self.rows, clicks, wishes)
        while self.left:
            self.rules.calls.leave(*self.left.pop())
        self._tally()
        if self.rows.audit:
            self._seq = self.rows.audit[-1].seq
        self._raise()

    def _tally(self) -> None:
        """What the example came to, so far; added up when it is over."""
        calls, statuses = self.world.calls, [p.status for p in self.rules.papers.values()]
        self.mine = Counter({f"requests {one}": statuses.count(one) for one in set(statuses)})
        self.mine["requests"] = len(statuses)
        self.mine["calls"] = len(calls)
        self.mine["applies"] = sum(bool(call.landed) for call in calls)
        broken = {key for one in self.rules.papers.values() if one.glass for key in one.keys}
        through = [call for call in calls if call.landed and call.key in broken]
        stopped = map(self.rules.switch.surely_stood_at, through)
        self.mine["applies through glass"] = len(through)
        self.mine["applies through glass while stopped"] = sum(stopped)
        self.mine["breaks"] = len(self.rows.glass)
        self.mine["reviews"] = sum(one.is_reviewed for one in self.rules.papers.values())
        self.mine["freezes"] = self.rules.switch.thrown
        for call in calls:
            self.mine[f"calls {call.fate}"] += 1

    def _raise(self) -> None:
        if self.wrong:
            self.tally["violations"] += 1
            self.tally.setdefault("first violation at step", self.tally["steps"])
            story = "\n".join(["", *self.story, *(f"BROKEN: {one}" for one in self.wrong)])
            for long_id, label in self.labels.items():
                story = story.replace(long_id, label)
            raise Broken(story)

    async def _read(self) -> Rows:
        def now() -> Now:
            return self.loop.time(), self.count()

        reading = self.store.read(read_rows, self._seq, now)
        rows = await at(self.loop, self.store, reading)
        assert isinstance(rows, Rows)
        return rows

    def bring_to_rest(self) -> None:
        """The world is well again: whatever was begun comes to an end. Raises Broken."""
        self.tell("all is well again")
        self.world.hidden.clear()
        self.world.weather.clear()
        self.town.comes_back()
        self.town.is_as_before()
        self.wait(AT_REST_S)
        self.check()
        for wait in self.rows.waits:
            if wait.kind == "unsure":
                self.resolve("U6", wait, "stop")
        for run_id, run in self.rows.runs.items():
            if run.status == "running":
                self.wish("cancel", "U6", run_id)
        self.wait(AT_REST_S)
        self.check()
        self.wrong += [f"{run_id} cannot be ended" for run_id in self.rows.runs]
        self.wrong += [f"{one} is never finished" for one in self.rows.work]
        self.wrong += [f"{one.target} stays locked" for one in self.rows.locks if one.holder]
        verdict = self._runner.run(at(self.loop, self.store, self.store.read(verdict_of, [])))
        self.wrong += [f"audit log: {fault.says}" for fault in verdict.faults]
        self._raise()

    def close(self) -> None:
        self.tally += self.mine
        super().close()

    # What there is.

    def runs(self) -> list[str]:
        return sorted(self.rows.runs, key=lambda one: self.labels[one])

    def open(self) -> list[str]:
        """Runs of which something can be asked for."""
        return [run for run in self.runs() if open_pick(OUTLINE, self.rows.runs[run])]

    def pending(self) -> list[Paper]:
        return [one for one in self.rules.papers.values() if one.status == "pending"]

    def over(self) -> list[Paper]:
        papers = self.rules.papers.values()
        return [one for one in papers if one.status != "pending" and one.people]

    def broken(self) -> list[Paper]:
        """By glass; those that nobody has reviewed come first."""
        broken = [one for one in self.rules.papers.values() if one.glass]
        return sorted(broken, key=lambda one: one.is_reviewed)

    def undoable(self) -> list[tuple[str, str]]:
        runs = self.rows.runs
        return [(run, step) for run in self.runs() for step in undoable(OUTLINE, runs[run])]

    def unsure(self) -> list[Any]:
        return [row for row in self.rows.waits if row.kind == "unsure"]

    def calls_of(self, run: str, step: str) -> list[Call]:
        papers = [p for p in self.rules.papers.values() if (p.run, p.step) == (run, step)]
        keys = set(papers[-1].keys)
        return [call for call in self.world.calls if call.key in keys]

    def untouched(self) -> list[Paper]:
        """Plans that may still be made, and of which nothing was."""
        made = {call.key for call in self.world.calls}
        return [
            paper
            for paper in self.rules.papers.values()
            if paper.status in ("pending", "approved", "glass broken")
            and not (paper.tampered or made & set(paper.keys))
        ]

    def who_may(self, does: Deed, paper: Paper) -> str:
        """Somebody who may do this now, as far as can be seen; or nobody."""
        for user_id in PEOPLE:
            member = self.town.now(user_id)
            if member and not self.rules.objects_to(does, member, paper):
                return user_id
        return ""

    def who_is(self, close: str, does: Deed, paper: Paper) -> str:
        """Whoever is so close to a request; else it is a user id already."""
        who, _, otherwise = close.partition(", by ")
        before, _ = paper.deciders(paper.requested_by)
        meant: dict[str, str] = {
            "who asked": paper.requested_by,
            "who agreed": before,
            "who may": self.who_may(does, paper) or paper.requested_by,
        }
        by = meant.get(who, who)
        return self.town.another_account(by) if otherwise else by

    def tamper(self, paper: Paper) -> None:
        """Somebody writes into the store what was never shown."""
        paper.tampered = True
        self.tally["plans tampered with"] += 1
        altered = json.loads(paper.text)
        for _, fields in altered["plan"][0]:
            fields |= {name: EVIL[name] for name in EVIL if name in fields}
            if "color" not in fields and "watts" not in fields and "lamp" in fields:
                fields["lamp"] = "attic" if fields["lamp"] == "hall" else "hall"
        text = json.dumps(altered, sort_keys=True)
        self.tell(f"somebody alters the stored text of {self.label(paper.id)}")

        def write(c: sa.Connection) -> None:
            c.execute(sa.update(plans).where(plans.c.id == paper.id).values(text=text))

        self._runner.run(at(self.loop, self.store, self.store.tx(write)))
