"""What only one person sees: refusals, help, lists. Each says what to type or press next."""

from collections.abc import Mapping, Sequence

from bot.engine.intents import Noted, Refusal
from bot.engine.record import RunRecord
from bot.runbook.outline import Outline
from bot.slack.views import limits, names
from bot.slack.views.escape import clean, cut, mention, mrkdwn, one_line, spoken
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
from bot.slack.views.words import RUN_WORD, age, count, day_and_clock

NEAREST = 3
RUNS = 20
HOW = (
    ("/runbook", "the catalogue"),
    ("/runbook RB-INC-001", "asks for what it needs and starts"),
    ("/runbook RB-INC-001 severity=P1 services=a,b", "starts with these inputs"),
    ("/runbook dry RB-INC-001", "looks, asks nobody, changes nothing"),
    ("/runbook show RB-INC-001", "every step of it"),
    ("/runbook list [word]", "all runbooks, or those with the word"),
    ("/runbook status [run]", "what runs now"),
    ("/runbook history [RB-INC-001]", "what ran, newest first"),
    ("/runbook cancel RUN", "ends a run"),
    ("/runbook audit RUN", "who did what in a run, and whether the log of it is whole"),
)


def sentence(words: str) -> Rendered:
    """`words` is our own sentence; names in it are shown as they are."""
    return Rendered(fit_message(spoken(words)), [rich(typed(words))])


def noted(answer: Noted) -> Rendered:
    return sentence(answer.says.strip() or "Noted.")


def refused(refusal: Refusal, books: Mapping[str, Outline] | None = None) -> Rendered:
    lines = [refusal.why, *(f"{name}: {why}" for name, why in refusal.fields.items())]
    blocks = [rich(*(typed(cut(one_line(one), 1000)) for one in lines[:20]))]
    blocks += actions(_nearest(refusal.nearest, books or {}))
    said = " ".join(spoken(one, 600) for one in lines)
    if refusal.nearest:
        said += f" Did you mean {mrkdwn(', '.join(refusal.nearest[:NEAREST]), 300)}?"
    return Rendered(fit_message(said), blocks)


def unknown_book(asked: str, nearest: Sequence[str], books: Mapping[str, Outline]) -> Rendered:
    """Only ids that exist are offered."""
    offered = [key for key in nearest if key in books][:NEAREST]
    said = f"There is no {cut(one_line(asked) or 'such runbook', 60)}."
    if offered:
        meant = " or ".join(f"{key} {books[key].title}" for key in offered)
        said += f" Did you mean {meant}?"
    buttons = [*_nearest(offered, books), button("Show the catalogue", names.CATALOGUE, "all")]
    blocks = [section(plain(said, limits.SECTION_TEXT)), *actions(buttons)]
    hint = "`/runbook list` shows all of them."
    return Rendered(fit_message(f"{mrkdwn(said)} {hint}"), blocks)


def usage(books: Mapping[str, Outline]) -> Rendered:
    """How to ask, and what there is."""
    how = [[text(line, code=True), text(f"  {what}")] for line, what in HOW]
    blocks: list[Block] = [rich(*how)]
    by_category: dict[str, list[Outline]] = {}
    for book in books.values():
        by_category.setdefault(book.category, []).append(book)
    for category, inside in by_category.items():
        lines = [[text(f"{one.book} {one.title} ({one.severity})")] for one in inside[:60]]
        blocks.append(rich([text(category, bold=True)], *lines))
    blocks += actions([button("Show the catalogue", names.CATALOGUE, "all")])
    ids = mrkdwn(", ".join(f"{one.book} {one.title}" for one in books.values()), 2500)
    said = "; ".join(f"{line} ({what})" for line, what in HOW[:2])
    return Rendered(fit_message(f"{mrkdwn(said)}. Runbooks: {ids}"), fit_blocks(blocks))


def status(runs: Sequence[RunRecord]) -> Rendered:
    if not runs:
        return sentence("Nothing runs. `/runbook` shows what there is to run.")
    return _runs("Running now", runs)


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
        person(run.started_by),
        text(because or " "),
    ]


def _runs(heading: str, runs: Sequence[RunRecord]) -> Rendered:
    shown = runs[:RUNS]
    blocks = [rich([text(heading, bold=True)], *(run_line(run) for run in shown))]
    left = len(runs) - len(shown)
    if left:
        blocks.append(context(plain(f"and {count(left, 'more run')}", 200)))
    blocks += actions(button(f"Show {run.id}", names.SHOW_RUN, run.id, run.id) for run in shown)
    lines = [
        f"{mrkdwn(run.id)} {mrkdwn(run.outline.book)} {RUN_WORD[run.status]},"
        f" started {day_and_clock(run.started_at)} by {mention(run.started_by)}"
        for run in shown
    ]
    more = f"; and {left} more" if left else ""
    return Rendered(fit_message(f"{heading}: {'; '.join(lines)}{more}"), blocks)


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
