"""
Where a run is conducted in a test: the books, what the world and people may say, and what must
hold after each event.
"""

from hypothesis import strategies as st

from bot.engine.conductor import conduct
from bot.engine.state import Effect, Event, RunState
from bot.engine.turns import ON_ITS_WAY, UNDO, held_at, open_pick
from bot.runbook import Found, Person, Plan, Question, Runbook
from bot.runbook.changes import Done
from bot.runbook.outline import Outline, outline
from bot.runbook.words import ok, plan, problem, question
from tests.engine.small_world import BOOK, Inputs, Lamp, Lamps, Paint, Smash

LAMPS = outline(BOOK)


def _crossing() -> Outline:
    """Everything that can get in each other's way: in order, pick with a question, standby."""
    book = Runbook(id="RB-T-002", title="Crossing", severity="P3", category="Test", inputs=Inputs)
    first = book.section("First", together=True)

    @first.check("Colour?")
    async def color(lamps: Lamps) -> Found[Lamp]:
        return ok("red", await lamps.lamp("hall"))

    deploy = book.section("Deploy")

    @deploy.action("Paint in order")
    def paint(color: Lamp) -> Plan[Paint]:
        return plan(Paint(lamp="hall", color="green", replacing=color.color))

    @deploy.check("Painted?")
    async def painted(lamps: Lamps, paint: Done[Paint]) -> Found[Lamp]:
        return ok("green", await lamps.lamp(paint.only.lamp))

    cure = book.section("Cure", pick=True)

    @cure.check("How bad?")
    async def badness(lamps: Lamps) -> Found[Lamp]:
        return problem("bad", await lamps.lamp("hall"))

    @cure.ask("Which?")
    def which() -> Question[Person]:
        return question(Person, "Which?")

    @cure.action("Repaint", suggested_by=badness)
    def repaint(which: Person, badness: Lamp) -> Plan[Paint]:
        return plan(Paint(lamp=which.user_id, color="blue", replacing=badness.color))

    rollback = book.section("Rollback", standby=True)

    @rollback.action("Smash it", suggested_by=painted)
    def smash() -> Plan[Smash]:
        return plan(Smash(lamp="hall"))

    @rollback.check("Gone?", proves=smash)
    async def gone(lamps: Lamps) -> Found[Lamp]:
        return ok("gone", await lamps.lamp("hall"))

    return outline(book)


CROSSING = _crossing()
CALLED = {
    "check": ("ok", "warning", "problem", "unknown", "gone"),
    "watch": ("ok", "problem", "unknown", "not yet", "nothing", "gone"),
    "action": ("planned", "nothing", "failed", "gone"),
    "ask": ("asked", "nothing", "failed", "gone"),
    "confirm": ("asked", "nothing", "gone"),
    "include": ("mapped", "nothing", "gone"),
}
LENDING = ("paint", "repaint")  #: What is made by these may be for a while.
APPLIED = ("given", "unsure", "outdated", "failed", "cancelled", "paused")
DECIDED = ("approved", "denied", "expired")


