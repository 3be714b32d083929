"""
The sections of a run's card: Slack's own plan with a task for each step.

What is over and well folds away, what is still to come is one line, and what needs somebody is
shown whole: a card of sixty steps stays readable and within Slack's limits.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.engine.record import RunRecord, StepRecord
from bot.runbook.outline import SectionOutline
from bot.slack.views import limits
from bot.slack.views.escape import USER_ID, cut, one_line
from bot.slack.views.kit import Element, rich, text
from bot.slack.views.limits import Block
from bot.slack.views.words import (
    OPEN,
    TASK,
    WELL,
    WORD,
    WORST,
    bar,
    count,
    exact,
    join,
    minutes_and_seconds,
)

UNDO = ".undo"
A_PERSON = re.compile(rf"<@({USER_ID.pattern})>")
SHOWN_WELL = 6  #: Steps of a section that are shown although they are well.
STEPS_UNFOLDED = 24  #: In a longer run, what is well of sections that are over folds.
TASKS = 60  #: Of one section; Slack documents no limit.


@dataclass(frozen=True)
class Stretch:
    """A section as the outline has it: one that includes a runbook comes in two stretches."""

    section: SectionOutline
    steps: tuple[StepRecord, ...]  #: Undos after their actions.

    @property
    def is_ahead(self) -> bool:
        return all(step.status == "waiting" for step in self.steps)

    @property
    def on_demand(self) -> bool:
        return self.section.mode in ("pick", "standby")


def stretches(run: RunRecord) -> list[Stretch]:
    found = []
    for section in run.outline.sections:
        keys = [key for step in section.steps for key in (step.key, step.key + UNDO)]
        steps = tuple(run.steps[key] for key in keys if key in run.steps)
        if steps:
            found.append(Stretch(section, steps))
    return found


def section_block(stretch: Stretch, run: RunRecord) -> Block:
    """A plan; a heading, when none of its steps is to be shown."""
    shown, folded = _fold(stretch, run)
    tasks = [_task(step, run) for step in shown[:TASKS]]
    if left := [*folded, *shown[TASKS:]]:
        names = cut(", ".join(one_line(step.title) for step in left), limits.TASK_TITLE - 60)
        worst = min(left, key=_badness)
        title = f"{tally(left)} folded: {names}"
        tasks.append(_card(f"folded.{stretch.section.key}", title, worst))
    title = f"{one_line(stretch.section.title)} · {progress(stretch, run)}"
    if not tasks:
        return rich([text(title, bold=True)])
    return {"type": "plan", "title": cut(title, limits.TASK_TITLE), "tasks": tasks}


def ahead(coming: Sequence[Stretch]) -> Block | None:
    """One line for all that is still to come."""
    if not coming:
        return None
    named = [f"{one_line(s.section.title)} ({count(len(s.steps), 'step')})" for s in coming]
    line = cut(", ".join(named), 1000)
    return rich([text("Waiting: ", bold=True), text(line)])


def progress(stretch: Stretch, run: RunRecord) -> str:
    """`4 of 4: 1 PROBLEM, 1 UNKNOWN`, `pick what applies`, `waiting`."""
    if run.open_pick == stretch.section.key:
        return join("pick what applies", _worst(stretch.steps))
    if stretch.is_ahead:
        return "at hand" if stretch.section.mode == "standby" else "waiting"
    over = [step for step in stretch.steps if step.status not in OPEN]
    worst = _worst(stretch.steps)
    done = "looked at" if run.dry else "done"
    if stretch.on_demand:
        return join(f"{len(over)} {done}", worst)
    return f"{len(over)} of {len(stretch.steps)}{': ' + worst if worst else ' ' + done}"


def tally(steps: Sequence[StepRecord]) -> str:
    """How many of which word, the worst first."""
    counted = Counter(step.status for step in sorted(steps, key=_badness))
    return ", ".join(f"{number} {WORD[status]}" for status, number in counted.items())


def word(step: StepRecord, run: RunRecord) -> str:
    """In a dry run nothing is done, whether or not there was something to do."""
    return "NOT DONE" if run.dry and step.status == "nothing" else WORD[step.status]


def line(step: StepRecord, run: RunRecord) -> str:
    """A step in one line: the word, the title, what it says and as of when."""
    said = "" if only_a_person(step) else one_line(step.says)
    parts = [f"{word(step, run)} · {one_line(step.title)}"]
    if watching := _watching(step, run.updated_at):
        parts.append(watching)
    if step.blocked_by and step.status == "applying":
        parts.append(f"waits for its turn: {one_line(step.blocked_by)}")
    if wish := _wish(step):
        parts.append(wish)
    if said:
        parts.append(said)
    spoken = parts[0] + (": " + " · ".join(parts[1:]) if parts[1:] else "")
    return spoken + _as_of(step)


def only_a_person(step: StepRecord) -> str:
    """The id, when all that a step was answered is a person: who is named with their name."""
    is_answer = step.kind == "ask" and step.status == "given"
    found = A_PERSON.fullmatch(step.says.strip()) if is_answer else None
    return found[1] if found else ""


def _wish(step: StepRecord) -> str:
    if step.status != "applying" or not step.wish:
        return ""
    return "pauses after this part" if step.wish == "pause" else "stops after this part"


def _as_of(step: StepRecord) -> str:
    if step.kind in ("check", "watch") and step.ended_at and step.status not in OPEN:
        return f" (as of {exact(step.ended_at)})"
    return ""


def _watching(step: StepRecord, now: datetime | None) -> str:
    if step.status not in ("working", "applying", "paused"):
        return ""
    drawn = bar(step.progress) if step.progress is not None else ""
    if step.lasting_s is None or not (now and step.started_at):
        return drawn
    so_far = max(now - step.started_at, timedelta(0)).total_seconds()
    spent = f"{minutes_and_seconds(so_far)} of {minutes_and_seconds(step.lasting_s)}"
    return f"{spent} {drawn}".rstrip()


def _fold(stretch: Stretch, run: RunRecord) -> tuple[list[StepRecord], list[StepRecord]]:
    """What is shown, and what is only counted: steps that are well, when there are many."""
    if stretch.on_demand:  # What was never picked is offered below, or never came up.
        return [step for step in stretch.steps if step.status != "waiting"], []
    well = [step for step in stretch.steps if step.status in WELL]
    long = len(run.steps) > STEPS_UNFOLDED and not any(s.status in OPEN for s in stretch.steps)
    if len(well) <= (1 if long else SHOWN_WELL):
        return list(stretch.steps), []
    return [step for step in stretch.steps if step.status not in WELL], well


def _task(step: StepRecord, run: RunRecord) -> Element:
    whole = line(step, run)
    task = _card(step.key, whole, step)
    if len(whole) > limits.TASK_TITLE:
        task["details"] = rich([text(cut(one_line(step.says), limits.SECTION_TEXT))])
    return task


def _card(task_id: str, words: str, step: StepRecord) -> Element:
    return {
        "type": "task_card",
        "task_id": task_id,
        "title": cut(words, limits.TASK_TITLE),
        "status": TASK[step.status],
    }


def _badness(step: StepRecord) -> int:
    return WORST.index(step.status) if step.status in WORST else len(WORST)


def _worst(steps: Sequence[StepRecord]) -> str:
    wrong = [step for step in steps if step.status in WORST]
    running = [step for step in steps if step.status in OPEN and step.status != "waiting"]
    return ", ".join(filter(None, (tally(wrong), tally(running))))


def unwell(run: RunRecord) -> Iterator[StepRecord]:
    """What somebody should know of, worst first."""
    yield from sorted((s for s in run.steps.values() if s.status in WORST), key=_badness)
