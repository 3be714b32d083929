"""
The changes of a plan, as an approver reads them. A command is shown whole or not at all: half a
command that looks like a whole one would be approved as another one.
"""

from collections.abc import Iterator, Sequence

from bot.engine.record import ApprovalRecord, ChangeRecord, RunRecord
from bot.slack.views import limits
from bot.slack.views.escape import command_line, set_in
from bot.slack.views.kit import Element, preformatted, rich, text
from bot.slack.views.limits import Block
from bot.slack.views.words import by_itself, count, day_and_clock, exact

#: Blocks and characters of all changes together; the rest of a card is small and known.
ROOM_BLOCKS = 36
ROOM_TEXT = 9000
SET_IN = len("beware  ")
STATE = {
    "planned": "not applied",
    "intended": "being applied",
    "applied": "applied",
    "already so": "already so, nothing was done",
}


def fitting(approval: ApprovalRecord) -> tuple[ChangeRecord, ...]:
    """The first changes that can be shown whole."""
    shown: list[ChangeRecord] = []
    length = 0
    for change in approval.changes:
        lengths = [len(one) for one in _texts(change)]
        length += sum(lengths)
        if (
            max(lengths) > limits.RICH_TEXT
            or length > ROOM_TEXT
            or 2 * len(shown) + 2 > ROOM_BLOCKS
        ):
            break
        shown.append(change)
    return tuple(shown)


def fits(approval: ApprovalRecord) -> bool:
    return len(fitting(approval)) == len(approval.changes)


def change_blocks(approval: ApprovalRecord) -> Iterator[Block]:
    shown = fitting(approval)
    for number, change in enumerate(shown, start=1):
        yield preformatted(command_line(change.command))
        yield rich(*_about(change, number if len(approval.changes) > 1 else 0))
    if missing := len(approval.changes) - len(shown):
        yield rich([text(not_all(approval, missing), bold=True)])


def not_all(approval: ApprovalRecord, missing: int) -> str:
    are, them = ("is", "it") if missing == 1 else ("are", "them")
    return (
        f"{missing} of {count(len(approval.changes), 'change')} {are} too long to be shown here."
        f" The whole plan is attached as {plan_file(approval)}: read {them} there before you"
        " decide."
    )


def plan_file(approval: ApprovalRecord) -> str:
    return f"plan-{approval.digest[:12]}.txt"


def targets(changes: Sequence[ChangeRecord]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(change.target for change in changes))


def whole_plan_text(approval: ApprovalRecord, run: RunRecord, stored: str = "") -> str:
    """
    Everything that is approved, whole. For a file, and for who asks to see it. `stored`: the text
    that the digest is of. A line that is none of ours is set in, so that it cannot pass for one.
    """
    lines = [
        f"{run.outline.book} {run.outline.title}, run {run.id}",
        f"{approval.effect}: {approval.title} ({approval.step})",
        f"asked by {approval.requested_by} at {day_and_clock(approval.asked_at)},"
        f" until {day_and_clock(approval.expires_at)}",
        f"sha-256 of the stored plan: {approval.digest}",
        *(approval.glass.says(approval.lacking) if approval.glass else ()),
    ]
    for number, change in enumerate(approval.changes, start=1):
        lines += [
            "",
            f"{number}. {change.kind} on {change.target}",
            "what",
            *(f"    {line}" for line in command_line(change.command).split("\n")),
            f"now   {change.now or 'nothing is there'}",
            *([f"then  {change.then}"] if change.then else []),
            f"undo  {command_line(change.undo or 'cannot be undone')}",
        ]
    if approval.back_at:
        lines += ["", f"back    {by_itself(approval.back_at)}, which is approved with it"]
    lines += ["", f"why     {approval.because}"] if approval.because else []
    lines += ["", f"beware  {approval.beware}"] if approval.beware else []
    lines += ["", "stored text, as approved:", stored] if stored else []
    return "\n".join(set_in(one, SET_IN) for one in lines) + "\n"


def _about(change: ChangeRecord, number: int) -> Iterator[list[Element]]:
    checked = f"  (checked {exact(change.at)})" if change.at else ""
    found = change.now or "nothing is there"
    if number:
        yield [text(f"{number}. {change.target}", bold=True)]
    if change.state == "planned":
        yield labelled("now", found + checked)
        if change.then:
            yield labelled("then", change.then)
    else:
        seen = f": {change.seen}" if change.seen else ""
        yield labelled("before", found)
        yield labelled("now", STATE[change.state] + seen + checked)
    if change.undo:
        yield [*labelled("undo", ""), text(command_line(change.undo), code=True)]
    else:
        yield [text("undo", bold=True), text("  "), text("cannot be undone", bold=True)]


def labelled(label: str, words: str) -> list[Element]:
    return [text(label, bold=True), text(f"  {words}")]


def _texts(change: ChangeRecord) -> tuple[str, ...]:
    about = change.now + change.then + change.seen + (change.undo or "") + change.target
    return command_line(change.command), command_line(about)
