"""What nobody waits for, and what must be done all the same before a run may end."""

import pytest

from bot.engine.conductor import conduct
from bot.engine.rehearsal import rehearse
from bot.engine.state import Event, RunState
from bot.runbook import Nothing, Person, Question, Runbook, RunbookInputs, Todo
from bot.runbook.errors import BookError
from bot.runbook.outline import outline
from bot.runbook.words import nothing, question, todo

LENA = Person(user_id="U0LENA")


class Inputs(RunbookInputs):
    pass


def clocked() -> Runbook:
    book = Runbook(id="RB-T-9", title="Clocks", severity="P1", category="Test", inputs=Inputs)
    section = book.section("Clocks")

    @section.ask("Who tells the authority?", meanwhile=True)
    def owner() -> Question[Person]:
        return question(Person, "Who?")

    @section.confirm("Tell the authority", meanwhile=True)
    def told(owner: Person) -> Todo | Nothing:
        if owner.user_id == "U0NOBODY":
            return nothing("Nobody need be told")
        return todo("Tell it", owner=owner)

    then = book.section("Then")

    @then.confirm("Something else")
    def other() -> Todo:
        return todo("Do it")

    return book


class Score:
    """The run as it is after each event."""

    def __init__(self) -> None:
        self.outline, self.run = outline(clocked()), RunState()
        self.send(Event("started"))

    def send(self, event: Event) -> None:
        self.run, _ = conduct(self.outline, self.run, event)

    def returns(self, key: str, outcome: str = "asked") -> None:
        self.send(Event("returned", key, self.run.step(key).attempt, outcome))

    def answers(self, key: str) -> None:
        self.send(Event("answered", key, self.run.step(key).attempt))

    def statuses(self) -> list[str]:
        return [self.run.status_of(key) for key in ("owner", "told", "other")]


def test_the_run_goes_on_while_a_to_do_waits_for_its_owner() -> None:
    score = Score()
    score.returns("owner")
    assert score.statuses() == ["asked", "waiting", "working"]


def test_it_is_asked_for_when_the_answer_is_there_however_far_the_run_is() -> None:
    score = Score()
    score.returns("owner")
    score.returns("other")
    score.answers("owner")
    assert score.statuses() == ["given", "working", "asked"]


@pytest.mark.parametrize("answered_first", [True, False])
def test_the_run_ends_only_when_it_is_done(answered_first: bool) -> None:
    score = Score()
    score.returns("owner")
    if answered_first:
        score.answers("owner")
    score.returns("other")
    score.answers("other")
    assert not score.run.is_over
    if not answered_first:
        score.answers("owner")
    score.returns("told")
    assert not score.run.is_over
    score.answers("told")
    assert score.run.is_over


def test_what_need_not_be_done_keeps_nothing_from_ending() -> None:
    score = Score()
    score.returns("owner")
    score.answers("owner")
    score.returns("told", "nothing")
    score.returns("other")
    score.answers("other")
    assert score.run.is_over


def test_a_cancelled_run_waits_for_nothing() -> None:
    score = Score()
    score.returns("owner")
    score.send(Event("cancelled"))
    score.returns("other", "cancelled")
    assert score.run.status == "cancelled"


async def test_a_dry_run_asks_nobody_and_ends() -> None:
    book = clocked()
    run, _ = conduct(outline(book), RunState(dry=True), Event("started"))
    for _ in range(10):
        for key, step in run.steps.items():
            if step.status == "working":
                told = Event("returned", key, step.attempt, "asked")
                run, _ = conduct(outline(book), run, told)
                break
    assert run.status == "finished"


async def test_a_rehearsal_ticks_it_off_once_its_owner_is_named() -> None:
    seen = await rehearse(clocked(), Inputs(), answers={"owner": LENA})
    assert seen.is_over and set(seen.order) == {"owner", "other", "told"}


def test_what_has_its_turn_only_when_picked_cannot_be_done_meanwhile() -> None:
    book = Runbook(id="RB-T-8", title="Pick", severity="P3", category="Test", inputs=Inputs)
    section = book.section("Pick", pick=True)
    with pytest.raises(BookError, match="surely has its turn"):

        @section.confirm("Tell", meanwhile=True)
        def told() -> Todo:
            return todo("Tell it")
