"""
Anybody does anything, at any time, while everything goes wrong: is what is applied still what was
approved, once, and by whom it may be? The engine, the desk, the runner and the store are the real
ones; time, people and the world are the test's.

`python -m tests.engine.approval_machine --steps 10000 --seed 7` is the long run.
"""

import argparse
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.engine.turns import open_pick, undoable
from tests.engine.approval_lives import OnDisk, Site
from tests.engine.approval_stage import Broken, Click, Stage, again
from tests.engine.approval_town import CHANGES, PEOPLE
from tests.engine.approval_world import COLORS, EXPIRES_S, FATES, GONE, LAMPS, NEEDS, OUTLINE, Fate

STEPS_OF_AN_EXAMPLE = 50
PHASES = (Phase.generate, Phase.shrink)
RUNS_AT_ONCE = 4
#: Seconds.
MOMENTS = st.sampled_from((0.0, 0.0, 0.001, 0.003, 0.01, 0.1, 1.0, 7.0))
OUTAGES = st.sampled_from((1.0, 20.0, 90.0))
FATES_OF_SOME = st.lists(st.sampled_from(FATES), max_size=3)
ALL_ABLE = ("U1", "U2", "U3", "U5", "U6")
ABLE = st.sampled_from(ALL_ABLE)
#: Who is somebody to a request; not by their ids.
CLOSE = ("who asked", "who asked, by another account", "who agreed", "who may", "who may")
#: Between the last yes and the first call.
INTERFERENCES = (
    "nothing", "nothing", "nothing", "one human", "nobody answers", "too late", "cancelled",
    "tampered", "killed", "frozen", *CHANGES[:-1],
)  # fmt: skip
#: Often it is somebody who may.
SOMEBODY = st.sampled_from((*["U1", "U2", "U3", "U5", "U6", "U9"], *PEOPLE))
WHICH = st.integers(0, 5)
STEPS = tuple(NEEDS)


class Carried(NamedTuple):
    which: int
    by: str
    step: str
    fates: list[Fate]
    replica: bool
    then: str


CARRIED = st.builds(
    Carried,
    WHICH,
    ABLE,
    st.sampled_from(STEPS),
    FATES_OF_SOME,
    st.booleans(),
    st.sampled_from(INTERFERENCES),
)


