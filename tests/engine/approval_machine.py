"""
Anybody does anything, at any time, while everything goes wrong: is what is applied still what was
approved, once, and by whom it may be? The engine, the desk, the runner and the store are the real
ones; time, people and the world are the test's.

`python -m tests.engine.approval_machine --steps 10000 --seed 1` is the long run.
"""

import argparse
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from bot.engine.performing import DIRECTORY_AGAIN_S
from bot.engine.turns import open_pick, undoable
from tests.engine.approval_book import OUTLINE
from tests.engine.approval_ledger import Click
from tests.engine.approval_moves import (
    MOVES,
    Ask,
    Carry,
    Disturb,
    Lose,
    Move,
    Press,
)
from tests.engine.approval_sites import OnDisk, Site, postgres
from tests.engine.approval_stage import Broken, Stage
from tests.engine.approval_town import CHANGES
from tests.engine.approval_world import COLORS, EXPIRES_S, LAMPS

STEPS_OF_AN_EXAMPLE = 50
PHASES = (Phase.generate, Phase.shrink)
RUNS_AT_ONCE = 4


class ApprovalMachine(RuleBasedStateMachine):
    """Set `site` before it runs. `tally` counts what happened, over all examples."""

    site: ClassVar[Site]
    tally: ClassVar[Counter[str]] = Counter()

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.stage = Stage(self.site, seed, self.tally)
        self.tally["examples"] += 1
        self.is_broken = False
        for lamp, color in zip(LAMPS, COLORS, strict=True):
            self.stage.start("U1", lamp, color)
        self._go_on(1.0)

    @rule(how=MOVES)
    def move(self, how: Move) -> None:
        self.tally["steps"] += 1
        if isinstance(how, Carry):
            self._carry_through(how)
        elif isinstance(how, Ask):
            self._ask(how)
        elif isinstance(how, Press):
            self._press(how)
        elif isinstance(how, Disturb):
            self._disturb(how)
        else:
            self._lose_the_bot(how)
        self._go_on(how.moment)

    def _carry_through(self, how: Carry) -> None:
        self.stage.world.weather.extend(how.fates)
        run = self._request(how.which, how.by, how.step)
        for row in self._pending():
            if (row.run, row.step) == (run, how.step):
                self._agree(row, how.on_replica)
                self._interfere(how.then, row)

    def _ask(self, how: Ask) -> None:
        stage, able = self.stage, self._undoable()
        if how.what == "undo" and able:
            run, step = _one(able, how.which)
            stage.wish("undo", how.by, run, step)
        elif how.what in ("resolve", "request") and self._unsure():
            self._resolve(how)
        elif how.what in ("resolve", "request") or not self._runs():
            self._request(how.which, how.by, how.step)
        else:
            of_a_step = how.what in ("pick", "undo", "again")
            run = _one(self._runs(), how.which)
            stage.wish(how.what, how.by, run, how.step if of_a_step else "")

    def _press(self, how: Press) -> None:
        if how.what not in ("over", "strange", "again", "again twice") and not self._pending():
            self._request(how.which, how.asker, how.step)
        if how.first == "agreed" and self._pending():
            self.stage.press(self._rightly(_one(self._pending(), how.which), how.on_replica))
            self._go_on()
        elif how.first == "too late":
            self.stage.set_the_clock(EXPIRES_S + 1)
        elif how.first == "tampered" and self.stage.untouched():
            self.stage.tamper(self.stage.untouched()[-1])
        if how.what == "until it is approved" and self._pending():
            self._agree(_one(self._pending(), how.which), how.on_replica)
        else:
            self.stage.press(*self._clicks(how))

    def _disturb(self, how: Disturb) -> None:
        stage = self.stage
        world, town = stage.world, stage.town
        target = f"bulb/{how.lamp}" if how.value.isdigit() else f"lamp/{how.lamp}"
        if how.what == "time":
            stage.tell(f"{how.seconds:g} s pass")
            self._go_on(how.seconds)
        elif how.what == "clock":
            stage.set_the_clock(how.clock)
        elif how.what == "weather":
            world.weather.extend(how.fates)
        elif how.what == "drift" and not any(world.under_way(target)):
            world.drift(target, how.value)  # else it would look like what we did ourselves
        elif how.what == "hide":
            world.hide(target, how.seconds)
        elif how.what == "tamper" and stage.untouched():
            stage.tamper(_one(stage.untouched(), how.which))
        elif how.what == "directory":
            town.goes_down(how.seconds)
        elif how.what == "linked":
            town.link(how.who, how.other)
        elif how.what == "as before":
            town.is_as_before()
        elif how.what in CHANGES:
            town.becomes(how.who, how.what)

    def _lose_the_bot(self, how: Lose) -> None:
        pending = self._pending() if how.pressing else []
        clicks = [self._rightly(_one(pending, how.which), False)] if pending else []
        if how.how == "frozen":
            self.stage.take_over(how.works, how.after)
        else:
            grace_s = 5.0 if how.how == "stopped" else 0.0
            self.stage.restart_while(clicks, how.after, grace_s)

    def teardown(self) -> None:
        if not hasattr(self, "stage"):
            return
        try:
            if not self.is_broken:
                self.stage.bring_to_rest()
        finally:
            self.stage.close()

    # What moves are made of.

    def _go_on(self, moment_s: float = 0.0) -> None:
        """Some time passes; then the rules are held against what happened."""
        self.tally["checks"] += 1
        self.is_broken = True
        self.stage.wait(moment_s)
        self.stage.check()
        self.is_broken = False

    def _request(self, which: int, by: str, step: str) -> str:
        """Of a run that waits for it, else of a new one."""
        if not self._open() and len(self._runs()) < RUNS_AT_ONCE:
            self.stage.start(by, LAMPS[which % 2], COLORS[which % 2])
            self._go_on(0.2)
        if not self._open():
            return ""
        run = str(_one(self._open(), which))
        self.stage.wish("pick", by, run, step)
        self._go_on(0.1)
        return run

    def _resolve(self, how: Ask) -> None:
        """A person looks, and says what is true; or gives up, if that cannot be told."""
        question = _one(self._unsure(), how.which)
        calls = self.stage.calls_of(question.run, question.step)
        if how.step == "proof" or any(one.under_way for one in calls):
            self.stage.resolve(how.by, question, "stop")
        else:
            done = bool(calls) and bool(calls[-1].landed)
            self.stage.resolve(how.by, question, "done" if done else "not done")

    def _agree(self, row: Any, on_replica: bool) -> None:
        """Those who may, one after another, until it is approved."""
        for _ in range(row.people):
            if any(one.id == row.id for one in self._pending()):
                self.stage.press(self._rightly(row, on_replica))
                self._go_on()

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
        elif what == "frozen at the door":  # all is judged but who approved; another one goes in
            stage.town.goes_down(1.0)
            self._go_on(0.1)
            stage.take_over(DIRECTORY_AGAIN_S + 0.2, 0.1)

    def _clicks(self, how: Press) -> list[Click]:
        rows, delivered = self.stage.rows.plans.values(), self.stage.rules.clicks[-6:]
        over = [row for row in rows if row.status != "pending" and row.people]
        if how.what.startswith("again") and delivered:
            click = _one(delivered, how.which)
            copies = 2 if how.what == "again twice" else 1
            return [self.stage.deliver_again(click) for _ in range(copies)]
        if how.what == "strange" or not (over or self._pending()):
            return [self.stage.click("U2", "no-such-request", reason="because")]
        if (how.what == "over" and over) or not self._pending():
            return [self._click(_one(over, how.which), how)]
        row = _one(self._pending(), how.which)
        if how.what == "right":
            return [self._rightly(row, how.on_replica)]
        if how.what == "two at once":
            other = how._replace(by=how.other, on_replica=not how.on_replica, approves=True)
            return [self._click(row, how), self._click(row, other)]
        return [self._click(row, how)]

    def _click(self, row: Any, how: Press) -> Click:
        words = {"right": self.stage.rules.papers[row.id].type_to_approve, "wrong": "the lamp"}
        return self.stage.click(
            self.stage.who_is(how.by, row), row.id, approves=how.approves,
            typed=words.get(how.typed, ""), reason=how.reason, on_replica=how.on_replica,
        )  # fmt: skip

    def _rightly(self, row: Any, on_replica: bool) -> Click:
        by = self.stage.who_is("who may", row)
        typed = self.stage.rules.papers[row.id].type_to_approve
        return self.stage.click(by, row.id, typed=typed, on_replica=on_replica)

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


def _one(among: Sequence[Any], which: int) -> Any:
    return among[which % len(among)]


def run(
    steps: int, seed: int, machine: type[ApprovalMachine], phases: Sequence[Phase] = PHASES
) -> None:
    """
    At least so many steps, in examples that the seed decides. Raises Broken, with the shortest
    story that was found.
    """
    while machine.tally["steps"] < steps:
        settings = hypothesis.settings(
            max_examples=-(-(steps - machine.tally["steps"]) // STEPS_OF_AN_EXAMPLE),
            stateful_step_count=STEPS_OF_AN_EXAMPLE,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=settings)
        seed += 1


def main() -> int:
    parser = argparse.ArgumentParser(description="The long run of the approval machine.")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="on a real server")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began, tally = time.monotonic(), ApprovalMachine.tally
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        disk: Site = OnDisk(folder)
        ApprovalMachine.site = stack.enter_context(postgres()) if args.postgres else disk
        try:
            run(args.steps, args.seed, ApprovalMachine)
        except Broken as broken:
            print(broken)
    print(f"seed {args.seed}, {time.monotonic() - began:.0f} s")
    for what in sorted({*tally, "violations"}):
        print(f"{what:24}{tally[what]:8,}")
    return 1 if tally["violations"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
