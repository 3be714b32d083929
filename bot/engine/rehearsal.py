"""
Goes through a whole runbook in a test: the book's own functions, the real conductor, canned
answers from outside, and a script of what people decide. Nothing is applied and no time passes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar, get_type_hints

from bot.engine.calling import Surroundings, call_within, is_final, time_is_up
from bot.engine.conductor import conduct
from bot.engine.record import StepStatus
from bot.engine.results import Results, undo_of
from bot.engine.state import Effect, Event, RunState
from bot.engine.systems import Systems
from bot.engine.turns import UNDO, held_at, open_pick, suggested
from bot.runbook import (
    Adapter,
    Company,
    Found,
    NextHop,
    Nothing,
    Plan,
    Question,
    Run,
    Runbook,
    RunbookInputs,
    Todo,
)
from bot.runbook.changes import Change
from bot.runbook.errors import StepError
from bot.runbook.findings import NotYet
from bot.runbook.outline import outline
from bot.runbook.step import Step

A = TypeVar("A", bound=Adapter)
RUN = Run(id="7F3K", started_at=datetime(2026, 11, 23, 9, 0, tzinfo=UTC), started_by="U1")
READINGS_AT_MOST = 1000


def canned(system: type[A], **answers: Any) -> A:
    """
    An outside system that gives these answers, by the name of its method. A list is used up
    answer by answer, and its last one stays; an exception is raised.
    """
    for name in answers:
        if not hasattr(system, name):
            raise AttributeError(f"{system.__name__} has no {name}")
    methods = {name: _answering(system, name, answer) for name, answer in answers.items()}
    made: A = object.__new__(type(system.__name__, (system,), methods))
    return made


def _answering(system: type, name: str, answer: Any) -> Any:
    left = list(answer) if isinstance(answer, list) else [answer]
    promised = get_type_hints(getattr(system, name)).get("return")

    async def answering(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, Exception):
            raise given
        if isinstance(promised, type) and not isinstance(given, promised):
            raise TypeError(f"{system.__name__}.{name} gives {promised.__name__}, not {given!r}")
        return given

    return answering


@dataclass
class Rehearsal:
    """What happened, in words that a test compares."""

    order: list[str] = field(default_factory=list)  #: Steps as they started, again if again.
    says: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, StepStatus] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)  #: How many had to agree, by step.
    suggested: list[str] = field(default_factory=list)  #: When the run first waited for a pick.
    offered: list[NextHop] = field(default_factory=list)
    held_at: list[str] = field(default_factory=list)
    is_over: bool = False


async def rehearse(
    book: Runbook,
    inputs: RunbookInputs,
    systems: Sequence[Adapter] = (),
    *,
    company: Company | None = None,
    found: Mapping[str, Found[Any]] | None = None,
    answers: Mapping[str, Any] | None = None,
    picks: Sequence[str] = (),
    denied: Sequence[str] = (),
    go_on: Sequence[str] = (),
) -> Rehearsal:
    """
    `found` puts findings in the place of checks; `answers` are what people answer, by step, and a
    `meanwhile` question without one stays open; `picks` what they pick, one after another
    ("roll_back.undo" takes it back); every plan is approved but the `denied` ones; `go_on` names
    the held steps that a person waves through.
    """
    around = Surroundings(Systems(*systems), company or Company())
    stage = _Stage(book, inputs, around, found or {}, answers or {}, set(denied))
    await stage.play(list(picks), list(go_on))
    return stage.seen


class _Stage:
    def __init__(
        self,
        book: Runbook,
        inputs: RunbookInputs,
        around: Surroundings,
        found: Mapping[str, Found[Any]],
        answers: Mapping[str, Any],
        denied: set[str],
    ) -> None:
        self._book, self._around = book, around
        self._found, self._answers, self._denied = found, answers, denied
        self._outline = outline(book)
        self._results = Results(inputs, RUN)
        self._plans: dict[str, Plan[Change]] = {}
        self._run = RunState()
        self._todo: list[Effect] = []
        self.seen = Rehearsal()

    async def play(self, picks: list[str], go_on: list[str]) -> None:
        self._send(Event("started"))
        while True:
            while self._todo:
                await self._do(self._todo.pop(0))
            event = self._decision(picks, go_on) or self._return()
            if event is None:
                break
            self._send(event)
        self.seen.statuses = {key: step.status for key, step in self._run.steps.items()}
        self.seen.held_at = list(held_at(self._outline, self._run))
        self.seen.is_over = self._run.is_over

    def _send(self, event: Event) -> None:
        self._run, effects = conduct(self._outline, self._run, event)
        self._todo += effects

    def _decision(self, picks: list[str], go_on: list[str]) -> Event | None:
        """What a person does when the run waits for one."""
        held = held_at(self._outline, self._run)
        section = open_pick(self._outline, self._run)
        if section and not self.seen.suggested:
            self.seen.suggested = list(suggested(self._outline, self._run))
        if picks and (section or held):
            key = picks.pop(0)
            return Event("undo" if key.endswith(UNDO) else "picked", key.removesuffix(UNDO))
        for key in held:
            if key in go_on:
                return Event("go on", key)
        return Event("closed", section) if section and not held else None

    def _return(self) -> Event | None:
        """When nothing else is waited for, the time comes at which things are taken back."""
        return next((Event("return due", key) for key in sorted(self._run.lent)), None)

    async def _do(self, effect: Effect) -> None:
        key, attempt = effect.step, effect.attempt
        if effect.what == "call":
            if self._run.step(key).reading == 1:
                self.seen.order.append(key)
            self._send(Event("returned", key, attempt, await self._call(key)))
        elif effect.what == "propose" and not self._gate(key).unattended:
            outcome = "denied" if key in self._denied else "approved"
            self._send(Event("decided", key, attempt, outcome))
        elif effect.what == "apply":
            self._results.apply(key, self._plans[key], RUN.started_at)
            lends = self._plans[key].back_after is not None
            self._send(Event("applied", key, attempt, "given", lends=lends))
        elif effect.what == "ask" and self._results.given.get(key) is not None:
            self._send(Event("answered", key, attempt))

    async def _call(self, key: str) -> str:
        if key.endswith(UNDO):
            return self._take(key, undo_of(self._results.made.get(key.removesuffix(UNDO), ())))
        if key in self._found:
            return self._take(key, self._found[key])
        step = self._book.steps[key]
        try:
            answer = await self._watch(step) if step.timing else await self._ask(step)
        except StepError as error:
            self.seen.says[key] = str(error)
            return "failed"
        return self._take(key, answer)

    async def _ask(self, step: Step) -> Any:
        return await call_within(step, self._results, self._around)

    async def _watch(self, step: Step) -> Any:
        assert step.timing
        lasting = step.timing.lasting
        reading: Any = None
        for _ in range(min(READINGS_AT_MOST, int(lasting / step.timing.every) + 1)):
            reading = await self._ask(step)
            if isinstance(reading, Nothing) or is_final(step, reading):
                return reading
        return time_is_up(step, reading, reading if isinstance(reading, Found) else None)

    def _take(self, key: str, answer: Any) -> str:
        self.seen.says[key] = _says(answer)
        if isinstance(answer, Nothing):
            return "nothing"
        if isinstance(answer, Found):
            self._results.find(key, answer)
            self.seen.offered.extend(answer.details.get("next_hops", ()))
            return answer.verdict
        if isinstance(answer, Plan):
            self._take_plan(key, answer)
            return "planned"
        if isinstance(answer, Question):
            self._answer(key, answer)
            return "asked"
        if isinstance(answer, RunbookInputs):
            self._results.given[key] = answer
            return "mapped"
        self._results.given[key] = answer
        return "asked"

    def _take_plan(self, key: str, plan: Plan[Change]) -> None:
        self._plans[key] = plan
        self.seen.commands[key] = [change.command() for change in plan.changes]
        gate = self._gate(key)
        if not (gate.unattended or self._run.step(key).returns):
            worst = max(change.effect for change in plan.changes)
            self.seen.people[key] = max(gate.people, worst.people)

    def _gate(self, key: str) -> Any:
        return self._book.steps[key.removesuffix(UNDO)].gate

    def _answer(self, key: str, question: Question[Any]) -> None:
        if key not in self._answers:
            if self._book.steps[key].meanwhile:
                return
            raise AssertionError(f"{key} asks '{question.text}'; answers= has no {key}")
        answer = self._answers[key]
        if not isinstance(answer, question.answer):
            raise AssertionError(f"{key} wants {question.answer.__name__}, not {answer!r}")
        if question.choices and answer not in [choice.value for choice in question.choices]:
            raise AssertionError(f"{key}: {answer!r} is not one of the choices")
        self._results.given[key] = answer


def _says(answer: Any) -> str:
    if isinstance(answer, Found | NotYet):
        return answer.summary
    if isinstance(answer, Nothing):
        return answer.reason
    if isinstance(answer, Plan):
        return answer.because
    return answer.text if isinstance(answer, Question | Todo) else str(answer)
