"""
Whose turn it is: what is due, what may be picked or taken back, and what waits for a person. Read
off the outline and the state of the steps; nothing here changes a thing.
"""

from collections.abc import Iterator
from dataclasses import replace

from bot.engine.state import NOT_OVER, Errand, RunState, StepState
from bot.runbook.outline import Outline, SectionOutline, StepOutline

UNDO = ".undo"
#: A step that asks for the result of one of these waits for it.
ON_ITS_WAY = NOT_OVER - {"waiting"}
#: No run ends while a step is at one of these; a question may stay open.
AT_WORK = ON_ITS_WAY - {"asked"}


def is_at_work(step: StepState) -> bool:
    """Also a return that nobody can make as it is: what was promised is not dropped."""
    return step.status in AT_WORK or (step.returns and step.status == "asked")


def spec_of(outline: Outline, key: str) -> StepOutline:
    """The outline of a step; an undo looks like the action it takes back, without its needs."""
    step = outline.step(key.removesuffix(UNDO))
    if key == step.key:
        return step
    return replace(step, key=key, after={}, title=f"Take back: {step.title}")


def held_at(outline: Outline, run: RunState) -> tuple[str, ...]:
    """The steps that keep the run from going on until a person says so."""
    return tuple(
        step.key
        for section in outline.sections
        if section.holds and not run.dry
        for step in section.steps
        if run.holds(step.key)
    )


def open_pick(outline: Outline, run: RunState) -> str | None:
    """The section a person is to pick from, when that is what the run waits for."""
    if run.is_on_errand or run.dry or run.status != "running":
        return None
    for section in outline.sections:
        if section.mode == "pick" and section.key not in run.closed:
            return section.key
        if not is_past(section, run):
            return None
    return None


def suggested(outline: Outline, run: RunState) -> tuple[str, ...]:
    """Actions to offer now, because a check that suggests them found something wrong."""
    return tuple(
        step.key
        for section in outline.sections
        for step in section.steps
        if any(run.status_of(key) in ("warning", "problem") for key in step.suggested_by)
    )


def undoable(outline: Outline, run: RunState) -> tuple[str, ...]:
    """
    Actions that may have applied something that can be taken back: also one that failed or was
    cancelled half-way. What they really applied, the rows say.
    """
    return tuple(
        step.key
        for section in outline.sections
        for step in section.steps
        if step.undoable
        and run.step(step.key).attempt
        and run.status_of(step.key) not in NOT_OVER
        and run.status_of(step.key + UNDO) not in ON_ITS_WAY | {"given"}
    )


def may_pick(outline: Outline, run: RunState, key: str) -> bool:
    if run.is_on_errand or run.status != "running":
        return False
    if ON_ITS_WAY & {run.status_of(key), run.status_of(key + UNDO)}:
        return False
    for section in outline.sections:
        if any(step.key == key and step.kind == "action" for step in section.steps):
            return section.mode == "standby" or open_pick(outline, run) == section.key
    return False


def ready(outline: Outline, run: RunState) -> Iterator[str]:
    """What is due, has everything that is still on its way, and is not just being taken back."""
    for key in _due(outline, run):
        needed = spec_of(outline, key).after
        coming = (run.status_of(n) in ON_ITS_WAY or run.is_afresh(n) for n in needed if needed[n])
        if not any(coming) and run.status_of(key + UNDO) not in ON_ITS_WAY:
            yield key


def _due(outline: Outline, run: RunState) -> Iterator[str]:
    yield from _asked_again(outline, run)
    if errand := run.errand or run.proofs:
        if run.status_of(errand[0]) == "waiting":
            yield errand[0]
        return
    for section in outline.sections:
        if is_past(section, run):
            yield from (step.key for step in section.steps if _has_waited(step, section, run))
            continue
        mode = "in order" if run.dry and section.mode == "pick" else section.mode
        if mode == "together":
            yield from (s.key for s in section.steps if run.status_of(s.key) == "waiting")
        if mode == "in order":
            yield from _next_in_order(section, run)
        return


def _asked_again(outline: Outline, run: RunState) -> Iterator[str]:
    """What a person wants to be read or asked once more does not wait for its section's turn."""
    errands = (Errand(run.errand, run.proofs), *run.later)
    has_its_turn = {key for one in errands for key in (*one.steps, *one.proofs)}
    for step in _all(outline):
        if step.kind != "action" and run.is_afresh(step.key) and step.key not in has_its_turn:
            yield step.key


def _next_in_order(section: SectionOutline, run: RunState) -> Iterator[str]:
    for step in section.steps:
        status = run.status_of(step.key)
        if status == "waiting" and not _waits_for_an_answer(step, run):
            yield step.key
        if status in NOT_OVER and not step.meanwhile:
            return
        if section.holds and not run.dry and run.holds(step.key):
            return


def is_past(section: SectionOutline, run: RunState) -> bool:
    if section.mode == "standby":
        return True
    if section.mode == "pick" and not run.dry:
        return section.key in run.closed
    return all(_is_settled(step, section, run) for step in section.steps)


def _is_settled(step: StepOutline, section: SectionOutline, run: RunState) -> bool:
    status = run.status_of(step.key)
    if step.meanwhile:
        return status != "waiting" or _waits_for_an_answer(step, run)
    if status in NOT_OVER:
        return False
    return not (section.holds and not run.dry and run.holds(step.key))


def _waits_for_an_answer(step: StepOutline, run: RunState) -> bool:
    """Nobody waits for it, and it waits for what nobody waits for either."""
    needed = (key for key, must in step.after.items() if must)
    return step.meanwhile and any(run.status_of(key) in NOT_OVER for key in needed)


def _has_waited(step: StepOutline, section: SectionOutline, run: RunState) -> bool:
    """For an answer, while the run went on."""
    had_its_turn = section.mode in ("in order", "together")
    return had_its_turn and step.meanwhile and run.status_of(step.key) == "waiting"


def is_to_be_done(outline: Outline, run: RunState) -> bool:
    """Something that a person must tick off before the run may end, or will be asked to."""
    return any(
        step.kind == "confirm" and step.meanwhile and run.status_of(step.key) in NOT_OVER
        for step in _all(outline)
    )


def _all(outline: Outline) -> Iterator[StepOutline]:
    for section in outline.sections:
        yield from section.steps
