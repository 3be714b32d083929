"""
`/runbook` alone: every runbook by category, searchable; and one runbook as it would run.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.engine.record import RunRecord
from bot.runbook.outline import Outline, SectionOutline, StepOutline
from bot.slack.views import limits, names
from bot.slack.views.escape import cut, mrkdwn, one_line
from bot.slack.views.fields import form_fields
from bot.slack.views.kit import (
    Element,
    Rendered,
    View,
    actions,
    bullets,
    button,
    context,
    plain,
    rich,
    section,
    text,
)
from bot.slack.views.limits import Block, fit_blocks, fit_message
from bot.slack.views.names import Metadata
from bot.slack.views.words import RUN_WORD, age, count, day_and_clock

BEFORE_A_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
PAGE = 30  #: Runbooks on a page; with their categories well below 100 blocks.
STEPS = 40  #: Of one section that are listed.
MODE = {
    "in order": "",
    "together": " (all at once)",
    "pick": " (pick what applies)",
    "standby": " (at hand all along)",
}


@dataclass(frozen=True)
class BookSummary:
    outline: Outline
    last: RunRecord | None = None
    why_not: str = ""  #: Why this person may not start it, only read it.


def summaries(
    books: Mapping[str, Outline],
    recent: Sequence[RunRecord],
    closed: Mapping[str, str] | None = None,
) -> tuple[BookSummary, ...]:
    """`recent`: runs, newest first. `closed`: why a runbook may not be started, by id."""
    why = closed or {}
    last: dict[str, RunRecord] = {}
    for run in recent:
        last.setdefault(run.outline.book, run)
    return tuple(
        BookSummary(outline, last.get(key), why.get(key, "")) for key, outline in books.items()
    )


def catalogue_modal(
    books: Sequence[BookSummary],
    search: str = "",
    chosen: str | None = None,
    metadata: Metadata | None = None,
) -> View:
    """`chosen` is the id of the runbook that is shown; None: the list."""
    kept = replace(metadata or Metadata(), search=search, book=chosen or "")
    shown = next((one for one in books if one.outline.book == chosen), None)
    if shown is None:
        return _modal("Runbooks", _list(books, replace(kept, book="")), replace(kept, book=""))
    back = actions([_back()])
    blocks = fit_blocks([*back, *_book(shown)], limits.BLOCKS_IN_A_VIEW)
    view = _modal(shown.outline.book, blocks, kept)
    if shown.why_not:
        del view["submit"]
        return view
    return view | {"submit": plain("Fill in and start…", limits.MODAL_BUTTON)}


def whole_book(one: BookSummary) -> Rendered:
    """As the catalogue shows it, in a message of its own."""
    outline = one.outline
    start = button(f"Run {outline.book}", names.RUN_BOOK, outline.book, outline.book)
    blocks = fit_blocks(list(_book(one)), tail=actions([] if one.why_not else [start]))
    every = [_step(step) for part in outline.sections for step in part.steps]
    steps = "; ".join("".join(piece["text"] for piece in step) for step in every)
    said = f"{mrkdwn(outline.book)} {mrkdwn(outline.title, 200)}: {mrkdwn(steps, 2500)}."
    return Rendered(fit_message(said), blocks)


def _modal(title: str, blocks: list[Block], metadata: Metadata) -> View:
    return {
        "type": "modal",
        "callback_id": names.CATALOGUE_MODAL,
        "title": plain(title, limits.MODAL_TITLE),
        "submit": plain("Search", limits.MODAL_BUTTON),
        "close": plain("Close", limits.MODAL_BUTTON),
        "private_metadata": metadata.pack(),
        "blocks": blocks,
    }


def _list(books: Sequence[BookSummary], kept: Metadata) -> list[Block]:
    found = [one for one in books if _matches(one.outline, kept.search)]
    found.sort(key=lambda one: one.outline.category)  # Stable: the index's order within it.
    pages = max(1, -(-len(found) // PAGE))
    page = min(kept.page, pages - 1)
    blocks = [_search(kept.search)]
    if not found:
        said = f"No runbook has {cut(one_line(kept.search), 60)} in its id, title or text."
        blocks.append(section(plain(said, 300)))
    category = None
    for one in found[page * PAGE : (page + 1) * PAGE]:
        if one.outline.category != category:
            category = one.outline.category
            blocks.append(rich([text(category or "-", bold=True)]))
        blocks.append(_row(one))
    return [*blocks, *_pages(page, pages)]


def _matches(outline: Outline, search: str) -> bool:
    """Every word of the search stands somewhere: in its id, its headings or its steps."""
    titles = [step.title for section in outline.sections for step in section.steps]
    whole = " ".join(
        [outline.book, outline.title, outline.category, outline.severity, *outline.when, *titles]
    ).lower()
    return all(word in whole for word in search.lower().split())


def _search(search: str) -> Block:
    element: Element = {
        "type": "plain_text_input",
        "action_id": names.SEARCH,
        "placeholder": plain("Such as: outage, token, RB-DB", limits.INPUT_PLACEHOLDER),
        "dispatch_action_config": {
            "trigger_actions_on": ["on_enter_pressed", "on_character_entered"]
        },
    }
    return {
        "type": "input",
        "block_id": "search",
        "label": plain("Search", limits.INPUT_LABEL),
        "element": element | ({"initial_value": search[:200]} if search else {}),
        "dispatch_action": True,
        "optional": True,
    }


def _row(one: BookSummary) -> Block:
    outline = one.outline
    words = f"{outline.book} {outline.title} · {outline.severity} · {_last(one.last)}"
    words += " · to read" if one.why_not else ""
    show = button("Show", names.SHOW_BOOK, outline.book, outline.book)
    return section(plain(words, 600), show)


def _last(run: RunRecord | None) -> str:
    if run is None:
        return "not run lately"
    how = f"{RUN_WORD[run.status]} after {age(run)}" if run.ended_at else RUN_WORD[run.status]
    return f"last {day_and_clock(run.started_at)}: {how}"


def _pages(page: int, pages: int) -> list[Block]:
    if pages == 1:
        return []
    said = context(plain(f"Page {page + 1} of {pages}", 100))
    before = [button("Previous", names.PAGE, str(page - 1), "previous")] if page else []
    after = [button("Next", names.PAGE, str(page + 1), "next")] if page < pages - 1 else []
    return [said, *actions([*before, *after])]


def _back() -> Element:
    """Without a value: back to the list."""
    back: dict[str, Any] = button("Back to the list", names.SHOW_BOOK, "")
    del back["value"]
    return back


def _book(one: BookSummary) -> Iterator[Block]:
    outline = one.outline
    yield section(plain(f"{outline.book} {outline.title}", limits.SECTION_TEXT))
    last = _last(one.last)
    yield context(plain(f"{outline.category} · {outline.severity} · {last}", 600))
    if one.why_not:
        yield rich([text("To read: ", bold=True), text(cut(one_line(one.why_not), 600))])
    if outline.when:
        yield rich([text("When: ", bold=True), text(cut("; ".join(outline.when), 1500))])
    for part in outline.sections:
        title = f"{cut(one_line(part.title), 150)}{MODE[part.mode]}"
        yield bullets([text(title, bold=True)], *_steps(part))
    yield rich(*_what_it_may(outline))
    if fields := form_fields(outline.inputs):
        named = [f.title + (" (required)" if f.required else "") for f in fields]
        yield rich([text("It asks for: ", bold=True), text(cut(", ".join(named), 1500))])
    if outline.leads_to:
        yield rich([text("It may lead to: ", bold=True), text(", ".join(outline.leads_to))])


def _steps(part: SectionOutline) -> list[list[Element]]:
    lines = [_step(step) for step in part.steps[:STEPS]]
    if (more := len(part.steps) - STEPS) > 0:
        lines.append([text(f"and {count(more, 'more step')}")])
    return lines


def _way_back(step: StepOutline) -> str:
    if not step.undoable:
        return "cannot be taken back"
    if step.undoable == step.changes:
        return "can be taken back"
    return "can be taken back where its plan says so"


def _step(step: StepOutline) -> list[Element]:
    notes = []
    if step.unattended:
        notes.append("needs no approval")
    elif step.effect:
        agree = count(step.people, "other person", "other people")
        notes.append(f"{step.effect}: {agree} of role {step.role} must approve")
        notes.append(_way_back(step))
    if step.includes:
        notes.append(f"all of {step.includes}")
    said = f" ({'; '.join(notes)})" if notes else ""
    return [
        text(f"{step.kind}: {cut(one_line(step.title), 300)}"),
        *([text(said, italic=True)] if said else []),
    ]


def _spelled(kind: str) -> str:
    """`RebootWithFailover` is for code: reboot with failover."""
    return BEFORE_A_CAPITAL.sub(" ", kind).lower()


def _what_it_may(outline: Outline) -> list[list[Element]]:
    steps = [step for part in outline.sections for step in part.steps]
    asked = [step for step in steps if step.effect and not step.unattended]
    kinds = sorted({_spelled(kind) for step in asked for kind in step.changes})
    roles = sorted({f"{step.people} of role {step.role}" for step in asked})
    if not asked:
        return [[text("It changes nothing that needs approval.", bold=True)]]
    return [
        [text("It may, once approved: ", bold=True), text(cut(", ".join(kinds), 1000))],
        [text("Who must approve: ", bold=True), text(cut(", ".join(roles), 500))],
    ]
