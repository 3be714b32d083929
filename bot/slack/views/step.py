"""
What a step found, in the thread below the card: the verdict, the facts as a table that fits, how
long it took, and where it leads. What does not fit is attached whole, and said to be.
"""

import csv
import io
from collections.abc import Iterator

from bot.engine.record import RunRecord, StepRecord
from bot.runbook.findings import NextHop, Table
from bot.slack.views import names
from bot.slack.views.escape import clean, cut, mrkdwn, one_line
from bot.slack.views.kit import (
    Rendered,
    actions,
    button,
    context,
    plain,
    rich,
    section,
    table,
    text,
    with_people,
)
from bot.slack.views.limits import Block, fit_blocks, fit_message, table_fits
from bot.slack.views.sections import line, word
from bot.slack.views.words import count, exact, join, took
from bot.store.exporting import FORMULA, whole_cell

HOPS = 8
SAID = 2500  #: Of what a step says; all of it is in the timeline.
PREVIEW_ROWS = 10  #: Of a table that does not fit.
PREVIEW_COLUMNS = 6
PREVIEW_CELL = 60


def step_detail(run: RunRecord, step: StepRecord) -> Rendered:
    blocks = [
        rich([text(f"{word(step, run)}  {one_line(step.title)}", bold=True)]),
        *_said(step),
        *_table(step),
        *_attached(step),
        *_footer(step),
        *hops(run, step),
    ]
    return Rendered(fit_message(_text(run, step)), fit_blocks(blocks))


def table_file(step: StepRecord) -> str:
    return f"{step.key}.csv"


def table_text(whole: Table) -> str:
    """
    All rows, as CSV. A cell that a spreadsheet would run as a formula is quoted first, also where
    only a spreadsheet that separates by semicolons sees one begin.
    """
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([_harmless(column) for column in whole.columns])
    for row in whole.rows:
        writer.writerow([cell if _is_number(cell) else _harmless(str(cell)) for cell in row])
    return out.getvalue()


def needs_table_file(step: StepRecord) -> bool:
    whole = step.details.get("table")
    return whole is not None and bool(whole.rows) and not table_fits(whole.columns, whole.rows)


def _text(run: RunRecord, step: StepRecord) -> str:
    hops = step.details.get("next_hops", ())
    leads = f" Leads to {', '.join(mrkdwn(hop.book, 40) for hop in hops)}." if hops else ""
    return f"Run {mrkdwn(run.id)}: {mrkdwn(line(step, run), 2500)}.{leads}"


def _said(step: StepRecord) -> Iterator[Block]:
    if step.says:
        said = cut(one_line(step.says), SAID)
        is_answer = step.kind == "ask" and step.status == "given"
        yield rich(with_people(said) if is_answer else [text(said)])


def _table(step: StepRecord) -> Iterator[Block]:
    whole = step.details.get("table")
    if not whole or not whole.rows:
        return
    if not needs_table_file(step):
        yield table(whole.columns, whole.rows)
        return
    part = _preview(whole)
    yield table(part.columns, part.rows)
    rows, columns = count(len(whole.rows), "row"), count(len(whole.columns), "column")
    said = f"The first {count(len(part.rows), 'row')} of a table of {rows} and {columns}:"
    yield context(plain(f"{said} all of it is attached as {table_file(step)}.", 500))


def _preview(whole: Table) -> Table:
    """Cut cells end in an ellipsis; the file has all of them."""
    width = min(PREVIEW_COLUMNS, max(1, len(whole.columns)))
    rows = tuple(
        tuple(_short(cell) for cell in (*row, *[""] * width)[:width])
        for row in whole.rows[:PREVIEW_ROWS]
    )
    columns = (*whole.columns, "")[:width]
    return Table(tuple(cut(one_line(name), PREVIEW_CELL) for name in columns), rows)


def _short(cell: object) -> object:
    return cell if _is_number(cell) else cut(one_line(str(cell)), PREVIEW_CELL)


def _attached(step: StepRecord) -> Iterator[Block]:
    attached = []
    if plot := step.details.get("plot"):
        attached.append(f"plot: {plot.title}")
    if file := step.details.get("file"):
        attached.append(f"file: {file.name}")
    if attached:
        yield context(plain(f"Below: {', '.join(attached)}", 500))


def _footer(step: StepRecord) -> Iterator[Block]:
    lasted = f"took {took(step)}" if took(step) else ""
    ended = f"as of {exact(step.ended_at)}" if step.ended_at else ""
    again = f"attempt {step.attempt}" if step.attempt > 1 else ""
    if footer := join(step.kind, lasted, ended, again):
        yield context(plain(footer, 500))


def hops(run: RunRecord, step: StepRecord, in_full: str = "") -> Iterator[Block]:
    """`in_full`: what tells the buttons of one step from those of another in the message."""
    for number, hop in enumerate(step.details.get("next_hops", ())[:HOPS]):
        yield section(plain(_leads(hop), 500))
        value = names.value(run.id, f"{step.key}#{number}")
        yield from actions(
            [button(f"Run {hop.book}…", names.NEXT_HOP, value, f"{in_full}{number}")]
        )


def _leads(hop: NextHop) -> str:
    filled = ", ".join(f"{name}: {_listed(value)}" for name, value in hop.filled.items())
    return f"{hop.reason}" + (f" ({filled})" if filled else "")


def _listed(value: object) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _harmless(cell: str) -> str:
    cell = whole_cell(clean(cell))
    is_formula = cell.lstrip().startswith(FORMULA) and len(cell) > 1
    return f"'{cell}" if is_formula else cell
