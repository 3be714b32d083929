"""
Anybody does anything, at any time, while everything goes wrong: is what is applied still what was
approved (or let through by broken glass), once, and by whom it may be? The engine, the desk, the
runner and the store are the real ones; time, people and the world are the test's.

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
from typing import ClassVar

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from bot.engine.engine import SWEEP_EVERY_S
from bot.engine.performing import DIRECTORY_AGAIN_S
from tests.engine.approval_hands import Hands, one_of
from tests.engine.approval_ledger import Deed, Paper
from tests.engine.approval_moves import MOVES, Ask, Carry, Disturb, Lose, Move, Press
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
        self.hands = Hands(self.stage)
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
        stage = self.stage
        stage.town.comes_back()
        stage.world.weather.extend(how.fates)
        run = self._request(how.which, how.by, how.step)
        asked = [one for one in stage.pending() if (one.run, one.step) == (run, how.step)]
        for paper in asked or stage.pending()[:1]:
            if not stage.who_may("yes", paper):
                stage.town.is_as_before()
            if how.through == "glass":
                self._decide(paper, how.on_replica, "broken glass", how.held)
            else:
                self._agree(paper, how.on_replica, how.held)
            self._interfere(how, paper)

    def _ask(self, how: Ask) -> None:
        stage, able = self.stage, self.stage.undoable()
        if how.what == "freeze":
            stage.turn("freeze", how.by)
        elif how.what == "thaw":
            stage.turn("thaw", how.by)
        elif how.what == "undo" and able:
            run, step = one_of(able, how.which)
            stage.wish("undo", how.by, run, step)
        elif how.what in ("resolve", "request") and stage.unsure():
            self._resolve(how)
        elif how.what in ("resolve", "request") or not stage.runs():
            self._request(how.which, how.by, how.step)
        else:
            of_a_step = how.what in ("pick", "undo", "again")
            run = one_of(stage.runs(), how.which)
            stage.wish(how.what, how.by, run, how.step if of_a_step else "")

    def _press(self, how: Press) -> None:
        stage, hands = self.stage, self.hands
        if how.what not in ("over", "strange", "again", "again twice") and not stage.pending():
            self._request(how.which, how.asker, how.step)
        if how.first == "agreed" and stage.pending():
            self._decide(one_of(stage.pending(), how.which), how.on_replica, "yes")
        elif how.first == "broken" and stage.pending():
            self._decide(one_of(stage.pending(), how.which), how.on_replica, "broken glass")
        elif how.first == "too late":
            stage.set_the_clock(EXPIRES_S + 1)
        elif how.first == "tampered" and stage.untouched():
            stage.tamper(stage.untouched()[-1])
        if how.what == "until all are approved":
            for paper in stage.pending():
                self._agree(paper, how.on_replica)
        elif how.first in ("too late", "tampered") and stage.pending():  # and all else is right
            stage.press(hands.rightly(stage.pending()[-1], how.on_replica, how.does))
        elif how.what == "stopped meanwhile":
            stage.turn("freeze", how.asker, hands.clicks(how))
        else:
            stage.press(*hands.clicks(how))

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
            stage.tamper(one_of(stage.untouched(), how.which))
        elif how.what == "directory":
            town.goes_down(min(how.seconds, 3.0))
        elif how.what == "linked":
            town.link(how.who, how.other)
        elif how.what == "as before":
            town.is_as_before()
        elif how.what in CHANGES:
            town.becomes(how.who, how.what)

    def _lose_the_bot(self, how: Lose) -> None:
        pending = self.stage.pending() if how.pressing else []
        clicks = [self.hands.rightly(one, False, how.does) for one in pending[-1:]]
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
        if not self.stage.open() and len(self.stage.runs()) < RUNS_AT_ONCE:
            self.stage.start(by, LAMPS[which % 2], COLORS[which % 2])
            self._go_on(0.2)
        if not self.stage.open():
            return ""
        run = str(one_of(self.stage.open(), which))
        self.stage.wish("pick", by, run, step)
        self._go_on(0.1)
        return run

    def _resolve(self, how: Ask) -> None:
        """A person looks, and says what is true; or gives up, if that cannot be told."""
        question = one_of(self.stage.unsure(), how.which)
        calls = self.stage.calls_of(question.run, question.step)
        if how.step == "proof" or any(one.under_way for one in calls):
            self.stage.resolve(how.by, question, "stop")
        else:
            done = bool(calls) and bool(calls[-1].landed)
            self.stage.resolve(how.by, question, "done" if done else "not done")

    def _agree(self, paper: Paper, on_replica: bool, held: bool = False) -> None:
        """Those who may, one after another, until it is approved."""
        if self.stage.rows.is_stopped:
            self.stage.turn("thaw", self.stage.who_is("who may", "yes", paper))
        for _ in range(paper.people):
            if paper.status == "pending":
                self._decide(paper, on_replica, "yes", held)

    def _decide(self, paper: Paper, on_replica: bool, does: Deed, held: bool = False) -> None:
        """Rightly. `held`: nobody can be looked up from then on, until somebody else decides."""
        self.stage.town.comes_back()
        self.stage.press(self.hands.rightly(paper, on_replica, does))
        if held:
            self.stage.town.goes_down(1.0)
        self._go_on()

    def _interfere(self, how: Carry, paper: Paper) -> None:
        """With what was just approved, or goes through by broken glass."""
        stage, what = self.stage, how.then
        one, other = paper.deciders(paper.requested_by)
        if what in CHANGES:
            stage.town.becomes(one, what)
        elif what == "one human":
            stage.town.link(one, other)
        elif what == "nobody answers":
            stage.town.goes_down(3.0)
        elif what == "too late":
            stage.set_the_clock(EXPIRES_S + 1)
        elif what == "cancelled":
            stage.wish("cancel", "U5", paper.run)
        elif what == "tampered":  # before another bot reads it
            stage.town.goes_down(1.0)
            self._go_on(0.01)
            if paper in stage.untouched():
                stage.tamper(paper)
            stage.restart(0.001, 0.0)
        elif what == "stopped":
            stage.wait(how.after)
            stage.turn("freeze", how.by)
        elif what == "stopped at the door":  # all is judged again, and no intent is written yet
            stage.town.goes_down(SWEEP_EVERY_S + 0.5)
            self._go_on(SWEEP_EVERY_S + 0.2)
            with stage.unwritten():
                stage.wait(DIRECTORY_AGAIN_S + 0.5)
                stage.turn("freeze", how.by, on_replica=True)
        elif what == "killed":
            stage.restart(0.001, 0.0)
        elif what == "frozen":
            stage.take_over(3.0, 0.01)
        elif what == "frozen at the door":  # all is judged but who approved; another one goes in
            stage.town.goes_down(1.0)
            self._go_on(0.1)
            stage.take_over(DIRECTORY_AGAIN_S + 0.2, 0.1)


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
        print(f"{what:36}{tally[what]:8,}")
    return 1 if tally["violations"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
