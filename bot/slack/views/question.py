"""
Questions: answered from a menu, by claiming it, with a form, with a tick; and the questions that
nobody wants to be asked: whether something happened, and what to do without a step.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from bot.engine.record import QuestionRecord, RunRecord, StepRecord
from bot.engine.versions import AGAIN, CANCEL, WITHOUT
from bot.runbook.showing import duration_text
from bot.slack.views import limits, names
from bot.slack.views.card import named
from bot.slack.views.escape import USER_ID, clean, cut, mention, mrkdwn, one_line
from bot.slack.views.fields import form_fields
from bot.slack.views.kit import (
    Element,
    Rendered,
    View,
    actions,
    button,
    confirm,
    context,
    header,
    menu,
    option,
    person,
    plain,
    rich,
    section,
    text,
)
from bot.slack.views.limits import Block, fit_blocks, fit_message
from bot.slack.views.sections import line, only_a_person
from bot.slack.views.start import form_blocks
from bot.slack.views.words import day_and_clock

SAID = 2900  #: Characters of the question's text.
HEADING = {"ask": "QUESTION", "confirm": "TO DO", "unsure": "NOT KNOWN", "gone": "STEP MISSING"}
BUTTONS_FOR_CHOICES = 3  #: Up to here a choice is a button, beyond it a menu.
NEXT = {
    "ask": "Answer it in the channel",
    "confirm": "Press Done when it is done",
    "unsure": "Somebody must say whether it happened",
    "gone": "Somebody must say how to go on",
}


def question_card(question: QuestionRecord, run: RunRecord) -> Rendered:
    heading = HEADING[question.kind]
    blocks = [
        header(f"{heading} · {question.title}"),
        *_owner(question),
        *_said(question),
        *_proposal(question),
        context(plain(f"{_named(run)}{_due(question)}", 500)),
        *actions(_buttons(question)),
    ]
    return Rendered(_spoken(heading, question, run), fit_blocks(blocks))


def reminder(question: QuestionRecord, run: RunRecord) -> Rendered:
    """That it is to be done soon, or is overdue: a message of its own, for edits notify nobody."""
    left = timedelta(seconds=question.left_s or 0)
    heading = f"{duration_text(left)} left" if left else "OVERDUE"
    blocks = [
        header(f"{heading} · {question.title}"),
        *_owner(question),
        *_said(question),
        context(plain(f"{_named(run)}{_due(question)}", 500)),
    ]
    return Rendered(_spoken(heading, question, run), fit_blocks(blocks))


def _spoken(heading: str, question: QuestionRecord, run: RunRecord) -> str:
    to = f"{mention(question.owner)}: " if question.owner else ""
    what = f"{heading} · {mrkdwn(question.title, 300)}, {named(run)}"
    then = f"{NEXT[question.kind]}{_due(question)}."
    return fit_message(f"{to}{what}: {mrkdwn(question.text, 2000)} {then}")


def closed_question_card(run: RunRecord, step: StepRecord | None) -> Rendered:
    """In place of the question, once nobody is asked any more. None: the card says why."""
    said = line(step, run) if step else "This question is closed; the run's card says why"
    who = only_a_person(step) if step else ""
    spoken = f"{mrkdwn(said, 2500)}{': ' + mention(who) if who else ''}"
    shown = [text(cut(said, limits.SECTION_TEXT)), *([text(": "), person(who)] if who else [])]
    return Rendered(
        fit_message(f"{named(run)}: {spoken}. Nobody is asked any more."),
        [rich(shown), context(plain(_named(run), 500))],
    )


def answer_modal(
    question: QuestionRecord,
    run: RunRecord,
    errors: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> View:
    """Its fields are those of the answer; `values` or what is proposed is filled in already."""
    held = values if values is not None else (question.proposed or {})
    blocks: list[Block] = [section(plain(question.title, limits.SECTION_TEXT))]
    if question.text:
        blocks.append(section(plain(question.text, limits.SECTION_TEXT)))
    blocks += form_blocks(question.answer_schema or {}, {}, held, errors or {})
    return {
        "type": "modal",
        "callback_id": names.ANSWER_MODAL,
        "title": plain(f"Answer for run {run.id}", limits.MODAL_TITLE),
        "submit": plain("Answer", limits.MODAL_BUTTON),
        "close": plain("Back", limits.MODAL_BUTTON),
        "private_metadata": names.Metadata(about=question.id).pack(),
        "blocks": fit_blocks(blocks, limits.BLOCKS_IN_A_VIEW),
    }


def asks_for_a_person(question: QuestionRecord) -> bool:
    fields = (question.answer_schema or {}).get("properties", {})
    return question.kind == "ask" and not question.choices and set(fields) == {"user_id"}


def _named(run: RunRecord) -> str:
    return f"run {run.id} · {run.outline.book} {run.outline.title}"


def _due(question: QuestionRecord) -> str:
    return f" · by {day_and_clock(question.due)}" if question.due else ""


def _said(question: QuestionRecord) -> Iterator[Block]:
    said = clean(question.text).strip()
    for part in said.split("\n")[:20]:
        if part.strip():
            yield rich([text(cut(part.strip(), SAID))])


def _owner(question: QuestionRecord) -> Iterator[Block]:
    if question.owner:
        yield rich([text("To be done by "), person(question.owner)])


def _proposal(question: QuestionRecord) -> Iterator[Block]:
    if not question.proposed or question.choices:
        return
    if asks_for_a_person(question):
        yield rich([text("Proposed: "), person(str(question.proposed.get("user_id", "")))])
        return
    secret = {f.name for f in form_fields(question.answer_schema or {}) if f.kind == "secret"}
    parts = [f"{name}: {value}" for name, value in question.proposed.items() if name not in secret]
    yield rich([text("Proposed: "), text(cut(one_line(", ".join(parts)), SAID))])


def _buttons(question: QuestionRecord) -> Iterator[Element]:
    if question.kind == "confirm":
        yield button("Done", names.DONE, question.id, style="primary")
    elif question.kind == "unsure":
        yield from _settling(question)
    elif question.kind == "gone":
        yield from _leaving_out(question)
    elif question.choices:
        yield from _choices(question)
    elif asks_for_a_person(question):
        yield from _claiming(question)
    else:
        if question.proposed:
            yield button("As proposed", names.PROPOSED, question.id, style="primary")
        yield button("Answer…", names.ANSWER, question.id)


def _choices(question: QuestionRecord) -> Iterator[Element]:
    labels = [label for label, _ in question.choices]
    if len(labels) <= BUTTONS_FOR_CHOICES and all(len(one) <= 60 for one in labels):
        for number, label in enumerate(labels):
            value = names.value(question.id, number)
            yield button(one_line(label) or str(number + 1), names.CHOOSE, value, number)
        return
    for start in range(0, len(labels), limits.OPTIONS):
        page = labels[start : start + limits.OPTIONS]
        options = [
            option(label, names.value(question.id, start + n)) for n, label in enumerate(page)
        ]
        yield menu("Choose one…", names.CHOOSE, options, f"from{start}" if start else "")


def _claiming(question: QuestionRecord) -> Iterator[Element]:
    proposed = str((question.proposed or {}).get("user_id", ""))
    if USER_ID.fullmatch(proposed):
        yield button("As proposed", names.PROPOSED, question.id, style="primary")
    yield button("I take it", names.CLAIM, question.id)
    yield {
        "type": "users_select",
        "placeholder": plain("Somebody else…", limits.INPUT_PLACEHOLDER),
        "action_id": names.action_id(names.CLAIM_OTHER, question.id),
    }


def _leaving_out(question: QuestionRecord) -> Iterator[Element]:
    """Each is confirmed: one of them ends the run."""
    said = {
        WITHOUT: "The step is left out and counts as failed, and so is whatever needs it.",
        AGAIN: "Nothing is lost by it. If no version that runs can do it, you are asked again.",
        CANCEL: "The run ends. What was applied stays; what is being applied is seen to its end.",
    }
    for number, (label, answer) in enumerate(question.choices):
        sure = confirm(question.title, said[answer["then"]], label, "Back", "danger")
        yield button(label, names.CHOOSE, names.value(question.id, number), number, confirm=sure)


def _settling(question: QuestionRecord) -> Iterator[Element]:
    """Each is confirmed: what is said here is believed and acted upon."""
    happened = "You looked, and the change is there. The run goes on as if it had been seen."
    did_not = "You looked, and nothing changed. A new plan is made and needs a new approval."
    stop = "It stays unknown whether it happened. The step ends as failed."
    for label, name, said in (
        ("It happened", names.HAPPENED, happened),
        ("It did not", names.NOT_HAPPENED, did_not),
        ("Stop here", names.STOP_HERE, stop),
    ):
        sure = confirm(question.title, said, label, "Back", "danger")
        yield button(label, name, question.id, confirm=sure)
