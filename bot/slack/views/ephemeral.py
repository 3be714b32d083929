"""What only one person sees: refusals, help, lists. Each says what to type or press next."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from bot.access.acts import Frozen
from bot.engine.intents import BEING_REPLACED, Noted, Refusal
from bot.engine.record import OpenReview, RunRecord
from bot.runbook.outline import Outline
from bot.slack.views import limits, names
from bot.slack.views.escape import clean, cut, mention, mrkdwn, one_line, spoken
from bot.slack.views.freezes import freeze_lines, freeze_text
from bot.slack.views.glass import open_lines, open_text, run_mark, run_mark_text
from bot.slack.views.kit import (
    Element,
    Rendered,
    actions,
    button,
    context,
    person,
    plain,
    preformatted,
    rich,
    section,
    text,
    typed,
)
from bot.slack.views.limits import Block, fit_blocks, fit_message
from bot.slack.views.starter import starter, starter_text
from bot.slack.views.words import RUN_WORD, age, count, day_and_clock

NEAREST = 3
RUNS = 20


class How(NamedTuple):
    """A line of the help. `word` is what of the command it is about."""

    word: str
    typed: str
    does: str


HOW = (
    How("catalogue", "/runbook", "the catalogue"),
    How("run", "/runbook RB-INC-001", "asks for what it needs and starts"),
    How("run", "/runbook RB-INC-001 severity=P1 services=a,b", "starts with these inputs"),
    How("dry", "/runbook dry RB-INC-001", "looks, asks nobody, changes nothing"),
    How("show", "/runbook show RB-INC-001", "every step of it"),
    How("list", "/runbook list [word]", "all runbooks, or those with the word"),
    How("status", "/runbook status [run]", "what runs now, and what is frozen"),
    How("history", "/runbook history [RB-INC-001]", "what ran, newest first"),
    How("cancel", "/runbook cancel RUN", "ends a run"),
    How("schedule", "/runbook schedule", "what is started by the clock"),
    How(
        "schedule add",
        '/runbook schedule add "0 8 * * mon-fri" RB-INC-001 severity=P1 zone=Europe/Berlin',
        "starts it by the clock, here; pause, resume and remove take the id of one",
    ),
    How("audit", "/runbook audit RUN", "who did what in a run, and whether the log is whole"),
    How("freeze", "/runbook freeze [reason]", "stops all changes to outside systems at once"),
    How("thaw", "/runbook thaw [reason]", "lets changes be made again"),
    How("reviews", "/runbook reviews", "broken glass that nobody else has looked at yet"),
)
ALL_WORDS = frozenset(one.word for one in HOW)


def sentence(words: str) -> Rendered:
    """`words` is our own sentence; names in it are shown as they are."""
    return Rendered(fit_message(spoken(words)), [rich(typed(words))])


def noted(answer: Noted) -> Rendered:
    return sentence(answer.says.strip() or "Noted.")


def refused(refusal: Refusal, books: Mapping[str, Outline] | None = None) -> Rendered:
    lines = [refusal.why, *(f"{name}: {why}" for name, why in refusal.fields.items())]
    blocks = [rich(*(typed(cut(one_line(one), 1000)) for one in lines[:20]))]
    said = " ".join(spoken(one, 600) for one in lines)
    if refusal.decided_by:
        blocks.append(rich([*_decided_by(refusal.decided_by)]))
        said += f" Decided by {', '.join(map(mention, refusal.decided_by))}."
    blocks += actions(_nearest(refusal.nearest, books or {}))
    if refusal.nearest:
        said += f" Did you mean {mrkdwn(', '.join(refusal.nearest[:NEAREST]), 300)}?"
    return Rendered(fit_message(said), blocks)


def _decided_by(people: Sequence[str]) -> Iterator[Element]:
    yield text("Decided by ")
    for number, who in enumerate(people):
        if number:
            yield text(", ")
        yield person(who)


def unknown_book(
    asked: str,
    nearest: Sequence[str],
    books: Mapping[str, Outline],
    closed: Container[str] = (),
    is_being_replaced: bool = False,
) -> Rendered:
    """
    Only ids that exist are named, and those that are not `closed` to this person offered.
    `is_being_replaced`: another version of the bot, which may have it, runs beside this one.
    """
    offered = [key for key in nearest if key in books][:NEAREST]
    said = f"There is no {cut(one_line(asked) or 'such runbook', 60)}."
    if offered:
        meant = " or ".join(f"{key} {books[key].title}" for key in offered)
        said += f" Did you mean {meant}?"
    if is_being_replaced:
        said += f" {BEING_REPLACED}"
    able = [key for key in offered if key not in closed]
    buttons = [*_nearest(able, books), button("Show the catalogue", names.CATALOGUE, "all")]
    blocks = [section(plain(said, limits.SECTION_TEXT)), *actions(buttons)]
    hint = "`/runbook list` shows all of them."
    return Rendered(fit_message(f"{mrkdwn(said)} {hint}"), blocks)


def usage(
    books: Mapping[str, Outline],
    closed: Mapping[str, str] | None = None,
    words: Container[str] = ALL_WORDS,
) -> Rendered:
    """
    How to ask, as far as this person's `words` go, and what there is: also the runbooks that are
    `closed` to them, and why.
    """
    why_not = closed or {}
    able = [one for one in HOW if one.word in words]
    how = [[text(one.typed, code=True), text(f"  {one.does}")] for one in able]
    blocks: list[Block] = [rich(*how)]
    by_category: dict[str, list[Outline]] = {}
    for book in books.values():
        by_category.setdefault(book.category, []).append(book)
    for category, inside in by_category.items():
        lines = [_listed(one, why_not.get(one.book, "")) for one in inside[:60]]
        blocks.append(rich([text(category, bold=True)], *lines))
    blocks += actions([button("Show the catalogue", names.CATALOGUE, "all")])
    ids = mrkdwn(", ".join(f"{one.book} {one.title}" for one in books.values()), 2500)
    typed = "; ".join(f"{one.typed} ({one.does})" for one in able[:2])
    return Rendered(fit_message(f"{mrkdwn(typed)}. Runbooks: {ids}"), fit_blocks(blocks))


def _listed(book: Outline, why_not: str) -> list[Element]:
    line = [text(f"{book.book} {book.title} ({book.severity})")]
    if why_not:
        line.append(text(f"  to read: {cut(one_line(why_not), 120)}", italic=True))
    return line


def status(
    runs: Sequence[RunRecord],
    frozen: Sequence[Frozen] = (),
    reviews: Sequence[OpenReview] = (),
) -> Rendered:
    nothing = sentence("Nothing runs. `/runbook` shows what there is to run.")
    shown = _runs("Running now", runs) if runs else nothing
    said = [*(freeze_text(one) for one in frozen[:3]), *filter(None, [open_text(reviews)])]
    blocks = [*freeze_lines(frozen), *open_lines(reviews), *shown.blocks]
    return Rendered(fit_message(". ".join([*said, shown.text])), fit_blocks(blocks))


def history(runs: Sequence[RunRecord]) -> Rendered:
    if not runs:
        return sentence("Nothing ran yet. `/runbook` shows what there is to run.")
    return _runs("Newest first", runs)


def plan(words: str) -> Rendered:
    """A text of many lines as it stands, in as many blocks as it takes."""
    shown = clean(words)
    parts = _parts(shown, limits.RICH_TEXT)
    kept = parts[: limits.BLOCKS_IN_A_MESSAGE - 1]
    blocks = [preformatted(part) for part in kept]
    if len(kept) < len(parts):
        blocks.append(context(plain("The rest is too long for a message.", 200)))
    return Rendered(fit_message(mrkdwn(shown, limits.MESSAGE_TEXT)), blocks)


def run_line(run: RunRecord) -> list[Element]:
    ended = f" after {age(run)}" if run.ended_at else f" for {age(run)}"
    because = f": {cut(one_line(run.ended_because), 200)}" if run.ended_because else ""
    dry = " (dry)" if run.dry else ""
    return [
        text(run.id, code=True),
        text(f" {run.outline.book} {cut(one_line(run.outline.title), 150)}{dry} · "),
        text(RUN_WORD[run.status], bold=True),
        text(f"{ended} · started {day_and_clock(run.started_at)} by "),
        *starter(run),
        text(because or " "),
    ]


def _runs(heading: str, runs: Sequence[RunRecord]) -> Rendered:
    shown = runs[:RUNS]
    lines = [line for run in shown for line in (run_line(run), *run_mark(run))]
    blocks = [rich([text(heading, bold=True)], *lines)]
    left = len(runs) - len(shown)
    if left:
        blocks.append(context(plain(f"and {count(left, 'more run')}", 200)))
    blocks += actions(button(f"Show {run.id}", names.SHOW_RUN, run.id, run.id) for run in shown)
    said = "; ".join(map(_run_text, shown)) + (f"; and {left} more" if left else "")
    return Rendered(fit_message(f"{heading}: {said}"), blocks)


def _run_text(run: RunRecord) -> str:
    started = f"started {day_and_clock(run.started_at)} by {starter_text(run)}"
    said = f"{mrkdwn(run.id)} {mrkdwn(run.outline.book)} {RUN_WORD[run.status]}, {started}"
    return ", ".join([said, *run_mark_text(run)])


def _nearest(nearest: Sequence[str], books: Mapping[str, Outline]) -> list[Element]:
    return [
        button(f"Run {key}", names.RUN_BOOK, key, key)
        for key in nearest[:NEAREST]
        if key in books or not books
    ]


def _parts(words: str, size: int) -> list[str]:
    """At ends of lines where there are any, and never losing a character."""
    parts, here = [], ""
    for whole in words.splitlines(keepends=True):
        for start in range(0, len(whole), size):
            piece = whole[start : start + size]
            if here and len(here) + len(piece) > size:
                parts.append(here)
                here = ""
            here += piece
    return [*parts, here] if here else parts
