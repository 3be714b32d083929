"""The conductor under every order of events that Hypothesis can think of."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.engine.conductor import conduct
from bot.engine.state import NOT_OVER, Effect, Event, RunState
from bot.engine.turns import ON_ITS_WAY, UNDO, held_at, open_pick, undoable
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


@pytest.mark.parametrize("plan", [LAMPS, CROSSING], ids=["lamps", "crossing"])
@settings(max_examples=settings().max_examples * 3 // 2, deadline=None)
@given(data=st.data(), dry=st.booleans())
def test_whatever_comes_in_whatever_order_a_run_is_never_stuck_and_never_unapproved(
    plan: Outline, data: st.DataObject, dry: bool
) -> None:
    _let_happen(Stage(plan, dry), data)


@pytest.mark.parametrize("where", ["made", "half way", "on its way back"])
@settings(max_examples=settings().max_examples * 3 // 2, deadline=None)
@given(data=st.data())
def test_what_is_lent_goes_back_whatever_comes_in_between(where: str, data: st.DataObject) -> None:
    stage = _lent("failed" if where == "half way" else "given")
    if where == "on its way back":
        stage.send(Event("return due", "paint"))
    _let_happen(stage, data)


def _let_happen(stage: Stage, data: st.DataObject) -> None:
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


@pytest.mark.parametrize("plan", [LAMPS, CROSSING], ids=["lamps", "crossing"])
@settings(deadline=None)
@given(data=st.data())
def test_a_run_that_is_answered_always_comes_to_its_end(
    plan: Outline, data: st.DataObject
) -> None:
    stage = Stage(plan)
    for _ in range(80):
        if stage.run.is_over:
            return
        if awaited := stage.awaited():
            effect = data.draw(st.sampled_from(awaited))
            anew = ("not yet", "outdated", "again")
            final = [e for e in stage.answers(effect) if e.outcome not in anew]
            stage.answer(effect, data.draw(st.sampled_from(final)))
        elif paused := stage.paused():
            stage.send(Event("resumed", paused[0]))
        elif held := held_at(stage.plan, stage.run):
            stage.send(Event("go on", held[0]))
        else:
            section = open_pick(stage.plan, stage.run)
            assert section
            stage.send(Event("closed", section))
    assert stage.run.is_over


def test_late_news_of_an_earlier_attempt_moves_nothing() -> None:
    stage = Stage(LAMPS)
    (greet,) = (one for one in stage.out if one.step == "greet")
    stage.answer(greet, Event("returned", "greet", 1, "failed"))
    stage.send(Event("again", "greet"))
    before = stage.run
    stage.send(Event("returned", "greet", 1, "planned"))
    assert stage.run is before


def test_the_state_survives_being_stored() -> None:
    stage = Stage(LAMPS)
    assert RunState.from_json(stage.run.as_json()) == stage.run


@pytest.mark.parametrize("status", sorted(NOT_OVER - {"waiting"}))
def test_a_cancelled_run_ends_once_nothing_is_being_applied(status: str) -> None:
    stage = Stage(LAMPS)
    stage.run = stage.run.with_step("greet", status=status)
    stage.send(Event("cancelled"))
    ended = status not in ("applying", "unsure")  # also what was paused
    assert stage.run.status == ("cancelled" if ended else "cancelling")


def _picked_while_another_is_applied() -> Stage:
    """`paint` is being applied in its turn, and so is `smash`, which somebody picked meanwhile."""
    stage = Stage(CROSSING)
    _say(stage, Event("returned", "color", 1, "ok"))
    _say(stage, Event("returned", "paint", 1, "planned"))
    _say(stage, Event("decided", "paint", 1, "approved"))
    stage.send(Event("picked", "smash", by="U1"))
    _say(stage, Event("returned", "smash", 1, "planned"))
    _say(stage, Event("decided", "smash", 1, "approved"))
    return stage


def _say(stage: Stage, event: Event) -> None:
    waits_for = {"returned": "call", "decided": "propose", "applied": "apply"}[event.kind]
    stage.answer(next(e for e in stage.out if (e.what, e.step) == (waits_for, event.about)), event)


def _lent(outcome: str) -> Stage:
    """`paint` was made for a while, all of it or some."""
    stage = Stage(CROSSING)
    _say(stage, Event("returned", "color", 1, "ok"))
    _say(stage, Event("returned", "paint", 1, "planned"))
    _say(stage, Event("decided", "paint", 1, "approved"))
    _say(stage, Event("applied", "paint", 1, outcome, lends=True))
    return stage


def _going_back(outcome: str, what: str = "returned") -> Stage:
    """Its return, once its work has said so."""
    stage = _lent("given")
    stage.send(Event("return due", "paint"))
    if what == "applied":
        _say(stage, Event("returned", "paint.undo", 1, "planned"))
    _say(stage, Event(what, "paint.undo", 1, outcome))  # type: ignore[arg-type]
    return stage


def _close(stage: Stage) -> None:
    """All but what goes back is done."""
    _say(stage, Event("returned", "painted", 1, "ok"))
    stage.send(Event("closed", "cure"))


def test_a_return_that_no_version_can_make_keeps_its_run_open_and_is_tried_again() -> None:
    stage = _going_back("gone")
    _close(stage)
    assert stage.run.status == "running" and stage.run.status_of("paint.undo") == "asked"
    (ask,) = stage.out
    stage.answer(ask, Event("answered", "paint.undo", 1, "again"))
    _say(stage, Event("returned", "paint.undo", 2, "planned"))
    _say(stage, Event("applied", "paint.undo", 2, "given"))
    assert stage.run.status == "finished"


def test_nobody_is_asked_about_the_return_of_a_run_that_is_being_cancelled() -> None:
    stage = _lent("given")
    stage.send(Event("cancelled"))
    stage.send(Event("return due", "paint"))
    _say(stage, Event("returned", "paint.undo", 1, "gone"))
    assert (stage.run.status, stage.run.status_of("paint.undo")) == ("cancelled", "failed")


@pytest.mark.parametrize("first", ["paused", "cancelled"])
def test_a_paused_return_ends_with_its_run(first: str) -> None:
    stage = _lent("given")
    stage.send(Event("return due", "paint"))
    _say(stage, Event("returned", "paint.undo", 1, "planned"))
    stage.send(Event("paused", "paint.undo", by="U1"))
    if first == "paused":
        _say(stage, Event("applied", "paint.undo", 1, "paused"))
        assert stage.paused() == ["paint.undo"]
    stage.send(Event("cancelled"))
    if first == "cancelled":
        _say(stage, Event("applied", "paint.undo", 1, "paused"))
    assert (stage.run.status, stage.run.status_of("paint.undo")) == ("cancelled", "cancelled")
    assert not stage.locked


def test_what_is_just_taken_back_is_not_made_anew_before() -> None:
    stage = _lent("failed")
    stage.send(Event("return due", "paint"))
    stage.send(Event("again", "paint", by="U1"))
    assert stage.run.status_of("paint") == "waiting"
    _say(stage, Event("returned", "paint.undo", 1, "planned"))
    _say(stage, Event("applied", "paint.undo", 1, "given"))
    assert stage.run.status_of("paint") == "working"


def test_what_is_made_anew_in_its_turn_can_be_taken_back_anew() -> None:
    stage = _lent("failed")
    stage.send(Event("return due", "paint"))
    _say(stage, Event("returned", "paint.undo", 1, "planned"))
    _say(stage, Event("applied", "paint.undo", 1, "given"))
    stage.send(Event("again", "paint", by="U1"))
    _say(stage, Event("returned", "paint", 2, "planned"))
    _say(stage, Event("decided", "paint", 2, "approved"))
    _say(stage, Event("applied", "paint", 2, "given"))
    assert undoable(CROSSING, stage.run) == ("paint",)


def test_what_is_not_used_is_not_stored_so_that_an_older_version_reads_the_step() -> None:
    stage = _lent("given")
    later = {"returns", "wish", "wished_by"}
    assert all(not later & set(one) for one in stage.run.as_json()["steps"].values())
    stage.send(Event("return due", "paint"))
    assert stage.run.as_json()["steps"]["paint.undo"]["returns"]
    assert RunState.from_json(stage.run.as_json()) == stage.run


def test_what_is_planned_anew_waits_for_what_was_picked_meanwhile() -> None:
    stage = _picked_while_another_is_applied()
    _say(stage, Event("applied", "paint", 1, "outdated"))
    assert stage.run.errand[0] == "smash" and stage.run.status_of("paint") == "waiting"
    assert not [one for one in stage.out if one.what == "call"]
    _say(stage, Event("applied", "smash", 1, "given"))
    _say(stage, Event("returned", "gone", 1, "ok"))
    assert stage.run.errand == ("color", "paint")
    _say(stage, Event("returned", "color", 2, "ok"))
    _say(stage, Event("returned", "paint", 2, "planned"))


def test_a_step_that_is_at_it_cannot_be_picked_again_nor_is_its_run_over() -> None:
    stage = _picked_while_another_is_applied()
    before = stage.run
    stage.send(Event("picked", "smash", by="U2"))
    assert stage.run is before
    _say(stage, Event("applied", "paint", 1, "failed"))
    stage.send(Event("go on", "paint"))
    assert not stage.run.is_over


def test_whoever_asked_first_stays_the_one_who_asked() -> None:
    stage = _picked_while_another_is_applied()
    stage.send(Event("picked", "smash", by="U2"))
    stage.send(Event("again", "smash", by="U3"))
    assert stage.run.step("smash").by == "U1"


def test_what_a_person_vouches_for_goes_on_with_the_rest_of_its_plan() -> None:
    stage = _picked_while_another_is_applied()
    _say(stage, Event("applied", "smash", 1, "unsure"))
    stage.send(Event("resolved", "smash", 1, "done", "U1"))
    assert stage.run.status_of("smash") == "applying"
    assert [e.what for e in stage.out if e.step == "smash"] == ["apply"]
