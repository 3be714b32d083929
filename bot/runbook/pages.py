"""
A runbook as its users read it: docs/runbooks has a page for each, made of the outline and of the
pictures that there are of it.

A picture is called `RB-INC-001-2-approval.png`: the book, its place on the page, what it shows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from bot.runbook.outline import Outline, SectionOutline, StepOutline
from bot.runbook.showing import duration_text

CAPTIONS: Mapping[str, str] = {
    "report": "Its report: what needs somebody first, what is well in one line",
    "found": "What it has found, and what it suggests",
    "approval": "What somebody else is asked to approve",
    "watch": "While it is at work",
    "paused": "Paused between two parts, until somebody resumes it",
    "done": "What was made, seen to be so and looked at again",
}
SPEAKS: Mapping[str, str] = {
    "as it goes": "One message is edited as it goes; details are in its thread.",
    "once": "It says nothing until it is done: then one report, worst first.",
    "on change": "Started by the clock, it speaks only when something has turned bad or well"
    " again. Whoever types the command is told all of it.",
}
MODE: Mapping[str, str] = {
    "in order": "One after the other.",
    "together": "All at once.",
    "pick": "You pick what applies, one after another, and finish it.",
    "standby": "At hand all along, and offered when something suggests it.",
}
SHOUTED = re.compile(r"[*_`|<>\[\]]")


def page(plan: Outline, pictures: Sequence[str]) -> str:
    """`pictures`: the names of the files in docs/runbooks/pictures."""
    return "\n".join(_lines(plan, pictures)) + "\n"


def _lines(plan: Outline, pictures: Sequence[str]) -> Iterator[str]:
    yield f"# {plan.book} {_plain(plan.title)}"
    yield f"\n{plan.category}, {plan.severity}. Type `/runbook {plan.book}` in Slack."
    if plan.schedule:
        zone = "in the company's time zone"
        yield f"It also starts by itself: `{plan.schedule}`, {zone}."
    yield SPEAKS[plan.speaks]
    if plan.confidential:
        yield "It is confidential: it speaks in the channel that it opens, and is shown to few."
    if plan.when:
        yield "\n## When to use it\n"
        yield from (f"- {_plain(one)}" for one in plan.when)
    yield "\n## What it asks for\n"
    yield from _inputs(plan)
    yield "\n## How it looks"
    yield from _pictures(plan, pictures)
    yield "\n## What it does, step by step"
    for section in plan.sections:
        yield from _section(section)
    yield "\n## Who approves, and the way back\n"
    yield from _changes(plan)
    if plan.leads_to:
        yield f"\nIt may lead to {', '.join(plan.leads_to)}."


def _inputs(plan: Outline) -> Iterator[str]:
    fields, required = plan.inputs.get("properties", {}), plan.inputs.get("required", ())
    if not fields:
        yield "Nothing: it looks at all there is."
    for name, field in fields.items():
        about = f": {_plain(field['description'])}" if field.get("description") else ""
        must = ", required" if name in required else ""
        yield f"- **{_plain(field.get('title', name))}** (`{name}`{must}){about}"


def _pictures(plan: Outline, pictures: Sequence[str]) -> Iterator[str]:
    for name in sorted(one for one in pictures if one.startswith(f"{plan.book}-")):
        caption = CAPTIONS[name.removesuffix(".png").rsplit("-", 1)[-1]]
        yield f"\n{caption}:\n\n![{caption}](pictures/{name})"
    yield "\nIn the sandbox, with a company that does not exist."


def _section(section: SectionOutline) -> Iterator[str]:
    holds = " A problem, or what cannot be told, waits for somebody to say go on."
    yield f"\n### {_plain(section.title)}\n"
    yield MODE[section.mode] + (holds if section.holds else "") + "\n"
    for number, step in enumerate(section.steps, start=1):
        yield f"{number}. {_plain(step.title)}{_how(step)}"


def _how(step: StepOutline) -> str:
    notes = list(_notes(step))
    return f" ({'; '.join(notes)})" if notes else ""


def _notes(step: StepOutline) -> Iterator[str]:
    if step.kind == "ask":
        yield "you are asked"
    if step.kind == "confirm":
        yield "you do it and tick it off"
    if step.kind == "watch" and step.every_s and step.lasting_s:
        every, lasting = _spoken(step.every_s), _spoken(step.lasting_s)
        yield f"looked at every {every}, for at most {lasting}"
    if step.includes:
        yield f"all of {step.includes}"
    if step.meanwhile:
        yield "the run goes on meanwhile"
    if step.unattended:
        yield f"nobody need approve: {_plain(step.unattended)}"
    elif step.effect:
        yield f"{step.effect}, approved by {_people(step)}"


def _changes(plan: Outline) -> Iterator[str]:
    steps = [step for section in plan.sections for step in section.steps if step.kind == "action"]
    asked = [step for step in steps if step.effect and not step.unattended]
    if not asked:
        yield "It changes nothing that needs an approval."
        return
    yield "Whoever asks for a change never approves it. Each request shows the exact command.\n"
    yield "| to | who approves | the way back |"
    yield "|---|---|---|"
    standby = [section for section in plan.sections if section.mode == "standby"]
    none = "none of its own" if standby else "none: it cannot be taken back"
    for step in asked:
        typed = ", and types the target's name" if step.effect == "DESTROY" else ""
        back = _way_back(step) or none
        yield f"| {_plain(step.title)} | {_people(step)}{typed} | {back} |"
    for section in standby:
        offers = [f"*{_plain(one.title)}*" for one in section.steps if one.kind == "action"]
        yield f"\n{_plain(section.title)} is a way back, too: it offers {' and '.join(offers)}."


def _people(step: StepOutline) -> str:
    others = "other person" if step.people == 1 else "other people"
    return f"{step.people} {others} of role {step.role}"


def _way_back(step: StepOutline) -> str:
    if not step.undoable:
        return ""
    if step.undoable == step.changes:
        return "*Take back* on the card, approved like the change"
    return "*Take back* on the card, where the request says how"


def _spoken(seconds: float) -> str:
    return duration_text(timedelta(seconds=seconds))


def _plain(words: str) -> str:
    """As text in Markdown: what a step is called is not markup."""
    return SHOUTED.sub(lambda found: "\\" + found[0], " ".join(words.split()))