class ApprovalMachine(RuleBasedStateMachine):
    """Set `site` before it runs."""

    site: ClassVar[Site]
    tally: ClassVar[Counter[str]] = Counter()

    @initialize(seed=st.integers(0, 2**16))
    def open(self, seed: int) -> None:
        self.stage = Stage(self.site, seed, self.tally)
        self.tally["examples"] += 1
        self.is_broken = False
        self.delivered: list[Click] = []
        for lamp, color in zip(LAMPS, COLORS, strict=True):
            self.stage.start("U1", lamp, color)
        self._end(1.0)

    def _end(self, moment_s: float = 0.0) -> None:
        """Of each step: some time passes, then the rules are held against what happened."""
        self.tally["checks"] += 1
        try:
            self.stage.wait(moment_s)
            self.stage.check()
        except Broken:
            self.is_broken = True
            raise

    @invariant(check_during_init=False)
    def count(self) -> None:
        self.tally["steps"] += 1

    # What there is to point at.

    def _runs(self) -> list[str]:
        return sorted(self.stage.rows.runs, key=lambda one: self.stage.labels[one])

    def _open(self) -> list[str]:
        return [run for run in self._runs() if open_pick(OUTLINE, self.stage.rows.runs[run])]

    def _pending(self) -> list[Any]:
        return [row for row in self.stage.rows.plans.values() if row.status == "pending"]

    def _undoable(self) -> list[tuple[str, str]]:
        runs = self.stage.rows.runs
        return [(run, step) for run in self._runs() for step in undoable(OUTLINE, runs[run])]

    def _unsure(self) -> list[Any]:
        return [row for row in self.stage.rows.waits if row.kind == "unsure"]

    # People ask.

    @rule(which=WHICH, by=SOMEBODY, step=st.sampled_from(STEPS), moment=MOMENTS)
    def request(self, which: int, by: str, step: str, moment: float) -> None:
        self._request(which, by, step)
        self._end(moment)

    @rule(how=CARRIED, moment=MOMENTS)
    def carry_through(self, how: Carried, moment: float) -> None:
        """
        Picked and approved; and before it is made, something else. What becomes of its calls is
        up to the weather.
        """
        self.stage.world.weather.extend(how.fates)
        run = self._request(how.which, how.by, how.step)
        for row in self._pending():
            if (row.run, row.step) == (run, how.step):
                self._agree(row, how.replica)
                self._interfere(how.then, row)
        self._end(moment)

    def _interfere(self, what: str, row: Any) -> None:
        """With what was just approved."""
        stage = self.stage
        one, other = stage.rules.papers[row.id].deciders(row.requested_by)
        if what in CHANGES:
            stage.town.becomes(one, what)
        elif what == "one human":
            stage.town.link(one, other)
        elif what == "nobody answers":
            stage.town.goes_down(3.0)
        elif what == "too late":
            stage.set_the_clock(EXPIRES_S + 1)
        elif what == "cancelled":
            stage.wish("cancel", "U5", row.run)
        elif what == "tampered" and stage.untouched():
            stage.tamper(stage.untouched()[-1])
        elif what == "killed":
            stage.restart(0.001, 0.0)
        elif what == "frozen":
            stage.take_over(3.0, 0.01)

    def _request(self, which: int, by: str, step: str) -> str:
        """Of a run that waits for it, else of a new one."""
        if not self._open() and len(self._runs()) < RUNS_AT_ONCE:
            self.stage.start(by, LAMPS[which % 2], COLORS[which % 2])
            self._end(0.2)
        if not self._open():
            return ""
        run = str(_one(self._open(), which))
        self.stage.wish("pick", by, run, step)
        self._end(0.1)
        return run

    @precondition(lambda self: self._runs())
    @rule(
        which=WHICH,
        by=SOMEBODY,
        step=st.sampled_from((*STEPS, "color", "watts", "proof")),
        kind=st.sampled_from(("pick", "pick", "again", "undo", "close", "cancel")),
        moment=MOMENTS,
    )
    def ask(self, which: int, by: str, step: str, kind: str, moment: float) -> None:
        """Anything, of any run, whether it waits for that or not."""
        run = _one(self._runs(), which)
        self.stage.wish(kind, by, run, "" if kind in ("close", "cancel") else step)
        self._end(moment)

    @precondition(lambda self: self._undoable())
    @rule(which=WHICH, by=ABLE, moment=MOMENTS)
    def take_back(self, which: int, by: str, moment: float) -> None:
        run, step = _one(self._undoable(), which)
        self.stage.wish("undo", by, run, step)
        self._end(moment + 0.05)

    @precondition(lambda self: self._unsure())
    @rule(which=WHICH, by=SOMEBODY, gives_up=st.booleans(), moment=MOMENTS)
    def resolve(self, which: int, by: str, gives_up: bool, moment: float) -> None:
        """A person looks, and says what is true, or gives up on it."""
        question = _one(self._unsure(), which)
        calls = self.stage.calls_of(question.run, question.step)
        if gives_up or any(one.under_way for one in calls):
            self.stage.resolve(by, question, "stop")
        else:
            done = bool(calls) and bool(calls[-1].landed)
            self.stage.resolve(by, question, "done" if done else "not done")
        self._end(moment)

    # People press.

    @precondition(lambda self: self._pending())
    @rule(which=WHICH, replica=st.booleans(), moment=MOMENTS)
    def agree(self, which: int, replica: bool, moment: float) -> None:
        """Somebody who may, as far as can be seen."""
        self._press(self._rightly(_one(self._pending(), which), replica))
        self._end(moment)

    @precondition(lambda self: self._pending())
    @rule(which=WHICH, replica=st.booleans(), moment=MOMENTS)
    def agree_until_it_is_approved(self, which: int, replica: bool, moment: float) -> None:
        self._agree(_one(self._pending(), which), replica)
        self._end(moment)

    @precondition(lambda self: self._pending())
    @rule(
        which=WHICH,
        by=st.sampled_from((*CLOSE, *CLOSE, *PEOPLE)),
        approves=st.sampled_from((True, True, True, False)),
        typed=st.sampled_from(("right", "right", "wrong", "")),
        reason=st.sampled_from(("because", "", "  ")),
        late=st.sampled_from((False, False, False, True)),
        replica=st.booleans(),
        moment=MOMENTS,
    )
    def click(
        self, which: int, by: str, approves: bool, typed: str, reason: str, late: bool,
        replica: bool, moment: float,
    ) -> None:  # fmt: skip
        row = _one(self._pending(), which)
        by = self.stage.who_is(by, row)
        if late:
            self.stage.set_the_clock(EXPIRES_S + 1)
        self._press(self._click(row, by, approves, typed, reason, replica))
        self._end(moment)

    @precondition(lambda self: self._pending())
    @rule(
        which=WHICH,
        one=st.sampled_from((*CLOSE, *ALL_ABLE)),
        other=st.sampled_from((*CLOSE, *ALL_ABLE)),
        denies=st.booleans(),
        moment=MOMENTS,
    )
    def two_click_at_once(
        self, which: int, one: str, other: str, denies: bool, moment: float
    ) -> None:
        """At two replicas. It may be the same person twice."""
        row = _one(self._pending(), which)
        one, other = self.stage.who_is(one, row), self.stage.who_is(other, row)
        first = self._click(row, one, True, "right", "", False)
        second = self._click(row, other, not denies, "right", "because", True)
        self._press(first, second)
        self._end(moment)

    @rule(
        which=WHICH,
        by=SOMEBODY,
        approves=st.booleans(),
        what=st.sampled_from(("over", "over", "no-such-request", "again", "again", "twice")),
        moment=MOMENTS,
    )
    def click_what_is_not_asked(
        self, which: int, by: str, approves: bool, what: str, moment: float
    ) -> None:
        """A request that is over, or that never was; or a click that was delivered before."""
        over = [row for row in self.stage.rows.plans.values() if row.status != "pending"]
        if what in ("again", "twice") and self.delivered:
            click = self.delivered[-1 - which % len(self.delivered)]
            copies = 2 if what == "twice" else 1
            self._press(*(again(click, self.stage) for _ in range(copies)))
        elif what == "over" and over:
            self._press(self._click(_one(over, which), by, approves, "right", "because", False))
        else:
            self._press(self.stage.click(by, what, approves=approves, reason="because"))
        self._end(moment)

    # Time, people, the store and the world.

    @rule(
        how=st.sampled_from(("wait", "wait", "wait", "set the clock")),
        waits=st.sampled_from((0.5, 3.0, 8.0, 30.0)),
        sets=st.sampled_from((EXPIRES_S - 1, EXPIRES_S + 1, 3600.0, -5.0, -600.0)),
    )
    def pass_time(self, how: str, waits: float, sets: float) -> None:
        if how == "wait":
            self.stage.tell(f"{waits:g} s pass")
            self._end(waits)
        else:
            self.stage.set_the_clock(sets)
            self._end()

    @rule(
        what=st.sampled_from(("directory", "all is as before", "linked", "linked", *CHANGES)),
        who=SOMEBODY,
        other=SOMEBODY,
        seconds=OUTAGES,
        moment=MOMENTS,
    )
    def change_the_town(
        self, what: str, who: str, other: str, seconds: float, moment: float
    ) -> None:
        town = self.stage.town
        if what == "directory":
            town.goes_down(seconds)
        elif what == "all is as before":
            town.is_as_before()
        elif what == "linked":
            town.link(who, other)
        else:
            town.becomes(who, what)
        self._end(moment)

    @rule(
        what=st.sampled_from(("weather", "drift", "drift", "hide", "tamper")),
        which=WHICH,
        lamp=st.sampled_from(LAMPS),
        value=st.sampled_from((*COLORS, "red", GONE, "40", "60")),
        fates=FATES_OF_SOME,
        seconds=OUTAGES,
        moment=MOMENTS,
    )
    def change_the_world(
        self, what: str, which: int, lamp: str, value: str, fates: list[Any], seconds: float,
        moment: float,
    ) -> None:  # fmt: skip
        """Also what is written of it: somebody alters the text of a plan in the store."""
        world = self.stage.world
        target = f"bulb/{lamp}" if value.isdigit() else f"lamp/{lamp}"
        if what == "weather":
            world.weather.extend(fates)
        elif what == "hide":
            world.hide(target, seconds)
        elif what == "tamper" and self.stage.untouched():
            self.stage.tamper(_one(self.stage.untouched(), which))
        elif what == "drift" and not any(world.under_way(target)):  # else it looks like our doing
            world.drift(target, value)
        self._end(moment)

    # The bot.

    @precondition(lambda self: self._runs())
    @rule(
        how=st.sampled_from(("killed", "killed", "stopped", "frozen", "frozen")),
        which=WHICH,
        after=MOMENTS,
        works=st.sampled_from((0.01, 0.3, 3.0, 8.0)),
        moment=MOMENTS,
    )
    def lose_the_bot(
        self, how: str, which: int, after: float, works: float, moment: float
    ) -> None:
        """Perhaps while somebody presses; perhaps it wakes when another has taken its place."""
        clicks = [self._rightly(_one(self._pending(), which), False)] if self._pending() else []
        if how == "frozen":
            self.stage.take_over(works, after)
        else:
            self.stage.restart(after, 5.0 if how == "stopped" else 0.0, clicks[: which % 2])
        self._end(moment)

    # How a click is made.

    def _click(
        self, row: Any, by: str, approves: bool, typed: str, reason: str, replica: bool
    ) -> Click:
        words = {"right": self.stage.rules.papers[row.id].type_to_approve, "wrong": "the lamp"}
        return self.stage.click(
            by, row.id, approves=approves, typed=words.get(typed, ""), reason=reason,
            on_replica=replica,
        )  # fmt: skip

    def _rightly(self, row: Any, replica: bool) -> Click:
        by = self.stage.who_may(row.id) or row.requested_by
        return self._click(row, by, True, "right", "", replica)

    def _agree(self, row: Any, replica: bool) -> None:
        for _ in range(row.people):
            if any(one.id == row.id for one in self._pending()):
                self._press(self._rightly(row, replica))
                self._end()

    def _press(self, *clicks: Click) -> None:
        self.stage.press(*clicks)
        self.delivered += [one for one in clicks if one.approval and not one.repeats]

    def teardown(self) -> None:
        if not hasattr(self, "stage"):
            return
        try:
            if not self.is_broken:
                self.stage.bring_to_rest()
        finally:
            self.stage.close()


def _one(among: list[Any], which: int) -> Any:
    return among[which % len(among)]


def run(
    steps: int, seed: int, machine: type[ApprovalMachine], phases: Sequence[Phase] = PHASES
) -> None:
    """
    At least so many steps, in examples that the seed decides. Raises Broken, with the shortest
    story that was found.
    """
    while machine.tally["steps"] < steps:
        _run(steps - machine.tally["steps"], seed, machine, phases)
        seed += 1


def _run(steps: int, seed: int, machine: type[ApprovalMachine], phases: Sequence[Phase]) -> None:
    settings = hypothesis.settings(
        max_examples=max(1, steps // STEPS_OF_AN_EXAMPLE),
        stateful_step_count=STEPS_OF_AN_EXAMPLE,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=settings)


def main() -> int:
    parser = argparse.ArgumentParser(description="The long run of the approval machine.")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        ApprovalMachine.site = OnDisk(Path(folder))
        try:
            run(args.steps, args.seed, ApprovalMachine)
        except Broken as broken:
            print(broken)
    tally = ApprovalMachine.tally
    print(f"seed {args.seed}, {time.monotonic() - began:.0f} s")
    for what in sorted(tally):
        print(f"{what:24}{tally[what]:8,}")
    return 1 if tally["violations"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