class Stage:
    """What is out in the world while a run is conducted: work, waits, and people."""

    def __init__(self, plan: Outline, dry: bool = False) -> None:
        self.plan = plan
        self.run, effects = conduct(plan, RunState(dry=dry), Event("started"))
        self.out: list[Effect] = []
        self.locked: set[tuple[str, int]] = set()
        self.applies: list[tuple[str, int]] = []
        self.approved: set[tuple[str, int]] = set()
        self.promised: set[str] = set()  #: What is to be taken back by itself.
        self.take(effects)

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            at = (effect.step, effect.attempt)
            if effect.what == "call":
                under_way = [one for one in self.out if one.what == "apply"]
                assert effect.step not in {one.step for one in under_way}, "begun while applying"
                if self.run.step(effect.step).returns:
                    self.promised.discard(effect.step.removesuffix(UNDO))
            if effect.what == "vouch":  # what is left of the plan goes on
                self.applies.remove(at)
            if effect.what == "apply":
                assert at not in self.applies, "applied twice for one plan"
                assert at in self.approved or self._is_agreed(effect.step), "not approved"
                self.applies.append(at)
                self.locked.add(at)
            if effect.what == "free":
                self.locked.discard(at)
            if effect.what == "close":
                closed = [
                    one
                    for one in self.out
                    if (one.step, one.attempt) == at and one.what not in ("call", "apply", "lend")
                ]
                is_dropped = self.run.status == "finished" and self.run.step(effect.step).returns
                assert not (closed and is_dropped), "a return was dropped without a word"
                self.out = [one for one in self.out if one not in closed]
            if effect.what in ("lend", "keep"):
                mine = ("lend", effect.step)
                self.out = [one for one in self.out if (one.what, one.step) != mine]
            asked = effect.what != "propose" or not self._is_agreed(effect.step)
            if effect.what not in ("stop", "close", "free", "vouch", "keep") and asked:
                self.out.append(effect)

    def _is_agreed(self, key: str) -> bool:
        """Nobody is asked: it is the bot's own, or was approved with what it takes back."""
        is_own = self.plan.step(key.removesuffix(UNDO)).unattended is not None
        return is_own or self.run.step(key).returns

    def send(self, event: Event) -> None:
        if event.kind == "resumed" and self.run.status_of(event.about) == "paused":
            self.applies.remove((event.about, self.run.step(event.about).attempt))
        again, late = conduct(self.plan, self.run, event), conduct(self.plan, self.run, event)
        assert again == late, "not a function of its arguments"
        self.run, effects = again
        self.take(effects)
        repeated, nothing = conduct(self.plan, self.run, event)
        if event.kind in ("returned", "applied", "decided", "answered", "resolved"):
            assert repeated is self.run and not nothing, "a doubled event did something"

    def answers(self, effect: Effect) -> list[Event]:
        """What the world may say to this."""
        step, attempt = effect.step, effect.attempt
        kind = self.plan.step(step.removesuffix(UNDO)).kind
        by_what: dict[str, tuple[str, tuple[str, ...]]] = {
            "call": ("returned", CALLED[kind]),
            "apply": ("applied", APPLIED),
            "propose": ("decided", DECIDED),
            "ask": ("answered", ("", "again", "without")),
            "doubt": ("resolved", ("done", "not done", "stop")),
            "tick": ("due", ("",)),
            "lend": ("return due", ("",)),
        }
        event, outcomes = by_what[effect.what]
        lends = (True,) if (event, step in LENDING) == ("applied", True) else ()
        return [
            Event(event, step, attempt, outcome, lends=lent)  # type: ignore[arg-type]
            for outcome in outcomes
            for lent in (lends if outcome == "given" and lends else (False, *lends))
        ]

    def wishes(self) -> list[Event]:
        """What people may say."""
        wishes = [Event("go on", key) for key in held_at(self.plan, self.run)]
        if section := open_pick(self.plan, self.run):
            wishes.append(Event("closed", section))
        for key in (step.key for section in self.plan.sections for step in section.steps):
            wishes += [Event("picked", key), Event("undo", key), Event("again", key)]
            for one in (key, key + UNDO):
                wishes += [Event("paused", one), Event("resumed", one), Event("stopped", one)]
        return wishes

    def granted_wishes(self) -> list[Event]:
        """Those that move the run just now."""
        return [one for one in self.wishes() if conduct(self.plan, self.run, one)[1]]

    def answer(self, effect: Effect, event: Event) -> None:
        if effect.what != "lend":  # which is tried again, while its action is at work
            self.out.remove(effect)
        if event.kind == "decided" and event.outcome == "approved":
            self.approved.add((event.about, event.attempt))
        if event.lends and self.run.status_of(event.about) == "applying":
            self.promised.add(event.about)
        if (event.kind, event.outcome) == ("applied", "given"):
            self.promised.discard(event.about.removesuffix(UNDO) if UNDO in event.about else "")
        self.send(event)

    def awaited(self) -> list[Effect]:
        """Without what is only tried again later."""
        return [
            one
            for one in self.out
            if one.what != "lend" or conduct(self.plan, self.run, self.answers(one)[0])[1]
        ]

    def paused(self) -> list[str]:
        paused = [key for key, step in self.run.steps.items() if step.status == "paused"]
        assert all((key, self.run.step(key).attempt) in self.locked for key in paused)
        return paused

    def check(self) -> None:
        for key, step in self.run.steps.items():
            both = step.status, self.run.status_of(key + UNDO)
            assert not ON_ITS_WAY.issuperset(both), "made and taken back at once"
        if self.run.is_over:
            assert not self.promised, "what was promised to go back did not"
            assert not self.locked, "a run ended and kept a lock"
            assert not [one for one in self.out if one.what in ("propose", "ask", "doubt")]
            return
        if self.run.status == "cancelling":
            assert self.awaited(), "cancelling, and nothing left to wait for"
            return
        waits_for_people = held_at(self.plan, self.run) or open_pick(self.plan, self.run)
        assert self.out or waits_for_people or self.paused(), (
            "stuck: nothing is out and nobody is asked"
        )


def say(stage: Stage, event: Event) -> None:
    waits_for = {"returned": "call", "decided": "propose", "applied": "apply"}[event.kind]
    stage.answer(next(e for e in stage.out if (e.what, e.step) == (waits_for, event.about)), event)


def let_happen(stage: Stage, data: st.DataObject) -> None:
    """Whatever comes, in whatever order."""
    for _ in range(60):
        stage.check()
        if stage.run.is_over:
            break
        who = data.draw(st.sampled_from(("world",) * 12 + ("person",) * 6 + ("late", "cancel")))
        if who == "cancel":
            stage.send(Event("cancelled"))
        elif who == "late":
            stage.send(data.draw(st.sampled_from(stage.wishes())))
        elif who == "person" and (wishes := stage.granted_wishes()):
            stage.send(data.draw(st.sampled_from(wishes)))
        elif stage.out:
            effect = data.draw(st.sampled_from(stage.out))
            stage.answer(effect, data.draw(st.sampled_from(stage.answers(effect))))
    stage.check()
